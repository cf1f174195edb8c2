"""How fast questions are asked, replayed and read, and in how much memory; each figure beside a named alternative.

    python benchmarks/llm.py            # all three tables, about ten minutes on 2 cores
    python benchmarks/llm.py rate       # requests a second against the simulated server
    python benchmarks/llm.py replay     # a second run of 100,000 requests
    python benchmarks/llm.py memory     # peak memory at 10,000 and 100,000 conversations

Each figure is taken in a process of its own. Conversations have 1,000 tokens, Clio's assumption (arXiv 2412.13678),
and are asked the four questions of `params.yaml`, in one call each.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anthropic
import httpx2

from wildvalues.llm.facets import Interview, Reading, load_prompts
from wildvalues.llm.memo import Memo, memo_key
from wildvalues.llm.providers.anthropic import AnthropicProvider
from wildvalues.llm.providers.messages import body_of
from wildvalues.llm.providers.simulated import SimulatedProvider
from wildvalues.llm.runner import answer_all
from wildvalues.llm.simulation.running import SimulatedServer
from wildvalues.llm.throttle import Throttle
from wildvalues.llm.transcript import Turn
from wildvalues.llm.types import Answer, Request
from wildvalues.params import Params

ROOT = Path(__file__).parent.parent
MODEL = "claude-sonnet-4-5"
GROUPS = [["ai_values"], ["human_values"], ["response_type"], ["task"]]
LATENCY_MS = 200
CHARS = 4_000
# Concurrency -> requests: some seconds each.
ROUNDS = {1: 16, 16: 320, 64: 1_200, 256: 3_000}
REPEATS = 3
REPLAYED = 100_000
CORPORA = (10_000, 100_000)


def conversations(count: int) -> Iterator[list[Turn]]:
    """Yield made-up conversations of `CHARS` characters, each its own, in next to no time."""
    # Of the demo study's text, so that characters are as varied as in real ones.
    with (ROOT / "data/demo/conversations.jsonl").open(encoding="utf-8") as lines:
        told = "\n".join(message["content"] for line in lines for message in json.loads(line)["messages"])
    for number in range(count):
        start = number * 7_919 % (len(told) - CHARS)
        text = told[start : start + CHARS]
        yield [Turn("user", f"{number}. {text[: CHARS // 3]}"), Turn("assistant", text[CHARS // 3 :])]


class Study:
    """The questions of a study and the reading of their answers."""

    def __init__(self, questions: int = len(GROUPS)) -> None:
        self._questions = questions
        facets = [facet for group in GROUPS for facet in group]
        self._interview = Interview(load_prompts(ROOT / "workflow/prompts", facets), GROUPS, max_chars=6_000)
        self._turns: dict[int, list[Turn]] = {}
        self.readings = self.ungrounded = 0

    def requests(self, count: int) -> Iterator[tuple[str, Request]]:
        """Yield `count` requests, the questions about one conversation in a row."""
        for number, turns in enumerate(conversations(-(-count // self._questions))):
            self._turns[number] = turns
            for group in range(min(self._questions, count - number * self._questions)):
                yield f"{number}:{group}", self._interview.request(turns, group, model=MODEL, temperature=0.0)

    def read(self, name: str, answer: Any) -> None:
        """Read and ground an answer, as the stages do."""
        number, group = map(int, name.split(":"))
        reading = self._interview.read(answer, self._turns[number], group, ground=True)
        assert isinstance(reading, Reading), reading
        self.readings += 1
        self.ungrounded += reading.ungrounded
        self.forget(name)

    def forget(self, name: str) -> None:
        """Let go of a conversation after its last question."""
        number, group = map(int, name.split(":"))
        if group == self._questions - 1:
            del self._turns[number]


def params(url: str | None, concurrency: int) -> Params:
    """Parameters with a budget, so that every call is paid for in advance."""
    price = {MODEL: {"input": 3, "output": 15}}
    told = {"base_url": url, "structured_output": "schema", "concurrency": concurrency, "replay": []}
    return Params.model_validate(
        {"llm": {"provider": "anthropic", "model": MODEL, "budget_usd": 1e6, "prices": price, **told}}
    )


async def at_once(count: int, concurrency: int, one: Callable[[int], Awaitable[object]]) -> float:
    """Return the rate of `count` calls, a second, under a semaphore in a plain gather."""
    gate = asyncio.Semaphore(concurrency)

    async def gated(number: int) -> None:
        async with gate:
            await one(number)

    started = time.perf_counter()
    await asyncio.gather(*(gated(number) for number in range(count)))
    return count / (time.perf_counter() - started)


def rate_httpx(url: str, concurrency: int, count: int) -> float:
    """Rate of bare HTTP: JSON out, JSON in."""
    bodies = [body_of(request) for _, request in Study().requests(count)]

    async def run() -> float:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=concurrency)
        head = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        async with httpx2.AsyncClient(limits=limits, timeout=60, headers=head) as client:

            async def one(number: int) -> None:
                response = await client.post(f"{url}/v1/messages", json=bodies[number])
                assert response.json()["content"]

            return await at_once(count, concurrency, one)

    return asyncio.run(run())


def rate_anthropic(url: str, concurrency: int, count: int) -> float:
    """Rate of the SDK's asynchronous client as its documentation shows it."""
    bodies = [body_of(request, left_out=frozenset(("temperature",))) for _, request in Study().requests(count)]

    async def run() -> float:
        async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client:

            async def one(number: int) -> None:
                message = await client.messages.create(**bodies[number])
                assert message.content

            return await at_once(count, concurrency, one)

    return asyncio.run(run())


def rate_ours(url: str, concurrency: int, count: int) -> float:
    """Rate of `answer_all` with requests made on the way, memo, budget, progress bar, reading and grounding."""
    study, chosen = Study(), params(url, concurrency)
    provider = AnthropicProvider(chosen)
    with Memo(Path("memo")) as memo:
        started = time.perf_counter()
        for name, answer in answer_all(
            study.requests(count), provider_factory=lambda: provider, memo=memo, params=chosen, label="x", total=count
        ):
            study.read(name, answer)
        rate = count / (time.perf_counter() - started)
    provider.close()
    assert study.readings == count
    return rate


class Instant:
    """A concurrent provider inside this process, so that only our own work is measured."""

    def __init__(self, concurrency: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.throttle = Throttle(concurrency, time.monotonic)
        self._model = SimulatedProvider()

    async def ask(self, request: Request, family: Sequence[Request] = ()) -> Answer:
        """Answer after one turn of the loop."""
        await asyncio.sleep(0)
        return self._model.complete(request) if request.options is None else self._model.choose(request)

    def prefix(self, request: Request) -> Hashable | None:
        """Nothing is shared: one question a conversation."""
        return None

    def close(self) -> None:
        """Close the loop."""
        self.loop.close()


def ask_all(count: int, questions: int) -> float:
    """Seconds to ask `count` requests inside the process, or to replay the answers when they are there."""
    study, chosen, provider = Study(questions), params(None, 256), Instant(256)
    with Memo(Path("memo")) as memo:
        started = time.perf_counter()
        for name, answer in answer_all(
            study.requests(count), provider_factory=lambda: provider, memo=memo, params=chosen, label="x", total=count
        ):
            study.read(name, answer)
        seconds = time.perf_counter() - started
    provider.close()
    return seconds


def gather_all(count: int, questions: int) -> float:
    """Seconds to do the same in a plain gather over all requests, answers kept until the end."""
    study, provider = Study(questions), Instant(256)
    started = time.perf_counter()

    async def run() -> list[tuple[str, Answer]]:
        gate = asyncio.Semaphore(256)

        async def one(name: str, request: Request) -> tuple[str, Answer]:
            async with gate:
                return name, await provider.ask(request)

        return await asyncio.gather(*(one(name, request) for name, request in study.requests(count)))

    for name, answer in provider.loop.run_until_complete(run()):
        study.read(name, answer)
    return time.perf_counter() - started


def replay_sqlite(count: int, questions: int) -> float:
    """Seconds to replay from a table of SQLite: key -> answer as JSON, the same keys and the same reading."""
    study = Study(questions)
    store = sqlite3.connect("answers.sqlite")
    found = store.execute("select count(*) from sqlite_master").fetchone()[0]
    if not found:
        store.execute("create table answers (key text primary key, answer text) without rowid")
        with Memo(Path("memo")) as memo, store:
            for _, request in study.requests(count):
                answer = memo.get(request)
                assert answer is not None
                odds = None if answer.log_probabilities is None else dict(answer.log_probabilities)
                fields = [answer.text, answer.stop_reason, answer.input_tokens, answer.output_tokens, odds]
                text = json.dumps(fields)
                store.execute("insert into answers values (?, ?)", (memo_key(request), text))
        study = Study(questions)
    started = time.perf_counter()
    for name, request in study.requests(count):
        (text,) = store.execute("select answer from answers where key = ?", (memo_key(request),)).fetchone()
        study.read(name, Answer(*json.loads(text)))
    return time.perf_counter() - started


def bare_requests(count: int, questions: int) -> float:
    """Seconds to make the requests and their keys, which any cache must."""
    study = Study(questions)
    started = time.perf_counter()
    for name, request in study.requests(count):
        memo_key(request)
        study.forget(name)
    return time.perf_counter() - started


WORK: dict[str, Callable[..., float]] = {
    "httpx": rate_httpx,
    "anthropic": rate_anthropic,
    "ours": rate_ours,
    "ask": ask_all,
    "gather": gather_all,
    "sqlite": replay_sqlite,
    "keys": bare_requests,
}


def measured(folder: Path, work: str, *arguments: object) -> tuple[float, float]:
    """Run a piece of work in a process of its own; return its figure and its peak memory in MB."""
    command = [sys.executable, __file__, "--work", work, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    figure, peak = json.loads(done.stdout.splitlines()[-1])
    return figure, peak


def do_work(work: str, arguments: list[str]) -> None:
    """Do a piece of work and print its figure and the peak memory."""
    # The progress bar draws as on a terminal, to nowhere.
    sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    sys.stderr.isatty = lambda: True  # type: ignore[method-assign]
    figure = WORK[work](*(int(argument) if argument.isdigit() else argument for argument in arguments))
    print(json.dumps([figure, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def rate_table() -> None:
    """Print requests a second at each concurrency."""
    print(f"\nRequests a second, {LATENCY_MS} ms latency, median of {REPEATS} (in brackets: lowest and highest)\n")
    print("| concurrency | most possible | httpx loop | anthropic client | answer_all | share of anthropic |")
    print("|---:|---:|---:|---:|---:|---:|")
    with SimulatedServer({"latency": {"base_ms": LATENCY_MS}}, where="process") as server:
        for concurrency, count in ROUNDS.items():
            found: dict[str, list[float]] = {"httpx": [], "anthropic": [], "ours": []}
            # Taken in turns, so that whatever else the machine does falls on all alike.
            for _ in range(REPEATS):
                for work, rates in found.items():
                    with tempfile.TemporaryDirectory() as folder:
                        rates.append(measured(Path(folder), work, server.url, concurrency, count)[0])
            cells = [f"{statistics.median(r):.1f} ({min(r):.1f}-{max(r):.1f})" for r in found.values()]
            share = statistics.median(found["ours"]) / statistics.median(found["anthropic"])
            possible = concurrency * 1_000 // LATENCY_MS
            print(f"| {concurrency} | {possible} | {' | '.join(cells)} | {share:.0%} |", flush=True)


def replay_table() -> None:
    """Print how long a second run takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = (REPLAYED, len(GROUPS))
        first, _ = measured(folder, "ask", *size)
        rows = {
            "requests and keys alone": measured(folder, "keys", *size),
            "SQLite table": (measured(folder, "sqlite", *size), measured(folder, "sqlite", *size))[1],
            "answer_all, from the memo": measured(folder, "ask", *size),
        }
    print(
        f"\nA second run of {REPLAYED:,} requests with reading and grounding (the first, in process: {first:.1f} s)\n"
    )
    print("| way | seconds | microseconds a request | peak MB |\n|---|---:|---:|---:|")
    for way, (seconds, peak) in rows.items():
        print(f"| {way} | {seconds:.1f} | {seconds / REPLAYED * 1e6:.0f} | {peak:.0f} |")


def memory_table() -> None:
    """Print peak memory by size of the corpus."""
    print("\nPeak memory in MB, one question a conversation, 256 calls at once inside the process\n")
    print(f"| way | {' | '.join(f'{size:,} conversations' for size in CORPORA)} | growth |")
    print("|---|---:|---:|---:|")
    peaks: dict[str, list[float]] = {"answer_all": [], "answer_all, second run": [], "gather over all": []}
    for size in CORPORA:
        with tempfile.TemporaryDirectory() as name:
            for way, work in zip(peaks, ("ask", "ask", "gather"), strict=True):
                peaks[way].append(measured(Path(name), work, size, 1)[1])
    for way, (small, large) in peaks.items():
        print(f"| {way} | {small:.0f} | {large:.0f} | {large - small:+.0f} |")


def main() -> None:
    if sys.argv[1:2] == ["--work"]:
        do_work(sys.argv[2], sys.argv[3:])
        return
    tables = {"rate": rate_table, "replay": replay_table, "memory": memory_table}
    for name in sys.argv[1:] or tables:
        tables[name]()


if __name__ == "__main__":
    main()
