"""Stage `canonicalize`: one name per value, and the table of who mentioned what."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wildvalues.files import read_table, write_csv, write_json, write_table
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import ANNOTATIONS, MENTIONS, VOCABULARY

if TYPE_CHECKING:
    import numpy as np

    from wildvalues.llm.types import Answer, Rejected, Request
    from wildvalues.llm.usage import Usage
    from wildvalues.taxonomy.merging import AskSame

STAGE = Stage(
    name="canonicalize",
    summary="Merge the names of each value; list which conversation mentions which value.",
    reads={
        "annotations": "data/interim/annotations.parquet",
        "vetoes": "${canonicalize.vetoes}",
        "prompts": "workflow/prompts",
    },
    writes={
        "mentions": "data/interim/mentions.parquet",
        "vocabulary": "data/interim/vocabulary.parquet",
        "merges": "data/interim/merges.csv",
        "metrics": "results/metrics/canonicalize.json",
    },
    params=("canonicalize", "embed.model", "llm.provider", "llm.model", "llm.temperature", "llm.prices"),
    optional=("vetoes",),
)

log = logging.getLogger("wildvalues")


def run(
    params: Params,
    *,
    annotations: Path,
    vetoes: Path,
    prompts: Path,
    mentions: Path,
    vocabulary: Path,
    merges: Path,
    metrics: Path,
) -> None:
    """Read annotations and vetoes; write mentions, vocabulary, every decision with its reason, and counts."""
    from wildvalues.llm.usage import Usage, rejections
    from wildvalues.taxonomy.canonical import FACETS, canonicalize
    from wildvalues.taxonomy.vetoes import load

    def encode(names: Sequence[str]) -> np.ndarray:
        from wildvalues.taxonomy import vectors

        return vectors.encode(names, params.embed)

    by_hand = load(vetoes)
    usage = Usage()
    with contextlib.ExitStack() as stack:
        ask = stack.enter_context(_asker(params, prompts, usage)) if params.canonicalize.ask_model else None
        table = read_table(annotations, ANNOTATIONS.schema)
        result = canonicalize(table, params.canonicalize, encode, by_hand, ask)
    write_table(result.mentions, mentions, MENTIONS.schema)
    write_table(result.vocabulary, vocabulary, VOCABULARY.schema)
    write_csv(result.merges, merges)
    numbers: dict[str, Any] = dict(result.metrics)
    if params.canonicalize.ask_model:
        numbers |= {**usage.metrics(), **rejections(usage.rejected)}
    write_json(numbers, metrics)
    for facet in FACETS:
        log.info(
            "%s: %d values (%d names merged, %d values dropped)",
            facet,
            *(result.metrics[f"{count}_{facet}"] for count in ("values", "merged", "dropped")),
        )
    stale = result.merges[result.merges["decision"] == "stale"]
    for names in stale["name"]:
        log.warning("%s: no value is called %s; correct or delete this entry", vetoes, names)


@contextlib.contextmanager
def _asker(params: Params, prompts: Path, usage: Usage) -> Iterator[AskSame]:
    from wildvalues.llm.last_runs import remember
    from wildvalues.llm.memo import Memo
    from wildvalues.llm.providers import Lazy, model_id
    from wildvalues.llm.runner import answer_all
    from wildvalues.taxonomy.same_value import asker

    with Memo(artefacts=[Path(place) for place in params.llm.replay]) as memo, Lazy(params) as provider_factory:

        def ask_all(requests: list[tuple[str, Request]]) -> Iterator[tuple[str, Answer | Rejected]]:
            return answer_all(
                requests,
                provider_factory=provider_factory,
                memo=memo,
                params=params,
                label="canonicalize",
                total=len(requests),
                usage=usage,
            )

        yield asker(prompts, ask_all, model_id(params), params.llm.temperature)
    log.info("canonicalize: %s", usage.summary())
    remember("canonicalize", usage)
