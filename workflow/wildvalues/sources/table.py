"""Any table through ``ingest.columns``: one exchange a row, or one message a row.

Rows that share a conversation id form one conversation wherever they stand; their messages follow the time
column when every row has a time, else the order of the input, which only then carries meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from wildvalues.errors import InputError
from wildvalues.params import ColumnMapping
from wildvalues.sources import fields
from wildvalues.sources.base import Conversation, Reading, Record, RecordError, Turn
from wildvalues.sources.spool import open_spool

_Row = tuple[str, list[tuple[str, str]], dict[str, str | None]]


class Table:
    """Rows of CSV, TSV, Parquet or JSON Lines, read through a column mapping.

    Parameters
    ----------
    mapping
        Which column holds what.
    scratch
        A folder for the pile that groups rows into conversations.
    """

    name = "table"
    summary = "any table (CSV, TSV, Parquet, JSON Lines), one exchange or one message a row"
    recognised_by = "`ingest.columns` being set"

    def __init__(self, mapping: ColumnMapping, scratch: Path) -> None:
        self._mapping = mapping
        self._scratch = scratch
        self._named = {key: column for key, column in mapping.model_dump().items() if column is not None}
        # All of them, so that a message about a wrong mapping can name what the table has.
        self.columns: frozenset[str] | None = None

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has the columns that hold the text."""
        return all(column in record for column in self._text_columns())

    def read(self, records: Iterable[Record]) -> Iterator[Reading]:
        """Turn rows into conversations.

        Raises
        ------
        InputError
            When a column of the mapping occurs in no row.
        """
        seen: set[str] = set()
        # Rows without an id are whole exchanges on their own; the rest is grouped on disk.
        with open_spool(self._scratch / "rows.sqlite") as spool:
            for record in records:
                try:
                    if isinstance(record.value, RecordError):
                        raise record.value
                    seen.update(record.value)
                    identity, row = self._row(record.where, record.value)
                except RecordError as error:
                    yield Reading(record.where, error)
                    continue
                if identity is None:
                    yield Reading(record.where, _conversation(None, [row]))
                else:
                    spool.add(identity, json.dumps(row))
            self._check_columns(seen)
            for identity, rows in spool.groups():
                members = [_revived(row) for row in rows]
                yield Reading(members[0][0], _conversation(identity, members))

    def _row(self, where: str, record: Mapping[str, Any]) -> tuple[str | None, _Row]:
        missing = [column for column in self._text_columns() if column not in record]
        if missing:
            has = ", ".join(list(record)[:12])
            raise RecordError("bad_columns", f"has no column {', '.join(missing)} (it has {has})")
        mapping = self._mapping
        identity = fields.word(record.get(mapping.conversation_id)) if mapping.conversation_id else None
        if mapping.role is not None and mapping.content is not None:
            role = fields.word(record[mapping.role])
            if role is None:
                raise RecordError("unknown_role", f"column {mapping.role} is empty")
            if identity is None:
                raise RecordError("bad_columns", f"column {mapping.conversation_id} is empty")
            messages = [(role, fields.text(record[mapping.content]))]
        else:
            messages = [
                ("user", fields.text(record[str(mapping.prompt)])),
                ("assistant", fields.text(record[str(mapping.reply)])),
            ]
        about = {key: _plain(record.get(self._named[key])) for key in _ABOUT if key in self._named}
        return identity, (where, messages, about)

    def _text_columns(self) -> list[str]:
        keys = ("prompt", "reply", "role", "content")
        return [self._named[key] for key in keys if key in self._named]

    def _check_columns(self, seen: set[str]) -> None:
        absent = sorted(set(self._named.values()) - seen)
        if absent and seen:
            raise InputError(
                f"params.yaml: ingest.columns names {', '.join(absent)}, which no row has; "
                f"the table has {', '.join(sorted(seen)[:20])}"
            )


_ABOUT = ("language", "model", "user_id", "started_at")


def _plain(value: Any) -> str | None:
    moment = fields.time(value)
    if isinstance(value, datetime) and isinstance(moment, datetime):
        return moment.isoformat()
    return fields.word(value)


def _revived(row: str) -> _Row:
    where, messages, about = json.loads(row)
    return where, [(role, content) for role, content in messages], about


def _conversation(identity: str | None, rows: list[_Row]) -> Conversation:
    times = [fields.instant(time) if (time := about.get("started_at")) else None for _, _, about in rows]
    moments = [moment for moment in times if moment is not None]
    if len(moments) == len(rows):
        rows = [row for _, row in sorted(zip(moments, rows, strict=True), key=lambda pair: pair[0])]

    def first(key: str) -> str | None:
        return next((found for _, _, about in rows if (found := about.get(key)) is not None), None)

    return Conversation(
        turns=tuple(Turn(role, content) for _, messages, _ in rows for role, content in messages),
        conversation_id=identity,
        language=first("language"),
        model=first("model"),
        user_id=first("user_id"),
        started_at=min(moments) if moments else first("started_at"),
    )
