"""The memo: every answer a model ever gave, found again by what was asked, so that no answer is paid twice."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import platformdirs

from wildvalues.errors import InputError
from wildvalues.llm.memo_index import Index, short_key
from wildvalues.llm.memo_records import Damaged, Record, read_record
from wildvalues.llm.memo_segments import SegmentReader, SegmentWriter, unpack_artefact
from wildvalues.llm.types import Answer, Request

_logger = logging.getLogger("wildvalues")

# Part of every key: raise it when the meaning of a field of `Request` changes.
KEY_VERSION = 1
# Segments that stay open as long as the memo: `wildvalues memo prune` may replace them meanwhile.
_KEPT_OPEN = 400
FOLDER_VARIABLE = "WILDVALUES_MEMO"
JOURNAL_VARIABLE = "WILDVALUES_MEMO_JOURNAL"


def memo_key(request: Request) -> str:
    """Hex sha256 of everything in `request` that can change the answer."""
    messages = ",".join([_encoded(message.role, message.content) for message in request.messages])
    # What `json.dumps` with sorted keys and without spaces gives, but the examples that all requests share are
    # encoded once. ASCII escapes make lone surrogates hashable and leave no question of encoding or normal form.
    text = (
        f'{{"format":{KEY_VERSION},"max_tokens":{_json(request.max_tokens)},"messages":[{messages}],'
        f'"model":{_json(request.model)},"options":{_json(request.options)},"sample":{_json(request.sample)},'
        f'"schema":{_json(request.schema)},"temperature":{_json(float(request.temperature))}}}'
    )
    return hashlib.sha256(text.encode("ascii")).hexdigest()


_json = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode


@functools.lru_cache(maxsize=256)
def _encoded(role: str, content: str) -> str:
    return _json([role, content])


def default_folder() -> Path:
    """Folder of the memo: WILDVALUES_MEMO when set, else ``wildvalues/memo`` in the user's cache folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    return Path(platformdirs.user_cache_dir("wildvalues", appauthor=False)).absolute() / "memo"


class Memo:
    """Recorded answers, looked up by `memo_key`.

    Answers live in append-only segments ``*.jsonl``, one for each process that ever wrote, so writers never
    meet. A segment may end in half a line when its process was killed; that line is as if never written.
    Opening reads one small index file a segment and the lines added since that was written.

    Parameters
    ----------
    folder
        Where the segments are; None takes `default_folder`. Made, readable by its owner alone, on the first `put`.
    artefacts
        Recorded-answer files (``*.jsonl.zst``, the same records), read-only, looked up after the folder.

    Raises
    ------
    InputError
        When an artefact is missing or unreadable, or the folder cannot be read.
    """

    def __init__(self, folder: Path | None = None, artefacts: Sequence[Path] = ()) -> None:
        self.folder = (folder or default_folder()).expanduser().absolute()
        self._index = Index()
        self._readers: list[SegmentReader] = []
        self._writer: SegmentWriter | None = None
        # By the first 64 bits of the key, as in the index: the record itself settles the rare tie.
        self._own: dict[int, int] = {}
        self._lock = threading.Lock()
        for reader in _open_segments(self.folder):
            self._add(reader)
        for artefact in artefacts:
            self._add(unpack_artefact(Path(artefact)))
        self._journal = _open_journal(os.environ.get(JOURNAL_VARIABLE))

    def _add(self, reader: SegmentReader) -> None:
        if reader.damaged:
            _logger.warning(
                "%s: %d damaged lines are passed over; `wildvalues memo verify` lists them",
                reader.path,
                len(reader.damaged),
            )
        self._index.add(reader.keys, reader.offsets)
        self._readers.append(reader)

    def __len__(self) -> int:
        """Count the answers; one recorded twice counts twice."""
        return len(self._index) + len(self._own)

    def get(self, request: Request, key: str | None = None) -> Answer | None:
        """Return the recorded answer to `request`, or None.

        Parameters
        ----------
        key
            Its `memo_key`, where the caller has it already.

        Raises
        ------
        InputError
            When the record is damaged.
        """
        key = key or memo_key(request)
        record = self._find(key)
        if record is None:
            return None
        self._note(key)
        return record.answer

    def _find(self, key: str) -> Record | None:
        offset = self._own.get(short_key(key))
        if offset is not None and self._writer is not None:
            record = self._read(self._writer.path, self._writer.line(offset))
            if record.key == key:
                return record
        for segment, offset in self._index.find(key):
            reader = self._readers[segment]
            record = self._read(reader.path, reader.line(offset))
            # The index knows the first 64 bits of a key; the record knows all of it.
            if record.key == key:
                return record
        return None

    @staticmethod
    def _read(path: Path, line: bytes) -> Record:
        try:
            return read_record(line)
        except Damaged as error:
            raise InputError(
                f"{path}: a recorded answer is damaged ({error}); `wildvalues memo verify` lists such lines and "
                "`wildvalues memo prune --damaged` drops them, after which they are asked for again"
            ) from None

    def put(self, request: Request, answer: Answer, key: str | None = None) -> None:
        """Record `answer`; from here on it survives the death of this process.

        Parameters
        ----------
        key
            The request's `memo_key`, where the caller has it already.

        Raises
        ------
        InputError
            When the folder cannot be written.
        """
        key = key or memo_key(request)
        self.put_record(Record(key, request.model, answer))
        self._note(key)

    def put_record(self, record: Record) -> None:
        """Record an answer that is already under its key (`wildvalues memo import`)."""
        # Threads that answer at once share this process's segment.
        with self._lock:
            if self._writer is None:
                self._writer = SegmentWriter.create(self.folder)
            self._own[short_key(record.key)] = self._writer.append(record)

    def has_key(self, key: str) -> bool:
        """Say whether an answer is recorded under `key`."""
        return self._find(key) is not None

    def record(self, key: str) -> Record | None:
        """Return the record under `key`, or None."""
        return self._find(key)

    def _note(self, key: str) -> None:
        if self._journal is not None:
            os.write(self._journal, key.encode("ascii") + b"\n")

    def close(self) -> None:
        """Make what was written durable, leave an index beside it and let go of the files."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._own = {}
        for reader in self._readers:
            reader.close()
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None

    def __enter__(self) -> Memo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_segments(folder: Path) -> list[SegmentReader]:
    """Open all segments; when one is pruned away in between, its answers are in a new one, so look again."""
    while True:
        readers: list[SegmentReader] = []
        try:
            for path in segment_paths(folder):
                readers.append(SegmentReader.open(path, keep=len(readers) < _KEPT_OPEN))
        except FileNotFoundError:
            for reader in readers:
                reader.close()
            continue
        return readers


def segment_paths(folder: Path) -> list[Path]:
    """Return the segments in `folder`, in order of name; none when there is no such folder."""
    try:
        return sorted(folder.glob("*.jsonl"))
    except OSError as error:
        raise InputError(f"{folder}: the memo cannot be read ({error.strerror}); check {FOLDER_VARIABLE}") from None


def read_journal(path: Path) -> Iterator[str]:
    """Yield the keys in a journal of used answers.

    Raises
    ------
    InputError
        When the file is missing or a whole line is no key.
    """
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such journal; run the study with {JOURNAL_VARIABLE}={path.name} to make it"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a journal of keys; make it with {JOURNAL_VARIABLE}={path.name}") from None
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        if len(line) != 64 or not all(letter in "0123456789abcdef" for letter in line):
            raise InputError(f"{path}:{number}: expected a key of 64 hex digits, found {line[:70]!r}")
        yield line


def _open_journal(name: str | None) -> int | None:
    if not name:
        return None
    path = Path(name).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Short appends to one file are whole, so the stages of a study may share a journal.
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
