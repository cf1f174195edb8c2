"""A tree of values in the published schema (``values_tree.csv``), read and checked.

Columns as released with Huang et al., arXiv 2504.15236. Ids tell nodes apart, names do not: one name may occur at
several levels, and twice at one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.errors import InputError

COLUMNS = ("cluster_id", "name", "level", "parent_cluster_id", "pct_total_occurrences")


@dataclass(frozen=True)
class Tree:
    """A tree: its values, the share of mentions of each, and the cluster each is in, level by level.

    Attributes
    ----------
    label
        How messages and tables call it.
    values, shares
        Names of the values, in alphabetical order of their ids, and their shares of mentions (NaN: not known).
    clusters
        For each level from 1 the ids of its clusters, sorted.
    members
        For each level the index of each value's cluster, -1 where it has none.
    names, weights
        Name and share of mentions of each cluster, by id.
    """

    label: str
    values: list[str]
    shares: NDArray[np.float64]
    clusters: list[list[str]]
    members: list[NDArray[np.int64]]
    names: dict[str, str]
    weights: dict[str, float]


def read_tree(path: Path, label: str) -> Tree:
    """Read a tree.

    Raises
    ------
    InputError
        When the file is missing or not CSV, lacks a column, or holds a level that is no whole number, a share that is
        no number, an id twice, a parent that does not exist or is not above its child, or a circle.
    """
    frame = _read(path)
    ids = frame["cluster_id"].tolist()
    level = dict(zip(ids, frame["level"], strict=True))
    parent = {node: above or None for node, above in zip(ids, frame["parent_cluster_id"], strict=True)}
    _check(path, parent, level)
    leaves = sorted(node for node in ids if level[node] == 0)
    if not leaves:
        raise InputError(f"{path}: holds no value (no row of level 0), so there is nothing to compare")
    names = dict(zip(ids, frame["name"], strict=True))
    shares = dict(zip(ids, frame["pct_total_occurrences"] / 100, strict=True))
    clusters, members = [], []
    for number in range(1, max(level.values()) + 1):
        of_level = sorted(node for node in ids if level[node] == number)
        row = {node: i for i, node in enumerate(of_level)}
        clusters.append(of_level)
        members.append(np.array([row.get(_above(leaf, number, parent, level), -1) for leaf in leaves], dtype=np.int64))
    return Tree(
        label,
        [names[leaf] for leaf in leaves],
        np.array([shares[leaf] for leaf in leaves], dtype=float),
        clusters,
        members,
        names,
        {node: float(shares[node]) for node in ids},
    )


def _above(node: str, number: int, parent: dict[str, str | None], level: dict[str, int]) -> str:
    at: str | None = node
    while at is not None and level[at] < number:
        at = parent[at]
    return at if at is not None and level[at] == number else ""


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a tree as `wildvalues release` writes it") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, IsADirectoryError) as error:
        raise InputError(
            f"{path}: not a readable CSV table ({' '.join(str(error).split())}); give a tree in the published columns, "
            "such as the values_tree.csv of a study's dataset"
        ) from None
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(
            f"{path}: lacks column {', '.join(missing)}; a tree has {', '.join(COLUMNS)}, "
            f"and this file has {', '.join(map(str, frame.columns))}"
        )
    for column, kind in (("level", "whole number from 0"), ("pct_total_occurrences", "number")):
        numbers = pd.to_numeric(frame[column].where(frame[column] != "", None), errors="coerce")
        wrong = numbers.isna() & (frame[column] != "")
        if column == "level":
            wrong |= numbers.isna() | (numbers % 1 != 0) | (numbers < 0)
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0])
            raise InputError(f"{path}:{line + 2}: {column}: found {frame[column].iloc[line]!r}, expected a {kind}")
        frame[column] = numbers.astype("int64" if column == "level" else "float64")
    twice = frame["cluster_id"][frame["cluster_id"].duplicated()]
    if len(twice):
        raise InputError(f"{path}: the id {twice.iloc[0]!r} occurs twice; ids must tell nodes apart")
    return frame


def _check(path: Path, parent: dict[str, str | None], level: dict[str, int]) -> None:
    for node, above in parent.items():
        if above is not None and above not in parent:
            raise InputError(f"{path}: {node!r} has the parent {above!r}, which is not in the file")
    done: set[str] = set()
    for start in parent:
        seen: set[str] = set()
        at: str | None = start
        while at is not None and at not in done:
            if at in seen:
                raise InputError(f"{path}: {at!r} is its own ancestor; a tree has no circle")
            seen.add(at)
            at = parent[at]
        done |= seen
    for node, above in parent.items():
        if above is not None and level[above] <= level[node]:
            raise InputError(
                f"{path}: {node!r} (level {level[node]}) has the parent {above!r} (level {level[above]}); "
                "a parent is of a higher level"
            )
