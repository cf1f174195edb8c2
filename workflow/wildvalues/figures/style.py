"""The look of every figure, in one place: size, type, colours.

Type is STIX, which matplotlib bundles and which sits with the Times of the paper; it covers accented Latin,
Greek and Cyrillic, so that names in many languages can be set without a font of the machine. DejaVu, bundled
too, fills in what STIX lacks. Colours are those of Okabe and Ito (2008), told apart by colour-blind readers;
response types run from blue (support) to red (resistance) through grey.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

TEXT_WIDTH = 6.3  # inches; the text block of the paper
SMALL, NORMAL = 7.5, 8.5  # points
FAMILY = ("STIXGeneral", "DejaVu Sans")

INK = "#1a1a1a"
FAINT = "#6b6b6b"
RULE = "#c8c8c8"
PANEL = "#f3f3f1"
AI = "#0072b2"
HUMAN = "#d55e00"
CHANCE = "#6b6b6b"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5c1e", "#5b5b5b")
RESPONSE_COLOURS = {
    "strong_support": "#1f5fa6",
    "mild_support": "#7fb2dc",
    "neutral_acknowledgment": "#b9b9b9",
    "reframing": "#e3b23c",
    "mild_resistance": "#ec9a6d",
    "strong_resistance": "#b3282d",
    "no_values": "#e6e6e6",
}

_RC: dict[Any, Any] = {
    "font.family": list(FAMILY),
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.titleweight": "normal",
    "axes.labelsize": NORMAL,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    # A value called "$x$" is text, not mathematics.
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "mathtext.fontset": "stix",
    "savefig.dpi": 300,
    "savefig.facecolor": "white",
    "figure.facecolor": "white",
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "wildvalues",
    "path.simplify": False,
}


@contextlib.contextmanager
def applied() -> Iterator[None]:
    """Draw and save inside this block: a user's own matplotlib settings have no say in it."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.use("agg", force=False)
        mpl.rcParams.update(_RC)
        yield


def figure(height: float, width: float = TEXT_WIDTH) -> Figure:
    """Return an empty figure of `width` x `height` inches."""
    return Figure(figsize=(width, height))


def notice(message: str) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    fig = figure(1.0)
    write_notice(fig.add_axes((0.0, 0.0, 1.0, 1.0)), message)
    return fig


def write_notice(axes: Axes, message: str, width: float = TEXT_WIDTH - 0.6) -> None:
    """Turn `axes` into a quiet panel that says why it is empty."""
    from wildvalues.figures.text import wrap

    axes.set_axis_off()
    axes.text(
        0.5,
        0.5,
        wrap(message, width, NORMAL, lines=6),
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=FAINT,
        fontsize=NORMAL,
    )


def grid(axes: Axes, axis: str = "x") -> None:
    """Draw faint grid lines behind the data along one axis."""
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis=axis, color=RULE, linewidth=0.4)  # type: ignore[arg-type]
