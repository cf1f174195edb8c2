"""Tests by Cochran, Mantel and Haenszel of whether groups differ in an outcome within strata.

With tasks as strata this compares like with like; with one stratum for each prompt that several models answered it is
the analysis of a matched design: McNemar's test for two models, Cochran's Q for more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import norm, t

from wildvalues.statistics.clusters import indicator, sum_of_squares

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

# Mantel and Fleiss (1980, American Journal of Epidemiology 112, 129-134): the chi-square approximation holds where the
# strata's margins leave the sum of counts at least this much room on both sides of its expectation.
MANTEL_FLEISS = 5.0
# Numbers of one strata x outcomes table handled at once: bounds memory at a few hundred megabytes.
BLOCK = 4_000_000


@dataclass(frozen=True)
class Matched:
    """Elementwise results for one group against all others, one element an outcome.

    Parameters
    ----------
    odds_ratio, low, high
        Mantel and Haenszel's common odds ratio and its interval; NaN where a side never differs.
    chi2
        Their statistic on one degree of freedom, right for independent members.
    p
        Of `chi2`; where units recur, of the log odds ratio with the standard error of `low` and `high`. NaN where
        `room` is below `MANTEL_FLEISS`.
    room
        Mantel and Fleiss's criterion.
    p_homogeneity
        Breslow and Day's test (with Tarone's correction) that the strata have one odds ratio; NaN where not wanted.
    """

    odds_ratio: Floats
    low: Floats
    high: Floats
    chi2: Floats
    p: Floats
    room: Floats
    p_homogeneity: Floats


@dataclass(frozen=True)
class _Counts:
    """Counts of the 2 x 2 tables, informative strata x outcomes: a, b in the group with and without the outcome."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats
    n: Floats


def informative(group: NDArray[np.bool_], strata: Codes) -> NDArray[np.bool_]:
    """Return which members are in a stratum that has members of the group and others."""
    n_strata = int(strata.max(initial=-1)) + 1
    inside = np.bincount(strata[group], minlength=n_strata)
    both: NDArray[np.bool_] = (inside > 0) & (np.bincount(strata, minlength=n_strata) > inside)
    return both[strata] if n_strata else np.zeros(0, dtype=bool)


def mantel_haenszel(
    group: NDArray[np.bool_],
    outcomes: sparse.csr_array,
    strata: Codes,
    units: Codes,
    *,
    homogeneity: bool = True,
    confidence: float = 0.95,
) -> Matched:
    """Compare a group with the others, stratum by stratum, for all outcomes at once.

    Parameters
    ----------
    group
        Which members (rows) belong to the group.
    outcomes
        Zero-one, members x outcomes.
    strata, units
        Stratum of each member, and the user or conversation it comes from, as numbers from 0.

    Notes
    -----
    chi-square without continuity correction (Mantel and Haenszel 1959; Agresti, Categorical Data Analysis, 6.4). The
    interval of the log odds ratio is Robins, Breslow and Greenland's (1986), right for few large as for many small
    strata, where each unit has one member. Where units have several, its variance is the cluster-robust one: the
    squares of the influences on sum (a d - ratio b c) / n, added up by unit, times G / (G - 1) for G units, with
    Student's t on G - 1 degrees.
    """
    chosen = np.flatnonzero(informative(group, strata))
    group, outcomes = group[chosen], sparse.csr_array(outcomes[chosen].astype(float))
    _, strata = np.unique(strata[chosen], return_inverse=True)
    _, units = np.unique(units[chosen], return_inverse=True)
    n_strata, n_units = int(strata.max(initial=-1)) + 1, int(units.max(initial=-1)) + 1
    if n_units < 2:
        nothing = np.full(outcomes.shape[1], np.nan)
        return Matched(*(nothing.copy() for _ in Matched.__match_args__))
    parts = [
        _block(group, part, strata, units, n_strata, n_units, homogeneity, confidence)
        for part in _blocks(outcomes, n_strata)
    ]
    return Matched(*(np.concatenate([getattr(part, name) for part in parts]) for name in Matched.__match_args__))


def _blocks(outcomes: sparse.csr_array, n_strata: int) -> Iterator[sparse.csr_array]:
    columns = sparse.csc_array(outcomes)
    step = max(1, BLOCK // max(n_strata, 1))
    for start in range(0, max(columns.shape[1], 1), step):
        yield sparse.csr_array(columns[:, start : start + step])


def _block(
    group: NDArray[np.bool_],
    outcomes: sparse.csr_array,
    strata: Codes,
    units: Codes,
    n_strata: int,
    n_units: int,
    homogeneity: bool,
    confidence: float,
) -> Matched:
    member = indicator(strata, n_strata)
    inside, outside = (sparse.csr_array(member.multiply(part.astype(float)[:, None])) for part in (group, ~group))
    a, c = (np.asarray((side.T @ outcomes).todense(), dtype=float) for side in (inside, outside))
    n_in, n_out = (np.asarray(side.sum(axis=0), dtype=float).ravel()[:, None] for side in (inside, outside))
    counts = _Counts(a, n_in - a, c, n_out - c, n_in + n_out)
    with np.errstate(divide="ignore", invalid="ignore"):
        chi2, room = _cochran(counts)
        tested = room >= MANTEL_FLEISS
        r, s = (counts.a * counts.d / counts.n).sum(axis=0), (counts.b * counts.c / counts.n).sum(axis=0)
        ratio = np.where((r > 0) & (s > 0), r / s, np.nan)
        if n_units < len(group):
            squares = _clustered(group, outcomes, strata, units, counts, ratio, n_units)
            spread = np.sqrt(squares * n_units / (n_units - 1)) / r
            quantile = float(t.isf((1 - confidence) / 2, n_units - 1))
            p = 2 * t.sf(np.abs(np.log(ratio)) / spread, n_units - 1)
        else:
            spread, p = np.sqrt(_robins(counts, r, s)), chi2_distribution.sf(chi2, 1)
            quantile = float(norm.isf((1 - confidence) / 2))
        half = quantile * spread
        equal = _breslow_day(counts, ratio) if homogeneity else np.full(len(ratio), np.nan)
        return Matched(
            ratio,
            ratio * np.exp(-half),
            ratio * np.exp(half),
            chi2,
            np.where(tested, p, np.nan),
            room,
            equal,
        )


def _cochran(counts: _Counts) -> tuple[Floats, Floats]:
    """Return chi-square and Mantel and Fleiss's criterion."""
    n_in, n_out, with_outcome = counts.a + counts.b, counts.c + counts.d, counts.a + counts.c
    expected = n_in * with_outcome / counts.n
    variance = (expected * n_out * (counts.n - with_outcome) / (counts.n * (counts.n - 1))).sum(axis=0)
    least, most = np.maximum(with_outcome - n_out, 0.0).sum(axis=0), np.minimum(with_outcome, n_in).sum(axis=0)
    centre = expected.sum(axis=0)
    return (counts.a.sum(axis=0) - centre) ** 2 / variance, np.minimum(centre - least, most - centre)


def _robins(counts: _Counts, r: Floats, s: Floats) -> Floats:
    alike, unlike = (counts.a + counts.d) / counts.n, (counts.b + counts.c) / counts.n
    up, down = counts.a * counts.d / counts.n, counts.b * counts.c / counts.n
    variance: Floats = (
        (alike * up).sum(axis=0) / (2 * r**2)
        + (alike * down + unlike * up).sum(axis=0) / (2 * r * s)
        + (unlike * down).sum(axis=0) / (2 * s**2)
    )
    return variance


def _clustered(
    group: NDArray[np.bool_],
    outcomes: sparse.csr_array,
    strata: Codes,
    units: Codes,
    counts: _Counts,
    ratio: Floats,
    n_units: int,
) -> Floats:
    """Return the sum over units of their squared influence on sum_k (a d - ratio b c) / n."""
    ratio = np.nan_to_num(ratio)
    balance = (counts.a * counts.d - ratio * counts.b * counts.c) / counts.n
    # The derivative by each of the four cells, where n counts all of them.
    by_a, by_b = (counts.d - balance) / counts.n, (-ratio * counts.c - balance) / counts.n
    by_c, by_d = (-ratio * counts.b - balance) / counts.n, (counts.a - balance) / counts.n
    n_strata = len(balance)
    place = strata + np.where(group, 0, n_strata)
    shared = sparse.csr_array(indicator(units, n_units).T @ indicator(place, 2 * n_strata))
    held = outcomes.tocoo()
    row, column = held.coords
    gain = np.concatenate([by_a - by_b, by_c - by_d])[place[row], column]
    own = sparse.csr_array((gain, (units[row], column)), shape=(n_units, outcomes.shape[1]))
    own.sum_duplicates()
    return sum_of_squares(own, shared, np.concatenate([by_b, by_d]))


def _breslow_day(counts: _Counts, ratio: Floats) -> Floats:
    """Test one odds ratio in all strata: Breslow and Day (1980, 4.4) with Tarone's correction (1985).

    Strata in which all or none have the outcome add nothing.
    """
    n_in, n_out, with_outcome = counts.a + counts.b, counts.c + counts.d, counts.a + counts.c
    # The count that the common ratio gives a: the root of a quadratic that lies within the margins.
    q = ratio * (n_in + with_outcome) + (n_out - with_outcome)
    square = np.sqrt(np.maximum(q**2 - 4 * (ratio - 1) * ratio * n_in * with_outcome, 0.0))
    # Written so that a ratio of 1 divides by nothing.
    a = 2 * ratio * n_in * with_outcome / (q + square)
    variance = 1 / (1 / a + 1 / (n_in - a) + 1 / (with_outcome - a) + 1 / (n_out - with_outcome + a))
    varies = (with_outcome > 0) & (with_outcome < counts.n) & (variance > 0)
    shift = np.where(varies, counts.a - a, 0.0)
    variance = np.where(varies, variance, 0.0)
    total = np.where(varies, shift**2 / np.where(varies, variance, 1.0), 0.0).sum(axis=0)
    total -= shift.sum(axis=0) ** 2 / variance.sum(axis=0)
    dof = varies.sum(axis=0) - 1
    equal: Floats = np.where(dof > 0, chi2_distribution.sf(total, np.maximum(dof, 1)), np.nan)
    return equal


@dataclass(frozen=True)
class Omnibus:
    """Elementwise tests that no group differs from another within strata, one element an outcome."""

    chi2: Floats
    dof: Codes
    p: Floats


def general_association(groups: Codes, outcomes: sparse.csr_array, strata: Codes, n_groups: int) -> Omnibus:
    """Test all groups at once (Mantel's generalized statistic; Agresti, Categorical Data Analysis, 8.4).

    With one member of each group in each stratum it is Cochran's Q (1950).

    Notes
    -----
    Degrees are the rank of the covariance, at most groups less one: a group that shares no stratum with another adds
    none.
    """
    _, strata = np.unique(strata, return_inverse=True)
    n_strata = int(strata.max(initial=-1)) + 1
    sizes = np.zeros((n_strata, n_groups))
    np.add.at(sizes, (strata, groups), 1.0)
    n = sizes.sum(axis=1)
    spread = sizes[:, :, None] * (n[:, None, None] * np.eye(n_groups) - sizes[:, None, :])
    # The last group follows from the others.
    spread = spread[:, :-1, :-1].reshape(n_strata, -1)
    parts = []
    for part in _blocks(sparse.csr_array(outcomes.astype(float)), n_strata):
        within = np.asarray((indicator(strata, n_strata).T @ part).todense(), dtype=float)
        observed = np.asarray((indicator(groups, n_groups).T @ part).todense(), dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(n[:, None] > 1, within * (n[:, None] - within) / (n**2 * (n - 1))[:, None], 0.0)
            shift = (observed - (sizes / n[:, None]).T @ within)[:-1].T
        covariance = (weight.T @ spread).reshape(-1, n_groups - 1, n_groups - 1)
        inverse = np.linalg.pinv(covariance, rcond=1e-10, hermitian=True)
        chi2 = np.einsum("vg,vgh,vh->v", shift, inverse, shift)
        dof = np.linalg.matrix_rank(covariance, tol=1e-10 * np.maximum(covariance.max(axis=(1, 2), initial=0), 1e-300))
        parts.append((chi2, dof))
    chi2, dof = (np.concatenate([part[index] for part in parts]) for index in (0, 1))
    p = np.where(dof > 0, chi2_distribution.sf(chi2, np.maximum(dof, 1)), np.nan)
    return Omnibus(np.where(dof > 0, chi2, np.nan), dof.astype(np.int64), p)
