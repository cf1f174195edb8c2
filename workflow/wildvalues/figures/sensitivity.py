"""Figure: what stays of the tree of AI values under other seeds, other conversations, other methods and models."""

from __future__ import annotations

from typing import Any

import pandas as pd

from wildvalues.figures import marks, style
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.results import records
from wildvalues.wording import count

FACET = "ai_values"
COLUMNS = ["level", "changed", "runs", "ami", "ami_low", "ami_high"]


def compared(material: Material) -> pd.DataFrame:
    """Return one row for each level and each thing that was changed: mean, lowest and highest agreement."""
    quality, sensitivity = material.tables["quality"], material.tables["sensitivity"]
    quality = quality[(quality["facet"] == FACET)]
    sensitivity = sensitivity[(sensitivity["facet"] == FACET) & (sensitivity["own"] != True)]  # noqa: E712 - nullable
    own = material.tables["sensitivity"]
    own = own[(own["facet"] == FACET) & (own["own"] == True)]  # noqa: E712
    own_choice = next(((row.method, row.model) for row in records(own)), None)
    rows: list[dict[str, Any]] = []
    for level in records(quality.sort_values("level")):
        rows.append(_row(level, "conversations drawn again", None, level.ami_resampled, "ami_resampled"))
        of_level = sensitivity[sensitivity["level"] == level.level]
        for (method, model), runs in sorted(of_level.groupby(["method", "model"]), key=lambda item: item[0]):
            seeds = runs["ami"].dropna()
            name = "seed" if (method, model) == own_choice else f"{_method(method)} of {model}"
            rows.append(
                {
                    "level": level.level,
                    "changed": name,
                    "runs": len(seeds),
                    "ami": seeds.mean(),
                    "ami_low": seeds.min(),
                    "ami_high": seeds.max(),
                }
            )
    table = pd.DataFrame(rows, columns=COLUMNS)
    order = table["changed"].map({"seed": 0, "conversations drawn again": 1}).fillna(2)
    table = table.assign(order=order).sort_values(["level", "order", "changed"], kind="stable")
    known: pd.DataFrame = table[table["ami"].notna()][COLUMNS].reset_index(drop=True)
    return known


def _row(level: Any, name: str, runs: int | None, value: float, column: str) -> dict[str, Any]:
    return {
        "level": level.level,
        "changed": name,
        "runs": runs,
        "ami": value,
        "ami_low": getattr(level, f"{column}_low"),
        "ami_high": getattr(level, f"{column}_high"),
    }


def _method(method: str) -> str:
    return {"kmeans": "k-means", "hdbscan": "HDBSCAN"}.get(method, method)


def make(material: Material) -> Drawn:
    """Draw agreement with the study's own tree, level by level."""
    data = compared(material)
    if data.empty:
        return Drawn.nothing("There is no tree of AI values whose firmness could be measured.", COLUMNS)
    inner = len(data) * marks.ROW
    fig = style.figure(inner + 0.6)
    label = 2.7
    axes = marks.place(fig, label + 0.05, 0.45, style.TEXT_WIDTH - label - 0.25, inner)
    levels = list(dict.fromkeys(data["level"]))
    colours = [style.PALETTE[levels.index(level) % len(style.PALETTE)] for level in data["level"]]
    marks.intervals(axes, data, "ami", colour=colours, scale=1)
    marks.rows(axes, [f"level {row.level}: {row.changed}" for row in records(data)], label)
    for i in range(1, len(data)):
        if data["level"].iloc[i] != data["level"].iloc[i - 1]:
            axes.axhline(i - 0.5, color=style.RULE, linewidth=0.6)
    axes.set_xlim(min(0.0, float(data["ami_low"].min()) * 1.05), 1.02)
    axes.set_xlabel("adjusted mutual information (1: the same tree)")
    style.grid(axes)
    return Drawn(fig, data, _caption(material, data))


def _caption(material: Material, data: pd.DataFrame) -> str:
    quality = material.tables["quality"]
    quality = quality[quality["facet"] == FACET]
    return (
        f"How far the tree of AI values (n = {count(quality['n_values'].max())} values, level 1 the finest) depends on "
        "chance and on choices: agreement of trees built otherwise with the study's own, level by level, corrected for "
        "chance (0). Points: mean; lines: lowest to highest run. Where another seed changes a level as much as this "
        "shows, a value's place in it is no finding; character-ngrams knows nothing but the spelling of names."
    )
