"""Anthropic's hh-rlhf corpus: a transcript in one string, the preferred one of a pair.

Layout: the dataset card of Anthropic/hh-rlhf. Its red-team file calls the field ``transcript``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wildvalues.sources import fields
from wildvalues.sources.base import Conversation, RecordError, RecordSource, Turn

_SPEAKER = re.compile(r"(?:^|\n\n)(Human|Assistant):")


class HhRlhf(RecordSource):
    r"""``{"chosen": "\n\nHuman: ...\n\nAssistant: ...", "rejected": ...}``."""

    name = "hh-rlhf"
    summary = "Anthropic hh-rlhf transcripts; the `chosen` one of each pair, or the red-team `transcript`"
    recognised_by = "`chosen` or `transcript` holding Human: and Assistant: turns"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has this format's layout."""
        transcript = _transcript(record)
        return isinstance(transcript, str) and _SPEAKER.match(transcript) is not None

    def parse(self, record: Mapping[str, Any]) -> Conversation:
        """Turn one record into a conversation."""
        transcript = _transcript(record)
        if not isinstance(transcript, str):
            raise RecordError("wrong_layout", f"`chosen` is {fields.kind_of(transcript)} where a transcript belongs")
        before, *parts = _SPEAKER.split(transcript)
        if before.strip():
            raise RecordError("wrong_layout", "the transcript does not begin with Human: or Assistant:")
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return Conversation(turns=tuple(Turn(speaker, content) for speaker, content in pairs))


def _transcript(record: Mapping[str, Any]) -> Any:
    return record["chosen"] if "chosen" in record else record.get("transcript")
