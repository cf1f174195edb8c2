"""One section of the validation for each facet: closed labels by confusion, open ones by names and by nearness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wildvalues.statistics import agreement
from wildvalues.statistics.misclassification import corrected_shares

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
Measure = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Section = dict[str, float | int | None]
Shares = dict[str, dict[str, float | int | None]]
# Partners that each conversation is compared with for the chance level.
PARTNERS = 5


@dataclass(frozen=True)
class Resampling:
    """Number of bootstrap resamples and their seed."""

    draws: int
    seed: int


def measures(
    each: NDArray[np.int64] | NDArray[np.float64],
    named: Mapping[str, Measure],
    how: Resampling,
) -> Section:
    """Return each named measure with its interval, flat: ``f1``, ``f1_low``, ``f1_high``."""
    section: Section = {}
    for name, measure in named.items():
        found = agreement.estimate(measure, each, draws=how.draws, seed=how.seed)
        section |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return section


def closed(
    gold: Sequence[str], found: Sequence[str], labels: Sequence[str], how: Resampling, *, macro_f1: bool = False
) -> Section:
    """Compare one label a conversation: accuracy, kappa, optionally macro F1, and the confusion counts.

    The counts are ``n_gold_<label>_found_<label>``; pairs of labels that do not occur are left out.
    """
    code = {label: index for index, label in enumerate(labels)}
    each = agreement.confusion([code[label] for label in gold], [code[label] for label in found], len(labels))
    named: dict[str, Measure] = {"accuracy": agreement.accuracy, "kappa": agreement.cohen_kappa}
    if macro_f1:
        named["macro_f1"] = agreement.macro_f1
    total = each.sum(axis=0)
    counts: Section = {
        f"n_gold_{labels[row]}_found_{labels[column]}": int(total[row, column])
        for row, column in zip(*np.nonzero(total), strict=True)
    }
    return {"n": len(gold), **measures(each, named, how), **counts}


def shares(
    gold: Sequence[str], found: Sequence[str], corpus: Sequence[str], labels: Sequence[str], how: Resampling
) -> Shares:
    """Return each label's share of the whole corpus: as found, and corrected for the errors seen on gold labels.

    Parameters
    ----------
    corpus
        What was found of every conversation, labelled or not.

    See Also
    --------
    wildvalues.statistics.misclassification.corrected_shares : where the errors leave the shares open, they are None.
    """
    code = {label: index for index, label in enumerate(labels)}
    confusion = agreement.confusion([code[one] for one in gold], [code[one] for one in found], len(labels)).sum(axis=0)
    totals = np.bincount([code[one] for one in corpus], minlength=len(labels))
    corrected = corrected_shares(confusion, totals, draws=how.draws, seed=how.seed)
    return {
        label: {
            "n_found": int(totals[at]),
            "found": float(totals[at] / totals.sum()) if totals.sum() else None,
            "corrected": _or_none(corrected.shares[at]),
            "corrected_low": _or_none(corrected.low[at]),
            "corrected_high": _or_none(corrected.high[at]),
        }
        for at, label in enumerate(labels)
    }


def detected(gold: Sequence[bool], found: Sequence[bool], how: Resampling) -> Section:
    """Return precision and recall of a yes-or-no label: 'yes' found among 'yes' in gold, and the reverse."""
    yes_gold, yes_found = np.asarray(gold, dtype=np.int64), np.asarray(found, dtype=np.int64)
    both = yes_gold * yes_found
    each = np.stack([both, yes_found, both, yes_gold], axis=1).reshape(len(yes_gold), 4)
    return measures(each, {"precision": agreement.precision, "recall": agreement.recall, "f1": agreement.f1}, how)


def open_lists(
    gold: Sequence[Sequence[str]], found: Sequence[Sequence[str]], encode: Encode, similarity: float, how: Resampling
) -> Section:
    """Compare lists of names: precision, recall and F1 by nearest name and by exact string, and by chance.

    A name counts as matched when the other side has one at a cosine of at least `similarity`. The chance level
    pairs each conversation's found names with the gold names of `PARTNERS` others, so it tells how much of
    the agreement any two conversations would have. Counts: ``n_gold`` and ``n_found`` names.
    """
    names = sorted({name for side in (gold, found) for one in side for name in one})
    at = {name: index for index, name in enumerate(names)}
    vectors = encode(names) if names else np.zeros((0, 1), dtype=np.float32)
    gold_at, found_at = (
        [np.array([at[name] for name in one], dtype=np.int64) for one in side] for side in (gold, found)
    )

    def exact(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.equal(a[:, None], b[None, :])

    def near(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
        # Rounded: equal names must count as equal on every processor, also at a similarity of 1.
        return np.asarray(np.round(vectors[a] @ vectors[b].T, 5) >= similarity) | exact(a, b)

    def hits(
        same: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]], partner: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        rows = []
        for index, other in enumerate(partner):
            meets = same(found_at[index], gold_at[other])
            rows.append((int(meets.any(axis=1).sum()), meets.shape[0], int(meets.any(axis=0).sum()), meets.shape[1]))
        return np.array(rows, dtype=np.int64).reshape(len(partner), 4)

    self_paired = np.arange(len(gold))
    named: dict[str, Measure] = {"precision": agreement.precision, "recall": agreement.recall, "f1": agreement.f1}
    section: Section = {"n": len(gold), **measures(hits(near, self_paired), named, how)}
    by_string = measures(hits(exact, self_paired), named, how)
    section |= {f"exact_{name}": value for name, value in by_string.items()}
    chance = [hits(near, partner) for partner in shifted(len(gold))]
    section["chance_f1"] = _or_none(agreement.f1(np.sum(chance, axis=(0, 1)).astype(float))) if chance else None
    section |= {"n_gold": sum(map(len, gold)), "n_found": sum(map(len, found))}
    return section


def phrases(gold: Sequence[str], found: Sequence[str], encode: Encode, similarity: float, how: Resampling) -> Section:
    """Compare one free phrase a conversation: share at least `similarity` alike (accuracy), mean cosine, by chance."""
    vectors = encode([*gold, *found]) if gold else np.zeros((0, 1), dtype=np.float32)
    gold_vectors, found_vectors = vectors[: len(gold)].astype(float), vectors[len(gold) :].astype(float)

    def cosines(partner: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.round((found_vectors * gold_vectors[partner]).sum(axis=1), 5))

    own = cosines(np.arange(len(gold)))
    one = np.ones(len(own))
    alike = np.stack([(own >= similarity).astype(float), one], axis=1)
    section: Section = {"n": len(gold), **measures(alike, {"accuracy": agreement.mean_of}, how)}
    section |= measures(np.stack([own, one], axis=1), {"cosine": agreement.mean_of}, how)
    others = [cosines(partner) for partner in shifted(len(gold))]
    pooled = np.concatenate(others) if others else np.zeros(0)
    section["chance_accuracy"] = float((pooled >= similarity).mean()) if len(pooled) else None
    section["chance_cosine"] = float(pooled.mean()) if len(pooled) else None
    return section


def shifted(n: int) -> list[NDArray[np.int64]]:
    """Return pairings of n conversations with others: shifts spread evenly over the list, at most `PARTNERS`."""
    shifts = (
        sorted({(n * step) // (min(PARTNERS, n - 1) + 1) for step in range(1, min(PARTNERS, n - 1) + 1)})
        if n > 1
        else []
    )
    return [(np.arange(n) + shift) % n for shift in shifts if shift]


def _or_none(value: NDArray[np.float64]) -> float | None:
    return None if np.isnan(value) else float(value)
