"""Figure: the most frequent AI and human values, with intervals."""

from __future__ import annotations

import pandas as pd

from wildvalues.figures import marks, style
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.wording import count, facet_words

COLUMNS = ["facet", "node_id", "name", "n_conversations", "n_base", "share", "share_low", "share_high"]


def make(material: Material) -> Drawn:
    """Draw the `plot.top_values` most frequent values of either side."""
    sides = {facet: material.nodes(facet, 0).head(material.plot.top_values) for facet in ("ai_values", "human_values")}
    data = pd.concat(list(sides.values()))[COLUMNS].reset_index(drop=True)
    if data.empty:
        return Drawn.nothing("No value occurs in enough conversations to be published.", COLUMNS)
    height = max(len(side) for side in sides.values()) * marks.ROW + 0.75
    fig = style.figure(max(height, 1.4))
    label, panel = 1.5, 1.55
    for i, (facet, side) in enumerate(sides.items()):
        inner = max(len(side), 3) * marks.ROW
        axes = marks.place(fig, label + 0.05 + i * style.TEXT_WIDTH / 2, height - 0.3 - inner, panel, inner)
        axes.set_title(facet_words(facet)[:1].upper() + facet_words(facet)[1:], loc="left")
        if side.empty:
            style.write_notice(axes, f"No {facet_words(facet)[:-1]} occurs in enough conversations to be shown.", panel)
            continue
        marks.intervals(axes, side, colour=style.AI if facet == "ai_values" else style.HUMAN)
        marks.rows(axes, list(side["name"]), label)
        marks.limit(axes, 100 * side["share_high"].max())
        axes.set_xlabel("% of subjective conversations")
        style.grid(axes)
    return Drawn(fig, data, _caption(sides))


def _caption(sides: dict[str, pd.DataFrame]) -> str:
    parts = []
    for facet, side in sides.items():
        if side.empty:
            parts.append(f"no {facet_words(facet)[:-1]} could be shown")
        else:
            parts.append(f"{len(side)} {facet_words(facet)} of n = {count(side['n_base'].max())} conversations")
    return (
        f"The most frequent values: {' and '.join(parts)}. Points are the share of subjective conversations in which "
        "a value occurs; lines are 95 % Wilson intervals. AI values may be stated or only demonstrated, human values "
        "are those a user states outright, so the two sides are not on one scale of effort."
    )
