"""Vectors by words instead of a model, for tests of what is done with vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from wildvalues.instruments import classifier, training
from wildvalues.instruments.vectors import Embedding
from wildvalues.params import Embed
from wildvalues.taxonomy import vectors

WORDS = Embedding("words", "0" * 64)
DIMENSION = 64


def by_words(strings: Sequence[str], embed: Embed) -> np.ndarray:
    """Return the unit vector of the hashed words of each string."""
    found = np.zeros((len(strings), DIMENSION), dtype=np.float32)
    for row, string in enumerate(strings):
        for word in string.lower().split():
            found[row, hashlib.sha256(word.encode()).digest()[0] % DIMENSION] += 1
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the instruments embed by words."""
    monkeypatch.setattr(vectors, "encode", by_words)
    for module in (classifier, training):
        monkeypatch.setattr(module, "embedding", lambda name: WORDS)
