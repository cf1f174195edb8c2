"""One recorded answer as one line of JSON, with a checksum so that damage is noticed and never read as an answer."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wildvalues.llm.types import Answer

# Every line starts with its key, so that an index is built without parsing the rest.
KEY_START = len('{"key":"')
KEY_END = KEY_START + 64
_LINE = re.compile(rb'\{"key":"[0-9a-f]{64}",.*"crc32":"[0-9a-f]{8}"\}', re.DOTALL)
_CRC_LENGTH = len(',"crc32":"00000000"}')


class Damaged(Exception):  # noqa: N818 - a finding about a line, turned into an InputError by whoever knows the file
    """A line is no whole record."""


@dataclass(frozen=True)
class Record:
    """An answer under its key. The prompt is not kept: the key stands for it, and its text may be private."""

    key: str
    model: str
    answer: Answer


def write_record(record: Record) -> bytes:
    """Return the line for `record`, newline included; equal records give equal bytes."""
    answer = record.answer
    fields: dict[str, Any] = {
        "key": record.key,
        "model": record.model,
        "text": answer.text,
        "stop_reason": answer.stop_reason,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
    }
    if answer.cache_read_tokens or answer.cache_write_tokens:
        fields["cache_read_tokens"] = answer.cache_read_tokens
        fields["cache_write_tokens"] = answer.cache_write_tokens
    # Written only where it differs from what older records mean by leaving it out.
    if answer.batch:
        fields["batch"] = True
    if answer.log_probabilities is not None:
        # The order of the options is kept: a tie is broken by it.
        fields["log_probabilities"] = dict(answer.log_probabilities)
    # ASCII escapes: a lone surrogate in an answer survives, and no line break can hide in the text.
    body = json.dumps(fields, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode("ascii")[:-1]
    return body + b',"crc32":"%08x"}\n' % zlib.crc32(body)


def looks_whole(line: bytes) -> bool:
    """Say cheaply whether `line` (without its newline) has the outline of a record."""
    return line.startswith(b'{"key":"') and line[KEY_END : KEY_END + 2] == b'",' and line.endswith(b'"}')


def read_record(line: bytes) -> Record:
    """Parse a line, with or without its newline.

    Raises
    ------
    Damaged
        When the line is not what `write_record` wrote.
    """
    line = line.rstrip(b"\n")
    if not _LINE.fullmatch(line):
        raise Damaged("not the outline of a record")
    body = line[:-_CRC_LENGTH]
    if line[-10:-2] != b"%08x" % zlib.crc32(body):
        raise Damaged("its checksum does not fit")
    try:
        fields = json.loads(body + b"}")
        odds: Mapping[str, float] | None = fields.get("log_probabilities")
        answer = Answer(
            text=fields["text"],
            stop_reason=fields["stop_reason"],
            input_tokens=int(fields["input_tokens"]),
            output_tokens=int(fields["output_tokens"]),
            log_probabilities=odds,
            cache_read_tokens=int(fields.get("cache_read_tokens", 0)),
            cache_write_tokens=int(fields.get("cache_write_tokens", 0)),
            batch=bool(fields.get("batch", False)),
        )
        return Record(fields["key"], fields["model"], answer)
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"unreadable field: {error}") from None
