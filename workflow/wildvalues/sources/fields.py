"""Reading the loosely typed fields of logs: text in parts, ids that are numbers, times in five spellings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wildvalues.sources.base import RecordError, Turn

# Present-day times in seconds are about 1.7e9; anything a thousand times larger is in the next smaller unit.
_MILLISECONDS_FROM = 1e11
_MICROSECONDS_FROM = 1e14
# Kinds of message parts that are words; a part without `type` is one if it has `text`.
_TEXT_PARTS = ("text", "input_text", "output_text")


def text(value: Any) -> str:
    """Return message text from a string, None, or a list of parts (strings, or objects with ``text``).

    Parts that are no text (images, files, tool calls) have no place in a study of words and give nothing.

    Raises
    ------
    RecordError
        When the value is of another type.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return text(value.get("text")) if value.get("type", "text") in _TEXT_PARTS else ""
    if isinstance(value, Sequence):
        return "\n\n".join(part for part in map(text, value) if part)
    raise RecordError("wrong_layout", f"a message's content is {kind_of(value)} where text belongs")


def turns(value: Any, *, field: str, role: str, content: str) -> tuple[Turn, ...]:
    """Return the turns of a list of message objects.

    Parameters
    ----------
    value
        The record's list of messages.
    field, role, content
        Keys of the list in its record, and of a message's speaker and text.
    """
    if not isinstance(value, list):
        raise RecordError("wrong_layout", f"`{field}` is {kind_of(value)} where a list of messages belongs")
    result = []
    for number, message in enumerate(value, 1):
        if not isinstance(message, Mapping):
            raise RecordError("wrong_layout", f"message {number} of `{field}` is {kind_of(message)}, not an object")
        if not isinstance(message.get(role), str):
            raise RecordError("wrong_layout", f"message {number} of `{field}` has no `{role}`")
        if content not in message:
            raise RecordError("wrong_layout", f"message {number} of `{field}` has no `{content}`")
        result.append(Turn(message[role], text(message[content])))
    return tuple(result)


def is_messages(value: Any, *keys: str) -> bool:
    """Tell whether `value` is a list whose first item, if any, is an object with `keys`."""
    return isinstance(value, list) and (
        not value or (isinstance(value[0], Mapping) and all(key in value[0] for key in keys))
    )


def word(value: Any) -> str | None:
    """Return an id or label as text; None for nothing (null, NaN, blank)."""
    if value is None or isinstance(value, (Mapping, list, bool)):
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        # Tables with gaps turn integer ids into floats.
        value = int(value) if value.is_integer() else value
    return str(value).strip() or None


def time(value: Any) -> str | float | datetime | None:
    """Return a time field as `instant` takes it; None for nothing."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    return value.strip() or None if isinstance(value, str) else None


def instant(value: str | float | datetime) -> datetime | None:
    """Return a time in UTC, or None when it cannot be read; a time without zone is taken as UTC."""
    try:
        if isinstance(value, str):
            value = _number(value) or datetime.fromisoformat(value.removesuffix(" UTC"))
        if isinstance(value, (int, float)):
            scale = 1e6 if value >= _MICROSECONDS_FROM else 1e3 if value >= _MILLISECONDS_FROM else 1
            value = datetime.fromtimestamp(value / scale, UTC)
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    # pandas subclasses datetime; the plain type keeps nanoseconds out of later comparisons.
    return datetime.fromtimestamp(int(moment.timestamp()), UTC).replace(microsecond=moment.microsecond)


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def kind_of(value: Any) -> str:
    """Return the JSON word for a value's type."""
    names = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)
