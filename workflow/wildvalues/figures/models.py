"""Figure: response types model by model."""

from __future__ import annotations

import pandas as pd

from wildvalues.figures import marks, style
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.tables import RESPONSE_TYPES
from wildvalues.wording import count, percent, words

MOST = 20
COLUMNS = ["model", "response_type", "n_conversations", "n_base", "share", "share_low", "share_high"]


def make(material: Material) -> Drawn:
    """Draw one stacked bar of response types for each model."""
    data = material.tables["models"]
    data = data[data["response_type"].isin(RESPONSE_TYPES) & (data["n_base"].fillna(0) > 0)]
    sizes = data.groupby("model")["n_base"].max()
    if len(sizes) < 2:
        found = "the logs name no model" if sizes.empty else "the study holds one model only"
        return Drawn.nothing(f"Models cannot be compared: {found}.", COLUMNS)
    names = sorted(sizes.index, key=lambda name: (-int(sizes[name]), name))[:MOST]
    data = data[data["model"].isin(names)]
    inner = len(names) * 0.3
    fig = style.figure(inner + 1.1)
    label = 1.6
    axes = marks.place(fig, label + 0.05, 0.45, style.TEXT_WIDTH - label - 0.2, inner)
    shares = data.pivot_table(index="model", columns="response_type", values="share").reindex(
        index=names, columns=list(RESPONSE_TYPES)
    )
    left = pd.Series(0.0, index=names)
    for kind in RESPONSE_TYPES:
        width = 100 * shares[kind].fillna(0)
        colour = style.RESPONSE_COLOURS[kind]
        axes.barh(range(len(names)), width, left=left, height=0.74, color=colour, label=words(kind), linewidth=0)
        for y, name in enumerate(names):
            if width[name] >= 5:
                ink = "white" if kind in ("strong_support", "strong_resistance") else style.INK
                middle = left[name] + width[name] / 2
                axes.text(middle, y, percent(width[name] / 100, 0), ha="center", va="center", color=ink, fontsize=6.5)
        left = left + width
    marks.rows(axes, [f"{name} (n = {count(sizes[name])})" for name in names], label)
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the model's subjective conversations")
    axes.legend(
        ncols=4, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.3, handlelength=1.0, columnspacing=1.2
    )
    return Drawn(fig, data[COLUMNS].reset_index(drop=True), _caption(names, sizes))


def _caption(names: list[str], sizes: pd.Series) -> str:
    left_out = len(sizes) - len(names)
    more = f" The {count(left_out)} models with fewest conversations are left out." if left_out else ""
    return (
        f"Response types of {count(len(names))} models. Shares are of each model's subjective conversations; a bar "
        "that stops short of the edge has cells too small to publish. Tasks are not matched here, so a difference may "
        f"come from what the models were asked.{more}"
    )
