"""Writing the conversation table a batch at a time, with the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wildvalues.sources.settle import Entry
from wildvalues.tables import CONVERSATIONS

# A row group ends at so many rows or characters, whichever comes first: fixed, so that the bytes depend on the rows
# alone, and small, since a row is a whole conversation.
_GROUP_ROWS = 10_000
_GROUP_CHARS = 8 * 2**20


def as_row(entry: Entry) -> dict[str, Any]:
    """Return a settled conversation as a row of the table."""
    return {
        "conversation_id": entry.conversation_id,
        "source": entry.source,
        "language": entry.language,
        "model": entry.model,
        "user_id": entry.user_id,
        "started_at": datetime.fromisoformat(entry.started_at) if entry.started_at else None,
        "messages": [{"role": message.role, "content": message.content} for message in entry.messages],
    }


class ConversationWriter:
    """A context manager; rows must come in the order of their ids. Settings as `wildvalues.files.write_table`."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(
            path, CONVERSATIONS.schema, compression="zstd", compression_level=3, version="2.6"
        )
        self._rows: list[Mapping[str, Any]] = []
        self._chars = 0

    def __enter__(self) -> ConversationWriter:
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a conversation with the columns of `wildvalues.tables.CONVERSATIONS`."""
        self._rows.append(row)
        self._chars += sum(len(message["content"]) for message in row["messages"])
        if len(self._rows) == _GROUP_ROWS or self._chars >= _GROUP_CHARS:
            self._flush()

    def _flush(self) -> None:
        table = pa.Table.from_pylist(self._rows, schema=CONVERSATIONS.schema)
        self._writer.write_table(table, row_group_size=_GROUP_ROWS)
        self._rows.clear()
        self._chars = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._rows:
            self._flush()
        self._writer.close()
