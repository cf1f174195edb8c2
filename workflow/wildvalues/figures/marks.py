"""Marks that several figures share: rows of points with intervals, labels beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wildvalues.figures import style, text

ROW = 0.185  # inches between two rows of labelled points


def place(fig: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place given in inches."""
    w, h = fig.get_size_inches()
    return fig.add_axes((left / w, bottom / h, width / w, height / h))


def rows(axes: Axes, labels: Sequence[str], room: float, size: float = style.SMALL) -> None:
    """Label rows 0, 1, ... from the top down; a label has `room` inches to the left of the axes."""
    axes.set_yticks(range(len(labels)))
    axes.set_yticklabels([text.elide(label, room, size) for label in labels], fontsize=size)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def intervals(
    axes: Axes,
    data: pd.DataFrame,
    value: str = "share",
    *,
    colour: str | Sequence[str] = style.AI,
    scale: float = 100,
    offset: float = 0.0,
    marker: str = "o",
    label: str | None = None,
) -> None:
    """Draw a point and its interval (`<value>_low`, `<value>_high`) on every row."""
    y = np.arange(len(data)) + offset
    x = data[value].to_numpy(float) * scale
    low, high = data[f"{value}_low"].to_numpy(float) * scale, data[f"{value}_high"].to_numpy(float) * scale
    axes.hlines(y, low, high, color=colour, linewidth=1.1, alpha=0.65, zorder=2)
    axes.scatter(x, y, s=15, color=colour, marker=marker, linewidths=0, zorder=3, label=label)


def limit(axes: Axes, highest: float, floor: float = 1.0) -> None:
    """Start a share axis at zero and leave a little air after the highest value."""
    top = highest if np.isfinite(highest) else floor
    axes.set_xlim(0, max(top * 1.05, floor))
