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
    chance = np.zeros(ai_side.shape[0])
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        humans = sparse.csr_array(human_side[members].T)
        for start in range(0, len(members), BLOCK):
            block = members[start : start + BLOCK]
            meetings = sparse.csr_array(ai_side[block] @ humans)
            chance[block] = np.diff(meetings.indptr) / len(members)
    return chance
