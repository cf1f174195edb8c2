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
    for source in (*SOURCES, Table):
        click.echo(f"{source.name:<16}{source.summary}")
        click.echo(f"{'':<16}recognised by {source.recognised_by}")
    files = (
        f"Files may end in {', '.join(SUFFIXES)}; text files also in .gz or .zst. Other files of a folder are left out."
    )
    click.echo("\n" + textwrap.fill(files, 100))
