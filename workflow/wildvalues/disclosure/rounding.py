"""Rounded counts, and every number that would give the exact ones back computed again from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.disclosure.threshold import as_floats
from wildvalues.statistics.corrections import benjamini_hochberg, bonferroni
from wildvalues.statistics.intervals import wilson
from wildvalues.statistics.odds import odds_ratios
from wildvalues.statistics.residuals import residual_tests

COUNTS = (
    *("n_conversations", "n_users", "n_mentions", "n_base", "observed", "row_total", "column_total", "n"),
    *("n_with", "n_group"),
)
# Numbers of the bootstrap and of whole tables carry no count that could be taken out exactly, once shortened.
SHORTENED = (
    *("user_low", "user_high", "mention_low", "mention_high", "mean_rate", "cv", "cv_low", "cv_high"),
    *("cv_expected", "cv_corrected", "odds_crude", "odds_ratio", "odds_low", "odds_high"),
    *("difference", "difference_low", "difference_high"),
)


def round_count(counts: pd.Series, base: int, least: int) -> pd.Series:
    """Return counts as multiples of `base`, halves up, never below the threshold `least` (nor 0)."""
    values = as_floats(counts)
    floor = base * np.ceil(max(least, 1) / base)
    rounded = np.maximum(np.floor(values / base + 0.5) * base, floor)
    return pd.Series(pd.array(np.where(np.isnan(values), 0, rounded).astype(np.int64), dtype="Int64")).mask(
        np.isnan(values)
    )


def round_table(name: str, frame: pd.DataFrame, base: int, least: dict[str, int]) -> pd.DataFrame:
    """Return a gated table with rounded counts; with `base` 1 it comes back as it is."""
    if base == 1 or frame.empty:
        return frame
    frame = frame.reset_index(drop=True).copy()
    for column in COUNTS:
        if column in frame.columns:
            frame[column] = round_count(frame[column], base, least.get(column, 0))
    if name == "associations":
        return _associations(frame)
    if name == "concentration":
        return frame
    if "share" in frame.columns:
        count, of = as_floats(frame["n_conversations"]), as_floats(frame["n_base"])
        if name == "explicitness":
            # There the share is of mentions: its count is not in the table and is rounded on its own.
            count = np.round(as_floats(frame["share"]) * of / base) * base
        count = np.minimum(count, of)
        frame["share"] = count / of
        frame["share_low"], frame["share_high"] = wilson(count, of)
    if "share_mentions" in frame.columns:
        frame["share_mentions"] = np.round(as_floats(frame["share_mentions"]), 2)
    for column in {*SHORTENED, "expected"} & set(frame.columns):
        frame[column] = np.round(as_floats(frame[column]), 2)
    return frame


def _associations(frame: pd.DataFrame) -> pd.DataFrame:
    tables = frame.groupby(["row_facet", "row_level", "column_facet", "column_level"], sort=False).indices
    for at in tables.values():
        part = frame.iloc[at]
        n = int(part["n"].iloc[0])
        rows, columns = (np.minimum(as_floats(part[name]), n) for name in ("row_total", "column_total"))
        observed = _possible(as_floats(part["observed"]), rows, columns, n)
        tested = residual_tests(observed, rows, columns, n)
        odds = odds_ratios(observed, rows, columns, n)
        # The number of tests is public: it is what p was multiplied by.
        n_tests = int(part["n_tests"].iloc[0])
        frame.loc[frame.index[at], ["expected", "residual", "p"]] = np.stack(
            [tested.expected, tested.residual, tested.p], axis=1
        )
        frame.loc[frame.index[at], "p_bonferroni"] = bonferroni(tested.p, n_tests)
        # Withheld pairs count as the least likely to be called, so no q is too small.
        rest = np.ones(max(n_tests - len(at), 0))
        frame.loc[frame.index[at], "q"] = benjamini_hochberg(np.concatenate([np.nan_to_num(tested.p, nan=1.0), rest]))[
            : len(at)
        ]
        frame.loc[frame.index[at], ["odds_ratio", "odds_low", "odds_high"]] = np.stack(
            [odds.ratio, odds.low, odds.high], axis=1
        )
    return frame


def _possible(
    observed: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64], n: int
) -> NDArray[np.float64]:
    """Return the nearest counts that fit into their rounded margins."""
    return np.clip(observed, np.maximum(rows + columns - n, 0), np.minimum(rows, columns))
