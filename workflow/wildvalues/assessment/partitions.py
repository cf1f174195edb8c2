"""Two groupings of the same things, compared. Groups are labels from 0; -1 marks what no group took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """A measure of agreement with its 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def mutual_information(one: Labels, other: Labels) -> float | None:
    """Return the adjusted mutual information of what both group: 1 for equal groupings, 0 for chance.

    Corrected for chance after Vinh, Epps and Bailey (2010), arithmetic mean; None with fewer than two things.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    return _measured(one, other, adjusted_mutual_info_score)


def rand_index(one: Labels, other: Labels) -> float | None:
    """Return the adjusted Rand index of what both group (Hubert and Arabie 1985); None with fewer than two things."""
    from sklearn.metrics import adjusted_rand_score

    return _measured(one, other, adjusted_rand_score)


def _measured(one: Labels, other: Labels, score: Callable[[Labels, Labels], float]) -> float | None:
    both = (one >= 0) & (other >= 0)
    return float(score(one[both], other[both])) if both.sum() >= 2 else None


def overlaps(one: Labels, other: Labels) -> NDArray[np.int64]:
    """Return the contingency table of two groupings, shape (groups of one, groups of other)."""
    both = (one >= 0) & (other >= 0)
    shape = (int(one.max(initial=-1)) + 1, int(other.max(initial=-1)) + 1)
    table = np.zeros(shape, dtype=np.int64)
    np.add.at(table, (one[both], other[both]), 1)
    return table


def share_moved(one: Labels, other: Labels) -> float | None:
    """Return the share of things that sit elsewhere in the other grouping; None without any.

    Groups have no names, so those of one are first paired with those of the other, one to one, such that most things
    stay (the assignment problem, Kuhn 1955). What only one of them groups has moved.
    """
    from scipy.optimize import linear_sum_assignment

    if not len(one):
        return None
    table = overlaps(one, other)
    stayed = table[linear_sum_assignment(table, maximize=True)].sum() + np.sum((one < 0) & (other < 0))
    return float(1 - stayed / len(one))


def halves_interval(
    measure: Callable[[Labels, Labels], float | None],
    one: Labels,
    other: Labels,
    *,
    draws: int,
    seed: int,
    confidence: float = 0.95,
) -> Agreement:
    """Return a measure of agreement and an interval from random halves of the things.

    Notes
    -----
    The delete-half jackknife (Shao and Wu 1989): halves drawn without replacement spread about their mean as the
    measure itself spreads about the truth, since (n / 2) / (n - n / 2) = 1. The bootstrap will not do here: a thing
    drawn twice agrees with itself, which lifts every measure of agreement.
    """
    value = measure(one, other)
    n = len(one)
    if value is None or n < 4 or draws == 0:
        return Agreement(value, None, None)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        half = rng.permutation(n)[: n // 2]
        of_half = measure(one[half], other[half])
        if of_half is not None:
            found.append(of_half)
    if not found:
        return Agreement(value, None, None)
    spread = np.asarray(found) - np.mean(found)
    low, high = np.quantile(spread, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Agreement(value, float(value + low), float(min(1.0, value + high)))
