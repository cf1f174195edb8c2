"""Who holds which value, as bare numbers: what the gate needs to see whether a remainder gives somebody away."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from wildvalues.analysis.study import Study
from wildvalues.tables import COUNT, TEXT, Table

# Conversations and users are numbered; a user who is not known is null. Private, never published.
HOLDERS = Table(
    pa.schema([("facet", TEXT), ("value", TEXT), ("conversation", COUNT), ("user", COUNT)]),
    ("facet", "value", "conversation"),
)
HOLDERS_FILE = "holders.parquet"


def holders(study: Study) -> pd.DataFrame:
    """Return each mention of a value of the trees, with numbers in place of ids."""
    leaves = study.taxonomy.loc[study.taxonomy["level"] == 0, ["facet", "node_id"]].rename(columns={"node_id": "value"})
    mentions = study.mentions[["facet", "value", "conversation"]].merge(leaves, on=["facet", "value"])
    code = pd.Series(study.users.code, dtype="Int64").mask(study.users.code < 0)
    return mentions.assign(user=code.iloc[mentions["conversation"]].array)
