"""Names for clusters: the member nearest the centre, and how well any name sits with its members."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from wildvalues.taxonomy.hierarchy import unit
from wildvalues.taxonomy.nodes import members_of
from wildvalues.taxonomy.spelling import letters_key

# Members a description mentions, the most frequent ones.
_DESCRIBED = 5
# Second names tried in "a and b" before a number is added.
_LADDER = 20


@dataclass(frozen=True)
class Group:
    """A cluster, ready to be named.

    Attributes
    ----------
    members
        Its values, nearest the centre first.
    frequent
        Its values, most frequent first.
    centre
        Unit mean of the members' vectors, weighted by conversations.
    weight
        Mentions by conversation of all members.
    children
        Ids of the clusters it is made of; empty at level 1.
    """

    node_id: str
    level: int
    members: tuple[str, ...]
    frequent: tuple[str, ...]
    centre: np.ndarray
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

    def levels(self) -> list[int]:
        """Return the levels above the values, finest first."""
        return sorted({group.level for group in self.groups})

    def at(self, level: int) -> list[Group]:
        """Return the clusters of one level, heaviest first."""
        return [group for group in self.groups if group.level == level]

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
        weights = np.asarray(counts, dtype=np.float64)[rows]
        centre = unit(weights @ vectors[rows])
        # Rounded, so that a tie in all but the last bits is a tie, which the frequency and then the alphabet break.
        near = np.round(vectors[rows] @ centre, 6)
        nearest = sorted(range(len(members)), key=lambda i: (-near[i], -weights[i], members[i]))
        frequent = sorted(range(len(members)), key=lambda i: (-weights[i], -near[i], members[i]))
        groups.append(
            Group(
                node,
                level_of[node],
                tuple(members[i] for i in nearest),
                tuple(members[i] for i in frequent),
                centre,
                int(weights.sum()),
                tuple(sorted(below.get(node, []))),
            )
        )
    groups.sort(key=lambda group: (group.level, -group.weight, group.node_id))
    return Facet(name, values, vectors, groups, row)


def name_by_centre(
    facet: Facet, group: Group, taken: Iterable[str], named: Mapping[str, ClusterName], members: Mapping[str, Group]
) -> ClusterName:
    """Name a cluster after the member nearest its centre.

    A cluster of clusters that would be called like one of its parts is called "a and b", with b the nearest member
    in another part: it must read as wider than either. The same ladder keeps names apart within a level.

    Parameters
    ----------
    taken
        Names already given at this level.
    named
        Names of the clusters below.
    members
        Clusters of the facet by id.
    """
    used = {letters_key(name) for name in taken}
    parts = {named[child].name for child in group.children if child in named}
    first = group.members[0]
    if first not in parts and letters_key(first) not in used:
        return ClusterName(first, describe(facet.name, group), facet.vector(first))
    home = next((child for child in group.children if first in members[child].members), None)
    elsewhere = [value for value in group.members[1:] if home is None or value not in members[home].members]
    seconds = elsewhere or list(group.members[1:])
    # "collaboration and collaborative" says no more than "collaboration": words of another stem come first.
    for second in sorted(seconds[:_LADDER], key=lambda value: bool(_stems(first) & _stems(value))):
        name = f"{first} and {second}"
        if letters_key(name) not in used:
            vector = unit(facet.vector(first) + facet.vector(second))
            return ClusterName(name, describe(facet.name, group), vector)
    number, name = 1, first
    while letters_key(name) in used:
        number += 1
        name = f"{first} ({number})"
    return ClusterName(name, describe(facet.name, group), facet.vector(first))


def _stems(name: str) -> set[str]:
    return {word[:5] for word in re.findall(r"\w{4,}", name)}


def describe(facet: str, group: Group) -> str:
    """Return a sentence that lists the most frequent members."""
    noun = "Task" if facet == "task" else "Value"
    shown = list(group.frequent[:_DESCRIBED])
    if len(group.frequent) == 1:
        return f"{noun} on its own: {shown[0]}."
    listed = f"{', '.join(shown[:-1])} and {shown[-1]}"
    return f"{noun}s such as {listed}." if len(group.frequent) > len(shown) else f"{noun}s: {listed}."


def name_level_by_centre(facet: Facet, level: int, named: Mapping[str, ClusterName]) -> dict[str, ClusterName]:
    """Name every cluster of a level; the heaviest choose first."""
    members = {group.node_id: group for group in facet.groups}
    found: dict[str, ClusterName] = {}
    for group in facet.at(level):
        taken = [given.name for given in found.values()]
        found[group.node_id] = name_by_centre(facet, group, taken, named, members)
    return found


def fits(facet: Facet, level: int, named: Mapping[str, ClusterName]) -> dict[str, float]:
    """Return how well each name of a level sits: the share of members nearer to it than to any other name there."""
    groups = facet.at(level)
    names = np.vstack([named[group.node_id].vector for group in groups])
    found = {}
    for column, group in enumerate(groups):
        rows = [facet.row[value] for value in group.members]
        cosines = np.round(facet.vectors[rows] @ names.T, 6)
        others = np.delete(cosines, column, axis=1)
        nearer = cosines[:, column] > others.max(axis=1) if others.shape[1] else np.ones(len(rows), dtype=bool)
        found[group.node_id] = round(float(nearer.mean()), 6)
    return found


def with_vector(name: ClusterName, vector: np.ndarray) -> ClusterName:
    """Return `name` with its own vector."""
    return replace(name, vector=unit(np.asarray(vector, dtype=np.float64)))
