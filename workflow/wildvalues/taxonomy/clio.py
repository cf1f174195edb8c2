"""A hierarchy that a language model builds, after Clio (Tamkin et al., arXiv 2412.13678, appendix on hierarchies).

For every level: values (then groups) are put into neighbourhoods by k-means; for each the model names a few wider
groups; names that mean the same are merged; each value is put into one of the groups nearest to it, shown in an order
of its own; and each group is named anew from what it came to hold. Unlike in Clio the finest level is made so too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from wildvalues.files import sha256_text
from wildvalues.llm.types import Answer
from wildvalues.params import Cluster
from wildvalues.taxonomy.asking import Answers, Dialogue
from wildvalues.taxonomy.clio_prompt import LETTERS, Clio, proposed
from wildvalues.taxonomy.hierarchy import Hierarchy, count_distinct, level_sizes
from wildvalues.taxonomy.kmeans import centres_of, kmeans, projected, relabelled, unit
from wildvalues.taxonomy.naming import ClusterName, Group, facet_of
from wildvalues.taxonomy.naming_model import ModelNamer
from wildvalues.taxonomy.nodes import tree
from wildvalues.taxonomy.spelling import letters_key

# Nearest phrases of other neighbourhoods shown with one, as a share of its own.
_OUTSIDE = 0.25
# Names of groups at this cosine or above mean the same.
_SAME = 0.9
# Fewest answers that tell how much a model leans to a letter (as `wildvalues.calibration.MIN_CORPUS`).
_FEWEST_TO_CALIBRATE = 20


@dataclass(frozen=True)
class _Items:
    """What is grouped into the next level: names, unit vectors, and the group of each value among them."""

    names: Sequence[str]
    vectors: np.ndarray
    of_value: np.ndarray


@dataclass(frozen=True)
class Builder:
    """Builds one facet's hierarchy.

    Parameters
    ----------
    namer
        Names the groups of a level from their members, with the requests of the stage `name`, so that ``name.by:
        model`` finds these answers in the memo.
    counts
        Adds clio_unproposed (neighbourhoods without a usable proposal, for which members nearest the centres of their
        k-means groups stand in), clio_unassigned (values or groups without a usable answer, put into the nearest group)
        and clio_merged (names that meant the same as another).
    """

    facet: str
    clio: Clio
    namer: ModelNamer
    params: Cluster
    counts: Counter[str]

    def build(self, values: Sequence[str], vectors: np.ndarray, conversations: np.ndarray) -> Dialogue[Hierarchy]:
        """Group values into nested levels, in the wanted sizes or fewer.

        Parameters
        ----------
        values, vectors, conversations
            Values in alphabetical order, their unit vectors, and the conversations of each.
        """
        if not len(values):
            return Hierarchy([])
        vectors = unit(np.asarray(vectors, dtype=np.float64))
        sizes = level_sizes(self.params.levels, count_distinct(vectors))
        items = _Items(values, vectors, np.arange(len(values)))
        labels: list[np.ndarray] = []
        named: dict[str, ClusterName] = {}
        for size in sizes:
            if size >= len(items.names) > 1:
                continue
            groups = yield from self._grouped(items, size)
            if labels and groups.max() + 1 >= len(items.names):
                continue
            labels.append(relabelled(groups[items.of_value]))
            nodes = tree(self.facet, values, Hierarchy(labels))
            facet = facet_of(self.facet, nodes, values, vectors, conversations)
            found = yield from self.namer.name_level(facet, len(labels), named, len(sizes))
            named |= found
            items = self._items_of(facet.at(len(labels)), found, labels[-1], {v: i for i, v in enumerate(values)})
        return Hierarchy(labels)

    def _items_of(
        self, groups: Sequence[Group], found: Mapping[str, ClusterName], labels: np.ndarray, row: Mapping[str, int]
    ) -> _Items:
        ordered = sorted(groups, key=lambda group: labels[row[group.members[0]]])
        # A name says what a group is about, its members what it holds.
        vectors = unit(np.vstack([unit(found[group.node_id].vector) + unit(group.mean) for group in ordered]))
        return _Items([found[group.node_id].name for group in ordered], vectors, labels)

    def _grouped(self, items: _Items, size: int) -> Dialogue[np.ndarray]:
        """Return the group of each item, in at most `size` groups."""
        if size == 1 or len(items.names) == 1:
            return np.zeros(len(items.names), dtype=np.int64)
        names = yield from self._proposed(items, size)
        parents, parent_vectors = self._merged(names, size)
        near = np.round(items.vectors @ parent_vectors.T, 6)
        shown = [self._shown(name, near[i]) for i, name in enumerate(items.names)]
        if len(parents) == 1:
            return np.zeros(len(items.names), dtype=np.int64)
        answers = yield [
            self.clio.assign(name, [parents[parent] for parent in order])
            for name, order in zip(items.names, shown, strict=True)
        ]
        chosen = chosen_letters(answers)
        self.counts["clio_unassigned"] += sum(place is None for place in chosen)
        nearest = near.argmax(axis=1)
        return np.array(
            [nearest[i] if place is None else shown[i][place] for i, place in enumerate(chosen)], dtype=np.int64
        )

    def _proposed(self, items: _Items, size: int) -> Dialogue[list[str]]:
        n_items = len(items.names)
        places = self._kmeans(items.vectors, max(1, round(n_items / self.params.neighbourhood)))
        centres = centres_of(items.vectors, np.ones(n_items), places)
        asked: list[tuple[np.ndarray, int]] = []
        requests = []
        for place, centre in enumerate(centres):
            near = np.round(items.vectors @ centre, 6)
            order = np.array(sorted(range(n_items), key=lambda i: (-near[i], items.names[i])))
            inside, outside = order[places[order] == place], order[places[order] != place]
            wanted = max(1, round(size * len(inside) / n_items))
            asked.append((inside, wanted))
            names = [items.names[i] for i in inside]
            beside = [items.names[i] for i in outside[: max(1, round(_OUTSIDE * len(inside)))]]
            requests.append(self.clio.propose(names, beside, wanted))
        answers = yield requests
        found: list[str] = []
        for (inside, wanted), answer in zip(asked, answers, strict=True):
            names = proposed(answer, wanted) if isinstance(answer, Answer) else []
            if not names:
                self.counts["clio_unproposed"] += 1
                names = self._central(items, inside, wanted)
            found += names
        return found

    def _central(self, items: _Items, inside: np.ndarray, wanted: int) -> list[str]:
        groups = self._kmeans(items.vectors[inside], wanted)
        centres = centres_of(items.vectors[inside], np.ones(len(inside)), groups)
        near = np.round(items.vectors[inside] @ centres.T, 6)
        return [items.names[inside[row]] for row in near.argmax(axis=0)]

    def _merged(self, names: Sequence[str], size: int) -> tuple[list[str], np.ndarray]:
        """Return names of which no two mean the same, at most `size`, with their vectors."""
        from sklearn.cluster import AgglomerativeClustering

        kept = sorted({letters_key(name): name for name in sorted(names)}.values())
        vectors = unit(np.asarray(self.namer.encode(kept), dtype=np.float64))
        if len(kept) > 1:
            distances = np.clip(np.round(1 - vectors @ vectors.T, 6), 0, None)
            knobs = {"metric": "precomputed", "linkage": "average"}
            groups = AgglomerativeClustering(None, distance_threshold=1 - _SAME, **knobs).fit_predict(distances)
            if groups.max() + 1 > size:
                groups = AgglomerativeClustering(size, **knobs).fit_predict(distances)
            groups = relabelled(groups)
            # The name in the middle stands for those that are merged.
            within = np.where(groups[:, None] == groups[None, :], distances, 0.0).sum(axis=1).round(6)
            middle = [min(np.flatnonzero(groups == g), key=lambda i: (within[i], i)) for g in range(groups.max() + 1)]
            kept, vectors = [kept[i] for i in middle], vectors[middle]
        self.counts["clio_merged"] += len(names) - len(kept)
        return kept, vectors

    def _shown(self, name: str, near: np.ndarray) -> list[int]:
        """Return the groups nearest to an item, in an order that only seed, item and groups decide."""
        nearest = np.argsort(-near, kind="stable")[: len(LETTERS)]
        mark = f"{self.params.seed}\n{self.facet}\n{name}"
        return sorted(nearest.tolist(), key=lambda parent: sha256_text(f"{mark}\n{parent}"))

    def _kmeans(self, vectors: np.ndarray, size: int) -> np.ndarray:
        with threadpool_limits(limits=1):
            points = projected(vectors, self.params.components)
            return kmeans(points, np.ones(len(points)), size, self.params.restarts, self.params.seed)


def chosen_letters(answers: Answers) -> list[int | None]:
    """Return the place of the chosen option of each answer, or None of those without one.

    Where the provider tells the options' log-probabilities, each letter's mean over the questions with as many options
    is taken away first. Options stand in a random order, so what a letter has on average is the model's leaning to it
    (Zhao et al. 2021, arXiv 2102.09690), which in small models outweighs what was asked.
    """
    scores: list[np.ndarray | None] = []
    for answer in answers:
        odds = answer.log_probabilities if isinstance(answer, Answer) else None
        if not isinstance(answer, Answer) or answer.text not in LETTERS:
            scores.append(None)
        elif odds is None or len(odds) < 2:
            scores.append(np.array([0.0 if letter == answer.text else -np.inf for letter in LETTERS]))
        else:
            scores.append(np.array([odds[letter] for letter in LETTERS if letter in odds]))
    told = [score for score in scores if score is not None and np.isfinite(score).all()]
    leaning: dict[int, np.ndarray] = {}
    for size in {len(score) for score in told}:
        alike = np.vstack([score for score in told if len(score) == size])
        if len(alike) >= _FEWEST_TO_CALIBRATE:
            leaning[size] = alike.mean(axis=0)
    found: list[int | None] = []
    for score in scores:
        if score is None:
            found.append(None)
        else:
            fair = score - leaning[len(score)] if np.isfinite(score).all() and len(score) in leaning else score
            found.append(int(np.argmax(np.round(fair, 6))))
    return found
