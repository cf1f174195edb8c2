"""Does the reply take up a value of the user's? The observed matches, and those that chance would give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

# Conversations matched at once with all of their stratum: bounds memory.
BLOCK = 1024


def matches(ai_side: sparse.csr_array, human_side: sparse.csr_array) -> NDArray[np.bool_]:
    """Return whether each conversation (row) holds at least one label (column) on both sides."""
    shared = ai_side.multiply(human_side)
    return np.asarray(shared.sum(axis=1)).ravel() > 0


def chance_of_match(
    ai_side: sparse.csr_array, human_side: sparse.csr_array, strata: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return each conversation's probability of a match when human sides are shuffled within strata.

    Closed form, no draws: under a uniform permutation of its stratum a conversation meets every human side of
    the stratum (its own included) equally often, so its probability is the share of them that match.
    """
    return shuffled_matches(ai_side, human_side, np.ones((ai_side.shape[0], 1), dtype=bool), strata)[0]


def shuffled_matches(
    ai_side: sparse.csr_array, human_side: sparse.csr_array, groups: NDArray[np.bool_], strata: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each conversation's probability of a match, and the variance of each group's number of matches.

    Parameters
    ----------
    groups
        Conversations x groups.

    Notes
    -----
    The number of matches is a sum of m[i, permutation(i)], m the zero-one table of who would match whom and zero for
    conversations outside the group. With d = m - row mean - column mean + mean its variance under all permutations
    of n is sum(d**2) / (n - 1) (Hoeffding 1951, Annals of Mathematical Statistics 22, 558-566); strata add up.
    """
    chance = np.zeros(ai_side.shape[0])
    variance = np.zeros(groups.shape[1])
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        n = len(members)
        humans = sparse.csr_array(human_side[members].T)
        met = np.zeros((groups.shape[1], n))
        for start in range(0, n, BLOCK):
            block = members[start : start + BLOCK]
            meetings = sparse.csr_array(ai_side[block] @ humans)
            meetings.data[:] = 1
            chance[block] = np.diff(meetings.indptr) / n
            met += np.asarray(meetings.T @ groups[block].astype(float)).T
        if n > 1:
            rows = chance[members][:, None] * groups[members]
            total = rows.sum(axis=0)
            squares = n * total - n * (rows**2).sum(axis=0) - (met**2).sum(axis=1) / n + total**2
            variance += np.maximum(squares, 0.0) / (n - 1)
    return chance, variance
