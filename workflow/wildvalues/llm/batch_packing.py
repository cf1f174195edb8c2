"""Packing requests into the body of a batch: written to a nameless file as they come, so memory stays flat."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from wildvalues.llm.batch_store import Sent, custom_id
from wildvalues.llm.providers.messages import Structure, body_of
from wildvalues.llm.types import Request

_OPENING = b'{"requests":['
_CLOSING = b"]}"
_PIECE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Most requests and bytes of one batch (platform.claude.com, "Batch processing": 100,000 and 256 MB)."""

    requests: int = 100_000
    # A little below: whether the service counts in thousands or 1,024s, and headers or not, is not documented.
    size: int = 250_000_000


class Parcel:
    """The body of one batch in the making.

    Its file has no name and holds conversations: it vanishes with the process.

    Parameters
    ----------
    folder
        A private folder with room for the file.

    Attributes
    ----------
    id
        Id of the shipment that it becomes; part of each ``custom_id``.
    requests
        What is in it, by memo key.
    reserved
        Dollars set aside for it.
    size
        Bytes of the body.
    """

    def __init__(self, limits: Limits, folder: Path) -> None:
        self.id = secrets.token_hex(6)
        self.requests: dict[str, Sent] = {}
        self.reserved = 0.0
        self.size = len(_OPENING) + len(_CLOSING)
        self._limits = limits
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`

    def add(self, key: str, sent: Sent, params: bytes, reserved: float) -> bool:
        """Add a request's JSON; False when there is no room for it."""
        comma = b"," if self.requests else b""
        name = custom_id(self.id, key).encode("ascii")
        written = comma + b'{"custom_id":"' + name + b'","params":' + params + b"}"
        if len(self.requests) >= self._limits.requests or self.size + len(written) > self._limits.size:
            return False
        self._file.write(written)
        self.size += len(written)
        self.requests[key] = sent
        self.reserved += reserved
        return True

    def body(self) -> Iterator[bytes]:
        """Yield the body, from its beginning each time it is asked for."""
        self._file.seek(0)
        yield _OPENING
        while piece := self._file.read(_PIECE):
            yield piece
        yield _CLOSING

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def params_of(request: Request, family: Sequence[Request], structure: Literal["auto"] | Structure) -> bytes:
    """Return the JSON of an item's parameters, the body that a live call would send.

    Parameters
    ----------
    family
        The other requests of the batch about the same conversation. The service caches prompts in batches as far as
        it can (it speaks of 30 to 98 %); from 29 % on marking a conversation that four calls share is cheaper.
    """
    shown = family if "claude" in request.model else ()
    # A server that has batches obeys schemas.
    structure = "schema" if structure == "auto" else structure
    return json.dumps(body_of(request, family=shown, structure=structure), separators=(",", ":")).encode("ascii")
