"""Is a whole table of values by contexts more than chance? Chi-square tests for several values a conversation.

A conversation holds many values, so the cells of a value x context table are not a multinomial sample. Where
both sides are exclusive the test is Pearson's. Otherwise it is the sum of the marginal tables' chi-squares with
Rao and Scott's second-order correction (Bilder and Loughin 2004, Biometrics 60, 241-248).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import chi2 as chi2_distribution

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ChiSquare:
    """Test of a whole table. `cramers_v` and `cramers_v_corrected` are NaN where columns are not exclusive."""

    chi2: float
    dof: int
    p: float
    cramers_v: float
    cramers_v_corrected: float


NOTHING = ChiSquare(float("nan"), 0, float("nan"), float("nan"), float("nan"))


def corrected_v(chi2: float, r: int, c: int, n: int) -> float:
    """Return Cramér's V without its bias upwards (Bergsma 2013, Journal of the Korean Statistical Society 42, 323-328).

    phi2 loses its expectation under independence, (r - 1)(c - 1) / (n - 1), and is cut at 0; rows and columns count
    k - (k - 1)**2 / (n - 1) each.
    """
    if n < 2:
        return float("nan")
    phi2 = max(0.0, chi2 / n - (r - 1) * (c - 1) / (n - 1))
    least = min(k - (k - 1) ** 2 / (n - 1) for k in (r, c)) - 1
    return min(1.0, float(np.sqrt(phi2 / least))) if least > 0 else float("nan")


def is_exclusive(incidence: sparse.csr_array) -> bool:
    """Whether no conversation (row) is in more than one column."""
    return bool(np.diff(incidence.indptr).max(initial=0) <= 1)


def table_test(rows: sparse.csr_array, columns: sparse.csr_array) -> ChiSquare:
    """Test independence of two sets of labels over the same conversations.

    Parameters
    ----------
    rows, columns
        Zero-one incidence, conversations x labels; no label holds all conversations or none.

    Notes
    -----
    Conversations without a label form a rest category on an exclusive side. Three cases:

    - both sides exclusive: Pearson's chi-square, (r - 1)(c - 1) degrees, V = sqrt(chi2 / (n min(r-1, c-1)));
    - only columns exclusive: the sum over values of the chi-square of "value or not" x columns, r(c - 1)
      degrees, V = sqrt(chi2 / (n r)), the root mean square of the values' own V (so is the corrected one, of the
      mean table);
    - neither: the sum over all 2x2 tables, r c degrees, no V.

    In the last two, p uses chi2 r' / S on r'^2 / S degrees, where r' are the degrees above and S the sum of the
    squared eigenvalues of the statistic's covariance: the squared Frobenius norm of the labels' correlation
    matrix (times c - 1 where columns are exclusive, times that of the columns' otherwise).
    """
    n = rows.shape[0]
    if n == 0 or rows.shape[1] == 0 or columns.shape[1] == 0:
        return NOTHING
    if is_exclusive(columns):
        columns = _with_rest(columns)
        if is_exclusive(rows):
            return _pearson(_counts(_with_rest(rows), columns), n)
        return _values_by_exclusive(rows, columns)
    if is_exclusive(rows):
        found = _values_by_exclusive(columns, _with_rest(rows))
        return ChiSquare(found.chi2, found.dof, found.p, float("nan"), float("nan"))
    return _pairwise(rows, columns)


def _counts(rows: sparse.csr_array, columns: sparse.csr_array) -> Floats:
    return np.asarray((rows.T.astype(float) @ columns.astype(float)).todense(), dtype=float)


def _totals(labels: sparse.csr_array) -> Floats:
    return np.asarray(labels.sum(axis=0), dtype=float).ravel()


def _with_rest(labels: sparse.csr_array) -> sparse.csr_array:
    rest = np.diff(labels.indptr) == 0
    if not rest.any():
        return labels
    column = sparse.csr_array(rest.astype(labels.dtype)[:, None])
    return sparse.csr_array(sparse.hstack([labels, column], format="csr"))


def _pearson(counts: Floats, n: int) -> ChiSquare:
    r, c = counts.shape
    if r < 2 or c < 2:
        return NOTHING
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    dof = (r - 1) * (c - 1)
    v = float(np.sqrt(chi2 / (n * min(r - 1, c - 1))))
    return ChiSquare(chi2, dof, float(chi2_distribution.sf(chi2, dof)), v, corrected_v(chi2, r, c, n))


def _squared_correlations(labels: sparse.csr_array) -> float:
    """Return the squared Frobenius norm of the correlation matrix of the labels' indicators."""
    n = labels.shape[0]
    totals = _totals(labels)
    covariance = _counts(labels, labels) * n - np.outer(totals, totals)
    spread = totals * (n - totals)
    return float((covariance**2 / np.outer(spread, spread)).sum())


def _values_by_exclusive(rows: sparse.csr_array, columns: sparse.csr_array) -> ChiSquare:
    n, r = rows.shape
    c = columns.shape[1]
    if c < 2:
        return NOTHING
    share = _totals(rows)[:, None] / n
    expected = share * _totals(columns)[None, :]
    # The cells "without the value" deviate as much as those with it, so both are summed at once.
    chi2 = float(((_counts(rows, columns) - expected) ** 2 / (expected * (1 - share))).sum())
    p = _rao_scott(chi2, r * (c - 1), _squared_correlations(rows) * (c - 1))
    return ChiSquare(chi2, r * (c - 1), p, float(np.sqrt(chi2 / (n * r))), corrected_v(chi2 / r, 2, c, n))


def _pairwise(rows: sparse.csr_array, columns: sparse.csr_array) -> ChiSquare:
    n, r = rows.shape
    c = columns.shape[1]
    row_share, column_share = _totals(rows)[:, None] / n, _totals(columns)[None, :] / n
    spread = n * row_share * column_share * (1 - row_share) * (1 - column_share)
    chi2 = float(((_counts(rows, columns) - n * row_share * column_share) ** 2 / spread).sum())
    p = _rao_scott(chi2, r * c, _squared_correlations(rows) * _squared_correlations(columns))
    return ChiSquare(chi2, r * c, p, float("nan"), float("nan"))


def _rao_scott(chi2: float, dof: int, squared_eigenvalues: float) -> float:
    return float(chi2_distribution.sf(chi2 * dof / squared_eigenvalues, dof**2 / squared_eigenvalues))
