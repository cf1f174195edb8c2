"""What is assessed: the values of one facet with their vectors, who holds them, and the groups they are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.assessment.partitions import Labels
from wildvalues.assessment.resampling import Holders


@dataclass(frozen=True)
class Subject:
    """Values of one facet in alphabetical order.

    Attributes
    ----------
    vectors
        Unit vectors, one a value.
    counts
        Conversations of each value.
    holders
        Which conversation holds which value.
    """

    facet: str
    values: list[str]
    vectors: NDArray[np.floating]
    counts: NDArray[np.int64]
    holders: Holders

    def sampled(self, most: int, seed: int) -> Subject:
        """Return the subject, or one of `most` values drawn from it where it has more."""
        if len(self.values) <= most:
            return self
        kept = np.sort(np.random.default_rng(seed).choice(len(self.values), most, replace=False))
        holders = Holders(self.holders.holds[:, kept])
        return Subject(self.facet, [self.values[i] for i in kept], self.vectors[kept], self.counts[kept], holders)


@dataclass(frozen=True)
class Level:
    """The groups of one level of a tree: their ids, and the group of each value (-1: none)."""

    level: int
    ids: list[str]
    labels: Labels


def levels_of(nodes: pd.DataFrame, values: Sequence[str]) -> list[Level]:
    """Return the levels of one facet's tree, finest first, for the given values.

    Parameters
    ----------
    nodes
        The facet's rows of `tables.CLUSTERS` or `tables.TAXONOMY`.
    """
    parents = {
        (int(level), node): parent
        for level, node, parent in zip(nodes["level"], nodes["node_id"], nodes["parent_id"], strict=True)
    }
    found = []
    at: list[str | None] = list(values)
    for level in range(1, int(nodes["level"].max()) + 1 if len(nodes) else 1):
        above = [None if node is None else parents.get((level - 1, node)) for node in at]
        at = [node if isinstance(node, str) else None for node in above]
        ids = sorted({node for node in at if node is not None})
        number = {node: i for i, node in enumerate(ids)}
        labels = np.array([-1 if node is None else number[node] for node in at], dtype=np.int64)
        found.append(Level(level, ids, labels))
    return found
