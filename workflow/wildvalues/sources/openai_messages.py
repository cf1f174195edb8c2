"""Lists of `messages` as chat APIs take them: OpenAI tuning files, request logs, most tuning corpora."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wildvalues.sources import fields
from wildvalues.sources.base import Conversation, RecordError, RecordSource


class OpenAiMessages(RecordSource):
    """``{"messages": [{"role", "content"}]}``; content is text or a list of parts; a bare list is taken too."""

    name = "openai"
    summary = "chat-API `messages` lists, one conversation a record, or bare lists of messages"
    recognised_by = "`messages`, a list of `role` and `content`, and no `conversation_id`"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has this format's layout."""
        return fields.is_messages(record.get("messages"), "role") and "conversation_id" not in record

    def parse(self, record: Mapping[str, Any]) -> Conversation:
        """Turn one record into a conversation."""
        messages = record.get("messages")
        if not isinstance(messages, list):
            raise RecordError("wrong_layout", f"`messages` is {fields.kind_of(messages)} where a list belongs")
        # An assistant message that only calls a tool may leave `content` out.
        padded = [{"content": None, **message} if isinstance(message, Mapping) else message for message in messages]
        return Conversation(
            turns=fields.turns(padded, field="messages", role="role", content="content"),
            conversation_id=_first(record, "conversation_id", "id", "uuid"),
            language=fields.word(record.get("language")),
            model=fields.word(record.get("model")),
            user_id=_first(record, "user_id", "user"),
            started_at=fields.time(
                next(
                    (record[key] for key in ("started_at", "created_at", "created", "timestamp") if key in record), None
                )
            ),
        )


def _first(record: Mapping[str, Any], *keys: str) -> str | None:
    return next((found for key in keys if (found := fields.word(record.get(key)))), None)
