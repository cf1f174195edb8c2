"""Figure: how replies treat users' values, and what goes with support, reframing and resistance."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from wildvalues.figures import marks, style, text
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.results import records
from wildvalues.tables import RESPONSE_TYPES
from wildvalues.wording import count, decimal, facet_words, words

SHOWN = ("strong_support", "reframing", "strong_resistance")
ROWS = ("human_values", "ai_values", "task")
PER_CELL = 5
COLUMNS = [
    "part",
    "denominator",
    "response_type",
    "facet",
    "name",
    "n_conversations",
    "n_base",
    "share",
    "share_low",
    "share_high",
    "residual",
    "significant",
]
_DENOMINATORS = {"subjective": "all subjective conversations", "with_human_value": "those with a human value"}


def make(material: Material) -> Drawn:
    """Draw the distribution of response types above the table of their most associated values and tasks."""
    shares = material.tables["response_types"]
    shares = shares[shares["response_type"].isin(RESPONSE_TYPES)]
    if shares.empty:
        return Drawn.nothing("No response type occurs in enough conversations to be published.", COLUMNS)
    cells = associated(material)
    top, cell = 1.75, 0.16
    body = len(ROWS) * (PER_CELL * cell + 0.12)
    height = 0.3 + top + 0.75 + body + 0.3
    fig = style.figure(height)
    _distribution(marks.place(fig, 1.55, height - 0.3 - top, style.TEXT_WIDTH - 1.75, top), shares)
    _table(marks.place(fig, 0.0, 0.05, style.TEXT_WIDTH, body + 0.25), cells, body + 0.25, cell)
    data = pd.concat([shares.assign(part="distribution"), cells.assign(part="association")])
    return Drawn(fig, data.reindex(columns=COLUMNS).reset_index(drop=True), _caption(shares, cells, material))


def associated(material: Material) -> pd.DataFrame:
    """Return the values and tasks with the highest positive adjusted residual for each shown response type."""
    table = material.tables["associations"]
    table = table[(table["column_facet"] == "response_type") & (table["residual"] > 0)]
    parts: list[pd.DataFrame] = []
    for facet in ROWS:
        levels = sorted({int(level) for level in table.loc[table["row_facet"] == facet, "row_level"]})
        if not levels:
            continue
        # Tasks are phrases that hardly ever repeat, so their finest clusters stand for them.
        level = 0 if facet != "task" or len(levels) == 1 else levels[1] if levels[0] == 0 else levels[0]
        part = table[(table["row_facet"] == facet) & (table["row_level"] == level)]
        part = part.sort_values(["residual", "row_name", "row_id"], ascending=[False, True, True], kind="stable")
        parts.extend(part[part["column_id"] == kind].head(PER_CELL) for kind in SHOWN)
    found = pd.concat(parts) if parts else table.iloc[:0]
    return found.rename(
        columns={"row_facet": "facet", "row_name": "name", "column_id": "response_type", "observed": "n_conversations"}
    )


def _distribution(axes: Axes, shares: pd.DataFrame) -> None:
    kinds = list(RESPONSE_TYPES)
    denominators = [name for name in _DENOMINATORS if (shares["denominator"] == name).any()]
    thickness = 0.36
    for i, denominator in enumerate(denominators):
        part = shares[shares["denominator"] == denominator].set_index("response_type").reindex(kinds)
        y = [j + (i - (len(denominators) - 1) / 2) * thickness for j in range(len(kinds))]
        axes.barh(
            y,
            100 * part["share"].fillna(0),
            height=thickness * 0.92,
            color=[style.RESPONSE_COLOURS[kind] for kind in kinds],
            alpha=1.0 if i == 0 else 0.55,
            hatch=None if i == 0 else "////",
            edgecolor="white" if i else "none",
            linewidth=0,
        )
        axes.hlines(y, 100 * part["share_low"], 100 * part["share_high"], color=style.INK, linewidth=0.8)
    marks.rows(axes, [words(kind) for kind in kinds], 1.45, style.NORMAL)
    marks.limit(axes, 100 * shares["share_high"].max())
    both = "% of conversations (plain: all subjective; hatched: with a human value)"
    axes.set_xlabel(both if len(denominators) > 1 else f"% of {_DENOMINATORS[denominators[0]]}")
    style.grid(axes)


def _table(axes: Axes, cells: pd.DataFrame, height: float, line: float) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, style.TEXT_WIDTH)
    axes.set_ylim(height, 0)
    side, gap = 0.75, 0.06
    column = (style.TEXT_WIDTH - side) / len(SHOWN)
    for j, kind in enumerate(SHOWN):
        left = side + j * column
        colour = style.RESPONSE_COLOURS[kind]
        axes.add_patch(Rectangle((left, 0), column - gap, 0.2, facecolor=colour, linewidth=0))
        dark = kind == "reframing"
        axes.text(
            left + 0.06, 0.1, words(kind), va="center", color=style.INK if dark else "white", fontsize=style.NORMAL
        )
        for i, facet in enumerate(ROWS):
            block = PER_CELL * line + 0.06
            y = 0.25 + i * (block + 0.06)
            axes.add_patch(Rectangle((left, y), column - gap, block, facecolor=colour, alpha=0.14, linewidth=0))
            if j == 0:
                label = "tasks" if facet == "task" else facet_words(facet)
                axes.text(0, y + block / 2, label.replace(" ", "\n"), va="center", fontsize=style.NORMAL)
            found = cells[(cells["facet"] == facet) & (cells["response_type"] == kind)]
            if found.empty:
                axes.text(left + 0.06, y + block / 2, "none to publish", va="center", color=style.FAINT)
            for k, row in enumerate(records(found)):
                weight = style.INK if row.significant else style.FAINT
                at = y + 0.03 + (k + 0.5) * line
                name = text.elide(str(row.name), column - gap - 0.5, style.SMALL)
                axes.text(left + 0.06, at, name, va="center", color=weight, fontsize=style.SMALL)
                axes.text(
                    left + column - gap - 0.06,
                    at,
                    decimal(row.residual, 1),
                    va="center",
                    ha="right",
                    color=weight,
                    fontsize=style.SMALL,
                )


def _caption(shares: pd.DataFrame, cells: pd.DataFrame, material: Material) -> str:
    bases = shares.groupby("denominator")["n_base"].max()
    known = [f"{_DENOMINATORS[name]}, n = {count(bases[name])}" for name in _DENOMINATORS if name in bases.index]
    tests = material.tables["association_tests"]
    tests = tests[tests["column_facet"] == "response_type"]
    bound = [
        f"{decimal(row.threshold)} for {facet_words(str(row.row_facet))}"
        for row in records(tests.drop_duplicates("row_facet"))
        if row.row_facet in ROWS
    ]
    sentence = f" (of frequent pairs, |r| > {', '.join(bound)})" if bound else ""
    grey = int((~cells["significant"].fillna(False).astype(bool)).sum())
    verdicts = (
        f" Black: significant after Bonferroni correction{sentence}; "
        f"grey: not ({count(grey)} of {count(len(cells))} shown)."
        if len(cells)
        else " No pair is frequent enough to be published."
    )
    return (
        f"Response types. Top: share of conversations with 95 % Wilson intervals ({'; '.join(known)}). Bottom: for "
        f"three types, up to {PER_CELL} human values, AI values and task clusters with the highest adjusted Pearson "
        f"residual.{verdicts}"
    )
