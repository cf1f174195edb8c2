"""Figure: which values hold across tasks and which belong to a few, against what chance gives."""

from __future__ import annotations

from typing import Any

import pandas as pd

from wildvalues.figures import marks, style
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.wording import count

POOL, EACH = 40, 10
COLUMNS = [
    "part",
    "node_id",
    "name",
    "n_conversations",
    "n_contexts",
    "mean_rate",
    "cv",
    "cv_low",
    "cv_high",
    "cv_expected",
]


def chosen(material: Material, each: int = EACH) -> pd.DataFrame:
    """Return the `each` steadiest and `each` most varying of the `POOL` most frequent AI values.

    Contexts are the task clusters of the level that has most of them.
    """
    table = material.tables["variation"]
    table = table[(table["facet"] == "ai_values") & (table["level"] == 0) & table["cv"].notna()]
    if table.empty:
        return table.assign(part="")
    contexts = table.groupby("context_level")["n_contexts"].max()
    sizes: dict[Any, Any] = contexts.to_dict()
    level = min(sizes, key=lambda key: (-sizes[key], key))
    table = table[table["context_level"] == level]
    table = table.sort_values(["n_conversations", "name", "node_id"], ascending=[False, True, True], kind="stable")
    table = table.head(POOL).sort_values(["cv", "name", "node_id"], kind="stable")
    each = min(each, (len(table) + 1) // 2)
    low, high = table.head(each).assign(part="steady"), table.tail(len(table) - each).tail(each).assign(part="varying")
    chosen_rows: pd.DataFrame = pd.concat([low, high])
    return chosen_rows


def make(material: Material) -> Drawn:
    """Draw coefficients of variation with intervals and their level of chance."""
    data = chosen(material)
    if data.empty:
        return Drawn.nothing(
            "Variation across tasks cannot be shown: fewer than two kinds of task are large enough.", COLUMNS
        )
    inner = len(data) * marks.ROW
    fig = style.figure(inner + 0.85)
    label = 1.75
    axes = marks.place(fig, label + 0.05, 0.45, style.TEXT_WIDTH - label - 0.25, inner)
    colours = [style.AI if part == "steady" else style.PALETTE[4] for part in data["part"]]
    marks.intervals(axes, data, "cv", colour=colours, scale=1)
    axes.scatter(
        data["cv_expected"].to_numpy(float),
        range(len(data)),
        marker="|",
        s=60,
        color=style.CHANCE,
        linewidths=1.3,
        zorder=4,
        label="level of chance for a value this rare",
    )
    marks.rows(axes, list(data["name"]), label)
    marks.limit(axes, float(data[["cv_high", "cv", "cv_expected"]].max().max()), 0.5)
    axes.set_xlabel("coefficient of variation of the value's rate across kinds of task")
    style.grid(axes)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1)
    if {"steady", "varying"} <= set(data["part"]):
        axes.axhline(float((data["part"] == "steady").sum()) - 0.5, color=style.RULE, linewidth=0.6)
    return Drawn(fig, data[COLUMNS].reset_index(drop=True), _caption(data))


def _caption(data: pd.DataFrame) -> str:
    steady, varying = (data["part"] == "steady").sum(), (data["part"] == "varying").sum()
    return (
        f"Variation across n = {count(data['n_contexts'].max())} kinds of task: of the {POOL} most frequent AI values, "
        f"the {count(steady)} steadiest (blue) and the {count(varying)} most bound to some tasks (orange). Lines: "
        "95 % intervals. Grey ticks: the coefficient that chance alone would give a value this rare; a point on its "
        "tick says nothing about tasks."
    )
