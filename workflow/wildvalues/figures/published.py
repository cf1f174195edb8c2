"""Figure: the study's headline figures beside those of the published study."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from wildvalues.figures import marks, style
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.published import Figure
from wildvalues.results import records
from wildvalues.statistics.differences import newcombe
from wildvalues.statistics.intervals import wilson
from wildvalues.taxonomy.spelling import normalise, stem_key
from wildvalues.wording import count, words

COLUMNS = [
    "measure",
    "name",
    "share",
    "share_low",
    "share_high",
    "n_base",
    "published",
    "published_base",
    "published_certain",
    "difference",
    "difference_low",
    "difference_high",
]
_FACETS = {"ai_value": "ai_values", "human_value": "human_values"}
_LABELS = {
    "subjective": "conversations: {}",
    "with_human_value": "subjective: {}",
    "ai_value": "AI value: {}",
    "human_value": "human value: {}",
    "response_type": "response: {}",
    "mirroring": "mirrored under {}",
}


def beside(material: Material) -> pd.DataFrame:
    """Return the published figures with this study's, and the difference with its interval where both are counted.

    A figure that this study does not publish, or does not have, is null.
    """
    rows = []
    for figure in material.published.figures:
        count_, base = _own(material, figure)
        share = count_ / base if base else math.nan
        low, high = wilson(count_, base)
        with_base = figure.base or 0
        gap_low, gap_high = newcombe(count_, base, figure.share * with_base, with_base)
        rows.append(
            {
                "measure": figure.measure,
                "name": figure.name,
                "share": share,
                "share_low": float(low),
                "share_high": float(high),
                "n_base": base or None,
                "published": figure.share,
                "published_base": figure.base,
                "published_certain": figure.certain,
                "difference": share - figure.share,
                "difference_low": float(gap_low),
                "difference_high": float(gap_high),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n_base": "Int64", "published_base": "Int64"})


def _own(material: Material, figure: Figure) -> tuple[float, int]:
    """Return how many of how many conversations; nothing of nothing where that is not published."""
    tables = material.tables
    types = tables["response_types"]
    bases = types.groupby("denominator")["n_base"].max()
    if figure.measure == "subjective":
        return _known(material.metric("screen", "subjective"), material.metric("screen", "conversations"))
    if figure.measure == "with_human_value":
        return _known(bases.get("with_human_value"), bases.get("subjective"))
    if figure.measure == "response_type":
        found = types[(types["denominator"] == "subjective") & (types["response_type"] == figure.name)]
    elif figure.measure == "mirroring":
        rows = tables["mirroring"]
        found = rows[(rows["matched"] == "value") & (rows["response_type"] == figure.name)]
    else:
        nodes = material.nodes(_FACETS[figure.measure], 0)
        key = stem_key(normalise(figure.name))
        found = nodes[[stem_key(str(name)) == key for name in nodes["name"]]] if len(nodes) else nodes
    row: Any = next(records(found), None)
    return (math.nan, 0) if row is None else _known(row.n_conversations, row.n_base)


def _known(count_: float | None, base: float | None) -> tuple[float, int]:
    if count_ is None or base is None or pd.isna(count_) or pd.isna(base) or base < 1:
        return math.nan, 0
    return float(count_), int(base)


def make(material: Material) -> Drawn:
    """Draw this study's shares with intervals, and the published ones as marks."""
    data = beside(material)
    if data.empty:
        return Drawn.nothing("There are no published figures to compare with.", COLUMNS)
    inner = len(data) * marks.ROW
    fig = style.figure(inner + 0.85)
    label = 2.2
    axes = marks.place(fig, label + 0.05, 0.45, style.TEXT_WIDTH - label - 0.25, inner)
    marks.intervals(axes, data, "share", label="this study")
    axes.scatter(
        100 * data["published"].to_numpy(float),
        np.arange(len(data)),
        marker="D",
        s=14,
        facecolors="none",
        edgecolors=[style.HUMAN if sure else style.FAINT for sure in data["published_certain"]],
        linewidths=0.9,
        zorder=4,
        label="published study",
    )
    marks.rows(axes, [_LABELS[row.measure].format(words(row.name)) for row in records(data)], label)
    marks.limit(axes, 100 * float(np.nanmax(data[["share_high", "share", "published"]].to_numpy(float))), 5.0)
    axes.set_xlabel("%")
    style.grid(axes)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1, ncols=2)
    return Drawn(fig, data, _caption(material, data))


def _caption(material: Material, data: pd.DataFrame) -> str:
    source = material.published.source
    missing = int(data["share"].isna().sum())
    absent = f" {count(missing)} of the figures are not published here, or there are none." if missing else ""
    return (
        f"This study (points, with 95 % intervals; n = {count(material.n_subjective)} subjective conversations) beside "
        f"{source.study} (diamonds; {source.corpus}; grey where only secondary sources give the figure). "
        f"{' '.join(material.published.caveat.split())}{absent}"
    )
