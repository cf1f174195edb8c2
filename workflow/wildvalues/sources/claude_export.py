"""A user's data export from Claude.ai: ``conversations.json``, bare or inside its zip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wildvalues.sources import fields
from wildvalues.sources.base import Conversation, RecordError, RecordSource, Turn
from wildvalues.sources.branches import branch


class ClaudeExport(RecordSource):
    """``{"uuid", "created_at", "account": {"uuid"}, "chat_messages": [{"sender", "text", "content"}]}``."""

    name = "claude-export"
    summary = "Claude.ai data export: conversations.json or the whole zip"
    recognised_by = "`uuid` and `chat_messages`"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has this format's layout."""
        return "chat_messages" in record and "uuid" in record

    def parse(self, record: Mapping[str, Any]) -> Conversation:
        """Turn one record into a conversation."""
        messages = record.get("chat_messages")
        if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
            raise RecordError("wrong_layout", f"`chat_messages` is {fields.kind_of(messages)}, not a list of objects")
        account = record.get("account")
        return Conversation(
            turns=tuple(_turn(message) for message in _shown(messages, record.get("current_leaf_message_uuid"))),
            conversation_id=fields.word(record.get("uuid")),
            model=fields.word(record.get("model")),
            user_id=fields.word(account.get("uuid")) if isinstance(account, Mapping) else None,
            started_at=fields.time(record.get("created_at")),
        )


def _shown(messages: list[Mapping[str, Any]], leaf: Any) -> list[Mapping[str, Any]]:
    """Return the messages of the branch last shown; exports without a tree are one branch."""
    if not isinstance(leaf, str) or not all("uuid" in each and "parent_message_uuid" in each for each in messages):
        return messages
    by_id = {str(message["uuid"]): message for message in messages}
    parents = {key: fields.word(message["parent_message_uuid"]) for key, message in by_id.items()}
    return [by_id[key] for key in branch(parents, leaf)]


def _turn(message: Mapping[str, Any]) -> Turn:
    sender = message.get("sender")
    if not isinstance(sender, str):
        raise RecordError("wrong_layout", "a message has no `sender`")
    blocks = message.get("content")
    # `text` puts a notice in the place of thinking and tool use, so the text blocks are preferred to it.
    if isinstance(blocks, list) and any(isinstance(block, Mapping) and block.get("type") == "text" for block in blocks):
        shown = [block for block in blocks if isinstance(block, Mapping) and block.get("type") == "text"]
        return Turn(sender, fields.text(shown))
    return Turn(sender, fields.text(message.get("text")))
