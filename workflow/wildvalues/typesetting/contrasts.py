"""How unequal values are, and where models, stated mentions and the two sides differ within matched tasks."""

from __future__ import annotations

from typing import Any

import pandas as pd

from wildvalues.results import records
from wildvalues.typesetting.latex import Column, elided, escape, table, wide
from wildvalues.typesetting.study import Study
from wildvalues.wording import count, decimal, enumeration, percent, words

# Rows of one comparison in the table, and examples of it in a sentence.
ROWS, NAMED = 6, 3
# Of two groups that mirror one another only the first is shown.
SHOWN_GROUP = {"stated": "stated", "side": "ai"}
KINDS = {
    ("model", "task"): "Models, within kinds of task",
    ("model", "prompt"): "Models, within the same first message",
    ("stated", "task"): "Stated outright rather than demonstrated, within kinds of task",
    ("side", "task"): "On the AI side rather than the human one, within kinds of task",
}


def macros(study: Study) -> dict[str, str]:
    """Return macro name -> LaTeX."""
    measured = study.tables["concentration"]
    measured = measured[(measured["facet"] == "ai_values") & (measured["level"] == 0)]
    of = {row.measure: row for row in records(measured)}
    found = {
        "Gini": _bounded(of.get("gini")),
        "Effective": _bounded(of.get("effective_number"), 0),
        "TopTenShare": escape(percent(of["top_10"].value)) if "top_10" in of else "",
        "Exponent": _bounded(of.get("exponent")),
        "TailFrom": count(of["tail_from"].value) if "tail_from" in of else "",
        "NearUniversal": escape(percent(study.params.analyze.near_universal, 0)),
    }
    for kind, name in ((("model", "task"), "Matched"), (("model", "prompt"), "Prompt")):
        rows = _compared(study, *kind)
        significant = rows[rows["significant"] == 1]
        found |= {
            f"{name}Tests": count(len(rows)),
            f"{name}Significant": count(len(significant)),
            f"{name}Examples": enumeration([_example(row, row.group_id) for row in records(rows.head(NAMED))]),
        }
    prompts = _compared(study, "model", "prompt")["n_strata"]
    found["Prompts"] = count(prompts.max() if len(prompts) else None)
    for comparison, more, less in (("stated", "StatedMore", "DemonstratedMore"), ("side", "AiMore", "HumanMore")):
        rows = _compared(study, comparison, "task")
        up = rows["odds_ratio"] > 1
        found[more] = enumeration([_example(row) for row in records(rows[up].head(NAMED))])
        found[less] = enumeration([_example(row) for row in records(rows[~up].head(NAMED))])
    return found


def flags(study: Study) -> dict[str, bool]:
    """Return switch name -> whether the study has the thing."""
    measures = study.tables["concentration"].query("facet == 'ai_values' and level == 0")["measure"]
    stated, side = (_compared(study, kind, "task")["odds_ratio"] for kind in ("stated", "side"))
    return {
        "HasConcentration": bool((measures == "top_10").any()),
        "HasTail": bool((measures == "exponent").any()),
        "HasMatched": len(_compared(study, "model", "task")) > 0,
        "HasPrompts": len(_compared(study, "model", "prompt")) > 0,
        "HasStated": bool((stated > 1).any() and (stated <= 1).any()),
        "HasSides": bool((side > 1).any() and (side <= 1).any()),
    }


def strongest(study: Study) -> str:
    """Return the table of the clearest differences of each comparison."""
    columns = [
        *(Column("in", wide(0.3)), Column("group", wide(0.2)), Column("n"), Column("crude")),
        *(Column("odds ratio"), Column("95 % interval"), Column("points")),
    ]
    cells: list[list[str]] = []
    heads: list[int] = []
    for (comparison, design), title in KINDS.items():
        rows = _compared(study, comparison, design).head(ROWS)
        if rows.empty:
            continue
        heads.append(len(cells))
        cells.append([rf"\multicolumn{{{len(columns)}}}{{@{{}}l@{{}}}}{{\textbf{{{escape(title)}}}}}"])
        for row in records(rows):
            mark = r"\rlap{\textsuperscript{*}}" if row.significant == 1 else ""
            cells.append(
                [
                    r"\leftskip=1em\relax{}" + _outcome(row),
                    elided(str(row.group_id), 30),
                    count(row.n_conversations),
                    escape(decimal(row.odds_crude)),
                    escape(decimal(row.odds_ratio)) + mark,
                    escape(f"{decimal(row.odds_low)}–{decimal(row.odds_high)}"),
                    escape(decimal(100 * row.difference, 1)),
                ]
            )
    absent = "No comparison of groups has counts large enough to test and to publish."
    return table(columns, cells, absent, across_pages=True, heads=frozenset(heads))


def _compared(study: Study, comparison: str, design: str) -> pd.DataFrame:
    """Return the tested values and response types of one comparison, the clearest difference first."""
    rows = study.tables["contrasts"]
    rows = rows[(rows["comparison"] == comparison) & (rows["design"] == design)]
    rows = rows[(rows["level"] == 0) & rows["p"].notna() & rows["odds_ratio"].notna()]
    if comparison in SHOWN_GROUP:
        rows = rows[rows["group_id"] == SHOWN_GROUP[comparison]]
    return rows.sort_values(["p", "facet", "node_id", "group_id"], kind="stable")


def _outcome(row: Any) -> str:
    return escape(words(row.name)) if row.facet == "response_type" else elided(row.name)


def _example(row: Any, group: str | None = None) -> str:
    by = rf" by {escape(group)}" if group else ""
    interval = escape(f"{decimal(row.odds_low, 1)}–{decimal(row.odds_high, 1)}")
    return rf"\textit{{{_outcome(row)}}}{by} ({escape(decimal(row.odds_ratio, 1))}, {interval})"


def _bounded(row: Any | None, digits: int = 2) -> str:
    if row is None:
        return ""
    bounds = escape(f"{decimal(row.value_low, digits)}–{decimal(row.value_high, digits)}")
    return f"{escape(decimal(row.value, digits))} ({bounds})"
