"""Small facts about a study that card, page and provenance all need."""

from __future__ import annotations

from wildvalues.results import Results


def metric(tables: Results, stage: str, name: str) -> float | None:
    """Return a number of the pipeline table, or None when no stage counted it."""
    rows = tables["pipeline"]
    found = rows.loc[(rows["stage"] == stage) & (rows["metric"] == name), "value"].dropna()
    return None if found.empty else float(found.iloc[0])


def is_demo(tables: Results) -> bool:
    """Whether conversations written for the demo corpus are among those studied."""
    return (metric(tables, "ingest", "demo_conversations") or 0) > 0
