"""The gate for the small tables of shares: response types, models, mirroring, explicitness."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.disclosure.lines import protect_lines
from wildvalues.disclosure.text import label_may_be_shown
from wildvalues.disclosure.threshold import Threshold, as_floats

Shown = NDArray[np.bool_]


def gate_response_types(frame: pd.DataFrame, threshold: Threshold) -> Shown:
    """Each denominator's response types add up to its base."""
    shown = threshold.reached(frame["n_conversations"], frame["n_users"])
    return protect_lines(frame, shown, threshold, line=["denominator"], total="n_base", order=["response_type"])


def gate_models(frame: pd.DataFrame, response_types: pd.DataFrame, threshold: Threshold) -> Shown:
    """Guard each model's response types against its base, and each response type's models against all of them.

    Parameters
    ----------
    response_types
        The published response types of all subjective conversations.
    """
    if frame.empty:
        return np.zeros(0, dtype=bool)
    shown = threshold.reached(frame["n_conversations"], frame["n_users"])
    shown &= np.array([label_may_be_shown(name) for name in frame["model"]], dtype=bool)
    of_all = response_types.set_index("response_type")
    shown &= frame["response_type"].isin(of_all.index).to_numpy()
    frame = frame.assign(_all=as_floats(of_all["n_conversations"].reindex(frame["response_type"])))
    everybody = float(as_floats(of_all["n_base"])[0]) if len(of_all) else 0.0
    while True:
        before = int(shown.sum())
        shown = protect_lines(frame, shown, threshold, line=["model"], total="n_base", order=["response_type"])
        shown = protect_lines(frame, shown, threshold, line=["response_type"], total="_all", order=["model"])
        bases = frame[shown].drop_duplicates("model").sort_values(["n_base", "model"])
        rest = everybody - float(bases["n_base"].sum())
        if len(bases) and 0 < rest < threshold.min_conversations:
            shown &= (frame["model"] != bases["model"].iloc[0]).to_numpy()
        if int(shown.sum()) == before:
            return shown


def gate_mirroring(frame: pd.DataFrame, response_types: pd.DataFrame, threshold: Threshold) -> Shown:
    """Guard the response types against all together, and coarser matches against finer ones, which they contain.

    Parameters
    ----------
    response_types
        The published response types of the conversations with a human value.
    """
    if frame.empty:
        return np.zeros(0, dtype=bool)
    shown = threshold.reached(frame["n_conversations"], frame["n_users"])
    is_all = (frame["response_type"] == "all").to_numpy()
    shown &= is_all | frame["response_type"].isin(response_types["response_type"]).to_numpy()
    counts = as_floats(frame["n_conversations"])
    fineness = frame["matched"].map(lambda name: -1 if name == "value" else int(str(name).removeprefix("level_")))
    order = fineness.argsort(kind="stable").to_numpy()
    together = frame.assign(_shown=shown & is_all)
    while True:
        before = int(shown.sum())
        last: dict[str, float] = {}
        for index in order:
            response_type = str(frame["response_type"].iloc[index])
            if shown[index]:
                rest = counts[index] - last.get(response_type, counts[index])
                if 0 < rest < threshold.min_conversations:
                    shown[index] = False
                else:
                    last[response_type] = counts[index]
        together = frame.assign(_count=np.where(shown & is_all, counts, np.nan))
        total = together[is_all].set_index("matched")["_count"]
        parts = frame.assign(_total=as_floats(total.reindex(frame["matched"])))
        shown[~is_all] = protect_lines(
            parts[~is_all], shown[~is_all], threshold, line=["matched"], total="_total", order=["response_type"]
        )
        if int(shown.sum()) == before:
            return shown


def gate_explicitness(
    frame: pd.DataFrame, response_types: pd.DataFrame, whole_clusters: set[str], threshold: Threshold
) -> Shown:
    """Guard the groups' conversations against those of all; clusters overlap, so there a whole one must be withheld.

    Parameters
    ----------
    whole_clusters
        Ids of the clusters whose mentions are published in full.
    """
    if frame.empty:
        return np.zeros(0, dtype=bool)
    by = frame["by"].to_numpy()
    shown = threshold.reached(frame["n_conversations"], frame["n_users"])
    shown &= (by != "response_type") | frame["group_id"].isin(response_types["response_type"]).to_numpy()
    shown &= (by != "cluster") | frame["group_id"].isin(whole_clusters).to_numpy()
    total = frame.loc[shown & (by == "all"), "n_conversations"]
    parts = frame.assign(_total=float(total.iloc[0]) if len(total) else np.nan)
    for group, column in (("response_type", "_total"), ("cluster", None)):
        mine = by == group
        if mine.any():
            shown[mine] = protect_lines(
                parts[mine], shown[mine], threshold, line=["by"], total=column, order=["group_id"]
            )
    return shown
