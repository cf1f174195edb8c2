"""The same study with other conversations: drawn again, or a tenth fewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

# The change of the data that stability is measured under.
CHANGE = 0.1


@dataclass(frozen=True)
class Holders:
    """Which conversation holds which value of a facet: zero-one, conversations x values."""

    holds: sparse.csr_array

    @property
    def n_conversations(self) -> int:
        """Conversations that hold any value."""
        return int(self.holds.shape[0])

    def counts(self, weights: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the conversations of each value when conversation i counts `weights[i]` times."""
        return np.asarray(weights @ self.holds, dtype=np.int64).ravel()


def holders(mentions: pd.DataFrame, values: Sequence[str]) -> Holders:
    """Return who holds what of one facet.

    Parameters
    ----------
    mentions
        The facet's rows of `tables.MENTIONS`, in any order.
    values
        The values, in the order wanted; mentions of others are left out.
    """
    known = mentions[mentions["value"].isin(set(values))]
    ids = pd.Index(sorted(known["conversation_id"].unique()), dtype=object)
    rows = ids.get_indexer(pd.Index(known["conversation_id"], dtype=object))
    columns = pd.Index(list(values), dtype=object).get_indexer(pd.Index(known["value"], dtype=object))
    ones = np.ones(len(known), dtype=np.int64)
    return Holders(sparse.csr_array((ones, (rows, columns)), shape=(len(ids), len(values))))


def drawn_again(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return how often each of `n` conversations counts in a bootstrap resample."""
    return rng.multinomial(n, np.full(n, 1 / n)) if n else np.zeros(0, dtype=np.int64)


def thinned(n: int, kept: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ones for a random share `kept` of `n` conversations and zeros for the rest."""
    weights = np.zeros(n, dtype=np.int64)
    weights[rng.permutation(n)[: round(n * kept)]] = 1
    return weights
