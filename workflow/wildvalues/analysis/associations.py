"""Which values go with which contexts: every pair of a value and a context as a 2x2 table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.arrays import IntegerArray
from scipy import sparse

from wildvalues.analysis.study import Labels, Study, column_sums
from wildvalues.statistics.chisquare import Side, cell_counts, table_test
from wildvalues.statistics.corrections import benjamini_hochberg, bonferroni, bonferroni_threshold
from wildvalues.statistics.odds import odds_ratios
from wildvalues.statistics.residuals import SMALL_COUNT, residual_tests

# (row facet, its lowest level, column facet, its lowest level). Task phrases are nearly all distinct, so
# tasks enter as clusters only.
FAMILIES = (
    ("ai_values", 0, "task", 1),
    ("ai_values", 0, "human_values", 0),
    ("ai_values", 0, "response_type", 0),
    ("ai_values", 0, "model", 0),
    ("ai_values", 0, "language", 0),
    ("ai_values", 0, "week", 0),
    ("human_values", 0, "response_type", 0),
    ("task", 1, "response_type", 0),
)


@dataclass(frozen=True)
class Associations:
    """The pairs of one table of values by contexts, and the test of the whole."""

    pairs: pd.DataFrame
    test: pd.DataFrame


def associations(study: Study, *, alpha: float, min_count: int) -> Associations:
    """Return all families of tables; see `associate`."""
    bases = Bases(min_count)
    found = [
        associate(study, rows, columns, alpha=alpha, bases=bases)
        for row_facet, lowest_row, column_facet, lowest_column in FAMILIES
        for rows in study.levels(row_facet, lowest=lowest_row)
        for columns in study.levels(column_facet, lowest=lowest_column)
    ]
    tables = [one for one in found if one is not None]
    if not tables:
        return Associations(pd.DataFrame(), pd.DataFrame())
    return Associations(
        pd.concat([one.pairs for one in tables], ignore_index=True),
        pd.concat([one.test for one in tables], ignore_index=True),
    )


@dataclass(frozen=True)
class Tested:
    """The labels of one kind that are tested, over the conversations of one base; `kept` are their places."""

    kept: NDArray[np.int64]
    side: Side


class Bases:
    """The tested labels of every kind over every base, each worked out once: most tables share them."""

    def __init__(self, min_count: int) -> None:
        self._min_count = max(min_count, 1)
        self._known: dict[tuple[str, int, bytes], Tested] = {}

    def tested(self, labels: Labels, base: NDArray[np.int64]) -> Tested:
        """Return the labels with at least the minimum of conversations in the base, and not all of them."""
        key = (labels.facet, labels.level, base.tobytes())
        if key not in self._known:
            holds = sparse.csr_array(labels.holds[base])
            total = column_sums(holds)
            kept = np.flatnonzero((total >= self._min_count) & (total < len(base)))
            self._known[key] = Tested(kept, Side(sparse.csr_array(holds[:, kept])))
        return self._known[key]


def associate(study: Study, rows: Labels, columns: Labels, *, alpha: float, bases: Bases) -> Associations | None:
    """Test every value (row) against every context (column); None where nothing can be tested.

    The base is the conversations annotated on both sides. A value or context is tested when it has at least the
    minimum of them (and not all). Each pair is one test of the table: Bonferroni and Benjamini-Hochberg are
    over all of them, also those not listed. A pair that never occurs is listed only where at least
    `SMALL_COUNT` were expected: elsewhere absence says nothing.
    """
    base = np.flatnonzero(rows.known & columns.known)
    n = len(base)
    row, column = bases.tested(rows, base), bases.tested(columns, base)
    row_kept, column_kept = row.kept, column.kept
    if not len(row_kept) or not len(column_kept):
        return None
    row_total = row.side.totals.astype(np.int64)[:, None]
    column_total = column.side.totals.astype(np.int64)[None, :]
    observed = cell_counts(row.side, column.side)
    tested = residual_tests(observed, row_total, column_total, n)
    q = benjamini_hochberg(tested.p)
    p_bonferroni = bonferroni(tested.p, observed.size)
    listed = np.nonzero((observed > 0) | (tested.expected >= SMALL_COUNT))
    row_at, column_at = listed
    odds = odds_ratios(observed[listed], row_total[row_at, 0], column_total[0, column_at], n)
    pairs = pd.DataFrame(
        {
            "row_facet": rows.facet,
            "row_level": rows.level,
            "row_id": rows.nodes["node_id"].to_numpy()[row_kept[row_at]],
            "row_name": rows.nodes["name"].to_numpy()[row_kept[row_at]],
            "column_facet": columns.facet,
            "column_level": columns.level,
            "column_id": columns.nodes["node_id"].to_numpy()[column_kept[column_at]],
            "column_name": columns.nodes["name"].to_numpy()[column_kept[column_at]],
            "observed": observed[listed],
            "n_users": _users(study, row.side.holds, column.side.holds, base, listed),
            "expected": tested.expected[listed],
            "row_total": row_total[row_at, 0],
            "column_total": column_total[0, column_at],
            "n": n,
            "residual": tested.residual[listed],
            "p": tested.p[listed],
            "p_bonferroni": p_bonferroni[listed],
            "q": q[listed],
            "odds_ratio": odds.ratio,
            "odds_low": odds.low,
            "odds_high": odds.high,
            "significant": p_bonferroni[listed] <= alpha,
        }
    )
    whole = table_test(row.side, column.side, observed)
    test = pd.DataFrame(
        {
            "row_facet": [rows.facet],
            "row_level": rows.level,
            "column_facet": columns.facet,
            "column_level": columns.level,
            "n": n,
            "n_rows": len(row_kept),
            "n_columns": len(column_kept),
            "n_tests": observed.size,
            "chi2": whole.chi2,
            "dof": whole.dof,
            "p": whole.p,
            "cramers_v": whole.cramers_v,
            "cramers_v_corrected": whole.cramers_v_corrected,
            "threshold": bonferroni_threshold(alpha, observed.size),
            "n_significant": int((p_bonferroni <= alpha).sum()),
        }
    )
    return Associations(pairs, test)


def _users(
    study: Study,
    rows: sparse.csr_array,
    columns: sparse.csr_array,
    base: NDArray[np.int64],
    listed: tuple[NDArray[np.int64], ...],
) -> IntegerArray:
    """Return the distinct users behind each listed pair: all (conversation, value, context) triples, by user."""
    shape = (rows.shape[1], columns.shape[1])
    if not study.users.known:
        return study.users.count_pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), len(listed[0]))
    places = rows.tocoo()
    conversation, value = places.coords
    repeats = np.diff(columns.indptr)[conversation]
    first = np.repeat(columns.indptr[conversation] - np.concatenate([[0], np.cumsum(repeats)[:-1]]), repeats)
    context = columns.indices[first + np.arange(int(repeats.sum()))].astype(np.int64)
    pair = np.repeat(value.astype(np.int64), repeats) * shape[1] + context
    codes = np.full(shape[0] * shape[1], -1, dtype=np.int64)
    wanted = np.ravel_multi_index(listed, shape)
    codes[wanted] = np.arange(len(wanted))
    return study.users.count_pairs(base[np.repeat(conversation, repeats)], codes[pair], len(wanted))
