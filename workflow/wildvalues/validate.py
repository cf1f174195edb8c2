"""How far the instrument is to be trusted: its screening and its facets against labels that people gave."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.files import read_table, write_json
from wildvalues.params import Embed, Params
from wildvalues.stage import Stage
from wildvalues.tables import ANNOTATIONS, RESPONSE_TYPES, SCREENING
from wildvalues.validation.categories import by_category
from wildvalues.validation.facets import Encode, Resampling, closed, detected, open_lists, phrases, shares
from wildvalues.validation.gold import Gold, read_gold, spelled

STAGE = Stage(
    name="validate",
    summary="Hold the screening and the annotations against gold labels.",
    reads={
        "screening": "data/interim/screening.parquet",
        "annotations": "data/interim/annotations.parquet",
        "gold": "${validate.gold}",
    },
    writes={"validation": "results/metrics/validation.json"},
    params=("validate", "embed.model"),
)

log = logging.getLogger("wildvalues")

HOW = Resampling(draws=1_000, seed=1)
# Digits kept: vectors differ beyond them between processors.
DECIMALS = 4


def run(params: Params, *, screening: Path, annotations: Path, gold: Path, validation: Path) -> None:
    """Write accuracy, agreement, precision and recall of each facet: numbers only, no text of a conversation.

    Each facet is compared on the conversations that are labelled for it and that the instrument annotated, so the
    annotated ones were all judged subjective by the screening. No such conversation: `n` is 0 and measures are null.
    """
    labels = read_gold(gold)
    judged = read_table(screening, SCREENING.schema)
    annotated = read_table(annotations, ANNOTATIONS.schema)
    found = compare(labels, judged, annotated, encoder(params.embed), params.validation.similarity)
    write_json(found, validation)
    log.info("validate: %d of %d labelled conversations are in the study", found["n"], len(labels))


def encoder(embed: Embed) -> Encode:
    """Return the function that embeds names; the model is loaded when it is first needed."""

    def encode(names: Sequence[str]) -> NDArray[np.float32]:
        from wildvalues.taxonomy import vectors

        return np.asarray(vectors.encode(list(names), embed), dtype=np.float32)

    return encode


def compare(
    labels: dict[str, Gold], judged: pd.DataFrame, annotated: pd.DataFrame, encode: Encode, similarity: float
) -> dict[str, Any]:
    """Return the sections of ``validation.json``, conversations in the order of their ids."""
    subjective = dict(zip(judged["conversation_id"], judged["subjective"].astype(bool), strict=True))
    by_facet = {facet: _by_conversation(part) for facet, part in annotated.groupby("facet")}
    overlap = sorted(labels.keys() & subjective.keys())

    def both(facet: str) -> list[str]:
        return [
            one
            for one in sorted(labels.keys() & by_facet.get(facet, {}).keys())
            if getattr(labels[one], facet) is not None
        ]

    def found(facet: str, conversation: str) -> list[str]:
        return sorted({spelled(label) for label in by_facet[facet][conversation]})

    words = {True: "subjective", False: "factual"}
    screened = [one for one in overlap if labels[one].subjective is not None]
    gold_subjective = [bool(labels[one].subjective) for one in screened]
    found_subjective = [subjective[one] for one in screened]
    sections: dict[str, Any] = {"n": len(overlap), "gold_conversations": len(labels)}
    sections["subjectivity"] = {
        **_choice(
            [words[x] for x in gold_subjective],
            [words[x] for x in found_subjective],
            [words[x] for x in subjective.values()],
            list(words.values()),
        ),
        **detected(gold_subjective, found_subjective, HOW),
    }
    replies = [one for one in both("response_type") if found("response_type", one)]
    given = {
        one: found("response_type", one)[0]
        for one in sorted(by_facet.get("response_type", {}))
        if found("response_type", one)
    }
    sections["response_type"] = _choice(
        [str(labels[one].response_type) for one in replies],
        [given[one] for one in replies],
        list(given.values()),
        [*RESPONSE_TYPES, *sorted(set(given.values()) - set(RESPONSE_TYPES))],
        macro_f1=True,
    )
    # Whether there is any value at all: the denominator of mirroring and of a response type's table.
    present = {True: "some", False: "none"}
    for facet in ("ai_values", "human_values"):
        ids = both(facet)
        gold_names = [labels[one].names(facet) or [] for one in ids]
        found_names = [found(facet, one) for one in ids]
        sections[facet] = {
            **open_lists(gold_names, found_names, encode, similarity, HOW),
            **_choice(
                [present[bool(x)] for x in gold_names],
                [present[bool(x)] for x in found_names],
                [present[bool(x)] for x in by_facet.get(facet, {}).values()],
                list(present.values()),
            ),
        }
        sections[f"{facet}_category"] = by_category(gold_names, found_names, encode, HOW)
    tasks = [one for one in both("task") if found("task", one)]
    sections["task"] = phrases(
        [spelled(str(labels[one].task)) for one in tasks],
        [found("task", one)[0] for one in tasks],
        encode,
        similarity,
        HOW,
    )
    return _rounded(sections)


def _choice(
    gold: list[str], found: list[str], corpus: list[str], labels: list[str], *, macro_f1: bool = False
) -> dict[str, Any]:
    """Return agreement on a closed set of labels, and each label's share of the corpus as found and corrected."""
    return {
        **closed(gold, found, labels, HOW, macro_f1=macro_f1),
        "shares": shares(gold, found, corpus, labels, HOW),
    }


def _by_conversation(part: pd.DataFrame) -> dict[str, list[str]]:
    """Return the labels of each conversation annotated for a facet, an empty list where it found none."""
    labels: dict[str, list[str]] = {}
    for conversation, label in zip(part["conversation_id"], part["label"], strict=True):
        mine = labels.setdefault(conversation, [])
        if isinstance(label, str):
            mine.append(label)
    return labels


def _rounded(sections: dict[str, Any]) -> dict[str, Any]:
    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return _rounded(value)
        return round(value, DECIMALS) + 0.0 if isinstance(value, float) else value

    return {name: rounded(value) for name, value in sections.items()}
