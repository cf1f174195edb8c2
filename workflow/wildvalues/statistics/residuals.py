"""Adjusted Pearson residuals of many 2x2 tables at once, with a p value for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wildvalues.statistics.exact import fisher_two_sided
from wildvalues.statistics.tails import two_sided

Floats = NDArray[np.float64]

# Cochran (1954): below this in any of the four cells no approximation is to be trusted.
SMALL_COUNT = 5.0


@dataclass(frozen=True)
class Residuals:
    """Elementwise results for the cell "value and context" of each 2x2 table."""

    expected: Floats
    residual: Floats
    p: Floats


def expected_counts(row_total: ArrayLike, column_total: ArrayLike, n: ArrayLike) -> Floats:
    """Return the counts that independence of row and column gives."""
    rows, columns, total = (np.asarray(part, dtype=float) for part in (row_total, column_total, n))
    expected: Floats = rows * columns / total
    return expected


def adjusted_residuals(observed: ArrayLike, row_total: ArrayLike, column_total: ArrayLike, n: ArrayLike) -> Floats:
    """Return (O - E) / sqrt(E (1 - row share) (1 - column share)), elementwise.

    Standard normal under independence (Haberman 1973). NaN where a margin is empty or full.
    """
    rows, columns, total = (np.asarray(part, dtype=float) for part in (row_total, column_total, n))
    expected = expected_counts(rows, columns, total)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(expected * (1 - rows / total) * (1 - columns / total))
        residual: Floats = np.where(spread > 0, (np.asarray(observed, dtype=float) - expected) / spread, np.nan)
    return residual


def smallest_expected(row_total: ArrayLike, column_total: ArrayLike, n: ArrayLike) -> Floats:
    """Return the smallest expected count among the four cells of each table."""
    rows, columns, total = (np.asarray(part, dtype=float) for part in (row_total, column_total, n))
    smallest: Floats = np.minimum(rows, total - rows) * np.minimum(columns, total - columns) / total
    return smallest


def residual_tests(observed: ArrayLike, row_total: ArrayLike, column_total: ArrayLike, n: int) -> Residuals:
    """Return expected counts, adjusted residuals and two-sided p values.

    p is of the count given all margins: Fisher's exact p where an expected or an observed count of the table is under
    `SMALL_COUNT`, else twice the hypergeometric tail. The normal p of the residual would not do: it is far too
    small for counts far above expectation (see `wildvalues.statistics.tails`).
    """
    counts, rows, columns = np.broadcast_arrays(
        np.asarray(observed, dtype=np.int64),
        np.asarray(row_total, dtype=np.int64),
        np.asarray(column_total, dtype=np.int64),
    )
    residual = adjusted_residuals(counts, rows, columns, n)
    p = np.full(residual.shape, np.nan)
    cells = np.minimum(np.minimum(counts, rows - counts), np.minimum(columns - counts, n - rows - columns + counts))
    small = np.minimum(smallest_expected(rows, columns, n), cells) < SMALL_COUNT
    known = ~np.isnan(residual)
    for chosen, test in ((small & known, fisher_two_sided), (~small & known, two_sided)):
        if chosen.any():
            p[chosen] = test(counts[chosen], rows[chosen], columns[chosen], n)
    return Residuals(expected_counts(rows, columns, n), residual, p)
