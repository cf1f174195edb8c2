"""Which values of two trees are the same, and what the two trees make of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.assessment.partitions import halves_interval, mutual_information, overlaps, rand_index
from wildvalues.comparison.trees import Tree
from wildvalues.statistics.differences import newcombe
from wildvalues.taxonomy.spelling import group_spellings, normalise

# Random halves of the matched values behind an interval.
DRAWS = 200


@dataclass(frozen=True)
class Matched:
    """Two trees and, row by row, the values that are in both.

    Attributes
    ----------
    rows, other_rows
        Index of each common value in either tree's `values`.
    """

    tree: Tree
    other: Tree
    rows: NDArray[np.int64]
    other_rows: NDArray[np.int64]


def match(tree: Tree, other: Tree) -> Matched:
    """Pair values whose names are spellings of one another, as stage `canonicalize` would merge them.

    Where a tree holds several spellings of one value, the most mentioned one stands for it; the others stay unpaired.
    """
    spelled: dict[str, tuple[list[int], list[int]]] = {}
    for side, names in enumerate((tree.values, other.values)):
        for row, name in enumerate(names):
            spelled.setdefault(normalise(name) or name, ([], []))[side].append(row)
    pairs = []
    for group in group_spellings(spelled, spelling=True, word_order=True):
        mine, theirs = ([row for name in group for row in spelled[name][side]] for side in (0, 1))
        if mine and theirs:
            pairs.append((_most_mentioned(tree, mine), _most_mentioned(other, theirs)))
    pairs.sort()
    paired = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Matched(tree, other, paired[:, 0], paired[:, 1])


def _most_mentioned(tree: Tree, rows: Sequence[int]) -> int:
    return min(rows, key=lambda row: (-np.nan_to_num(tree.shares[row]), tree.values[row]))


def levels(matched: Matched, *, seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """Return the agreement of every level of one tree with every level of the other, on the common values."""
    rows = []
    for level, mine in enumerate(matched.tree.members, start=1):
        for other_level, theirs in enumerate(matched.other.members, start=1):
            one, two = mine[matched.rows], theirs[matched.other_rows]
            information = halves_interval(mutual_information, one, two, draws=draws, seed=seed)
            rand = halves_interval(rand_index, one, two, draws=draws, seed=seed)
            rows.append(
                {
                    "level": level,
                    "other_level": other_level,
                    "n_clusters": len(np.unique(one[one >= 0])),
                    "n_other_clusters": len(np.unique(two[two >= 0])),
                    "n_values": int(np.sum((one >= 0) & (two >= 0))),
                    "ami": information.value,
                    "ami_low": information.low,
                    "ami_high": information.high,
                    "ari": rand.value,
                    "ari_low": rand.low,
                    "ari_high": rand.high,
                }
            )
    columns = ["level", "other_level", "n_clusters", "n_other_clusters", "n_values"]
    columns += [f"{name}{end}" for name in ("ami", "ari") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=columns)


def beside(agreement: pd.DataFrame) -> dict[int, int]:
    """Return for each level the other tree's level it is best set beside: the one with the most alike number of groups.

    Trees need not have equally many levels; sizes are compared on the log scale.
    """
    rows = agreement[(agreement["n_clusters"] > 0) & (agreement["n_other_clusters"] > 0)]
    apart = np.abs(np.log(rows["n_clusters"].to_numpy(float) / rows["n_other_clusters"].to_numpy(float)))
    rows = rows.assign(apart=apart).sort_values(["level", "apart", "other_level"], kind="stable")
    first = rows.drop_duplicates("level")
    return {int(level): int(other) for level, other in zip(first["level"], first["other_level"], strict=True)}


def clusters(matched: Matched, pairs: dict[int, int]) -> pd.DataFrame:
    """Return every pair of clusters that share a common value, the closest partner of each cluster first.

    `jaccard` is of the common values in either; `share` is how much of the cluster's common values the other holds.
    """
    columns = ["level", "cluster_id", "name", "other_level", "other_id", "other_name"]
    columns += ["n_values", "n_other_values", "n_shared", "jaccard", "share", "other_share"]
    rows = []
    for level, other_level in pairs.items():
        one = matched.tree.members[level - 1][matched.rows]
        two = matched.other.members[other_level - 1][matched.other_rows]
        ids, other_ids = matched.tree.clusters[level - 1], matched.other.clusters[other_level - 1]
        table = np.zeros((len(ids), len(other_ids)), dtype=np.int64)
        found = overlaps(one, two)
        table[: found.shape[0], : found.shape[1]] = found
        held, others = table.sum(axis=1), table.sum(axis=0)
        for i, j in np.argwhere(table > 0):
            shared = int(table[i, j])
            mine, theirs = ids[i], other_ids[j]
            rows.append(
                (
                    level,
                    mine,
                    matched.tree.names[mine],
                    other_level,
                    theirs,
                    matched.other.names[theirs],
                    int(held[i]),
                    int(others[j]),
                    shared,
                    shared / (held[i] + others[j] - shared),
                    shared / held[i],
                    shared / others[j],
                )
            )
    frame = pd.DataFrame(rows, columns=columns)
    order = ["level", "name", "cluster_id", "jaccard", "other_name", "other_id"]
    return frame.sort_values(order, ascending=[False, True, True, False, True, True], kind="stable").reset_index(
        drop=True
    )


def values(matched: Matched, mentions: int | None, other_mentions: int | None) -> pd.DataFrame:
    """Return every value of either tree with its shares of mentions side by side.

    Parameters
    ----------
    mentions, other_mentions
        Number of mentions the shares of either tree are of; the difference has an interval where both are known.

    Notes
    -----
    `found_in` is both, this or other. The interval (`wildvalues.statistics.differences.newcombe`) takes mentions as
    independent; several are from one conversation, so it is somewhat too narrow.
    """
    tree, other = matched.tree, matched.other
    alone = np.setdiff1d(np.arange(len(tree.values)), matched.rows)
    other_alone = np.setdiff1d(np.arange(len(other.values)), matched.other_rows)
    frame = pd.concat(
        [
            pd.DataFrame(
                {
                    "found_in": "both",
                    "name": [tree.values[row] for row in matched.rows],
                    "other_name": [other.values[row] for row in matched.other_rows],
                    "share": tree.shares[matched.rows],
                    "other_share": other.shares[matched.other_rows],
                }
            ),
            pd.DataFrame(
                {"found_in": "this", "name": [tree.values[row] for row in alone], "share": tree.shares[alone]}
            ),
            pd.DataFrame(
                {
                    "found_in": "other",
                    "other_name": [other.values[row] for row in other_alone],
                    "other_share": other.shares[other_alone],
                }
            ),
        ],
        ignore_index=True,
    ).reindex(columns=["found_in", "name", "other_name", "share", "other_share"])
    frame["difference"] = frame["share"] - frame["other_share"]
    frame["difference_low"] = frame["difference_high"] = np.nan
    if mentions and other_mentions:
        share, other_share = frame["share"].to_numpy(float), frame["other_share"].to_numpy(float)
        low, high = newcombe(share * mentions, mentions, other_share * other_mentions, other_mentions)
        frame["difference_low"], frame["difference_high"] = low, high
    size = frame["difference"].abs().fillna(frame["share"]).fillna(frame["other_share"])
    order = frame["found_in"].map({"both": 0, "this": 1, "other": 2})
    frame = frame.assign(order=order, size=-size, shown=frame["name"].fillna(frame["other_name"]))
    frame = frame.sort_values(["order", "size", "shown"], kind="stable").reset_index(drop=True)
    return frame.drop(columns=["order", "size", "shown"])
