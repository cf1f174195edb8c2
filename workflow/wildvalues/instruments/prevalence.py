"""How common each option is in a corpus, estimated without labels, and probabilities adapted to it.

Sources differ wildly in how common a label is (of crowd workers' provocations 93 % are subjective, of their everyday
questions 34 %), and a classifier carries the shares of what it was trained on along. Saerens, Latinne and Decaestecker
(2002, doi:10.1162/089976602753284446) estimate the new shares by expectation maximisation from the classifier's own
probabilities. The full step overshoots when the texts differ too, so half of it is taken, in logarithms: of 0, 1/4,
1/2, 3/4 and 1 the best on the tuning half of the gold labels, across sources.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]

STEP = 0.5
# Fewer conversations of a source say too little about its shares; as in `calibration.MIN_CORPUS`.
MIN_CORPUS = 20
_ROUNDS = 200
_SMALLEST = 1e-6


def adapted(probabilities: Probabilities, prior: Probabilities, sources: Sequence[str]) -> Probabilities:
    """Return probabilities adapted to the shares of each source, so that rows sum to 1.

    Parameters
    ----------
    probabilities
        Shape (conversations, options), by a classifier trained where the options had the shares `prior`.
    prior
        Shape (options,).
    sources
        Source of each conversation; those with fewer than `MIN_CORPUS` conversations are left as they are.
    """
    found = probabilities.copy()
    names = np.asarray(sources, dtype=object)
    for source in sorted(set(sources)):
        here = names == source
        if here.sum() >= MIN_CORPUS:
            ratio = shares(probabilities[here], prior) / np.maximum(prior, _SMALLEST)
            found[here] = _normalised(probabilities[here] * np.maximum(ratio, _SMALLEST) ** STEP)
    return found


def shares(probabilities: Probabilities, prior: Probabilities) -> Probabilities:
    """Return the shares of the options in a corpus by expectation maximisation, shape (options,)."""
    before = np.maximum(prior, _SMALLEST)
    now = before / before.sum()
    for _ in range(_ROUNDS):
        after = _normalised(probabilities * (now / before)).mean(axis=0)
        if np.abs(after - now).max() < _SMALLEST:
            break
        now = after
    return np.asarray(now)


def _normalised(weights: Probabilities) -> Probabilities:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
