"""Figure: the tree of AI values: top level, second level, and the most frequent values of each branch."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from wildvalues.figures import marks, style, text
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.results import records
from wildvalues.wording import count, percent

MOST_TOP, MOST_ROWS, VALUES = 8, 28, 4
COLUMNS = ["level", "node_id", "parent_id", "name", "n_values", "n_mentions", "share_mentions", "values"]
_ROW = 0.3


def make(material: Material) -> Drawn:
    """Draw the two coarsest levels of the AI values' tree and selected values."""
    tree = material.tables["taxonomy"]
    tree = tree[tree["facet"] == "ai_values"]
    tree = tree.sort_values(["n_mentions", "name", "node_id"], ascending=[False, True, True], kind="stable")
    levels = sorted({int(level) for level in tree["level"]})
    if not levels or levels == [0]:
        return Drawn.nothing("No cluster of AI values holds enough conversations to be published.", COLUMNS)
    top_level = levels[-1]
    tops = tree[tree["level"] == top_level].head(MOST_TOP)
    branches = _branches(tree, tops, levels[-2])
    height = len(branches) * _ROW + 0.35
    fig = style.figure(height)
    axes = marks.place(fig, 0, 0, style.TEXT_WIDTH, height)
    axes.set_axis_off()
    axes.set_xlim(0, style.TEXT_WIDTH)
    axes.set_ylim(height, 0)
    _draw(axes, tops, branches)
    data = pd.concat([tops, branches[branches["node_id"].notna()]]).reindex(columns=COLUMNS).reset_index(drop=True)
    n_tops = int((tree["level"] == top_level).sum())
    return Drawn(fig, data, _caption(tree, levels, len(tops), n_tops, branches, material))


def _branches(tree: pd.DataFrame, tops: pd.DataFrame, second: int) -> pd.DataFrame:
    """Rows of the figure: the largest second-level clusters of every top cluster, each with its largest values."""
    leaves = _leaves(tree)
    each = max(1, MOST_ROWS // max(1, len(tops)))
    rows = []
    for top in records(tops):
        children = tree[(tree["level"] == second) & (tree["parent_id"] == top.node_id)] if second > 0 else tree.iloc[:0]
        if children.empty:
            # A one-level tree, or a top cluster whose children are under the threshold: its values stand beside it.
            names = leaves.get(str(top.node_id), [])[: VALUES + 2]
            rows.append({"node_id": None, "parent_id": top.node_id, "level": second, "values": "; ".join(names)})
        rows.extend(
            {**child._asdict(), "values": "; ".join(leaves.get(str(child.node_id), [])[:VALUES])}
            for child in records(children.head(each))
        )
    return pd.DataFrame(rows)


def _leaves(tree: pd.DataFrame) -> dict[str, list[str]]:
    """Values under every cluster, most mentioned first."""
    parent = {row.node_id: row.parent_id for row in records(tree) if row.level > 0}
    found: dict[str, list[str]] = {}
    for leaf in records(tree[tree["level"] == 0]):
        above = leaf.parent_id
        while above is not None and above == above:
            found.setdefault(str(above), []).append(str(leaf.name))
            above = parent.get(above)
    return found


def _draw(axes: Axes, tops: pd.DataFrame, branches: pd.DataFrame) -> None:
    x_top, w_top, x_second, w_second = 0.05, 1.25, 1.75, 1.75
    x_values = x_second + w_second + 0.1
    axes.text(x_top, 0.12, "top level, % of mentions", fontsize=style.SMALL, color=style.FAINT, va="center")
    if branches["node_id"].notna().any():
        axes.text(x_second, 0.12, "next level", fontsize=style.SMALL, color=style.FAINT, va="center")
    axes.text(x_values, 0.12, "most frequent values", fontsize=style.SMALL, color=style.FAINT, va="center")
    y = 0.3
    largest = float(branches["share_mentions"].max()) if "share_mentions" in branches else 1.0
    for i, top in enumerate(records(tops)):
        colour = style.PALETTE[i % len(style.PALETTE)]
        mine = branches[branches["parent_id"] == top.node_id]
        middle = y + len(mine) * _ROW / 2
        label = text.wrap(str(top.name), w_top - 0.5, style.NORMAL, lines=2)
        half = 0.19 if len(mine) > 1 else 0.14
        axes.add_patch(Rectangle((x_top, middle - half), w_top, 2 * half, facecolor=colour, alpha=0.16, linewidth=0))
        axes.add_patch(Rectangle((x_top, middle - half), 0.05, 2 * half, facecolor=colour, linewidth=0))
        axes.text(x_top + 0.1, middle, label, va="center", fontsize=style.NORMAL, linespacing=1.05)
        axes.text(x_top + w_top - 0.04, middle, _share(top.share_mentions), va="center", ha="right", fontweight="bold")
        for j, row in enumerate(records(mine)):
            at = y + (j + 0.5) * _ROW
            single = row.node_id is None or row.node_id != row.node_id
            # The gate keeps a cluster without its counts where they would give a withheld value away.
            share = 0.0 if single or pd.isna(row.share_mentions) else float(row.share_mentions)
            if not single:
                weight = 0.5 + 3.5 * share / max(largest, 1e-9)
                _link(axes, (x_top + w_top, middle), (x_second - 0.05, at), colour, weight)
                name = text.wrap(str(row.name), w_second - 0.42, style.SMALL)
                axes.text(x_second, at, name, va="center", fontsize=style.SMALL, linespacing=1.0)
                axes.text(
                    x_second + w_second - 0.08,
                    at,
                    _share(row.share_mentions),
                    va="center",
                    ha="right",
                    fontsize=style.SMALL,
                )
            values = text.wrap(str(row.values), style.TEXT_WIDTH - x_values - 0.05, style.SMALL)
            axes.text(
                x_values, at, values, va="center", fontsize=style.SMALL, style="italic", color=style.FAINT,
                linespacing=1.0,
            )  # fmt: skip
        y += len(mine) * _ROW


def _share(share: float) -> str:
    return "withheld" if pd.isna(share) else percent(share)


def _link(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, width: float) -> None:
    bend = (start[0] + end[0]) / 2
    path = Path([start, (bend, start[1]), (bend, end[1]), end], [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    axes.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, linewidth=width, alpha=0.5, capstyle="round"))


def _caption(
    tree: pd.DataFrame, levels: list[int], shown: int, n_tops: int, branches: pd.DataFrame, material: Material
) -> str:
    sizes = " → ".join(count((tree["level"] == level).sum()) for level in levels)
    tops = f"all {count(n_tops)}" if shown == n_tops else f"the {count(shown)} largest of {count(n_tops)}"
    second = int(branches["node_id"].notna().sum())
    total = int((tree["level"] == levels[-2]).sum()) if levels[-2] > 0 else 0
    middle = (
        f", {count(second)} of {count(total)} clusters of the next level (the largest of every branch)" if total else ""
    )
    return (
        f"The tree of AI values (published nodes from values to top level: {sizes}; n = "
        f"{count(material.n_subjective)} conversations). Shown are {tops} top-level clusters{middle} and their most "
        "mentioned values. Percentages are shares of all mentions; values of too few conversations are not shown "
        "but count in the shares above them."
    )
