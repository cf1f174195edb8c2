"""From a log's turns to a dialogue: user and assistant alternate, the user begins and the assistant ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from wildvalues.sources.base import RecordError, Turn

_ROLES = {
    "user": ("user", "human", "prompter", "customer"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "bing", "bard", "claude", "model", "ai"),
    "system": ("system", "developer"),
    "tool": ("tool", "function", "function_call", "function_response", "observation", "tool_call", "tool_result"),
}
_ROLE = {word: role for role, words in _ROLES.items() for word in words}
# NUL ends a string in C libraries downstream, and a lone surrogate cannot be written as UTF-8.
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Message:
    """One message of a cleaned dialogue."""

    role: str
    content: str


def writable(text: str) -> tuple[str, int]:
    """Return `text` with NULs and lone surrogates replaced by U+FFFD, and how many there were."""
    return _UNWRITABLE.subn("\ufffd", text)


def dialogue(turns: Iterable[Turn], *, max_chars: int) -> tuple[tuple[Message, ...], Counter[str]]:
    """Clean a conversation's turns.

    System and tool turns, blank turns, replies before the user's first words and user turns without a reply at
    the end are dropped; consecutive turns of one speaker are joined by a blank line.

    Parameters
    ----------
    turns
        Messages as the log has them.
    max_chars
        Longest message allowed, in characters, after joining.

    Returns
    -------
    tuple
        The messages, and a count of each kind of change (``system_turns_dropped`` and so on).

    Raises
    ------
    RecordError
        When a role is unknown, nothing is left, no reply is left, or a message is too long.
    """
    changes: Counter[str] = Counter()
    messages: list[Message] = []
    for turn in turns:
        role = _ROLE.get(turn.role.strip().casefold())
        if role is None:
            known = ", ".join(word for words in _ROLES.values() for word in words)
            raise RecordError("unknown_role", f"unknown role {turn.role.strip()[:40]!r}; known are {known}")
        content, replaced = writable(turn.content.strip())
        if role in ("system", "tool"):
            changes[f"{role}_turns_dropped"] += 1
        elif not content:
            changes["blank_turns_dropped"] += 1
        elif not messages and role == "assistant":
            changes["opening_replies_dropped"] += 1
        else:
            changes["characters_replaced"] += replaced
            if messages and messages[-1].role == role:
                changes["turns_joined"] += 1
                messages[-1] = Message(role, f"{messages[-1].content}\n\n{content}")
            else:
                messages.append(Message(role, content))
    if not messages:
        found = "only replies" if changes["opening_replies_dropped"] else "no words"
        raise RecordError("empty_conversation", f"the conversation holds {found} of a user and an assistant")
    if messages[-1].role == "user":
        if len(messages) == 1:
            raise RecordError("no_reply", "the conversation has no assistant turn")
        changes["unanswered_turns_dropped"] += 1
        messages.pop()
    longest = max(len(message.content) for message in messages)
    if longest > max_chars:
        raise RecordError(
            "too_long", f"a message of {longest:,} characters is over ingest.max_message_chars ({max_chars:,})"
        )
    return tuple(messages), +changes
