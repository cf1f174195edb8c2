"""Calls, tokens and dollars in the methods section: what the answers took when they were first given."""

from __future__ import annotations

from wildvalues.llm.usage import REJECTED_KINDS
from wildvalues.typesetting.latex import Column, escape, table
from wildvalues.typesetting.study import Study
from wildvalues.wording import count, decimal, enumeration

# Metric of a stage -> header.
_COLUMNS = {
    "conversations": "conversations",
    "calls": "calls",
    "batch_calls": "in batches",
    "input_tokens": "tokens read",
    "cache_read_tokens": "from cache",
    "output_tokens": "written",
    "rejected": "failed",
}
_REJECTED = {
    "too_long": "too long for the model",
    "refused": "refused by the model",
    "unparsable": "answered in a form that cannot be read",
    "truncated": "cut off at the limit of the answer",
    "not_recorded": "without a recorded answer",
    "error": "failed with an error",
}


def macros(study: Study) -> dict[str, str]:
    """Return macro name -> LaTeX."""
    return {
        "Calls": count(study.total("calls")),
        "InputTokens": count(study.total("input_tokens")),
        "OutputTokens": count(study.total("output_tokens")),
        "BatchCalls": count(study.total("batch_calls")),
        "CachedTokens": count(study.total("cache_read_tokens")),
        "Dollars": escape(_dollars(study)),
        "RejectedBy": enumeration(_rejected(study)) or "none",
    }


def flags(study: Study) -> dict[str, bool]:
    """Return switch name -> whether the study has the thing."""
    return {
        "Batched": study.total("batch_calls") > 0,
        "Cached": study.total("cache_read_tokens") > 0,
        "Rejected": bool(_rejected(study)),
    }


def by_stage(study: Study) -> str:
    """Return the table of calls, a row for each stage that asks a model."""
    pipeline = study.tables["pipeline"]
    cells = []
    for stage in ("screen", "extract", "name"):
        part = pipeline[pipeline["stage"] == stage].set_index("metric")["value"]
        if part.get("calls", 0.0) or stage != "name":
            numbers = [escape(count(part.get(name))) for name in _COLUMNS]
            cells.append([stage, *numbers, escape(decimal(part.get("dollars")))])
    columns = [Column("stage", "l"), *(Column(header) for header in _COLUMNS.values()), Column("US$")]
    return table(columns, cells, "No call was made.")


def _dollars(study: Study) -> str:
    pipeline = study.tables["pipeline"]
    found = pipeline.loc[pipeline["metric"] == "dollars", "value"]
    # One unknown price makes the sum unknown: a smaller number would be wrong.
    if found.empty or found.isna().any():
        return "an unknown number of US dollars"
    return f"{found.sum():,.2f} US dollars" if found.sum() > 0 else "no money"


def _rejected(study: Study) -> list[str]:
    numbers = {kind: study.total(f"rejected_by_{kind}") for kind in REJECTED_KINDS}
    return [f"{count(number)} {escape(_REJECTED[kind])}" for kind, number in numbers.items() if number]
