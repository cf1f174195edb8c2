"""JSON read a piece at a time: lines one by one, and one large array item by item."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from wildvalues.sources import fields
from wildvalues.sources.base import RecordError

# A record beyond this is no conversation; the limit is what keeps memory bounded on a file without line ends.
MAX_RECORD_BYTES = 64 * 2**20
_CHUNK = 2**20
# Writers that escape nothing leave tabs and NULs inside strings; they are cleaned later, not refused here.
_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"[ \t\r\n]*")
_UNDECODED = re.compile("[\udc80-\udcff]")


class BrokenOffError(Exception):
    """The rest of a file cannot be read. The message says after what and why."""


def json_lines(stream: BinaryIO) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
    """Yield (line number, object) for every line that is not blank; a line beyond use gives its `RecordError`."""
    number = 0
    while line := stream.readline(MAX_RECORD_BYTES):
        number += 1
        if len(line) == MAX_RECORD_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(_CHUNK)) and not rest.endswith(b"\n"):
                pass
            yield number, RecordError("too_long", f"the line is longer than {MAX_RECORD_BYTES:,} bytes")
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield number, _parse(line)


def _parse(line: bytes) -> dict[str, Any] | RecordError:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return RecordError(
            "bad_encoding", f"byte 0x{line[error.start]:02x} at column {error.start + 1} is not UTF-8; save it as UTF-8"
        )
    try:
        value = _DECODER.decode(text.strip())
    except json.JSONDecodeError as error:
        return RecordError("broken_json", f"not valid JSON ({error.msg} at column {error.pos + 1})")
    except (RecursionError, ValueError):
        return RecordError("broken_json", "not usable JSON (nested too deeply, or a number of too many digits)")
    return as_record(value)


def as_record(value: Any) -> dict[str, Any] | RecordError:
    """Return a JSON value as a record: an object, or a bare list of messages under ``messages``."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return {"messages": value}
    return RecordError("wrong_layout", f"the record is {fields.kind_of(value)} where an object belongs")


def json_items(stream: BinaryIO) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
    """Yield (item number, object) for the items of one array, or for the values that stand one after another.

    Raises
    ------
    BrokenOffError
        When the text stops being JSON: where the next item would begin is then unknown.
    """
    window = _Window(io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline=""))
    first = window.peek()
    in_array = first == "["
    if in_array:
        window.advance(1)
    number = 0
    while (following := window.peek()) and not (in_array and following == "]"):
        number += 1
        yield number, window.value(number)
        if in_array and window.peek() == ",":
            window.advance(1)
        elif in_array and window.peek() != "]":
            raise BrokenOffError(f"not valid JSON after item {number}: a comma or the array's end belongs there")
    if in_array and not following:
        raise BrokenOffError(f"breaks off after item {number}, before the end of its array")


class _Window:
    """The part of a text that is being looked at; it grows while a value does not fit and forgets what was read."""

    def __init__(self, reader: io.TextIOWrapper) -> None:
        self._reader = reader
        self._text = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """Return the next character that is not blank, or nothing at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._grow():
                return ""

    def advance(self, count: int) -> None:
        self._at += count

    def value(self, number: int) -> dict[str, Any] | RecordError:
        """Return the JSON value that begins here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # Cut off by the window, or broken: only more text can tell.
                if len(self._text) - self._at <= MAX_RECORD_BYTES and self._grow():
                    continue
                raise BrokenOffError(f"not valid JSON in item {number} ({error.msg})") from None
            except (RecursionError, ValueError):
                raise BrokenOffError(f"item {number} is nested too deeply or holds too long a number") from None
            if end == len(self._text) and self._grow():
                continue
            undecoded = _UNDECODED.search(self._text, self._at, end)
            self._at = end
            if undecoded:
                return RecordError("bad_encoding", "bytes in it are not UTF-8; save the file as UTF-8")
            return as_record(value)

    def _grow(self) -> bool:
        """Read on, at least as much as is kept, so that a long value is parsed anew only a few times."""
        if self._ended:
            return False
        kept = self._text[self._at :]
        more = self._reader.read(max(_CHUNK, len(kept)))
        self._ended = not more
        self._text, self._at = kept + more, 0
        return not self._ended
