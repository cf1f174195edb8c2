"""The HTTP side of the simulated service: routes, headers, and everything that can go wrong with a connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from wildvalues.llm.simulation.batch_shelf import Batch
from wildvalues.llm.simulation.service import CARRIER_FAULTS, Service
from wildvalues.llm.simulation.settings import Settings
from wildvalues.llm.simulation.wire import WireError

_PIECES_OF_A_SLOW_BODY = 10
_BATCHES = "/v1/messages/batches"
Answer = Awaitable[web.StreamResponse]


class Front:
    """Turns HTTP requests into calls of a `Service`; `handle` is an aiohttp low-level handler."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._routes: dict[tuple[str, str], Callable[[web.BaseRequest], Answer]] = {
            ("POST", "/v1/messages"): self._message,
            ("POST", "/v1/messages/count_tokens"): self._count,
            ("POST", _BATCHES): self._create_batch,
            ("GET", _BATCHES): self._list_batches,
            ("GET", "/v1/models"): self._models,
            ("GET", "/control/state"): self._state,
            ("GET", "/control/requests"): self._requests,
            ("PATCH", "/control/settings"): self._change,
            ("PUT", "/control/settings"): self._reset,
            ("POST", "/control/finish"): self._finish,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        service = self._service
        request_id = service.request_id()
        try:
            if not request.path.startswith("/control/"):
                service.calls[f"{request.method} {_shown(request.path)}"] += 1
                service.admit(_key(request), request.headers.get("anthropic-version"))
            response = await self._route(request)(request)
        except WireError as error:
            response = _json(error.body(request_id), error.status, error.headers)
        if not response.prepared:
            response.headers["request-id"] = request_id
            if request.path == "/v1/messages":
                for name, value in service.rate_headers().items():
                    response.headers.setdefault(name, value)
        if not request.path.startswith("/control/"):
            service.statuses[response.status] += 1
        return response

    def _route(self, request: web.BaseRequest) -> Callable[[web.BaseRequest], Answer]:
        found = self._routes.get((request.method, request.path))
        if found is not None:
            return found
        parts = request.path.strip("/").split("/")
        if parts[:3] == ["v1", "messages", "batches"] and len(parts) in (4, 5):
            actions: dict[tuple[str, str], Callable[[web.BaseRequest, str], Answer]] = {
                ("GET", ""): self._retrieve,
                ("DELETE", ""): self._delete,
                ("POST", "cancel"): self._cancel,
                ("GET", "results"): self._results,
            }
            action = actions.get((request.method, parts[4] if len(parts) == 5 else ""))
            if action is not None:
                return lambda asked: action(asked, parts[3])
        if parts[:2] == ["v1", "models"] and len(parts) == 3 and request.method == "GET":
            return lambda asked: self._model(parts[2])
        raise WireError(404, f"Not found: {request.method} {request.path}")

    async def _message(self, request: web.BaseRequest) -> web.StreamResponse:
        body, fault = await self._service.message(await request.content.read())
        return await self._carried(request, body, fault)

    async def _count(self, request: web.BaseRequest) -> web.StreamResponse:
        return _json(self._service.count(await request.content.read()))

    async def _create_batch(self, request: web.BaseRequest) -> web.StreamResponse:
        most = self._service.settings.batches.max_bytes
        if (request.content_length or 0) > most:
            raise WireError(413, f"Request exceeds the maximum size of {most} bytes")
        body = await request.content.read()
        fault = self._service.call_fault(body[:1_000_000])
        if fault is not None and fault not in ("half_body", "slow_body"):
            return await self._carried(request, {}, fault)
        batch = self._service.create_batch(body)
        return await self._carried(request, self._described(batch, request), fault)

    async def _list_batches(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = request.query
        limit = int(asked.get("limit", "20"))
        if not 1 <= limit <= 1_000:
            raise WireError(400, "limit: Input should be between 1 and 1000")
        batches, more = self._service.shelf.page(asked.get("after_id"), asked.get("before_id"), limit)
        names = [batch.id for batch in batches]
        data = [self._described(batch, request) for batch in batches]
        first, last = (names[0], names[-1]) if names else (None, None)
        return _json({"data": data, "has_more": more, "first_id": first, "last_id": last})

    async def _retrieve(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        fault = self._service.call_fault(b"retrieve " + name.encode())
        return await self._carried(request, self._described(self._service.shelf.get(name), request), fault)

    async def _cancel(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        return _json(self._described(self._service.shelf.cancel(name), request))

    async def _delete(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        self._service.shelf.delete(name)
        return _json({"id": name, "type": "message_batch_deleted"})

    async def _results(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        batch = self._service.shelf.get(name)
        if batch.status != "ended":
            raise WireError(400, f"Message Batch {name} has no results yet: it is {batch.status}")
        self._service.call_fault(b"results " + name.encode())
        batch.reads += 1
        break_after = self._service.settings.batches.results_break_after if batch.reads == 1 else None
        response = web.StreamResponse(headers={"Content-Type": "application/x-jsonl"})
        await response.prepare(request)
        buffer = bytearray()
        for number, line in enumerate(self._service.shelf.lines(batch)):
            if number == break_after:
                await response.write(bytes(buffer) + line[: len(line) // 2])
                _break(request)
                return response
            buffer += line
            if len(buffer) > 1 << 16:
                await response.write(bytes(buffer))
                buffer.clear()
        await response.write_eof(bytes(buffer))
        return response

    async def _models(self, request: web.BaseRequest) -> web.StreamResponse:
        return _json(self._service.models())

    async def _model(self, name: str) -> web.StreamResponse:
        return _json(self._service.model(name))

    async def _state(self, request: web.BaseRequest) -> web.StreamResponse:
        return _json(self._service.state())

    async def _requests(self, request: web.BaseRequest) -> web.StreamResponse:
        return _json([json.loads(body) for body in self._service.bodies])

    async def _change(self, request: web.BaseRequest) -> web.StreamResponse:
        return self._settled(lambda given: self._service.change(given), json.loads(await request.content.read()))

    async def _reset(self, request: web.BaseRequest) -> web.StreamResponse:
        given = json.loads(await request.content.read())
        return self._settled(lambda new: self._service.reset(Settings.model_validate(new)), given)

    def _settled(self, change: Callable[[Any], None], given: Any) -> web.Response:
        try:
            change(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise WireError(400, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
        return _json(self._service.settings.model_dump())

    async def _finish(self, request: web.BaseRequest) -> web.StreamResponse:
        tasks = [batch.task for batch in self._service.shelf.batches.values() if batch.task is not None]
        for batch in self._service.shelf.batches.values():
            batch.end_now.set()
        await asyncio.gather(*tasks)
        return _json(self._service.state())

    def _described(self, batch: Batch, request: web.BaseRequest) -> dict[str, Any]:
        return batch.described(f"http://{request.host}")

    async def _carried(self, request: web.BaseRequest, body: Any, fault: str | None) -> web.StreamResponse:
        """Send a response whole, or spoil the sending as `fault` says."""
        if fault not in CARRIER_FAULTS:
            return _json(body)
        if fault == "proxy_page":
            return web.Response(status=502, text="<html><body>Bad Gateway</body></html>", content_type="text/html")
        if fault == "hang":
            while request.transport is not None and not request.transport.is_closing():
                await asyncio.sleep(0.05)
        if fault in ("hang", "dropped"):
            _break(request)
            return web.Response(status=500)
        raw = _utf8(body)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(raw))}
        response = web.StreamResponse(headers={**headers, **self._service.rate_headers()})
        await response.prepare(request)
        if fault == "half_body":
            await response.write(raw[: len(raw) // 2])
            _break(request)
            return response
        step = -(-len(raw) // _PIECES_OF_A_SLOW_BODY)
        for start in range(0, len(raw), step):
            await response.write(raw[start : start + step])
            await asyncio.sleep(self._service.settings.faults.slow_body_ms / 1_000 / _PIECES_OF_A_SLOW_BODY)
        await response.write_eof()
        return response


def _break(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _key(request: web.BaseRequest) -> str | None:
    given = request.headers.get("x-api-key")
    return given or request.headers.get("authorization", "").removeprefix("Bearer ") or None


def _shown(path: str) -> str:
    parts = path.split("/")
    return "/".join("{id}" if part.startswith("msgbatch_") else part for part in parts)


def _utf8(body: Any) -> bytes:
    # As the service: characters are not escaped, so clients meet whatever a conversation holds.
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=_utf8(body), status=status, headers=headers, content_type="application/json")


async def serve(settings: Settings, port: int = 0) -> tuple[web.ServerRunner, int]:
    """Start to serve on the loopback interface.

    Returns
    -------
    tuple
        What to ``cleanup()`` at the end, and the port.
    """
    front = Front(Service(settings))
    runner = web.ServerRunner(web.Server(front.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    address: tuple[str, int] = runner.addresses[0]
    return runner, address[1]
