"""Writing files so that equal content gives equal bytes and no reader ever sees half a file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from wildvalues.errors import InputError


@contextlib.contextmanager
def replacing(target: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield a scratch path beside `target` that takes its place only if the block succeeds.

    Works for a file or a directory, whichever the block makes at the scratch path. A block that makes
    nothing is a programming error and raises `RuntimeError`. With `private`, only the owner may read the result.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch_dir = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    scratch = scratch_dir / target.name
    try:
        yield scratch
        if not scratch.exists():
            raise RuntimeError(f"{target}: the stage ended without writing this output")
        if private:
            scratch.chmod(0o700 if scratch.is_dir() else 0o600)
        if scratch.is_dir() and target.exists():
            shutil.rmtree(target)
        scratch.replace(target)
    finally:
        shutil.rmtree(scratch_dir, ignore_errors=True)


def write_table(frame: pd.DataFrame | pa.Table, path: Path, schema: pa.Schema) -> None:
    """Write a Parquet table with fixed settings, so that equal rows give equal bytes.

    Parameters
    ----------
    frame
        Rows, already in their final order (see `wildvalues.tables` for each table's sort key).
    schema
        The declared schema; columns are selected and cast to it.

    Raises
    ------
    pyarrow.ArrowInvalid
        When a column cannot be cast to the declared type.
    """
    if isinstance(frame, pd.DataFrame):
        table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    else:
        table = frame.select(schema.names).cast(schema)
    # pandas metadata holds library versions, which would change the bytes between machines.
    table = table.replace_schema_metadata(None)
    pq.write_table(table, path, compression="zstd", compression_level=3, version="2.6", row_group_size=65_536)


def read_table(path: Path, schema: pa.Schema | None = None) -> pd.DataFrame:
    """Read a Parquet table as a DataFrame.

    Raises
    ------
    InputError
        When the file is missing, is not Parquet, or lacks a column of `schema`.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such table; run the stage that makes it, or `snakemake --cores 8`") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet table ({error}); delete it and run again") from None
    if schema is not None:
        missing = [name for name in schema.names if name not in table.column_names]
        if missing:
            raise InputError(
                f"{path}: lacks column {', '.join(missing)}; it was made by another version, so delete it and run again"
            )
    frame: pd.DataFrame = table.to_pandas()
    return frame


def write_json(value: Mapping[str, Any], path: Path) -> None:
    """Write JSON with sorted keys and a final newline."""
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    InputError
        When the file is missing or not a JSON object.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run the stage that makes it, or `snakemake --cores 8`") from None
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); delete it and run again") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write CSV (UTF-8, comma, line feeds) with floats at six significant digits."""
    frame.to_csv(path, index=False, lineterminator="\n", float_format="%.6g", encoding="utf-8")


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file, read in blocks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_text(text: str) -> str:
    """Hex sha256 of a string in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
