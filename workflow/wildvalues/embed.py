"""Stage `embed`: vectors of the vocabulary."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from wildvalues.files import read_table, write_table
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import EMBEDDINGS, VOCABULARY

STAGE = Stage(
    name="embed",
    summary="Compute the vectors of the distinct values and tasks.",
    reads={"vocabulary": "data/interim/vocabulary.parquet"},
    writes={"embeddings": "data/interim/embeddings.parquet"},
    params=("embed.model",),
)

log = logging.getLogger("wildvalues")


def run(params: Params, *, vocabulary: Path, embeddings: Path) -> None:
    """Read the vocabulary; write one unit vector for each of its rows."""
    frame = read_table(vocabulary, VOCABULARY.schema)[["facet", "value"]]
    vectors = pd.Series([], index=frame.index[:0], dtype=object)
    if len(frame):
        from wildvalues.taxonomy.vectors import encode

        vectors = pd.Series(list(encode(frame["value"].tolist(), params.embed)), index=frame.index)
    write_table(EMBEDDINGS.arrange(frame.assign(vector=vectors)), embeddings, EMBEDDINGS.schema)
    log.info("%d values and tasks embedded with %s", len(frame), params.embed.model)
