"""Where each key is: 20 bytes an answer in sorted arrays, so that a million answers open at once and fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.int64]

_MAGIC = b"wildvalues-memo-index-1\n"


def short_key(key: str) -> int:
    """First 64 bits of a key; the record itself settles the rare tie."""
    return int(key[:16], 16)


class Index:
    """Keys of all segments, sorted; built from whole segments, searched by key."""

    def __init__(self) -> None:
        self._parts: list[tuple[Keys, Offsets]] = []
        self._sorted: tuple[Keys, Offsets, npt.NDArray[np.int32]] | None = None

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._parts)

    def add(self, keys: Keys, offsets: Offsets) -> None:
        """Add the next segment's keys and the byte offsets of their lines."""
        self._parts.append((keys, offsets))
        self._sorted = None

    def find(self, key: str) -> Iterator[tuple[int, int]]:
        """Yield (segment number, byte offset) of each line that may hold `key`; later segments come later."""
        if self._sorted is None:
            self._sorted = self._sort()
        keys, offsets, segments = self._sorted
        wanted = np.uint64(short_key(key))
        position = int(np.searchsorted(keys, wanted))
        while position < len(keys) and keys[position] == wanted:
            yield int(segments[position]), int(offsets[position])
            position += 1

    def _sort(self) -> tuple[Keys, Offsets, npt.NDArray[np.int32]]:
        empty: tuple[Keys, Offsets] = (np.empty(0, np.uint64), np.empty(0, np.int64))
        parts = self._parts or [empty]
        keys = np.concatenate([part[0] for part in parts])
        offsets = np.concatenate([part[1] for part in parts])
        lengths = [len(part[0]) for part in parts]
        segments = np.repeat(np.arange(len(parts), dtype=np.int32), lengths)
        # Stable: of two answers to one question the first recorded is found, whatever process looks.
        order = np.argsort(keys, kind="stable")
        return keys[order], offsets[order], segments[order]


def write_sidecar(path: Path, keys: Keys, offsets: Offsets, covered: int) -> None:
    """Write the index of the first `covered` bytes of a segment; replaced as a whole, so never half there."""
    header = np.array([covered, len(keys)], dtype="<i8")
    scratch = path.with_name(f"{path.name}.{np.random.default_rng().integers(1 << 60):x}.partial")
    with scratch.open("xb") as handle:
        handle.write(_MAGIC + header.tobytes() + keys.astype("<u8").tobytes() + offsets.astype("<i8").tobytes())
    scratch.chmod(0o600)
    scratch.replace(path)


def read_sidecar(path: Path, size: int) -> tuple[Keys, Offsets, int]:
    """Return keys, offsets and the bytes covered; nothing covered when there is no index that fits the segment.

    Parameters
    ----------
    size
        Present size of the segment: an index that covers more is not this segment's.
    """
    nothing: tuple[Keys, Offsets, int] = (np.empty(0, np.uint64), np.empty(0, np.int64), 0)
    try:
        raw = path.read_bytes()
    except OSError:
        return nothing
    start = len(_MAGIC) + 16
    if len(raw) < start or not raw.startswith(_MAGIC):
        return nothing
    covered, count = (int(number) for number in np.frombuffer(raw, "<i8", 2, len(_MAGIC)))
    if covered > size or count < 0 or len(raw) != start + 16 * count:
        return nothing
    keys = np.frombuffer(raw, "<u8", count, start).astype(np.uint64)
    offsets = np.frombuffer(raw, "<i8", count, start + 8 * count).astype(np.int64)
    if count and (offsets.min() < 0 or offsets.max() >= covered):
        return nothing
    return keys, offsets, covered
