"""How near each way of grouping value names comes to a person's grouping: an ablation.

    python benchmarks/taxonomy_ablation.py values_frequencies.csv
    python benchmarks/taxonomy_ablation.py FILE --models all-MiniLM-L6-v2 all-mpnet-base-v2

All names of the file (column `value`; without one, the labelled names alone) are grouped into three levels, of which
the middle and the top have as many groups as the person's topics and areas; agreement is measured on the labelled names
(``data/reference/value_groups.csv``, and the note beside it on how they were labelled). Every figure is the mean over
seeds; the interval, and that of the gain over plain k-means, is from random halves of the labelled names
(`wildvalues.assessment.partitions.halves_interval`), on which both were measured.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from wildvalues.assessment.lexical import encode as by_letters
from wildvalues.assessment.partitions import mutual_information, rand_index
from wildvalues.params import Cluster, Embed
from wildvalues.taxonomy.hierarchy import build
from wildvalues.taxonomy.vectors import encode

GROUPS = Path(__file__).resolve().parents[1] / "data/reference/value_groups.csv"
FINEST = 266
DRAWS = 200
TEMPLATE = "The reply shows that it values {}."

Levels = tuple[np.ndarray, np.ndarray]
Method = Callable[[np.ndarray, tuple[int, ...], int], Levels]


def centred(vectors: np.ndarray, without: int = 0) -> np.ndarray:
    """Return unit vectors less their mean and, if asked, less the first axes ("all but the top")."""
    moved = vectors - vectors.mean(axis=0)
    if without:
        axes = _axes(moved)[:, :without]
        moved = moved - (moved @ axes) @ axes.T
    return normalize(moved)


def components(vectors: np.ndarray, kept: int) -> np.ndarray:
    """Return unit vectors in the first principal components."""
    moved = vectors - vectors.mean(axis=0)
    return normalize(moved @ _axes(moved)[:, :kept])


def _axes(moved: np.ndarray) -> np.ndarray:
    return np.linalg.eigh(moved.T @ moved)[1][:, ::-1]


def bottom_up(vectors: np.ndarray, sizes: tuple[int, ...], seed: int) -> Levels:
    """k-means, each level on the centres of the one below: `wildvalues.taxonomy.hierarchy.build`."""
    found = build(vectors, np.ones(len(vectors)), Cluster(levels=list(sizes), restarts=3, seed=seed)).labels
    return found[-2], found[-1]


def ward(vectors: np.ndarray, sizes: tuple[int, ...], seed: int) -> Levels:
    """Ward's method, cut twice."""
    topics, areas = (AgglomerativeClustering(size).fit(vectors).labels_ for size in sizes[-2:])
    return topics, areas


def average(vectors: np.ndarray, sizes: tuple[int, ...], seed: int) -> Levels:
    """Average linkage by cosine, cut twice."""
    topics, areas = (
        AgglomerativeClustering(size, metric="cosine", linkage="average").fit(vectors).labels_ for size in sizes[-2:]
    )
    return topics, areas


def ward_then_kmeans(vectors: np.ndarray, sizes: tuple[int, ...], seed: int) -> Levels:
    """k-means begun at the centres of Ward's clusters, each level on its own (not nested)."""
    levels = []
    for labels in ward(vectors, sizes, seed):
        centres = np.vstack([vectors[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
        levels.append(KMeans(len(centres), init=centres, n_init=1).fit(vectors).labels_)
    return levels[0], levels[1]


def flat(vectors: np.ndarray, sizes: tuple[int, ...], seed: int) -> Levels:
    """k-means, each level on its own (not nested)."""
    topics, areas = (KMeans(size, n_init=10, random_state=seed).fit(vectors).labels_ for size in sizes[-2:])
    return topics, areas


def consensus(vectors: np.ndarray, sizes: tuple[int, ...], seed: int) -> Levels:
    """Average linkage of how often two names fall together in twenty runs of k-means of many sizes (Fred 2001)."""
    rng = np.random.default_rng(seed)
    apart = np.ones((len(vectors), len(vectors)), dtype=np.float32)
    for _ in range(20):
        size = int(rng.integers(sizes[-2] // 2, sizes[-2] * 5 // 2))
        labels = KMeans(size, n_init=1, random_state=int(rng.integers(2**31 - 1))).fit(vectors).labels_
        apart -= (labels[:, None] == labels[None, :]) / np.float32(20)
    topics, areas = (
        AgglomerativeClustering(size, metric="precomputed", linkage="average").fit(apart).labels_ for size in sizes[-2:]
    )
    return topics, areas


def contestants(given: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray, Method]]:
    """Yield what is compared; the first of each model is the floor."""
    for name, vectors in given.items():
        yield f"{name}: k-means bottom-up", vectors, bottom_up
        yield f"{name}: centred", centred(vectors), bottom_up
        yield f"{name}: all but the top 3", centred(vectors, 3), bottom_up
        for kept in (100, 40):
            yield f"{name}: {kept} components", components(vectors, kept), bottom_up
        yield f"{name}: flat levels", vectors, flat
        yield f"{name}: Ward", vectors, ward
        yield f"{name}: average linkage", vectors, average
        yield f"{name}: 40 components, Ward", components(vectors, 40), ward
        yield f"{name}: 40 components, Ward, k-means", components(vectors, 40), ward_then_kmeans
        yield f"{name}: 40 components, consensus", components(vectors, 40), consensus


class Scores:
    """Agreement with the person's groups on all labelled names and on random halves of them."""

    def __init__(self, groups: pd.DataFrame) -> None:
        self.wanted = [pd.factorize(groups[column])[0] for column in ("topic", "area")]
        rng = np.random.default_rng(1)
        n = len(groups)
        self.halves = [np.arange(n), *(rng.permutation(n)[: n // 2] for _ in range(DRAWS))]

    def of(self, levels: Levels, rows: np.ndarray) -> np.ndarray:
        """Return AMI of topics and areas, then ARI of both, shape (4, 1 + DRAWS); the first column is of all names."""
        pairs = [(wanted, labels[rows]) for wanted, labels in zip(self.wanted, levels, strict=True)]
        return np.array(
            [
                [measure(wanted[half], labels[half]) for half in self.halves]
                for measure in (mutual_information, rand_index)
                for wanted, labels in pairs
            ],
            dtype=float,
        )


def interval(draws: np.ndarray) -> str:
    """Write a figure and its interval from halves; see `halves_interval`."""
    low, high = draws[0] + np.quantile(draws[1:] - draws[1:].mean(), [0.025, 0.975])
    return f"{draws[0]:6.3f} ({low:6.3f} to {high:6.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="?", type=Path, help="CSV with a column value")
    parser.add_argument("--models", nargs="+", default=["all-MiniLM-L6-v2"])
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    groups = pd.read_csv(GROUPS, keep_default_na=False).set_index("value")
    known = pd.read_csv(given.names, keep_default_na=False)["value"] if given.names else groups.index
    names = sorted({*known, *groups.index})
    rows = pd.Index(names).get_indexer(groups.index)
    sizes = (min(FINEST, len(names) // 3), groups["topic"].nunique(), groups["area"].nunique())
    scores = Scores(groups)
    print(f"{len(names):,} names in {' > '.join(map(str, sizes))} groups; {len(groups)} labelled; {given.seeds} seeds")
    print(f"{'':44} {'topics, AMI':24} {'gain':24} {'areas, AMI':24} {'topics, areas ARI':18} CPU s")
    vectors = {"letters": by_letters(names, 1)}
    for model in given.models:
        vectors[model] = encode(names, Embed(model=model)).astype(float)
        vectors[f"{model}, in a sentence"] = encode(
            [TEMPLATE.format(name) for name in names], Embed(model=model)
        ).astype(float)
    floor: np.ndarray | None = None
    with threadpool_limits(limits=1):
        for number, (label, points, method) in enumerate(contestants(vectors)):
            begun = time.process_time()
            runs = [method(points, sizes, seed) for seed in range(1, given.seeds + 1)]
            took = (time.process_time() - begun) / given.seeds
            found = np.mean([scores.of(levels, rows) for levels in runs], axis=0)
            if number == 0 or label.endswith("k-means bottom-up"):
                floor = found
            gain = "" if floor is None else interval(found[0] - floor[0])
            aris = f"{found[2, 0]:.3f}  {found[3, 0]:.3f}"
            print(f"{label:44} {interval(found[0])} {gain} {interval(found[1])} {aris:18} {took:.1f}", flush=True)


if __name__ == "__main__":
    main()
