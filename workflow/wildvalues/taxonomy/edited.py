"""From the named trees as tables to edited ones: nodes in, edits applied, nodes out, with ids and texts that fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from wildvalues.errors import InputError
from wildvalues.tables import EDITS, TAXONOMY
from wildvalues.taxonomy.editing import Applied, Node, StaleEditError, Tree
from wildvalues.taxonomy.edits import Edit
from wildvalues.taxonomy.naming import Group, describe

_KNOWN = ("facet", "level", "node_id", "parent_id", "n_values", "name", "description")


@dataclass(frozen=True)
class Edited:
    """The edited trees (`tables.TAXONOMY`), the applied edits (`tables.EDITS`), and sentences on stale ones."""

    taxonomy: pd.DataFrame
    edits: pd.DataFrame
    stale: list[str]
    n_dropped: int
    n_emptied: int


def edit_trees(
    taxonomy: pd.DataFrame,
    edits: Iterable[Edit],
    frequencies: Mapping[tuple[str, str], int],
    *,
    stale: Literal["error", "report"] = "error",
) -> Edited:
    """Apply edits to the trees.

    Parameters
    ----------
    taxonomy
        Rows of `tables.TAXONOMY`, in any order.
    frequencies
        (facet, value) -> conversations, for descriptions that list the most frequent values.

    Raises
    ------
    InputError
        When an edit makes no sense, or its target is gone and `stale` is ``error``; names the edit, counted from 1.

    Notes
    -----
    What was measured of a name (`fit`, and every column beyond the names) is not known of a cluster that a person
    renamed or whose values changed, and is null there.
    """
    rows = TAXONOMY.arrange(taxonomy)
    nodes = _nodes(rows)
    tree = Tree(nodes)
    # By identity; `nodes` keeps every one alive, so that none of an edit's making takes its place.
    before = {id(node): node.values() for node in nodes if node.level > 0}
    applied: list[tuple[int, Applied]] = []
    reports: list[str] = []
    for number, edit in enumerate(edits, start=1):
        try:
            applied.append((number, tree.apply(edit)))
        except StaleEditError as error:
            if stale == "error":
                raise InputError(
                    f"edit {number}: {error}; correct or delete it, or set edit.stale: report in params.yaml"
                ) from None
            reports.append(f"edit {number}: {error}")
        except InputError as error:
            raise InputError(f"edit {number}: {error}") from None
    n_emptied = _remove_empty(tree)
    if not applied:
        return Edited(rows, _records([]), reports, 0, n_emptied)
    dropped = sum(len(one.dropped) for _, one in applied)
    return Edited(_rows(tree, rows, before, frequencies), _records(applied), reports, dropped, n_emptied)


def _nodes(rows: pd.DataFrame) -> list[Node]:
    nodes: dict[tuple[str, str, int], Node] = {}
    parents: list[tuple[Node, object]] = []
    columns = (rows[name] for name in ("facet", "level", "node_id", "parent_id", "name", "description"))
    for facet, level, node_id, parent_id, name, description in zip(*columns, strict=True):
        node = Node(facet, int(level), name, node_id, description or "")
        nodes[facet, node_id, int(level)] = node
        parents.append((node, parent_id))
    for node, parent_id in parents:
        if isinstance(parent_id, str):
            node.place(nodes[node.facet, parent_id, node.level + 1])
    return list(nodes.values())


def _remove_empty(tree: Tree) -> int:
    """Remove the clusters that hold no value any more, and return how many."""
    removed = 0
    for level in sorted({node.level for node in tree.nodes} - {0}):
        for node in [node for node in tree.nodes if node.level == level and not node.children]:
            node.place(None)
            tree.nodes.remove(node)
            removed += 1
    return removed


def _rows(
    tree: Tree, rows: pd.DataFrame, before: Mapping[int, list[str]], frequencies: Mapping[tuple[str, str], int]
) -> pd.DataFrame:
    measured = [name for name in TAXONOMY.schema.names if name not in _KNOWN]
    known = rows.set_index(["facet", "level", "node_id"])[measured].to_dict("index")
    ids: dict[int, str] = {}
    records = []
    for node in tree.nodes:
        values = node.values()
        changed = node.level > 0 and before.get(id(node)) != values
        ids[id(node)] = node.current_id() if changed or not node.id else node.id
        old = None if changed or node.renamed else known[node.facet, node.level, node.id]
        records.append(
            {
                "facet": node.facet,
                "level": node.level,
                "node_id": ids[id(node)],
                "n_values": len(values),
                "name": node.name,
                "description": _description(node, values, before.get(id(node)), frequencies),
                **{name: None if old is None else old[name] for name in measured},
            }
        )
    frame = pd.DataFrame(records, columns=[name for name in TAXONOMY.schema.names if name != "parent_id"])
    above = [ids[id(node.parent)] if node.parent is not None else None for node in tree.nodes]
    return TAXONOMY.arrange(frame.assign(parent_id=pd.Series(above, dtype=object)))


def _description(
    node: Node, values: list[str], before: list[str] | None, frequencies: Mapping[tuple[str, str], int]
) -> str:
    if node.level == 0 or node.retold == "given":
        return node.description
    # Prose about the values survives a move; a list of the most frequent ones has to be made anew.
    listed = before is not None and node.description == _listing(node.facet, before, frequencies)
    if node.retold == "listing" or (listed and before != values):
        return _listing(node.facet, values, frequencies)
    return node.description


def _listing(facet: str, values: list[str], frequencies: Mapping[tuple[str, str], int]) -> str:
    frequent = tuple(sorted(values, key=lambda value: (-frequencies.get((facet, value), 0), value)))
    return describe(facet, Group("", 1, frequent, frequent, np.zeros(0), 0, ()))


def _records(applied: list[tuple[int, Applied]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "number": number,
                "operation": one.operation,
                "facet": one.facet,
                "level": one.level,
                "target": one.target,
                "result": one.result,
                "reason": " ".join(one.reason.split()),
                "named": [{"name": name, "values": values} for name, values in one.named],
                "dropped": one.dropped,
            }
            for number, one in applied
        ],
        columns=EDITS.schema.names,
    )
