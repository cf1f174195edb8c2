"""`wildvalues summary`: what the study made, where it is, and what to type next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wildvalues.cli import params_option
from wildvalues.errors import InputError
from wildvalues.files import read_json
from wildvalues.llm import ledger
from wildvalues.llm.last_runs import last_runs
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
    lines += ["", *_calls(params), ""]
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


def _calls(params: Params) -> list[str]:
    """One line a stage that asks a model: what its answers took, and how the last run went."""
    columns = ("calls", "memo", "live", "batch", "tokens in", "cached", "out", "dollars", "rejected")
    lines = [f"  {'':10}" + "".join(f"{name:>12}" for name in columns)]
    now = last_runs()
    for stage in ("screen", "extract", "name"):
        found, run = _metrics(stage), now.get(stage, {})
        if not found.get("calls"):
            continue
        # A run with other calls than the metrics count is not the one that made them.
        run = run if run.get("calls") == found["calls"] else {}
        cells = [
            _number(found["calls"]),
            *(_number(run.get(name)) for name in ("replayed", "live", "live_batch")),
            *(_number(found.get(name)) for name in ("input_tokens", "cache_read_tokens", "output_tokens")),
            _dollars(found.get("dollars")),
            _number(sum(found.get("rejected_by", {}).values())),
        ]
        lines.append(f"  {stage:10}" + "".join(f"{cell:>12}" for cell in cells))
        kinds = [f"{count:,} {kind}" for kind, count in found.get("rejected_by", {}).items() if count]
        if kinds:
            lines.append(f"  {'':10}  rejected: {', '.join(kinds)}")
    if len(lines) == 1:
        return ["  No call to a language model was needed."]
    spent = sum(run["dollars"] or 0.0 for run in now.values() if "dollars" in run)
    lines.append("  memo, live, batch: where the last run had its answers from; the rest is what they took when given.")
    book = ledger.read()
    if book.charged or spent or params.llm.budget_usd is not None:
        limit = "" if params.llm.budget_usd is None else f" of ${params.llm.budget_usd:,.2f} (llm.budget_usd)"
        lines.append(f"  Spent in this folder: ${book.charged:,.2f}{limit}; in the last runs ${spent:,.2f}.")
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _dollars(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.2f}"


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
