"""Our own layout, the one to export to: one conversation a line, roles already ``user`` and ``assistant``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wildvalues.sources import fields
from wildvalues.sources.base import Conversation, RecordSource


class Native(RecordSource):
    """``{"conversation_id", "messages": [{"role", "content"}], "source", "language", "model", ...}``."""

    name = "wildvalues"
    summary = "our own: conversation_id, messages (role, content), and if known language, model, user_id, started_at"
    recognised_by = "`conversation_id` and `messages`"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has this format's layout."""
        return "conversation_id" in record and "messages" in record

    def parse(self, record: Mapping[str, Any]) -> Conversation:
        """Turn one record into a conversation."""
        return Conversation(
            turns=fields.turns(record.get("messages"), field="messages", role="role", content="content"),
            conversation_id=fields.word(record.get("conversation_id")),
            source=fields.word(record.get("source")),
            language=fields.word(record.get("language")),
            model=fields.word(record.get("model")),
            user_id=fields.word(record.get("user_id")),
            started_at=fields.time(record.get("started_at")),
        )
