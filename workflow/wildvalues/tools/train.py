"""`wildvalues train`: the classifier of `workflow/instruments`, from labels and the conversations they are of."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import pandas as pd

from wildvalues.cli import params_option
from wildvalues.errors import InputError
from wildvalues.files import read_table, replacing, write_table
from wildvalues.params import Params, load_params
from wildvalues.stage import load_stage, run_stage
from wildvalues.tables import CONVERSATIONS

FACETS = ("subjectivity", "response_type", "human_values")


@click.command("train")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Labels in the gold schema; repeat for several files. Default: instruments.labels.",
)
@click.option(
    "--conversations",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Logs that hold the labelled conversations, any format; repeat. Default: ingest.input.",
)
@click.option("--facet", "facets", multiple=True, default=FACETS, show_default=True, help="Facet to learn; repeat.")
@click.option("--prompts", type=click.Path(path_type=Path), default=Path("workflow/prompts"), show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="File to write. Default: instruments.weights.")
@click.option("--report", type=click.Path(path_type=Path), help="Also measure, and write the model card here.")
@params_option
def command(
    labels: tuple[Path, ...],
    conversations: tuple[Path, ...],
    facets: tuple[str, ...],
    prompts: Path,
    weights: Path | None,
    report: Path | None,
    params_file: Path,
) -> None:
    """Train the classifier on labelled conversations; equal input gives equal bytes.

    Vectors are of `embed.model`, whose name is kept in the weights.
    """
    from wildvalues.instruments import classifier, training
    from wildvalues.llm.facets import load_prompts

    params = load_params(params_file)
    given = labels or (Path(params.instruments.labels),)
    logs = conversations or (Path(params.ingest.input),)
    target = weights or Path(params.instruments.weights)
    declared = {name: load_prompts(prompts, [name]).facets[name] for name in facets}
    wanted = labelled_ids(given)
    frame = read_logs(logs, params, wanted)
    readings, files = training.read_gold_labels(given, frame, declared)
    examples = training.make_examples(frame, readings, training.options_of(declared), params.embed.model)
    trained = training.train(examples, params.embed.model, files)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as scratch:
        classifier.save(trained, scratch)
    size = target.stat().st_size
    click.echo(f"{target}: trained on {len(examples):,} of {len(wanted):,} labelled conversations, {size:,} bytes")
    if report is not None:
        from wildvalues.instruments import card

        with replacing(report) as scratch:
            scratch.write_text(card.model_card(examples, trained, _typed(given, logs, target, report)), "utf-8")
        click.echo(f"{report}: the model card, with what was measured")


def labelled_ids(labels: tuple[Path, ...]) -> set[str]:
    """Return the ids of all labelled conversations.

    Raises
    ------
    InputError
        When two files label the same conversation.
    """
    from wildvalues.instruments.labels import read_labels

    found: set[str] = set()
    for path in labels:
        ids = set(read_labels(path).ids)
        if found & ids:
            raise InputError(f"{path}: labels {min(found & ids)!r}, which an earlier file labels too; keep one of them")
        found |= ids
    return found


def read_logs(logs: tuple[Path, ...], params: Params, wanted: set[str]) -> pd.DataFrame:
    """Read the `wanted` conversations of logs as a study would, personal data masked.

    Raises
    ------
    InputError
        When logs cannot be read, or two hold a conversation of the same id.
    """
    parts = []
    with tempfile.TemporaryDirectory(prefix="wildvalues-train-") as place:
        for log in logs:
            paths = _places("ingest", place)
            run_stage("ingest", params, {**paths, "input": log})
            found = read_table(paths["conversations"], CONVERSATIONS.schema)
            parts.append(found[found["conversation_id"].isin(wanted)])
        frame = pd.concat(parts, ignore_index=True)
        if (twice := frame["conversation_id"].duplicated()).any():
            name = frame.loc[twice, "conversation_id"].iloc[0]
            raise InputError(f"conversation {name!r} occurs in two of the logs; give each conversation once")
        paths = _places("redact", place)
        write_table(CONVERSATIONS.arrange(frame), paths["sample"], CONVERSATIONS.schema)
        run_stage("redact", params, paths)
        return read_table(paths["redacted"], CONVERSATIONS.schema)


def _places(stage_name: str, folder: str) -> dict[str, Path]:
    stage = load_stage(stage_name)
    return {key: Path(folder, Path(where).name) for key, where in {**stage.reads, **stage.writes}.items()}


def _typed(labels: tuple[Path, ...], logs: tuple[Path, ...], weights: Path, report: Path) -> str:
    """Return the command as a reader may type it again."""
    words = ["wildvalues train"]
    words += [f"--labels {_shown(path)}" for path in labels] + [f"--conversations {_shown(path)}" for path in logs]
    return " \\\n  ".join([*words, f"--weights {_shown(weights)}", f"--report {_shown(report)}"])


def _shown(path: Path) -> str:
    """Return a relative path as it is; of another only the name, since the rest says where on a machine it lies."""
    return path.name if path.is_absolute() else path.as_posix()
