"""The difference of two independent shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wildvalues.statistics.intervals import wilson

Floats = NDArray[np.float64]


def newcombe(
    count: ArrayLike, n: ArrayLike, other_count: ArrayLike, other_n: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return an interval of ``count / n - other_count / other_n``, elementwise.

    Newcombe's hybrid score interval (1998, method 10), from the two Wilson intervals: it keeps its coverage for rare
    values and small studies. No trials on either side give NaN.
    """
    counts, ns, others, other_ns = (np.asarray(part, dtype=float) for part in (count, n, other_count, other_n))
    with np.errstate(divide="ignore", invalid="ignore"):
        share, other = counts / ns, others / other_ns
    low, high = wilson(counts, ns, confidence)
    other_low, other_high = wilson(others, other_ns, confidence)
    difference = share - other
    return (
        np.asarray(difference - np.hypot(share - low, other_high - other)),
        np.asarray(difference + np.hypot(high - share, other - other_low)),
    )
