"""What happened before the statistics: every stage's own numbers, and how much was annotated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from wildvalues.analysis.study import Study


def flatten(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return nested numbers under names joined by an underscore; a null is NaN, text is left out."""
    flat: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}_{inner}": number for inner, number in flatten(value).items()})
        elif value is None:
            flat[name] = float("nan")
        elif isinstance(value, (int, float)):
            flat[name] = float(value)
    return flat


def pipeline(study: Study, metrics: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return one number a row: the stages' metrics, and under ``analyze`` the annotated conversations."""
    numbers = {stage: flatten(given) for stage, given in metrics.items()}
    numbers["analyze"] = annotated(study)
    rows = [(stage, metric, value) for stage, given in numbers.items() for metric, value in given.items()]
    return pd.DataFrame(rows, columns=["stage", "metric", "value"])


def annotated(study: Study) -> dict[str, float]:
    """Return how many conversations are annotated for each facet, and the mean number of values of each."""
    found: dict[str, float] = {
        "conversations": len(study.conversation_ids),
        "with_human_value": int(study.with_human_value.sum()),
        "annotated_response_type": int(study.flat["response_type"].known.sum()),
    }
    if study.users.known:
        found["users"] = study.users.n_known
    for facet, levels in study.trees.items():
        known = levels[0].known if levels else np.zeros(0, dtype=bool)
        found[f"annotated_{facet}"] = int(known.sum())
        if known.any():
            found[f"values_per_conversation_{facet}"] = float(levels[0].holds.sum() / known.sum())
    return found
