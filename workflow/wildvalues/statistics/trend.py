"""Trends of a share over ordered groups, such as weeks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike


def cochran_armitage(observed: ArrayLike, totals: ArrayLike) -> tuple[float, float]:
    """Return z and the two-sided p of a linear trend of shares over groups in their order.

    Parameters
    ----------
    observed, totals
        Members with the property, and all members, of each group; groups are taken to be evenly spaced.

    Notes
    -----
    Armitage P (1955), Biometrics 11:375-386. z is positive where shares rise; NaN where they cannot differ.
    """
    having, n = np.asarray(observed, dtype=float), np.asarray(totals, dtype=float)
    scores = np.arange(len(n), dtype=float)
    everyone = n.sum()
    share = having.sum() / everyone if everyone else math.nan
    spread = (n * scores**2).sum() - (n * scores).sum() ** 2 / everyone if everyone else math.nan
    variance = share * (1 - share) * spread
    if not variance > 0:
        return math.nan, math.nan
    z = float((scores * (having - n * share)).sum() / math.sqrt(variance))
    return z, math.erfc(abs(z) / math.sqrt(2))
