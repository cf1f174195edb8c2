"""Files as streams of records, whatever wraps them: gzip, zstd, zip, Parquet, JSON, JSON Lines, CSV.

Memory stays bounded: a record at a time, or a batch of rows of a Parquet file.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from wildvalues.errors import InputError
from wildvalues.sources.base import Record
from wildvalues.sources.delimited import rows
from wildvalues.sources.json_stream import BrokenOffError, json_items, json_lines

_COMPRESSION = {".gz": ("gzip", b"\x1f\x8b"), ".zst": ("zstd", b"\x28\xb5\x2f\xfd")}
_TEXT_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
SUFFIXES = (*_TEXT_SUFFIXES, ".parquet", ".zip")
# What stands beside conversations.json in an unpacked export.
_EXPORT_COMPANIONS = frozenset(
    (
        "memories.json",
        "message_feedback.json",
        "model_comparisons.json",
        "projects.json",
        "shared_conversations.json",
        "user.json",
        "user_settings.json",
        "users.json",
    )
)
# What the readers raise on files that were cut, altered or locked (zipfile: RuntimeError for a password).
_DAMAGE = (BrokenOffError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, pa.ArrowException)
# Rows of a Parquet file held at once.
_BATCH = 256


def is_log(name: str) -> bool:
    """Tell from its name whether a file in a folder is to be read as a log."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.name not in _EXPORT_COMPANIONS and _suffix(path) in SUFFIXES


def records(path: Path, name: str, columns: frozenset[str] | None = None) -> Iterator[Record]:
    """Yield the records of a file in order.

    Parameters
    ----------
    path
        The file.
    name
        How messages and rejects call it: its path relative to the input.
    columns
        Fields to read of a columnar file; None for all.

    Raises
    ------
    InputError
        When the file is of no known kind, or is damaged so that what follows cannot be told apart.
    """
    done = 0
    try:
        for record in _records(path, name, columns):
            yield record
            done += 1
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{name}: damaged after record {done} ({reason}), so what it has lost cannot be counted; "
            "fetch or copy it again, repair it, or leave it out with `ingest.files`"
        ) from None


def _records(path: Path, name: str, columns: frozenset[str] | None) -> Iterator[Record]:
    if path.stat().st_size == 0:
        return
    suffix = _suffix(PurePosixPath(path.name))
    if suffix == ".parquet":
        yield from _parquet(path, name, columns)
    elif suffix == ".zip":
        yield from _zip(path, name)
    elif suffix in _TEXT_SUFFIXES:
        with _decompressed(path, name) as stream:
            yield from _text(stream, suffix, name)
    else:
        raise InputError(f"{name}: not a log file; known are {', '.join(SUFFIXES)}, each text file also .gz or .zst")


def _suffix(path: PurePosixPath) -> str:
    inner = PurePosixPath(path.stem) if path.suffix.lower() in _COMPRESSION else path
    return inner.suffix.lower()


@contextlib.contextmanager
def _decompressed(path: Path, name: str) -> Iterator[io.BufferedReader[Any]]:
    compression, magic = _COMPRESSION.get(path.suffix.lower(), (None, b""))
    with path.open("rb") as handle:
        start = handle.read(4)
    if not start.startswith(magic):
        raise InputError(f"{name}: is named {path.suffix} but is not {compression} data; fetch it again or rename it")
    # Arrow's reader takes several members in one file and, unlike zstandard's, tells a cut file from a whole one.
    with pa.input_stream(str(path), compression=compression) as native, io.BufferedReader(native) as stream:
        yield stream


def _text(stream: io.BufferedReader[Any], suffix: str, name: str) -> Iterator[Record]:
    start = stream.peek(4096)[:4096]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{name}: is UTF-16; save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`)")
    if suffix in (".csv", ".tsv"):
        yield from (Record(f"{name}:{line}", row) for line, row in rows(stream, tabs=suffix == ".tsv"))
    elif suffix == ".json" and not _holds_lines(start):
        yield from (Record(f"{name}:item {number}", value) for number, value in json_items(stream))
    else:
        yield from (Record(f"{name}:{line}", value) for line, value in json_lines(stream))


def _holds_lines(start: bytes) -> bool:
    """Tell whether a .json file is JSON Lines: its first line closes the object it opens, and more follows."""
    first, _, rest = start.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    return first.startswith(b"{") and first.rstrip().endswith(b"}") and bool(rest.strip())


def _parquet(path: Path, name: str, columns: frozenset[str] | None) -> Iterator[Record]:
    # Buffered reading keeps a large row group from being held whole.
    with pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
        wanted = None if columns is None else [each for each in file.schema_arrow.names if each in columns]
        number = 0
        for batch in file.iter_batches(batch_size=_BATCH, columns=wanted, use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield Record(f"{name}:row {number}", row)


def _zip(path: Path, name: str) -> Iterator[Record]:
    with zipfile.ZipFile(path) as archive:
        members = [info.filename for info in archive.infolist() if not info.is_dir()]
        # Large ChatGPT exports number the file: conversations-000.json and so on.
        wanted = sorted(member for member in members if PurePosixPath(member).match("conversations*.json"))
        if not wanted:
            seen = ", ".join(sorted(members)[:6]) or "nothing"
            raise InputError(
                f"{name}: no conversations.json in this zip (it holds {seen}); unpack it and point `ingest.input` there"
            )
        for member in wanted:
            with archive.open(member) as raw, io.BufferedReader(cast(io.RawIOBase, raw)) as stream:
                yield from _text(stream, ".json", f"{name}/{member}")
