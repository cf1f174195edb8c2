"""Message Batches at size: time and peak memory of sending and collecting, against the simulated server.

Run as ``python benchmarks/batches.py --conversations 10000 100000``. Each step runs in a process of its own, so that
its peak memory is its own; the server runs in another. The requests are those of a study that asks all facets in one
call, with the prompts of ``workflow/prompts``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wildvalues.errors import PendingError
from wildvalues.llm.batching import answer_ahead
from wildvalues.llm.facets import Interview, load_prompts
from wildvalues.llm.simulation import SimulatedServer
from wildvalues.llm.transcript import Turn
from wildvalues.llm.types import Request
from wildvalues.llm.usage import Usage
from wildvalues.params import Params

MODEL = "claude-haiku-4-5"
FACETS = ("ai_values", "human_values", "response_type", "task")
PROMPTS = Path(__file__).resolve().parent.parent / "workflow" / "prompts"
WORDS = re.findall(
    r"\w+", "she would rather be told the truth about the plan than find out from somebody else entirely"
)


def requests(count: int, chars: int) -> Iterator[Request]:
    """Yield a request for each of `count` conversations of about `chars` characters."""
    interview = Interview(load_prompts(PROMPTS, FACETS), [FACETS], max_chars=chars)
    for number in range(count):
        said = " ".join(WORDS[(number + place) % len(WORDS)] for place in range(chars // 12))
        turns = [Turn("user", f"{number}: {said}"), Turn("assistant", f"{said}, number {number}.")]
        yield interview.request(turns, 0, model=MODEL, temperature=0.0)


def step(url: str, count: int, chars: int) -> None:
    """Send what is not sent, collect what is answered, and print what that took."""
    params = Params.model_validate(
        {
            "llm": {
                "provider": "anthropic",
                "batch": True,
                "base_url": url,
                "model": MODEL,
                "replay": [],
                "budget_usd": 1e9,
                "prices": {MODEL: {"input": 1, "output": 5}},
            }
        }
    )
    next(requests(1, chars))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, cpu, usage, done = time.monotonic(), time.process_time(), Usage(), True
    try:
        answer_ahead(lambda: requests(count, chars), params=params, stage="extract", usage=usage)
    except PendingError:
        done = False
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {
        "done": done,
        "seconds": time.monotonic() - started,
        "cpu": time.process_time() - cpu,
        "answers": usage.live,
        "peak_mb": peak / 1_024,
        "grown_mb": (peak - before) / 1_024,
    }
    print(json.dumps(found))


def run_step(url: str, count: int, chars: int, folder: str) -> dict[str, Any]:
    """Run `step` in a process of its own."""
    command = [sys.executable, __file__, "--step", url, "--conversations", str(count), "--chars", str(chars)]
    environment = {**os.environ, "WILDVALUES_MEMO": f"{folder}/memo"}
    environment.pop("WILDVALUES_WAIT", None)
    done = subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--chars", type=int, default=2_000, help="characters of a conversation")
    parser.add_argument("--step", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        step(given.step, given.conversations[0], given.chars)
        return
    print("conversations step                seconds   CPU s per second  peak MB grown MB")
    for count in given.conversations:
        with tempfile.TemporaryDirectory() as folder, SimulatedServer(where="process") as server:
            server.change(batches={"duration_ms": None})
            for name in ("send", "collect", "all in the memo"):
                found = run_step(server.url, count, given.chars, folder)
                print(
                    f"{count:>13,} {name:<18} {found['seconds']:>8.1f} {found['cpu']:>7.1f} "
                    f"{count / found['seconds']:>10,.0f} {found['peak_mb']:>8.0f} {found['grown_mb']:>8.0f}",
                    flush=True,
                )
                if name == "send":
                    state = server.finish_batches()
                    batches = [batch["custom_ids"] for batch in state["batches"]]
                    assert sum(batches) == count
                    print(f"{'':>13} ({len(batches)} batches of {', '.join(f'{size:,}' for size in batches)} requests)")
                elif name == "collect":
                    assert found["done"]
                    assert found["answers"] == count


if __name__ == "__main__":
    main()
