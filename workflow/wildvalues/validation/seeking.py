"""Looking for planted findings in the tables of a study: each kind by the study's own test.

Mentions of a value are compared with what independence gives, by the adjusted residual or Fisher's exact p that
`analyze` computed, with its Bonferroni correction over all pairs of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from wildvalues.statistics.corrections import bonferroni
from wildvalues.statistics.residuals import residual_tests
from wildvalues.statistics.trend import cochran_armitage
from wildvalues.validation.planted import Evidence, Planted, Sought, Tables

# The published study lists its ten most frequent values.
FREQUENT = 10
# Family-wise level of a trend, that of the published study's tests.
LEVEL = 0.05
# Of fewer who state a value, none taken up would be no news.
FEWEST = 5


def look_for(planted: Sequence[Planted], evidence: Evidence) -> list[Sought]:
    """Look for each planted finding in the private tables, at the thresholds of the study."""
    return [_SEEK[one.kind](one, evidence) for one in planted]


def let_out(sought: Sequence[Sought], evidence: Evidence, published: Tables) -> list[Sought]:
    """Tell of each finding whether the published tables hold the row it rests on.

    A cluster may be published under another id, so a row is known again by the value and its counts.
    """
    return [replace(one, published=_published(one.planted, evidence, published)) for one in sought]


def _published(planted: Planted, evidence: Evidence, published: Tables) -> bool:
    if planted.kind == "model":
        rows = published["models"]
        return bool(((rows["model"] == planted.what) & (rows["response_type"] == planted.where)).any())
    if planted.kind == "invariant":
        rows = published["variation"]
        return bool(((rows["facet"] == "ai_values") & (rows["node_id"] == planted.what)).any())
    row = _best(planted, evidence)
    if row is None:
        return False
    keys = ["row_facet", "row_id", "column_facet", "column_level", "observed", "row_total", "column_total"]
    rows = published["associations"]
    return bool((rows[keys] == row[keys]).fillna(False).all(axis=1).any())


_PLACES = {
    "association": ("ai_values", "task"),
    "mirrored": ("ai_values", "human_values"),
    "not_mirrored": ("ai_values", "human_values"),
    "resisted": ("human_values", "response_type"),
    "drift": ("ai_values", "week"),
    "burst": ("ai_values", "week"),
}


def _cells(planted: Planted, tables: Tables) -> pd.DataFrame:
    """Return the pairs of the value itself (no cluster of values) with every context of the kind's facet."""
    row_facet, column_facet = _PLACES[planted.kind]
    pairs = tables["associations"]
    return pairs[
        (pairs["row_facet"] == row_facet)
        & (pairs["row_level"] == 0)
        & (pairs["row_id"] == planted.what)
        & (pairs["column_facet"] == column_facet)
    ]


def _best(planted: Planted, evidence: Evidence) -> pd.Series | None:
    """Return the pair in question; of a context's clusters at several levels, the one of least p."""
    cells = _cells(planted, evidence.tables)
    wanted = evidence.homes.get(planted.where, []) if planted.kind == "association" else [planted.where]
    cells = cells[cells["column_id"].isin(wanted)].sort_values(["p_bonferroni", "column_level"], kind="stable")
    return None if cells.empty else cells.iloc[0]


def _pair(planted: Planted, evidence: Evidence) -> Sought:
    row = _best(planted, evidence)
    if row is None:
        return Sought(planted, False, "the pair does not occur, or is too rare to be tested")
    p, residual = float(row["p_bonferroni"]), float(row["residual"])
    place = str(row["column_name"]).replace("_", " ")
    says = (
        f"{row['observed']} of {row['row_total']} in {place!r} (expected {row['expected']:.1f}), {_test(residual, p)}"
    )
    return Sought(
        planted,
        bool(row["significant"]) and residual > 0,
        says,
        observed=int(row["observed"]),
        total=int(row["row_total"]),
        expected=float(row["expected"]),
        strength=residual,
        p=p,
    )


def _test(residual: float, p: float) -> str:
    return f"residual {residual:.1f}, p {p:.2g}"


def _taken_up(planted: Planted, evidence: Evidence) -> Sought:
    """Look at those who state the value, not at those who are shown it."""
    pair, row = _pair(planted, evidence), _best(planted, evidence)
    if row is None or pair.strength is None or pair.p is None:
        return pair
    total = int(row["column_total"])
    says = f"taken up in {pair.observed} of {total} (expected {pair.expected:.1f}), {_test(pair.strength, pair.p)}"
    return replace(pair, total=total, says=says)


def _not_mirrored(planted: Planted, evidence: Evidence) -> Sought:
    """Look for absence, which counts only where presence could have shown: enough users must state the value."""
    pairs = evidence.tables["associations"]
    stated = pairs[
        (pairs["column_facet"] == "human_values")
        & (pairs["column_level"] == 0)
        & (pairs["column_id"] == planted.where)
        & (pairs["row_facet"] == "ai_values")
    ]
    total = 0 if stated.empty else int(stated["column_total"].iloc[0])
    if total < FEWEST:
        return Sought(planted, False, "users state it too rarely to tell", total=total)
    found = _taken_up(planted, evidence)
    if found.observed is None:
        return Sought(planted, True, f"stated in {total}, taken up too rarely to be tested", total=total)
    return replace(found, found=not found.found and 2 * found.observed < total)


def _model(planted: Planted, evidence: Evidence) -> Sought:
    """Test every cell of the table of models by response types, as the study tests values by contexts."""
    models = evidence.tables["models"]
    counts = models.pivot_table(
        index="response_type", columns="model", values="n_conversations", aggfunc="sum", fill_value=0
    )
    counts = counts[counts.sum(axis=1) > 0]
    types, names = list(counts.index), list(counts.columns)
    if planted.what not in names or planted.where not in types or len(names) < 2:
        return Sought(planted, False, "no such model or response type, or nothing to compare it with")
    observed = counts.to_numpy(dtype=int)
    bases = models.groupby("model")["n_base"].max().reindex(names).to_numpy(dtype=int)
    tested = residual_tests(observed, observed.sum(axis=1)[:, None], bases[None, :], int(bases.sum()))
    at = types.index(planted.where), names.index(planted.what)
    p, residual = float(bonferroni(tested.p, observed.size)[at]), float(tested.residual[at])
    shares = ", ".join(
        f"{name} {part / base:.0%}" for name, part, base in zip(names, observed[at[0]], bases, strict=True)
    )
    return Sought(
        planted,
        p <= evidence.alpha and residual > 0,
        f"{shares}; {_test(residual, p)}",
        observed=int(observed[at]),
        total=int(bases[at[1]]),
        expected=float(tested.expected[at]),
        strength=residual,
        p=p,
    )


def _drift(planted: Planted, evidence: Evidence) -> Sought:
    pair = _pair(planted, evidence)
    weeks = _cells(planted, evidence.tables).sort_values("column_id")
    rates = ", ".join(f"{o}/{n}" for o, n in zip(weeks["observed"], weeks["column_total"], strict=True))
    rising = weeks["residual"].is_monotonic_increasing and len(weeks) > 2
    last = len(weeks) > 0 and weeks["column_id"].iloc[-1] == planted.where
    if pair.strength is None:
        return pair
    z, p = cochran_armitage(weeks["observed"], weeks["column_total"])
    # One trend for each value that was tested over the weeks.
    p = min(1.0, p * _values_over(planted, evidence.tables))
    found = rising and last and z > 0 and p <= LEVEL
    return replace(pair, found=found, p=p, says=f"week by week {rates}; trend z {z:.1f}, p {p:.2g}")


def _values_over(planted: Planted, tables: Tables) -> int:
    row_facet, column_facet = _PLACES[planted.kind]
    pairs = tables["associations"]
    values = pairs[
        (pairs["row_facet"] == row_facet) & (pairs["row_level"] == 0) & (pairs["column_facet"] == column_facet)
    ]
    return int(values["row_id"].nunique())


def _burst(planted: Planted, evidence: Evidence) -> Sought:
    pair = _pair(planted, evidence)
    if pair.observed is None or pair.total is None:
        return pair
    return replace(pair, found=pair.found and 2 * pair.observed > pair.total)


def _invariant(planted: Planted, evidence: Evidence) -> Sought:
    rows = evidence.tables["variation"]
    rows = rows[(rows["facet"] == "ai_values") & (rows["level"] == 0)]
    rows = rows[(rows["context_level"] == rows["context_level"].min()) & rows["cv"].notna()]
    if not (rows["node_id"] == planted.what).any():
        return Sought(planted, False, "the value is too rare to be tested")
    # Ties at the tenth place are all taken in, so that the alphabet decides nothing.
    least = int(rows["n_conversations"].nlargest(FREQUENT).min())
    frequent = rows[rows["n_conversations"] >= least].sort_values(by=["cv", "node_id"])
    mine: Any = rows[rows["node_id"] == planted.what].iloc[0]
    others = frequent[frequent["node_id"] != planted.what]
    cv, total = float(mine["cv"]), int(mine["n_conversations"])
    says = f"cv {cv:.2f} over {mine['n_contexts']} contexts (chance alone {mine['cv_expected']:.2f})"
    if len(others):
        says += f"; next {others['node_id'].iloc[0]} {others['cv'].iloc[0]:.2f}"
    return Sought(planted, total >= least and bool((others["cv"] > cv).all()), says, total=total, strength=cv)


_SEEK: Mapping[str, Callable[[Planted, Evidence], Sought]] = {
    "association": _pair,
    "mirrored": _taken_up,
    "not_mirrored": _not_mirrored,
    "resisted": _pair,
    "model": _model,
    "drift": _drift,
    "burst": _burst,
    "invariant": _invariant,
}
