"""Stage `screen`: the subjectivity of each conversation; keep the subjective ones."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from wildvalues.annotation import annotate, check_rejects
from wildvalues.calibration import anchor_conversations, anchored_probability
from wildvalues.errors import InputError
from wildvalues.files import read_table, write_json, write_table
from wildvalues.instruments.dispatch import Question
from wildvalues.llm.facets import ChoiceFacet, load_prompts
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import CONVERSATIONS, REJECTS, SCREENING

STAGE = Stage(
    name="screen",
    summary="Keep the subjective conversations.",
    reads={
        "redacted": "data/interim/redacted.parquet",
        "prompts": "workflow/prompts",
        "weights": "${instruments.weights}",
        "labels": "${instruments.labels}",
    },
    writes={
        "screened": "data/interim/screened.parquet",
        "screening": "data/interim/screening.parquet",
        "rejects": "data/interim/screen_rejects.parquet",
        "metrics": "results/metrics/screen.json",
    },
    params=(
        "screen",
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
    redacted: Path,
    prompts: Path,
    weights: Path,
    labels: Path,
    screened: Path,
    screening: Path,
    rejects: Path,
    metrics: Path,
) -> None:
    """Judge every conversation; a rejected one is neither kept nor dropped silently but listed and counted.

    Raises
    ------
    InputError
        When no conversation is subjective.
    TooManyRejectsError
        When more than ``llm.max_failed_share`` got no usable answer.
    """
    conversations = read_table(redacted, CONVERSATIONS.schema)
    name = params.screen.facet
    facet = load_prompts(prompts, [name]).facets[name]
    if not isinstance(facet, ChoiceFacet) or len(facet.options) != 2:
        raise InputError(f"{prompts / name}.yaml: screen.facet needs a choice of two options, the one to keep first")
    annotated = annotate(
        conversations,
        [Question((name,), params.screen.instrument)],
        params=params,
        prompts=prompts,
        weights=weights,
        labels=labels,
        max_chars=params.screen.prompt_chars,
        ground=False,
        stage="screen",
        anchors=anchor_conversations(facet),
    )
    probability = anchored_probability(annotated.items, facet, name)
    judged = pd.DataFrame({"conversation_id": probability.index, "subjectivity": probability.to_numpy()})
    judged["subjective"] = judged["subjectivity"] >= params.screen.cut_off
    kept = conversations[conversations["conversation_id"].isin(judged.loc[judged["subjective"], "conversation_id"])]

    write_table(SCREENING.arrange(judged), screening, SCREENING.schema)
    write_table(REJECTS.arrange(annotated.rejects), rejects, REJECTS.schema)
    check_rejects(annotated, len(conversations), params, "screen")
    if kept.empty:
        raise InputError(
            f"no conversation of {len(conversations)} reaches subjectivity {params.screen.cut_off}; "
            "lower screen.cut_off in params.yaml, or study other conversations"
        )
    write_table(CONVERSATIONS.arrange(kept), screened, CONVERSATIONS.schema)
    write_json(
        {
            "conversations": len(conversations),
            "subjective": len(kept),
            "share_subjective": len(kept) / max(1, len(judged)),
            "rejected": len(annotated.rejects),
            **annotated.usage,
            **annotated.decided,
        },
        metrics,
    )
