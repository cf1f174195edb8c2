"""Figure: how often a reply shows the very value its user states, against chance."""

from __future__ import annotations

import pandas as pd

from wildvalues.figures import marks, style
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.tables import RESPONSE_TYPES
from wildvalues.wording import count, percent, words

COLUMNS = [
    "matched",
    "response_type",
    "n_conversations",
    "n_base",
    "share",
    "share_low",
    "share_high",
    "expected",
]


def make(material: Material) -> Drawn:
    """Draw mirroring by response type: the same value, and the same cluster, beside the level of chance."""
    data = material.tables["mirroring"]
    data = data[data["n_base"].fillna(0) > 0]
    if data.empty:
        return Drawn.nothing(
            "Mirroring cannot be shown: too few conversations hold a value that the user states.", COLUMNS
        )
    order = ["all", *RESPONSE_TYPES]
    kinds = [kind for kind in order if (data["response_type"] == kind).any()]
    kinds += sorted(set(data["response_type"]) - set(kinds))
    panels = ["value", *sorted(set(data["matched"]) - {"value"})][:3]
    panels = [panel for panel in panels if (data["matched"] == panel).any()]
    data = data[data["matched"].isin(panels)]
    inner = len(kinds) * 0.22
    fig = style.figure(inner + 0.95)
    label = 1.4
    panel_width = (style.TEXT_WIDTH - label - 0.1) / len(panels) - 0.15
    for i, panel in enumerate(panels):
        part = data[data["matched"] == panel].set_index("response_type").reindex(kinds).reset_index()
        axes = marks.place(fig, label + 0.05 + i * (panel_width + 0.15), 0.62, panel_width, inner)
        axes.set_title(_panel(panel), loc="left")
        marks.intervals(axes, part, colour=style.AI)
        chance = 100 * part["expected"].to_numpy(float)
        axes.scatter(chance, range(len(part)), marker="|", s=70, color=style.HUMAN, linewidths=1.3, zorder=4)
        marks.rows(
            axes,
            ["all types" if kind == "all" else words(kind) for kind in kinds] if i == 0 else [""] * len(kinds),
            label,
        )
        marks.limit(axes, max(100 * data["share_high"].max(), float(100 * data["expected"].fillna(0).max())))
        axes.set_xlabel("% of conversations\nwith a human value")
        style.grid(axes)
    return Drawn(fig, data[COLUMNS].reset_index(drop=True), _caption(data))


def _panel(matched: str) -> str:
    return "same value" if matched == "value" else f"same cluster, level {matched.removeprefix('level_')}"


def _caption(data: pd.DataFrame) -> str:
    overall = data[(data["response_type"] == "all") & (data["matched"] == "value")]
    sentence = ""
    if len(overall):
        row = overall.iloc[0]
        sentence = (
            f" Over all types the same value is on both sides in {percent(row['share'])} % of "
            f"n = {count(row['n_base'])} conversations, against {percent(row['expected'])} % by chance."
        )
    return (
        "Mirroring: share of conversations with a human value in which the reply demonstrates the same value (or a "
        "value of the same cluster). Points and lines: share and 95 % Wilson interval; upright orange ticks: share "
        f"when the human sides are shuffled between conversations of one kind of task.{sentence}"
    )
