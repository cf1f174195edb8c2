"""Batches on their way, as this machine knows them: written down before they are sent, until their answers are kept.

The files lie in ``batches`` inside the memo's folder, outside both engines' graphs, so that every stage and process
that shares the memo sees them. A shipment is two files: ``<id>.keys`` (which requests) and ``<id>.json`` (which batch).
The second one is written without a batch before anything is sent: that is the intent. All changes are made under one
lock, so an intent without a batch that another process can see is one whose process died in between.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from filelock import BaseFileLock, FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from wildvalues.errors import InputError
from wildvalues.llm.memo_index import short_key

_logger = logging.getLogger("wildvalues")

_TELL_AFTER_S = 3.0


class Shipment(BaseModel):
    """One batch, from the intent to send it until its answers are in the memo.

    Parameters
    ----------
    id
        Our own name for it; every ``custom_id`` in it begins with this.
    batch
        The service's name for it; None while it is not known whether the service has it.
    reserved
        Dollars it may cost at most, held in `ledger`, the folder of the study's ledger.
    base_url
        Server it was sent to; None is the service itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    stage: str
    sent_at: datetime
    requests: int
    base_url: str | None = None
    batch: str | None = None
    reserved: float = 0.0
    ledger: str = ""


def custom_id(shipment: str, key: str) -> str:
    """Return the ``custom_id`` of a request: its memo key behind the shipment's id, 56 characters of the API's 64."""
    return f"{shipment}-{base64.urlsafe_b64encode(bytes.fromhex(key)).decode('ascii').rstrip('=')}"


def key_of(shipment: str, name: str) -> str | None:
    """Return the memo key in a ``custom_id``; None when that is not of this shipment."""
    own, _, coded = name.partition("-")
    if own != shipment:
        return None
    try:
        key = base64.urlsafe_b64decode(coded + "=").hex()
    except ValueError:
        return None
    return key if len(key) == 64 else None


@dataclass(frozen=True)
class Sent:
    """A request in a shipment: the model it asks for, and how many batches failed to answer it before."""

    model: str
    tries: int


class Failure(BaseModel):
    """Why a batch did not answer a request.

    Parameters
    ----------
    fate
        ``again``: the next batch takes it. ``rejected``: it never will be answered. ``canceled``: someone cancelled
        its batch; it goes into the next batch of the next run, not of the one that finds out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fate: Literal["again", "rejected", "canceled"]
    reason: str
    kind: str = "error"
    tries: int = 1


class BatchStore:
    """The shipments of one memo.

    Parameters
    ----------
    memo_folder
        Folder of the memo.
    """

    def __init__(self, memo_folder: Path) -> None:
        self.folder = memo_folder / "batches"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from sending and collecting; a waiting one says so.

        Raises
        ------
        InputError
            When the folder cannot be written.
        """
        lock = self._acquired()
        try:
            yield
        finally:
            lock.release()

    def _acquired(self) -> BaseFileLock:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = FileLock(self.folder / "lock")
            try:
                lock.acquire(timeout=_TELL_AFTER_S)
            except Timeout:
                _logger.info("another run is sending or collecting batches; waiting for it")
                lock.acquire()
        except OSError as error:
            raise InputError(
                f"{self.folder}: batches cannot be recorded here ({error.strerror}); "
                "set WILDVALUES_MEMO to a folder that can be written"
            ) from None
        return lock

    def shipments(self) -> list[Shipment]:
        """Return all shipments, the oldest first.

        Raises
        ------
        InputError
            When a file is damaged.
        """
        found = []
        for path in self.folder.glob("*.json"):
            if path.name == _FAILURES:
                continue
            try:
                found.append(Shipment.model_validate_json(path.read_bytes()))
            except (ValidationError, OSError) as error:
                raise InputError(
                    f"{path}: not a readable note of a batch ({str(error).splitlines()[0]}); look the batch up with "
                    "the provider, then delete this file: its requests are then sent, and paid, again"
                ) from None
        return sorted(found, key=lambda shipment: (shipment.sent_at, shipment.id))

    def begin(self, shipment: Shipment, requests: Iterable[tuple[str, Sent]]) -> None:
        """Write down what is about to be sent; on the disk when this returns.

        Parameters
        ----------
        requests
            Memo key and circumstances of each request.
        """
        lines = (f"{key}\t{sent.tries}\t{sent.model}\n".encode() for key, sent in requests)
        self._write(f"{shipment.id}.keys", lines)
        self._write(f"{shipment.id}.json", [shipment.model_dump_json().encode()])

    def confirm(self, shipment: Shipment, batch: str) -> Shipment:
        """Write down which batch a shipment became; on the disk when this returns."""
        known = shipment.model_copy(update={"batch": batch})
        self._write(f"{shipment.id}.json", [known.model_dump_json().encode()])
        return known

    def finish(self, shipment: Shipment) -> None:
        """Forget a shipment: its answers are in the memo, or it was never sent."""
        # The note goes first: keys without a note are nothing.
        (self.folder / f"{shipment.id}.json").unlink(missing_ok=True)
        (self.folder / f"{shipment.id}.keys").unlink(missing_ok=True)

    def requests(self, shipment: Shipment) -> dict[str, Sent]:
        """Return what is in a shipment, by memo key."""
        models: dict[tuple[str, str], Sent] = {}
        found = {}
        with self._keys_of(shipment).open(encoding="utf-8") as lines:
            for line in lines:
                key, tries, model = line.rstrip("\n").split("\t")
                # One object for all that are alike: a batch holds a hundred thousand.
                found[key] = models.setdefault((tries, model), Sent(model, int(tries)))
        return found

    def short_keys(self, shipment: Shipment) -> npt.NDArray[np.uint64]:
        """Return the first 64 bits of each key in a shipment, sorted."""
        with self._keys_of(shipment).open("rb") as lines:
            return np.sort(np.fromiter((short_key(line[:16].decode("ascii")) for line in lines), np.uint64))

    def failures(self) -> dict[str, Failure]:
        """Return what earlier batches failed to answer, by memo key."""
        try:
            raw = json.loads((self.folder / _FAILURES).read_bytes())
            return {key: Failure.model_validate(value) for key, value in raw.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, ValidationError):
            # Nothing is lost with it but the count of tries.
            return {}

    def write_failures(self, failures: Mapping[str, Failure]) -> None:
        """Replace what is known of failures."""
        if failures or (self.folder / _FAILURES).exists():
            body = json.dumps({key: failure.model_dump() for key, failure in failures.items()})
            self._write(_FAILURES, [body.encode("utf-8")])

    def _keys_of(self, shipment: Shipment) -> Path:
        path = self.folder / f"{shipment.id}.keys"
        if not path.exists():
            raise InputError(
                f"{path}: the list of requests in batch {shipment.batch} is gone; delete {shipment.id}.json beside "
                "it, and its requests are sent, and paid, again"
            )
        return path

    def _write(self, name: str, parts: Iterable[bytes]) -> None:
        """Write a file so that it is there whole or not at all, whatever happens to the machine."""
        path = self.folder / name
        scratch = path.with_name(f"{name}.partial")
        try:
            descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as handle:
                handle.writelines(parts)
                handle.flush()
                os.fsync(handle.fileno())
            scratch.replace(path)
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise InputError(
                f"{path}: a batch could not be recorded ({error.strerror}); nothing was sent; make room and run again"
            ) from None


_FAILURES = "failures.json"


class InFlight:
    """Which requests are in a shipment that is on its way. Eight bytes a request.

    The first 64 bits of a key stand for it: a request that shares them with another waits for that one's batch and is
    sent after it, so the one chance in 10^8 or so costs time and no money.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[Shipment, npt.NDArray[np.uint64]]] = []

    def add(self, shipment: Shipment, sorted_keys: npt.NDArray[np.uint64]) -> None:
        """Add the keys of one more shipment."""
        self._parts.append((shipment, sorted_keys))

    def find(self, key: str) -> Shipment | None:
        """Return the shipment that holds a request, or None."""
        wanted = np.uint64(short_key(key))
        for shipment, keys in self._parts:
            place = int(np.searchsorted(keys, wanted))
            if place < len(keys) and keys[place] == wanted:
                return shipment
        return None
