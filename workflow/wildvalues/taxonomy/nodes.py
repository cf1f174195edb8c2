"""The nodes of a tree of values, with ids made from what they hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from wildvalues.files import sha256_text
from wildvalues.tables import CLUSTERS
from wildvalues.taxonomy.hierarchy import Hierarchy


def cluster_id(facet: str, level: int, members: Sequence[str]) -> str:
    """Return the id of a cluster: it changes exactly when facet, level or members do."""
    return f"{facet}:l{level}:{sha256_text(chr(10).join(sorted(members)))[:12]}"


def tree(facet: str, values: Sequence[str], hierarchy: Hierarchy) -> pd.DataFrame:
    """Return the nodes of one facet as rows of `tables.CLUSTERS`; level 0 holds the values themselves."""
    ids = [_ids(facet, level, values, labels) for level, labels in enumerate(hierarchy.labels, start=1)]
    records: list[tuple[str, int, str, str | None, int]] = []
    for i, value in enumerate(values):
        records.append((facet, 0, value, ids[0][i] if ids else None, 1))
    for level, of_value in enumerate(ids, start=1):
        above = ids[level] if level < len(ids) else None
        held: dict[str, list[int]] = {}
        for i, node in enumerate(of_value):
            if node is not None:
                held.setdefault(node, []).append(i)
        for node, members in held.items():
            records.append((facet, level, node, above[members[0]] if above else None, len(members)))
    return CLUSTERS.arrange(pd.DataFrame(records, columns=CLUSTERS.schema.names))


def _ids(facet: str, level: int, values: Sequence[str], labels: np.ndarray) -> list[str | None]:
    members: dict[int, list[str]] = {}
    for value, label in zip(values, labels.tolist(), strict=True):
        members.setdefault(label, []).append(value)
    names = {label: cluster_id(facet, level, held) for label, held in members.items() if label >= 0}
    return [names.get(label) for label in labels.tolist()]


def members_of(clusters: pd.DataFrame) -> dict[str, list[str]]:
    """Return the values below each cluster of one facet, sorted."""
    parent = {
        (int(level), node): above
        for level, node, above in zip(clusters["level"], clusters["node_id"], clusters["parent_id"], strict=True)
    }
    held: dict[str, list[str]] = {node: [] for level, node in parent if level > 0}
    for value in sorted(node for level, node in parent if level == 0):
        level, node = 0, parent[0, value]
        while isinstance(node, str):
            held[node].append(value)
            level += 1
            node = parent[level, node]
    return held
