"""Names by a language model, with a name by vectors wherever the model gives none that can be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wildvalues.llm.types import Answer
from wildvalues.taxonomy.asking import Dialogue
from wildvalues.taxonomy.naming import ClusterName, Facet, Group, with_vector
from wildvalues.taxonomy.naming_centre import Lexicon, name_by_centre
from wildvalues.taxonomy.naming_prompt import Naming, read, read_apart
from wildvalues.taxonomy.spelling import letters_key

# Unit vectors of names.
Encode = Callable[[Sequence[str]], np.ndarray]
# Clusters told apart in one question; more would make names that only count them up.
_MOST_TOGETHER = 6

_Given = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class ModelNamer:
    """Asks for the names of one level after the other, so that a cluster is named knowing its parts' names.

    Parameters
    ----------
    look_alike
        Cosine from which the names of two clusters of a level are asked for again, side by side; None: never.
    counts
        Adds named_by_model, rejected (clusters without a usable answer), duplicates (names that were taken, or a
        part's), look_alikes (clusters whose name another's was too much like) and told_apart (those of them renamed).
    """

    naming: Naming
    encode: Encode
    look_alike: float | None
    counts: Counter[str]
    lexicon: Lexicon | None = None

    def name_facet(self, facet: Facet) -> Dialogue[dict[str, ClusterName]]:
        """Name every cluster of a facet."""
        named: dict[str, ClusterName] = {}
        for level in facet.levels():
            named |= yield from self.name_level(facet, level, named, max(facet.levels()))
        return named

    def name_level(
        self, facet: Facet, level: int, named: Mapping[str, ClusterName], depth: int
    ) -> Dialogue[dict[str, ClusterName]]:
        """Name every cluster of a level; a name that another cluster of the level has goes to the heavier one."""
        groups = facet.at(level)
        answers = yield [self.naming.ask(facet, group, named, depth) for group in groups]
        proposed: _Given = {}
        for group, answer in zip(groups, answers, strict=True):
            usable = read(answer) if isinstance(answer, Answer) else None
            if usable is None:
                self.counts["rejected"] += 1
            else:
                proposed[group.node_id] = usable
        if self.look_alike is not None:
            proposed = yield from self._told_apart(facet, groups, proposed, named, self.look_alike, depth)
        return self._settled(facet, groups, proposed, named)

    def _told_apart(
        self,
        facet: Facet,
        groups: Sequence[Group],
        proposed: _Given,
        named: Mapping[str, ClusterName],
        threshold: float,
        depth: int,
    ) -> Dialogue[_Given]:
        asked = [group for group in groups if group.node_id in proposed]
        vectors = self._vectors([proposed[group.node_id][0] for group in asked])
        together = [[asked[i] for i in places] for places in look_alikes(vectors, threshold)]
        if not together:
            return proposed
        self.counts["look_alikes"] += sum(len(twins) for twins in together)
        answers = yield [self.naming.apart(facet, twins, proposed, depth) for twins in together]
        found = dict(proposed)
        for twins, answer in zip(together, answers, strict=True):
            names = read_apart(answer, len(twins)) if isinstance(answer, Answer) else None
            if names is None:
                continue
            before = _closest(self._vectors([proposed[group.node_id][0] for group in twins]))
            if _closest(self._vectors([name for name, _ in names])) < before:
                found |= {group.node_id: name for group, name in zip(twins, names, strict=True)}
                self.counts["told_apart"] += len(twins)
        return found

    def _settled(
        self, facet: Facet, groups: Sequence[Group], proposed: _Given, named: Mapping[str, ClusterName]
    ) -> dict[str, ClusterName]:
        found: dict[str, ClusterName] = {}
        taken: set[str] = set()
        for group in groups:
            if group.node_id not in proposed:
                continue
            name, description = proposed[group.node_id]
            parts = {letters_key(named[child].name) for child in group.children if child in named}
            key = letters_key(name)
            if key in taken or (key in parts and len(group.children) > 1):
                self.counts["duplicates"] += 1
                continue
            taken.add(key)
            found[group.node_id] = ClusterName(name, description, np.zeros(0), by="model")
        vectors = self._vectors([given.name for given in found.values()])
        found = {node: with_vector(given, vectors[i]) for i, (node, given) in enumerate(found.items())}
        self.counts["named_by_model"] += len(found)
        members = {group.node_id: group for group in facet.groups}
        for group in groups:
            if group.node_id not in found:
                given = name_by_centre(facet, group, taken, named, members, self.lexicon)
                taken.add(letters_key(given.name))
                found[group.node_id] = given
        return found

    def _vectors(self, names: Sequence[str]) -> np.ndarray:
        return np.asarray(self.encode(names), dtype=np.float64) if names else np.zeros((0, 0))


def look_alikes(vectors: np.ndarray, threshold: float) -> list[list[int]]:
    """Return sets of rows that a chain of cosines of at least `threshold` joins, each of two to six rows.

    Joined from the most alike pair on, as far as sets stay that small.
    """
    if len(vectors) < 2:
        return []
    cosines = np.round(vectors @ vectors.T, 6)
    home = {i: [i] for i in range(len(vectors))}
    pairs = [(i, j) for i, j in np.argwhere(np.triu(cosines >= threshold, k=1)).tolist()]
    for i, j in sorted(pairs, key=lambda pair: (-cosines[pair], pair)):
        first, second = home[i], home[j]
        if first is not second and len(first) + len(second) <= _MOST_TOGETHER:
            first += second
            home |= dict.fromkeys(second, first)
    found = {id(places): sorted(places) for places in home.values() if len(places) > 1}
    return sorted(found.values())


def _closest(vectors: np.ndarray) -> float:
    cosines = np.round(vectors @ vectors.T, 6)
    return float(cosines[np.triu_indices(len(vectors), k=1)].max())
