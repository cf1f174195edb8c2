"""Figure: the instrument held against gold labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from wildvalues.figures import marks, style
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.results import records
from wildvalues.wording import FACETS, count, facet_words, words

COLUMNS = ["facet", "measure", "n", "value", "value_low", "value_high"]
# Proportions and chance-corrected agreement; other numbers of validation.json are counts.
MEASURES = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "macro_f1",
    "kappa",
    "chance_f1",
    "chance_accuracy",
)
NO_GOLD = "No gold label covers a conversation of this study, so the instrument's accuracy on it is not known."


def measure_words(facet: str, measure: str) -> str:
    """Name a measure: of a list of values, accuracy and kappa say whether any value was rightly found at all."""
    name = words(measure).replace("f1", "F1")
    if measure.startswith("chance_"):
        return f"{name.removeprefix('chance ')} by chance"
    if facet in ("ai_values", "human_values") and measure in ("accuracy", "kappa"):
        return f"{name} of any at all"
    return name


def measured(validation: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row for each facet and measure of ``validation.json``, with its interval where it has one.

    A facet is a nested object that counts its conversations in `n` and may bound a measure with ``<measure>_low``
    and ``<measure>_high``.
    """
    rows = []
    for facet in [*FACETS, *sorted(set(validation) - set(FACETS))]:
        section = validation.get(facet)
        if not isinstance(section, Mapping):
            continue
        for measure in MEASURES:
            if section.get(measure) is None:
                continue
            value = float(section[measure])
            low, high = section.get(f"{measure}_low"), section.get(f"{measure}_high")
            rows.append(
                {
                    "facet": facet,
                    "measure": measure,
                    "n": section.get("n"),
                    "value": value,
                    "value_low": value if low is None else float(low),
                    "value_high": value if high is None else float(high),
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def make(material: Material) -> Drawn:
    """Draw every measure of agreement between instrument and gold labels, facet by facet."""
    data = measured(material.validation)
    if data.empty:
        return Drawn.nothing(NO_GOLD, COLUMNS)
    inner = len(data) * 0.2
    fig = style.figure(inner + 0.6)
    label = 2.3
    axes = marks.place(fig, label + 0.05, 0.45, style.TEXT_WIDTH - label - 0.25, inner)
    facets = list(dict.fromkeys(data["facet"]))
    colours = [style.PALETTE[facets.index(facet) % len(style.PALETTE)] for facet in data["facet"]]
    marks.intervals(axes, data, "value", colour=colours, scale=1)
    marks.rows(
        axes,
        [f"{facet_words(row.facet)}: {measure_words(row.facet, row.measure)}" for row in records(data)],
        label,
    )
    for i in range(1, len(data)):
        if data["facet"].iloc[i] != data["facet"].iloc[i - 1]:
            axes.axhline(i - 0.5, color=style.RULE, linewidth=0.6)
    axes.set_xlim(min(0.0, float(data["value_low"].min()) * 1.05), 1.02)
    axes.set_xlabel("agreement with gold labels (1 is perfect)")
    style.grid(axes)
    sizes = data.drop_duplicates("facet")
    bases = ", ".join(f"{facet_words(row.facet)} n = {count(row.n)}" for row in records(sizes))
    caption = (
        f"The instrument against gold labels ({bases}), with 95 % intervals where they are known. Precision: share of "
        "the instrument's values that the labels hold too; recall: share of the labels' values that the instrument "
        "found; kappa is corrected for chance; by chance: what labels of other conversations score."
    )
    return Drawn(fig, data, caption)
