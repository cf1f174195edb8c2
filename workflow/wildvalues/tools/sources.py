"""`wildvalues sources`: the log formats ingest reads, and how each is told from the others."""

from __future__ import annotations

import textwrap

import click

from wildvalues.sources import SOURCES
from wildvalues.sources.containers import SUFFIXES
from wildvalues.sources.table import Table


@click.command("sources")
def command() -> None:
    """List the log formats that `ingest` reads."""
    formats = [(source.name, source.summary, source.recognised_by) for source in SOURCES]
    for name, summary, recognised_by in [*formats, (Table.name, Table.summary, Table.recognised_by)]:
        click.echo(f"{name:<16}{summary}\n{'':<16}recognised by {recognised_by}")
    files = (
        f"Files may end in {', '.join(SUFFIXES)}; text files also in .gz or .zst. Other files of a folder are left out."
    )
    click.echo("\n" + textwrap.fill(files, 100))
