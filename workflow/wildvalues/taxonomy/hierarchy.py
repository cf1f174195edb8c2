"""Nested groups of values from their vectors.

Level 1 is the finest. Every level groups whole groups of the level below, so levels are strictly nested. Groups are
labels from 0; `-1` marks a value that no group took (noise).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from wildvalues.errors import ParamsError
from wildvalues.params import Cluster
from wildvalues.taxonomy.kmeans import centres_of, kmeans, projected, unit

__all__ = ["Hierarchy", "build", "count_distinct", "level_sizes", "silhouette", "unit"]

# Fewest values that make a finest cluster, on average; the study had twelve (3,307 values in 266 clusters).
_MIN_MEMBERS = 3
# Silhouettes need all pairs; above this a seeded sample of values stands for the rest.
_SILHOUETTE_SAMPLE = 5_000


@dataclass(frozen=True)
class Hierarchy:
    """Labels of each level, finest first: ``labels[l - 1][i]`` is the group of value i at level l."""

    labels: list[np.ndarray]

    def noise(self) -> float:
        """Return the share of values in no group."""
        return float(np.mean(self.labels[0] < 0)) if self.labels and len(self.labels[0]) else 0.0

    def sizes(self) -> list[int]:
        """Return the number of groups of each level, finest first."""
        return [int(labels.max()) + 1 for labels in self.labels]


def level_sizes(wanted: Sequence[float], n_values: int) -> list[int]:
    """Return how many groups each level gets, finest first, when `n_values` distinct values are to be grouped.

    Parameters
    ----------
    wanted
        ``cluster.levels``: a whole number is that many groups; a number below 1 is that share of `n_values`, rounded,
        so 0.08 is one group for every 12.5 values. A share that comes to less than two groups makes no level.

    Notes
    -----
    With at least three values for each finest group the sizes are those wanted. With fewer, the finest level gets
    a third of the number of values, and the coarser ones shrink evenly on the log scale: k becomes k ** a, with the
    a that brings the finest level there. Levels that would not be smaller than the one below, or would be a single
    group where more were wanted, are left out. At least one level remains.
    """
    counted = [int(size) if size >= 1 else round(size * n_values) for size in wanted]
    counted = [size for size, asked in zip(counted, wanted, strict=True) if size >= 2 or asked >= 1] or [1]
    finest = max(1, min(counted[0], n_values // _MIN_MEMBERS))
    exponent = math.log(finest) / math.log(counted[0]) if counted[0] > 1 else 1.0
    sizes = [finest]
    for size in counted[1:]:
        shrunk = round(size**exponent)
        if 2 <= shrunk < sizes[-1] or (shrunk == 1 == size and sizes[-1] > 1):
            sizes.append(shrunk)
    return sizes


def build(vectors: np.ndarray, weights: np.ndarray, params: Cluster) -> Hierarchy:
    """Group values into nested levels, by a method that needs nothing but their vectors.

    Parameters
    ----------
    vectors
        Unit vectors, shape (values, dimensions). Their order must not carry meaning: sort by value first.
    weights
        Conversations of each value; used when `params.weight_by_frequency`.

    Raises
    ------
    ParamsError
        When the method is `clio`, which asks a language model (`wildvalues.taxonomy.clio`).

    Notes
    -----
    Runs on one thread: sums of several threads differ in their last bits, and labels with them.
    """
    if params.method == "clio":
        raise ParamsError("cluster.method: clio asks a language model, which only the stage `cluster` does")
    if not len(vectors):
        return Hierarchy([])
    mass = np.asarray(weights, dtype=np.float64) if params.weight_by_frequency else np.ones(len(vectors))
    sizes = level_sizes(params.levels, count_distinct(vectors))
    with threadpool_limits(limits=1):
        if params.method == "hdbscan":
            from wildvalues.taxonomy.density import dense_levels

            return Hierarchy(dense_levels(np.asarray(vectors, dtype=np.float64), sizes, params.seed))
        return Hierarchy(_bottom_up(projected(vectors, params.components), mass, sizes, params))


def _bottom_up(vectors: np.ndarray, mass: np.ndarray, sizes: Sequence[int], params: Cluster) -> list[np.ndarray]:
    labels = [kmeans(vectors, mass, sizes[0], params.restarts, params.seed)]
    for size in sizes[1:]:
        below = labels[-1]
        n_below = int(below.max()) + 1
        if size >= n_below:
            continue
        # A centre counts as much as it holds. Counting every centre once leaves the top level with one cluster of
        # nearly everything beside a few odd ones (measured on the gold labels: 368, 7, 5 and 3 of 383 values).
        centres = centres_of(vectors, mass, below)
        held = np.bincount(below, weights=mass, minlength=n_below)
        groups = kmeans(centres, held, size, params.restarts, params.seed)
        if groups.max() + 1 < n_below:
            labels.append(groups[below])
    return labels


def count_distinct(vectors: np.ndarray) -> int:
    """Return the number of different rows."""
    rows = np.ascontiguousarray(vectors)
    return len({row.tobytes() for row in rows})


def silhouette(vectors: np.ndarray, labels: np.ndarray, seed: int) -> float | None:
    """Return the mean silhouette of the grouped values, or None with fewer than two groups or no value to spare."""
    from sklearn.metrics import silhouette_score

    taken = labels >= 0
    points, groups = np.asarray(vectors)[taken], labels[taken]
    if len(points) > _SILHOUETTE_SAMPLE:
        chosen = np.sort(np.random.default_rng(seed).choice(len(points), _SILHOUETTE_SAMPLE, replace=False))
        points, groups = points[chosen], groups[chosen]
    if not 2 <= len(np.unique(groups)) < len(points):
        return None
    with threadpool_limits(limits=1):
        return round(float(silhouette_score(points.astype(np.float64), groups)), 6)
