"""Stage `assess`: how good each tree is, what of it stays under other seeds, data and methods, and what sits badly.

Nothing here changes the tree. All three tables are private; `analyze` adds who holds what, and `disclose` lets out
what counts enough conversations.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wildvalues.files import read_table, write_json, write_table
from wildvalues.params import Params
from wildvalues.results import records
from wildvalues.stage import Stage
from wildvalues.tables import ASSESSED, CLUSTERS, EMBEDDINGS, MENTIONS, TAXONOMY, VOCABULARY

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

STAGE = Stage(
    name="assess",
    summary="Measure the trees: quality, stability, sensitivity to method and model, values that sit badly.",
    reads={
        "mentions": "data/interim/mentions.parquet",
        "vocabulary": "data/interim/vocabulary.parquet",
        "embeddings": "data/interim/embeddings.parquet",
        "clusters": "data/interim/clusters.parquet",
        "taxonomy": "data/interim/edited.parquet",
    },
    writes={"assessed": "data/interim/assessed", "metrics": "results/metrics/assess.json"},
    params=("assess", "cluster", "embed.model", "canonicalize.min_conversations", "study.seed"),
)

log = logging.getLogger("wildvalues")


def run(
    params: Params,
    *,
    mentions: Path,
    vocabulary: Path,
    embeddings: Path,
    clusters: Path,
    taxonomy: Path,
    assessed: Path,
    metrics: Path,
) -> None:
    """Read the trees and what they were made from; write one table for each of `wildvalues.tables.ASSESSED`."""
    import pandas as pd

    from wildvalues.assessment.resampling import holders
    from wildvalues.assessment.subjects import Subject, levels_of
    from wildvalues.assessment.tables import assess_facet
    from wildvalues.taxonomy.vectors import load

    held = read_table(mentions, MENTIONS.schema)
    machine, final = read_table(clusters, CLUSTERS.schema), read_table(taxonomy, TAXONOMY.schema)
    found = []
    for facet, (values, vectors, counts) in load(
        read_table(embeddings, EMBEDDINGS.schema), read_table(vocabulary, VOCABULARY.schema)
    ).items():
        who = holders(held[held["facet"] == facet], values)
        subject = Subject(facet, values, vectors, counts, who)
        trees = [levels_of(nodes[nodes["facet"] == facet], values) for nodes in (machine, final)]
        found.append(assess_facet(subject, trees[0], trees[1], params, _encoder(params)))
    assessed.mkdir(parents=True)
    for name, table in ASSESSED.items():
        frame = pd.concat([getattr(one, name) for one in found], ignore_index=True)
        frame = frame.reindex(columns=table.schema.names)
        write_table(table.arrange(frame), assessed / f"{name}.parquet", table.schema)
        if name == "quality":
            write_json(_metrics(frame), metrics)
            for row in frame.itertuples(index=False):
                log.info(
                    "%s, level %d: %d clusters, silhouette %s", row.facet, row.level, row.n_clusters, row.silhouette
                )


def _encoder(params: Params) -> Callable[[str, Sequence[str]], np.ndarray]:
    def encode(model: str, names: Sequence[str]) -> np.ndarray:
        from wildvalues.assessment import lexical
        from wildvalues.taxonomy import vectors

        if model == lexical.MODEL:
            return lexical.encode(names, params.cluster.seed)
        return vectors.encode(names, params.embed.model_copy(update={"model": model}))

    return encode


def _metrics(quality: pd.DataFrame) -> dict[str, float | None]:
    wanted = ["silhouette", "misplaced", "ami_seeds", "ami_resampled", "moved_less", "moved_more"]
    numbers = quality.melt(["facet", "level"], wanted).astype({"value": float})
    return {
        f"{row.variable}_{row.facet}_{row.level}": None if math.isnan(row.value) else float(row.value)
        for row in records(numbers)
    }
