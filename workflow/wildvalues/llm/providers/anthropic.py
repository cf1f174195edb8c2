"""Claude, or any server that speaks the Messages API, through the official SDK."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import ssl
import time
from collections.abc import Coroutine, Hashable, Sequence
from typing import Any, TypeVar

import anthropic
import httpx2

from wildvalues.llm.errors import FatalError, TransientError
from wildvalues.llm.providers.api_errors import mapped, rejected_setting, short
from wildvalues.llm.providers.messages import Setting, Structure, answer_of, body_of, shared_prefix
from wildvalues.llm.throttle import Throttle
from wildvalues.llm.types import Answer, Message, Request
from wildvalues.params import Params

_T = TypeVar("_T")

# A word no model says unless a grammar makes it: tells whether a server holds answers to a schema.
_PASSWORD = "kestrel-7351"
_PROBE_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"bird": {"enum": [_PASSWORD]}},
        "required": ["bird"],
        "additionalProperties": False,
    }
)
_PROBE_TOKENS = 64
_CALLS_PER_POOL = 8


def _connections(timeout_s: float) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=2 * _CALLS_PER_POOL)
    return anthropic.DefaultAsyncHttpxClient(limits=limits, timeout=timeout_s, verify=_tls())


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


class AnthropicProvider:
    """Asks over the network, many calls at once on one event loop.

    Parameters
    ----------
    params
        ``llm.base_url``, ``llm.structured_output``, ``llm.timeout_s`` and ``llm.concurrency`` are used.

    Raises
    ------
    FatalError
        When there is no key.
    """

    def __init__(self, params: Params) -> None:
        self.concurrency = params.llm.concurrency
        self._timeout_s = params.llm.timeout_s
        self._own_server = params.llm.base_url is not None
        # Clients add the path themselves; the address that other APIs of the same server want ends in it.
        base_url = None if params.llm.base_url is None else params.llm.base_url.rstrip("/").removesuffix("/v1")
        # A server of one's own often wants no key, and must never be sent the one for the real service.
        own: dict[str, Any] = {}
        if base_url is not None:
            own = {"api_key": os.environ.get("WILDVALUES_API_KEY", "none"), "base_url": base_url}
        # Waiting and trying again is the runner's business: it knows the budget and when to stop.
        try:
            self._client = anthropic.AsyncAnthropic(
                timeout=self._timeout_s, max_retries=0, http_client=_connections(self._timeout_s), **own
            )
        except anthropic.AnthropicError as error:
            raise FatalError(f"llm.provider is anthropic, but its sign-in cannot be used: {short(error)}") from None
        # A pool looks at each of its connections for every call, so many calls at once need several pools.
        pools = -(-self.concurrency // _CALLS_PER_POOL)
        self._clients = [
            self._client,
            *(self._client.copy(http_client=_connections(self._timeout_s)) for _ in range(pools - 1)),
        ]
        self._calls = [0] * pools
        self.loop = asyncio.new_event_loop()
        self.throttle = Throttle(self.concurrency, time.monotonic)
        self._left_out: dict[str, frozenset[Setting]] = {}
        self._structures: dict[str, Structure] = {}
        self._told_structure = params.llm.structured_output
        self._probing: dict[str, asyncio.Lock] = {}
        if not own and all(
            found is None for found in (self._client.api_key, self._client.auth_token, self._client.credentials)
        ):
            self.close()
            raise FatalError(
                "llm.provider is anthropic, but there is no key: set the environment variable ANTHROPIC_API_KEY, "
                "or set `llm.provider: embedded` in params.yaml to use a model on this machine"
            )

    async def ask(self, request: Request, family: Sequence[Request] = ()) -> Answer:
        """Answer `request`, in text held to its schema or its options by structured output where the server can.

        What comes back is the model's raw text (`wildvalues.llm.structured` reads it). Settings that the server says
        it does not take are left out from then on.
        """
        structure = await self._structure_for(request)
        # A server of one's own sees a shared beginning by itself, and its small models one schema better than many.
        shown = family if "claude" in request.model else ()
        while True:
            left_out = self._left_out.get(request.model, frozenset())
            body = body_of(request, family=shown, structure=structure, left_out=left_out)
            try:
                return await self._post(request.model, body)
            except anthropic.APIStatusError as error:
                named = rejected_setting(error, body)
                if named == "output_config" and structure == "schema" and self._told_structure == "auto":
                    structure = self._structures[request.model] = "prompt"
                elif named is not None and named != "output_config" and named not in left_out:
                    self._left_out[request.model] = left_out | {named}
                else:
                    raise mapped(error) from None
            except anthropic.AnthropicError as error:
                raise mapped(error) from None

    def prefix(self, request: Request) -> Hashable | None:
        """Return instructions, examples and conversation, where they are long enough for a prompt cache."""
        return shared_prefix(request)

    def complete(self, request: Request) -> Answer:
        """Ask once and wait for the answer."""
        return self._wait_for(self.ask(request))

    def choose(self, request: Request) -> Answer:
        """Ask once and wait for the answer."""
        return self._wait_for(self.ask(request))

    def count_tokens(self, request: Request) -> int:
        """Count the input tokens of `request`; the service does not charge for it."""
        body = body_of(request, structure="prompt")
        counting = self._client.messages.count_tokens(
            model=request.model, messages=body["messages"], system=body.get("system", anthropic.omit)
        )
        try:
            return self._wait_for(counting).input_tokens
        except anthropic.AnthropicError as error:
            raise mapped(error) from None

    def close(self) -> None:
        """Close the connections and the event loop."""
        if self.loop.is_closed():
            return
        try:
            for client in self._clients:
                self.loop.run_until_complete(client.close())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()

    def _wait_for(self, answering: Coroutine[Any, Any, _T]) -> _T:
        return self.loop.run_until_complete(answering)

    async def _post(self, model: str, body: dict[str, Any]) -> Answer:
        # `messages.create` walks the whole conversation to check and rename keys, and builds models of the reply:
        # a third of the time a call takes here. Authentication, errors and connections are the SDK's either way.
        pool = self._calls.index(min(self._calls))
        self._calls[pool] += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._clients[pool].post(
                    "/v1/messages", cast_to=httpx2.Response, content=json.dumps(body).encode("ascii")
                )
        except TimeoutError:
            raise TransientError(f"no answer within {self._timeout_s} seconds") from None
        except anthropic.APIStatusError as error:
            self.throttle.heed(model, error.response.headers.raw, time.time())
            raise
        finally:
            self._calls[pool] -= 1
        self.throttle.heed(model, response.headers.raw, time.time())
        try:
            return answer_of(json.loads(response.content))
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            # A body that is no message: a proxy's page, or half an answer.
            raise TransientError(f"the server's reply is no message ({type(error).__name__})") from None

    async def _structure_for(self, request: Request) -> Structure:
        if self._told_structure != "auto":
            return self._told_structure
        if (request.schema is None and request.options is None) or not self._own_server:
            return self._structures.get(request.model, "schema")
        if request.model not in self._structures:
            async with self._probing.setdefault(request.model, asyncio.Lock()):
                if request.model not in self._structures:
                    self._structures[request.model] = await self._probe(request.model)
        return self._structures[request.model]

    async def _probe(self, model: str) -> Structure:
        """Find out, with one short question, whether the server holds an answer to a schema."""
        question = Message("user", "Name a bird.")
        probe = Request(model, (question,), _PROBE_SCHEMA, max_tokens=_PROBE_TOKENS)
        try:
            answer = await self._post(model, body_of(probe, left_out=frozenset(("temperature",))))
            return "schema" if json.loads(answer.text) == {"bird": _PASSWORD} else "prompt"
        except ValueError:
            return "prompt"
        except anthropic.AnthropicError as error:
            if isinstance(error, anthropic.APIStatusError) and error.status_code in (400, 422):
                return "prompt"
            raise mapped(error) from None
