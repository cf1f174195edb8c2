"""The gate for the assessment of the trees."""

from __future__ import annotations

import pandas as pd

from wildvalues.disclosure.threshold import Threshold

# Values that sit least firmly, of each level of each tree.
_WORST = 20


def gate_assessment(
    private: dict[str, pd.DataFrame], nodes: pd.DataFrame, threshold: Threshold
) -> dict[str, pd.DataFrame]:
    """Return what of `quality`, `sensitivity` and `misfits` may be published.

    Parameters
    ----------
    nodes
        The published nodes: facet, level, node_id, published_id, name, and whether their counts are published.

    Notes
    -----
    Numbers on whole levels need as many conversations with the facet as any cell. A value that sits badly is named
    only if its counts are published and both its cluster and the one next to it are, under their published ids and
    names; its margin keeps three digits.
    """
    public = {}
    for name in ("quality", "sensitivity"):
        frame = private[name]
        public[name] = frame[threshold.reached(frame["n_conversations"], frame["n_users"])]
    found = private["misfits"].drop(columns=["name", "cluster_name", "next_name"])
    values = nodes[(nodes["level"] == 0) & nodes["counted"]][["facet", "node_id", "name"]]
    found = found.merge(values, on=["facet", "node_id"])
    clusters = nodes[nodes["level"] > 0][["facet", "level", "node_id", "published_id", "name"]]
    for side in ("cluster", "next"):
        names = {"node_id": f"{side}_id", "published_id": f"{side}_published", "name": f"{side}_name"}
        found = found.merge(clusters.rename(columns=names), on=["facet", "level", f"{side}_id"])
        found[f"{side}_id"] = found[f"{side}_published"]
    found = found.assign(margin=found["margin"].round(3)).sort_values(["margin", "node_id"], kind="stable")
    public["misfits"] = found.groupby(["facet", "level"], sort=False).head(_WORST)
    return public
