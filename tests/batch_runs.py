"""Requests, parameters and runs for the tests of Message Batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wildvalues.errors import PendingError
from wildvalues.llm.batch_packing import Limits
from wildvalues.llm.batching import Patience, answer_ahead
from wildvalues.llm.memo import Memo, memo_key
from wildvalues.llm.simulation import SimulatedServer
from wildvalues.llm.types import Message, Rejected, Request
from wildvalues.params import Params

MODEL = "claude-haiku-4-5"
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"task": {"type": "string", "maxLength": 100}},
        "required": ["task"],
        "additionalProperties": False,
    }
)
# Dollars for a million tokens; such that a request of these tests may cost about 0.1 at most.
PRICES = {MODEL: {"input": 100, "output": 500}}
QUICK = Patience(first_s=0.01, longest_s=0.05, lost_s=0.1)


def request(number: int, **more: Any) -> Request:
    said = f"<conversation>\n<user>\nTell me of number {number}\u2028please.\n</user>\n</conversation>"
    messages = (Message("system", "Read."), Message("user", said), Message("user", "Which task?"))
    return Request(MODEL, messages, **{"schema": SCHEMA, "max_tokens": 200, **more})


def requests(count: int) -> Iterator[Request]:
    return (request(number) for number in range(count))


def params(server: SimulatedServer, **more: Any) -> Params:
    llm = {"provider": "anthropic", "batch": True, "base_url": server.url, "model": MODEL, "replay": [], **more}
    return Params.model_validate({"llm": {"prices": PRICES, "max_retries": 2, **llm}})


def run(server: SimulatedServer, count: int, *, most: int = 100, **more: Any) -> dict[str, Rejected] | str:
    """Return what a run of `count` requests returns, or its message when some are pending."""
    try:
        return answer_ahead(
            lambda: requests(count),
            params=params(server, **more),
            stage="extract",
            limits=Limits(requests=most),
            patience=QUICK,
        )
    except PendingError as error:
        return str(error)


def answered(count: int) -> int:
    """Count the requests that the memo answers."""
    with Memo() as memo:
        return sum(memo.get(one) is not None for one in requests(count))


def paid(server: SimulatedServer) -> int:
    """Count the answers that the server was asked for, live or in batches."""
    state = server.state()
    return int(state["answered"].get("batched", 0)) + int(state["answered"].get("live", 0))


def key(number: int) -> str:
    return memo_key(request(number))


def notes(memo: Path) -> list[str]:
    """Return the names of the notes of shipments."""
    return sorted(path.name for path in (memo / "batches").glob("*.json") if path.name != "failures.json")
