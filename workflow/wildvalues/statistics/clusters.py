"""Sums of squares by cluster: the middle of every cluster-robust ("sandwich") variance, for many outcomes at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]


def sum_of_squares(own: sparse.csr_array, shared: sparse.csr_array, coefficients: Floats) -> Floats:
    """Return the column sums of (own + shared @ coefficients)**2.

    That matrix, clusters x outcomes, is dense: every outcome weighs on every cluster of a stratum. Multiplied out,
    only products of sparse matrices are needed.

    Parameters
    ----------
    own
        What each cluster's own holders of an outcome add to its score, clusters x outcomes.
    shared
        What each cluster brings to each term that all of its members share, clusters x terms.
    coefficients
        Weight of each term in each outcome's score, terms x outcomes.
    """
    gram = shared.T @ shared
    squares = np.asarray(own.multiply(own).sum(axis=0), dtype=float).ravel()
    cross = np.asarray((shared.T @ own).multiply(coefficients).sum(axis=0), dtype=float).ravel()
    total: Floats = (coefficients * (gram @ coefficients)).sum(axis=0) + 2 * cross + squares
    return np.maximum(total, 0.0)


def indicator(codes: NDArray[np.int64], n_columns: int, data: Floats | None = None) -> sparse.csr_array:
    """Return the matrix rows x `n_columns` with one entry a row, at the row's code."""
    weights = np.ones(len(codes)) if data is None else data
    return sparse.csr_array((weights, (np.arange(len(codes)), codes)), shape=(len(codes), n_columns))
