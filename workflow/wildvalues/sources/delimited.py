"""CSV and TSV, row by row, with the line each row begins at."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from wildvalues.sources.base import RecordError
from wildvalues.sources.json_stream import MAX_RECORD_BYTES, BrokenOffError

_UNDECODED = re.compile("[\udc80-\udcff]")
_DELIMITERS = ",;\t|"


def rows(stream: BinaryIO, *, tabs: bool = False) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
    """Yield (line number, row) for every row below the header; the delimiter is what the header holds most of.

    Raises
    ------
    BrokenOffError
        When a quote is opened and never closed, which hides where the following rows begin.
    """
    # The default of 131,072 characters would refuse long replies.
    csv.field_size_limit(MAX_RECORD_BYTES)
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    first = text.readline()
    if not first.strip():
        return
    delimiter = "\t" if tabs else max(_DELIMITERS, key=first.count)
    header = next(csv.reader([first], delimiter=delimiter))
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise BrokenOffError(f"a quote opened at line {line} is never closed") from None
            yield line, RecordError("wrong_layout", f"not a row of this table ({error})")
            continue
        if cells:
            yield line, _row(header, cells)


def _row(header: list[str], cells: list[str]) -> dict[str, Any] | RecordError:
    if len(cells) != len(header):
        return RecordError("bad_columns", f"the row has {len(cells)} cells, the header {len(header)}")
    if any(_UNDECODED.search(cell) for cell in cells):
        return RecordError("bad_encoding", "bytes in it are not UTF-8; save the file as UTF-8")
    return dict(zip(header, cells, strict=True))
