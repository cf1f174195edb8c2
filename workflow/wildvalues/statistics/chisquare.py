"""Is a whole table of values by contexts more than chance? Chi-square tests for several values a conversation.

A conversation holds many values, so the cells of a value x context table are not a multinomial sample. Where
both sides are exclusive the test is Pearson's. Otherwise it is the sum of the marginal tables' chi-squares with
Rao and Scott's second-order correction (Bilder and Loughin 2004, Biometrics 60, 241-248).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True)
class Side:
    """The labels on one side of a table; what is worked out from them alone is kept for the next table.

    Parameters
    ----------
    holds
        Zero-one incidence, conversations x labels; no label holds all conversations or none.
    """

    holds: sparse.csr_array

    @cached_property
    def totals(self) -> Floats:
        """Conversations of each label."""
        return np.asarray(self.holds.sum(axis=0), dtype=float).ravel()

    @cached_property
    def exclusive(self) -> bool:
        """Whether no conversation is in more than one label."""
        return bool(np.diff(self.holds.indptr).max(initial=0) <= 1)

    @cached_property
    def squared_correlations(self) -> float:
        """The squared Frobenius norm of the correlation matrix of the labels' indicators."""
        n = float(self.holds.shape[0])
        totals = self.totals
        share = totals / (totals * (n - totals))
        # (n g - t t')**2 over the spreads, multiplied out: labels that never meet need no cell of their own.
        together = sparse.coo_array(self.holds.T.astype(float) @ self.holds.astype(float))
        i, j = together.coords
        meetings = n * together.data * (n * together.data - 2 * totals[i] * totals[j]) / (totals[i] * totals[j])
        meetings /= (n - totals[i]) * (n - totals[j])
        return float(meetings.sum() + (totals * share).sum() ** 2)


def cell_counts(rows: Side, columns: Side) -> NDArray[np.int64]:
    """Return the conversations that hold each pair of labels."""
    return np.asarray((rows.holds.T @ columns.holds).todense(), dtype=np.int64)


def table_test(rows: Side, columns: Side, counts: NDArray[np.int64] | None = None) -> ChiSquare:
    """Test independence of two sets of labels over the same conversations.

    Parameters
    ----------
    counts
        `cell_counts` of the two, where they are at hand.

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
    n = rows.holds.shape[0]
    if n == 0 or not rows.holds.shape[1] or not columns.holds.shape[1]:
        return NOTHING
    cells = np.asarray(cell_counts(rows, columns) if counts is None else counts, dtype=float)
    row_totals, column_totals = rows.totals, columns.totals
    if columns.exclusive:
        cells, column_totals = _with_rest(cells, row_totals, column_totals, n)
        if rows.exclusive:
            cells, _ = _with_rest(cells.T, column_totals, row_totals, n)
            return _pearson(cells, n)
        return _values_by_exclusive(cells, row_totals, column_totals, rows.squared_correlations, n)
    if rows.exclusive:
        cells, row_totals = _with_rest(cells.T, column_totals, row_totals, n)
        found = _values_by_exclusive(cells, column_totals, row_totals, columns.squared_correlations, n)
        return ChiSquare(found.chi2, found.dof, found.p, float("nan"), float("nan"))
    return _pairwise(cells, row_totals, column_totals, rows.squared_correlations * columns.squared_correlations, n)


def _with_rest(cells: Floats, row_totals: Floats, column_totals: Floats, n: int) -> tuple[Floats, Floats]:
    """Add a column for the conversations without any of the exclusive columns, where there are some."""
    rest = n - column_totals.sum()
    if rest <= 0:
        return cells, column_totals
    return np.column_stack([cells, row_totals - cells.sum(axis=1)]), np.append(column_totals, rest)


def _pearson(counts: Floats, n: int) -> ChiSquare:
    r, c = counts.shape
    if r < 2 or c < 2:
        return NOTHING
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    dof = (r - 1) * (c - 1)
    v = float(np.sqrt(chi2 / (n * min(r - 1, c - 1))))
    return ChiSquare(chi2, dof, float(chi2_distribution.sf(chi2, dof)), v, corrected_v(chi2, r, c, n))


def _values_by_exclusive(cells: Floats, totals: Floats, by: Floats, correlations: float, n: int) -> ChiSquare:
    r, c = cells.shape
    if c < 2:
        return NOTHING
    share = totals[:, None] / n
    expected = share * by[None, :]
    # The cells "without the value" deviate as much as those with it, so both are summed at once.
    chi2 = float(((cells - expected) ** 2 / (expected * (1 - share))).sum())
    p = _rao_scott(chi2, r * (c - 1), correlations * (c - 1))
    return ChiSquare(chi2, r * (c - 1), p, float(np.sqrt(chi2 / (n * r))), corrected_v(chi2 / r, 2, c, n))


def _pairwise(cells: Floats, row_totals: Floats, column_totals: Floats, correlations: float, n: int) -> ChiSquare:
    r, c = cells.shape
    # (O - E)**2 over the spread of each cell, without a table for each step.
    deviations = cells - np.outer(row_totals / n, column_totals)
    np.square(deviations, out=deviations)
    chi2 = float(
        (1 / (row_totals * (1 - row_totals / n))) @ deviations @ (n / (column_totals * (1 - column_totals / n)))
    )
    p = _rao_scott(chi2, r * c, correlations)
    return ChiSquare(chi2, r * c, p, float("nan"), float("nan"))


def _rao_scott(chi2: float, dof: int, squared_eigenvalues: float) -> float:
    return float(chi2_distribution.sf(chi2 * dof / squared_eigenvalues, dof**2 / squared_eigenvalues))
