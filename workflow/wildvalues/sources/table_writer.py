"""Writing the conversation table a batch at a time, with the same bytes for the same rows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from wildvalues.sources.settle import Entry
from wildvalues.tables import CONVERSATIONS

# Rows to a row group. Fixed, so that the bytes depend on the rows alone; small, since rows are whole conversations.
_GROUP = 2_000


class ConversationWriter:
    """A context manager; rows must come in the order of their ids. Settings as `wildvalues.files.write_table`."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(
            path, CONVERSATIONS.schema, compression="zstd", compression_level=3, version="2.6"
        )
        self._rows: list[dict[str, object]] = []

    def __enter__(self) -> ConversationWriter:
        return self

    def write(self, entry: Entry) -> None:
        """Add a conversation."""
        self._rows.append(
            {
                "conversation_id": entry.conversation_id,
                "source": entry.source,
                "language": entry.language,
                "model": entry.model,
                "user_id": entry.user_id,
                "started_at": datetime.fromisoformat(entry.started_at) if entry.started_at else None,
                "messages": [{"role": message.role, "content": message.content} for message in entry.messages],
            }
        )
        if len(self._rows) == _GROUP:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=CONVERSATIONS.schema), row_group_size=_GROUP)
        self._rows.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._rows:
            self._flush()
        self._writer.close()
