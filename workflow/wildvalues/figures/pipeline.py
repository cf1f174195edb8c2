"""Figure: the way from logs to results, with what passed and what fell away at every arrow."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from wildvalues.figures import marks, style, text
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.wording import count, percent, plural

COLUMNS = ["step", "what", "passed_on", "set_aside"]
_BOX, _GAP = 0.42, 0.36


@dataclass(frozen=True)
class Step:
    """A box of the schematic, the count on the arrow that leaves it, and what it set aside."""

    step: str
    what: str
    passed_on: str
    set_aside: str


def make(material: Material) -> Drawn:
    """Draw the steps of the study from top to bottom."""
    steps = _steps(material)
    height = len(steps) * _BOX + (len(steps) - 1) * _GAP + 0.2
    fig = style.figure(height)
    axes = marks.place(fig, 0, 0, style.TEXT_WIDTH, height)
    axes.set_axis_off()
    axes.set_xlim(0, style.TEXT_WIDTH)
    axes.set_ylim(height, 0)
    for i, step in enumerate(steps):
        _box(axes, step, 0.1 + i * (_BOX + _GAP), last=i == len(steps) - 1)
    data = pd.DataFrame([vars(step) for step in steps], columns=COLUMNS)
    return Drawn(fig, data, _caption(material))


def _box(axes: Axes, step: Step, top: float, *, last: bool) -> None:
    left, width = 0.5, 3.0
    axes.add_patch(
        FancyBboxPatch(
            (left, top + 0.03),
            width,
            _BOX - 0.06,
            boxstyle="round,pad=0.03,rounding_size=0.06",
            facecolor=style.PANEL,
            edgecolor=style.INK,
            linewidth=0.7,
        )
    )
    axes.text(left + 0.08, top + 0.13, step.step, va="center", fontsize=style.NORMAL, fontweight="bold")
    axes.text(
        left + 0.08,
        top + 0.30,
        text.elide(step.what, width - 0.12, style.SMALL),
        va="center",
        fontsize=style.SMALL,
        color=style.FAINT,
    )
    if step.set_aside:
        middle = top + _BOX / 2
        _arrow(axes, (left + width + 0.03, middle), (left + width + 0.4, middle), style.FAINT)
        axes.text(
            left + width + 0.45,
            middle,
            text.wrap(step.set_aside, style.TEXT_WIDTH - left - width - 0.5, style.SMALL),
            va="center",
            fontsize=style.SMALL,
            color=style.FAINT,
        )
    if not last:
        _arrow(axes, (left + 0.6, top + _BOX + 0.01), (left + 0.6, top + _BOX + _GAP - 0.01), style.INK)
        axes.text(left + 0.72, top + _BOX + _GAP / 2, step.passed_on, va="center", fontsize=style.SMALL)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=7, linewidth=0.8, color=colour))


def _steps(material: Material) -> list[Step]:
    def number(stage: str, name: str) -> float:
        return material.metric(stage, name) or 0

    read, drawn = number("ingest", "conversations"), number("sample", "conversations")
    subjective, annotated = number("screen", "subjective"), number("extract", "conversations")
    duplicates, judged = number("sample", "duplicates"), number("screen", "conversations")
    users = number("sample", "users")
    values = {facet: number("canonicalize", f"values_{facet}") for facet in ("ai_values", "human_values", "task")}
    tree = material.levels("ai_values")
    published = {facet: len(material.nodes(facet, 0)) for facet in values}
    rejects = number("ingest", "rejected")
    kept = f"{percent(subjective / judged) if judged else percent(None)} % of those judged"
    return [
        Step("Logs", "read into one table of conversations", plural(read, "conversation"),
             f"{plural(rejects, 'item')} not readable" if rejects else ""),
        Step("Sample", "duplicates removed, then drawn by seed",
             plural(drawn, "conversation") + (f" of {plural(users, 'user')}" if users else ""),
             _joined([(duplicates, "duplicate"), (max(0, read - duplicates - drawn), "conversation")], "not drawn")),
        Step("Redact", "personal data masked before any model reads it", plural(drawn, "conversation"),
             f"{plural(number('redact', 'redactions'), 'passage')} masked"),
        Step("Screen", "is judgement called for?", f"{plural(subjective, 'subjective conversation')} ({kept})",
             _joined([(max(0, judged - subjective), "value-free conversation"),
                      (number("screen", "rejected"), "failure")])),
        Step("Extract", "AI values, human values, response type, task",
             f"{plural(annotated, 'conversation')}: {plural(number('extract', 'ai_values'), 'AI value')}, "
             f"{plural(number('extract', 'human_values'), 'human value')}",
             _joined([(number("extract", "ungrounded"), "value without a quote", "values without a quote"),
                      (number("extract", "rejected"), "failure")])),
        Step("Canonicalize", "one spelling for each value",
             f"{plural(values['ai_values'], 'distinct AI value')}, {count(values['human_values'])} human, "
             f"{plural(values['task'], 'task')}",
             _joined([(number("canonicalize", "merged_ai_values"), "AI spelling merged", "AI spellings merged"),
                      (number("canonicalize", "dropped_ai_values"), "rare AI value dropped",
                       "rare AI values dropped")])),
        Step("Embed, cluster, name", "a hierarchy for each facet",
             "AI values: " + " → ".join(count(len(material.nodes("ai_values", level))) for level in tree)
             + " published nodes" if tree else "no tree", ""),
        Step("Disclose", "only what enough conversations and users share", "",
             f"published: {plural(published['ai_values'], 'AI value')}, {count(published['human_values'])} human"),
    ]  # fmt: skip


def _joined(parts: list[tuple[float, str] | tuple[float, str, str]], tail: str = "") -> str:
    shown = [plural(*part) for part in parts if part[0]]
    return f"{'; '.join(shown)}{' ' + tail if tail and parts[-1][0] else ''}"


def _caption(material: Material) -> str:
    return (
        "The study step by step. Numbers on the arrows are what one step hands to the next, numbers at the side what "
        f"it set aside; n = {count(material.n_subjective)} conversations enter the results."
    )
