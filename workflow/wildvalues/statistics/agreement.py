"""Agreement of two codings of the same conversations, with bootstrap intervals.

Every measure takes counts, not labels, so that all resamples are computed at once: a leading axis of resamples is
carried through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A measure with its 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def confusion(gold: ArrayLike, found: ArrayLike, n_labels: int) -> NDArray[np.int64]:
    """Return one confusion matrix (gold x found) for each conversation, shape (conversations, labels, labels)."""
    gold, found = np.asarray(gold, dtype=np.int64), np.asarray(found, dtype=np.int64)
    each = np.zeros((len(gold), n_labels, n_labels), dtype=np.int64)
    each[np.arange(len(gold)), gold, found] = 1
    return each


def accuracy(tables: Floats) -> Floats:
    """Return the share of conversations on the diagonal of confusion matrices (..., labels, labels)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Floats = np.trace(tables, axis1=-2, axis2=-1) / tables.sum(axis=(-2, -1))
    return shares


def cohen_kappa(tables: Floats) -> Floats:
    """Return Cohen's kappa (1960); NaN where both sides give every conversation one and the same label."""
    n = tables.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = (tables.sum(axis=-1) * tables.sum(axis=-2)).sum(axis=-1) / n**2
        kappa: Floats = np.where(chance < 1, (accuracy(tables) - chance) / (1 - chance), np.nan)
    return kappa


def macro_f1(tables: Floats) -> Floats:
    """Return the mean F1 over the labels that occur on either side."""
    marginals = tables.sum(axis=-1) + tables.sum(axis=-2)
    occurs = marginals > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(occurs, 2 * np.diagonal(tables, axis1=-2, axis2=-1) / marginals, 0.0)
        mean: Floats = f1.sum(axis=-1) / occurs.sum(axis=-1)
    return mean


def precision(hits: Floats) -> Floats:
    """Return matched found items over found items; `hits` has (matched found, found, matched gold, gold) last."""
    return _ratio(hits[..., 0], hits[..., 1])


def recall(hits: Floats) -> Floats:
    """Return matched gold items over gold items; see `precision`."""
    return _ratio(hits[..., 2], hits[..., 3])


def f1(hits: Floats) -> Floats:
    """Return the harmonic mean of precision and recall, 0 where nothing matched."""
    p, r = precision(hits), recall(hits)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.where(p + r == 0, 0.0, 2 * p * r / (p + r))
    return np.where(np.isnan(p) | np.isnan(r), np.nan, mean)


def mean_of(sums: Floats) -> Floats:
    """Return sum over number; the last axis holds (sum, number)."""
    return _ratio(sums[..., 0], sums[..., 1])


def _ratio(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = np.where(whole > 0, part / whole, np.nan)
    return ratio


def estimate(
    measure: Callable[[Floats], Floats],
    each: NDArray[np.int64] | Floats,
    *,
    draws: int,
    seed: int,
    confidence: float = 0.95,
) -> Estimate:
    """Return a measure of summed counts and its percentile interval from resampled conversations.

    Parameters
    ----------
    each
        Counts of each conversation, conversations first.

    Notes
    -----
    Resamples in which the measure is not defined are left out. The interval always holds the value.
    """
    n = len(each)
    if n == 0:
        return Estimate(None, None, None)
    flat = np.asarray(each, dtype=float).reshape(n, -1)
    value = float(measure(flat.sum(axis=0).reshape(each.shape[1:])))
    if np.isnan(value):
        return Estimate(None, None, None)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws).astype(float)
    values = measure((weights @ flat).reshape(draws, *each.shape[1:]))
    values = values[~np.isnan(values)]
    if n < 2 or not len(values):
        return Estimate(value, None, None)
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, min(float(low), value), max(float(high), value))
