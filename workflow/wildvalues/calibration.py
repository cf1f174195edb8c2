"""Choice facets decided from option probabilities, with the model's leaning taken away.

Small models prefer some options whatever the text (Zhao et al. 2021, arXiv 2102.09690, call it the model's bias and
calibrate it with content-free input). Two corrections are offered; a facet's file says which. Answers without
probabilities (hosted models) are taken as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from wildvalues.annotation import ANCHOR, Annotated, Row
from wildvalues.instruments.dispatch import MODEL
from wildvalues.llm.facets import ChoiceFacet, Item

# Fewer conversations than this say too little about a model's leaning to be calibrated on.
MIN_CORPUS = 20


def anchor_conversations(facet: ChoiceFacet) -> pd.DataFrame:
    """Return a choice facet's clear cases as rows ``conversation_id``, ``messages``."""
    return pd.DataFrame(
        [
            {
                "conversation_id": f"{ANCHOR}{option}:{number}",
                "messages": [{"role": role, "content": text} for turn in turns for role, text in turn.items()],
            }
            for option, cases in (facet.anchors or {}).items()
            for number, turns in enumerate(cases)
        ],
        columns=["conversation_id", "messages"],
    )


def anchored_probability(items: Sequence[Row], facet: ChoiceFacet, name: str) -> pd.Series:
    """Return the probability of the facet's first option for each conversation that is no anchor.

    The log-odds x of the first option over the second are placed between the anchors' means m0 and m1:
    p = 1 / (1 + exp(-4 (x - (m0 + m1) / 2) / (m1 - m0))), so that 0.5 is halfway and the means are at 0.12 and 0.88.
    Without probabilities p is 1 or 0. When the anchors are not told apart (m1 <= m0) the raw log-odds are used.
    What another instrument than the model decided keeps the probability that instrument gave.
    """
    first, second = facet.options
    asked = [row for row in items if row.decided_by == MODEL]
    settled = {
        row.conversation_id: _own_probability(row.item, first)
        for row in items
        if row.decided_by != MODEL and row.item.facet == name
    }
    found: pd.Series = pd.concat([_asked_probability(asked, first, second, name), pd.Series(settled, dtype=float)])
    return found.sort_index().rename_axis("conversation_id")


def _own_probability(item: Item, first: str) -> float:
    """Return the probability an instrument gives by itself; without one the label is certain."""
    if item.log_probabilities is None:
        return float(item.label == first)
    return round(math.exp(item.log_probabilities[first]), 4)


def _asked_probability(items: Sequence[Row], first: str, second: str, name: str) -> pd.Series:
    scores = option_scores(items, name).reindex(columns=[first, second])
    is_anchor = scores.index.str.startswith(ANCHOR)
    studied = scores[~is_anchor]
    if not _has_probabilities(items, name):
        return (studied[first] > studied[second]).astype(float)
    odds = scores[first] - scores[second]
    anchors = odds[is_anchor]
    high = anchors[anchors.index.str.startswith(f"{ANCHOR}{first}:")].mean()
    low = anchors[anchors.index.str.startswith(f"{ANCHOR}{second}:")].mean()
    slope, middle = (4 / (high - low), (high + low) / 2) if high > low else (1.0, 0.0)
    return odds[~is_anchor].map(lambda value: round(1 / (1 + math.exp(-slope * (value - middle))), 4))


def corpus_calibrated(annotated: Annotated) -> list[Row]:
    """Return the items with each choice facet that asks for it decided against the model's mean over the corpus.

    Subtracting an option's mean log-probability over the corpus takes the model's leaning away, and with it any true
    prevalence: what is left is which option stands out for this conversation. Applied from `MIN_CORPUS`
    conversations on.
    """
    asked = [row for row in annotated.items if row.decided_by == MODEL]
    wanting = {name for name in annotated.prompts.facets if _wants_corpus(annotated, asked, name)}
    rows = [row for row in asked if row.item.facet not in wanting]
    rows += [_with_margin(row) for row in annotated.items if row.decided_by != MODEL]
    for name, facet in annotated.prompts.facets.items():
        if not isinstance(facet, ChoiceFacet) or name not in wanting:
            continue
        scores = option_scores(asked, name).reindex(columns=list(facet.options))
        if len(scores) >= MIN_CORPUS:
            scores = scores - scores.mean()
        values = scores.to_numpy()
        ordered = np.sort(values, axis=1)
        margins = ordered[:, -1] - ordered[:, -2]
        rows += [
            Row(str(key), Item(name, 0, str(scores.columns[best])), round(float(margin), 4))
            for key, best, margin in zip(scores.index, values.argmax(axis=1), margins, strict=True)
        ]
    return rows


def option_scores(items: Sequence[Row], name: str) -> pd.DataFrame:
    """Return the log-probability of each option (columns) of choice facet `name` per conversation (rows).

    An answer without probabilities counts as certain: 0 for the chosen option, -inf elsewhere.
    """
    chosen = [row for row in items if row.item.facet == name]
    scores = pd.DataFrame(
        [row.item.log_probabilities or {str(row.item.label): 0.0} for row in chosen],
        index=pd.Index([row.conversation_id for row in chosen], name="conversation_id", dtype="str"),
    )
    return scores.astype(float).fillna(float("-inf"))


def _with_margin(row: Row) -> Row:
    """Return a row that an instrument decided by itself, with its margin where it gives probabilities."""
    if row.item.log_probabilities is None or len(row.item.log_probabilities) < 2:
        return row
    best, second = sorted(row.item.log_probabilities.values(), reverse=True)[:2]
    return replace(row, score=round(best - second, 4))


def _wants_corpus(annotated: Annotated, asked: Sequence[Row], name: str) -> bool:
    facet = annotated.prompts.facets[name]
    wanted = isinstance(facet, ChoiceFacet) and facet.calibrate == "corpus"
    return wanted and any(row.item.facet == name for row in asked) and _has_probabilities(asked, name)


def _has_probabilities(items: Sequence[Row], name: str) -> bool:
    return all(row.item.log_probabilities is not None for row in items if row.item.facet == name)
