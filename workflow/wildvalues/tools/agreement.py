"""`wildvalues agreement A B`: how far two people's labels of the same conversations agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wildvalues.cli import params_option
from wildvalues.files import write_json
from wildvalues.params import load_params
from wildvalues.validate import encoder
from wildvalues.validation.agreement import agreement
from wildvalues.validation.gold import read_gold

# Section, measure, where its level of chance is, and how a reader would say it.
SHOWN = (
    ("subjectivity", "accuracy", None, "subjective or not, accuracy"),
    ("subjectivity", "kappa", None, "subjective or not, kappa"),
    ("response_type", "accuracy", None, "response type (one of seven), accuracy"),
    ("response_type", "kappa", None, "response type, kappa"),
    ("human_values", "accuracy", None, "any human value, accuracy"),
    ("human_values", "kappa", None, "any human value, kappa"),
    ("human_values", "exact_f1", None, "human values, same name, F1"),
    ("human_values", "f1", "chance_f1", "human values, nearest name, F1"),
    ("ai_values", "exact_f1", None, "AI values, same name, F1"),
    ("ai_values", "precision", None, "AI values, nearest name, precision"),
    ("ai_values", "recall", None, "AI values, nearest name, recall"),
    ("ai_values", "f1", "chance_f1", "AI values, nearest name, F1"),
    ("human_values_category", "f1", "chance_f1", "human values, top-level category, F1"),
    ("ai_values_category", "f1", "chance_f1", "AI values, top-level category, F1"),
    ("task", "accuracy", "chance_accuracy", "task, nearest phrase, share alike"),
    ("task", "cosine", "chance_cosine", "task, mean cosine"),
)


@click.command("agreement", help="Say how far two files of labels agree on the conversations they share.")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--embed", "embedding", help="Embedding model for nearest names; default: embed.model.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write every number as JSON.")
@params_option
def command(first: Path, second: Path, embedding: str | None, output: Path | None, params_file: Path) -> None:
    """Run `wildvalues agreement`."""
    params = load_params(params_file)
    embed = params.embed if embedding is None else params.embed.model_copy(update={"model": embedding})
    found = agreement(read_gold(first), read_gold(second), encoder(embed), params.validation.similarity)
    click.echo("\n".join(as_markdown(found)))
    click.echo(
        f"\n{found['n']} conversations labelled in both. Intervals: 95 %, from resampled conversations. A name counts "
        f"as near at a cosine of {params.validation.similarity:g} ({embed.model}); by chance: names of other "
        "conversations."
    )
    if output is not None:
        write_json(found, output)


def as_markdown(found: dict[str, Any]) -> list[str]:
    """Return the lines of a Markdown table of the main measures."""
    lines = ["| facet, measure | conversations | agreement (95 % interval) | by chance |", "|---|---|---|---|"]
    for section, measure, chance, words in SHOWN:
        numbers = found[section]
        by_chance = _number(numbers[chance]) if chance else ""
        interval = f"({_number(numbers[f'{measure}_low'])} to {_number(numbers[f'{measure}_high'])})"
        lines.append(f"| {words} | {numbers['n']} | {_number(numbers[measure])} {interval} | {by_chance} |")
    return lines


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
