"""Complementary suppression: a withheld cell must not follow from a total and the cells beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.disclosure.threshold import Threshold, as_floats


def protect_lines(
    cells: pd.DataFrame,
    shown: NDArray[np.bool_],
    threshold: Threshold,
    *,
    line: Sequence[str],
    total: str | None,
    count: str = "n_conversations",
    order: Sequence[str] = (),
) -> NDArray[np.bool_]:
    """Withhold one more cell of each line whose withheld rest is below the threshold.

    Parameters
    ----------
    cells
        All cells, withheld ones included, with `count`, ``n_users`` and the columns of `line` and `order`.
    shown
        Which cells were to be published.
    line
        Columns that are equal within a line.
    total
        Column with the published total of the line, of which the cells are disjoint parts; a missing total means
        that nothing can be subtracted. None when parts overlap: then the rest counts as enough only if a
        withheld cell alone reaches the threshold.
    order
        Columns that decide between cells of equal size.

    Returns
    -------
    numpy.ndarray
        `shown`, less the smallest shown cell of each such line. That cell alone reaches the threshold, so one is
        enough.
    """
    if cells.empty:
        return shown
    counts, users = as_floats(cells[count]), as_floats(cells["n_users"])
    group = cells.groupby(list(line), sort=False, dropna=False).ngroup().to_numpy()
    n_groups = int(group.max()) + 1
    hidden_users = np.zeros(n_groups)
    np.maximum.at(hidden_users, group[~shown], np.nan_to_num(users[~shown], nan=np.inf))
    if total is None:
        rest = np.zeros(n_groups)
        np.maximum.at(rest, group[~shown], np.nan_to_num(counts[~shown]))
        enough = np.zeros(n_groups, dtype=bool)
        np.logical_or.at(enough, group[~shown], threshold.reached(counts, users)[~shown])
    else:
        totals = np.full(n_groups, np.nan)
        totals[group] = as_floats(cells[total])
        rest = totals - np.bincount(group, np.where(shown, counts, 0.0), n_groups)
        # Without users in the tables the counts alone decide.
        users_known = ~np.isnan(users).all()
        enough = (rest >= threshold.min_conversations) & (
            (hidden_users >= threshold.min_users) if users_known else np.ones(n_groups, dtype=bool)
        )
    leaking = np.nan_to_num(rest) > 0
    leaking &= ~enough
    if not leaking.any():
        return shown
    ranked = cells.assign(_count=counts, _group=group, _at=np.arange(len(cells)))[shown & leaking[group]]
    smallest = ranked.sort_values(["_count", *order], kind="stable").drop_duplicates("_group")["_at"]
    kept = shown.copy()
    kept[smallest.to_numpy(dtype=np.int64)] = False
    return kept
