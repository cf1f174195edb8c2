"""`wildvalues fetch`: a public corpus into data/raw, on its own terms."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path

import click

from wildvalues.errors import InputError
from wildvalues.tools.corpora import Corpus, corpora, corpus
from wildvalues.tools.download import client, download

HUB = "https://huggingface.co"


@click.command("fetch")
@click.argument("name", required=False)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), default=Path("data/raw"), show_default=True)
@click.option("--base-url", default=HUB, show_default=True, help="the hub, or a mirror with its layout")
@click.option("--files", default="*", show_default=True, help="glob: fetch only these files of the corpus")
@click.option("--accept-licence", is_flag=True, help="you have read the terms shown and accept them")
def command(name: str | None, to: Path, base_url: str, files: str, accept_licence: bool) -> None:
    """Download a public corpus of conversations; run again to go on where it broke off.

    Without NAME, list the corpora.
    """
    if name is None:
        for known, entry in corpora().items():
            click.echo(f"{known:<14} {entry.licence:<12} {len(entry.files):>2} files  {entry.homepage}")
        return
    known, entry = corpus(name)
    click.echo(f"{known}: {entry.homepage}\n{entry.licence}. {entry.terms}")
    if entry.must_accept and not accept_licence:
        raise InputError(
            f"fetch: read the terms above; to accept them, add --accept-licence to `wildvalues fetch {known}`"
        )
    _fetch(known, entry, to / known, base_url.rstrip("/"), files)
    click.echo(f"Set ingest.input to {to / known} in params.yaml to study it.")


def _fetch(name: str, entry: Corpus, folder: Path, base_url: str, pattern: str) -> None:
    wanted = [file for file in entry.files if fnmatch.fnmatch(file.path, pattern)]
    if not wanted:
        paths = ", ".join(file.path for file in entry.files[:4])
        raise InputError(f"fetch: no file of {name} matches --files {pattern!r}; there are {paths} and so on")
    # The token is the hub's; a mirror has no business with it.
    with client(os.environ.get("HF_TOKEN") if base_url == HUB else None) as http:
        for file in wanted:
            url = f"{base_url}/{entry.repository}/resolve/{entry.revision}/{file.path}"
            new = download(http, url, folder / file.path, sha256=file.sha256)
            size = (folder / file.path).stat().st_size
            click.echo(f"{folder / file.path}: {size:,} bytes{'' if new else ', already there'}")
