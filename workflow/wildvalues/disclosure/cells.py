"""The gate for associations: cells of values by contexts, guarded along lines and up both trees."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.disclosure.lines import protect_lines
from wildvalues.disclosure.threshold import Threshold, as_floats

EXCLUSIVE = ("task", "response_type", "model", "language", "week")
_TABLE = ["row_facet", "row_level", "column_facet", "column_level"]


def gate_cells(
    pairs: pd.DataFrame, allowed: NDArray[np.bool_], parents: pd.Series, threshold: Threshold
) -> NDArray[np.bool_]:
    """Return which association rows are published.

    Parameters
    ----------
    pairs
        The private associations.
    allowed
        Rows whose value and context are themselves published with their counts.
    parents
        Parent's id of each node, indexed by (facet, node_id).

    Notes
    -----
    Three rules until nothing changes: a cell reaches the threshold; along exclusive contexts, the cells of a value
    and their withheld rest; up a tree, a cell less the published cells below it.
    """
    pairs = pairs.reset_index(drop=True)
    shown = allowed & threshold.reached(pairs["observed"], pairs["n_users"])
    if pairs.empty:
        return shown
    exclusive_columns = pairs["column_facet"].isin(EXCLUSIVE).to_numpy()
    exclusive_rows = exclusive_columns & pairs["row_facet"].isin(EXCLUSIVE).to_numpy()
    while True:
        before = int(shown.sum())
        shown = _protect_margins(pairs, shown, exclusive_columns, "column", threshold)
        shown = _protect_margins(pairs, shown, exclusive_rows, "row", threshold)
        shown = _lines(pairs, shown, exclusive_columns, "row", threshold)
        shown = _lines(pairs, shown, exclusive_rows, "column", threshold)
        shown = _up_the_tree(pairs, shown, parents, "row", threshold)
        shown = _up_the_tree(pairs, shown, parents, "column", threshold)
        if int(shown.sum()) == before:
            return shown


def _lines(
    pairs: pd.DataFrame, shown: NDArray[np.bool_], chosen: NDArray[np.bool_], side: str, threshold: Threshold
) -> NDArray[np.bool_]:
    """Guard the cells of each value (side "row") or each context ("column") against their total."""
    other = "column" if side == "row" else "row"
    kept = shown.copy()
    kept[chosen] = protect_lines(
        pairs[chosen],
        shown[chosen],
        threshold,
        line=[*_TABLE, f"{side}_id"],
        total=f"{side}_total",
        count="observed",
        order=[f"{other}_id"],
    )
    return kept


def _protect_margins(
    pairs: pd.DataFrame, shown: NDArray[np.bool_], chosen: NDArray[np.bool_], side: str, threshold: Threshold
) -> NDArray[np.bool_]:
    """Withhold the smallest context of a table when the totals of the others leave a rest below the threshold."""
    mine = pairs[chosen & shown]
    if mine.empty:
        return shown
    margins = mine.drop_duplicates([*_TABLE, f"{side}_id"])
    rest = margins.groupby(_TABLE)["n"].first() - margins.groupby(_TABLE)[f"{side}_total"].sum()
    leaking = rest[(rest > 0) & (rest < threshold.min_conversations)].index
    if leaking.empty:
        return shown
    table = pd.MultiIndex.from_frame(margins[_TABLE])
    smallest = (
        margins[table.isin(leaking)]
        .sort_values([f"{side}_total", f"{side}_id"], kind="stable")
        .drop_duplicates(_TABLE)[[*_TABLE, f"{side}_id"]]
    )
    gone = pd.MultiIndex.from_frame(pairs[[*_TABLE, f"{side}_id"]]).isin(pd.MultiIndex.from_frame(smallest))
    return shown & ~(gone & chosen)


def _up_the_tree(
    pairs: pd.DataFrame, shown: NDArray[np.bool_], parents: pd.Series, side: str, threshold: Threshold
) -> NDArray[np.bool_]:
    """Withhold a cell whose published parts leave a rest below the threshold.

    Users of the rest are at least the cell's less those of the parts, which is all the tables tell.
    """
    other = "column" if side == "row" else "row"
    # One line of the walk: everything but the place in this side's tree.
    line = [f"{side}_facet", f"{other}_facet", f"{other}_level", f"{other}_id"]
    observed, users = as_floats(pairs["observed"]), as_floats(pairs["n_users"])
    above = parents.reindex(pd.MultiIndex.from_frame(pairs[[f"{side}_facet", f"{side}_id"]])).to_numpy(dtype=object)
    levels = pairs[f"{side}_level"].to_numpy()
    kept = shown.copy()
    passed = pd.DataFrame(columns=[*line, "node", "count", "users"])
    for level in range(int(levels.max()) + 1):
        at = np.flatnonzero(levels == level)
        here = pairs.loc[at, line].assign(node=pairs.loc[at, f"{side}_id"])
        parts = here.merge(passed, on=[*line, "node"], how="left")[["count", "users"]].astype(float).fillna(0.0)
        count, people = parts["count"].to_numpy(), parts["users"].to_numpy()
        rest = observed[at] - count
        kept[at] &= ~((rest > 0) & ~threshold.reached(rest, users[at] - people))
        whole = kept[at]
        carried = here.assign(
            node=above[at], count=np.where(whole, observed[at], count), users=np.where(whole, users[at], people)
        )
        # Cells below that have no row on this level (they were not tested) are not carried further up: their
        # parent's cell, where it is listed, then counts them as rest, which only withholds more.
        carried = carried[carried["node"].notna()]
        passed = carried.groupby([*line, "node"], as_index=False, sort=False)[["count", "users"]].sum()
    return kept
