"""How the instrument errs: for each label of the gold standard, what the instrument called it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from wildvalues.figures import marks, style
from wildvalues.figures.accuracy import NO_GOLD
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.tables import RESPONSE_TYPES
from wildvalues.wording import count, percent, words

COLUMNS = ["facet", "gold", "found", "n", "share"]
# Facet -> its labels in the order shown, and the title.
_SHOWN: Mapping[str, tuple[Sequence[str], str]] = {
    "subjectivity": (("subjective", "factual"), "Subjective?"),
    "human_values": (("some", "none"), "Any human value?"),
    "response_type": (RESPONSE_TYPES, "Response type"),
}
_COUNT = re.compile(r"n_gold_(.+)_found_(.+)")
# Left, bottom, width and height in inches; cells of all tables are equally wide.
_PLACES = {
    "subjectivity": (1.2, 3.4, 1.28, 0.62),
    "human_values": (4.1, 3.4, 1.28, 0.62),
    "response_type": (1.2, 0.4, 4.48, 2.17),
}
# Darker than this a cell needs white figures.
_DARK = 0.55


def make(material: Material) -> Drawn:
    """Draw a confusion table for each facet with a closed set of labels, each row in per cent of its gold label."""
    data = confusions(material.validation)
    if data.empty:
        return Drawn.nothing(NO_GOLD, COLUMNS)
    fig = style.figure(4.35)
    present = [facet for facet in _PLACES if (data["facet"] == facet).any()]
    for facet in present:
        _draw(fig, _PLACES[facet], data[data["facet"] == facet], facet)
    sizes = data.groupby("facet", sort=False)["n"].sum()
    bases = ", ".join(f"{words(facet)} n = {count(sizes[facet])}" for facet in present)
    caption = (
        f"How the instrument errs ({bases}). Rows: the gold label, with its conversations; columns: what was "
        "found; figures and shading: per cent of the row. A perfect instrument has 100 on the diagonal."
    )
    return Drawn(fig, data, caption)


def confusions(validation: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row for each pair of gold label and found label that occurs, facets and labels in their order."""
    rows = []
    for facet, (labels, _) in _SHOWN.items():
        section = validation.get(facet)
        if not isinstance(section, Mapping):
            continue
        for key, number in section.items():
            pair = _COUNT.fullmatch(key)
            if pair and {pair[1], pair[2]} <= set(labels):
                rows.append({"facet": facet, "gold": pair[1], "found": pair[2], "n": int(number)})
    data = pd.DataFrame(rows, columns=COLUMNS[:4])
    data["share"] = data["n"] / data.groupby(["facet", "gold"])["n"].transform("sum")
    order = {label: number for labels, _ in _SHOWN.values() for number, label in enumerate(labels)}
    facets = {facet: number for number, facet in enumerate(_SHOWN)}
    keys = {"facet": facets, "gold": order, "found": order}
    return data.sort_values(list(keys), key=lambda column: column.map(keys[str(column.name)])).reset_index(drop=True)


def _draw(fig: Figure, place: tuple[float, float, float, float], data: pd.DataFrame, facet: str) -> None:
    labels, title = _SHOWN[facet]
    shares = data.pivot_table(index="gold", columns="found", values="share", aggfunc="sum")
    grid = shares.reindex(index=list(labels), columns=list(labels)).fillna(0.0).to_numpy()
    sizes = data.groupby("gold")["n"].sum()
    axes = marks.place(fig, *place)
    axes.imshow(grid, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(grid.shape):
        if grid[row, column] > 0:
            axes.text(
                column,
                row,
                percent(float(grid[row, column]), 0),
                ha="center",
                va="center",
                fontsize=style.SMALL,
                color="white" if grid[row, column] > _DARK else style.INK,
            )
    names = [words(label).replace("acknowledgment", "ack.") for label in labels]
    axes.set_yticks(range(len(labels)))
    axes.set_yticklabels(
        [f"{name} ({count(sizes.get(label, 0))})" for name, label in zip(names, labels, strict=True)],
        fontsize=style.SMALL,
    )
    axes.set_xticks(range(len(labels)))
    axes.set_xticklabels([name.replace(" ", "\n") for name in names], fontsize=style.SMALL)
    axes.tick_params(length=0)
    axes.set_title(title, loc="left", fontsize=style.NORMAL)
    axes.annotate("found", (1, 0), (2, -5), "axes fraction", "offset points", color=style.FAINT, fontsize=style.SMALL)
    axes.annotate(
        "gold", (0, 1), (-5, 4), "axes fraction", "offset points", ha="right", color=style.FAINT, fontsize=style.SMALL
    )
    axes.spines[:].set_visible(False)
