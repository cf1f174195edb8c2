"""Figure: the map of AI values, near where their names are near."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from wildvalues.figures import marks, style, text
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.results import records
from wildvalues.wording import count

COLUMNS = ["node_id", "name", "n_conversations", "x", "y", "cluster", "labelled"]
_WIDTH, _HEIGHT = style.TEXT_WIDTH - 0.1, 4.6
_MOST_LABELS = 70
_OTHER = "other clusters"


def make(material: Material) -> Drawn:
    """Draw AI values at their map coordinates, coloured by top-level cluster, labelled where there is room."""
    data = _placed(material)
    if data.empty:
        return Drawn.nothing("No AI value with a place on the map is frequent enough to be published.", COLUMNS)
    names = list(dict.fromkeys(data.sort_values("cluster_rank", kind="stable")["cluster"]))
    legend_rows = -(-len(names) // 2)
    below = 0.2 * legend_rows + 0.1
    fig = style.figure(_HEIGHT + below)
    axes = marks.place(fig, 0.05, below, _WIDTH, _HEIGHT)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(True)
        side.set_color(style.RULE)
    sizes = 4 + 60 * data["n_conversations"].to_numpy(float) / float(data["n_conversations"].max())
    for i, name in enumerate(names):
        mine = (data["cluster"] == name).to_numpy()
        colour = style.FAINT if name == _OTHER else style.PALETTE[i % len(style.PALETTE)]
        label = text.elide(name, _WIDTH / 2 - 0.4, style.SMALL)
        axes.scatter(data.loc[mine, "x"], data.loc[mine, "y"], s=sizes[mine], color=colour, alpha=0.75, linewidths=0,
                     label=label)  # fmt: skip
    _limits(axes, data)
    data["labelled"] = _label(axes, data, sizes)
    handles = axes.legend(
        loc="upper left", bbox_to_anchor=(0.0, -0.01), ncols=2, borderaxespad=0.0, handletextpad=0.2, columnspacing=1.0
    )
    for handle in handles.legend_handles:
        if handle is not None:
            handle.set(sizes=[18])
    return Drawn(fig, data[COLUMNS].reset_index(drop=True), _caption(data))


def _placed(material: Material) -> pd.DataFrame:
    tree = material.tables["taxonomy"]
    tree = tree[tree["facet"] == "ai_values"]
    parent: dict[Any, Any] = {row.node_id: row.parent_id for row in records(tree) if row.level > 0}
    name: dict[Any, str] = {row.node_id: str(row.name) for row in records(tree) if row.level > 0}
    data = tree[(tree["level"] == 0) & tree["x"].notna() & tree["y"].notna()]
    data = data.sort_values(["n_conversations", "node_id"], ascending=[False, True], kind="stable")

    def top(node: object) -> str:
        while node in parent and parent[node] is not None:
            node = parent[node]
        return name.get(node, _OTHER)

    clusters = [top(node) for node in data["parent_id"]]
    sizes = pd.Series(clusters, dtype=object).value_counts()
    kept = [key for key in sorted(sizes.index, key=lambda key: (-int(sizes[key]), str(key))) if key != _OTHER]
    kept = kept[: len(style.PALETTE)]
    rank = {key: i for i, key in enumerate(kept)}
    clusters = [cluster if cluster in rank else _OTHER for cluster in clusters]
    return data.assign(cluster=clusters, cluster_rank=[rank.get(cluster, len(rank)) for cluster in clusters])


def _limits(axes: Axes, data: pd.DataFrame) -> None:
    for values, setter in ((data["x"], axes.set_xlim), (data["y"], axes.set_ylim)):
        low, high = float(values.min()), float(values.max())
        margin = 0.07 * (high - low) or 1.0
        setter(low - margin, high + margin)


def _label(axes: Axes, data: pd.DataFrame, sizes: np.ndarray) -> list[bool]:
    """Label values from the most frequent down wherever a label crosses no other label, no large dot and no edge."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    x = (data["x"].to_numpy(float) - x0) / (x1 - x0) * _WIDTH
    y = (data["y"].to_numpy(float) - y0) / (y1 - y0) * _HEIGHT
    radius = np.sqrt(sizes) / 2 / 72
    taken: list[tuple[float, float, float, float]] = []
    labelled = [False] * len(data)
    high = style.SMALL * 1.15 / 72
    for i, name in enumerate(data["name"]):
        if sum(labelled) >= _MOST_LABELS:
            break
        shown = text.elide(str(name), 1.4, style.SMALL)
        wide = text.width(shown, style.SMALL) + 0.03
        gap = radius[i] + 0.02
        for left, bottom in (
            (x[i] + gap, y[i] - high / 2),
            (x[i] - gap - wide, y[i] - high / 2),
            (x[i] - wide / 2, y[i] + gap),
            (x[i] - wide / 2, y[i] - gap - high),
        ):
            box = (left, bottom, left + wide, bottom + high)
            inside = left > 0.02 and bottom > 0.02 and box[2] < _WIDTH - 0.02 and box[3] < _HEIGHT - 0.02
            clear = all(box[2] <= b[0] or b[2] <= box[0] or box[3] <= b[1] or b[3] <= box[1] for b in taken)
            dots = (x > left - radius) & (x < box[2] + radius) & (y > bottom - radius) & (y < box[3] + radius)
            dots[i] = False
            if inside and clear and not (dots & (radius >= 0.04)).any():
                taken.append(box)
                labelled[i] = True
                axes.text(
                    x0 + (left + 0.015) / _WIDTH * (x1 - x0),
                    y0 + (bottom + high / 2) / _HEIGHT * (y1 - y0),
                    shown,
                    fontsize=style.SMALL,
                    va="center_baseline",
                    path_effects=[withStroke(linewidth=1.6, foreground="white")],
                )
                break
    return labelled


def _caption(data: pd.DataFrame) -> str:
    return (
        f"Map of n = {count(len(data))} AI values: UMAP of the vectors of their names, for display only. Area grows "
        f"with the number of conversations, colour is the top-level cluster; {count(data['labelled'].sum())} values "
        "are labelled, from the most frequent down, where a label has room."
    )
