"""Labelled pairs of names: how well the merging rules agree with a person, and the thresholds that follow from them.

Half of the pairs choose the thresholds, the other half measures them. A pair belongs to the measuring half when the
first hex digit of the sha256 of its two names, sorted and joined by a line feed, is odd.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wildvalues.errors import InputError
from wildvalues.files import sha256_text
from wildvalues.params import Canonicalize
from wildvalues.taxonomy.guards import differing, same_root, told_apart
from wildvalues.taxonomy.spelling import group_spellings, normalise
from wildvalues.taxonomy.synonyms import Encode

_COLUMNS = ["first", "second", "same", "kind"]
# Precision that the choosing half must show; among thresholds that do, those that find most are taken. Higher than what
# a study needs, because a vocabulary holds many more near misses than a list of labelled pairs.
WANTED_PRECISION = 0.98
_GRID = np.round(np.arange(0.40, 0.96, 0.01), 2)
_DIFFERENCES = np.round(np.arange(0.40, 0.81, 0.05), 2)


@dataclass(frozen=True)
class Score:
    """Merges made, those that are right, and those a person would have made."""

    merged: int
    right: int
    same: int

    @property
    def precision(self) -> float:
        """Share of merges that are right; 1 where none is made."""
        return self.right / self.merged if self.merged else 1.0

    @property
    def recall(self) -> float:
        """Share of the pairs that are one value which are merged."""
        return self.right / self.same if self.same else 1.0


def read_pairs(path: Path) -> pd.DataFrame:
    """Return the labelled pairs, with `same` as a boolean and whether each is `held_out`.

    Raises
    ------
    InputError
        When the file is missing or a row is not a labelled pair.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no table of labelled pairs ({error})") from None
    if list(frame.columns) != _COLUMNS:
        raise InputError(f"{path}: expected the columns {', '.join(_COLUMNS)}, found {', '.join(frame.columns)}")
    wrong = frame.index[~frame["same"].isin(["yes", "no"])]
    if len(wrong):
        raise InputError(f"{path}: line {wrong[0] + 2}: same must be yes or no, found {frame['same'][wrong[0]]!r}")
    return frame.assign(
        same=frame["same"] == "yes",
        held_out=[
            int(sha256_text("\n".join(sorted(pair)))[0], 16) % 2 == 1
            for pair in zip(frame["first"], frame["second"], strict=True)
        ],
    )


def described(pairs: pd.DataFrame, encode: Encode) -> pd.DataFrame:
    """Return the pairs with what the rules look at: spelling, guard, root, cosine, cosine of the differing words."""
    left, right = ([normalise(name) for name in pairs[side]] for side in ("first", "second"))
    parts = [differing(one, other) for one, other in zip(left, right, strict=True)]
    strings = sorted({*left, *right, *(word for words in parts if words for word in words)})
    row = {string: i for i, string in enumerate(strings)}
    vectors = np.asarray(encode(strings), dtype=np.float64)

    def cosine(one: str, other: str) -> float:
        return round(float(vectors[row[one]] @ vectors[row[other]]), 5)

    both = list(zip(left, right, strict=True))
    return pairs.assign(
        spelling=[len(group_spellings(pair, spelling=True, word_order=True)) == 1 for pair in both],
        apart=pd.Series([told_apart(*sorted(pair)) for pair in both], index=pairs.index, dtype=object),
        root=[same_root(*sorted(pair)) for pair in both],
        similarity=[cosine(*pair) for pair in both],
        difference=[cosine(*words) if words else 1.0 for words in parts],
    )


def would_merge(described_pairs: pd.DataFrame, params: Canonicalize) -> np.ndarray:
    """Return which described pairs the rules merge: the same decisions as `synonyms.close_pairs`, pair by pair."""
    free = described_pairs["apart"].isna().to_numpy()
    similarity = described_pairs["similarity"].to_numpy()
    close = np.zeros(len(described_pairs), dtype=bool)
    if params.merge_same_root is not None:
        close |= described_pairs["root"].to_numpy(dtype=bool) & (similarity >= params.merge_same_root)
    if params.merge_similarity is not None:
        differ = described_pairs["difference"].to_numpy() >= params.merge_difference
        close |= differ & (similarity >= params.merge_similarity)
    spelled = described_pairs["spelling"].to_numpy(dtype=bool) & params.merge_spelling
    return np.asarray(spelled | (free & close))


def score(described_pairs: pd.DataFrame, merged: np.ndarray) -> Score:
    """Compare decisions with the labels."""
    same = described_pairs["same"].to_numpy(dtype=bool)
    return Score(int(merged.sum()), int((merged & same).sum()), int(same.sum()))


def choose(described_pairs: pd.DataFrame, wanted: float = WANTED_PRECISION) -> Canonicalize:
    """Return the thresholds that find most of the same pairs with at least the `wanted` precision.

    The threshold for names of one root is chosen on those pairs alone, the two others together on the rest; of equal
    ones the strictest. Where none reaches the wanted precision the rule stays off.
    """
    root = described_pairs["root"].to_numpy(dtype=bool)
    of_root, others = described_pairs[root], described_pairs[~root]
    first = _best(of_root, [{"merge_same_root": float(least)} for least in _GRID], wanted)
    grid: Sequence[dict[str, Any]] = [
        {"merge_similarity": float(least), "merge_difference": float(words)}
        for least, words in itertools.product(_GRID, _DIFFERENCES)
    ]
    return Canonicalize(**first, **_best(others, grid, wanted))


def _best(described_pairs: pd.DataFrame, grid: Sequence[dict[str, Any]], wanted: float) -> dict[str, Any]:
    unspelled = described_pairs[~described_pairs["spelling"].to_numpy(dtype=bool)]
    found: list[tuple[int, tuple[float, ...], dict[str, Any]]] = []
    for knobs in grid:
        scored = score(unspelled, would_merge(unspelled, Canonicalize(**knobs)))
        if scored.merged and scored.precision >= wanted:
            found.append((scored.right, tuple(knobs.values()), knobs))
    return max(found, key=lambda one: one[:2])[2] if found else {}
