"""`wildvalues summary`: what the study made, where it is, and what to type next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wildvalues.cli import params_option
from wildvalues.errors import InputError
from wildvalues.files import read_json
from wildvalues.params import Params, load_params

METRICS = Path("results/metrics")

PRODUCTS = (
    ("paper", "paper/main.pdf"),
    ("page to explore", "results/explorer/index.html"),
    ("figures", "results/figures"),
    ("tables", "results/tables"),
    ("dataset", "results/dataset"),
    ("provenance", "results/provenance/ro-crate-metadata.json"),
)


@click.command("summary", help="Say what the study made, where it is, and what to type next.")
@params_option
def command(params_file: Path) -> None:
    """Run `wildvalues summary`."""
    click.echo(summary(load_params(params_file)))


def summary(params: Params) -> str:
    """Return the closing summary of a finished study.

    Raises
    ------
    InputError
        When no study has been run in this folder.
    """
    if not (METRICS / "extract.json").exists():
        raise InputError("no study has been run here yet; type `snakemake --cores 8`, or `make study`")
    found = {stage: _metrics(stage) for stage in ("ingest", "sample", "screen", "extract", "canonicalize", "disclose")}
    lines = [
        "",
        f"{params.study.title}",
        f"  {found['ingest'].get('conversations', 0):,} conversations read, "
        f"{found['sample'].get('conversations', 0):,} in the sample, "
        f"{found['screen'].get('subjective', 0):,} subjective; "
        f"{found['canonicalize'].get('values_ai_values', 0):,} distinct AI values.",
        f"  Read by {params.llm.model} ({params.llm.provider}); {_quality()}",
        f"  Published cells hold at least {params.disclose.min_conversations} conversations "
        f"of {params.disclose.min_users} users.",
    ]
    if found["ingest"].get("demo_conversations"):
        lines.append("  Demonstration data: these conversations were written for this project and show nothing about")
        lines.append("  any real assistant.")
    lines.append("")
    lines += [
        f"  {name:16} {place}" if Path(place).exists() else f"  {name:16} (not made: see above)"
        for name, place in PRODUCTS
    ]
    lines += [
        "",
        "Next:",
        "  . .venv/bin/activate                 then these are plain commands:",
        "  snakemake --cores 8                  again, after any change of params.yaml (only what depends on it runs)",
        "  dvc repro                            the same with DVC, which remembers every version",
        "  your own logs: put them into data/raw/, set ingest.input: data/raw in params.yaml, and ask",
        "  wildvalues estimate                  for tokens, hours and dollars before you run",
        "  wildvalues cite                      how to cite this exact study",
    ]
    return "\n".join(lines)


def _metrics(stage: str) -> dict[str, Any]:
    path = METRICS / f"{stage}.json"
    return read_json(path) if path.exists() else {}


def _quality() -> str:
    """How well the instrument did on gold labels, in words, or that nobody knows."""
    path = METRICS / "validation.json"
    validation = read_json(path) if path.exists() else {}
    subjective, values = validation.get("subjectivity", {}), validation.get("ai_values", {})
    if not subjective.get("n"):
        return "no gold label covers these conversations, so its accuracy on them is unknown."
    text = f"against {subjective['n']} gold labels it judges subjectivity right in {subjective['accuracy']:.0%}"
    if values.get("n"):
        text += f" and finds AI values with F1 {values['f1']:.2f} (unrelated conversations: {values['chance_f1']:.2f})"
    return f"{text}."
