"""The first chunk of the page, enough for its first screen, and the trees that follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from wildvalues.dataset.facts import is_demo, metric
from wildvalues.explorer.chunks import digits_for, number, numbers
from wildvalues.params import Params
from wildvalues.results import Results
from wildvalues.tables import RESPONSE_TYPES

# Facets with a tree, and kinds of context without one, in the order of the page.
TREES = ("ai_values", "human_values", "task")
FLAT = ("response_type", "model", "language", "week")
_HEAD = 12
_COUNTS = {
    "read": ("ingest", "conversations"),
    "sampled": ("sample", "conversations"),
    "subjective": ("screen", "subjective"),
    "annotated": ("extract", "conversations"),
    "users": ("sample", "users"),
    "ungrounded": ("extract", "ungrounded"),
    "min_conversations": ("disclose", "min_conversations"),
    "min_users": ("disclose", "min_users"),
}


def ordered_nodes(tables: Results, facet: str) -> pd.DataFrame:
    """Return the nodes of a tree with their shares, top level first, each level by mentions, ties by id."""
    nodes = tables["taxonomy"][tables["taxonomy"]["facet"] == facet]
    shares = tables["frequencies"].loc[tables["frequencies"]["facet"] == facet, ["level", "node_id", "share"]]
    merged = nodes.merge(shares, on=["level", "node_id"], how="left")
    return merged.sort_values(
        ["level", "n_mentions", "node_id"], ascending=[False, False, True], kind="stable"
    ).reset_index(drop=True)


def tree_chunk(nodes: pd.DataFrame) -> dict[str, Any]:
    """Return a tree as columns; a leaf's id is its name and is left out, a parent is a row number."""
    place = {node_id: row for row, node_id in enumerate(nodes["node_id"])}
    return {
        "ids": [None if id_ == name else id_ for id_, name in zip(nodes["node_id"], nodes["name"], strict=True)],
        "names": nodes["name"].tolist(),
        "levels": numbers(nodes["level"]),
        "parents": [place.get(parent, -1) for parent in nodes["parent_id"]],
        "values": numbers(nodes["n_values"]),
        "conversations": numbers(nodes["n_conversations"]),
        "shares": numbers(nodes["share"]),
        "mentions": numbers(nodes["share_mentions"]),
        "x": numbers(nodes["x"], 4),
        "y": numbers(nodes["y"], 4),
    }


def flat_ids(tables: Results, facet: str) -> list[str]:
    """Return the ids of a kind of context without a tree, in reading order."""
    cells = tables["associations"]
    found = set(cells.loc[cells["column_facet"] == facet, "column_id"])
    if facet == "response_type":
        found |= set(tables["response_types"]["response_type"])
        return [kind for kind in RESPONSE_TYPES if kind in found]
    if facet == "model":
        found |= set(tables["models"]["model"])
    return sorted(found)


def study_chunk(params: Params, tables: Results, validation: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the first screen and the pages without a tree need."""
    facets = {facet: _facet(ordered_nodes(tables, facet)) for facet in TREES}
    facets |= {
        facet: {"ids": ids, "digits": digits_for(len(ids))} for facet in FLAT if (ids := flat_ids(tables, facet))
    }
    return {
        "title": params.study.title,
        "authors": params.study.authors,
        "corpus": params.study.corpus,
        "demo": is_demo(tables),
        "counts": {key: number(metric(tables, *where)) for key, where in _COUNTS.items()},
        "facets": facets,
        "responses": _records(tables["response_types"]),
        "mirroring": _records(tables["mirroring"]),
        "models": _records(tables["models"]),
        "explicitness": _records(tables["explicitness"]),
        "tests": _records(tables["association_tests"]),
        "edits": _records(tables["edits"]),
        "validation": _plain(validation),
    }


def _facet(nodes: pd.DataFrame) -> dict[str, Any]:
    leaves = nodes[nodes["level"] == 0].sort_values(["share", "node_id"], ascending=[False, True], kind="stable")
    top = nodes[(nodes["level"] > 0) & (nodes["level"] == nodes["level"].max())]
    return {
        "digits": digits_for(len(nodes)),
        "counts": [int((nodes["level"] == level).sum()) for level in range(int(nodes["level"].max()) + 1)]
        if len(nodes)
        else [],
        "top": [[row.node_id, row.name_, number(row.share_mentions)] for row in _named(top)],
        "head": [
            [row.node_id, row.name_, number(row.share), number(row.n_conversations)]
            for row in _named(leaves.head(_HEAD))
        ],
    }


def _named(frame: pd.DataFrame) -> Any:
    return frame.rename(columns={"name": "name_"}).itertuples(index=False)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    columns = {
        str(name): column.tolist() if column.dtype == object else numbers(column.astype("float64"))
        for name, column in table.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in sorted(value.items())}
    return number(value)
