"""Odds ratios of 2x2 tables with Woolf's interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OddsRatios:
    """Elementwise odds ratios and the bounds of their intervals."""

    ratio: Floats
    low: Floats
    high: Floats


def odds_ratios(
    observed: ArrayLike, row_total: ArrayLike, column_total: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> OddsRatios:
    """Return the odds of the value inside the context over its odds outside.

    A table with an empty cell gets one half in all four cells (Haldane 1956, Anscombe 1956); the others stay
    as they are, so the ratio is blind to the size of the study. The interval is Woolf's (1955), on the log scale.
    """
    a, rows, columns, total = np.broadcast_arrays(
        *(np.asarray(part, dtype=float) for part in (observed, row_total, column_total, n))
    )
    cells = np.stack([a, rows - a, columns - a, total - rows - columns + a])
    cells = cells + 0.5 * (cells == 0).any(axis=0)
    log_ratio = np.log(cells[0]) - np.log(cells[1]) - np.log(cells[2]) + np.log(cells[3])
    half = float(norm.isf((1 - confidence) / 2)) * np.sqrt((1 / cells).sum(axis=0))
    return OddsRatios(np.exp(log_ratio), np.exp(log_ratio - half), np.exp(log_ratio + half))
