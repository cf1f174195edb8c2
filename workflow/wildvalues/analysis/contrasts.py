"""Differences between groups within matched tasks, and between models within matched prompts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from wildvalues.analysis.members import Members, Outcome, comparisons
from wildvalues.analysis.study import Study, column_sums, incidence
from wildvalues.statistics.corrections import benjamini_hochberg, bonferroni
from wildvalues.statistics.matched import general_association, informative, mantel_haenszel
from wildvalues.statistics.odds import odds_ratios
from wildvalues.statistics.regression import adjusted_differences


@dataclass(frozen=True)
class Contrasts:
    """Each group against the others in each outcome, and the tests of all groups at once."""

    pairs: pd.DataFrame
    tests: pd.DataFrame


def contrasts(
    study: Study,
    nearest_ai_value: pd.Series,
    *,
    alpha: float,
    min_count: int,
    min_context: int,
    near_universal: float,
) -> Contrasts:
    """Return all comparisons; see `contrast`."""
    found = [
        contrast(study, members, design, outcome, alpha=alpha, min_count=min_count, near_universal=near_universal)
        for members in comparisons(study, nearest_ai_value, min_count=min_count, min_context=min_context)
        for design in members.strata
        for outcome in members.outcomes
    ]
    tables = [one for one in found if one is not None]
    if not tables:
        return Contrasts(pd.DataFrame(), pd.DataFrame())
    tests = [one.tests for one in tables if not one.tests.empty]
    return Contrasts(
        pd.concat([one.pairs for one in tables], ignore_index=True),
        pd.concat(tests, ignore_index=True) if tests else pd.DataFrame(),
    )


def contrast(
    study: Study,
    members: Members,
    design: str,
    outcome: Outcome,
    *,
    alpha: float,
    min_count: int,
    near_universal: float,
) -> Contrasts | None:
    """Compare each group of members with the others in each node; None where nothing can be compared.

    A node is compared when at least `min_count` conversations (added up over the groups) hold it and at most the share
    `near_universal` of the members: what nearly everybody holds tells groups apart by its rare absence only. The counts
    are of all members; odds ratio, difference and tests are of those in strata that have members of both groups.
    Bonferroni and Benjamini-Hochberg are over all groups and nodes of one comparison, design and level; two groups are
    one test.
    """
    strata = members.strata[design]
    total, n = column_sums(outcome.holds), len(members.group)
    holders = [_holders(study, members, outcome.holds, code) for code in range(len(members.groups))]
    n_with = np.sum([column_sums(one) for one in holders], axis=0)
    kept = np.flatnonzero((n_with >= max(min_count, 1)) & (total < n) & (total <= near_universal * n))
    if not len(kept):
        return None
    holds, nodes = sparse.csr_array(outcome.holds[:, kept]), outcome.nodes.iloc[kept]
    units = study.users.units()[members.conversation]
    parts = []
    for code in members.compared:
        inside = members.group == code
        held_inside = column_sums(sparse.csr_array(holds[np.flatnonzero(inside)]))
        of_group = sparse.csr_array(holders[code][:, kept])
        matched = mantel_haenszel(inside, holds, strata, units, homogeneity=design == "task")
        chosen = np.flatnonzero(informative(inside, strata))
        # Within one prompt the covariates differ by chance of extraction alone: there the prompt says it all.
        given = members.covariates[chosen] if design == "task" else np.zeros((len(chosen), 0))
        adjusted = adjusted_differences(
            inside[chosen], sparse.csr_array(holds[chosen]), strata[chosen], given, units[chosen]
        )
        crude = odds_ratios(held_inside, total[kept], int(inside.sum()), n)
        parts.append(
            pd.DataFrame(
                {
                    "comparison": members.comparison,
                    "design": design,
                    "facet": outcome.facet,
                    "level": outcome.level,
                    "node_id": nodes["node_id"].to_numpy(),
                    "name": nodes["name"].to_numpy(),
                    "group_id": members.groups[code],
                    "n_conversations": column_sums(of_group),
                    "n_users": study.users.count(of_group),
                    "n_with": n_with[kept],
                    "n_group": int(inside.sum()),
                    "n": n,
                    "n_strata": len(np.unique(strata[chosen])),
                    "odds_crude": crude.ratio,
                    "odds_ratio": matched.odds_ratio,
                    "odds_low": matched.low,
                    "odds_high": matched.high,
                    "p": matched.p,
                    "p_homogeneity": matched.p_homogeneity,
                    "difference": adjusted.difference,
                    "difference_low": adjusted.low,
                    "difference_high": adjusted.high,
                    "p_difference": adjusted.p,
                }
            )
        )
    if not parts:
        return None
    pairs = pd.concat(parts, ignore_index=True)
    tested = pairs["p"].notna().to_numpy()
    n_tests = int(tested.sum()) // (2 if len(members.groups) == 2 else 1)
    pairs["p_bonferroni"], pairs["q"] = np.nan, np.nan
    pairs.loc[tested, "p_bonferroni"] = bonferroni(pairs.loc[tested, "p"], n_tests)
    pairs.loc[tested, "q"] = benjamini_hochberg(pairs.loc[tested, "p"])
    pairs["significant"] = (pairs["p_bonferroni"] <= alpha).to_numpy()
    return Contrasts(pairs, _of_all_groups(members, design, outcome, nodes, holds))


def _of_all_groups(
    members: Members, design: str, outcome: Outcome, nodes: pd.DataFrame, holds: sparse.csr_array
) -> pd.DataFrame:
    """Return the test of all groups at once; with two of them it would repeat the pair's."""
    if len(members.groups) < 3:
        return pd.DataFrame()
    found = general_association(members.group, holds, members.strata[design], len(members.groups))
    q = np.full(len(found.p), np.nan)
    tested = ~np.isnan(found.p)
    q[tested] = benjamini_hochberg(found.p[tested])
    return pd.DataFrame(
        {
            "comparison": members.comparison,
            "design": design,
            "facet": outcome.facet,
            "level": outcome.level,
            "node_id": nodes["node_id"].to_numpy(),
            "name": nodes["name"].to_numpy(),
            "n_groups": len(members.groups),
            "chi2": found.chi2,
            "dof": found.dof,
            "p": found.p,
            "q": q,
        }
    )


def _holders(study: Study, members: Members, holds: sparse.csr_array, code: int) -> sparse.csr_array:
    """Return which conversations have a member of the group that holds each node."""
    places = holds.tocoo()
    rows, columns = (np.asarray(part, dtype=np.int64) for part in places.coords)
    mine = members.group[rows] == code
    return incidence(members.conversation[rows[mine]], columns[mine], (len(study.conversation_ids), holds.shape[1]))
