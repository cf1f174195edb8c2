"""Figure: where AI values are stated outright rather than only demonstrated."""

from __future__ import annotations

import pandas as pd

from wildvalues.figures import marks, style
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.results import records
from wildvalues.tables import RESPONSE_TYPES
from wildvalues.wording import count, percent, words

MOST_CLUSTERS = 12
COLUMNS = ["by", "group_id", "name", "n_conversations", "n_base", "share", "share_low", "share_high"]


def make(material: Material) -> Drawn:
    """Draw the share of stated AI values by response type and by top-level cluster."""
    table = material.tables["explicitness"]
    table = table[(table["n_base"].fillna(0) > 0) & table["share"].notna()]
    if table.empty:
        return Drawn.nothing("The study does not know which AI values were stated outright.", COLUMNS)
    order = {kind: i for i, kind in enumerate(RESPONSE_TYPES)}
    kinds = table[table["by"] == "response_type"]
    kinds = kinds.assign(rank=kinds["group_id"].map(order)).sort_values(["rank", "group_id"], kind="stable")
    clusters = table[table["by"] == "cluster"].sort_values(
        ["n_base", "name", "group_id"], ascending=[False, True, True], kind="stable"
    )
    overall = table[table["by"] == "all"].head(1)
    data = pd.concat([overall, kinds, clusters.head(MOST_CLUSTERS)])[COLUMNS].reset_index(drop=True)
    inner = len(data) * 0.2
    fig = style.figure(inner + 0.6)
    label = 2.3
    axes = marks.place(fig, label + 0.05, 0.45, style.TEXT_WIDTH - label - 0.25, inner)
    colours = [{"all": style.INK, "response_type": style.AI}.get(by, style.PALETTE[2]) for by in data["by"]]
    marks.intervals(axes, data, colour=colours)
    marks.rows(axes, [_label(row) for row in records(data)], label)
    for edge in (len(overall), len(overall) + len(kinds)):
        if 0 < edge < len(data):
            axes.axhline(edge - 0.5, color=style.RULE, linewidth=0.6)
    axes.set_xlim(0, min(103, max(10, 105 * float(data["share_high"].max()))))
    axes.set_xlabel("% of AI-value mentions that are stated outright")
    style.grid(axes)
    return Drawn(fig, data, _caption(data))


def _label(row: object) -> str:
    by, name = str(getattr(row, "by", "")), str(getattr(row, "name", ""))
    if by == "all":
        return "all AI values"
    return words(name) if by == "response_type" else name


def _caption(data: pd.DataFrame) -> str:
    overall = data[data["by"] == "all"]
    sentence = ""
    if len(overall):
        row = overall.iloc[0]
        sentence = f" Overall {percent(row['share'])} % of n = {count(row['n_base'])} mentions."
    return (
        "AI values stated outright, as a share of all mentions of AI values, by response type (blue) and by top-level "
        f"cluster (green), with 95 % Wilson intervals.{sentence}"
    )
