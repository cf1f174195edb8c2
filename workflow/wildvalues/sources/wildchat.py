"""WildChat and WildChat-1M: conversations of consenting users with ChatGPT.

Layout: the dataset cards of allenai/WildChat and allenai/WildChat-1M. The card says `conversation_hash` is not
unique (equal conversations share it) and `turn_identifier` is, so the id is made of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wildvalues.sources import fields
from wildvalues.sources.base import Conversation, RecordSource


class WildChat(RecordSource):
    """``{"conversation_hash", "model", "timestamp", "conversation": [{"role", "content", "hashed_ip", ...}]}``."""

    name = "wildchat"
    summary = "WildChat and WildChat-1M, Parquet or JSON Lines; users are hashed addresses"
    columns = frozenset(
        ("conversation_hash", "conversation_id", "conversation", "hashed_ip", "language", "model", "timestamp")
    )
    recognised_by = "`conversation` (role, content) with `conversation_hash` or `timestamp`"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has this format's layout."""
        return fields.is_messages(record.get("conversation"), "role", "content") and (
            "conversation_hash" in record or "timestamp" in record
        )

    def parse(self, record: Mapping[str, Any]) -> Conversation:
        """Turn one record into a conversation."""
        messages = fields.turns(record.get("conversation"), field="conversation", role="role", content="content")
        identity = fields.word(record.get("conversation_id")) or fields.word(record.get("conversation_hash"))
        turn = self._first(record, "turn_identifier")
        if identity is not None and turn is not None:
            identity = f"{identity}-{turn}"
        return Conversation(
            turns=messages,
            conversation_id=identity,
            language=fields.word(record.get("language")),
            model=fields.word(record.get("model")),
            user_id=self._first(record, "hashed_ip") or fields.word(record.get("hashed_ip")),
            started_at=fields.time(record.get("timestamp")),
        )

    @staticmethod
    def _first(record: Mapping[str, Any], key: str) -> str | None:
        return next((found for turn in record["conversation"] if (found := fields.word(turn.get(key)))), None)
