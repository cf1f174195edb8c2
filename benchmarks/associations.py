"""All associations of a study as large as the published one, and of smaller and larger ones: time and peak memory.

    python benchmarks/associations.py                            # 308,210 conversations, beside a loop over SciPy
    python benchmarks/associations.py --conversations 30000 100000 1000000 3000000

A synthetic study has 3,307 AI values in trees of 266, 26 and 5 clusters, 2,483 human values in 200, 20 and 4, 500 task
clusters in 50 and 8, seven response types, three models, twenty languages and eight weeks. Frequencies follow the
published long tail (the most frequent value, the mean number of values of a conversation, the rarest value); a third of
each value's conversations have the task where it is at home. What is timed is what `wildvalues analyze` runs:
every table of `analysis.associations.FAMILIES` at every level, with users behind each pair, exact p-values, Bonferroni
and Benjamini-Hochberg, odds ratios with intervals, and the test of each whole table. Each size is measured in a process
of its own; CPU time stands beside the clock's, since other work on the machine changes it less.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import brentq
from scipy.stats import chi2_contingency

from wildvalues.analysis.associations import associations
from wildvalues.analysis.study import Labels, Study, column_sums, incidence
from wildvalues.analysis.users import Users

PUBLISHED = 308_210
PAIRS = 2_000
# Values, share of the first, mean number of a conversation, exponent of the tail (arXiv 2504.15236: helpfulness in
# 23.4 % and authenticity in 3.8 %; the exponents put the rarest value near its released 0.005 %).
AI = (3_307, 0.234, 4.0, 1.35)
HUMAN = (2_483, 0.038, 1.48, 1.0)
FLAT = {"response_type": 7, "model": 3, "language": 20, "week": 8}


def frequencies(n_values: int, first: float, mean: float, exponent: float) -> np.ndarray:
    """Return Zipf and Mandelbrot's shares first ((1 + q) / (rank + q))**exponent, q such that they sum to `mean`."""
    rank = np.arange(1, n_values + 1)
    shares = lambda q: first * ((1 + q) / (rank + q)) ** exponent  # noqa: E731
    return shares(brentq(lambda q: shares(q).sum() - mean, 0, 1e6))


def tree(facet: str, leaves: sparse.csr_array, sizes: tuple[int, ...], lowest: int = 0) -> tuple[Labels, ...]:
    """Return labels at each level; each cluster takes its share of the level below, by position."""
    n = leaves.shape[0]
    found, holds = [], leaves
    for level, size in enumerate((leaves.shape[1], *sizes), start=lowest):
        if level > lowest:
            parent = np.arange(holds.shape[1]) % size
            holds = sparse.csr_array(holds @ incidence(np.arange(len(parent)), parent, (len(parent), size)))
            holds.data[:] = 1
        names = [f"{facet} {level}.{index}" for index in range(holds.shape[1])]
        nodes = pd.DataFrame({"node_id": names, "name": names})
        found.append(Labels(facet, level, nodes, holds, np.ones(n, dtype=bool)))
    return tuple(found)


def values(shares: np.ndarray, task: np.ndarray, n_tasks: int, rng: np.random.Generator) -> sparse.csr_array:
    """Return who holds each value: a third of its conversations are drawn from the task where it is at home."""
    n = len(task)
    by_task = np.argsort(task, kind="stable")
    bounds = np.searchsorted(task[by_task], np.arange(n_tasks + 1))
    rows = []
    for value, count in enumerate(rng.binomial(n, shares)):
        home = by_task[bounds[value % n_tasks] : bounds[value % n_tasks + 1]]
        at_home = rng.choice(home, size=min(count // 3, len(home) // 2), replace=False)
        rows.append(np.unique(np.concatenate([at_home, rng.integers(0, n, count - len(at_home))])))
    columns = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
    return incidence(np.concatenate(rows), columns, (n, len(shares)))


def one_hot(codes: np.ndarray, n_labels: int) -> sparse.csr_array:
    """Return the incidence of exclusive labels."""
    return incidence(np.arange(len(codes)), codes, (len(codes), n_labels))


def synthetic(n: int, seed: int = 1) -> Study:
    """Return a study of `n` conversations."""
    rng = np.random.default_rng(seed)
    weight = 1 / (np.arange(500) + 20.0)
    task = rng.choice(500, size=n, p=weight / weight.sum())
    trees = {
        "ai_values": tree("ai_values", values(frequencies(*AI), task, 500, rng), (266, 26, 5)),
        "human_values": tree("human_values", values(frequencies(*HUMAN), task, 500, rng), (200, 20, 4)),
        "task": tree("task", one_hot(task, 500), (50, 8), lowest=1),
    }
    flat = {}
    for facet, size in FLAT.items():
        codes = one_hot(rng.integers(0, size, n), size)
        flat[facet] = tree(facet, codes, ())[0]
    users = Users(np.asarray(rng.integers(0, n * 2 // 3, n), dtype=np.int64), n * 2 // 3)
    human = np.diff(trees["human_values"][0].holds.indptr) > 0
    nothing = pd.DataFrame()
    return Study(pd.RangeIndex(n), users, nothing, nothing, trees, flat, human, np.zeros(0, np.int64))


def measure(n: int) -> dict[str, float]:
    """Return seconds, peak memory and sizes of all associations of a study of `n` conversations."""
    study = synthetic(n)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    clock, cpu = time.perf_counter(), time.process_time()
    found = associations(study, alpha=0.05, min_count=3)
    return {
        "conversations": n,
        "seconds": time.perf_counter() - clock,
        "cpu_seconds": time.process_time() - cpu,
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "gib_of_the_study": before,
        "tables": len(found.test),
        "tests": int(found.test["n_tests"].sum()),
        "listed": len(found.pairs),
        "significant": int(found.test["n_significant"].sum()),
    }


def loop(n: int) -> float:
    """Return the seconds that SciPy's test takes for one pair, the mean of `PAIRS` whose counts are at hand."""
    study = synthetic(n)
    ai, human = (study.trees[facet][0].holds for facet in ("ai_values", "human_values"))
    rng = np.random.default_rng(2)
    at = tuple(rng.choice(np.flatnonzero(column_sums(side)), PAIRS) for side in (ai, human))
    observed = np.asarray((ai.T @ human).todense())[at]
    rows, columns = column_sums(ai)[at[0]], column_sums(human)[at[1]]
    clock = time.process_time()
    for a, row, column in zip(observed.tolist(), rows.tolist(), columns.tolist(), strict=True):
        chi2_contingency([[a, row - a], [column - a, n - row - column + a]], correction=False)
    return (time.process_time() - clock) / PAIRS


def main() -> None:
    parser = argparse.ArgumentParser(description="Time all associations of synthetic studies.")
    parser.add_argument("--conversations", type=int, nargs="+", default=[PUBLISHED])
    parser.add_argument("--alone", choices=("measure", "loop"), help="one measurement in this process, as JSON")
    given = parser.parse_args()
    if given.alone:
        print(json.dumps({"measure": measure, "loop": loop}[given.alone](given.conversations[0])))
        return

    def apart(what: str, n: int) -> str:
        command = [sys.executable, __file__, "--alone", what, "--conversations", str(n)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    print("| conversations | seconds | CPU s | peak GiB | study's GiB | tables | tests | listed | significant |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    tests = 0
    for n in given.conversations:
        found = json.loads(apart("measure", n))
        tests = max(tests, found["tests"])
        print(
            f"| {n:,} | {found['seconds']:.1f} | {found['cpu_seconds']:.1f} | {found['gib']:.2f} "
            f"| {found['gib_of_the_study']:.2f} | {found['tables']} | {found['tests']:,} | {found['listed']:,} "
            f"| {found['significant']:,} |",
            flush=True,
        )
    each = json.loads(apart("loop", min(given.conversations)))
    print(
        f"\nA loop of scipy.stats.chi2_contingency, counts at hand: {1e6 * each:.0f} microseconds of CPU a pair, so "
        f"{each * tests / 60:.0f} minutes for {tests:,} pairs (from {PAIRS:,})."
    )


if __name__ == "__main__":
    main()
