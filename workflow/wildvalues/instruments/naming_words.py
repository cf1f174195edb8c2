"""From a model's next words to names of values: each name of the lexicon is scored by how near those words come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Words that count, for each conversation; more add noise.
_TOP_WORDS = 20
# A word's gain over its mean in the corpus is cut here, in nats: rare words have no bounds otherwise.
_MOST_GAIN = 4.0
# Weight of a word: its gain times the square root of its probability, so that it stands out and is plausible.
_PLAUSIBILITY = 0.5
# Cosines below this say nothing about a short name.
_UNRELATED = 0.3
_MASS_FROM = 0.45
# A conversation whose list lacks a word gives it this many nats less than the last word of the list.
_UNLISTED = 1.0


@dataclass(frozen=True)
class Scale:
    """How features become the log-odds that a name fits: fitted by `wildvalues.instruments.fitting`.

    Features, in this order: nearness of the weighted words (mean over the probes), of the best single word (mean),
    log probability mass around the name (mean), the first two of the first probe alone (nearness, mass), and the log
    of the name's prior. `centre` and `spread` standardise them.
    """

    coefficients: tuple[float, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    intercept: float


def score_names(
    answers: Sequence[Sequence[Mapping[str, float]]],
    word_vectors: Mapping[str, NDArray[np.float32]],
    name_vectors: NDArray[np.float32],
    priors: Floats,
    scale: Scale,
    *,
    centred: bool,
) -> Floats:
    """Return the probability that each name fits each conversation, shape (conversations, names).

    Parameters
    ----------
    answers
        For each probe, for each conversation: word -> natural-log probability.
    word_vectors
        Unit vector of each word.
    name_vectors
        Unit vectors, shape (names, dimension).
    priors
        Share of conversations that a name fits, shape (names,).
    centred
        Whether to take away the corpus mean: a model favours some words whatever the text.
    """
    features = name_features(answers, word_vectors, name_vectors, priors, centred=centred)
    standard = (features - np.array(scale.centre)) / np.array(scale.spread)
    odds = standard @ np.array(scale.coefficients) + scale.intercept
    return np.asarray(1 / (1 + np.exp(-odds)))


def name_features(
    answers: Sequence[Sequence[Mapping[str, float]]],
    word_vectors: Mapping[str, NDArray[np.float32]],
    name_vectors: NDArray[np.float32],
    priors: Floats,
    *,
    centred: bool,
) -> Floats:
    """Return the features of `Scale`, shape (conversations, names, 6)."""
    parts = [_probe_features(answer, word_vectors, name_vectors, centred=centred) for answer in answers]
    near, best, mass = (np.mean([part[which] for part in parts], axis=0) for which in range(3))
    prior = np.broadcast_to(np.log(priors), near.shape)
    return np.stack([near, best, mass, parts[0][0], parts[0][2], prior], axis=-1)


def _probe_features(
    answers: Sequence[Mapping[str, float]],
    word_vectors: Mapping[str, NDArray[np.float32]],
    name_vectors: NDArray[np.float32],
    *,
    centred: bool,
) -> tuple[Floats, Floats, Floats]:
    words, logs = _table(answers)
    if not words:
        empty = np.zeros((len(answers), len(name_vectors)))
        return empty, empty, empty
    vectors = np.stack([word_vectors[word] for word in words]).astype(float)
    cosine = np.round(vectors @ name_vectors.astype(float).T, 5)
    gain = logs - logs.mean(axis=0) if centred else logs - logs.mean()
    weights = np.clip(gain, 0, _MOST_GAIN) * np.exp(_PLAUSIBILITY * logs)
    near, best = np.zeros((len(answers), len(name_vectors))), np.zeros((len(answers), len(name_vectors)))
    for row, weight in enumerate(weights):
        top = np.argsort(-weight, kind="stable")[:_TOP_WORDS]
        if weight[top[0]] <= 0:
            continue
        pooled = weight[top] @ vectors[top]
        near[row] = (weight[top] @ cosine[top]) / np.linalg.norm(pooled)
        best[row] = (weight[top, None] / weight[top[0]] * np.clip(cosine[top] - _UNRELATED, 0, None)).max(axis=0)
    probability = np.exp(logs)
    probability /= probability.sum(axis=1, keepdims=True)
    related = np.clip((cosine - _MASS_FROM) / (1 - _MASS_FROM), 0, None)
    mass = np.log(1e-4 + probability @ related)
    if centred:
        near, best = near - near.mean(axis=0), best - best.mean(axis=0)
    return near, best, mass - mass.mean()


def _table(answers: Sequence[Mapping[str, float]]) -> tuple[list[str], Floats]:
    """Return the words of all answers and their log probabilities, shape (conversations, words)."""
    words = sorted({word for answer in answers for word in answer})
    column = {word: number for number, word in enumerate(words)}
    logs = np.zeros((len(answers), len(words)))
    for row, answer in enumerate(answers):
        logs[row] = min(answer.values(), default=0.0) - _UNLISTED
        for word, log in answer.items():
            logs[row, column[word]] = log
    return words, logs


def choose_names(
    probabilities: Floats, alike: Floats, *, most: int, at_least: float, discount: float = 0.3
) -> list[int]:
    """Return the names to report for one conversation, the likeliest first; at least one.

    Parameters
    ----------
    probabilities
        Of each name, shape (names,).
    alike
        Cosine between the names, shape (names, names).
    at_least
        Names below this probability are not reported, but for the first.
    discount
        Share of a name's probability that goes when a name of the same meaning was taken; a half-way cosine takes
        part of it.
    """
    left = probabilities.astype(float).copy()
    taken: list[int] = []
    while len(taken) < most:
        best = int(left.argmax())
        if taken and left[best] < at_least:
            break
        taken.append(best)
        left = left * (1 - discount * np.clip((alike[best] - 0.35) / 0.65, 0, 1))
        left[best] = -1.0
    return taken
