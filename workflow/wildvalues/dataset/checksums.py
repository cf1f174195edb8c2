"""The checksum list that `sha256sum --check` reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wildvalues.files import sha256_file

SUMS_FILE = "SHA256SUMS"


def files_below(folder: Path) -> list[Path]:
    """Return every file below `folder`, sorted by its path relative to it, without hidden ones.

    Engines leave marks of their own in folders they made (``.snakemake_timestamp``); those are no results.
    """
    return sorted(
        (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")),
        key=lambda path: path.relative_to(folder).parts,
    )


def checksum_lines(files: Iterable[tuple[str, Path]]) -> str:
    """Return one line a file, ``<sha256>  <label>``, sorted by label.

    Parameters
    ----------
    files
        The path to show and the file to read.
    """
    return "".join(f"{sha256_file(path)}  {label}\n" for label, path in sorted(files))


def write_checksums(folder: Path) -> None:
    """Write ``SHA256SUMS`` over every other file of `folder`."""
    listed = [
        (path.relative_to(folder).as_posix(), path)
        for path in files_below(folder)
        if path.relative_to(folder) != Path(SUMS_FILE)
    ]
    (folder / SUMS_FILE).write_text(checksum_lines(listed), "utf-8")
