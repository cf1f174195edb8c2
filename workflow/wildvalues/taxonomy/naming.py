"""Clusters ready to be named, and what they are told apart by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from wildvalues.taxonomy.hierarchy import unit
from wildvalues.taxonomy.nodes import members_of

# Members a description mentions, the most frequent ones.
_DESCRIBED = 5
# Other clusters of a level that a cluster is told apart from.
NEIGHBOURS = 8


@dataclass(frozen=True)
class Group:
    """A cluster, ready to be named.

    Attributes
    ----------
    members
        Its values, nearest the centre first.
    frequent
        Its values, most frequent first.
    mean
        Mean of the members' vectors, weighted by the square root of their conversations: in full measure, one very
        frequent value would stand for a hundred others.
    weight
        Mentions by conversation of all members.
    children
        Ids of the clusters it is made of; empty at level 1.
    """

    node_id: str
    level: int
    members: tuple[str, ...]
    frequent: tuple[str, ...]
    mean: np.ndarray
    weight: int
    children: tuple[str, ...]


@dataclass(frozen=True)
class ClusterName:
    """A name, a sentence about the cluster, the name's unit vector and where it came from."""

    name: str
    description: str
    vector: np.ndarray
    by: str = "centre"


@dataclass(frozen=True)
class Facet:
    """Values of one facet with their unit vectors and the clusters over them, finest first, heaviest first."""

    name: str
    values: Sequence[str]
    vectors: np.ndarray
    groups: list[Group]
    row: Mapping[str, int] = field(default_factory=dict)
    conversations: Mapping[str, int] = field(default_factory=dict)

    def levels(self) -> list[int]:
        """Return the levels above the values, finest first."""
        return sorted(self._by_level)

    def at(self, level: int) -> list[Group]:
        """Return the clusters of one level, heaviest first."""
        return self._by_level.get(level, [])

    def neighbours(self, group: Group) -> list[Group]:
        """Return the nearest other clusters of the group's level, nearest first."""
        return self._neighbours[group.node_id]

    def outsiders(self, group: Group, size: int) -> list[str]:
        """Return members of the nearest other clusters, those nearest this one first."""
        values = [value for other in self.neighbours(group) for value in other.members]
        if not values or not size:
            return []
        cosines = np.round(self.vectors[[self.row[value] for value in values]] @ unit(group.mean), 6)
        return [values[i] for i in sorted(range(len(values)), key=lambda i: (-cosines[i], values[i]))[:size]]

    @cached_property
    def _by_level(self) -> dict[int, list[Group]]:
        found: dict[int, list[Group]] = {}
        for group in self.groups:
            found.setdefault(group.level, []).append(group)
        return found

    @cached_property
    def _neighbours(self) -> dict[str, list[Group]]:
        found: dict[str, list[Group]] = {}
        for groups in self._by_level.values():
            centres = unit(np.vstack([group.mean for group in groups]))
            for i, group in enumerate(groups):
                cosines = np.round(centres @ centres[i], 6)
                cosines[i] = -np.inf
                nearest = np.argsort(-cosines, kind="stable")[: min(NEIGHBOURS, len(groups) - 1)]
                found[group.node_id] = [groups[j] for j in nearest]
        return found

    def vector(self, value: str) -> np.ndarray:
        """Return the unit vector of a value."""
        return np.asarray(self.vectors[self.row[value]])


def facet_of(
    name: str, clusters: pd.DataFrame, values: Sequence[str], vectors: np.ndarray, counts: np.ndarray
) -> Facet:
    """Collect what naming needs of one facet.

    Parameters
    ----------
    clusters
        The facet's rows of `tables.CLUSTERS`.
    values, vectors, counts
        Values in alphabetical order, their unit vectors, and the conversations of each.
    """
    row = {value: i for i, value in enumerate(values)}
    vectors = unit(np.asarray(vectors, dtype=np.float64))
    held = np.asarray(counts, dtype=np.float64)
    below: dict[str, list[str]] = {}
    level_of: dict[str, int] = {}
    for level, node, parent in zip(clusters["level"], clusters["node_id"], clusters["parent_id"], strict=True):
        if level > 0:
            level_of[node] = int(level)
            if isinstance(parent, str):
                below.setdefault(parent, []).append(node)
    groups = []
    for node, members in members_of(clusters).items():
        rows = [row[value] for value in members]
        weights = held[rows]
        mean = np.sqrt(weights) @ vectors[rows] / np.sqrt(weights).sum()
        # Rounded, so that a tie in all but the last bits is a tie, which the frequency and then the alphabet break.
        near = np.round(vectors[rows] @ unit(mean), 6)
        nearest = sorted(range(len(members)), key=lambda i: (-near[i], -weights[i], members[i]))
        frequent = sorted(range(len(members)), key=lambda i: (-weights[i], -near[i], members[i]))
        groups.append(
            Group(
                node,
                level_of[node],
                tuple(members[i] for i in nearest),
                tuple(members[i] for i in frequent),
                mean,
                int(weights.sum()),
                tuple(sorted(below.get(node, []))),
            )
        )
    groups.sort(key=lambda group: (group.level, -group.weight, group.node_id))
    return Facet(name, values, vectors, groups, row, dict(zip(values, np.asarray(counts).tolist(), strict=True)))


def describe(facet: str, group: Group) -> str:
    """Return a sentence that lists the most frequent members."""
    noun = "Task" if facet == "task" else "Value"
    shown = list(group.frequent[:_DESCRIBED])
    if len(group.frequent) == 1:
        return f"{noun} on its own: {shown[0]}."
    listed = f"{', '.join(shown[:-1])} and {shown[-1]}"
    return f"{noun}s such as {listed}." if len(group.frequent) > len(shown) else f"{noun}s: {listed}."


def with_vector(name: ClusterName, vector: np.ndarray) -> ClusterName:
    """Return `name` with its own vector."""
    return replace(name, vector=unit(np.asarray(vector, dtype=np.float64)))
