"""Choice facets decided from option probabilities, with the model's leaning taken away.

Small models prefer some options whatever the text (Zhao et al. 2021, arXiv 2102.09690, call it the model's bias and
calibrate it with content-free input). Two corrections are offered; a facet's file says which. Answers without
probabilities (hosted models) are taken as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from wildvalues.annotation import Annotated, Row
from wildvalues.llm.facets import ChoiceFacet, Item

# Fewer conversations than this say too little about a model's leaning to be calibrated on.
MIN_CORPUS = 20
ANCHOR = "anchor:"


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
    """
    first, second = facet.options
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
    """Return the items with each choice facet that asks for it decided against its mean over the corpus.

    Subtracting an option's mean log-probability over the corpus takes the model's leaning away, and with it any true
    prevalence: what is left is which option stands out for this conversation. Applied from `MIN_CORPUS`
    conversations on.
    """
    rows = [row for row in annotated.items if not _wants_corpus(annotated, row.item.facet)]
    for name, facet in annotated.prompts.facets.items():
        if not isinstance(facet, ChoiceFacet) or not _wants_corpus(annotated, name):
            continue
        scores = option_scores(annotated.items, name).reindex(columns=list(facet.options))
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


def _wants_corpus(annotated: Annotated, name: str) -> bool:
    facet = annotated.prompts.facets[name]
    wanted = isinstance(facet, ChoiceFacet) and facet.calibrate == "corpus"
    return wanted and _has_probabilities(annotated.items, name)


def _has_probabilities(items: Sequence[Row], name: str) -> bool:
    return all(row.item.log_probabilities is not None for row in items if row.item.facet == name)
