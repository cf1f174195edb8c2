"""Which values are the same everywhere and which belong to a context."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from wildvalues.analysis.study import Study, column_sums
from wildvalues.statistics.variation import (
    coefficient_of_variation,
    context_rates,
    corrected_variation,
    expected_variation,
    variation_interval,
)


def variation(study: Study, *, min_context: int, min_count: int) -> pd.DataFrame:
    """Return each node's coefficient of variation over the task clusters of each level.

    Contexts with fewer than `min_context` conversations annotated for both facets are left out, and so are nodes
    with fewer than `min_count` conversations in the rest. `n_conversations` and `n_users` count the node's
    conversations anywhere, as in the frequencies, so that the two tables cannot be set against one another.
    """
    parts = []
    for facet in ("ai_values", "human_values"):
        for contexts in study.levels("task", lowest=1):
            levels = study.levels(facet)
            if not levels:
                continue
            base = np.flatnonzero(levels[0].known & contexts.known)
            held = sparse.csr_array(contexts.holds[base])
            large = np.flatnonzero(column_sums(held) >= min_context)
            if len(large) < 2:
                continue
            held = sparse.csr_array(held[:, large])
            nodes = pd.concat([labels.nodes.assign(level=labels.level) for labels in levels], ignore_index=True)
            everywhere = sparse.csr_array(sparse.hstack([labels.holds for labels in levels], format="csr"))
            values = sparse.csr_array(everywhere[base])
            inside = np.diff(held.indptr) > 0
            counts = column_sums(sparse.csr_array(values[np.flatnonzero(inside)]))
            kept = np.flatnonzero(counts >= max(min_count, 1))
            values = sparse.csr_array(values[:, kept])
            rates = context_rates(values, held)
            _, units = np.unique(study.users.units()[base], return_inverse=True)
            low, high = variation_interval(values, held, units)
            parts.append(
                nodes.iloc[kept].assign(
                    facet=facet,
                    context_level=contexts.level,
                    n_conversations=column_sums(everywhere)[kept],
                    n_users=study.users.count(sparse.csr_array(everywhere[:, kept])),
                    n_contexts=len(large),
                    mean_rate=rates.mean(axis=1),
                    cv=coefficient_of_variation(rates),
                    cv_low=low,
                    cv_high=high,
                    cv_corrected=corrected_variation(rates, column_sums(held).astype(float)),
                    cv_expected=expected_variation(counts[kept].astype(float), column_sums(held).astype(float)),
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
