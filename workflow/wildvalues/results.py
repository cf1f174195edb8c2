"""Reading the published tables: the one door through which figures, paper, dataset and page see a study.

CSV keeps no types. Every column is read as its schema declares it, so that a value called "null" or a cluster
called "007" stays text and a missing count stays missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from wildvalues.errors import InputError
from wildvalues.tables import RESULTS, Table

Results = dict[str, pd.DataFrame]


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a table as named tuples."""
    yield from frame.itertuples(index=False)


def read_results(folder: Path) -> Results:
    """Read every table of `wildvalues.tables.RESULTS` from a folder of CSV files.

    Text columns hold str or None, counts are ``Int64`` and reals ``float64``.

    Raises
    ------
    InputError
        When a table is missing, is not CSV, lacks a column, or holds text where a number belongs.
    """
    return {name: read_result(folder / f"{name}.csv", table) for name, table in RESULTS.items()}


def read_result(path: Path, table: Table) -> pd.DataFrame:
    """Read one published table, its rows sorted by the table's key; see `read_results`."""
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such table; run `wildvalues disclose`, or `snakemake --cores 8`") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable CSV table ({error}); delete it and run again") from None
    missing = [name for name in table.schema.names if name not in raw.columns]
    if missing:
        raise InputError(
            f"{path}: lacks column {', '.join(missing)}; it was made by another version, so delete it and run again"
        )
    columns = {field.name: _typed(raw[field.name], field.type, path) for field in table.schema}
    # Sorted by its key again: the order of rows in a file that passed through other hands carries nothing.
    return table.arrange(pd.DataFrame(columns, columns=table.schema.names))


def _typed(column: pd.Series, kind: pa.DataType, path: Path) -> pd.Series:
    if pa.types.is_string(kind):
        return column.astype(object).where(column != "", None)
    if pa.types.is_boolean(kind):
        return column.str.lower().map({"true": True, "false": False}).astype("boolean")
    try:
        numbers = pd.to_numeric(column.where(column != "", None))
        return numbers.astype("Int64" if pa.types.is_integer(kind) else "float64")
    except (ValueError, TypeError):
        raise InputError(
            f"{path}: column {column.name} holds text where a number belongs; delete the table and run again"
        ) from None
