"""`wildvalues trail ID`: follow one conversation from the raw log to the published numbers it enters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pandas as pd

from wildvalues.errors import InputError
from wildvalues.files import read_table
from wildvalues.results import read_results

INTERIM = Path("data/interim")
TABLES = Path("results/tables")


@click.command("trail", help="Follow one conversation from the raw log to the numbers it enters (private output).")
@click.argument("conversation_id")
@click.option("--show-text", is_flag=True, help="also print quotes and the redacted text")
def command(conversation_id: str, show_text: bool) -> None:
    """Run `wildvalues trail`."""
    for line in trail(conversation_id, show_text=show_text):
        click.echo(line)


def trail(conversation_id: str, *, show_text: bool) -> list[str]:
    """Return a line for each step a conversation took, each with the file where it happened.

    Raises
    ------
    InputError
        When no such conversation was read.
    """
    step = f"{{:<14}}{{}}  [{INTERIM}/{{}}]".format
    read = _rows("conversations", conversation_id)
    if read.empty:
        raise InputError(f"{conversation_id}: no such conversation in {INTERIM}/conversations.parquet; check the id")
    first = read.iloc[0]
    lines = [
        step("ingest", f"{len(first['messages'])} messages, source {first['source']}", "conversations.parquet"),
    ]
    if _rows("sample", conversation_id).empty:
        return [*lines, step("sample", "not in the sample: the trail ends here", "sample.parquet")]
    lines.append(step("sample", "in the sample", "sample.parquet"))

    masked = _rows("redactions", conversation_id)
    counts = ", ".join(f"{number} {kind}" for kind, number in masked["kind"].value_counts().sort_index().items())
    lines.append(step("redact", counts or "nothing to mask", "redactions.parquet"))
    if show_text:
        redacted = _rows("redacted", conversation_id).iloc[0]
        lines += [f"    {message['role']}: {message['content']}" for message in redacted["messages"]]

    judged = _rows("screening", conversation_id)
    if judged.empty:
        return [*lines, step("screen", "rejected, see screen_rejects.parquet", "screening.parquet")]
    score = judged.iloc[0]
    verdict = "subjective" if score["subjective"] else "objective: the trail ends here"
    lines.append(step("screen", f"subjectivity {score['subjectivity']:.2f}, {verdict}", "screening.parquet"))
    if not score["subjective"]:
        return lines

    items = _rows("annotations", conversation_id)
    if items.empty:
        return [*lines, step("extract", "rejected, see extract_rejects.parquet", "annotations.parquet")]
    for item in _records(items):
        quote = f' "{item["quote"]}"' if show_text and item["quote"] else ""
        label = item["label"] or "none"
        lines.append(step("extract", f"{item['facet']}: {label}{quote}", "annotations.parquet"))
    return lines + _to_numbers(conversation_id)


def _to_numbers(conversation_id: str) -> list[str]:
    tables = read_results(TABLES)
    private = {(row["facet"], row["node_id"]): row for row in _records(read_table(INTERIM / "edited.parquet"))}
    published = {(row["facet"], row["node_id"]): row for row in _records(tables["taxonomy"])}
    numbers = {(row["facet"], row["node_id"]): row for row in _records(tables["frequencies"])}
    lines = []
    for mention in _records(_rows("mentions", conversation_id)):
        facet, value = str(mention["facet"]), str(mention["value"])
        names = " < ".join(str(row["name"]) for row in _upwards(private, facet, value))
        lines.append(f"{'taxonomy':<14}{facet}: {names}  [{INTERIM}/edited.parquet]")
        # A cluster that lost a member at the gate has another id there, so the published tree is climbed anew.
        above = _upwards(published, facet, value)
        if not above:
            lines.append(f"{'  withheld':<14}{value}: too rare to be published; it counts in the clusters above it")
        for row in above:
            count = numbers.get((facet, row["node_id"]))
            shown = f"{count['n_conversations']} of {count['n_base']} conversations" if count else "counts withheld"
            lines.append(
                f"{'  counted in':<14}{row['name']}: {shown}  [{TABLES}/frequencies.csv, level {row['level']}]"
            )
    return lines


def _upwards(tree: dict[tuple[Any, Any], dict[str, Any]], facet: str, value: str) -> list[dict[str, Any]]:
    """Return the rows of a tree from a value to its top cluster."""
    found: list[dict[str, Any]] = []
    node: Any = value
    while (facet, node) in tree:
        found.append(tree[facet, node])
        node = found[-1]["parent_id"]
    return found


def _rows(table: str, conversation_id: str) -> pd.DataFrame:
    frame = read_table(INTERIM / f"{table}.parquet")
    return frame[frame["conversation_id"] == conversation_id]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
