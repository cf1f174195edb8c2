"""The server's batches: their lives, their results, and the order in which these come."""

from __future__ import annotations

import asyncio
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any, NoReturn

from wildvalues.llm.simulation.settings import Batching
from wildvalues.llm.simulation.wire import WireError

_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FATES = ("succeeded", "errored", "canceled", "expired")


@dataclass
class Batch:
    """One batch. Items and results are lines of nameless files, so a large batch takes little memory."""

    id: str
    created_at: datetime
    expires_at: datetime
    custom_ids: list[str]
    items: IO[bytes]
    results: IO[bytes]
    status: str = "in_progress"
    counts: Counter[str] = field(default_factory=Counter)
    cancel_initiated_at: datetime | None = None
    ended_at: datetime | None = None
    order: list[int] = field(default_factory=list)
    reads: int = 0
    end_now: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def described(self, address: str) -> dict[str, Any]:
        """Return the SDK's ``MessageBatch`` as JSON."""
        ended = self.status == "ended"
        done = {fate: self.counts[fate] if ended else 0 for fate in _FATES}
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": self.status,
            # Counts stay zero until the whole batch has ended, as with the service.
            "request_counts": {"processing": 0 if ended else len(self.custom_ids), **done},
            "created_at": _stamp(self.created_at),
            "expires_at": _stamp(self.expires_at),
            "ended_at": _stamp(self.ended_at),
            "cancel_initiated_at": _stamp(self.cancel_initiated_at),
            "archived_at": None,
            "results_url": f"{address}/v1/messages/batches/{self.id}/results" if ended else None,
        }


def _stamp(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat().replace("+00:00", "Z")


def read_items(body: bytes, settings: Batching) -> tuple[list[str], IO[bytes]]:
    """Check a batch's envelope and return its custom ids and its items, one line of JSON parameters each.

    The parameters themselves are looked at when the batch is processed, as the service does.

    Raises
    ------
    WireError
        When the envelope is not what the API takes.
    """
    if len(body) > settings.max_bytes:
        raise WireError(413, f"Request exceeds the maximum size of {settings.max_bytes} bytes")
    try:
        text = body.decode("utf-8")
        opening = re.match(r'\s*\{\s*"requests"\s*:\s*\[\s*', text)
        if opening is None:
            _explain(text)
        ids, items, end = _scan(text, opening.end())
    except (ValueError, UnicodeDecodeError) as error:
        raise WireError(400, f"The request body is not valid JSON: {error}") from None
    if (rest := text[end:].strip()) != "}":
        raise WireError(400, f"{rest[1:40].strip()}: Extra inputs are not permitted")
    _check_ids(ids, settings)
    return ids, items


def _scan(text: str, position: int) -> tuple[list[str], IO[bytes], int]:
    decoder = json.JSONDecoder()
    gap = re.compile(r"\s*(,|\])\s*")
    ids: list[str] = []
    items = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the batch
    while text[position : position + 1] != "]":
        item, end = decoder.raw_decode(text, position)
        where = f"requests.{len(ids)}"
        if not isinstance(item, dict):
            raise WireError(400, f"{where}: Input should be a valid dictionary")
        for name in item.keys() - {"custom_id", "params"}:
            raise WireError(400, f"{where}.{name}: Extra inputs are not permitted")
        for name, kind in (("custom_id", str), ("params", dict)):
            if name not in item:
                raise WireError(400, f"{where}.{name}: Field required")
            if not isinstance(item[name], kind):
                raise WireError(400, f"{where}.{name}: Input should be a valid {'string' if kind is str else 'dict'}")
        if not _CUSTOM_ID.fullmatch(item["custom_id"]):
            raise WireError(400, f"{where}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
        ids.append(item["custom_id"])
        items.write(json.dumps(item["params"], separators=(",", ":")).encode("ascii") + b"\n")
        between = gap.match(text, end)
        if between is None:
            raise ValueError(f"expected a comma at character {end}")
        position = end if between[1] == "]" else between.end()
        if between[1] == "]":
            position = text.index("]", end)
    return ids, items, position + 1


def _explain(text: str) -> NoReturn:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise WireError(400, "Input should be a valid dictionary")
    for name in value:
        if name != "requests":
            raise WireError(400, f"{name}: Extra inputs are not permitted")
    said = "Field required" if "requests" not in value else "Input should be a valid list"
    raise WireError(400, f"requests: {said}")


def _check_ids(ids: list[str], settings: Batching) -> None:
    if not ids:
        raise WireError(400, "requests: List should have at least 1 item after validation, not 0")
    if len(ids) > settings.max_requests:
        most = settings.max_requests
        raise WireError(400, f"requests: List should have at most {most} items after validation, not {len(ids)}")
    if len(set(ids)) < len(ids):
        twice = next(name for name, count in Counter(ids).items() if count > 1)
        raise WireError(400, f"requests: custom_id must be unique within the batch: {twice}")


class Shelf:
    """All batches of a server, newest last.

    Parameters
    ----------
    answer
        Turns an item's parameters into its result, the SDK's ``MessageBatchResult`` as JSON; given the line of
        parameters and the fate that cancelling or expiry has in store for what is not processed yet.
    """

    def __init__(self, answer: Callable[[bytes, str | None], dict[str, Any]]) -> None:
        self._answer = answer
        self.batches: dict[str, Batch] = {}
        self._made = 0

    def add(self, ids: list[str], items: IO[bytes], settings: Batching) -> Batch:
        """Start to process a batch; `duration_ms` later it ends."""
        self._made += 1
        now = datetime.now(UTC)
        batch = Batch(
            id=f"msgbatch_sim{self._made:06d}",
            created_at=now,
            expires_at=now + timedelta(seconds=settings.expires_after_s),
            custom_ids=ids,
            items=items,
            results=tempfile.TemporaryFile(),  # noqa: SIM115 - lives as long as the batch
        )
        self.batches[batch.id] = batch
        batch.task = asyncio.create_task(self._process(batch, settings))
        return batch

    def get(self, name: str) -> Batch:
        """Return a batch.

        Raises
        ------
        WireError
            With status 404.
        """
        if name not in self.batches:
            raise WireError(404, f"Message Batch not found: {name}")
        return self.batches[name]

    def cancel(self, name: str) -> Batch:
        """Cancel what is not processed yet; the batch ends soon after."""
        batch = self.get(name)
        if batch.status == "in_progress":
            batch.status = "canceling"
            batch.cancel_initiated_at = datetime.now(UTC)
            batch.end_now.set()
        return batch

    def delete(self, name: str) -> None:
        """Forget an ended batch."""
        if self.get(name).status != "ended":
            raise WireError(400, f"Message Batch {name} is still processing; cancel it before deleting it")
        del self.batches[name]

    def page(self, after: str | None, before: str | None, limit: int) -> tuple[list[Batch], bool]:
        """Return batches, the newest first, and whether there are more."""
        newest = list(reversed(self.batches.values()))
        names = [batch.id for batch in newest]
        if after is not None:
            newest = newest[names.index(self.get(after).id) + 1 :]
        if before is not None:
            newest = newest[: names.index(self.get(before).id)][-limit:]
        return newest[:limit], len(newest) > limit

    async def _process(self, batch: Batch, settings: Batching) -> None:
        lifetime = (batch.expires_at - batch.created_at).total_seconds()
        duration = lifetime if settings.duration_ms is None else min(lifetime, settings.duration_ms / 1_000)
        expires = settings.duration_ms is None or settings.duration_ms / 1_000 > lifetime
        try:
            await asyncio.wait_for(batch.end_now.wait(), duration)
        except TimeoutError:
            fate = "expired" if expires else None
        else:
            fate = "canceled" if batch.cancel_initiated_at else None
        order = random.Random(batch.id)
        offsets: list[int] = []
        batch.items.seek(0)
        for name, line in zip(batch.custom_ids, batch.items, strict=True):
            result = self._answer(line[:-1], fate)
            batch.counts[result["type"]] += 1
            said = json.dumps({"custom_id": name, "result": result}, ensure_ascii=False, separators=(",", ":"))
            written = said.encode("utf-8", "replace") + b"\n"
            for _ in range(2 if order.random() < settings.duplicated else 1):
                offsets.append(batch.results.tell())
                batch.results.write(written)
            # Live requests and polls go on meanwhile.
            await asyncio.sleep(0)
        batch.items.close()
        if settings.shuffled:
            order.shuffle(offsets)
        batch.order = offsets
        batch.ended_at = datetime.now(UTC)
        batch.status = "ended"

    def lines(self, batch: Batch) -> Iterator[bytes]:
        """Yield the lines of a batch's results."""
        for offset in batch.order:
            batch.results.seek(offset)
            yield batch.results.readline()
