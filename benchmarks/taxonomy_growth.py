"""Clustering of very many distinct names: time and peak memory, beside other ways, on the same vectors.

    python benchmarks/taxonomy_growth.py --sizes 10000 100000

Names are made by `benchmarks/taxonomy.py` and embedded once with the given model; every contestant then reads the
same vectors in a process of its own, under the same limit of memory. One that needs more says so. BERTopic (UMAP and
HDBSCAN; it makes one level, not three) takes part where it is installed; it is no dependency of this project.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from taxonomy import names

LEVELS = [266, 26, 5]
GIGABYTE = 2**30


def ours(vectors: np.ndarray) -> list[int]:
    """Three nested levels by `wildvalues.taxonomy.hierarchy.build`, as the stage `cluster` makes them."""
    from wildvalues.params import Cluster
    from wildvalues.taxonomy.hierarchy import build

    found = build(vectors, np.ones(len(vectors)), Cluster(levels=LEVELS))
    return [int(labels.max()) + 1 for labels in found.labels]


def agglomerative(vectors: np.ndarray) -> list[int]:
    """Ward's method by scikit-learn, cut at the finest level."""
    from sklearn.cluster import AgglomerativeClustering

    return [int(AgglomerativeClustering(LEVELS[0], linkage="ward").fit(vectors).labels_.max()) + 1]


def bertopic(vectors: np.ndarray) -> list[int]:
    """BERTopic's topics from the same vectors, reduced to the finest level's number."""
    from bertopic import BERTopic

    topics, _ = BERTopic(nr_topics=LEVELS[0]).fit_transform(names(len(vectors)), vectors)
    return [len(set(topics) - {-1})]


CONTESTANTS = {"wildvalues": ours, "agglomerative": agglomerative, "bertopic": bertopic}


def compete(contestant: str, place: Path, memory: float) -> None:
    """Run one contestant in this process and print what it took, or why it failed."""
    vectors = np.load(place)
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory * GIGABYTE),) * 2)
    begun, cpu = time.perf_counter(), time.process_time()
    try:
        sizes = CONTESTANTS[contestant](vectors)
    except MemoryError as error:
        print(f"needs more than {memory:g} GB ({' '.join(str(error).split())[:90]})")
        return
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = f"{time.perf_counter() - begun:9.1f} {time.process_time() - cpu:9.1f} {peak:9.0f}"
    print(f"{took}   {' > '.join(map(str, sizes))}")


def embedded(size: int, model: str, folder: Path) -> Path:
    """Embed `size` names in a process of its own and return the file of vectors."""
    place = folder / f"{size}.npy"
    begun = time.perf_counter()
    words = [sys.executable, __file__, "--embed", str(size), "--vectors", str(place), "--model", model]
    child = os.posix_spawnp(words[0], words, os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"embedding {size:,} names failed")
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    print(f"{'(embedding)':16} {time.perf_counter() - begun:9.1f} {cpu:9.1f} {peak:9.0f}", flush=True)
    return place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 100_000])
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--memory", type=float, default=8, help="GB a contestant may take")
    parser.add_argument("--limit", type=float, default=1_200, help="seconds a contestant may take")
    parser.add_argument("--vectors", type=Path, help="folder to keep the vectors in, or to find them")
    parser.add_argument("--embed", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--compete", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.embed:
        from wildvalues.params import Embed
        from wildvalues.taxonomy.vectors import encode

        np.save(given.vectors, encode(names(given.embed), Embed(model=given.model)))
    elif given.compete:
        compete(given.compete, given.vectors, given.memory)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            for size in given.sizes:
                race(size, given, given.vectors or Path(scratch))


def race(size: int, given: argparse.Namespace, folder: Path) -> None:
    """Embed `size` names and let every contestant group them."""
    print(f"\n{size:,} names      {'clock s':>9} {'CPU s':>9} {'peak MB':>9}   clusters", flush=True)
    kept = folder / f"{size}.npy"
    place = kept if kept.exists() else embedded(size, given.model, folder)
    for contestant in CONTESTANTS:
        if importlib.util.find_spec(contestant) is None and contestant == "bertopic":
            print(f"{contestant:16} not installed (pip install bertopic)")
            continue
        words = [sys.executable, __file__, "--compete", contestant, "--vectors", str(place)]
        try:
            done = subprocess.run(
                [*words, "--memory", str(given.memory)],
                capture_output=True,
                text=True,
                timeout=given.limit,
                check=False,
            )
            last = (done.stdout or done.stderr).strip().splitlines()[-1:] or [f"ended with {done.returncode}"]
            print(f"{contestant:16} {last[0]}", flush=True)
        except subprocess.TimeoutExpired:
            print(f"{contestant:16} not finished after {given.limit:g} s", flush=True)


if __name__ == "__main__":
    main()
