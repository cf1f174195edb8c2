"""A sorted pile on disk: text added in any order comes back grouped by key, with memory bounded.

SQLite keeps the order in its index, so nothing but its page cache is ever held in memory.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

_CACHE_KIB = 16 * 1024


class Spool:
    """Text under keys. Use `open_spool`, which also deletes the file."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        # The file is scratch: it is deleted whatever happens, so nothing need survive a crash.
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._connection.execute(
            "CREATE TABLE pile (number INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT NOT NULL)"
        )
        self._connection.execute("CREATE INDEX by_key ON pile (key, number)")
        self._connection.execute("BEGIN")

    def add(self, key: str, value: str) -> None:
        """Put a text on the pile."""
        self._connection.execute("INSERT INTO pile (key, value) VALUES (?, ?)", (key, value))

    def groups(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each key, in the order of its UTF-8 bytes, with its texts in the order they were added."""
        found = self._connection.execute("SELECT key, value FROM pile INDEXED BY by_key ORDER BY key, number")
        for key, rows in itertools.groupby(found, key=lambda row: row[0]):
            yield key, [value for _, value in rows]

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


@contextlib.contextmanager
def open_spool(path: Path) -> Iterator[Spool]:
    """Open an empty pile at `path`, gone at the end."""
    path.unlink(missing_ok=True)
    spool = Spool(path)
    try:
        yield spool
    finally:
        spool.close()
        path.unlink(missing_ok=True)
