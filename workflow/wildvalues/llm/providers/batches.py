"""Message Batches through the official SDK: send, look after, read the results as they stream in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar

import anthropic
import httpx2
from anthropic.types.messages import MessageBatch

from wildvalues.llm.errors import FatalError, ItemError, TransientError
from wildvalues.llm.providers.api_errors import mapped, short
from wildvalues.params import Params

_T = TypeVar("_T")

# Sending 256 MB takes its time on a slow line.
_SEND_TIMEOUT_S = 1_800.0
# Clocks differ: a batch may seem to be older than the intent to send it.
_CLOCK_SKEW = timedelta(minutes=15)
_PAGE = 100
# Answers that say for certain that the service took no batch. After any other failure it may have.
_REFUSED = frozenset((400, 401, 402, 403, 404, 413, 422, 429, 529))


def base_url_of(params: Params) -> str | None:
    """Return the address of a server of one's own, without the path that clients add; None for the service."""
    return None if params.llm.base_url is None else params.llm.base_url.rstrip("/").removesuffix("/v1")


class UnclearError(Exception):
    """The service may or may not have taken a batch: the reply did not arrive."""


class BatchClient:
    """The service's batches, one call at a time.

    Parameters
    ----------
    params
        ``llm.base_url`` and ``llm.timeout_s`` are used.

    Raises
    ------
    FatalError
        When there is no key.
    """

    def __init__(self, params: Params) -> None:
        base_url = base_url_of(params)
        # A server of one's own must never be sent the key for the real service.
        own: dict[str, Any] = {}
        if base_url is not None:
            own = {"api_key": os.environ.get("WILDVALUES_API_KEY", "none"), "base_url": base_url}
        try:
            self._client = anthropic.Anthropic(timeout=params.llm.timeout_s, max_retries=0, **own)
        except anthropic.AnthropicError as error:
            raise FatalError(f"llm.provider is anthropic, but its sign-in cannot be used: {short(error)}") from None
        if not own and all(
            found is None for found in (self._client.api_key, self._client.auth_token, self._client.credentials)
        ):
            self._client.close()
            raise FatalError(
                "llm.batch is set, but there is no key: set the environment variable ANTHROPIC_API_KEY, "
                "or set `llm.provider: embedded` in params.yaml to use a model on this machine"
            )

    def create(self, body: Iterable[bytes], size: int) -> str:
        """Send a batch and return its id.

        Parameters
        ----------
        body
            JSON of the request in pieces, `size` bytes in all.

        Raises
        ------
        UnclearError
            When nobody knows whether the service has it.
        TransientError
            When the service has not taken it, and may do so later.
        FatalError
            When it never will.
        """
        headers = {"Content-Type": "application/json", "Content-Length": str(size)}
        try:
            # `batches.create` would hold the whole body in memory, twice.
            made = self._client.post(
                "/v1/messages/batches",
                cast_to=MessageBatch,
                content=body,
                options={"headers": headers, "timeout": _SEND_TIMEOUT_S},
            )
            name = made.id
        except anthropic.APIStatusError as error:
            if error.status_code == 404:
                raise FatalError(
                    f"the server has no Message Batches (404): {short(error)}; set `llm.batch: false` in params.yaml"
                ) from None
            if error.status_code in _REFUSED:
                raise _never_an_item(mapped(error)) from None
            raise UnclearError(f"{error.status_code}: {short(error)}") from None
        except anthropic.APIConnectionError as error:
            raise UnclearError(str(mapped(error))) from None
        except (AttributeError, ValueError) as error:
            raise UnclearError(f"the reply is no batch ({type(error).__name__})") from None
        if not isinstance(name, str) or not name:
            raise UnclearError("the reply is no batch")
        return name

    def status(self, batch: str) -> MessageBatch | None:
        """Return how a batch stands; None when this account knows no such batch."""
        try:
            return self._told(lambda: self._client.messages.batches.retrieve(batch))
        except _NotFoundError:
            return None

    def similar(self, since: datetime, requests: int) -> list[MessageBatch]:
        """Return batches of so many requests that were created at `since` or later; the newest first."""

        def found() -> list[MessageBatch]:
            kept = []
            for batch in self._client.messages.batches.list(limit=_PAGE):
                if batch.created_at < since - _CLOCK_SKEW:
                    break
                counts = batch.request_counts
                total = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
                if total == requests:
                    kept.append(batch)
            return kept

        return self._told(found)

    def results(self, batch: str) -> Iterator[tuple[str, Any]]:
        """Yield ``(custom_id, result)`` of an ended batch, in the service's order, while they arrive.

        Raises
        ------
        TransientError
            When the stream breaks off; what was yielded is good.
        """
        try:
            with self._client.messages.batches.with_streaming_response.results(batch) as response:
                # Split at line feeds alone: JSON may hold other characters that Python takes for line ends.
                rest = b""
                for piece in response.iter_bytes(1 << 16):
                    *lines, rest = (rest + piece).split(b"\n")
                    yield from map(_read, filter(None, lines))
                if rest.strip():
                    yield _read(rest)
        except anthropic.AnthropicError as error:
            raise _never_an_item(mapped(error)) from None
        except (httpx2.HTTPError, ValueError) as error:
            raise TransientError(f"the results of batch {batch} broke off ({type(error).__name__})") from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> BatchClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @staticmethod
    def _told(call: Callable[[], _T]) -> _T:
        try:
            return call()
        except anthropic.NotFoundError as error:
            raise _NotFoundError(short(error)) from None
        except anthropic.AnthropicError as error:
            raise _never_an_item(mapped(error)) from None
        except (AttributeError, TypeError, ValueError) as error:
            raise TransientError(f"the reply is no batch ({type(error).__name__})") from None


class _NotFoundError(FatalError):
    """404."""


def _never_an_item(error: Exception) -> Exception:
    """Return an error as one of a whole batch: what would reject one conversation ends the run here."""
    if isinstance(error, ItemError):
        return FatalError(f"Message Batches cannot be used: {error.rejected.reason}")
    return error


def _read(line: bytes) -> tuple[str, Any]:
    """Parse a line of results.

    Raises
    ------
    ValueError
        When it is none, as the last line of a broken stream.
    """
    value = json.loads(line)
    if not isinstance(value, dict) or not isinstance(value.get("custom_id"), str):
        raise ValueError("no line of results")
    return value["custom_id"], value.get("result")
