"""Figure: the AI values most disproportionate in selected tasks and with selected human values."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes

from wildvalues.figures import marks, style, text
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.results import records
from wildvalues.wording import count, decimal

PANELS_A_ROW = 3
_TITLE = 0.3  # inches for two lines of a panel's title
COLUMNS = [
    "column_facet",
    "column_id",
    "column_name",
    "row_id",
    "row_name",
    "observed",
    "expected",
    "column_total",
    "residual",
    "significant",
]


def panels(material: Material, column_facet: str) -> int:
    """Return how many contexts of a facet the figure has panels for: `plot.contexts`, and one row of human values."""
    return material.plot.contexts if column_facet == "task" else max(1, min(PANELS_A_ROW, material.plot.contexts))


def selected(material: Material, column_facet: str, contexts: int) -> pd.DataFrame:
    """Return the rows of the `contexts` most distinctive contexts, the most disproportionate AI values in each.

    The rule: among AI values (level 0) with a positive residual, keep the `plot.values_per_context` highest of
    every context; rank contexts by the mean of those residuals. Contexts are human values, or the finest
    published clusters of tasks (the phrases themselves hardly ever repeat).
    """
    table = material.tables["associations"]
    table = table[(table["row_facet"] == "ai_values") & (table["column_facet"] == column_facet)]
    levels = sorted({int(level) for level in table["column_level"]})
    if not levels:
        return table
    level = levels[1] if column_facet == "task" and levels[0] == 0 and len(levels) > 1 else levels[0]
    table = table[(table["column_level"] == level) & (table["row_level"] == 0) & (table["residual"] > 0)]
    order = ["residual", "row_name", "row_id"]
    table = table.sort_values(order, ascending=[False, True, True], kind="stable")
    table = table.groupby("column_id", sort=False).head(material.plot.values_per_context)
    strength = table.groupby("column_id")["residual"].agg(["mean", "size"])
    # A context with a single published cell would win on one lucky value.
    full = strength["size"] >= min(3, material.plot.values_per_context)
    strength = strength[full] if full.any() else strength
    means = strength["mean"].to_dict()
    best = sorted(strength.index, key=lambda key: (-means[key], str(key)))[:contexts]
    rank = {key: i for i, key in enumerate(best)}
    table = table[table["column_id"].isin(best)]
    return table.assign(rank=table["column_id"].map(rank)).sort_values("rank", kind="stable").drop(columns="rank")


def make(material: Material) -> Drawn:
    """Draw one panel of bars for every selected task cluster and human value."""
    parts = {facet: selected(material, facet, panels(material, facet)) for facet in ("task", "human_values")}
    data = pd.concat(list(parts.values()))
    if data.empty:
        return Drawn.nothing("No pair of AI value and context is frequent enough to be published.", COLUMNS)
    bars = int(data.groupby(["column_facet", "column_id"]).size().max())
    panel = bars * 0.27 + 0.1
    band = panel + _TITLE + 0.25
    bands = {facet: math.ceil(part["column_id"].nunique() / PANELS_A_ROW) for facet, part in parts.items()}
    height = 0.28 + sum(0.28 + rows * band for rows in bands.values() if rows)
    fig = style.figure(height)
    highest = float(data["residual"].max())
    y = height
    for facet, part in parts.items():
        if part.empty:
            continue
        title = "In kinds of task" if facet == "task" else "With a human value"
        y -= 0.28
        fig.text(0.02, (y + 0.12) / height, title, fontweight="bold", va="center")
        for i, (_key, rows) in enumerate(part.groupby("column_id", sort=False)):
            row, column = divmod(i, PANELS_A_ROW)
            left = 0.12 + column * (style.TEXT_WIDTH - 0.1) / PANELS_A_ROW
            axes = marks.place(fig, left, y - (row + 1) * band + 0.25, style.TEXT_WIDTH / PANELS_A_ROW - 0.2, panel)
            _panel(axes, rows, style.AI if facet == "task" else style.HUMAN, highest, bars, _threshold(part, material))
        y -= bands[facet] * band
    fig.text(0.5, 0.12 / height, "adjusted Pearson residual", ha="center", fontsize=style.NORMAL)
    return Drawn(fig, data[COLUMNS].reset_index(drop=True), _caption(parts, material))


def _panel(axes: Axes, rows: pd.DataFrame, colour: str, highest: float, bars: int, threshold: float | None) -> None:
    room = style.TEXT_WIDTH / PANELS_A_ROW - 0.25
    size = f"(n = {count(rows['column_total'].iloc[0])})"
    title = text.wrap(f"{rows['column_name'].iloc[0]} {size}", room, style.NORMAL)
    if not title.endswith(size):
        title = f"{text.wrap(str(rows['column_name'].iloc[0]), room, style.NORMAL, lines=1)}\n{size}"
    axes.set_title(title, loc="left", pad=3, linespacing=1.05)
    for i, row in enumerate(records(rows)):
        axes.barh(
            i + 0.22, row.residual, height=0.36, color=colour, alpha=0.9 if row.significant else 0.35, linewidth=0
        )
        if threshold is not None and threshold < highest * 1.04:
            axes.vlines(threshold, i + 0.0, i + 0.44, color=style.INK, linewidth=0.7)
        number = decimal(row.residual, 1)
        axes.text(highest * 1.04, i - 0.2, number, va="center", ha="right", fontsize=style.SMALL, color=style.FAINT)
        axes.text(
            0, i - 0.2, text.elide(str(row.row_name), room - 0.35, style.SMALL), va="center", fontsize=style.SMALL
        )
    axes.set_xlim(0, highest * 1.04)
    axes.set_ylim(bars - 0.45, -0.5)
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=6.5)


def _threshold(rows: pd.DataFrame, material: Material) -> float | None:
    if rows.empty:
        return None
    tests = material.tables["association_tests"]
    keys = ["row_facet", "row_level", "column_facet", "column_level"]
    for key in keys:
        tests = tests[tests[key] == rows[key].iloc[0]]
    return None if tests.empty else float(tests["threshold"].iloc[0])


def _caption(parts: dict[str, pd.DataFrame], material: Material) -> str:
    bounds = [
        f"{decimal(bound)} for {label}"
        for facet, label in (("task", "kinds of task"), ("human_values", "human values"))
        if (bound := _threshold(parts[facet], material)) is not None
    ]
    missing = [
        label for facet, label in (("task", "kind of task"), ("human_values", "human value")) if parts[facet].empty
    ]
    absent = f" No {' and no '.join(missing)} had enough conversations for a panel." if missing else ""
    line = f" Upright lines: the Bonferroni bound ({', '.join(bounds)})." if bounds else ""
    n = count(pd.concat(list(parts.values()))["n"].max())
    return (
        f"The {material.plot.values_per_context} most disproportionate AI values (n = {n} conversations). Panels are "
        "chosen by rule: the contexts whose highest adjusted Pearson residuals have the greatest mean. Full colour: "
        f"significant after Bonferroni correction; pale: not.{line}{absent}"
    )
