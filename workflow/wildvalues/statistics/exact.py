"""Fisher's exact test of millions of 2x2 tables: one pass over the count, all tables at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

# Tables as likely as the observed one up to this factor count as ties, as in R's and SciPy's fisher test.
TIE = 1 + 1e-7


def fisher_two_sided(observed: ArrayLike, row_total: ArrayLike, column_total: ArrayLike, n: int) -> NDArray[np.float64]:
    """Return the two-sided exact p: the probability of all tables no likelier than the observed one.

    Notes
    -----
    Each table is turned so that its smallest expected cell is counted, which leaves p unchanged; then the
    hypergeometric probabilities are walked upwards from the least possible count. Equal (count, margins)
    are computed once: a long tail of rare values has few distinct ones. Tables leave the walk when what
    remains cannot change p.
    """
    a, r, c = (np.asarray(part, dtype=np.int64).ravel() for part in (observed, row_total, column_total))
    # Swapping rows turns a into c - a, swapping columns turns a into r - a.
    swap = r > n - r
    a, r = np.where(swap, c - a, a), np.where(swap, n - r, r)
    swap = c > n - c
    a, c = np.where(swap, r - a, a), np.where(swap, n - c, c)
    r, c = np.minimum(r, c), np.maximum(r, c)
    code, first = _distinct(a, r, c)
    p = np.minimum(_walk(a[first], r[first], c[first], n), 1.0)
    result: NDArray[np.float64] = p[code].reshape(np.shape(observed))
    return result


def _distinct(*parts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of each tuple among the distinct ones, and where each of these first occurs.

    By hash, column by column: sorting millions of rows takes most of the time that equal tables save.
    """
    key = np.zeros(len(parts[0]), dtype=np.int64)
    for part in parts:
        code, distinct = pd.factorize(part)
        key, _ = pd.factorize(key * len(distinct) + code)
    first = np.zeros(int(key.max(initial=-1)) + 1, dtype=np.int64)
    first[key[::-1]] = np.arange(len(key))[::-1]
    return key, first


def _log_choose(n: NDArray[np.int64] | int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = gammaln(np.asarray(n) + 1.0) - gammaln(k + 1.0) - gammaln(np.asarray(n) - k + 1.0)
    return result


def _log_pmf(k: NDArray[np.int64], r: NDArray[np.int64], c: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    return _log_choose(r, k) + _log_choose(n - r, c - k) - _log_choose(n, c)


def _walk(a: NDArray[np.int64], r: NDArray[np.int64], c: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    # r <= c <= n / 2, so the least count is 0 and the greatest r.
    ceiling = _log_pmf(a, r, c, n) + np.log(TIE)
    p = np.zeros(len(a))
    log_pmf = _log_pmf(np.zeros_like(a), r, c, n)
    active = np.arange(len(a))
    k = 0
    while len(active):
        here = log_pmf[active]
        p[active] += np.where(here <= ceiling[active], np.exp(here), 0.0)
        up = (r[active] - k) * (c[active] - k) / ((k + 1.0) * (n - r[active] - c[active] + k + 1.0))
        with np.errstate(divide="ignore"):
            log_pmf[active] = here + np.log(up)
        # Beyond the mode probabilities fall faster than geometrically, so a term this small ends the sum.
        done = (k >= r[active]) | ((k > a[active]) & (up < 0.5) & (np.exp(here) <= 1e-17 * p[active]))
        active = active[~done]
        k += 1
    return p
