"""Edits by hand as a result, and how many hold what each of them names: what the gate needs to let it out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from wildvalues.analysis.study import Study
from wildvalues.tables import COUNT, FLAG, TEXT, Table

# One name an edit speaks of, or one value it dropped, a row. Private, never published.
SPOKEN = Table(
    pa.schema(
        [
            ("number", COUNT),
            ("facet", TEXT),
            ("text", TEXT),
            ("dropped", FLAG),
            ("n_conversations", COUNT),
            ("n_users", COUNT),
        ]
    ),
    ("number", "dropped", "text", "n_conversations"),
)
SPOKEN_FILE = "spoken_of_in_edits.parquet"


def spoken(edits: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the holders of every node that an edit names and of every value that one dropped.

    Parameters
    ----------
    edits
        Rows of `tables.EDITS`.
    """
    rows = []
    for number, facet, named, dropped in zip(
        edits["number"], edits["facet"], edits["named"], edits["dropped"], strict=True
    ):
        texts = [(entry["name"], False, list(entry["values"])) for entry in named]
        texts += [(value, True, [value]) for value in dropped]
        rows += [(number, facet, text, gone, *_holders(study, facet, values)) for text, gone, values in texts]
    return pd.DataFrame(rows, columns=SPOKEN.schema.names).astype({"n_users": "Int64"})


def _holders(study: Study, facet: str, values: list[str]) -> tuple[int, object]:
    mine = study.mentions[(study.mentions["facet"] == facet) & study.mentions["value"].isin(values)]
    conversations = np.unique(mine["conversation"].to_numpy(dtype=np.int64))
    users = study.users.count_pairs(conversations, np.zeros(len(conversations), dtype=np.int64), 1)
    return len(conversations), users[0]
