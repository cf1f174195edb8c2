"""Conversations as vectors: what the user says and what the assistant says, each the mean of its passages.

Chosen on the tuning half of the gold labels (workflow/instruments/README.md): first and last turns apart, features of
style and cosines with descriptions of requests added nothing that lasts across sources, and more passages of long
conversations added cost only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.files import sha256_file
from wildvalues.llm.transcript import Turn, turns_of
from wildvalues.params import Embed

# MiniLM reads 256 tokens, about 900 characters of English.
CHUNK_CHARS = 900
# Passages of each speaker, spread evenly over a longer conversation: bounds what a conversation costs.
CHUNKS = 4
# Conversations embedded at once: enough to batch texts of one length, few enough to stay in memory.
_BLOCK = 2_000
SPEAKERS = ("user", "assistant")


@dataclass(frozen=True)
class Embedding:
    """An embedding model by name and by the sha256 of its weights."""

    name: str
    sha256: str


def embedding(name: str) -> Embedding:
    """Return the identity of an embedding model.

    Raises
    ------
    ModelError
        When the model is unknown or its files cannot be had.
    """
    from wildvalues.taxonomy.vectors import model_folder

    return Embedding(name, sha256_file(model_folder(name) / "model.safetensors"))


def conversation_vectors(conversations: pd.DataFrame, model: str) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors of conversations in blocks, in the order given.

    Parameters
    ----------
    conversations
        Rows with ``messages``.
    model
        Name of the embedding model, as in ``embed.model``.

    Yields
    ------
    ndarray
        float32, shape (conversations of the block, 2 x dimension): the mean of the user's unit vectors, then of the
        assistant's; zeros for a speaker who says nothing.
    """
    for start in range(0, len(conversations), _BLOCK):
        block = conversations["messages"].iloc[start : start + _BLOCK]
        yield _block_vectors([turns_of(messages) for messages in block], model)


def _block_vectors(conversations: list[list[Turn]], model: str) -> NDArray[np.float32]:
    from wildvalues.taxonomy import vectors

    texts: list[str] = []
    rows: list[int] = []
    for number, turns in enumerate(conversations):
        for place, speaker in enumerate(SPEAKERS):
            found = passages(turns, speaker)
            texts += found
            rows += [number * len(SPEAKERS) + place] * len(found)
    encoded = vectors.encode(texts, Embed(model=model))
    sums = np.zeros((len(conversations) * len(SPEAKERS), encoded.shape[1]), dtype=np.float32)
    np.add.at(sums, rows, encoded)
    counts = np.bincount(np.array(rows, dtype=np.int64), minlength=len(sums))
    means = sums / np.maximum(1, counts)[:, None].astype(np.float32)
    return np.asarray(means.reshape(len(conversations), -1), dtype=np.float32)


def passages(turns: list[Turn], speaker: str) -> list[str]:
    """Return at most `CHUNKS` passages of what `speaker` says, first and last included, none across turns."""
    found = [passage for turn in turns if turn.role == speaker for passage in _split(turn.text)]
    if len(found) <= CHUNKS:
        return found
    return [found[round(step * (len(found) - 1) / (CHUNKS - 1))] for step in range(CHUNKS)]


def _split(text: str) -> list[str]:
    """Split at spaces into passages of at most `CHUNK_CHARS` characters; a longer word is cut."""
    found: list[str] = []
    current = ""
    for word in text.split():
        if current and len(current) + 1 + len(word) > CHUNK_CHARS:
            found.append(current)
            current = ""
        current = f"{current} {word}".strip()[:CHUNK_CHARS]
    return [*found, current] if current else found
