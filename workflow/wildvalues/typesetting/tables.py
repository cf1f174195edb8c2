"""The tables of the paper, each a file that the hand-written source reads."""

from __future__ import annotations

from collections.abc import Callable

from wildvalues.figures import associations, variation
from wildvalues.figures.accuracy import measure_words
from wildvalues.results import records
from wildvalues.tables import RESPONSE_TYPES, RESULTS
from wildvalues.typesetting import calls, contrasts, firmness
from wildvalues.typesetting.latex import Column, elided, escape, table, wide
from wildvalues.typesetting.study import Study
from wildvalues.wording import count, decimal, facet_words, percent, words

# Rows of the taxonomy table: whole trees run to thousands of values, which are in the dataset.
_LEAVES_A_CLUSTER = 8


def _values(study: Study, facet: str) -> str:
    rows = study.material.nodes(facet, 0).head(study.params.plot.top_values)
    users = study.has_users
    columns = [Column("value", "X"), Column("conversations"), Column("%"), Column("95 % interval")]
    columns += [Column("by user")] if users else []
    cells = []
    for row in records(rows):
        line = [
            elided(row.name),
            count(row.n_conversations),
            escape(percent(row.share)),
            escape(f"{percent(row.share_low)}–{percent(row.share_high)}"),
        ]
        cells.append(line + ([escape(f"{percent(row.user_low)}–{percent(row.user_high)}")] if users else []))
    return table(columns, cells, f"No {facet_words(facet)[:-1]} is frequent enough to be published.")


def _response_types(study: Study) -> str:
    shares = study.tables["response_types"]
    columns = [Column("response type", "l")]
    bases = [name for name in ("subjective", "with_human_value") if (shares["denominator"] == name).any()]
    for base in bases:
        columns += [Column("n"), Column("% of subjective" if base == "subjective" else "% with a human value")]
        columns += [Column("95 % interval")]
    cells = []
    for kind in RESPONSE_TYPES:
        line = [words(kind)]
        for base in bases:
            row = next(records(shares[(shares["denominator"] == base) & (shares["response_type"] == kind)]), None)
            line += (
                [
                    count(row.n_conversations),
                    escape(percent(row.share)),
                    escape(f"{percent(row.share_low)}–{percent(row.share_high)}"),
                ]
                if row
                else [escape(count(None))] * 3
            )
        cells.append(line)
    return table(columns, cells if bases else [], "No response type is frequent enough to be published.")


def _associations(study: Study) -> str:
    columns = [
        Column("AI value", wide(0.45)),
        Column("n"),
        Column("expected"),
        Column("residual"),
        Column("odds ratio"),
    ]
    cells: list[list[str]] = []
    heads: list[int] = []
    for facet, label in (("task", "Task"), ("human_values", "Human value")):
        rows = associations.selected(study.material, facet, associations.panels(study.material, facet))
        previous = None
        for row in records(rows):
            if row.column_id != previous:
                heads.append(len(cells))
                context = f"{label}: {elided(row.column_name, 80)} ({count(row.column_total)})"
                cells.append([rf"\multicolumn{{{len(columns)}}}{{@{{}}l@{{}}}}{{\textbf{{{context}}}}}"])
            previous = row.column_id
            mark = r"\rlap{\textsuperscript{*}}" if row.significant == 1 else ""
            cells.append(
                [
                    r"\leftskip=1em\relax{}" + elided(row.row_name),
                    count(row.observed),
                    escape(decimal(row.expected, 1)),
                    escape(decimal(row.residual, 1)) + mark,
                    escape(f"{decimal(row.odds_low, 1)}–{decimal(row.odds_high, 1)}"),
                ]
            )
    absent = "No pair is frequent enough to be published."
    return table(columns, cells, absent, across_pages=True, heads=frozenset(heads))


def _variation(study: Study) -> str:
    rows = variation.chosen(study.material)
    cells = [
        [
            elided(row.name),
            count(row.n_conversations),
            escape(decimal(row.cv)),
            escape(f"{decimal(row.cv_low)}–{decimal(row.cv_high)}"),
            escape(decimal(row.cv_expected)),
        ]
        for row in records(rows)
    ]
    columns = [Column("AI value", "X"), Column("conversations"), Column("CV"), Column("95 % interval")]
    columns += [Column("CV by chance")]
    return table(columns, cells, "Fewer than two kinds of task are large enough.")


def _models(study: Study) -> str:
    shares = study.tables["models"]
    sizes = shares.groupby("model")["n_base"].max()
    names = sorted((name for name in sizes.index if sizes[name] > 0), key=lambda name: (-int(sizes[name]), name))
    cells = []
    for name in names if len(names) > 1 else []:
        part = shares[shares["model"] == name].set_index("response_type")["share"]
        cells.append(
            [elided(name, 40), count(sizes[name]), *(escape(percent(part.get(kind))) for kind in RESPONSE_TYPES)]
        )
    short = ("support+", "support", "neutral", "reframing", "resistance", "resistance+", "none")
    columns = [Column("model", "X"), Column("n"), *(Column(name) for name in short)]
    return table(columns, cells, "There are not two models to compare.")


def _mirroring(study: Study) -> str:
    rows = study.tables["mirroring"]
    rows = rows[rows["n_base"].fillna(0) > 0]
    order = {kind: i for i, kind in enumerate(("all", *RESPONSE_TYPES))}
    rows = rows.assign(
        rank=rows["response_type"].map(lambda kind: order.get(kind, len(order))), side=rows["matched"] != "value"
    ).sort_values(["side", "matched", "rank", "response_type"], kind="stable")
    cells = [
        [
            "same value" if row.matched == "value" else "same cluster, level " + row.matched.removeprefix("level_"),
            "all" if row.response_type == "all" else escape(words(row.response_type)),
            count(row.n_base),
            escape(percent(row.share)),
            escape(f"{percent(row.share_low)}–{percent(row.share_high)}"),
            escape(percent(row.expected)),
        ]
        for row in records(rows)
    ]
    columns = [Column("match", "l"), Column("response type", "l"), Column("n"), Column("%"), Column("95 % interval")]
    return table([*columns, Column("% by chance")], cells, "Too few conversations hold a human value.")


def _validation(study: Study) -> str:
    cells = [
        [
            facet_words(row.facet),
            measure_words(row.facet, row.measure),
            count(row.n),
            escape(decimal(row.value)),
            escape(f"{decimal(row.value_low)}–{decimal(row.value_high)}" if row.value_high > row.value_low else "–"),
        ]
        for row in records(study.agreement)
    ]
    columns = [Column("facet", "l"), Column("measure", "l"), Column("n"), Column("value"), Column("95 % interval")]
    return table(columns, cells, "No gold label covers a conversation of this study.")


def _corrected(study: Study) -> str:
    cells = []
    for facet, title in (
        ("subjectivity", "subjective?"),
        ("response_type", "response type"),
        ("human_values", "any human value?"),
    ):
        shares = study.validation.get(facet, {}).get("shares", {})
        for label, share in shares.items():
            open_still = share["corrected"] is None
            interval = f"{percent(share['corrected_low'])}–{percent(share['corrected_high'])}"
            cells.append(
                [
                    title,
                    escape(words(label)),
                    escape(percent(share["found"])),
                    "open" if open_still else escape(percent(share["corrected"])),
                    escape("–" if open_still else interval),
                ]
            )
    columns = [Column("facet", "l"), Column("label", "l"), Column("% found"), Column("% corrected")]
    return table([*columns, Column("95 % interval")], cells, "No gold label covers a conversation of this study.")


def _disclosure(study: Study) -> str:
    cells = []
    for name in RESULTS:
        published, withheld = study.disclosure.get(f"published_{name}"), study.disclosure.get(f"suppressed_{name}")
        if published is not None or withheld is not None:
            cells.append([words(name), escape(count(published)), escape(count(withheld))])
    columns = [Column("table", "l"), Column("rows published"), Column("rows suppressed")]
    return table(columns, cells, "The disclosure report counts no table.")


def _taxonomy(study: Study) -> str:
    tree = study.tables["taxonomy"]
    tree = tree[tree["facet"] == "ai_values"]
    tree = tree.sort_values(["n_mentions", "name", "node_id"], ascending=[False, True, True], kind="stable")
    levels = sorted({int(level) for level in tree["level"]}, reverse=True)
    children: dict[str | None, list[object]] = {}
    for row in records(tree):
        children.setdefault(row.parent_id, []).append(row)
    cells: list[list[str]] = []
    heads: list[int] = []

    def visit(parent: str | None, depth: int) -> None:
        rows = [row for row in children.get(parent, []) if getattr(row, "level", 0) > 0]
        for row in rows:
            name, node = str(getattr(row, "name", "")), str(getattr(row, "node_id", ""))
            leaves = [
                str(getattr(leaf, "name", "")) for leaf in children.get(node, []) if getattr(leaf, "level", 1) == 0
            ]
            shown = "; ".join(elided(leaf, 40) for leaf in leaves[:_LEAVES_A_CLUSTER])
            more = len(leaves) - _LEAVES_A_CLUSTER
            label = rf"\leftskip={depth}em\relax{{}}" + (
                rf"\textbf{{{elided(name, 50)}}}" if depth == 0 else elided(name, 50)
            )
            text = shown + (f"; {count(more)} more" if more > 0 else "")
            if depth == 0:
                heads.append(len(cells))
            cells.append([label, text, escape(percent(getattr(row, "share_mentions", None)))])
            visit(node, depth + 1)

    if levels and levels[0] > 0:
        visit(None, 0)
    columns = [
        Column("cluster", wide(0.32)),
        Column("values", wide(0.56)),
        Column("%"),
    ]
    return table(
        columns, cells, "No cluster is frequent enough to be published.", across_pages=True, heads=frozenset(heads)
    )


def _edits(study: Study) -> str:
    cells = [
        [
            row.operation,
            f"{escape(facet_words(row.facet))}, {count(row.level)}",
            elided(row.target, 80) + (rf" \ensuremath{{\to}} {elided(row.result, 160)}" if row.result else ""),
            elided(row.reason, 160),
        ]
        for row in records(study.tables["edits"])
    ]
    columns = [Column("edit", "l"), Column("tree, level", "l"), Column("what", wide(0.38)), Column("reason", wide(0.3))]
    return table(columns, cells, "No edit may be published.", across_pages=True)


TABLES: dict[str, Callable[[Study], str]] = {
    "ai_values": lambda study: _values(study, "ai_values"),
    "human_values": lambda study: _values(study, "human_values"),
    "response_types": _response_types,
    "associations": _associations,
    "quality": firmness.by_level,
    "variation": _variation,
    "mirroring": _mirroring,
    "models": _models,
    "contrasts": contrasts.strongest,
    "validation": _validation,
    "corrected": _corrected,
    "pipeline": calls.by_stage,
    "disclosure": _disclosure,
    "taxonomy": _taxonomy,
    "edits": _edits,
}
