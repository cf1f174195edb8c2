"""`wildvalues memo`: look after the recorded answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from wildvalues.cli import params_option
from wildvalues.errors import InputError
from wildvalues.llm import memo_care
from wildvalues.llm.downloads import megabytes
from wildvalues.llm.memo import FOLDER_VARIABLE, JOURNAL_VARIABLE, Memo, default_folder, read_journal, segment_paths
from wildvalues.params import load_params


@click.group("memo")
def command() -> None:
    """Look after the recorded answers: stats, verify, export, import, prune."""


@command.command("stats")
def stats() -> None:
    """Count answers and tokens by model."""
    folder = default_folder()
    found = memo_care.survey(segment_paths(folder))
    total = sum(found.answers.values())
    click.echo(f"{folder}: {total:,} answers in {found.segments} segments, {megabytes(found.bytes)}")
    for model, count in sorted(found.answers.items(), key=lambda item: (-item[1], item[0])):
        tokens = f"{found.input_tokens[model]:,} tokens read, {found.output_tokens[model]:,} written"
        click.echo(f"  {model[:26]:<28}{count:>12,} answers, {tokens}")
    if found.repeated or found.damaged:
        click.echo(f"  {found.repeated:,} repeated, {len(found.damaged):,} damaged; `wildvalues memo prune` drops them")


@command.command("verify")
@click.argument("artefacts", nargs=-1, type=click.Path(path_type=Path, exists=True))
def verify(artefacts: tuple[Path, ...]) -> None:
    """Check every record of the memo, or of the ARTEFACTS given."""
    found = memo_care.survey(artefacts or segment_paths(default_folder()))
    for path, number, reason in found.damaged:
        click.echo(f"{path}:{number}: {reason}")
    for path in found.unfinished:
        click.echo(f"{path}: the last line is unfinished (its process was stopped); harmless")
    total = sum(found.answers.values())
    if found.damaged:
        raise InputError(
            f"{len(found.damaged)} damaged records beside {total:,} sound ones; `wildvalues memo prune` drops them, "
            "and they are asked for again when needed"
        )
    click.echo(f"{total:,} answers in {found.segments} files, all sound")


@command.command("export")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--keys",
    "journals",
    multiple=True,
    type=click.Path(path_type=Path),
    help=f"Only answers in this journal, written by a run with {JOURNAL_VARIABLE}=FILE; may be repeated.",
)
@params_option
def export(target: Path, journals: tuple[Path, ...], params_file: Path) -> None:
    """Pack answers into TARGET (.jsonl.zst), for others to replay.

    Answers quote conversations: share them only when the conversations may be shared.
    """
    if not target.name.endswith(".jsonl.zst"):
        raise InputError(f"{target}: the name of an artefact ends in .jsonl.zst")
    # A study may have used answers of earlier artefacts; those belong to its own.
    artefacts = [Path(place) for place in load_params(params_file).llm.replay if Path(place).exists()]
    folder = default_folder()
    with Memo(folder, artefacts) as memo:
        keys: Iterator[str] = (key for journal in journals for key in read_journal(journal))
        if not journals:
            keys = memo_care.every_key([*segment_paths(folder), *artefacts])
        count = memo_care.export(memo, keys, target)
    click.echo(f"{target}: {count:,} answers, {megabytes(target.stat().st_size)}")


@command.command("import")
@click.argument("artefacts", nargs=-1, required=True, type=click.Path(path_type=Path))
def import_(artefacts: tuple[Path, ...]) -> None:
    """Take the answers of ARTEFACTS into the memo."""
    with Memo() as memo:
        for artefact in artefacts:
            new, known = memo_care.take_in(memo, artefact)
            click.echo(f"{artefact}: {new:,} new answers, {known:,} known before")


@command.command("prune")
@click.option("--model", "models", multiple=True, help="Also drop the answers of this model id; may be repeated.")
@click.option("--damaged", is_flag=True, help="Drop damaged lines and repetitions only; this is always done.")
def prune(models: tuple[str, ...], damaged: bool) -> None:
    """Rewrite the memo as one segment, without damaged lines and repetitions."""
    if damaged and models:
        raise InputError("give either --damaged or --model")
    kept, dropped, broken = memo_care.prune(default_folder(), lambda record: record.model in models)
    click.echo(f"{kept:,} answers kept, {dropped:,} dropped, {broken:,} damaged or unfinished lines dropped")
    if not kept and not dropped:
        click.echo(f"nothing is recorded in {default_folder()}; {FOLDER_VARIABLE} names another folder")
