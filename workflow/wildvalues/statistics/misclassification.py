"""Shares corrected for an instrument's known errors: Rogan and Gladen for two labels, its matrix form for more.

An instrument that is right eight times in ten pulls every share towards the middle. On conversations with gold labels
its errors are known: ``errors[g, f]`` is the share of label g that it calls f. What it finds in the whole corpus is
then ``found = shares @ errors``, which is solved for the shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Below this the errors leave the shares open: two labels are called alike nearly regardless of which is right. For two
# labels with balanced errors it is Youden's J over sqrt(2) or more, so J of about 0.1 is asked for.
_LEAST_SINGULAR_VALUE = 0.07


@dataclass(frozen=True)
class Corrected:
    """Shares of labels, each with a 95 % interval; shape (labels,). NaN where the errors leave them open."""

    shares: Floats
    low: Floats
    high: Floats


def corrected_shares(confusion: ArrayLike, found: ArrayLike, *, draws: int, seed: int) -> Corrected:
    """Return the shares of labels in a corpus, from what an instrument found and how it errs.

    Parameters
    ----------
    confusion
        Counts gold x found of the conversations with gold labels, shape (labels, labels). These must be like the
        corpus in how each label is called; their shares need not be the corpus's.
    found
        Conversations of the corpus by the label that was found, shape (labels,).
    draws
        Resamples for the interval: of the gold conversations within each label, and of the corpus.

    Notes
    -----
    For two labels this is (found + specificity - 1) / (sensitivity + specificity - 1), cut to [0, 1]: Rogan W J,
    Gladen B (1978), Am J Epidemiol 107:71-76. For more, least squares over shares that are no less than 0 and add up
    to 1 (the matrix method: Barron B A (1977), Biometrics 33:414-418; with bounds, Kuha J, Skinner C (1997), in
    Survey Measurement and Process Quality, ch. 28). Labels without a gold conversation, about whose errors nothing is
    known, are taken to be called rightly.
    """
    counts, totals = np.asarray(confusion, dtype=float), np.asarray(found, dtype=float)
    value = _solve(_errors(counts), totals / totals.sum()) if totals.sum() else None
    if value is None:
        nothing = np.full(len(totals), np.nan)
        return Corrected(nothing, nothing, nothing)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        again = np.stack([rng.multinomial(int(row.sum()), row / row.sum()) if row.sum() else row for row in counts])
        corpus = rng.multinomial(int(totals.sum()), totals / totals.sum()) / totals.sum()
        if (shares := _solve(_errors(again), corpus)) is not None:
            drawn.append(shares)
    if not drawn:
        return Corrected(value, np.full(len(value), np.nan), np.full(len(value), np.nan))
    low, high = np.quantile(np.stack(drawn), [0.025, 0.975], axis=0)
    return Corrected(value, np.minimum(low, value), np.maximum(high, value))


def _errors(counts: Floats) -> Floats:
    rows = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(rows > 0, counts / rows, np.eye(len(counts))))


def _solve(errors: Floats, found: Floats) -> Floats | None:
    """Return the shares that come nearest to what was found, or None where the errors leave them open."""
    from scipy.optimize import nnls

    if np.linalg.svd(errors, compute_uv=False)[-1] < _LEAST_SINGULAR_VALUE:
        return None
    # A heavy row of ones holds the sum at 1.
    weight = 1e4
    shares, _ = nnls(np.vstack([errors.T, np.full(len(found), weight)]), np.append(found, weight))
    return np.asarray(shares / shares.sum())
