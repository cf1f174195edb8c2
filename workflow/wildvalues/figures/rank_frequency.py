"""Figure: how unequal values are: frequency against rank."""

from __future__ import annotations

import pandas as pd

from wildvalues.figures import marks, style
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.wording import count, facet_words, percent

COLUMNS = ["facet", "rank", "node_id", "name", "n_conversations", "share"]


def make(material: Material) -> Drawn:
    """Draw the rank-frequency curves of AI and human values on logarithmic axes."""
    sides = {}
    for facet in ("ai_values", "human_values"):
        side = material.nodes(facet, 0)
        sides[facet] = side.assign(rank=range(1, len(side) + 1))[COLUMNS]
    data = pd.concat(list(sides.values())).reset_index(drop=True)
    if data.empty:
        return Drawn.nothing("No value occurs in enough conversations to be published.", COLUMNS)
    fig = style.figure(2.9)
    axes = marks.place(fig, 0.65, 0.5, style.TEXT_WIDTH - 0.8, 2.25)
    for facet, colour, marker in (("ai_values", style.AI, "o"), ("human_values", style.HUMAN, "^")):
        side = sides[facet]
        if side.empty:
            continue
        axes.plot(
            side["rank"],
            side["n_conversations"].astype(float),
            marker=marker,
            markersize=3,
            linewidth=0.7,
            color=colour,
            label=f"{facet_words(facet)} ({count(len(side))})",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda x, _: count(x) if x >= 1 else "")
        axis.set_minor_formatter(lambda _x, _: "")
    axes.set_xlim(0.9, max(10.0, len(data) * 1.1))
    axes.set_ylim(0.8, max(10.0, float(data["n_conversations"].max()) * 1.4))
    axes.set_xlabel("rank of the value")
    axes.set_ylabel("conversations")
    style.grid(axes, "both")
    axes.legend(loc="upper right")
    return Drawn(fig, data, _caption(sides))


def _caption(sides: dict[str, pd.DataFrame]) -> str:
    parts = []
    for facet, side in sides.items():
        if len(side):
            head = side["n_conversations"].head(10).sum() / side["n_conversations"].sum()
            parts.append(
                f"the {min(10, len(side))} most frequent of {count(len(side))} {facet_words(facet)} make up "
                f"{percent(float(head))} % of the published occurrences"
            )
    return (
        f"Rank and frequency on logarithmic axes: {'; '.join(parts)}. Values under the publication threshold are "
        "not drawn, which cuts the tail."
    )
