"""How unequal values are: Gini, entropy, the share of the most frequent, and the exponent of the tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import zeta
from scipy.stats import norm

Floats = NDArray[np.float64]

# Bounds of the exponent's search; language lies near 2 (Zipf), and beyond 8 a tail is no power law's.
EXPONENTS = (1.0001, 8.0)
# A tail of fewer distinct values is not fitted.
LEAST_TAIL = 10


def gini(counts: ArrayLike) -> Floats:
    """Return Gini's coefficient of the last axis: 0 where all counts are equal, (V - 1) / V where one has all."""
    ordered = np.sort(np.asarray(counts, dtype=float), axis=-1)
    n = ordered.shape[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        weighted = (ordered * (2 * np.arange(1, n + 1) - n - 1)).sum(axis=-1)
        coefficient: Floats = weighted / (n * ordered.sum(axis=-1))
    return coefficient


def entropy(counts: ArrayLike) -> Floats:
    """Return Shannon's entropy of the last axis in bits, as observed (no correction for values unseen)."""
    counts = np.asarray(counts, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / counts.sum(axis=-1, keepdims=True)
        bits: Floats = -np.where(share > 0, share * np.log2(np.where(share > 0, share, 1.0)), 0.0).sum(axis=-1)
    return np.where(counts.sum(axis=-1) > 0, bits, np.nan)


def effective_number(counts: ArrayLike) -> Floats:
    """Return how many equally frequent values would have the same entropy (Hill 1973, order 1)."""
    number: Floats = 2.0 ** entropy(counts)
    return number


def top_share(counts: ArrayLike, k: int) -> Floats:
    """Return the share that the `k` largest counts of the last axis have of all."""
    ordered = np.sort(np.asarray(counts, dtype=float), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = ordered[..., -k:].sum(axis=-1) / ordered.sum(axis=-1)
    return share


@dataclass(frozen=True)
class PowerLaw:
    """A discrete power law p(x) ~ x**-exponent fitted to the counts of at least `least`.

    `error` is the asymptotic standard error, `distance` the largest gap between the two distribution functions
    (Kolmogorov and Smirnov).
    """

    exponent: float
    error: float
    least: int
    n_tail: int
    distance: float


def power_law(counts: ArrayLike) -> PowerLaw | None:
    """Fit the tail of a distribution of counts by maximum likelihood; None where no tail is long enough.

    The start of the tail is the count at which data and fit are closest (Clauset, Shalizi and Newman 2009, SIAM
    Review 51, 3.1 to 3.3). In a plot of frequency against rank the slope is -1 / (exponent - 1).
    """
    values = np.asarray(counts, dtype=np.int64).ravel()
    values = np.sort(values[values > 0])
    starts, first = np.unique(values, return_index=True)
    best: PowerLaw | None = None
    for least, at in zip(starts.tolist(), first.tolist(), strict=True):
        tail = values[at:]
        if len(tail) < LEAST_TAIL or tail[0] == tail[-1]:
            break
        found = _fit(tail, least)
        if best is None or found.distance < best.distance:
            best = found
    return best


def _fit(tail: NDArray[np.int64], least: int) -> PowerLaw:
    logs = float(np.log(tail).sum())

    def negative_log_likelihood(exponent: float) -> float:
        return exponent * logs + len(tail) * float(np.log(zeta(exponent, least)))

    exponent = float(minimize_scalar(negative_log_likelihood, bounds=EXPONENTS, method="bounded").x)
    step = 1e-4
    around = [float(np.log(zeta(exponent + shift, least))) for shift in (-step, 0.0, step)]
    curvature = (around[0] - 2 * around[1] + around[2]) / step**2
    distinct, last = np.unique(tail[::-1], return_index=True)
    observed = (len(tail) - last) / len(tail)
    fitted = 1 - zeta(exponent, distinct + 1.0) / zeta(exponent, least)
    distance = float(np.abs(observed - fitted).max())
    error = 1 / np.sqrt(len(tail) * curvature) if curvature > 0 else np.nan
    return PowerLaw(exponent, float(error), least, len(tail), distance)


def interval_around(estimate: float, resampled: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """Return estimate plus and minus the normal quantile times the resamples' standard deviation.

    Percentiles would not do: a resample holds fewer distinct values than the data, so all these measures shift.
    """
    known = resampled[~np.isnan(resampled)]
    if len(known) < 2 or np.isnan(estimate):
        return float("nan"), float("nan")
    half = float(norm.isf((1 - confidence) / 2)) * float(known.std(ddof=1))
    return estimate - half, estimate + half
