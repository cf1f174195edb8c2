"""Stage `extract`: the facets of each subjective conversation - AI values, human values, response type, task."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from wildvalues.annotation import annotate, check_rejects
from wildvalues.calibration import corpus_calibrated
from wildvalues.files import read_table, write_json, write_table
from wildvalues.instruments.dispatch import Question
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import ANNOTATIONS, CONVERSATIONS, REJECTS

STAGE = Stage(
    name="extract",
    summary="Read values, response type and task off each conversation.",
    reads={
        "screened": "data/interim/screened.parquet",
        "prompts": "workflow/prompts",
        "weights": "${instruments.weights}",
        "labels": "${instruments.labels}",
    },
    writes={
        "annotations": "data/interim/annotations.parquet",
        "rejects": "data/interim/extract_rejects.parquet",
        "metrics": "results/metrics/extract.json",
    },
    params=(
        "extract",
        "instruments.wanted_error",
        "llm.provider",
        "llm.model",
        "llm.temperature",
        "llm.max_failed_share",
        "llm.prices",
    ),
    batches=True,
)


def run(
    params: Params,
    *,
    screened: Path,
    prompts: Path,
    weights: Path,
    labels: Path,
    annotations: Path,
    rejects: Path,
    metrics: Path,
) -> None:
    """Answer every request of ``extract.requests`` about every conversation, by its instrument.

    A conversation of which one facet was rejected is left out of the annotations as a whole, so that every facet has
    the same denominator; it is listed in the rejects and counted.

    Raises
    ------
    TooManyRejectsError
        When more than ``llm.max_failed_share`` of the conversations are rejected.
    """
    conversations = read_table(screened, CONVERSATIONS.schema)
    annotated = annotate(
        conversations,
        [Question(tuple(asked.facets), asked.instrument, asked.model) for asked in params.extract.requests],
        params=params,
        prompts=prompts,
        weights=weights,
        labels=labels,
        max_chars=params.extract.prompt_chars,
        ground=params.extract.ground_quotes,
        stage="extract",
    )
    items = corpus_calibrated(annotated)
    rows = pd.DataFrame(
        {
            "conversation_id": [row.conversation_id for row in items],
            "facet": [row.item.facet for row in items],
            "rank": [row.item.rank for row in items],
            "label": [row.item.label for row in items],
            "quote": [row.item.quote for row in items],
            "explicit": pd.array([row.item.explicit for row in items], dtype="boolean"),
            "score": pd.array([row.score for row in items], dtype="Float64"),
        }
    )
    write_table(REJECTS.arrange(annotated.rejects), rejects, REJECTS.schema)
    rejected = annotated.rejects["where"].nunique()
    check_rejects(annotated, len(conversations), params, "extract")
    write_table(ANNOTATIONS.arrange(rows), annotations, ANNOTATIONS.schema)
    named = rows[rows["label"].notna()]
    write_json(
        {
            "conversations": len(conversations) - rejected,
            "rejected": rejected,
            "ungrounded": annotated.ungrounded,
            **{facet: int((named["facet"] == facet).sum()) for facet in sorted(rows["facet"].unique())},
            **annotated.usage,
            **annotated.decided,
        },
        metrics,
    )
