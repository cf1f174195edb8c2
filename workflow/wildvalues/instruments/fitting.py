"""Fit the lexicon of the instrument `probe` to labelled conversations, and measure it on sources it was not fitted to.

The scale (`naming_words.Scale`) is a logistic regression over pairs of conversation and name: does the name mean the
same as one of the conversation's labels? The shares are how often each name does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wildvalues.instruments.naming_words import Scale, choose_names, name_features, score_names
from wildvalues.instruments.probe import AT_LEAST
from wildvalues.instruments.training import tuning_half
from wildvalues.validation.facets import Encode, Resampling, Section, open_lists

Floats = NDArray[np.float64]
Words = Sequence[Sequence[Mapping[str, float]]]

# Added to every share: a name that no label means is rare, not impossible.
_SMOOTHING = 0.003
# Inverse strength of the ridge; six coefficients from tens of thousands of pairs hardly feel it.
_C = 1.0


@dataclass(frozen=True)
class Answered:
    """What the model answered about labelled conversations, sorted by id.

    Parameters
    ----------
    words
        Facet -> for each probe, for each conversation: word -> natural-log probability.
    labels
        Facet -> for each conversation the names its labels give.
    """

    ids: Sequence[str]
    sources: NDArray[np.object_]
    words: Mapping[str, Words]
    labels: Mapping[str, Sequence[Sequence[str]]]

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, rows: NDArray[np.bool_]) -> Answered:
        """Return the conversations in `rows`."""
        kept = [int(row) for row in np.flatnonzero(rows)]
        return Answered(
            [self.ids[row] for row in kept],
            self.sources[kept],
            {facet: [[probe[row] for row in kept] for probe in probes] for facet, probes in self.words.items()},
            {facet: [names[row] for row in kept] for facet, names in self.labels.items()},
        )


@dataclass(frozen=True)
class Space:
    """The names of a lexicon and the vectors by which words come near to them.

    Parameters
    ----------
    names
        In the order of the file.
    name_vectors
        Unit vectors, shape (names, dimension).
    word_vectors
        Unit vector of each word that some answer has.
    """

    names: Sequence[str]
    name_vectors: NDArray[np.float32]
    word_vectors: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, names: Sequence[str], answered: Answered, encode: Encode) -> Space:
        """Return the space of these names and of all words in the answers."""
        words = sorted({word for probes in answered.words.values() for one in probes for row in one for word in row})
        return cls(names, np.asarray(encode(list(names))), dict(zip(words, encode(words), strict=True)))


@dataclass(frozen=True)
class Fitted:
    """A scale, and for each facet the share of conversations that each name fits, shape (names,)."""

    scale: Scale
    shares: Mapping[str, Floats]


def alike(
    names: Sequence[str], labels: Sequence[Sequence[str]], encode: Encode, similarity: float
) -> NDArray[np.bool_]:
    """Return which names mean the same as a label of each conversation, shape (conversations, names).

    Parameters
    ----------
    encode
        Strings to unit vectors, by the model that judges sameness.
    similarity
        Cosine from which two names count as the same.
    """
    distinct = sorted({label for row in labels for label in row})
    if not distinct:
        return np.zeros((len(labels), len(names)), dtype=bool)
    same = np.round(encode(list(names)) @ encode(distinct).T, 5) >= similarity
    at = {label: column for column, label in enumerate(distinct)}
    return np.stack([same[:, [at[label] for label in row]].any(axis=1) for row in labels])


def fit(answered: Answered, space: Space, same: Mapping[str, NDArray[np.bool_]], scaled_by: str) -> Fitted:
    """Fit the scale to one facet, whose labels are many, and the shares of each.

    Parameters
    ----------
    same
        For each facet the result of `alike`.
    scaled_by
        Facet whose labels the scale is fitted to.
    """
    from sklearn.linear_model import LogisticRegression

    labelled = {facet: np.array([bool(row) for row in answered.labels[facet]]) for facet in answered.labels}
    shares = {
        facet: (same[facet][rows].mean(axis=0) if rows.any() else np.zeros(len(space.names))) + _SMOOTHING
        for facet, rows in labelled.items()
    }
    features = name_features(
        answered.words[scaled_by], space.word_vectors, space.name_vectors, shares[scaled_by], centred=True
    )
    pairs = features.reshape(-1, features.shape[-1])
    centre, spread = pairs.mean(axis=0), pairs.std(axis=0)
    spread[spread == 0] = 1.0
    found = LogisticRegression(C=_C, max_iter=500).fit((pairs - centre) / spread, same[scaled_by].ravel())
    scale = Scale(tuple(found.coef_[0]), tuple(centre), tuple(spread), float(found.intercept_[0]))
    return Fitted(scale, shares)


def across_sources(
    answered: Answered, space: Space, same: Mapping[str, NDArray[np.bool_]], scaled_by: str
) -> Iterator[tuple[NDArray[np.bool_], Fitted]]:
    """Yield the rows of each source, and what the labels of the other sources give; of one source, its two halves."""
    parts = answered.sources
    if len(set(parts)) < 2:
        parts = tuning_half(answered.ids).astype(object)
    for part in sorted(set(parts)):
        here = parts == part
        if not here.all():
            kept = {facet: rows[~here] for facet, rows in same.items()}
            yield here, fit(answered.only(~here), space, kept, scaled_by)


def named(answered: Answered, space: Space, fitted: Fitted, facet: str, most: int) -> list[list[str]]:
    """Return the names that the instrument would report of each conversation."""
    likely = score_names(
        answered.words[facet], space.word_vectors, space.name_vectors, fitted.shares[facet], fitted.scale, centred=True
    )
    near = space.name_vectors.astype(float) @ space.name_vectors.astype(float).T
    return [
        [space.names[name] for name in choose_names(row, near, most=most, at_least=AT_LEAST)]
        for row in np.round(likely, 6)
    ]


def measure(
    answered: Answered,
    space: Space,
    same: Mapping[str, NDArray[np.bool_]],
    most: Mapping[str, int],
    encode: Encode,
    similarity: float,
    how: Resampling,
) -> dict[str, Section]:
    """Return for each facet how well the names of conversations with labels are found, across sources.

    Every conversation is named by what the labels of the other sources give; counted are those of the reporting half
    (`training.tuning_half` tells them apart).

    Parameters
    ----------
    most
        For each facet the most names a conversation gets; the first facet scales them all.
    """
    scaled_by = next(iter(most))
    found: dict[str, list[list[str]]] = {facet: [[] for _ in answered.ids] for facet in most}
    reached = np.zeros(len(answered), dtype=bool)
    for here, fitted in across_sources(answered, space, same, scaled_by):
        reached |= here
        part = answered.only(here)
        for facet, limit in most.items():
            for row, names in zip(np.flatnonzero(here).tolist(), named(part, space, fitted, facet, limit), strict=True):
                found[facet][row] = names
    counted = reached & ~tuning_half(answered.ids)
    sections = {}
    for facet in most:
        rows = [row for row in np.flatnonzero(counted).tolist() if answered.labels[facet][row]]
        gold = [list(answered.labels[facet][row]) for row in rows]
        sections[facet] = open_lists(gold, [found[facet][row] for row in rows], encode, similarity, how)
    return sections
