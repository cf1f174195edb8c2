"""`wildvalues train`: the classifier of `workflow/instruments`, from labels and the conversations they are of."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pandas as pd

from wildvalues.cli import params_option
from wildvalues.errors import InputError
from wildvalues.files import read_table, replacing, write_table
from wildvalues.params import Params, load_params
from wildvalues.stage import load_stage, run_stage
from wildvalues.tables import CONVERSATIONS

if TYPE_CHECKING:
    from wildvalues.instruments.classifier import Labelled
    from wildvalues.instruments.training import Examples
    from wildvalues.llm.facets import ChoiceFacet, ListFacet, PhraseFacet

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
@click.option(
    "--test-labels",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Labels to measure on in the report and never to train on; repeat.",
)
@click.option(
    "--test-conversations", type=click.Path(path_type=Path), multiple=True, help="Logs that hold those; repeat."
)
@click.option("--facet", "facets", multiple=True, default=FACETS, show_default=True, help="Facet to learn; repeat.")
@click.option("--prompts", type=click.Path(path_type=Path), default=Path("workflow/prompts"), show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="File to write. Default: instruments.weights.")
@click.option("--report", type=click.Path(path_type=Path), help="Also measure, and write the model card here.")
@params_option
def command(
    labels: tuple[Path, ...],
    conversations: tuple[Path, ...],
    test_labels: tuple[Path, ...],
    test_conversations: tuple[Path, ...],
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
    examples, files = _examples(given, logs, declared, params)
    trained = training.train(examples, params.embed.model, files)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as scratch:
        classifier.save(trained, scratch)
    click.echo(f"{target}: trained on {len(examples):,} labelled conversations, {target.stat().st_size:,} bytes")
    if report is not None:
        from wildvalues.instruments import card

        tests: list[classifier.Labelled] = []
        if test_labels:
            test, tests = _examples(test_labels, test_conversations or logs, declared, params)
            examples = training.with_test(examples, test)
        typed = _typed(
            {
                "labels": given,
                "conversations": logs,
                "test-labels": test_labels,
                "test-conversations": test_conversations,
                "weights": (target,),
                "report": (report,),
            }
        )
        with replacing(report) as scratch:
            scratch.write_text(card.model_card(examples, trained, typed, tests), "utf-8")
        click.echo(f"{report}: the model card, with what was measured")


def _examples(
    labels: tuple[Path, ...],
    logs: tuple[Path, ...],
    facets: Mapping[str, ListFacet | PhraseFacet | ChoiceFacet],
    params: Params,
) -> tuple[Examples, list[Labelled]]:
    from wildvalues.instruments import training

    options = training.options_of(facets)
    frame = read_logs(logs, params, labelled_ids(labels))
    readings, files = training.read_gold_labels(labels, frame, facets)
    return training.make_examples(frame, readings, options, params.embed.model), files


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


def _typed(options: Mapping[str, tuple[Path, ...]]) -> str:
    """Return the command as a reader may type it again."""
    words = [f"--{name} {_shown(path)}" for name, paths in options.items() for path in paths]
    return " \\\n  ".join(["wildvalues train", *words])


def _shown(path: Path) -> str:
    """Return a relative path as it is; of another only the name, since the rest says where on a machine it lies."""
    return path.name if path.is_absolute() else path.as_posix()
