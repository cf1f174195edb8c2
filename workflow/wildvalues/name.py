"""Stage `name`: names and descriptions of the clusters, and how well each name fits.

`fit`, the last column, is the share of a cluster's values that its name fits, by ``name.audit``: those nearer to this
name than to any other of the level (`embedding`), or those that the model takes for members when it is shown some of
them among outsiders (`model`). Values themselves have no fit (null).
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wildvalues.errors import InputError
from wildvalues.files import read_table, write_json, write_table
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import CLUSTERS, EMBEDDINGS, TAXONOMY, VOCABULARY

if TYPE_CHECKING:
    from wildvalues.llm.usage import Usage
    from wildvalues.taxonomy.asking import Ask, Dialogue
    from wildvalues.taxonomy.naming import ClusterName, Facet
    from wildvalues.taxonomy.naming_centre import Lexicon
    from wildvalues.taxonomy.naming_model import Encode

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
    batches=True,
)

log = logging.getLogger("wildvalues")


@dataclass(frozen=True)
class Named:
    """Names of one facet's clusters, and the share of its values that each fits."""

    names: Mapping[str, ClusterName]
    fit: Mapping[str, float]


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
    from wildvalues.taxonomy.naming import facet_of
    from wildvalues.taxonomy.vectors import load

    nodes = read_table(clusters, CLUSTERS.schema)
    values = load(read_table(embeddings, EMBEDDINGS.schema), read_table(vocabulary, VOCABULARY.schema))
    facets = {
        name: facet_of(name, nodes[nodes["facet"] == name], names, vectors, counts)
        for name, (names, vectors, counts) in values.items()
    }
    usage = Usage()
    counts: Counter[str] = Counter()
    named = _named(params, facets, prompts, usage, counts)
    numbers: dict[str, Any] = {}
    for name, facet in facets.items():
        for level in facet.levels():
            sizes = {group.node_id: len(group.members) for group in facet.at(level)}
            mean = sum(named[name].fit[node] * size for node, size in sizes.items()) / sum(sizes.values())
            numbers[f"fit_{name}_{level}"] = round(mean, 6)
    table = pd.concat([_rows(nodes[nodes["facet"] == name], named[name]) for name in facets], ignore_index=True)
    numbers["clusters"] = int((table["level"] > 0).sum())
    numbers["named_by_centre"] = numbers["clusters"] - counts["named_by_model"]
    numbers |= {key: counts[key] for key in _COUNTED}
    # Calls, tokens and dollars under the names that all stages use.
    numbers |= {**usage.metrics(), **rejections(usage.rejected)}
    write_table(TAXONOMY.arrange(table), taxonomy, TAXONOMY.schema)
    write_json(numbers, metrics)
    log.info("%d clusters named, %d of them by the model", numbers["clusters"], counts["named_by_model"])


_COUNTED = (
    "named_by_model",
    "rejected",
    "duplicates",
    "look_alikes",
    "told_apart",
    "audited",
    "audit_rejected",
    "audit_outsiders",
    "audit_outsiders_taken",
)


def _named(
    params: Params, facets: Mapping[str, Facet], prompts: Path, usage: Usage, counts: Counter[str]
) -> dict[str, Named]:
    from wildvalues.taxonomy.asking import hold
    from wildvalues.taxonomy.naming_centre import lexicon_of
    from wildvalues.taxonomy.vectors import encode

    def encoded(names: Sequence[str]) -> np.ndarray:
        return encode(names, params.embed)

    if not any(facet.groups for facet in facets.values()):
        return dict.fromkeys(facets, Named({}, {}))
    general = lexicon_of(prompts, encoded)
    dimensions = next(facet.vectors.shape[1] for facet in facets.values() if facet.groups)
    if len(general.names) and general.vectors.shape[1] != dimensions:
        raise InputError(
            f"the vectors of the values have {dimensions} dimensions, but embed.model {params.embed.model} gives "
            f"{general.vectors.shape[1]}; run `wildvalues embed` and `wildvalues cluster` again"
        )
    dialogues: dict[str, Dialogue[Named]] = {}
    with contextlib.ExitStack() as stack:
        asks_model = params.name.by == "model" or params.name.audit == "model"
        ask = stack.enter_context(_asking(params, usage)) if asks_model else None
        for name, facet in facets.items():
            # Tasks are no values, so that no name of a value is one for them.
            lexicon = None if name == "task" else general
            dialogues[name] = _dialogue(params, facet, prompts, encoded, lexicon, counts)
        return hold(dialogues, ask)


def _dialogue(
    params: Params, facet: Facet, prompts: Path, encode: Encode, lexicon: Lexicon | None, counts: Counter[str]
) -> Dialogue[Named]:
    from wildvalues.llm.providers import model_id
    from wildvalues.taxonomy.naming_audit import audited, fits
    from wildvalues.taxonomy.naming_centre import name_level_by_centre
    from wildvalues.taxonomy.naming_model import ModelNamer
    from wildvalues.taxonomy.naming_prompt import Naming

    names: dict[str, ClusterName] = {}
    if params.name.by == "model":
        naming = Naming(params, prompts, model_id(params))
        namer = ModelNamer(naming, encode, params.name.look_alike, counts, lexicon)
        names = yield from namer.name_facet(facet)
    else:
        for level in facet.levels():
            names |= name_level_by_centre(facet, level, names, lexicon)
    if params.name.audit == "model":
        fit = yield from audited(facet, names, Naming(params, prompts, model_id(params)), counts)
    else:
        fit = {node: share for level in facet.levels() for node, share in fits(facet, level, names).items()}
    return Named(names, fit)


@contextlib.contextmanager
def _asking(params: Params, usage: Usage) -> Iterator[Ask]:
    from wildvalues.llm.last_runs import remember
    from wildvalues.llm.providers import Lazy
    from wildvalues.taxonomy.asking import asker

    with Lazy(params) as lazy:
        yield asker(params, "name", usage, lazy)
    log.info("name: %s", usage.summary())
    remember("name", usage)


def _rows(nodes: pd.DataFrame, named: Named) -> pd.DataFrame:
    is_leaf = nodes["level"] == 0
    ids = nodes["node_id"].tolist()
    return nodes.assign(
        name=[node if leaf else named.names[node].name for node, leaf in zip(ids, is_leaf, strict=True)],
        description=["" if leaf else named.names[node].description for node, leaf in zip(ids, is_leaf, strict=True)],
        fit=pd.array(
            [None if leaf else named.fit[node] for node, leaf in zip(ids, is_leaf, strict=True)], dtype="Float64"
        ),
    )
