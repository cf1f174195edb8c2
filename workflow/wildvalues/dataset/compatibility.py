"""The two files of the original release, with its exact columns, for each facet that has values.

Reference: the dataset released with Huang et al., arXiv 2504.15236 (``values_frequencies.csv``,
``values_tree.csv``). There and here a leaf's id is its value, and clusters and values are told apart by id, for
one name may occur at several levels.
"""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from wildvalues.errors import InputError
from wildvalues.results import Results
from wildvalues.tables import COUNT, REAL, TEXT

FREQUENCIES = pa.schema([("value", TEXT), ("pct_convos", REAL)])
TREE = pa.schema(
    [
        ("cluster_id", TEXT),
        ("description", TEXT),
        ("name", TEXT),
        ("level", COUNT),
        ("parent_cluster_id", TEXT),
        ("pct_total_occurrences", REAL),
    ]
)
# File prefix -> facet.
VIEWS = {"values": "ai_values", "human_values": "human_values"}


def frequencies_view(tables: Results, facet: str) -> pd.DataFrame:
    """Return the values of a facet with the percentage of conversations in which each occurs, highest first."""
    table = tables["frequencies"]
    leaves = table[(table["facet"] == facet) & (table["level"] == 0)]
    view = pd.DataFrame({"value": leaves["node_id"], "pct_convos": (100 * leaves["share"]).round(3)})
    return view.sort_values(["pct_convos", "value"], ascending=[False, True], kind="stable").reset_index(drop=True)


def tree_view(tables: Results, facet: str) -> pd.DataFrame:
    """Return the tree of a facet: the top first, then down to the values, each level by share.

    Raises
    ------
    InputError
        When a node's parent is not in the table, or an id occurs twice: such a tree cannot be walked.
    """
    table = tables["taxonomy"]
    nodes = table[table["facet"] == facet]
    ids = nodes["node_id"]
    twice = ids[ids.duplicated()]
    if not twice.empty:
        raise InputError(f"taxonomy.csv: {facet} has the id {twice.iloc[0]!r} twice; run `wildvalues disclose` again")
    parents = nodes["parent_id"].dropna()
    orphans = nodes.loc[parents[~parents.isin(set(ids))].index]
    if not orphans.empty:
        first = orphans.iloc[0]
        raise InputError(
            f"taxonomy.csv: {facet} {first['node_id']!r} has the parent {first['parent_id']!r}, which is not in the "
            "table; run `wildvalues disclose` again"
        )
    view = pd.DataFrame(
        {
            "cluster_id": ids,
            "description": nodes["description"].where(nodes["level"] > 0, None),
            "name": nodes["name"],
            "level": nodes["level"],
            "parent_cluster_id": nodes["parent_id"],
            "pct_total_occurrences": 100 * nodes["share_mentions"],
        }
    )
    order = ["level", "pct_total_occurrences", "cluster_id"]
    return view.sort_values(order, ascending=[False, False, True], kind="stable").reset_index(drop=True)


def compatibility_views(tables: Results) -> dict[str, tuple[pd.DataFrame, pa.Schema]]:
    """Return file stem -> table and its schema, for both facets; a facet without values gives empty tables."""
    views: dict[str, tuple[pd.DataFrame, pa.Schema]] = {}
    for prefix, facet in VIEWS.items():
        views[f"{prefix}_frequencies"] = frequencies_view(tables, facet), FREQUENCIES
        views[f"{prefix}_tree"] = tree_view(tables, facet), TREE
    return views
