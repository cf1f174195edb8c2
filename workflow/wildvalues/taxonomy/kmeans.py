"""k-means on unit vectors, with the same result on every machine, for a dozen values or a hundred thousand."""

from __future__ import annotations

import math
import warnings

import numpy as np

# Above this many points times groups, the points are divided first (`_divided`): every restart of plain k-means takes
# minutes from there on. The study's finest level, 3,307 x 266, is far below.
_MOST_AT_ONCE = 4_000_000
# Passes of plain k-means over all points that mend the seams between divisions.
_MENDING = 3
# Points times groups of one block of distances: 256 MB of float32.
_BLOCK = 64_000_000


def kmeans(points: np.ndarray, mass: np.ndarray, size: int, restarts: int, seed: int) -> np.ndarray:
    """Return the group of each point, numbered by first member without gaps; at most `size` groups.

    Parameters
    ----------
    points, mass
        Shape (points, dimensions), and what each counts.
    restarts
        Random starts, of which the one with the least sum of squares is kept.

    Notes
    -----
    With more than 4 million pairs of point and group (for example 20,000 values in 200 groups) there is one start, not
    `restarts`: the points are divided into about sqrt(`size`) parts by k-means, each part into its share of groups,
    and three passes of plain k-means over all points then mend the seams. 100,000 points and 8,000 groups take minutes.
    """
    if len(points) * size <= _MOST_AT_ONCE:
        return relabelled(_plain(np.asarray(points, dtype=np.float64), mass, size, restarts, seed))
    return relabelled(_divided(np.ascontiguousarray(points, dtype=np.float32), mass, size, seed))


def _plain(points: np.ndarray, mass: np.ndarray, size: int, restarts: int, seed: int, passes: int = 300) -> np.ndarray:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    model = KMeans(n_clusters=min(size, len(points)), n_init=restarts, max_iter=passes, random_state=seed)
    with warnings.catch_warnings():
        # Vectors equal but for rounding make fewer groups than asked for, which is right and no news.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(model.fit(points, sample_weight=mass).labels_)


def _divided(points: np.ndarray, mass: np.ndarray, size: int, seed: int) -> np.ndarray:
    parts = _plain(points, mass, math.isqrt(size), 1, seed, passes=25)
    labels = np.zeros(len(points), dtype=np.int64)
    sizes = _apportioned(np.bincount(parts), size)
    first = 0
    for part, share in enumerate(sizes):
        rows = np.flatnonzero(parts == part)
        if len(rows):
            labels[rows] = first + _plain(points[rows], mass[rows], int(share), 1, seed, passes=50)
            first += int(share)
    for _ in range(_MENDING):
        labels = _nearest(points, centroids(points, mass, relabelled(labels)))
    return labels


def _apportioned(held: np.ndarray, size: int) -> np.ndarray:
    """Return how many of `size` groups each part gets: in proportion, by largest remainder, at least one."""
    exact = held / held.sum() * size
    shares = np.maximum(1, np.floor(exact)).astype(np.int64)
    left = size - int(shares.sum())
    if left > 0:
        shares[np.argsort(-(exact - shares), kind="stable")[:left]] += 1
    return np.asarray(np.minimum(shares, np.maximum(1, held)))


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    offsets = (centres.astype(np.float64) ** 2).sum(axis=1).astype(np.float32) / 2
    found = np.zeros(len(points), dtype=np.int64)
    step = max(1, _BLOCK // len(centres))
    for start in range(0, len(points), step):
        found[start : start + step] = np.argmax(points[start : start + step] @ centres.T - offsets, axis=1)
    return found


def projected(vectors: np.ndarray, components: int | None) -> np.ndarray:
    """Return what is grouped: the vectors, or their first principal components at unit length.

    Names of values all lie to one side of the space; less their mean, and without the small axes, in which they
    differ by accidents of wording, they may fall into groups more as people sort them (Mu and Viswanath 2018,
    arXiv 1702.01417, on the common mean). Measured on the 3,307 published names by the adjusted Rand index with the two
    groupings by hand in ``data/reference``, mean of three seeds, with 100 components: MiniLM in 26 clusters
    0.20 -> 0.22 and 0.16 -> 0.19, in 5 clusters 0.14 -> 0.17 and 0.15 -> 0.17; all-mpnet-base-v2 in 26 clusters
    0.22 -> 0.21 and 0.23 -> 0.21, in 5 clusters 0.10 -> 0.19 and 0.13 -> 0.17. So the coarse levels gain.
    """
    if components is None or len(vectors) < 3:
        return np.asarray(vectors)
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    scales, axes = np.linalg.eigh(centred.T @ centred)
    kept = axes[:, ::-1][:, : min(components, int((scales > 1e-9).sum()))]
    return unit(centred @ kept) if kept.shape[1] else np.asarray(vectors)


def centroids(points: np.ndarray, mass: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the weighted mean of each group, float32 for float32 points; noise (-1) is in none."""
    from scipy import sparse

    taken = np.flatnonzero(labels >= 0)
    n_groups = int(labels.max()) + 1
    held = sparse.csr_array((mass[taken], (labels[taken], taken)), shape=(n_groups, len(points)))
    totals = np.asarray(held.sum(axis=1)).reshape(-1, 1)
    return np.asarray((held @ points) / np.where(totals > 0, totals, 1.0)).astype(points.dtype)


def centres_of(points: np.ndarray, mass: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the unit vector of each group's weighted mean."""
    return unit(centroids(np.asarray(points, dtype=np.float64), mass, labels))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return the rows scaled to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def relabelled(labels: np.ndarray) -> np.ndarray:
    """Renumber groups by their first member, without gaps; noise stays -1."""
    number: dict[int, int] = {-1: -1}
    for label in labels.tolist():
        number.setdefault(int(label) if label >= 0 else -1, len(number) - 1)
    return np.array([number[int(label) if label >= 0 else -1] for label in labels.tolist()], dtype=np.int64)
