"""How many people stand behind a count, as far as the logs tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.arrays import IntegerArray
from scipy import sparse


@dataclass(frozen=True)
class Users:
    """The user behind each conversation.

    Parameters
    ----------
    code
        For each conversation the index of its user, -1 where it is not known.
    n_known
        Number of distinct known users.
    """

    code: NDArray[np.int64]
    n_known: int

    @classmethod
    def of(cls, user_ids: pd.Series) -> Users:
        """Return the users, numbered in the order of their ids."""
        code, distinct = pd.factorize(user_ids, sort=True)
        return cls(np.asarray(code, dtype=np.int64), len(distinct))

    @property
    def known(self) -> bool:
        """Whether any user is known."""
        return self.n_known > 0

    def units(self) -> NDArray[np.int64]:
        """Return the resampling unit of each conversation: its user, or itself where the user is not known."""
        unknown = self.code < 0
        units = self.code.copy()
        units[unknown] = self.n_known + np.arange(int(unknown.sum()))
        return units

    def by_unit(
        self, matrix: sparse.csr_array, chosen: NDArray[np.bool_]
    ) -> tuple[sparse.csr_array, NDArray[np.int64]]:
        """Return the chosen conversations' rows summed by unit, and the number of conversations of each unit."""
        _, units = np.unique(self.units()[chosen], return_inverse=True)
        n_units = int(units.max(initial=-1)) + 1
        gather = sparse.csr_array(
            (np.ones(len(units), dtype=np.int64), (units, np.arange(len(units)))), shape=(n_units, len(units))
        )
        return sparse.csr_array(gather @ matrix[np.flatnonzero(chosen)]), np.bincount(units, minlength=n_units)

    def count(self, matrix: sparse.csr_array) -> IntegerArray:
        """Return the least number of distinct users behind each column of a zero-one matrix over conversations.

        Conversations of unknown users may be anybody's, so together they count as one, and only where no user
        is known. Null when no user is known at all.
        """
        places = matrix.tocoo()
        conversations, groups = (np.asarray(part, dtype=np.int64) for part in places.coords)
        return self.count_pairs(conversations, groups, matrix.shape[1])

    def count_pairs(self, conversations: NDArray[np.int64], groups: NDArray[np.int64], n_groups: int) -> IntegerArray:
        """Return the same for groups given as (conversation, group) pairs."""
        if not self.known:
            return IntegerArray(np.zeros(n_groups, dtype=np.int64), np.ones(n_groups, dtype=bool))
        users = self.code[conversations]
        known = users >= 0
        # Sorted, for numpy's own unique hashes integers, which takes ten times as long on millions of them.
        pairs = np.sort(groups[known].astype(np.int64) * self.n_known + users[known])
        first = np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]
        counts = np.bincount(pairs[first] // self.n_known, minlength=n_groups)
        anybody = np.bincount(groups[~known], minlength=n_groups) > 0
        return IntegerArray(np.maximum(counts, anybody.astype(np.int64)), np.zeros(n_groups, dtype=bool))
