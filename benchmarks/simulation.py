"""How fast the simulated server is, so that a benchmark against it measures its client.

Run as ``python benchmarks/simulation.py``. The client is bare sockets that parse no more than they must; the server is
a process of its own. Requests are those of a study: the opening with the worked examples, a conversation, a schema.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from wildvalues.llm.facets import Interview, load_prompts
from wildvalues.llm.providers.messages import body_of
from wildvalues.llm.simulation import SimulatedServer
from wildvalues.llm.transcript import Turn

MODEL = "claude-haiku-4-5"
PROMPTS = Path(__file__).resolve().parent.parent / "workflow" / "prompts"


def bodies(count: int) -> Iterator[bytes]:
    interview = Interview(load_prompts(PROMPTS, ["ai_values"]), [["ai_values"]], max_chars=6_000)
    for number in range(count):
        turns = [Turn("user", f"What do I owe friend {number}? " * 20), Turn("assistant", "Honesty, and time. " * 40)]
        yield json.dumps(body_of(interview.request(turns, 0, model=MODEL, temperature=0.0))).encode("ascii")


async def ask_all(url: str, sent: list[bytes], concurrency: int) -> None:
    host = urlsplit(url)
    waiting = iter(sent)

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        for body in waiting:
            head = f"POST /v1/messages HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{head}x-api-key: k\r\nanthropic-version: 2023-06-01\r\n\r\n".encode("ascii") + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(concurrency)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--concurrency", type=int, default=64)
    given = parser.parse_args()
    sent = list(bodies(given.requests))
    with SimulatedServer(where="process") as server:
        process = psutil.Process(server.pid)
        asyncio.run(ask_all(server.url, sent[:100], given.concurrency))
        before, own, started = process.cpu_times(), time.process_time(), time.monotonic()
        asyncio.run(ask_all(server.url, sent, given.concurrency))
        seconds, own = time.monotonic() - started, time.process_time() - own
        after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    print(
        f"{given.requests / seconds:,.0f} requests/s of {len(sent[0]) / 1e3:.1f} kB at concurrency {given.concurrency}"
    )
    print(f"server: {1e3 * used / given.requests:.2f} ms of CPU a request, {given.requests / used:,.0f} a CPU second")
    print(f"client: {1e3 * own / given.requests:.2f} ms of CPU a request")


if __name__ == "__main__":
    main()
