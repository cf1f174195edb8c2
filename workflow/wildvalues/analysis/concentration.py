"""How much of what is said a few values make up, and how long the tail is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import norm

from wildvalues.analysis.study import Labels, Study
from wildvalues.statistics.concentration import (
    effective_number,
    entropy,
    gini,
    interval_around,
    power_law,
    top_share,
)
from wildvalues.statistics.intervals import Floats, resampled_counts

TOPS = (1, 5, 10, 100)
MEASURES: dict[str, Callable[[Floats], Floats]] = {
    "gini": gini,
    "entropy": entropy,
    "effective_number": effective_number,
    **{f"top_{k}": partial(top_share, k=k) for k in TOPS},
}
# Share measures, bounded by 1; the others by nothing from above.
BOUNDED = ("gini", *(f"top_{k}" for k in TOPS))


def concentration(study: Study, *, draws: int, seed: int) -> pd.DataFrame:
    """Return measures of inequality of the counts of AI and human values and of clusters, a row each.

    Counts are of conversations, at every level: one conversation may count for several clusters. Intervals come from
    resampled users (conversations, where the user is not known). The power law is of values alone; its interval is
    the fit's own, given the start of the tail and values that occur independently, so it is the least to expect.
    """
    rows = []
    for facet in ("ai_values", "human_values"):
        for labels in study.trees[facet]:
            if labels.totals().sum():
                rows += _measured(study, labels, draws, seed)
    columns = ["facet", "level", "measure", "n_nodes", "value", "value_low", "value_high"]
    return pd.DataFrame(rows, columns=columns)


def _measured(study: Study, labels: Labels, draws: int, seed: int) -> list[tuple[object, ...]]:
    counts = labels.totals().astype(float)
    counts = counts[counts > 0]
    per_unit, _ = study.users.by_unit(labels.holds, labels.known)
    resamples = resampled_counts(sparse.csr_array(per_unit), draws, seed)
    rows: list[tuple[object, ...]] = []
    for measure, function in MEASURES.items():
        if measure.startswith("top_") and int(measure.removeprefix("top_")) >= len(counts):
            continue
        value = float(function(counts))
        low, high = interval_around(value, function(resamples))
        low, high = np.maximum(low, 0.0), np.minimum(high, 1.0 if measure in BOUNDED else np.inf)
        rows.append((labels.facet, labels.level, measure, len(counts), value, float(low), float(high)))
    fit = power_law(counts) if labels.level == 0 else None
    if fit is not None:
        half = float(norm.isf(0.025)) * fit.error
        place = (labels.facet, labels.level)
        rows += [
            (*place, "exponent", fit.n_tail, fit.exponent, fit.exponent - half, fit.exponent + half),
            (*place, "tail_from", fit.n_tail, float(fit.least), np.nan, np.nan),
            (*place, "tail_distance", fit.n_tail, fit.distance, np.nan, np.nan),
        ]
    return rows
