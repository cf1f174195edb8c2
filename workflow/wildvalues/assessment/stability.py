"""What stays of a tree under other seeds and other conversations, and what other methods and models make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wildvalues.assessment.partitions import Labels, mutual_information, share_moved
from wildvalues.assessment.resampling import CHANGE, drawn_again, thinned
from wildvalues.assessment.subjects import Subject
from wildvalues.params import Cluster
from wildvalues.progress import progress
from wildvalues.taxonomy.hierarchy import build

# Methods that need nothing but vectors, so that they can be run again at no cost.
REBUILT = ("kmeans", "hdbscan")


@dataclass(frozen=True)
class Spread:
    """Mean, lowest and highest of several runs; None where no run says anything."""

    mean: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, numbers: Sequence[float | None]) -> Spread:
        """Sum up what several runs gave."""
        known = [number for number in numbers if number is not None]
        if not known:
            return cls(None, None, None)
        return cls(round(float(np.mean(known)), 6), round(min(known), 6), round(max(known), 6))


@dataclass(frozen=True)
class Run:
    """A tree built again: the values that were there, and the labels of each level, finest first."""

    present: NDArray[np.bool_]
    labels: list[Labels]


@dataclass(frozen=True)
class Stability:
    """How one level of a tree holds.

    Attributes
    ----------
    seeds
        Adjusted mutual information with trees of other seeds.
    resampled
        The same with trees of bootstrap resamples of the conversations.
    less, more
        Share of values that change their cluster when a tenth of the conversations is taken away, or added.
    """

    seeds: Spread
    resampled: Spread
    less: Spread
    more: Spread


def rebuilt(
    subject: Subject,
    cluster: Cluster,
    *,
    vectors: NDArray[np.floating] | None = None,
    counts: NDArray[np.int64] | None = None,
    least: int = 1,
) -> Run:
    """Build the tree again, with other vectors or with other counts; values rarer than `least` drop out."""
    counts = subject.counts if counts is None else counts
    vectors = subject.vectors if vectors is None else vectors
    present = counts >= least
    found = build(vectors[present], counts[present], cluster)
    labels = []
    for of_level in found.labels:
        full = np.full(len(counts), -1, dtype=np.int64)
        full[present] = of_level
        labels.append(full)
    return Run(present, labels)


def agreement_by_level(reference: Sequence[Labels], run: Run) -> list[float | None]:
    """Return the adjusted mutual information of a run with the reference, level by level."""
    return [
        mutual_information(one[run.present], other[run.present])
        for one, other in zip(reference, run.labels, strict=False)
    ]


def moved_by_level(reference: Sequence[Labels], run: Run) -> list[float | None]:
    """Return the share of the run's values that sit elsewhere than in the reference, level by level."""
    return [
        share_moved(one[run.present], other[run.present]) for one, other in zip(reference, run.labels, strict=False)
    ]


def stability(
    subject: Subject,
    reference: Sequence[Labels],
    by_seed: Sequence[Run],
    cluster: Cluster,
    *,
    draws: int,
    least: int,
    seed: int,
) -> list[Stability]:
    """Return how each level of the reference holds.

    Parameters
    ----------
    reference
        The tree's labels, finest level first.
    by_seed
        The same tree built with other seeds.
    draws
        Runs of each kind on other conversations.
    least
        ``canonicalize.min_conversations``: what is rarer in a resample would not have been in it.

    Notes
    -----
    Nobody has the conversations of a larger study. So a tenth more is measured from below: ten elevenths of the
    conversations are the study, and the whole is what it becomes with a tenth added.
    """
    if cluster.method not in REBUILT:
        nothing = Spread(None, None, None)
        return [Stability(nothing, nothing, nothing, nothing) for _ in reference]
    rng = np.random.default_rng([seed, *subject.facet.encode()])
    n = subject.holders.n_conversations
    resampled: list[Run] = []
    less: list[Run] = []
    more: list[Run] = []
    for _ in progress(range(draws), total=draws, label=f"assess {subject.facet}", unit="draw"):
        for kept, found in ((None, resampled), (1 - CHANGE, less), (1 / (1 + CHANGE), more)):
            weights = drawn_again(n, rng) if kept is None else thinned(n, kept, rng)
            counts = subject.holders.counts(weights)
            found.append(rebuilt(subject, cluster, counts=counts, least=least))
    return [
        Stability(
            Spread.of([_at(agreement_by_level(reference, run), level) for run in by_seed]),
            Spread.of([_at(agreement_by_level(reference, run), level) for run in resampled]),
            Spread.of([_at(moved_by_level(reference, run), level) for run in less]),
            Spread.of([_at(moved_by_level(reference, run), level) for run in more]),
        )
        for level in range(len(reference))
    ]


def _at(numbers: Sequence[float | None], level: int) -> float | None:
    # A run on fewer values may have fewer levels.
    return numbers[level] if level < len(numbers) else None
