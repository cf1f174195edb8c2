"""A user's data export from ChatGPT: ``conversations.json``, bare or inside its zip.

Each thread is a tree of messages, since a user may edit a message or ask for another reply; what was last on
the screen is the branch that ends in ``current_node``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wildvalues.sources import fields
from wildvalues.sources.base import Conversation, RecordError, RecordSource, Turn
from wildvalues.sources.branches import branch

# Other kinds (code sent to a tool, its output, thoughts, memory) are not what the two said to one another.
_SPOKEN = ("text", "multimodal_text")


class ChatGptExport(RecordSource):
    """``{"conversation_id", "create_time", "current_node", "mapping": {node: {"parent", "message"}}}``."""

    name = "chatgpt-export"
    summary = "ChatGPT data export: conversations.json or the whole zip; the branch last shown"
    recognised_by = "`mapping`, a tree of messages"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has this format's layout."""
        mapping = record.get("mapping")
        return isinstance(mapping, Mapping) and all(
            isinstance(node, Mapping) and "message" in node for node in mapping.values()
        )

    def parse(self, record: Mapping[str, Any]) -> Conversation:
        """Turn one record into a conversation."""
        mapping = record.get("mapping")
        if not isinstance(mapping, Mapping) or not all(isinstance(node, Mapping) for node in mapping.values()):
            raise RecordError("wrong_layout", f"`mapping` is {fields.kind_of(mapping)}, not an object of messages")
        if not mapping:
            raise RecordError("empty_conversation", "the conversation has no message")
        parents = {key: fields.word(node.get("parent")) for key, node in mapping.items()}
        leaf = fields.word(record.get("current_node"))
        path = branch(parents, leaf if leaf is not None else _latest_leaf(mapping, parents))
        messages = [message for key in path if isinstance(message := mapping[key].get("message"), Mapping)]
        models = [slug for message in messages if (slug := fields.word(_part(message, "metadata").get("model_slug")))]
        return Conversation(
            turns=tuple(_turn(message) for message in messages),
            conversation_id=fields.word(record.get("conversation_id")) or fields.word(record.get("id")),
            model=models[-1] if models else fields.word(record.get("default_model_slug")),
            started_at=fields.time(record.get("create_time")),
        )


def _latest_leaf(mapping: Mapping[str, Any], parents: Mapping[str, str | None]) -> str:
    """Return the leaf written last, for threads whose ``current_node`` is missing."""
    inner = set(parents.values())
    leaves = [key for key in mapping if key not in inner]
    if not leaves:
        raise RecordError("wrong_layout", "the messages' parents form a ring")

    def written(key: str) -> tuple[float, str]:
        moment = _part(mapping[key], "message").get("create_time")
        return (float(moment) if isinstance(moment, (int, float)) else 0.0, key)

    return max(leaves, key=written)


def _turn(message: Mapping[str, Any]) -> Turn:
    role = _part(message, "author").get("role")
    if not isinstance(role, str):
        raise RecordError("wrong_layout", "a message has no `author.role`")
    content = _part(message, "content")
    hidden = bool(_part(message, "metadata").get("is_visually_hidden_from_conversation"))
    to_tool = message.get("recipient") not in (None, "all")
    spoken = content.get("content_type", "text") in _SPOKEN
    if role in ("user", "assistant") and (hidden or to_tool or not spoken):
        role = "tool"
    parts = content.get("parts")
    return Turn(role, fields.text(parts if parts is not None else content.get("text")))


def _part(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, Mapping) else {}
