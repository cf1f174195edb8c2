"""Corrections for testing many pairs: Bonferroni, its bound on a residual, and Benjamini-Hochberg."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control, norm


def bonferroni(p: ArrayLike, n_tests: int) -> NDArray[np.float64]:
    """Return p values multiplied by the number of tests, at most 1."""
    corrected: NDArray[np.float64] = np.minimum(np.asarray(p, dtype=float) * n_tests, 1.0)
    return corrected


def bonferroni_threshold(alpha: float, n_tests: int) -> float:
    """Return the |residual| above which a two-sided normal test survives Bonferroni; NaN without tests.

    For 0.05 and the 3,307 AI values of the published study this is its 4.33.
    """
    return float(norm.isf(alpha / n_tests / 2)) if n_tests else float("nan")


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Return q values: the least false discovery rate at which each test is still called (1995)."""
    values = np.asarray(p, dtype=float)
    if values.size == 0:
        return values
    adjusted: NDArray[np.float64] = np.asarray(false_discovery_control(values.ravel(), method="bh"))
    return adjusted.reshape(values.shape)
