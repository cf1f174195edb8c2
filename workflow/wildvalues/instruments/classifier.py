"""A classifier of conversations: one softmax regression on their vectors for each closed facet, kept in a small file.

The file is NumPy's ``.npz`` without pickled objects, so that opening it runs nothing. It holds numbers and the
description of what they were trained on; no text and no id of a conversation.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.errors import InputError
from wildvalues.instruments.prevalence import Probabilities, adapted
from wildvalues.instruments.vectors import CHUNK_CHARS, CHUNKS, Embedding, conversation_vectors, embedding

_FORMAT = 1
# Sixteen bits hold a coefficient to three digits, which is more than the labels determine.
_KEPT = np.float16
# Options of a head that tells whether a list facet has any value.
PRESENCE = ("some", "none")


@dataclass(frozen=True)
class HeldOut:
    """What a head said about conversations it was not trained on, to choose where to trust it.

    Parameters
    ----------
    probabilities
        Shape (conversations, options), adapted to the shares of each source as in use.
    labels
        Index of the right option, shape (conversations,).
    across
        Whether whole sources were left out; otherwise conversations were, and a new source is unlike them.
    """

    probabilities: Probabilities
    labels: NDArray[np.int64]
    across: bool


@dataclass(frozen=True)
class Head:
    """The regression of one facet.

    Parameters
    ----------
    options
        The facet's options in the order of its file; `PRESENCE` for a list facet.
    coefficients, intercepts
        Shapes (options, features) and (options,).
    prior
        Shares of the options that the probabilities assume, shape (options,).
    """

    facet: str
    options: tuple[str, ...]
    coefficients: NDArray[np.float32]
    intercepts: NDArray[np.float32]
    prior: Probabilities
    held_out: HeldOut

    def probabilities(self, vectors: NDArray[np.float32]) -> Probabilities:
        """Return the probability of each option, shape (conversations, options), before adaptation."""
        # As a sum of products row by row: a matrix product rounds otherwise for other numbers of rows and cores.
        logits = np.einsum("nf,of->no", vectors.astype(np.float64), self.coefficients.astype(np.float64))
        logits += self.intercepts
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Labelled:
    """A file of labels that a classifier was trained on.

    Parameters
    ----------
    ids_sha256
        Hex sha256 of the labelled conversations' ids, sorted, one a line.
    """

    file: str
    conversations: int
    ids_sha256: str


@dataclass(frozen=True)
class Classifier:
    """Heads by facet over one embedding."""

    embedding: Embedding
    heads: Mapping[str, Head]
    trained_on: tuple[Labelled, ...]
    sources: Mapping[str, int]

    def scores(self, conversations: pd.DataFrame) -> dict[str, Probabilities]:
        """Return each head's probabilities for conversations, adapted to the shares of each of their sources.

        Parameters
        ----------
        conversations
            Rows ``source`` and ``messages``.

        Raises
        ------
        InputError
            When the embedding model is not the one the classifier was trained on.
        ModelError
            When the embedding model cannot be had.
        """
        found: dict[str, list[Probabilities]] = {name: [] for name in self.heads}
        if len(conversations):
            self._check_embedding()
        for vectors in conversation_vectors(conversations, self.embedding.name):
            for name, head in self.heads.items():
                found[name].append(head.probabilities(vectors))
        sources = conversations["source"].fillna("").tolist()
        return {
            name: adapted(np.vstack([np.zeros((0, len(head.options))), *found[name]]), head.prior, sources)
            for name, head in self.heads.items()
        }

    def _check_embedding(self) -> None:
        here = embedding(self.embedding.name)
        if here != self.embedding:
            raise InputError(
                f"instruments.weights: trained on vectors of {self.embedding.name} with sha256 "
                f"{self.embedding.sha256[:12]}, but the model of that name here has {here.sha256[:12]}; "
                "run `wildvalues train` again with this model, or install the other"
            )


def save(classifier: Classifier, path: Path) -> None:
    """Write a classifier; equal classifiers give equal bytes."""
    arrays: dict[str, Any] = {}
    for name, head in classifier.heads.items():
        arrays[f"{name}.coefficients"] = head.coefficients.astype(_KEPT)
        arrays[f"{name}.intercepts"] = head.intercepts.astype(_KEPT)
        arrays[f"{name}.prior"] = head.prior.astype(np.float32)
        arrays[f"{name}.held_out"] = head.held_out.probabilities.astype(_KEPT)
        arrays[f"{name}.labels"] = head.held_out.labels.astype(np.int8)
    about = {
        "format": _FORMAT,
        "chunk_chars": CHUNK_CHARS,
        "chunks": CHUNKS,
        "embedding": asdict(classifier.embedding),
        "heads": {
            name: {"options": list(head.options), "across": head.held_out.across}
            for name, head in classifier.heads.items()
        },
        "trained_on": [asdict(labelled) for labelled in classifier.trained_on],
        "sources": dict(sorted(classifier.sources.items())),
    }
    arrays["about"] = np.array(json.dumps(about, sort_keys=True))
    with path.open("wb") as handle:
        np.savez(handle, allow_pickle=False, **arrays)


def as_kept(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return numbers with the precision that a file keeps, so that what is measured is what ships."""
    return np.asarray(values, dtype=_KEPT).astype(np.float32)


def load(path: Path) -> Classifier:
    """Read a classifier.

    Raises
    ------
    InputError
        When the file is missing or is not what `save` writes.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _revived(arrays)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {_HOW}") from None
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not weights of `wildvalues train` ({reason}); {_HOW}") from None


_HOW = "correct instruments.weights in params.yaml, or run `wildvalues train`"


def _revived(arrays: Mapping[str, NDArray[Any]]) -> Classifier:
    about = json.loads(str(arrays["about"]))
    settings = (about["format"], about["chunk_chars"], about["chunks"])
    if settings != (_FORMAT, CHUNK_CHARS, CHUNKS):
        raise ValueError("made by another version")
    heads = {name: _head(name, found["options"], found["across"], arrays) for name, found in about["heads"].items()}
    return Classifier(
        Embedding(**about["embedding"]),
        heads,
        tuple(Labelled(**one) for one in about["trained_on"]),
        about["sources"],
    )


def _head(name: str, options: Sequence[str], across: bool, arrays: Mapping[str, NDArray[Any]]) -> Head:
    coefficients = arrays[f"{name}.coefficients"].astype(np.float32)
    intercepts = arrays[f"{name}.intercepts"].astype(np.float32)
    prior = arrays[f"{name}.prior"].astype(np.float64)
    probabilities = arrays[f"{name}.held_out"].astype(np.float64)
    labels = arrays[f"{name}.labels"].astype(np.int64)
    n = len(options)
    fits = coefficients.ndim == 2 and len(coefficients) == n and intercepts.shape == prior.shape == (n,)
    if not fits or probabilities.shape != (len(labels), n) or not (labels < n).all():
        raise ValueError(f"the arrays of {name} do not fit one another")
    return Head(name, tuple(options), coefficients, intercepts, prior, HeldOut(probabilities, labels, bool(across)))
