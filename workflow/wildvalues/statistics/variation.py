"""How evenly a value is spread over contexts: the coefficient of variation, and what chance alone would give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import norm

from wildvalues.statistics.clusters import indicator, sum_of_squares

Floats = NDArray[np.float64]


def coefficient_of_variation(rates: Floats) -> Floats:
    """Return sd / mean of each row of `rates` (values x contexts), sd with n - 1; NaN where the mean is 0.

    Contexts whose rate is NaN are left out.
    """
    known = ~np.isnan(rates)
    n = known.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, rates, 0.0).sum(axis=1) / n
        squares = (np.where(known, rates - mean[:, None], 0.0) ** 2).sum(axis=1)
        cv: Floats = np.where((mean > 0) & (n > 1), np.sqrt(squares / (n - 1)) / mean, np.nan)
    return cv


def expected_variation(counts: Floats, context_sizes: Floats) -> Floats:
    """Return the coefficient of variation to expect were a value strewn over conversations at random.

    Given K of N conversations with the value, its counts in the contexts are multivariate hypergeometric, so the
    variance of the rates (with n - 1) has mean p (1 - p) N / (N - 1) mean(1 / n_c) with p = K / N; its root over p
    is returned. Exact for K = 1 and equal sizes (the root of the number of contexts).

    Parameters
    ----------
    counts
        K of each value, within the contexts.
    context_sizes
        n_c, conversations of each context.
    """
    total = float(context_sizes.sum())
    if len(context_sizes) < 2 or total < 2:
        return np.full(len(counts), np.nan)
    share = counts / total
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = share * (1 - share) * total / (total - 1) * float(np.mean(1 / context_sizes))
        expected: Floats = np.where(share > 0, np.sqrt(spread) / share, np.nan)
    return expected


def corrected_variation(rates: Floats, context_sizes: Floats) -> Floats:
    """Return the coefficient of variation of the contexts' true rates, that of the counts taken off.

    The variance of the observed rates is that of the true ones plus, on average, the mean of r (1 - r) / n_c; the
    latter is estimated without bias by r (1 - r) / (n_c - 1) (the moments of an overdispersed binomial, Kleinman 1973,
    Journal of the American Statistical Association 68, 46-54). 0 where chance alone varies as much.
    """
    known = (rates * context_sizes > -1) & (context_sizes > 1)
    rates = np.where(known, rates, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_counting = np.nanmean(np.where(known, rates * (1 - rates) / (context_sizes - 1), np.nan), axis=1)
        mean = np.nanmean(rates, axis=1)
        spread = (coefficient_of_variation(rates) * mean) ** 2 - by_counting
        corrected: Floats = np.where(mean > 0, np.sqrt(np.maximum(spread, 0.0)) / mean, np.nan)
    return corrected


def context_rates(values: sparse.csr_array, contexts: sparse.csr_array, weights: Floats | None = None) -> Floats:
    """Return the share of each context's conversations (columns) that hold each value (rows).

    Contexts without a conversation are NaN. `weights` counts a conversation more than once.
    """
    weight = np.ones(values.shape[0]) if weights is None else weights
    weighted = contexts.astype(float).multiply(weight[:, None])
    counts = np.asarray((values.T.astype(float) @ sparse.csr_array(weighted)).todense())
    sizes = np.asarray(weighted.sum(axis=0)).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        rates: Floats = np.where(sizes > 0, counts / sizes, np.nan)
    return rates


def variation_interval(
    values: sparse.csr_array,
    contexts: sparse.csr_array,
    units: NDArray[np.int64],
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Return an interval of each value's coefficient of variation that allows for conversations of one user.

    Parameters
    ----------
    units
        Index from 0 of the user (or the conversation itself) that each conversation belongs to.

    Notes
    -----
    Estimate plus and minus the normal quantile times the standard error, cut to the possible range
    [0, sqrt(contexts)]. The variance is the sum of the units' squared influences on the coefficient (the infinitesimal
    jackknife, Efron 1982, chapter 6), times G / (G - 1) for G units; the bootstrap comes to the same in a thousand
    times the work. Percentiles would not do: resampling adds chance variation a second time, so they sit too high and
    for rare values miss the estimate.
    """
    rates = context_rates(values, contexts)
    estimate = coefficient_of_variation(rates)
    n_units, n_contexts = int(units.max(initial=-1)) + 1, contexts.shape[1]
    sizes = np.asarray(contexts.sum(axis=0), dtype=float).ravel()
    if n_units < 2 or n_contexts < 2 or not sizes.all():
        nothing = np.full(len(estimate), np.nan)
        return nothing, nothing.copy()
    # A conversation in a context moves the context's rate by (value or not - rate) / size.
    weights = _slopes(rates, estimate).T / sizes[:, None]
    places = contexts.tocoo()
    conversation, context = (np.asarray(part, dtype=np.int64) for part in places.coords)
    held = sparse.csr_array(values[conversation].astype(float))
    held.data = weights[np.repeat(context, np.diff(held.indptr)), held.indices]
    by_unit = indicator(units[conversation], n_units).T
    shared = sparse.csr_array(by_unit @ indicator(context, n_contexts))
    squares = sum_of_squares(sparse.csr_array(by_unit @ held), shared, -weights * rates.T)
    half = float(norm.isf((1 - confidence) / 2)) * np.sqrt(squares * n_units / (n_units - 1))
    bound = np.maximum(np.sqrt(n_contexts), estimate)
    return np.maximum(estimate - half, 0.0), np.minimum(estimate + half, bound)


def _slopes(rates: Floats, estimate: Floats) -> Floats:
    """Return the derivative of each value's coefficient of variation by each context's rate; 0 where none varies."""
    n = rates.shape[1]
    mean = rates.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = (rates - mean) / ((n - 1) * estimate[:, None] * mean**2) - estimate[:, None] / (n * mean)
    finite: Floats = np.where(np.isfinite(slopes), slopes, 0.0)
    return finite
