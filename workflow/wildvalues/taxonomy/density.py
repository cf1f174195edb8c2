"""Groups where values lie densely: UMAP, then HDBSCAN, whose condensed tree is cut once for every level.

What belongs to no dense place stays outside every cluster (noise). A cut is a set of branches of one tree, so coarser
cuts hold finer ones whole.
"""

from __future__ import annotations

import heapq
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wildvalues.taxonomy.kmeans import relabelled

# Dimensions HDBSCAN works in; UMAP keeps densities apart best in a few (its documentation on clustering).
_UMAP_DIMENSIONS = 5
_UMAP_NEIGHBOURS = 15
# Fewest values of a branch, as a share of the average finest cluster, firmest first: a larger least size gives fewer,
# firmer branches, so the largest that still gives enough of them is taken.
_LEAST_SIZES = (1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1)


@dataclass(frozen=True)
class _Condensed:
    """HDBSCAN's condensed tree: branches, each with its points and with the two branches it falls into.

    Attributes
    ----------
    root
        The branch of all points.
    halves
        Branch -> its two branches, where it falls apart.
    points
        Branch -> points that leave it one by one, as noise of the branches below.
    """

    root: int
    halves: dict[int, list[int]]
    points: dict[int, list[int]]

    def below(self, branch: int) -> list[int]:
        """Return all points of a branch."""
        found: list[int] = []
        waiting = [branch]
        while waiting:
            here = waiting.pop()
            found += self.points.get(here, ())
            waiting += self.halves.get(here, ())
        return found

    def sizes(self) -> dict[int, int]:
        """Return the number of points of each branch."""
        found: dict[int, int] = {}
        # HDBSCAN numbers a branch before its halves.
        for branch in sorted({self.root, *(half for halves in self.halves.values() for half in halves)}, reverse=True):
            halves = self.halves.get(branch, ())
            found[branch] = len(self.points.get(branch, ())) + sum(found[half] for half in halves)
        return found

    def leaves(self) -> int:
        """Return the most branches that a cut can have."""
        return len(self.halves) + 1


def dense_levels(vectors: np.ndarray, sizes: Sequence[int], seed: int) -> list[np.ndarray]:
    """Return the groups of each level, finest first, in `sizes` or fewer groups; -1 is noise, alike at every level.

    Where no density stands out, all values are one group.

    Notes
    -----
    A cut begins with the whole and takes its most populous branch apart until there are enough branches. Points that
    leave a branch before it falls apart are in none of its halves: they are the noise of the finest level, and stay
    noise in the coarser ones, so that every value is either in a cluster at all levels or at none.
    """
    from hdbscan import HDBSCAN

    points = _reduced(vectors, seed)
    tree = _Condensed(0, {}, {0: list(range(len(vectors)))})
    if len(np.unique(points, axis=0)) > 2:
        for share in _LEAST_SIZES:
            least = max(2, int(len(points) / sizes[0] * share))
            if least > len(points) // 2:
                continue
            found = HDBSCAN(min_cluster_size=least, min_samples=1, core_dist_n_jobs=1).fit(points)
            tree = _condensed(found.condensed_tree_.to_numpy(), len(points))
            if tree.leaves() >= sizes[0]:
                break
    levels: list[np.ndarray] = []
    for size in sizes:
        labels = np.full(len(points), -1, dtype=np.int64)
        for number, branch in enumerate(_cut(tree, size)):
            labels[tree.below(branch)] = number
        if levels:
            labels[levels[0] < 0] = -1
        labels = relabelled(labels)
        if not levels or labels.max() < levels[-1].max():
            levels.append(labels)
    return levels


def _cut(tree: _Condensed, size: int) -> list[int]:
    held = tree.sizes()
    whole: list[int] = []
    open_still = [(-held[tree.root], tree.root)]
    while open_still and len(open_still) + len(whole) < size:
        _, branch = heapq.heappop(open_still)
        if branch not in tree.halves:
            whole.append(branch)
            continue
        for half in tree.halves[branch]:
            heapq.heappush(open_still, (-held[half], half))
    return [*whole, *(branch for _, branch in open_still)]


def _condensed(edges: np.ndarray, n_points: int) -> _Condensed:
    halves: dict[int, list[int]] = {}
    points: dict[int, list[int]] = {}
    for parent, child in zip(edges["parent"].tolist(), edges["child"].tolist(), strict=True):
        (points if child < n_points else halves).setdefault(parent, []).append(child)
    return _Condensed(n_points, halves, points)


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
