"""Who is compared with whom: conversations of models, stated and demonstrated mentions, mentions of either side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from wildvalues.analysis.responses import task_strata
from wildvalues.analysis.study import Labels, Study, climbs, column_sums, incidence

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What members are compared in: the nodes of a facet at one level.

    Parameters
    ----------
    holds
        Zero-one, members x nodes.
    """

    facet: str
    level: int
    nodes: pd.DataFrame
    holds: sparse.csr_array


@dataclass(frozen=True)
class Members:
    """The members of one comparison, with all that they are compared in.

    Parameters
    ----------
    conversation, group
        The conversation and the group of each member; groups are numbered in the order of `groups`.
    compared
        Groups large enough to be set against all others.
    strata
        For each design the stratum of each member.
    covariates
        Members x covariates of the regression.
    """

    comparison: str
    groups: tuple[str, ...]
    compared: tuple[int, ...]
    conversation: Codes
    group: Codes
    strata: dict[str, Codes]
    covariates: Floats
    outcomes: tuple[Outcome, ...]


def comparisons(study: Study, nearest_ai_value: pd.Series, *, min_count: int, min_context: int) -> list[Members]:
    """Return the comparisons that the study has members for."""
    found = [
        *(_models(study, study.levels(facet), min_count, min_context) for facet in ("ai_values", "response_type")),
        _stated(study, min_count, min_context),
        _sides(study, nearest_ai_value, min_count, min_context),
    ]
    return [one for one in found if one is not None and len(np.unique(one.group)) > 1]


def _models(study: Study, levels: tuple[Labels, ...], min_count: int, min_context: int) -> Members | None:
    """Conversations whose model is known, within tasks and, where models share enough of them, within prompts."""
    model = study.flat["model"]
    if not levels:
        return None
    conversation = np.flatnonzero(levels[0].known & model.known)
    group = model.holds[conversation].indices.astype(np.int64)
    sizes = np.bincount(group, minlength=model.holds.shape[1])
    strata = {"task": task_strata(study, conversation, min_context)}
    if len(study.prompts):
        prompt = study.prompts[conversation]
        pairs = np.unique(np.stack([prompt, group]), axis=1)
        if int((np.bincount(pairs[0]) > 1).sum()) >= min_context:
            strata["prompt"] = prompt
    return Members(
        "model",
        tuple(str(name) for name in model.nodes["node_id"]),
        tuple(int(code) for code in np.flatnonzero(sizes >= max(min_count, 1))),
        conversation,
        group,
        strata,
        covariates(study, conversation, ("language", "week", "human_values"), min_context),
        tuple(Outcome(one.facet, one.level, one.nodes, sparse.csr_array(one.holds[conversation])) for one in levels),
    )


def _stated(study: Study, min_count: int, min_context: int) -> Members | None:
    """Mentions of AI values, stated outright or only demonstrated."""
    mentions = study.mentions
    mine = mentions[(mentions["facet"] == "ai_values") & mentions["explicit"].notna()]
    stated = mine["explicit"].astype(bool).to_numpy()
    if not study.trees["ai_values"] or min(stated.sum(), (~stated).sum()) < max(min_count, 1):
        return None
    conversation = mine["conversation"].to_numpy(dtype=np.int64)
    response = study.flat["response_type"]
    return Members(
        "stated",
        ("stated", "demonstrated"),
        (0, 1),
        conversation,
        (~stated).astype(np.int64),
        {"task": task_strata(study, conversation, min_context)},
        covariates(study, conversation, ("language", "week", "model"), min_context),
        (
            *_nodes_of(study, lambda _: mine["value"]),
            Outcome("response_type", 0, response.nodes, sparse.csr_array(response.holds[conversation])),
        ),
    )


def _sides(study: Study, nearest: pd.Series, min_count: int, min_context: int) -> Members | None:
    """Mentions of AI values and of human values.

    A human value counts under the AI value of the same name; in clusters under that of the nearest AI value.
    """
    mentions = study.mentions[study.mentions["facet"].isin(["ai_values", "human_values"])]
    human = (mentions["facet"] == "human_values").to_numpy()
    if not study.trees["ai_values"] or min(human.sum(), (~human).sum()) < max(min_count, 1):
        return None
    conversation = mentions["conversation"].to_numpy(dtype=np.int64)
    as_ai_value = mentions["value"].where(~human, mentions["value"].map(nearest))
    return Members(
        "side",
        ("ai", "human"),
        (0, 1),
        conversation,
        human.astype(np.int64),
        {"task": task_strata(study, conversation, min_context)},
        covariates(study, conversation, ("language", "week", "model"), min_context),
        _nodes_of(study, lambda level: mentions["value"] if level == 0 else as_ai_value),
    )


def _nodes_of(study: Study, values: Callable[[int], pd.Series]) -> tuple[Outcome, ...]:
    levels = study.trees["ai_values"]
    leaves = pd.Index(levels[0].nodes["node_id"])
    climb = dict(climbs(study.taxonomy[study.taxonomy["facet"] == "ai_values"]))
    found = []
    for labels in levels:
        given = values(labels.level)
        column = leaves.get_indexer(given)
        held = np.flatnonzero(column >= 0)
        leaf = incidence(held, column[held], (len(given), len(leaves)))
        found.append(Outcome("ai_values", labels.level, labels.nodes, sparse.csr_array(leaf @ climb[labels.level])))
    return tuple(found)


def covariates(study: Study, conversation: Codes, facets: tuple[str, ...], min_context: int) -> Floats:
    """Return zero-one columns for the labels of the coarsest level with at least `min_context` of the conversations."""
    columns = [np.zeros((len(conversation), 0))]
    for facet in facets:
        levels = study.levels(facet)
        if levels:
            holds = sparse.csr_array(levels[-1].holds[conversation])
            total = column_sums(holds)
            kept = np.flatnonzero((total >= max(min_context, 1)) & (total < len(conversation)))
            columns.append(np.asarray(holds[:, kept].todense(), dtype=float))
    return np.concatenate(columns, axis=1)
