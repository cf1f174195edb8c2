"""Intervals for shares: Wilson's for independent conversations, a bootstrap over users when people recur."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.stats import norm

Floats = NDArray[np.float64]

# Draws handled at once: bounds the memory of the weights at BLOCK x users numbers.
BLOCK = 64


def wilson(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return Wilson's score interval of a share, elementwise.

    The interval stays inside [0, 1] and keeps its coverage for rare values (Wilson 1927; Brown, Cai and
    DasGupta 2001). No trials give NaN.
    """
    count, n = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(trials, dtype=float))
    z2 = float(norm.isf((1 - confidence) / 2)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        share = count / n
        centre = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # At 0 and n the bound is exactly 0 and 1; rounding must not push it to the wrong side of the share.
    low = np.where(count == 0, np.where(n > 0, 0.0, np.nan), centre - half)
    high = np.where(count == n, np.where(n > 0, 1.0, np.nan), centre + half)
    return low, high


def resampling_weights(n_units: int, draws: int, seed: int) -> NDArray[np.int64]:
    """Return how often each unit is drawn in each bootstrap resample, shape (draws, n_units)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=draws)


def resampled_counts(per_unit: sparse.csr_array, draws: int, seed: int) -> Floats:
    """Return the column sums of bootstrap resamples of the rows, shape (draws, columns)."""
    n_units, n_columns = per_unit.shape
    if n_units == 0:
        return np.zeros((0, n_columns))
    transposed: Any = sparse.csr_array(per_unit.T.astype(float))
    rng = np.random.default_rng(seed)
    blocks: list[Floats] = [np.zeros((0, n_columns))]
    for start in range(0, draws, BLOCK):
        weights = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=min(BLOCK, draws - start)).astype(float)
        blocks.append((transposed @ weights.T).T)
    return np.concatenate(blocks)


def ratio_interval(
    per_unit: sparse.csr_array, unit_totals: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return intervals of shares of mentions, of which a conversation or a user brings several.

    Parameters
    ----------
    per_unit
        Mentions of each unit (row) that are of each value (column).
    unit_totals
        All mentions of each unit.

    Notes
    -----
    Wilson's interval at the effective number of mentions (Korn and Graubard 1998, Survey Methodology 24, 193-201):
    share (1 - share) over the share's variance as a ratio of sums over units (Cochran 1977, 6.4), at most the number
    there is. Fewer than two units give NaN.
    """
    totals = np.asarray(unit_totals, dtype=float)
    n_units, n = len(totals), float(totals.sum())
    part = per_unit.astype(float)
    if n_units < 2 or n == 0:
        nothing = np.full(part.shape[1], np.nan)
        return nothing, nothing.copy()
    share = np.asarray(part.sum(axis=0)).ravel() / n
    squares = np.asarray(part.multiply(part).sum(axis=0)).ravel()
    deviations = squares - 2 * share * np.asarray(part.T @ totals).ravel() + share**2 * float(totals @ totals)
    variance = np.maximum(deviations, 0.0) * n_units / (n_units - 1) / n**2
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.where(variance > 0, np.minimum(share * (1 - share) / variance, n), n)
    return wilson(share * effective, effective, confidence)


def cluster_bootstrap(
    per_unit: sparse.csr_array, unit_sizes: ArrayLike, draws: int, seed: int, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return percentile intervals of shares when whole users, not conversations, are drawn again.

    Parameters
    ----------
    per_unit
        Conversations of each user (row) that hold each value (column).
    unit_sizes
        Conversations of each user.
    draws, seed
        Number of resamples and the seed of the only random stream.

    Notes
    -----
    All columns share the resamples. Counts are integers below 2**53, so sums are exact in float64 and the
    result does not depend on the number of threads. Fewer than two users, or no draws, give NaN.
    """
    n_units, n_columns = per_unit.shape
    if n_units < 2 or draws == 0 or n_columns == 0:
        nothing = np.full(n_columns, np.nan)
        return nothing, nothing.copy()
    sizes = np.asarray(unit_sizes, dtype=float)
    with_sizes = sparse.csr_array(sparse.hstack([per_unit.astype(float), sparse.csr_array(sizes[:, None])]))
    counts = resampled_counts(with_sizes, draws, seed)
    tail = (1 - confidence) / 2
    low, high = np.quantile(counts[:, :-1] / counts[:, -1:], [tail, 1 - tail], axis=0)
    share = np.asarray(per_unit.sum(axis=0), dtype=float).ravel() / sizes.sum()
    return np.minimum(low, share), np.maximum(high, share)
