"""What becomes of records that share an id: equal ones are one, a longer one replaces its own beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wildvalues.sources.dialogue import Message


@dataclass(frozen=True)
class Entry:
    """A cleaned conversation; times are ISO 8601 in UTC."""

    conversation_id: str
    source: str
    language: str | None
    model: str | None
    user_id: str | None
    started_at: str | None
    messages: tuple[Message, ...]
    where: str


@dataclass(frozen=True)
class Settled:
    """The entry that stays, if any, and how many others it stands for; else all are `rejected`."""

    kept: Entry | None
    merged: int
    rejected: tuple[Entry, ...]


def settle(entries: Sequence[Entry]) -> Settled:
    """Settle the entries of one id, whatever their order.

    Equal messages are one conversation met twice. A conversation that begins with all of another one's messages
    is the same one exported later, and stays. Anything else means that the id does not identify, and since no
    entry has a better claim than another, all are rejected.
    """
    kept = min(entries, key=_preference)
    if all(kept.messages[: len(entry.messages)] == entry.messages for entry in entries):
        return Settled(kept, len(entries) - 1, ())
    return Settled(None, 0, tuple(entries))


def _preference(entry: Entry) -> tuple[int, int, str]:
    about = (entry.language, entry.model, entry.user_id, entry.started_at, entry.source)
    # Longest first, then the one that knows most, then any fixed order.
    return -len(entry.messages), sum(value is None for value in about), repr((about, entry.messages))
