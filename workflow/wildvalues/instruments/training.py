"""From labelled conversations to a classifier, and to what it would say about conversations it did not see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.errors import InputError
from wildvalues.files import sha256_text
from wildvalues.instruments.classifier import PRESENCE, Classifier, Head, HeldOut, Labelled, as_kept
from wildvalues.instruments.labels import read_labels
from wildvalues.instruments.prevalence import MIN_CORPUS, Probabilities, adapted
from wildvalues.instruments.vectors import conversation_vectors, embedding
from wildvalues.llm.facets import ChoiceFacet, ListFacet, PhraseFacet, Reading

# Inverse strength of the ridge. Of 0.1, 0.3, 1, 3 and 10 the best on the tuning half, across sources; weights that
# make sources or options count alike changed little there and are left out.
C = 1.0
# Parts of the conversations left out in turn where there are no sources to leave out.
FOLDS = 8
# Logit of an option that no example has.
_NEVER = -30.0
_FEWEST = 40
# The facet whose first option decides what the other facets are read off.
SCREENING = "subjectivity"


@dataclass(frozen=True)
class Target:
    """What a head is to learn.

    Parameters
    ----------
    labels
        Index of each conversation's option, -1 where it has no label; shape (conversations,).
    """

    options: tuple[str, ...]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """Labelled conversations, sorted by id.

    Parameters
    ----------
    vectors
        float32, shape (conversations, features).
    learnable
        Which of them may be trained on; the others are there to measure on.
    """

    ids: NDArray[np.object_]
    sources: NDArray[np.object_]
    vectors: NDArray[np.float32]
    targets: Mapping[str, Target]
    learnable: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


def tuning_half(ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return which conversations choices were made on: those whose id's sha256 begins with an even hex digit."""
    return np.array([int(sha256_text(str(one))[0], 16) % 2 == 0 for one in ids], dtype=bool)


def make_examples(
    conversations: pd.DataFrame,
    readings: Mapping[str, Mapping[str, str | None]],
    options: Mapping[str, tuple[str, ...]],
    model: str,
) -> Examples:
    """Embed conversations and put their labels beside them.

    Parameters
    ----------
    conversations
        Rows of `tables.CONVERSATIONS`.
    readings
        Facet -> conversation id -> option; conversations without any label are left out.
    model
        Name of the embedding model.

    Raises
    ------
    InputError
        When fewer than 40 conversations have a label.
    """
    labelled = {identity for found in readings.values() for identity, option in found.items() if option is not None}
    used = conversations[conversations["conversation_id"].isin(labelled)].sort_values("conversation_id")
    if len(used) < _FEWEST:
        raise InputError(
            f"only {len(used)} of {len(conversations)} conversations have a label; a classifier needs at least "
            f"{_FEWEST}: give the labels of these conversations, or the conversations of these labels"
        )
    vectors = np.vstack(list(conversation_vectors(used, model)))
    ids = used["conversation_id"].to_numpy(dtype=object)
    targets = {}
    for facet, found in readings.items():
        index = {option: number for number, option in enumerate(options[facet])}
        given = [found.get(str(identity)) for identity in ids]
        labels = np.array([-1 if option is None else index[option] for option in given], dtype=np.int64)
        if len(set(labels[labels >= 0])) < 2:
            raise InputError(f"{facet}: the labels name fewer than two of its options, so there is nothing to learn")
        targets[facet] = Target(options[facet], labels)
    sources = used["source"].fillna("").to_numpy(dtype=object)
    return Examples(ids, sources, vectors, targets, np.ones(len(ids), dtype=bool))


def with_test(examples: Examples, test: Examples) -> Examples:
    """Return examples followed by those of `test`, which are measured on and never trained on.

    Raises
    ------
    InputError
        When a conversation is in both.
    """
    if common := sorted(set(examples.ids) & set(test.ids)):
        raise InputError(f"conversation {common[0]!r} is to be trained on and to be measured on; give it once")
    return Examples(
        np.concatenate([examples.ids, test.ids]),
        np.concatenate([examples.sources, test.sources]),
        np.vstack([examples.vectors, test.vectors]),
        {
            name: Target(target.options, np.concatenate([target.labels, test.targets[name].labels]))
            for name, target in examples.targets.items()
        },
        np.concatenate([examples.learnable, np.zeros(len(test), dtype=bool)]),
    )


def options_of(facets: Mapping[str, ListFacet | PhraseFacet | ChoiceFacet]) -> dict[str, tuple[str, ...]]:
    """Return what can be told apart of each facet: a choice's options, whether a list has any value.

    Raises
    ------
    InputError
        When a facet is answered with a phrase.
    """
    found = {}
    for name, facet in facets.items():
        if isinstance(facet, PhraseFacet):
            raise InputError(f"{name}: is answered with a phrase, which no classifier can name; leave it out")
        found[name] = tuple(facet.options) if isinstance(facet, ChoiceFacet) else PRESENCE
    return found


def read_gold_labels(
    paths: Sequence[Path], conversations: pd.DataFrame, facets: Mapping[str, ListFacet | PhraseFacet | ChoiceFacet]
) -> tuple[dict[str, dict[str, str | None]], list[Labelled]]:
    """Return the option of each facet by conversation from files in the gold schema, and what each file held."""
    found: dict[str, dict[str, str | None]] = {name: {} for name in facets}
    files = []
    for path in paths:
        labels = read_labels(path)
        ids = sorted(set(labels.ids) & set(conversations["conversation_id"]))
        files.append(Labelled(path.name, len(ids), sha256_text("".join(f"{identity}\n" for identity in ids))))
        mine = conversations[conversations["conversation_id"].isin(ids)]
        for name, facet in facets.items():
            for identity, reading in labels.readings(mine, {name: facet}).items():
                if isinstance(reading, Reading):
                    label = reading.items[0].label
                    found[name][identity] = label if isinstance(facet, ChoiceFacet) else PRESENCE[label is None]
    return found, files


def train(examples: Examples, model: str, trained_on: Sequence[Labelled], *, by_source: bool = True) -> Classifier:
    """Train a head for each target on all examples, with what it says about examples it was not trained on.

    Parameters
    ----------
    by_source
        Leave out whole sources, for weights that are to read other ones; else conversations, for weights that are to
        read more of the same.
    """
    heads = {}
    for name, target in examples.targets.items():
        everything = target.labels >= 0
        unseen = held_out(examples, name, everything, seen_by(examples, name), by_source=by_source)
        heads[name] = fit(examples, name, everything, unseen)
    counts = Counter(str(source) for source in examples.sources)
    return Classifier(embedding(model), heads, tuple(trained_on), dict(counts))


def fit(examples: Examples, name: str, rows: NDArray[np.bool_], unseen: HeldOut | None = None) -> Head:
    """Fit the head of facet `name` on the examples in `rows`."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    target = examples.targets[name]
    rows = rows & (target.labels >= 0) & examples.learnable
    labels = target.labels[rows]
    n = len(target.options)
    coefficients = np.zeros((n, examples.vectors.shape[1]), dtype=np.float32)
    intercepts = np.full(n, _NEVER, dtype=np.float32)
    prior = np.bincount(labels, minlength=n) / len(labels)
    seen = np.flatnonzero(prior)
    if len(seen) == 1:
        intercepts[seen] = 0.0
    else:
        # One thread: with more the last digits depend on how many there are.
        with threadpool_limits(limits=1):
            model = LogisticRegression(C=C, max_iter=2_000).fit(examples.vectors[rows].astype(np.float64), labels)
        two = len(seen) == 2
        coefficients[seen] = np.vstack([np.zeros_like(model.coef_), model.coef_]) if two else model.coef_
        intercepts[seen] = np.append([0.0], model.intercept_) if two else model.intercept_
    nothing = HeldOut(np.zeros((0, n)), np.zeros(0, dtype=np.int64), False)
    kept = prior.astype(np.float32).astype(np.float64)
    return Head(name, target.options, as_kept(coefficients), as_kept(intercepts), kept, unseen or nothing)


def predicted(examples: Examples, head: Head, rows: NDArray[np.bool_]) -> Probabilities:
    """Return a head's probabilities for the examples in `rows`, adapted to each of their sources as in use."""
    raw = head.probabilities(examples.vectors[rows])
    return adapted(raw, head.prior, [str(source) for source in examples.sources[rows]])


def parts(
    examples: Examples, rows: NDArray[np.bool_], *, by_source: bool = True
) -> tuple[list[NDArray[np.bool_]], bool]:
    """Return what to leave out in turn: whole sources, or eighths of the conversations where there is one source.

    Returns
    -------
    list of ndarray, bool
        The parts of `rows`, and whether they are sources.
    """
    common = [source for source, count in Counter(examples.sources[rows]).items() if count >= MIN_CORPUS]
    if by_source and len(common) > 1:
        return [rows & (examples.sources == source) for source in sorted(set(examples.sources[rows]))], True
    fold = np.array([int(sha256_text(f"fold {one}")[:8], 16) % FOLDS for one in examples.ids])
    return [rows & (fold == part) for part in range(FOLDS) if (rows & (fold == part)).any()], False


def seen_by(examples: Examples, name: str) -> NDArray[np.bool_]:
    """Return the examples that facet `name` is read off in a study: for all but the screening's, the subjective ones.

    Of the others most have no values to take a stance on; where a head is sure about them says nothing about the rest.
    """
    screening = examples.targets.get(SCREENING)
    if name == SCREENING or screening is None:
        return np.ones(len(examples), dtype=bool)
    return np.asarray(screening.labels == 0)


def held_out(
    examples: Examples,
    name: str,
    rows: NDArray[np.bool_],
    among: NDArray[np.bool_] | None = None,
    *,
    by_source: bool = True,
) -> HeldOut:
    """Return what heads trained on part of `rows` say about the rest of them that are in `among`, each once.

    Parameters
    ----------
    among
        The conversations that the facet is read off; None for all.
    """
    labels = examples.targets[name].labels
    rows = rows & (labels >= 0) & examples.learnable
    counted = rows if among is None else rows & among
    left_out, across = parts(examples, rows, by_source=by_source)
    found = np.zeros((len(examples), len(examples.targets[name].options)))
    for part in left_out:
        asked = part & counted
        if (rows & ~part).any() and asked.any():
            head = fit(examples, name, rows & ~part)
            found[asked] = predicted(examples, head, asked) if across else head.probabilities(examples.vectors[asked])
    if not across:
        prior = np.bincount(labels[rows], minlength=found.shape[1]) / rows.sum()
        found[counted] = adapted(found[counted], prior, [str(source) for source in examples.sources[counted]])
    return HeldOut(found[counted], labels[counted], across)
