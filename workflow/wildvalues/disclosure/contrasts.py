"""The gate for comparisons of groups: no count, nor a ratio from which one follows, of fewer than the threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wildvalues.disclosure.cells import gate_cells
from wildvalues.disclosure.threshold import Threshold, as_floats

Shown = NDArray[np.bool_]

_NODE = ["facet", "level", "node_id"]
_ROW = ["comparison", "design", *_NODE]
# Statistics keep so many digits: in full length they are more equations on what is withheld.
DIGITS = 3


def gate_contrasts(
    frame: pd.DataFrame,
    nodes: pd.DataFrame,
    associations: pd.DataFrame,
    models: pd.DataFrame,
    explicitness: pd.DataFrame,
    parents: pd.Series,
    threshold: Threshold,
) -> Shown:
    """Return which contrasts are published.

    Parameters
    ----------
    frame
        The private contrasts.
    nodes
        Facet, level, node_id (private) and n_conversations of the nodes published with counts.
    associations, models
        The published rows of those tables, under private ids: the counts of a contrast of models are theirs.
    explicitness
        The same; its counts are among those of stated mentions.
    parents
        Parent's id of each node, indexed by (facet, node_id).

    Notes
    -----
    A contrast of mentions has counts of its own. It is published where each group's conversations reach the
    threshold, or one group has none; where those of stated mentions leave a rest of the node's published conversations
    that does too, as do the conversations with both; and where no rest below the threshold is left up the tree.
    """
    if frame.empty:
        return np.zeros(0, dtype=bool)
    keys = pd.MultiIndex.from_frame(frame[_NODE])
    counts = pd.Series(as_floats(nodes["n_conversations"]), index=pd.MultiIndex.from_frame(nodes[_NODE]))
    is_response = (frame["facet"] == "response_type").to_numpy()
    allowed = keys.isin(counts.index) | is_response
    allowed &= threshold.reached(frame["n_conversations"], frame["n_users"])
    by_model = (frame["comparison"] == "model").to_numpy()
    cells = associations[associations["column_facet"] == "model"]
    known = {
        *zip(cells["row_facet"], cells["row_level"], cells["row_id"], cells["column_id"], strict=True),
        *(("response_type", 0, kind, model) for model, kind in models[["model", "response_type"]].to_numpy()),
    }
    row = list(zip(frame["facet"], frame["level"], frame["node_id"], frame["group_id"], strict=True))
    allowed &= np.array([one in known for one in row], dtype=bool) | ~by_model
    allowed &= _rest_of_models(frame, models, threshold) | ~(by_model & is_response)
    stated = (frame["comparison"] == "stated").to_numpy()
    total, mine = as_floats(counts.reindex(keys)), as_floats(frame["n_conversations"])
    for rest in (total - mine, as_floats(frame["n_with"]) - total):
        allowed &= ~stated | is_response | (rest <= 0) | (rest >= threshold.min_conversations)
    pairs = frame.rename(columns={"facet": "row_facet", "level": "row_level", "node_id": "row_id"}).assign(
        column_facet=frame["comparison"],
        column_level=0,
        column_id=frame["group_id"],
        observed=frame["n_conversations"],
    )
    outright = set(explicitness["group_id"])
    allowed &= ~(stated & is_response) | frame["node_id"].isin(outright).to_numpy()
    root = _roots(frame, parents)
    own = np.flatnonzero(~by_model)
    while True:
        before = int(allowed.sum())
        # Two groups' rows mirror one another.
        allowed[own] &= (
            frame.iloc[own]
            .assign(_clear=allowed[own] | (mine[own] == 0))
            .groupby(_ROW)["_clear"]
            .transform("all")
            .to_numpy()
        )
        allowed[own] = gate_cells(pairs.iloc[own], allowed[own], parents, threshold)
        # A cluster that explicitness counts must not be short of what is published below it.
        here = stated & ~is_response
        tops = outright & set(frame.loc[here, "node_id"]) - set(frame.loc[here & allowed, "node_id"])
        allowed &= ~(here & np.isin(root, list(tops)))
        if int(allowed.sum()) == before:
            return allowed


def _roots(frame: pd.DataFrame, parents: pd.Series) -> NDArray[np.str_]:
    """Return the id of the top cluster over each row's node."""
    above = {key: parent for key, parent in parents.items() if isinstance(parent, str)}
    found = []
    for facet, node in zip(frame["facet"], frame["node_id"], strict=True):
        while (facet, node) in above:
            node = above[facet, node]
        found.append(str(node))
    return np.array(found, dtype=str)


def _rest_of_models(frame: pd.DataFrame, models: pd.DataFrame, threshold: Threshold) -> Shown:
    """Whether a response type's conversations with a known model, less the published ones, are none or enough."""
    published = models.groupby("response_type")["n_conversations"].sum()
    rest = as_floats(frame["n_with"]) - np.nan_to_num(as_floats(published.reindex(frame["node_id"])))
    enough: Shown = (rest <= 0) | (rest >= threshold.min_conversations)
    return enough


def gate_contrast_tests(tests: pd.DataFrame, contrasts: pd.DataFrame) -> Shown:
    """Publish the test of a node of which at least two groups are published.

    Parameters
    ----------
    contrasts
        The published contrasts, under private ids.
    """
    if tests.empty:
        return np.zeros(0, dtype=bool)
    published = contrasts.groupby(_ROW).size()
    groups = as_floats(published.reindex(pd.MultiIndex.from_frame(tests[_ROW])))
    shown: Shown = np.nan_to_num(groups) >= 2
    return shown


def shortened(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with real numbers at `DIGITS` significant digits."""
    reals = [name for name in frame.columns if pd.api.types.is_float_dtype(frame[name]) and not name.startswith("n_")]
    return frame.assign(**{name: [float(f"{number:.{DIGITS}g}") for number in frame[name]] for name in reals})
