"""Running the simulated server from a test or a benchmark: in a thread or in a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import urllib.request
from types import TracebackType
from typing import Any, Literal

from wildvalues.llm.simulation.settings import Settings


class SimulatedServer:
    """A server on the loopback interface for as long as the ``with`` block runs.

    Parameters
    ----------
    settings
        Settings, or a dict of them; see `settings.Settings`.
    where
        ``thread``: starts at once, shares this process's interpreter. ``process``: for benchmarks and for tests
        whose client must not share its interpreter.

    Attributes
    ----------
    url
        Address for ``llm.base_url``.
    """

    def __init__(
        self, settings: Settings | dict[str, Any] | None = None, where: Literal["thread", "process"] = "thread"
    ) -> None:
        self._settings = settings if isinstance(settings, Settings) else Settings.model_validate(settings or {})
        self._where = where
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self.url = ""

    @property
    def pid(self) -> int | None:
        """Process that serves; None when it is this one."""
        return None if self._process is None else self._process.pid

    def __enter__(self) -> SimulatedServer:
        if self._where == "process":
            command = [
                sys.executable,
                "-m",
                "wildvalues.llm.simulation",
                "--settings",
                self._settings.model_dump_json(),
            ]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert self._process.stdout is not None
            self.url = self._process.stdout.readline().strip()
        else:
            ready = threading.Event()
            self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),), daemon=True)
            self._thread.start()
            ready.wait()
        if not self.url:
            raise RuntimeError("the simulated server did not start")
        return self

    async def _serve(self, ready: threading.Event) -> None:
        from wildvalues.llm.simulation.front import serve

        try:
            runner, port = await serve(self._settings)
            self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
            self.url = f"http://127.0.0.1:{port}"
        finally:
            ready.set()
        await self._stopped.wait()
        await runner.cleanup()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
        elif self._thread is not None and self._loop is not None and self._stopped is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    def change(self, **sections: Any) -> None:
        """Change settings while it runs, for example ``change(faults={"script": ["overloaded"]})``."""
        self._call("PATCH", "/control/settings", sections)

    def reset(self, **sections: Any) -> None:
        """Begin anew with the given settings and defaults for the rest: nothing counted, no batches."""
        self._call("PUT", "/control/settings", sections)

    def state(self) -> dict[str, Any]:
        """Return counts of calls, statuses, faults and answers, and the batches."""
        found: dict[str, Any] = self._call("GET", "/control/state")
        return found

    def requests(self) -> list[dict[str, Any]]:
        """Return the latest bodies of messages; `settings.keep_requests` says how many are kept."""
        found: list[dict[str, Any]] = self._call("GET", "/control/requests")
        return found

    def finish_batches(self) -> dict[str, Any]:
        """End the processing of every batch now, and return the state after."""
        found: dict[str, Any] = self._call("POST", "/control/finish", {})
        return found

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode("ascii")
        request = urllib.request.Request(self.url + path, raw, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request) as response:
            return json.load(response)
