"""ShareGPT: the layout of shared ChatGPT threads, since used by many tuning corpora."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wildvalues.sources import fields
from wildvalues.sources.base import Conversation, RecordSource


class ShareGpt(RecordSource):
    """``{"id", "conversations": [{"from": "human", "value": "..."}]}``."""

    name = "sharegpt"
    summary = "ShareGPT and tuning corpora in its layout"
    recognised_by = "`conversations`, a list of `from` and `value`"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has this format's layout."""
        return fields.is_messages(record.get("conversations"), "from", "value")

    def parse(self, record: Mapping[str, Any]) -> Conversation:
        """Turn one record into a conversation."""
        return Conversation(
            turns=fields.turns(record.get("conversations"), field="conversations", role="from", content="value"),
            conversation_id=fields.word(record.get("id")),
            language=fields.word(record.get("language") or record.get("lang")),
            model=fields.word(record.get("model")),
        )
