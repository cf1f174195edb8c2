"""A conversation as text in a prompt: delimited, shortened if too long, never able to close its own delimiters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wildvalues.llm.defusing import defuse

_OMITTED = "\n[... left out ...]\n"


@dataclass(frozen=True)
class Turn:
    """One message of a conversation."""

    role: str
    text: str


def turns_of(messages: Sequence[Mapping[str, Any]]) -> list[Turn]:
    """Return the turns of a row of the conversation table."""
    return [Turn(message["role"], message["content"]) for message in messages]


def render(turns: Sequence[Turn], max_chars: int) -> str:
    """Return the conversation between its delimiters, at most about `max_chars` characters of it.

    A longer conversation keeps its beginning and its end: the request is usually stated first, and the stance of the
    reply shows at its end. Text in it that imitates the delimiters, a turn or a template token is defused.
    """
    texts = [defuse(turn.text) for turn in turns]
    total = sum(len(text) for text in texts)
    if total > max_chars:
        texts = [_shorten(text, max(200, int(len(text) * max_chars / total))) for text in texts]
        if sum(len(text) for text in texts) > max_chars:
            return _wrap(_drop_middle(turns, texts, max_chars))
    return _wrap([_tagged(turn.role, text) for turn, text in zip(turns, texts, strict=True)])


def _wrap(parts: Sequence[str]) -> str:
    return "<conversation>\n" + "\n".join(parts) + "\n</conversation>"


def _tagged(role: str, text: str) -> str:
    return f"<{role}>\n{text}\n</{role}>"


def _drop_middle(turns: Sequence[Turn], texts: Sequence[str], max_chars: int) -> list[str]:
    """Keep whole turns from both ends, the last first, until the room is used."""
    room = max_chars
    head: list[str] = []
    tail: list[str] = []
    low, high = 0, len(texts) - 1
    while low <= high:
        from_end = len(tail) <= len(head)
        index = high if from_end else low
        room -= len(texts[index])
        if room < 0 and head and tail:
            break
        part = _tagged(turns[index].role, texts[index])
        if from_end:
            tail.insert(0, part)
            high -= 1
        else:
            head.append(part)
            low += 1
    return [*head, *([_OMITTED.strip()] if low <= high else []), *tail]


def _shorten(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return text[: length * 2 // 3] + _OMITTED + text[len(text) - length // 3 :]
