"""Stage `canonicalize`: one spelling per value, and the table of who mentioned what."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wildvalues.files import read_table, write_json, write_table
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import ANNOTATIONS, MENTIONS, VOCABULARY

if TYPE_CHECKING:
    import numpy as np

STAGE = Stage(
    name="canonicalize",
    summary="Merge the spellings of each value; list which conversation mentions which value.",
    reads={"annotations": "data/interim/annotations.parquet"},
    writes={
        "mentions": "data/interim/mentions.parquet",
        "vocabulary": "data/interim/vocabulary.parquet",
        "metrics": "results/metrics/canonicalize.json",
    },
    params=("canonicalize", "embed.model"),
)

log = logging.getLogger("wildvalues")


def run(params: Params, *, annotations: Path, mentions: Path, vocabulary: Path, metrics: Path) -> None:
    """Read annotations; write mentions, vocabulary and counts."""
    from wildvalues.taxonomy.canonical import FACETS, canonicalize

    def encode(names: Sequence[str]) -> np.ndarray:
        from wildvalues.taxonomy import vectors

        return vectors.encode(names, params.embed)

    result = canonicalize(read_table(annotations, ANNOTATIONS.schema), params.canonicalize, encode)
    write_table(result.mentions, mentions, MENTIONS.schema)
    write_table(result.vocabulary, vocabulary, VOCABULARY.schema)
    write_json(result.metrics, metrics)
    for facet in FACETS:
        log.info(
            "%s: %d values (%d spellings merged, %d values dropped)",
            facet,
            *(result.metrics[f"{count}_{facet}"] for count in ("values", "merged", "dropped")),
        )
