"""Looking after a memo: counting, checking, packing for others, taking in, throwing out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from filelock import FileLock, Timeout

from wildvalues.errors import InputError
from wildvalues.files import replacing
from wildvalues.llm.memo import Memo, segment_paths
from wildvalues.llm.memo_records import Damaged, Record, read_record, write_record
from wildvalues.llm.memo_segments import SegmentWriter, is_being_written, lines_of, sidecar_path

# Strong and slow: an artefact is packed once and fetched often. No dictionary, no threads: equal records, equal bytes.
_LEVEL = 19


@dataclass
class Survey:
    """What is in a memo.

    Parameters
    ----------
    damaged
        (file, line number, what is wrong).
    unfinished
        Segments that end in half a line: their process was stopped, nothing else is wrong.
    """

    segments: int = 0
    bytes: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    input_tokens: Counter[str] = field(default_factory=Counter)
    output_tokens: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    damaged: list[tuple[Path, int, str]] = field(default_factory=list)
    unfinished: list[Path] = field(default_factory=list)


def survey(paths: Iterable[Path]) -> Survey:
    """Read every record of the segments or artefacts `paths`."""
    found = Survey()
    seen: set[bytes] = set()
    for path in paths:
        found.segments += 1
        found.bytes += path.stat().st_size
        for record in _records(path, found):
            found.answers[record.model] += 1
            found.input_tokens[record.model] += record.answer.input_tokens
            found.output_tokens[record.model] += record.answer.output_tokens
            key = bytes.fromhex(record.key)
            found.repeated += key in seen
            seen.add(key)
    return found


def export(memo: Memo, keys: Iterable[str], target: Path) -> int:
    """Pack the answers under `keys` into an artefact; equal answers give equal bytes. Return their number.

    Raises
    ------
    InputError
        When the memo lacks one of them.
    """
    wanted = sorted(set(keys))
    missing = 0
    packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    with replacing(target) as scratch, scratch.open("wb") as raw, packer.stream_writer(raw, closefd=False) as stream:
        for key in wanted:
            record = memo.record(key)
            if record is None:
                missing += 1
            else:
                stream.write(write_record(record))
        if missing:
            raise InputError(
                f"{target}: {missing} of {len(wanted)} answers are not in {memo.folder}; run the study once more with "
                "the journal, on this machine and with this memo"
            )
    return len(wanted)


def every_key(paths: Iterable[Path]) -> Iterator[str]:
    """Yield the keys of all whole records."""
    for path in paths:
        for record in _records(path, Survey()):
            yield record.key


def take_in(memo: Memo, artefact: Path) -> tuple[int, int]:
    """Record the answers of `artefact` that the memo lacks; return how many were new and how many known.

    Raises
    ------
    InputError
        When a line is damaged; the lines before it are taken in.
    """
    new = known = 0
    try:
        for number, line, whole in lines_of(artefact):
            record = read_record(line) if whole else None
            if record is None:
                raise InputError(f"{artefact}:{number}: ends in the middle of a record; get the file again")
            if memo.has_key(record.key):
                known += 1
            else:
                memo.put_record(record)
                new += 1
    except Damaged as error:
        raise InputError(f"{artefact}:{new + known + 1}: damaged ({error}); get the file again") from None
    except FileNotFoundError:
        raise InputError(f"{artefact}: no such file of recorded answers") from None
    except zstandard.ZstdError as error:
        raise InputError(f"{artefact}: not a readable .jsonl.zst file of recorded answers ({error})") from None
    return new, known


def prune(folder: Path, drop: Callable[[Record], bool]) -> tuple[int, int, int]:
    """Rewrite the segments as one, without damage, repetitions and the records that `drop` picks.

    Segments that a living process writes are left alone, and a process that reads the old ones goes on with them.

    Returns
    -------
    tuple of int
        Records kept, records dropped, damaged or unfinished lines dropped.

    Raises
    ------
    InputError
        When another process prunes this memo now.
    """
    if not segment_paths(folder):
        return 0, 0, 0
    try:
        with FileLock(folder / "prune.lock", timeout=0):
            return _prune(folder, drop)
    except Timeout:
        raise InputError(f"{folder}: is being pruned by another process; wait until that has ended") from None
    except OSError as error:
        raise InputError(f"{folder}: the memo cannot be rewritten ({error.strerror}); nothing is lost") from None


def _prune(folder: Path, drop: Callable[[Record], bool]) -> tuple[int, int, int]:
    old = [path for path in segment_paths(folder) if not is_being_written(path)]
    if not old:
        return 0, 0, 0
    found = Survey()
    kept = dropped = 0
    seen: set[bytes] = set()
    writer = SegmentWriter.create(folder)
    for path in old:
        for record in _records(path, found):
            key = bytes.fromhex(record.key)
            if drop(record) or key in seen:
                dropped += 1
            else:
                seen.add(key)
                writer.append(record)
                kept += 1
    # On disk before the old ones go: killed at any point, no answer is lost.
    writer.close()
    for path in old:
        path.unlink()
        sidecar_path(path).unlink(missing_ok=True)
    if not kept:
        writer.path.unlink()
        sidecar_path(writer.path).unlink(missing_ok=True)
    return kept, dropped, len(found.damaged) + len(found.unfinished)


def _records(path: Path, found: Survey) -> Iterator[Record]:
    for number, line, whole in lines_of(path):
        if not whole:
            found.unfinished.append(path)
            continue
        try:
            yield read_record(line)
        except Damaged as error:
            found.damaged.append((path, number, str(error)))
