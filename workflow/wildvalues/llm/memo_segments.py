"""Segments of the memo: append-only files of records, one for each writing process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import tempfile
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import zstandard

from wildvalues.errors import InputError
from wildvalues.llm.memo_index import Keys, Offsets, read_sidecar, write_sidecar
from wildvalues.llm.memo_records import KEY_START, Record, looks_whole, write_record

# An unindexed tail this long is worth an index file; shorter ones are read again in a blink.
_SIDECAR_AFTER = 200
# Records reach the kernel one by one, so a killed process loses none; the disk is waited for now and then only.
_SYNC_EVERY_S = 5.0
_BLOCK = 4096


def sidecar_path(segment: Path) -> Path:
    """Path of the index file beside a segment; it can be deleted at any time."""
    return segment.with_suffix(".index")


@dataclass
class SegmentReader:
    """A readable segment with the places of its whole lines.

    Parameters
    ----------
    path
        Name for messages; for an artefact the compressed file.
    handle
        Uncompressed bytes, or None to open `path` when first read.
    damaged
        Byte offsets of lines, before the last, that are no records.
    """

    path: Path
    keys: Keys
    offsets: Offsets
    handle: IO[bytes] | None = None
    damaged: list[int] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, *, keep: bool = False) -> SegmentReader:
        """Index a segment, from its index file as far as that goes.

        Parameters
        ----------
        keep
            Keep the file open, so that it can be read even when it is deleted meanwhile.

        Raises
        ------
        FileNotFoundError
            When it was deleted.
        """
        try:
            handle = path.open("rb")
            size = os.fstat(handle.fileno()).st_size
            keys, offsets, covered = read_sidecar(sidecar_path(path), size)
            new_keys, new_offsets, damaged, end = _scan(handle, covered)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise InputError(f"{path}: the memo cannot be read ({error.strerror}); check its permissions") from None
        if len(new_keys):
            keys, offsets = np.concatenate([keys, new_keys]), np.concatenate([offsets, new_offsets])
        if len(new_keys) >= _SIDECAR_AFTER and not damaged:
            _try_sidecar(path, keys, offsets, end)
        if not keep:
            handle.close()
        return cls(path, keys, offsets, handle if keep else None, damaged)

    def line(self, offset: int) -> bytes:
        """Return the line at `offset`, newline included."""
        if self.handle is None:
            try:
                self.handle = self.path.open("rb")
            except OSError as error:
                raise InputError(f"{self.path}: the memo changed meanwhile ({error.strerror}); run again") from None
        return _line_at(self.handle.fileno(), offset)

    def close(self) -> None:
        """Let go of the file."""
        if self.handle is not None:
            self.handle.close()
            self.handle = None


class SegmentWriter:
    """The segment of this process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._position = 0
        self._synced = time.monotonic()
        self._broken = False
        # 16 bytes an answer, for the index at the end.
        self._keys = array("Q")
        self._offsets = array("q")

    @classmethod
    def create(cls, folder: Path) -> SegmentWriter:
        """Start a segment with a name no other process has."""
        name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if folder.stat().st_uid == os.getuid():
                folder.chmod(0o700)
            path, unnamed = folder / f"{name}.jsonl", folder / f"{name}.new"
            descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            # A file system without locks takes every segment for one that is being written, so none is pruned there.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It becomes a segment only now: nobody ever sees one of a living writer without its lock, and prunes it.
            unnamed.rename(path)
        except OSError as error:
            raise InputError(
                f"{folder}: answers cannot be recorded here ({error.strerror}); "
                "set WILDVALUES_MEMO to a folder that can be written"
            ) from None
        return cls(path, descriptor)

    def append(self, record: Record) -> int:
        """Write a record and return the byte offset of its line."""
        line = write_record(record)
        offset = self._position
        if self._broken:
            raise InputError(f"{self.path}: an answer could not be recorded before; run again")
        try:
            written = 0
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
            if time.monotonic() - self._synced > _SYNC_EVERY_S:
                os.fsync(self._descriptor)
                self._synced = time.monotonic()
        except OSError as error:
            # Half a line may be there now; nothing is ever appended behind it.
            self._broken = True
            raise InputError(
                f"{self.path}: an answer could not be recorded ({error.strerror}); make room and run again"
            ) from None
        self._position += len(line)
        self._keys.append(int(record.key[:16], 16))
        self._offsets.append(offset)
        return offset

    def line(self, offset: int) -> bytes:
        """Return the line at `offset`."""
        return _line_at(self._descriptor, offset)

    def close(self) -> None:
        """Wait for the disk, and leave an index."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)
        keys, offsets = np.frombuffer(self._keys, np.uint64), np.frombuffer(self._offsets, np.int64)
        _try_sidecar(self.path, keys, offsets, self._position)


def is_being_written(path: Path) -> bool:
    """Say whether a living process writes this segment."""
    with path.open("rb") as handle:
        try:
            fcntl.flock(handle.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def unpack_artefact(path: Path) -> SegmentReader:
    """Unpack a recorded-answer file into a nameless scratch file and index that.

    Raises
    ------
    InputError
        When the file is missing, is not zstandard, or holds a line that is no record.
    """
    handle = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the reader
    try:
        with path.open("rb") as packed:
            zstandard.ZstdDecompressor().copy_stream(packed, handle)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file of recorded answers; correct `llm.replay` in params.yaml, or empty that list"
        ) from None
    except (zstandard.ZstdError, OSError) as error:
        raise InputError(f"{path}: not a readable .jsonl.zst file of recorded answers ({error})") from None
    size = handle.tell()
    handle.seek(0)
    keys, offsets, damaged, end = _scan(handle, 0)
    if damaged or end < size:
        where = damaged[0] if damaged else end
        raise InputError(f"{path}: byte {where} of its text starts no whole record; get the file again")
    return SegmentReader(path, keys, offsets, handle)


def lines_of(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Yield (line number, line without newline, whether it ended in one) of a segment or artefact."""
    with path.open("rb") as raw:
        stream: IO[bytes] = raw
        if path.suffix == ".zst":
            stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        rest, number = b"", 0
        while block := stream.read(1 << 20):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                number += 1
                yield number, line, True
        if rest:
            yield number + 1, rest, False


def _scan(handle: IO[bytes], start: int) -> tuple[Keys, Offsets, list[int], int]:
    """Index the whole lines from byte `start`; also return damaged ones and where the last whole line ends."""
    handle.seek(start)
    digits: list[bytes] = []
    offsets: list[int] = []
    damaged: list[int] = []
    position = start
    for line in handle:
        if not line.endswith(b"\n"):
            break  # the last line of a process that was stopped, or one that is being written now
        if looks_whole(line[:-1]):
            digits.append(line[KEY_START : KEY_START + 16])
            offsets.append(position)
        else:
            damaged.append(position)
        position += len(line)
    try:
        keys = np.frombuffer(bytes.fromhex(b"".join(digits).decode("ascii")), ">u8").astype(np.uint64)
        if len(keys) != len(offsets):
            raise ValueError("a key is short")
    except ValueError:
        return _scan_slowly(digits, offsets, damaged, position)
    return keys, np.array(offsets, np.int64), damaged, position


def _scan_slowly(
    digits: list[bytes], offsets: list[int], damaged: list[int], position: int
) -> tuple[Keys, Offsets, list[int], int]:
    keys: list[int] = []
    kept: list[int] = []
    for digit, offset in zip(digits, offsets, strict=True):
        try:
            keys.append(int.from_bytes(bytes.fromhex(digit.decode("ascii")), "big"))
            kept.append(offset)
        except ValueError:
            damaged.append(offset)
    return np.array(keys, np.uint64), np.array(kept, np.int64), sorted(damaged), position


def _line_at(descriptor: int, offset: int) -> bytes:
    parts: list[bytes] = []
    while block := os.pread(descriptor, _BLOCK, offset):
        end = block.find(b"\n")
        if end >= 0:
            parts.append(block[: end + 1])
            break
        parts.append(block)
        offset += len(block)
    return b"".join(parts)


def _try_sidecar(path: Path, keys: Keys, offsets: Offsets, covered: int) -> None:
    try:
        write_sidecar(sidecar_path(path), keys, offsets, covered)
    except OSError:
        return  # a memo that cannot be written is still a memo that can be read
