"""The simulated service itself: what it does with each request, whatever carries it."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections import Counter, deque
from statistics import NormalDist
from typing import Any

from wildvalues.llm.simulation import wire
from wildvalues.llm.simulation.answers import message_for
from wildvalues.llm.simulation.batch_shelf import Shelf, read_items
from wildvalues.llm.simulation.faults import FaultPlan, digest_of, share
from wildvalues.llm.simulation.limits import Limiter
from wildvalues.llm.simulation.prompt_cache import PromptCache
from wildvalues.llm.simulation.settings import ANSWER_FAULTS, ITEM_FAULTS, SERVICE_FAULTS, Latency, Settings
from wildvalues.llm.simulation.wire import WireError

_LIVE_FAULTS = frozenset((*SERVICE_FAULTS, *ANSWER_FAULTS))
_BATCHED_FAULTS = frozenset((*ANSWER_FAULTS, *ITEM_FAULTS))
_CALL_FAULTS = frozenset(SERVICE_FAULTS)
# Faults of the carrier; whoever writes to the connection does them.
CARRIER_FAULTS = frozenset(("dropped", "half_body", "slow_body", "hang", "proxy_page"))
_SAID = {
    "overloaded": (529, "Overloaded"),
    "server_error": (500, "Internal server error"),
    "unauthorized": (401, "invalid x-api-key"),
    "invalid": (400, "messages: this request was made invalid by the simulation"),
    "too_long": (400, "prompt is too long: 214000 tokens > 200000 maximum"),
    "rate_limited": (429, "This request would exceed your organization's rate limit."),
}
_KNOWN_MODELS = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")


class Service:
    """A simulated Messages service; one event loop's, not safe for threads.

    Parameters
    ----------
    settings
        To begin with; `change` replaces them while it runs.
    """

    def __init__(self, settings: Settings) -> None:
        self._request_ids = itertools.count(1)
        self.reset(settings)

    def reset(self, settings: Settings) -> None:
        """Begin anew: no batches, nothing counted, nothing cached."""
        self.settings = settings
        self.shelf = Shelf(self._result_of)
        self.calls: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.answered: Counter[str] = Counter()
        self.in_flight = self.most_in_flight = 0
        self.bodies: deque[bytes] = deque(maxlen=settings.keep_requests or None)
        self._plan = FaultPlan(settings.faults)
        self._limiter = Limiter(settings.limits, time.monotonic)
        self._cache = PromptCache(settings.cache_from_tokens, time.monotonic)

    def change(self, changes: dict[str, Any]) -> None:
        """Merge `changes` into the settings; what a changed section had counted up to begins anew."""
        new = self.settings.changed(changes)
        if "faults" in changes:
            happened = self._plan.happened
            self._plan = FaultPlan(new.faults)
            self._plan.happened = happened
        if "limits" in changes:
            self._limiter = Limiter(new.limits, time.monotonic)
        if "cache_from_tokens" in changes:
            self._cache = PromptCache(new.cache_from_tokens, time.monotonic)
        if "keep_requests" in changes:
            self.bodies = deque(self.bodies, maxlen=new.keep_requests or None)
        self.settings = new

    def state(self) -> dict[str, Any]:
        """Return what happened so far, for the control endpoint."""
        batches = self.shelf.batches.values()
        return {
            "calls": dict(self.calls),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "faults": dict(self._plan.happened),
            "answered": dict(self.answered),
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "batches": [{**batch.described(""), "custom_ids": len(batch.custom_ids)} for batch in batches],
        }

    def request_id(self) -> str:
        """Return the next request id."""
        return f"req_sim{next(self._request_ids):09d}"

    def admit(self, key: str | None, version: str | None) -> None:
        """Check the sign-in and the version of the API."""
        if not key:
            raise WireError(401, "x-api-key header is required")
        if self.settings.api_keys and key not in self.settings.api_keys:
            raise WireError(401, "invalid x-api-key")
        if not version:
            raise WireError(400, "anthropic-version: header is required")

    def rate_headers(self) -> dict[str, str]:
        """Return the rate-limit headers of a response."""
        return self._limiter.headers()

    async def message(self, body: bytes) -> tuple[dict[str, Any], str | None]:
        """Answer one message after the time the latency model gives.

        Returns
        -------
        tuple
            The body of the response, and a fault of the carrier to go with it.

        Raises
        ------
        WireError
            When the API would say no.
        """
        if self.settings.keep_requests:
            self.bodies.append(body)
        if len(body) > self.settings.max_message_bytes:
            raise WireError(413, "Request exceeds the maximum size")
        fault = self._plan.next(body, _LIVE_FAULTS)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._message(body, fault)
        finally:
            self.in_flight -= 1

    async def _message(self, body: bytes, fault: str | None) -> tuple[dict[str, Any], str | None]:
        asked = wire.read_message_params(body)
        self._check_model(asked.params["model"])
        above = self.settings.limits.overloaded_above
        if above is not None and self.in_flight > above:
            raise WireError(529, "Overloaded")
        self._raise_service_fault(fault)
        carrier = fault if fault in CARRIER_FAULTS else None
        if carrier in ("dropped", "hang", "proxy_page"):
            return {}, carrier
        counted = self._cache.count(asked)
        # Tokens read from the cache are free of the limit.
        self._limiter.admit(counted.plain + counted.written)
        made = message_for(
            asked,
            counted,
            structured=self.settings.structured,
            tier="standard",
            fault=None if carrier else fault,
        )
        written = made["usage"]["output_tokens"]
        await self._wait(body, counted.plain + counted.read + counted.written, written)
        self._limiter.charge_output(written)
        self.answered["live"] += 1
        return made, carrier

    def count(self, body: bytes) -> dict[str, Any]:
        """Count the tokens of a prompt."""
        asked = wire.read_count_params(body)
        self._check_model(asked.params["model"])
        self._raise_service_fault(self._plan.next(body, _CALL_FAULTS - CARRIER_FAULTS))
        # A cache of its own: counting neither reads nor fills the one that messages share.
        counted = PromptCache(0, time.monotonic).count(asked)
        return {"input_tokens": counted.plain + counted.written}

    def create_batch(self, body: bytes) -> Any:
        """Take a batch in."""
        ids, items = read_items(body, self.settings.batches)
        self.answered["batched"] += len(ids)
        return self.shelf.add(ids, items, self.settings.batches)

    def call_fault(self, body: bytes) -> str | None:
        """Let a fault of the service happen to a call that is no message; a carrier's fault is returned."""
        fault = self._plan.next(body, _CALL_FAULTS)
        self._raise_service_fault(fault)
        return fault

    def models(self) -> dict[str, Any]:
        """List the models."""
        names = self.settings.models or _KNOWN_MODELS
        return {
            "data": [self.model(name) for name in names],
            "has_more": False,
            "first_id": names[0],
            "last_id": names[-1],
        }

    def model(self, name: str) -> dict[str, Any]:
        """Describe one model."""
        self._check_model(name)
        return {"id": name, "type": "model", "display_name": name, "created_at": "2026-01-01T00:00:00Z"}

    def _result_of(self, line: bytes, fate: str | None) -> dict[str, Any]:
        """Return the result of an item of a batch."""
        fault = self._plan.next(line, _BATCHED_FAULTS)
        if fate is not None or fault in ("expired", "canceled"):
            return {"type": fate or fault}
        if fault in ("errored", "errored_server"):
            kind, said = ("invalid_request_error", "messages: made invalid by the simulation"), "Internal server error"
            error = kind if fault == "errored" else ("api_error", said)
            return {"type": "errored", "error": wire.error_body(*error, request_id=self.request_id())}
        try:
            asked = wire.read_message_params(line, batched=True)
            self._check_model(asked.params["model"])
        except WireError as error:
            return {"type": "errored", "error": error.body(self.request_id())}
        counted = self._cache.count(asked)
        return {
            "type": "succeeded",
            "message": message_for(asked, counted, structured=self.settings.structured, tier="batch", fault=fault),
        }

    def _check_model(self, name: str) -> None:
        if self.settings.models and name not in self.settings.models:
            raise WireError(404, f"model: {name}")

    def _raise_service_fault(self, fault: str | None) -> None:
        if fault is not None and fault in _SAID:
            status, said = _SAID[fault]
            headers = {}
            if fault == "rate_limited":
                headers["retry-after"] = self._limiter.retry_after(self.settings.faults.retry_after_s)
            raise WireError(status, said, headers)

    async def _wait(self, body: bytes, read: int, written: int) -> None:
        latency = self.settings.latency
        seconds = latency_s(latency, body, read, written)
        if seconds > 0:
            await asyncio.sleep(seconds)


def latency_s(latency: Latency, body: bytes, read: int, written: int) -> float:
    """Return the seconds a response takes; the same request takes the same time."""
    milliseconds = latency.base_ms + latency.input_token_ms * read + latency.output_token_ms * written
    if latency.sigma > 0 and milliseconds > 0:
        # Open interval: the quantile of 0 is infinite.
        drawn = min(max(share(digest_of(body), "latency"), 1e-9), 1 - 1e-9)
        milliseconds *= math.exp(latency.sigma * NormalDist().inv_cdf(drawn))
    return milliseconds / 1_000
