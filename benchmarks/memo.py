"""The memo against SQLite: opening time, peak memory, and rate of recording and looking up answers.

    python benchmarks/memo.py                 # 100,000 and 1,000,000 answers
    python benchmarks/memo.py --answers 20000

Every figure is taken in a process of its own, so that peak memory is that of the one operation. SQLite holds the same
records as text under the same keys, in WAL mode, one transaction for every answer that is recorded, because an answer
has to survive the death of the process the moment it is there. Neither waits for the disk with each answer
(``synchronous=NORMAL``). Beside each rate stands what it is in CPU time, which other work on the machine changes less.
Looking up is by random key, answers that are there and, for one in ten, answers that are not.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from wildvalues.llm.memo import Memo
from wildvalues.llm.memo_records import Record, read_record, write_record
from wildvalues.llm.types import Answer

LOOKED_UP = 20_000
# An answer as long as most: a list of values with quotes.
TEXT = json.dumps({"ai_values": [{"quote": "I would tell your team first, then decide", "value": "honesty"}] * 3})


def key(number: int) -> str:
    """Return a key that is spread like a hash's; different numbers give different keys."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" + f"{number:048x}"


def record(number: int) -> Record:
    """Return answer `number`."""
    return Record(key(number), "claude-haiku-4-5", Answer(TEXT, "end_turn", 2_000 + number % 500, 80))


class Ours:
    """The memo of this package."""

    name = "wildvalues memo"

    def __init__(self, folder: Path) -> None:
        self._memo = Memo(folder / "memo")

    def put(self, one: Record) -> None:
        """Record an answer."""
        self._memo.put_record(one)

    def get(self, of: str) -> Record | None:
        """Look an answer up."""
        return self._memo.record(of)

    def close(self) -> None:
        """Let go."""
        self._memo.close()


class Sqlite:
    """The alternative: one table in SQLite, from the standard library."""

    name = f"sqlite {sqlite3.sqlite_version}"

    def __init__(self, folder: Path) -> None:
        self._base = sqlite3.connect(folder / "answers.sqlite", isolation_level=None)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=NORMAL")
        self._base.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, line BLOB) WITHOUT ROWID")

    def put(self, one: Record) -> None:
        """Record an answer in a transaction of its own."""
        self._base.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (one.key, write_record(one)))

    def get(self, of: str) -> Record | None:
        """Look an answer up."""
        found = self._base.execute("SELECT line FROM answers WHERE key = ?", (of,)).fetchone()
        return None if found is None else read_record(found[0])

    def close(self) -> None:
        """Let go."""
        self._base.close()


STORES = {"ours": Ours, "sqlite": Sqlite}


def work(store: str, task: str, folder: Path, answers: int) -> dict[str, float]:
    """Do one task in this process; return seconds, how many, and peak memory in MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, computed = time.perf_counter(), time.process_time()
    opened = STORES[store](folder)
    count = 1
    if task == "put":
        for number in range(answers):
            opened.put(record(number))
        count = answers
    else:
        # The first look-up belongs to opening: an index may be built by it.
        assert opened.get(key(answers // 2)) == record(answers // 2)
    if task == "get":
        draw = random.Random(1)
        wanted = [draw.randrange(answers * 10 // 9) for _ in range(LOOKED_UP)]
        start, computed = time.perf_counter(), time.process_time()
        found = sum(opened.get(key(number)) is not None for number in wanted)
        assert found == sum(number < answers for number in wanted)
        count = LOOKED_UP
    seconds, computed = time.perf_counter() - start, time.process_time() - computed
    opened.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "cpu": computed, "count": count, "mb": peak / 1024, "more_mb": (peak - before) / 1024}


def in_own_process(store: str, task: str, folder: Path, answers: int) -> dict[str, float]:
    """Do one task in a process of its own."""
    words = [sys.executable, __file__, "--work", store, task, str(folder), "--answers", str(answers)]
    found: dict[str, float] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return found


def size_mb(folder: Path) -> float:
    """Return the size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def row(name: str, store: str, answers: int) -> str:
    """Measure one store with so many answers."""
    with tempfile.TemporaryDirectory(prefix="wildvalues-benchmark-") as place:
        folder = Path(place)
        put = in_own_process(store, "put", folder, answers)
        disk = size_mb(folder)
        opening = in_own_process(store, "open", folder, answers)
        get = in_own_process(store, "get", folder, answers)
        cells = [
            f"{opening['seconds']:.2f} s",
            f"{opening['cpu']:.2f} s",
            f"{opening['mb']:,.0f} MB",
            f"{opening['more_mb']:,.0f} MB",
            f"{put['count'] / put['seconds']:,.0f}/s",
            f"{put['count'] / put['cpu']:,.0f}/s",
            f"{put['more_mb']:,.0f} MB",
            f"{get['count'] / get['seconds']:,.0f}/s",
            f"{get['count'] / get['cpu']:,.0f}/s",
            f"{disk:,.0f} MB",
        ]
        if store == "ours":
            for index in (folder / "memo").glob("*.index"):
                index.unlink()
            cells[0] += f" ({in_own_process(store, 'open', folder, answers)['seconds']:.2f} s)"
    return f"{name:<18}{answers:>11,}{cells[0]:>18}" + "".join(f"{cell:>11}" for cell in cells[1:])


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--answers", type=int, nargs="+", default=[100_000, 1_000_000])
    options.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.work:
        store, task, folder = given.work
        print(json.dumps(work(store, task, Path(folder), given.answers[0])))
        return
    heads = ("cpu", "peak", "of it new", "put", "cpu", "new memory", "get", "cpu", "on disk")
    print(f"{'':<18}{'answers':>11}{'open (no index)':>18}" + "".join(f"{head:>11}" for head in heads))
    for answers in given.answers:
        for store, kind in STORES.items():
            print(row(kind.name, store, answers), flush=True)


if __name__ == "__main__":
    main()
