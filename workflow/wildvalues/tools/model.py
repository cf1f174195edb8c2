"""`wildvalues model`: the models known by content, and getting them."""

from __future__ import annotations

import click

from wildvalues.llm import models
from wildvalues.llm.downloads import megabytes


@click.group("model")
def command() -> None:
    """Language and embedding models by content: list, get, path."""


@command.command("list")
def list_() -> None:
    """List the models known by name."""
    for name, entry in models.registry().items():
        here = "here" if models.place_of(name).exists() else "not here"
        click.echo(f"{name:<30}{entry.kind:<11}{megabytes(entry.size):>9}  {entry.licence}, {here}")
        click.echo(f"{'':<30}{entry.about}")
    click.echo(f"Downloads go to {models.models_folder()}; {models.FOLDER_VARIABLE} names another folder.")


@command.command("get")
@click.argument("name")
def get(name: str) -> None:
    """Download NAME when it is not here, and check its bytes."""
    weights = models.resolve(name)
    click.echo(f"{weights.path}: sha256 {weights.sha256}")


@command.command("path")
@click.argument("name")
def path(name: str) -> None:
    """Print where the verified model NAME is, downloading it when needed."""
    click.echo(models.ensure(name))
