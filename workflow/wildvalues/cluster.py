"""Stage `cluster`: the hierarchy over the values of each facet."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from wildvalues.files import read_table, write_json, write_table
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import CLUSTERS, EMBEDDINGS, VOCABULARY

if TYPE_CHECKING:
    import numpy as np

    from wildvalues.llm.usage import Usage
    from wildvalues.taxonomy.hierarchy import Hierarchy

STAGE = Stage(
    name="cluster",
    summary="Group the values of each facet into nested levels.",
    reads={
        "embeddings": "data/interim/embeddings.parquet",
        "vocabulary": "data/interim/vocabulary.parquet",
        "prompts": "workflow/prompts",
    },
    writes={"clusters": "data/interim/clusters.parquet", "metrics": "results/metrics/cluster.json"},
    # The model is asked by cluster.method: clio alone, with the requests for names that the stage `name` builds.
    params=(
        "cluster",
        "name.members",
        "name.contrast",
        "name.look_alike",
        "llm.provider",
        "llm.model",
        "llm.temperature",
        "llm.prices",
    ),
    batches=True,
)

log = logging.getLogger("wildvalues")

# Facet -> values, their unit vectors, conversations of each.
Values: TypeAlias = "Mapping[str, tuple[Sequence[str], np.ndarray, np.ndarray]]"


def run(params: Params, *, embeddings: Path, vocabulary: Path, prompts: Path, clusters: Path, metrics: Path) -> None:
    """Read vectors and frequencies; write the nodes of one tree for each facet, and how good they are."""
    import pandas as pd

    from wildvalues.llm.usage import Usage, rejections
    from wildvalues.taxonomy.hierarchy import build, silhouette
    from wildvalues.taxonomy.nodes import tree
    from wildvalues.taxonomy.vectors import load

    table = load(read_table(embeddings, EMBEDDINGS.schema), read_table(vocabulary, VOCABULARY.schema))
    numbers: dict[str, Any] = {}
    if params.cluster.method == "clio":
        usage = Usage()
        hierarchies, counts = _by_model(params, table, prompts, usage)
        numbers |= {key: counts[key] for key in _COUNTED} | usage.metrics() | rejections(usage.rejected)
    else:
        hierarchies = {facet: build(vectors, counted, params.cluster) for facet, (_, vectors, counted) in table.items()}
    frames = []
    for facet, (values, vectors, _) in table.items():
        hierarchy = hierarchies[facet]
        frames.append(tree(facet, values, hierarchy))
        numbers[f"noise_{facet}"] = round(hierarchy.noise(), 6)
        for level, labels in enumerate(hierarchy.labels, start=1):
            numbers[f"clusters_{facet}_{level}"] = int(labels.max()) + 1
            numbers[f"silhouette_{facet}_{level}"] = silhouette(vectors, labels, params.cluster.seed)
        _tell(facet, len(values), hierarchy, params)
    write_table(CLUSTERS.arrange(pd.concat(frames, ignore_index=True)), clusters, CLUSTERS.schema)
    write_json(numbers, metrics)


_COUNTED = ("clio_unproposed", "clio_merged", "clio_unassigned")


def _tell(facet: str, n_values: int, hierarchy: Hierarchy, params: Params) -> None:
    sizes = hierarchy.sizes()
    log.info("%s: %d values in %s clusters", facet, n_values, " > ".join(map(str, sizes)) or "no")
    if hierarchy.noise():
        log.info("%s: %.0f %% of the values lie in no dense place and stay unclustered", facet, 100 * hierarchy.noise())
    wanted = [size if size >= 1 else round(size * n_values) for size in params.cluster.levels]
    if n_values and sizes != wanted:
        log.info("%s: cluster.levels %s were adapted to the values there are", facet, params.cluster.levels)


def _by_model(params: Params, table: Values, prompts: Path, usage: Usage) -> tuple[dict[str, Hierarchy], Counter[str]]:
    from wildvalues.llm.last_runs import remember
    from wildvalues.llm.providers import Lazy, model_id
    from wildvalues.taxonomy.asking import asker, hold
    from wildvalues.taxonomy.clio import Builder
    from wildvalues.taxonomy.clio_prompt import Clio
    from wildvalues.taxonomy.naming_model import ModelNamer
    from wildvalues.taxonomy.naming_prompt import Naming
    from wildvalues.taxonomy.vectors import encode

    def encoded(names: Sequence[str]) -> np.ndarray:
        return encode(names, params.embed)

    model = model_id(params)
    counts: Counter[str] = Counter()
    namer = ModelNamer(Naming(params, prompts, model), encoded, params.name.look_alike, counts)
    with Lazy(params) as lazy:
        dialogues = {
            facet: Builder(facet, Clio(params, prompts, model, facet), namer, params.cluster, counts).build(*given)
            for facet, given in table.items()
        }
        found = hold(dialogues, asker(params, "cluster", usage, lazy))
    log.info("cluster: %s", usage.summary())
    remember("cluster", usage)
    return found, counts
