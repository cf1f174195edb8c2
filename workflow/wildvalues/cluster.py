"""Stage `cluster`: the hierarchy over the values of each facet."""

from __future__ import annotations

import logging
from pathlib import Path

from wildvalues.files import read_table, write_json, write_table
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import CLUSTERS, EMBEDDINGS, VOCABULARY

STAGE = Stage(
    name="cluster",
    summary="Group the values of each facet into nested levels.",
    reads={
        "embeddings": "data/interim/embeddings.parquet",
        "vocabulary": "data/interim/vocabulary.parquet",
    },
    writes={"clusters": "data/interim/clusters.parquet", "metrics": "results/metrics/cluster.json"},
    params=("cluster",),
)

log = logging.getLogger("wildvalues")


def run(params: Params, *, embeddings: Path, vocabulary: Path, clusters: Path, metrics: Path) -> None:
    """Read vectors and frequencies; write the nodes of one tree for each facet, and how good they are."""
    import pandas as pd

    from wildvalues.taxonomy.canonical import FACETS
    from wildvalues.taxonomy.hierarchy import build, silhouette
    from wildvalues.taxonomy.nodes import tree
    from wildvalues.taxonomy.vectors import load

    table = load(read_table(embeddings, EMBEDDINGS.schema), read_table(vocabulary, VOCABULARY.schema))
    frames = []
    numbers: dict[str, float | None] = {}
    for facet in FACETS:
        values, vectors, counts = table[facet]
        hierarchy = build(vectors, counts, params.cluster)
        frames.append(tree(facet, values, hierarchy))
        numbers[f"noise_{facet}"] = round(hierarchy.noise(), 6)
        for level, labels in enumerate(hierarchy.labels, start=1):
            numbers[f"clusters_{facet}_{level}"] = int(labels.max()) + 1
            numbers[f"silhouette_{facet}_{level}"] = silhouette(vectors, labels, params.cluster.seed)
        sizes = [int(labels.max()) + 1 for labels in hierarchy.labels]
        log.info("%s: %d values in %s clusters", facet, len(values), " > ".join(map(str, sizes)) or "no")
        if len(values) and sizes != params.cluster.levels:
            log.info("%s: cluster.levels %s were adapted to the values there are", facet, params.cluster.levels)
    write_table(CLUSTERS.arrange(pd.concat(frames, ignore_index=True)), clusters, CLUSTERS.schema)
    write_json(numbers, metrics)
