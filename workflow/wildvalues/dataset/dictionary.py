"""The data dictionary: type and meaning of every column of every file, from the schemas and the written meanings."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

from wildvalues.tables import RESULTS, TEXT

DICTIONARY = pa.schema([("file", TEXT), ("column", TEXT), ("type", TEXT), ("key", TEXT), ("meaning", TEXT)])

_TYPE_NAMES = {pa.string(): "text", pa.int64(): "integer", pa.float64(): "number", pa.bool_(): "true or false"}


@dataclass(frozen=True)
class Meanings:
    """The sentences of ``meanings.yaml``: what each file is, what its rows are, and what each column means."""

    files: Mapping[str, Mapping[str, str]]
    shared: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]

    def title(self, stem: str) -> str:
        """Say what a file holds."""
        return self.files[stem]["title"]

    def row(self, stem: str) -> str:
        """Say what one row of a file is."""
        return self.files[stem]["row"]

    def column(self, stem: str, column: str) -> str:
        """Say what a column of a file means; a file's own sentence wins over the shared one.

        Raises
        ------
        KeyError
            When nobody wrote the meaning of this column.
        """
        own = self.columns.get(stem, {})
        return own[column] if column in own else self.shared[column]


@cache
def meanings() -> Meanings:
    """Load the written meanings."""
    text = importlib.resources.files("wildvalues.dataset").joinpath("meanings.yaml").read_text("utf-8")
    raw: dict[str, Any] = yaml.safe_load(text)
    return Meanings(raw["files"], raw["shared"], raw["columns"])


def type_name(kind: pa.DataType) -> str:
    """Name a column's type in plain words."""
    return _TYPE_NAMES[kind]


def data_dictionary(files: Mapping[str, pa.Schema]) -> pd.DataFrame:
    """Return one row for each column of each file.

    Parameters
    ----------
    files
        File name -> schema. The stem finds the meanings and, for the long tables, the key.
    """
    rows = []
    for name, schema in sorted(files.items()):
        stem = name.rpartition(".")[0]
        key = RESULTS[stem].key if stem in RESULTS else (schema.names[0],)
        rows += [
            {
                "file": name,
                "column": field.name,
                "type": type_name(field.type),
                "key": "yes" if field.name in key else "no",
                "meaning": meanings().column(stem, field.name),
            }
            for field in schema
        ]
    return pd.DataFrame(rows, columns=DICTIONARY.names)
