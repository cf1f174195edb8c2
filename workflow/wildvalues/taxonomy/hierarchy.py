"""Nested groups of values from their vectors.

Level 1 is the finest. Every level groups whole groups of the level below, so levels are strictly nested. Groups are
labels from 0; `-1` marks a value that no group took (noise).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from wildvalues.params import Cluster

# Fewest values that make a finest cluster, on average; the study had twelve (3,307 values in 266 clusters).
_MIN_MEMBERS = 3
# Dimensions HDBSCAN works in; UMAP keeps densities apart best in a few (its documentation on clustering).
_UMAP_DIMENSIONS = 5
_UMAP_NEIGHBOURS = 15
# Silhouettes need all pairs; above this a seeded sample of values stands for the rest.
_SILHOUETTE_SAMPLE = 5_000


@dataclass(frozen=True)
class Hierarchy:
    """Labels of each level, finest first: ``labels[l - 1][i]`` is the group of value i at level l."""

    labels: list[np.ndarray]

    def noise(self) -> float:
        """Return the share of values in no group."""
        return float(np.mean(self.labels[0] < 0)) if self.labels and len(self.labels[0]) else 0.0


def level_sizes(wanted: Sequence[int], n_values: int) -> list[int]:
    """Return how many groups each level gets, finest first, when `n_values` distinct values are to be grouped.

    With at least three values for each finest group the sizes are those wanted. With fewer, the finest level gets
    a third of the number of values, and the coarser ones shrink evenly on the log scale: k becomes k ** a, with the
    a that brings the finest level there. Levels that would not be smaller than the one below, or would be a single
    group, are left out. At least one level remains.
    """
    finest = max(1, min(wanted[0], n_values // _MIN_MEMBERS))
    exponent = math.log(finest) / math.log(wanted[0]) if wanted[0] > 1 else 1.0
    sizes = [finest]
    for size in wanted[1:]:
        shrunk = round(size**exponent)
        if 2 <= shrunk < sizes[-1] or (shrunk == 1 == size and sizes[-1] > 1):
            sizes.append(shrunk)
    return sizes


def build(vectors: np.ndarray, weights: np.ndarray, params: Cluster) -> Hierarchy:
    """Group values into nested levels.

    Parameters
    ----------
    vectors
        Unit vectors, shape (values, dimensions). Their order must not carry meaning: sort by value first.
    weights
        Conversations of each value; used when `params.weight_by_frequency`.

    Notes
    -----
    Runs on one thread: sums of several threads differ in their last bits, and labels with them.
    """
    if not len(vectors):
        return Hierarchy([])
    vectors = np.ascontiguousarray(vectors, dtype=np.float64)
    mass = np.asarray(weights, dtype=np.float64) if params.weight_by_frequency else np.ones(len(vectors))
    distinct = len(np.unique(vectors, axis=0))
    with threadpool_limits(limits=1):
        if params.method == "hdbscan":
            finest = _dense_groups(vectors, mass, level_sizes(params.levels, distinct)[0], params)
        else:
            finest = _kmeans(vectors, mass, level_sizes(params.levels, distinct)[0], params)
        return Hierarchy(_upwards(vectors, mass, finest, params, distinct))


def _upwards(
    vectors: np.ndarray, mass: np.ndarray, finest: np.ndarray, params: Cluster, distinct: int
) -> list[np.ndarray]:
    labels = [finest]
    for size in level_sizes(params.levels, distinct)[1:]:
        below = labels[-1]
        n_below = int(below.max()) + 1
        if size >= n_below:
            continue
        centres, centre_mass = _centres(vectors, mass, below)
        # A centre counts as much as it holds. Counting every centre once leaves the top level with one cluster of
        # nearly everything beside a few odd ones (measured on the gold labels: 368, 7, 5 and 3 of 383 values).
        if params.method == "hdbscan":
            groups = _agglomerate(centres, size)
        else:
            groups = _kmeans(centres, centre_mass, size, params)
        if groups.max() + 1 < n_below:
            labels.append(np.where(below >= 0, groups[below], -1))
    return labels


def _kmeans(points: np.ndarray, mass: np.ndarray, size: int, params: Cluster) -> np.ndarray:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    distinct = len(np.unique(points, axis=0))
    model = KMeans(n_clusters=min(size, distinct), n_init=params.restarts, random_state=params.seed)
    with warnings.catch_warnings():
        # Vectors equal but for rounding make fewer groups than asked for, which is right and no news.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _relabel(model.fit(points, sample_weight=mass).labels_)


def _dense_groups(vectors: np.ndarray, mass: np.ndarray, size: int, params: Cluster) -> np.ndarray:
    """Group by density; too many groups are joined, those most alike first, until `size` are left."""
    from hdbscan import HDBSCAN

    points = _reduced(vectors, params.seed)
    # Where no density stands out, all values are one group.
    best, found_any = np.zeros(len(points), dtype=np.int64), False
    # A larger least size gives fewer, firmer groups: take the largest that still gives enough of them.
    for least in sorted({max(2, len(points) // (size * factor)) for factor in (1, 2, 3, 5, 8, 13, 21)}, reverse=True):
        if least > len(points):
            continue
        found = HDBSCAN(min_cluster_size=least, min_samples=1, core_dist_n_jobs=1).fit(points).labels_
        if found.max() > best.max() or (not found_any and found.max() >= 0):
            best, found_any = found, True
        if found.max() + 1 >= size:
            break
    best = _relabel(best)
    if best.max() + 1 > size:
        centres, _ = _centres(vectors, mass, best)
        groups = _agglomerate(centres, size)
        best = np.where(best >= 0, groups[best], -1)
    return best


def _reduced(vectors: np.ndarray, seed: int) -> np.ndarray:
    # UMAP's spectral start needs more points than dimensions, and few points need no reduction.
    if len(vectors) <= 2 * _UMAP_NEIGHBOURS:
        return vectors
    from umap import UMAP

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reducer = UMAP(
            n_neighbors=_UMAP_NEIGHBOURS,
            n_components=_UMAP_DIMENSIONS,
            min_dist=0.0,
            metric="cosine",
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(reducer.fit_transform(vectors), dtype=np.float64)


def _agglomerate(centres: np.ndarray, size: int) -> np.ndarray:
    from sklearn.cluster import AgglomerativeClustering

    return _relabel(AgglomerativeClustering(n_clusters=size, linkage="ward").fit(centres).labels_)


def _centres(vectors: np.ndarray, mass: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit centre and the mass of each group."""
    n_groups = int(labels.max()) + 1
    sums = np.zeros((n_groups, vectors.shape[1]))
    taken = labels >= 0
    np.add.at(sums, labels[taken], vectors[taken] * mass[taken, None])
    return unit(sums), np.bincount(labels[taken], weights=mass[taken], minlength=n_groups)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return the rows scaled to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def _relabel(labels: np.ndarray) -> np.ndarray:
    """Renumber groups by their first member, without gaps; noise stays -1."""
    number: dict[int, int] = {-1: -1}
    for label in labels.tolist():
        number.setdefault(int(label) if label >= 0 else -1, len(number) - 1)
    return np.array([number[int(label) if label >= 0 else -1] for label in labels.tolist()], dtype=np.int64)


def silhouette(vectors: np.ndarray, labels: np.ndarray, seed: int) -> float | None:
    """Return the mean silhouette of the grouped values, or None with fewer than two groups or no value to spare."""
    from sklearn.metrics import silhouette_score

    taken = labels >= 0
    points, groups = np.asarray(vectors, dtype=np.float64)[taken], labels[taken]
    if len(points) > _SILHOUETTE_SAMPLE:
        chosen = np.sort(np.random.default_rng(seed).choice(len(points), _SILHOUETTE_SAMPLE, replace=False))
        points, groups = points[chosen], groups[chosen]
    if not 2 <= len(np.unique(groups)) < len(points):
        return None
    with threadpool_limits(limits=1):
        return round(float(silhouette_score(points, groups)), 6)
