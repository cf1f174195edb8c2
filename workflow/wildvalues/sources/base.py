"""What a log format turns into: conversations of turns, each known by where in the input it stood.

Two layers meet here. A container (`containers`) turns a file into records; a source (one module a format) turns
records into conversations. So every format may come as JSON Lines, JSON, Parquet, CSV or zip, compressed or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

RejectKind = Literal[
    "bad_columns",
    "bad_encoding",
    "broken_json",
    "duplicate_id",
    "empty_conversation",
    "empty_file",
    "no_reply",
    "too_long",
    "unknown_role",
    "wrong_layout",
]


class RecordError(Exception):
    """One record cannot be used. `reason` says in words what was found, without text of the conversation."""

    def __init__(self, kind: RejectKind, reason: str) -> None:
        super().__init__(reason)
        self.kind: RejectKind = kind
        self.reason = reason


@dataclass(frozen=True)
class Turn:
    """One message as the log has it; `role` in the log's own word."""

    role: str
    content: str


@dataclass(frozen=True)
class Conversation:
    """One conversation as the log has it, before cleaning.

    Parameters
    ----------
    turns
        Messages in order, system and tool messages included.
    conversation_id
        The log's own id; None lets ingest derive one from the content.
    language
        The log's own word: a code (``en``, ``en-US``) or an English name (``English``).
    started_at
        ISO 8601 text, seconds, milliseconds or microseconds since 1970, or a datetime; UTC when it says nothing.
    """

    turns: tuple[Turn, ...]
    conversation_id: str | None = None
    source: str | None = None
    language: str | None = None
    model: str | None = None
    user_id: str | None = None
    started_at: str | float | datetime | None = None


@dataclass(frozen=True)
class Record:
    """One record of a file, or why there is none at this place. `where` is ``file:line`` or alike."""

    where: str
    value: Mapping[str, Any] | RecordError


@dataclass(frozen=True)
class Reading:
    """What a source made of one record, or of several that form one conversation."""

    where: str
    value: Conversation | RecordError


class Source(Protocol):
    """A log format."""

    @property
    def name(self) -> str:
        """Word for ``ingest.format``."""
        ...

    @property
    def summary(self) -> str:
        """What logs these are, in one line."""
        ...

    @property
    def recognised_by(self) -> str:
        """How a record of this format is told from others, in one line."""
        ...

    @property
    def columns(self) -> frozenset[str] | None:
        """Top-level fields that `read` needs, so that a columnar file can skip the rest; None for all."""
        ...

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has this format's layout."""
        ...

    def read(self, records: Iterable[Record]) -> Iterator[Reading]:
        """Turn records into conversations, one reading for each record or group of records."""
        ...


class RecordSource:
    """A format in which each record is one whole conversation; formats add `matches` and `parse`."""

    name: str
    summary: str
    recognised_by: str
    columns: frozenset[str] | None = None

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has this format's layout."""
        raise NotImplementedError

    def parse(self, record: Mapping[str, Any]) -> Conversation:
        """Turn one record into a conversation.

        Raises
        ------
        RecordError
            When the record lacks what the format promises.
        """
        raise NotImplementedError

    def read(self, records: Iterable[Record]) -> Iterator[Reading]:
        """Turn records into conversations one by one."""
        for record in records:
            if isinstance(record.value, RecordError):
                yield Reading(record.where, record.value)
                continue
            try:
                yield Reading(record.where, self.parse(record.value))
            except RecordError as error:
                yield Reading(record.where, error)
