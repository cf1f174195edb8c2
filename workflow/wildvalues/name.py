"""Stage `name`: names and descriptions of the clusters.

`fit`, the last column, is the share of a cluster's values that are nearer to their own cluster's name than to any
other name of the level, by the embedding's cosine: 1 when the name alone would sort every value right. Values
themselves have no fit (null).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from wildvalues.files import read_table, write_json, write_table
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import CLUSTERS, EMBEDDINGS, TAXONOMY, VOCABULARY

if TYPE_CHECKING:
    from wildvalues.llm.types import Answer, Rejected, Request
    from wildvalues.llm.usage import Usage
    from wildvalues.taxonomy.naming import ClusterName, Facet
    from wildvalues.taxonomy.naming_model import ModelNamer

STAGE = Stage(
    name="name",
    summary="Give every cluster a name and a description.",
    reads={
        "clusters": "data/interim/clusters.parquet",
        "embeddings": "data/interim/embeddings.parquet",
        "vocabulary": "data/interim/vocabulary.parquet",
        "prompts": "workflow/prompts",
    },
    writes={"taxonomy": "data/interim/taxonomy.parquet", "metrics": "results/metrics/name.json"},
    params=("name", "llm.provider", "llm.model", "llm.temperature", "llm.prices"),
)

log = logging.getLogger("wildvalues")

NameLevel = Callable[["Facet", int, dict[str, "ClusterName"]], dict[str, "ClusterName"]]


def run(
    params: Params,
    *,
    clusters: Path,
    embeddings: Path,
    vocabulary: Path,
    prompts: Path,
    taxonomy: Path,
    metrics: Path,
) -> None:
    """Read the trees; write them with names."""
    from wildvalues.llm.usage import Usage, rejections
    from wildvalues.taxonomy.naming import facet_of, name_level_by_centre
    from wildvalues.taxonomy.vectors import load

    nodes = read_table(clusters, CLUSTERS.schema)
    values = load(read_table(embeddings, EMBEDDINGS.schema), read_table(vocabulary, VOCABULARY.schema))
    numbers: dict[str, Any] = {}
    frames = []
    usage = Usage()
    with contextlib.ExitStack() as stack:
        namer = stack.enter_context(_model_namer(params, prompts, usage)) if params.name.by == "model" else None
        for facet_name, (names, vectors, counts) in values.items():
            facet = facet_of(facet_name, nodes[nodes["facet"] == facet_name], names, vectors, counts)
            name_level: NameLevel = namer.name_level if namer else name_level_by_centre
            frames.append(_name_facet(facet, nodes[nodes["facet"] == facet_name], name_level, numbers))
    named = pd.concat(frames, ignore_index=True)
    by_model = namer.counts["named_by_model"] if namer else 0
    numbers["clusters"] = int((named["level"] > 0).sum())
    numbers["named_by_model"] = by_model
    numbers["named_by_centre"] = numbers["clusters"] - by_model
    for key in ("rejected", "duplicates"):
        numbers[key] = namer.counts[key] if namer else 0
    # Calls, tokens and dollars under the names that all stages use.
    numbers |= {**usage.metrics(), **rejections(usage.rejected)}
    write_table(TAXONOMY.arrange(named), taxonomy, TAXONOMY.schema)
    write_json(numbers, metrics)
    log.info("%d clusters named, %d of them by the model", numbers["clusters"], by_model)


def _name_facet(facet: Facet, nodes: pd.DataFrame, name_level: NameLevel, numbers: dict[str, Any]) -> pd.DataFrame:
    from wildvalues.taxonomy.naming import fits

    named: dict[str, ClusterName] = {}
    fit: dict[str, float] = {}
    for level in facet.levels():
        found = name_level(facet, level, named)
        named.update(found)
        of_level = fits(facet, level, named)
        fit.update(of_level)
        weights = {group.node_id: len(group.members) for group in facet.at(level)}
        mean = sum(of_level[node] * size for node, size in weights.items()) / sum(weights.values())
        numbers[f"fit_{facet.name}_{level}"] = round(mean, 6)
    is_leaf = nodes["level"] == 0
    ids = nodes["node_id"].tolist()
    return nodes.assign(
        name=[node if leaf else named[node].name for node, leaf in zip(ids, is_leaf, strict=True)],
        description=["" if leaf else named[node].description for node, leaf in zip(ids, is_leaf, strict=True)],
        fit=pd.array([None if leaf else fit[node] for node, leaf in zip(ids, is_leaf, strict=True)], dtype="Float64"),
    )


@contextlib.contextmanager
def _model_namer(params: Params, prompts: Path, usage: Usage) -> Iterator[ModelNamer]:
    from wildvalues.llm.last_runs import remember
    from wildvalues.llm.memo import Memo
    from wildvalues.llm.providers import Lazy, model_id
    from wildvalues.llm.runner import answer_all
    from wildvalues.taxonomy.naming_model import ModelNamer

    with Memo(artefacts=[Path(place) for place in params.llm.replay]) as memo, Lazy(params) as provider_factory:
        keywords: dict[str, Any] = {
            "provider_factory": provider_factory,
            "memo": memo,
            "params": params,
            "usage": usage,
        }

        def ask_all(requests: list[tuple[str, Request]]) -> Iterator[tuple[str, Answer | Rejected]]:
            return answer_all(requests, label="name", total=len(requests), **keywords)

        yield ModelNamer(params, prompts, ask_all, model_id(params))
    log.info("name: %s", usage.summary())
    remember("name", usage)
