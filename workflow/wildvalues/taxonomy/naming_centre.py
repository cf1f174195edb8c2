"""Names by vectors alone: no model is asked.

The member nearest the centre is a poor name of a wide cluster, whose centre lies where no one value does. So a cluster
may also be called by a frequent member or by a general value name of the lexicon: whichever is nearest to its members
and furthest from the members of the clusters beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from wildvalues.taxonomy.hierarchy import unit
from wildvalues.taxonomy.naming import ClusterName, Facet, Group, describe
from wildvalues.taxonomy.spelling import letters_key

# Members nearest the centre, most frequent members, and names of the lexicon that may become the name.
_CANDIDATES = 30
# How much distance from the neighbours counts beside nearness to the own members, how much ten times as many
# conversations do, and by how much "a and b" must beat every single name. On the 3,307 published names in 266, 26 and
# 5 clusters (components: 100), names by the member nearest the centre sorted 53 and 44 % of the values right in the
# middle and at the top; with these weights it is 59 and 60 % (all-mpnet-base-v2; MiniLM: 55 and 44, then 62 and 53 %).
# A smaller handicap for pairs sorts better still, but calls everything "a and b".
_CONTRAST = 0.5
_FREQUENCY = 0.01
_PAIR = 0.04
# Good candidates of which pairs are made.
_PAIRED = 16
# Second names tried in "a and b" before a number is added.
_LADDER = 20


@dataclass(frozen=True)
class Lexicon:
    """General names that a cluster may take, with their unit vectors."""

    names: Sequence[str]
    vectors: np.ndarray


def lexicon_of(prompts: Path, encode: Callable[[Sequence[str]], np.ndarray]) -> Lexicon:
    """Return the names of ``lexicon.yaml``, or none where a study's prompts have no such file."""
    path = prompts / "lexicon.yaml"
    if not path.exists():
        return Lexicon((), np.zeros((0, 0)))
    names = sorted(yaml.safe_load(path.read_text("utf-8"))["names"])
    return Lexicon(names, unit(np.asarray(encode(names), dtype=np.float64)))


def name_level_by_centre(
    facet: Facet, level: int, named: Mapping[str, ClusterName], lexicon: Lexicon | None = None
) -> dict[str, ClusterName]:
    """Name every cluster of a level; the heaviest choose first."""
    members = {group.node_id: group for group in facet.groups}
    found: dict[str, ClusterName] = {}
    taken: set[str] = set()
    for group in facet.at(level):
        given = name_by_centre(facet, group, taken, named, members, lexicon)
        taken.add(letters_key(given.name))
        found[group.node_id] = given
    return found


def name_by_centre(
    facet: Facet,
    group: Group,
    taken: Iterable[str],
    named: Mapping[str, ClusterName],
    members: Mapping[str, Group],
    lexicon: Lexicon | None = None,
) -> ClusterName:
    """Name a cluster by vectors.

    A cluster of one part is called like it. One of several parts is called like none of them: it must read as wider.
    When every candidate is taken, "a and b" is tried with the best two members of different parts, then a number.

    Parameters
    ----------
    taken
        Keys (`spelling.letters_key`) of the names already given at this level.
    named
        Names of the clusters below.
    members
        Clusters of the facet by id.
    """
    used = set(taken)
    parts = [named[child] for child in group.children if child in named]
    if len(group.children) == 1 and parts and letters_key(parts[0].name) not in used:
        return ClusterName(parts[0].name, describe(facet.name, group), parts[0].vector)
    if len(group.children) > 1:
        used |= {letters_key(part.name) for part in parts}
    candidates = _candidates(facet, group, lexicon)
    pairs = _pairs(candidates, [members[child] for child in group.children if child in members])
    for candidate in _ranked(facet, group, [*candidates, *pairs]):
        if letters_key(candidate.name) not in used:
            return ClusterName(candidate.name, describe(facet.name, group), candidate.vector)
    return _joined(facet, group, used, members)


@dataclass(frozen=True)
class _Candidate:
    """A name, its unit vector, and the conversations of the value it is (of the rarer one of a pair)."""

    name: str
    vector: np.ndarray
    conversations: int
    is_pair: bool = False


def _candidates(facet: Facet, group: Group, lexicon: Lexicon | None) -> list[_Candidate]:
    """Return single names, best first."""
    values = {value: facet.vector(value) for value in (*group.members[:_CANDIDATES], *group.frequent[:_CANDIDATES])}
    if lexicon is not None and len(lexicon.names):
        nearness = np.round(lexicon.vectors @ group.mean, 6)
        nearest = np.argsort(-nearness, kind="stable")[:_CANDIDATES]
        values = {**{lexicon.names[i]: lexicon.vectors[i] for i in nearest}, **values}
    found = [_Candidate(name, values[name], facet.conversations.get(name, 0)) for name in sorted(values)]
    return _ranked(facet, group, found)


def _pairs(candidates: Sequence[_Candidate], parts: Sequence[Group]) -> list[_Candidate]:
    """Return "a and b" of good candidates that are at home in different parts of the cluster."""
    if len(parts) < 2:
        return []
    best = candidates[:_PAIRED]
    near = np.round(np.vstack([one.vector for one in best]) @ unit(np.vstack([part.mean for part in parts])).T, 6)
    home = near.argmax(axis=1)
    found = []
    for i, first in enumerate(best):
        for j, second in enumerate(best[i + 1 :], start=i + 1):
            # "collaboration and collaborative" says no more than "collaboration".
            if home[i] != home[j] and not _stems(first.name) & _stems(second.name):
                vector = unit(first.vector + second.vector)
                rarer = min(first.conversations, second.conversations)
                found.append(_Candidate(f"{first.name} and {second.name}", vector, rarer, is_pair=True))
    return found


def _ranked(facet: Facet, group: Group, candidates: Sequence[_Candidate]) -> list[_Candidate]:
    matrix = np.vstack([one.vector for one in candidates])
    score = matrix @ group.mean
    if others := facet.neighbours(group):
        score = score - _CONTRAST * np.mean([matrix @ other.mean for other in others], axis=0)
    score = score + _FREQUENCY * np.array([math.log10(1 + one.conversations) for one in candidates])
    score = score - _PAIR * np.array([one.is_pair for one in candidates])
    # Rounded, so that a tie in all but the last bits is a tie, which the order of names breaks.
    return [candidates[i] for i in np.argsort(-np.round(score, 6), kind="stable")]


def _joined(facet: Facet, group: Group, used: set[str], members: Mapping[str, Group]) -> ClusterName:
    first = group.members[0]
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
