"""Figure: where the clusters of one tree lie in the other, and how far each level agrees."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from wildvalues.figures import marks, style, text
from wildvalues.results import records

# Most clusters on either side of the matrix; the table holds all.
_MOST = 14


def draw(agreement: pd.DataFrame, clusters: pd.DataFrame, pairs: dict[int, int], labels: tuple[str, str]) -> Figure:
    """Draw the overlap of the coarsest clusters, and under it the agreement of the levels set beside each other."""
    known = agreement[agreement["ami"].notna()]
    rows = known[[pairs.get(int(row.level)) == row.other_level for row in records(known)]].reset_index(drop=True)
    if rows.empty or clusters.empty:
        return style.notice("The two trees have too few values in common to be compared.")
    top = clusters[clusters["level"] == clusters["level"].max()]
    matrix = _matrix(top)
    below = 0.22 * len(rows) + 0.75
    side = 0.27 * len(matrix)
    fig = style.figure(side + below + 1.75)
    axes = marks.place(fig, 2.15, below + 0.25, style.TEXT_WIDTH - 2.3, side)
    axes.imshow(matrix.to_numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i, of_row in enumerate(matrix.to_numpy()):
        for j, share in enumerate(of_row):
            if share >= 0.005:
                ink = "white" if share > 0.6 else style.INK
                axes.text(j, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=6.5, color=ink)
    axes.set_yticks(range(len(matrix)), [text.elide(str(name), 2.0, style.SMALL) for name in matrix.index])
    axes.set_xticks(
        range(matrix.shape[1]),
        [text.elide(str(name), 1.3, style.SMALL) for name in matrix.columns],
        rotation=40,
        ha="left",
        rotation_mode="anchor",
    )
    axes.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False, length=0)
    lower = marks.place(fig, 2.15, 0.45, style.TEXT_WIDTH - 2.3, below - 0.75)
    drawn = rows.assign(ami_low=rows["ami_low"].fillna(rows["ami"]), ami_high=rows["ami_high"].fillna(rows["ami"]))
    marks.intervals(lower, drawn, "ami", scale=1)
    marks.rows(lower, [f"level {row.level} and level {row.other_level}" for row in records(rows)], 2.0)
    lower.set_xlim(min(0.0, float(np.nanmin(drawn["ami_low"].to_numpy(float))) * 1.05), 1.02)
    lower.set_xlabel(f"adjusted mutual information of {labels[0]} and {labels[1]}")
    style.grid(lower)
    return fig


def _matrix(top: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each cluster's common values (row) that lies in each other cluster (column)."""
    sizes = top.groupby("cluster_id")["n_values"].first().sort_values(ascending=False, kind="stable")
    others = top.groupby("other_id")["n_other_values"].first().sort_values(ascending=False, kind="stable")
    wide = top.pivot_table(index="cluster_id", columns="other_id", values="share", fill_value=0.0)
    wide = wide.reindex(index=sizes.index[:_MOST], columns=others.index[:_MOST], fill_value=0.0)
    names = top.drop_duplicates("cluster_id").set_index("cluster_id")["name"]
    other_names = top.drop_duplicates("other_id").set_index("other_id")["other_name"]
    return wide.rename(index=names.to_dict(), columns=other_names.to_dict())
