"""Differences in a share between two groups, adjusted by regression, with errors that allow for repeated users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import t

from wildvalues.statistics.clusters import indicator, sum_of_squares

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Differences:
    """Elementwise adjusted differences (shares, group less others), one element an outcome."""

    difference: Floats
    low: Floats
    high: Floats
    p: Floats


def adjusted_differences(
    group: NDArray[np.bool_],
    outcomes: sparse.csr_array,
    strata: Codes,
    covariates: Floats,
    units: Codes,
    confidence: float = 0.95,
) -> Differences:
    """Regress every outcome on the group, with an intercept for each stratum and the covariates.

    Parameters
    ----------
    group
        Which members (rows) belong to the group.
    outcomes
        Zero-one, members x outcomes.
    strata, units
        Stratum of each member, and the user or conversation it comes from, as numbers from 0.
    covariates
        Members x covariates, without the intercept.

    Notes
    -----
    A linear probability model: its coefficient is a difference in shares, and it exists where a logistic one is
    separated, as with rare values in small strata it often is. Strata are absorbed by centring (Frisch, Waugh and
    Lovell). Errors are clustered by unit (Liang and Zeger 1986) with the usual factor
    G / (G - 1) (N - 1) / (N - K), K counting the strata, and Student's t on G - 1 degrees: what
    statsmodels gives for ``OLS(...).fit(cov_type="cluster")`` on the same dummies.
    """
    n, n_outcomes = outcomes.shape
    _, strata = np.unique(strata, return_inverse=True)
    _, units = np.unique(units, return_inverse=True)
    n_strata, n_units = int(strata.max(initial=-1)) + 1, int(units.max(initial=-1)) + 1
    nothing = np.full(n_outcomes, np.nan)
    if n_units < 2:
        return Differences(nothing, nothing.copy(), nothing.copy(), nothing.copy())
    member = indicator(strata, n_strata)
    sizes = np.bincount(strata, minlength=n_strata).astype(float)
    design = np.column_stack([group.astype(float), covariates])
    centred = design - np.asarray(member.T @ design)[strata] / sizes[strata][:, None]
    centred = centred[:, [0, *(1 + np.flatnonzero((centred[:, 1:] ** 2).sum(axis=0) > 1e-9 * n))]]
    others = centred[:, 1:]
    rest = centred[:, 0] - others @ np.linalg.lstsq(others, centred[:, 0], rcond=None)[0]
    information = float(rest @ rest)
    rank = int(np.linalg.matrix_rank(centred))
    if information <= 1e-9 * n or n <= n_strata + rank:
        return Differences(nothing, nothing.copy(), nothing.copy(), nothing.copy())
    held = sparse.csr_array(outcomes.astype(float))
    all_coefficients = np.linalg.pinv(centred.T @ centred, rcond=1e-12) @ np.asarray(held.T @ centred).T
    means = np.asarray((member.T @ held).todense(), dtype=float) / sizes[:, None]
    # The score of a unit: the group's own part times the residual, y - stratum's mean - centred @ coefficients.
    by_unit = indicator(units, n_units, rest).T
    shared = sparse.csr_array(sparse.hstack([by_unit @ member, sparse.csr_array(by_unit @ centred)]))
    squares = sum_of_squares(sparse.csr_array(by_unit @ held), shared, -np.concatenate([means, all_coefficients]))
    factor = n_units / (n_units - 1) * (n - 1) / (n - n_strata - rank)
    spread = np.sqrt(squares * factor) / information
    difference = np.asarray(held.T @ rest).ravel() / information
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(spread > 0, 2 * t.sf(np.abs(difference) / spread, n_units - 1), np.nan)
    half = float(t.isf((1 - confidence) / 2, n_units - 1)) * spread
    return Differences(difference, difference - half, difference + half, p)
