"""How the assistant answers what users value: response types, of each model, and mirroring."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import norm

from wildvalues.analysis.study import Study, climbs, column_sums, incidence
from wildvalues.statistics.intervals import wilson
from wildvalues.statistics.mirroring import matches, shuffled_matches


def _shares(study: Study, holds: sparse.csr_array, base: NDArray[np.int64] | int) -> pd.DataFrame:
    count = column_sums(holds)
    low, high = wilson(count, base)
    bases = np.broadcast_to(np.asarray(base, dtype=np.int64), count.shape)
    with np.errstate(invalid="ignore"):
        share = np.where(bases > 0, count / np.maximum(bases, 1), np.nan)
    return pd.DataFrame(
        {
            "n_conversations": count,
            "n_users": study.users.count(holds),
            "n_base": bases,
            "share": share,
            "share_low": low,
            "share_high": high,
        }
    )


def _only(holds: sparse.csr_array, chosen: NDArray[np.bool_]) -> sparse.csr_array:
    kept: sparse.csr_array = sparse.csr_array(holds.multiply(chosen[:, None]))
    kept.eliminate_zeros()
    return kept


def response_types(study: Study) -> pd.DataFrame:
    """Return the distribution over all subjective conversations and over those with a human value.

    A conversation has a human value when one was extracted, also when canonicalize dropped it as rare.
    """
    response = study.flat["response_type"]
    parts = []
    for denominator, chosen in (
        ("subjective", response.known),
        ("with_human_value", response.known & study.with_human_value),
    ):
        if chosen.any():
            frame = _shares(study, _only(response.holds, chosen), int(chosen.sum()))
            parts.append(frame.assign(denominator=denominator, response_type=response.nodes["node_id"]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def models(study: Study) -> pd.DataFrame:
    """Return the response types of each model, over its conversations that are annotated for them."""
    response, model = study.flat["response_type"], study.flat["model"]
    parts = []
    for index, name in enumerate(model.nodes["node_id"]):
        chosen = response.known & (np.asarray(model.holds[:, [index]].todense()).ravel() > 0)
        if chosen.any():
            frame = _shares(study, _only(response.holds, chosen), int(chosen.sum()))
            parts.append(frame.assign(model=name, response_type=response.nodes["node_id"]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def mirroring(study: Study, nearest_ai_value: pd.Series, *, min_context: int) -> pd.DataFrame:
    """Return how often a conversation's human value is also among its AI values, by response type and for all.

    Matched by canonical value, and at each level of the AI values' tree: there a human value takes the place of
    `nearest_ai_value`, the AI value of the same name or else the closest one. `expected` is exact, from shuffling
    human sides within task clusters: those of the finest level at which half of the conversations have at least
    `min_context` to be shuffled with, else of the coarsest. `p` is two-sided, from the exact variance of those shuffles
    and the normal distribution.
    """
    ai_levels, human_levels = study.trees["ai_values"], study.trees["human_values"]
    if not ai_levels or not human_levels:
        return pd.DataFrame()
    base = study.with_human_value & ai_levels[0].known
    if not base.any():
        return pd.DataFrame()
    chosen = np.flatnonzero(base)
    strata = task_strata(study, chosen, min_context)
    response = study.flat["response_type"]
    nodes = ["all", *response.nodes["node_id"]]
    groups = sparse.csr_array(
        sparse.hstack([sparse.csr_array(base.astype(np.int64)[:, None]), _only(response.holds, base)])
    )
    group_base = column_sums(groups)
    parts = []
    for matched, ai_side, human_side in _sides(study, nearest_ai_value):
        ai, human = sparse.csr_array(ai_side[chosen]), sparse.csr_array(human_side[chosen])
        mirrored = np.zeros(len(base), dtype=bool)
        mirrored[chosen] = matches(ai, human)
        chance = np.zeros(len(base))
        in_groups = np.asarray(groups[chosen].todense()) > 0
        chance[chosen], variance = shuffled_matches(ai, human, in_groups, strata)
        frame = _shares(study, _only(groups, mirrored), group_base)
        by_chance = np.asarray(groups.T @ chance)
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = np.where(group_base > 0, by_chance / group_base, np.nan)
            excess = np.abs(frame["n_conversations"].to_numpy() - by_chance) / np.sqrt(variance)
        frame = frame.assign(matched=matched, response_type=nodes, expected=expected, p=2 * norm.sf(excess))
        parts.append(frame[group_base > 0])
    return pd.concat(parts, ignore_index=True)


def _sides(study: Study, nearest: pd.Series) -> list[tuple[str, sparse.csr_array, sparse.csr_array]]:
    ai, human = study.trees["ai_values"], study.trees["human_values"]
    names = pd.Index(sorted({*ai[0].nodes["node_id"], *human[0].nodes["node_id"]}))

    def by_name(nodes: pd.DataFrame) -> sparse.csr_array:
        return incidence(np.arange(len(nodes)), names.get_indexer(nodes["node_id"]), (len(nodes), len(names)))

    sides = [("value", ai[0].holds @ by_name(ai[0].nodes), human[0].holds @ by_name(human[0].nodes))]
    place = pd.Index(ai[0].nodes["node_id"]).get_indexer(nearest.reindex(human[0].nodes["node_id"]))
    found = np.flatnonzero(place >= 0)
    as_ai_leaf = incidence(found, place[found], (len(place), len(ai[0].nodes)))
    climb = dict(climbs(study.taxonomy[study.taxonomy["facet"] == "ai_values"]))
    above = [(f"level_{one.level}", one.holds, human[0].holds @ as_ai_leaf @ climb[one.level]) for one in ai[1:]]
    return [*sides, *above]


def task_strata(study: Study, chosen: NDArray[np.int64], min_context: int) -> NDArray[np.int64]:
    """Return the task cluster of each chosen conversation, as a number; those without share one stratum."""
    strata = np.zeros(len(chosen), dtype=np.int64)
    for labels in study.levels("task", lowest=1):
        held = sparse.csr_array(labels.holds[chosen])
        # The first cluster, should a conversation have several tasks; 0 for none.
        strata = np.zeros(len(chosen), dtype=np.int64)
        some = np.flatnonzero(np.diff(held.indptr))
        strata[some] = held.indices[held.indptr[some]] + 1
        sizes = np.bincount(strata)[strata]
        if 2 * int((sizes >= min_context).sum()) >= len(chosen):
            break
    return strata
