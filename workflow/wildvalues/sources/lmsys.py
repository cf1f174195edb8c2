"""LMSYS-Chat-1M: conversations with 25 models in an arena; it names no user and no time.

Layout: the dataset card of lmsys/lmsys-chat-1m.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wildvalues.sources import fields
from wildvalues.sources.base import Conversation, RecordSource


class Lmsys(RecordSource):
    """``{"conversation_id", "model", "conversation": [{"role", "content"}], "turn", "language", ...}``."""

    name = "lmsys"
    summary = "LMSYS-Chat-1M, Parquet or JSON Lines"
    columns = frozenset(("conversation_id", "conversation", "language", "model"))
    recognised_by = "`conversation_id`, `model` and `conversation` (role, content)"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has this format's layout."""
        return (
            fields.is_messages(record.get("conversation"), "role", "content")
            and "conversation_id" in record
            and "model" in record
        )

    def parse(self, record: Mapping[str, Any]) -> Conversation:
        """Turn one record into a conversation."""
        return Conversation(
            turns=fields.turns(record.get("conversation"), field="conversation", role="role", content="content"),
            conversation_id=fields.word(record.get("conversation_id")),
            language=fields.word(record.get("language")),
            model=fields.word(record.get("model")),
        )
