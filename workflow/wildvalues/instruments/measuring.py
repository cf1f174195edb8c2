"""How good a classifier is on conversations it did not see: within the sources it knows, and on one it does not.

Choices (`training.C`, `prevalence.STEP`, the vectors) were made on one half of the labelled conversations, told by a
hash of their ids; everything here is measured on the other half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wildvalues.errors import InputError
from wildvalues.instruments.cascade import decided, thresholds
from wildvalues.instruments.classifier import PRESENCE, Head
from wildvalues.instruments.prevalence import Probabilities, adapted
from wildvalues.instruments.training import Examples, fit, held_out, tuning_half
from wildvalues.validation.facets import Resampling, Section, closed

HOW = Resampling(draws=1_000, seed=1)
WANTED_ERRORS = (0.02, 0.05, 0.1)


@dataclass(frozen=True)
class Judged:
    """Conversations with their labels and what a head that did not see them says.

    Parameters
    ----------
    raw, probabilities
        Before and after adaptation to the source, shape (conversations, options).
    labels
        Index of the right option.
    sure
        For each of `WANTED_ERRORS`, where a cascade would let the classifier decide.
    """

    options: tuple[str, ...]
    sources: NDArray[np.object_]
    raw: Probabilities
    probabilities: Probabilities
    labels: NDArray[np.int64]
    sure: tuple[NDArray[np.bool_], ...]

    def __len__(self) -> int:
        return len(self.labels)


def within(examples: Examples, facet: str, *, among: NDArray[np.bool_] | None = None, by_source: bool = True) -> Judged:
    """Judge the reporting half by a head trained on the tuning half.

    Parameters
    ----------
    among
        The conversations that are in the corpus at all, such as the subjective ones; None for all.
    by_source
        Whether a cascade's bounds are to hold for other sources too; see `training.train`.
    """
    known = _labelled(examples, facet) & examples.learnable
    tuning = tuning_half(examples.ids)
    head = fit(examples, facet, known & tuning)
    corpus = known & ~tuning & _or_all(among, known)
    return _joined([_judged(examples, head, corpus, ~tuning, known & tuning, among, by_source=by_source)])


def across(examples: Examples, facet: str, *, among: NDArray[np.bool_] | None = None) -> Judged:
    """Judge the reporting half of each source by a head trained on the other sources, as far as they are learnable.

    Raises
    ------
    InputError
        When there is no other source to learn from.
    """
    known = _labelled(examples, facet)
    tuning = tuning_half(examples.ids)
    parts = []
    for source in sorted(set(examples.sources[known])):
        here = known & (examples.sources == source)
        if not (known & ~here & examples.learnable).any():
            continue
        head = fit(examples, facet, known & ~here)
        corpus = here & _or_all(among, known)
        if (corpus & ~tuning).any():
            parts.append(_judged(examples, head, corpus, ~tuning, known & ~here, among))
    if not parts:
        raise InputError(
            f"{facet}: all labelled conversations are of one source, so how well it is read on a new source cannot be "
            "measured; add labels of another source (--test-labels), or leave --report out"
        )
    return _joined(parts)


def _judged(
    examples: Examples,
    head: Head,
    corpus: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    trained: NDArray[np.bool_],
    among: NDArray[np.bool_] | None,
    *,
    by_source: bool = True,
) -> Judged:
    """Adapt to all of `corpus`, without its labels, and keep what is `counted`."""
    raw = head.probabilities(examples.vectors[corpus])
    found = adapted(raw, head.prior, [str(source) for source in examples.sources[corpus]])
    unseen = held_out(examples, head.facet, trained, among, by_source=by_source)
    # That there is some value is for the model, which names it.
    settled = found.argmax(axis=1) == PRESENCE.index("none") if head.options == PRESENCE else np.True_
    keep = counted[corpus]
    return Judged(
        head.options,
        examples.sources[corpus][keep],
        raw[keep],
        found[keep],
        examples.targets[head.facet].labels[corpus][keep],
        tuple((settled & decided(found, thresholds(unseen, error)))[keep] for error in WANTED_ERRORS),
    )


def agreement(judged: Judged, *, adapt: bool = True) -> Section:
    """Return accuracy, kappa and macro F1 with bootstrap intervals."""
    found = (judged.probabilities if adapt else judged.raw).argmax(axis=1)
    return closed(
        [judged.options[label] for label in judged.labels],
        [judged.options[label] for label in found],
        judged.options,
        HOW,
        macro_f1=True,
    )


def by_source(judged: Judged) -> Iterator[tuple[str, int, float, float, float]]:
    """Yield source, conversations, share of the first option, share right before and after adaptation."""
    for source in sorted(set(judged.sources)):
        here = judged.sources == source
        labels = judged.labels[here]
        right = [float((p[here].argmax(axis=1) == labels).mean()) for p in (judged.raw, judged.probabilities)]
        yield str(source), int(here.sum()), float((labels == 0).mean()), right[0], right[1]


def sureness(judged: Judged) -> Iterator[tuple[float, float, float | None]]:
    """Yield wanted error, share that the classifier decides, its error there (None where it decides nothing)."""
    wrong = judged.probabilities.argmax(axis=1) != judged.labels
    for wanted, sure in zip(WANTED_ERRORS, judged.sure, strict=True):
        yield wanted, float(sure.mean()) if len(sure) else 0.0, float(wrong[sure].mean()) if sure.any() else None


def interval(section: Section, name: str) -> str:
    """Return a measure of `agreement` with its interval, as text."""
    value, low, high = (section[f"{name}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return "not defined"
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _labelled(examples: Examples, facet: str) -> NDArray[np.bool_]:
    return np.asarray(examples.targets[facet].labels >= 0)


def _or_all(among: NDArray[np.bool_] | None, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.ones_like(known) if among is None else among


def _joined(parts: Sequence[Judged]) -> Judged:
    return Judged(
        parts[0].options,
        np.concatenate([part.sources for part in parts]),
        np.vstack([part.raw for part in parts]),
        np.vstack([part.probabilities for part in parts]),
        np.concatenate([part.labels for part in parts]),
        tuple(np.concatenate(sure) for sure in zip(*(part.sure for part in parts), strict=True)),
    )
