"""The assessment of the trees, with how many conversations and users stand behind each number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from wildvalues.analysis.study import Study
from wildvalues.files import read_table
from wildvalues.tables import ASSESSED


def assessed_tables(assessed: Path, study: Study, counted: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the result tables `quality`, `sensitivity` and `misfits`.

    Parameters
    ----------
    assessed
        The folder that stage `assess` wrote.
    counted
        The table of frequencies: conversations and users of each value.
    """
    private = {name: read_table(assessed / f"{name}.parquet", table.schema) for name, table in ASSESSED.items()}
    stands = _holders_of_facets(study)
    found = {name: private[name].merge(stands, on="facet", how="left") for name in ("quality", "sensitivity")}
    return found | {"misfits": _misfits(private["margins"], counted, study.taxonomy)}


def _holders_of_facets(study: Study) -> pd.DataFrame:
    """Return the conversations, and the least number of users, that hold any value of each facet."""
    rows = []
    for facet, levels in study.trees.items():
        holds = np.zeros(len(study.conversation_ids), dtype=bool)
        if levels:
            holds = np.asarray(levels[0].holds.sum(axis=1)).ravel() > 0
        at = np.flatnonzero(holds).astype(np.int64)
        users = study.users.count_pairs(at, np.zeros(len(at), dtype=np.int64), 1)
        rows.append((facet, len(at), users[0]))
    return pd.DataFrame(rows, columns=["facet", "n_conversations", "n_users"]).astype({"n_users": "Int64"})


def _misfits(margins: pd.DataFrame, counted: pd.DataFrame, taxonomy: pd.DataFrame) -> pd.DataFrame:
    if margins.empty:
        return pd.DataFrame()
    values = counted[counted["level"] == 0][["facet", "node_id", "name", "n_conversations", "n_users"]]
    clusters = taxonomy[taxonomy["level"] > 0][["facet", "level", "node_id", "name"]]
    found = margins.merge(values, on=["facet", "node_id"])
    for side in ("cluster", "next"):
        names = clusters.rename(columns={"node_id": f"{side}_id", "name": f"{side}_name"})
        found = found.merge(names, on=["facet", "level", f"{side}_id"])
    return found
