"""The threshold that every published count must reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Threshold:
    """Fewest conversations and fewest users behind a published count.

    Where users are not known (null), conversations stand in for them: the first number alone decides.
    """

    min_conversations: int
    min_users: int

    def reached(self, n_conversations: ArrayLike, n_users: ArrayLike) -> NDArray[np.bool_]:
        """Return elementwise whether a count may be published; a missing count may not."""
        conversations = as_floats(n_conversations)
        users = as_floats(n_users)
        return (conversations >= self.min_conversations) & (np.isnan(users) | (users >= self.min_users))


def as_floats(counts: ArrayLike) -> NDArray[np.float64]:
    """Return counts as floats, null as NaN."""
    return np.asarray(pd.to_numeric(pd.Series(counts), errors="coerce").to_numpy(dtype=float, na_value=np.nan))
