"""Serve from the command line."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import click
from pydantic import ValidationError

from wildvalues.llm.simulation.settings import Settings


@click.command(help="Simulate the Messages and Message Batches API on the loopback interface.")
@click.option("--port", default=0, show_default=True, help="0 takes a free one; the address is printed")
@click.option("--latency-ms", type=float, help="fixed part of the time to a response")
@click.option("--latency-sigma", type=float, help="spread of that time, of its logarithm")
@click.option("--output-token-ms", type=float, help="time for each token written")
@click.option("--requests-per-minute", type=float, help="limit on requests")
@click.option("--input-tokens-per-minute", type=float, help="limit on tokens read")
@click.option("--output-tokens-per-minute", type=float, help="limit on tokens written")
@click.option("--fault", "faults", multiple=True, metavar="NAME=RATE", help="share of requests that a fault befalls")
@click.option("--seed", type=int, help="seed of the faults")
@click.option("--batch-s", type=float, help="time a batch takes")
@click.option("--settings", default="{}", metavar="JSON", help="all settings; the options above are merged in")
def main(
    port: int,
    latency_ms: float | None,
    latency_sigma: float | None,
    output_token_ms: float | None,
    requests_per_minute: float | None,
    input_tokens_per_minute: float | None,
    output_tokens_per_minute: float | None,
    faults: tuple[str, ...],
    seed: int | None,
    batch_s: float | None,
    settings: str,
) -> None:
    """Serve until interrupted."""
    given: dict[str, Any] = {
        "latency": {"base_ms": latency_ms, "sigma": latency_sigma, "output_token_ms": output_token_ms},
        "limits": {
            "requests_per_minute": requests_per_minute,
            "input_tokens_per_minute": input_tokens_per_minute,
            "output_tokens_per_minute": output_tokens_per_minute,
        },
        "faults": {"rates": dict(_rate(fault) for fault in faults) or None, "seed": seed},
        "batches": {"duration_ms": None if batch_s is None else 1_000 * batch_s},
    }
    changes = {name: {key: value for key, value in part.items() if value is not None} for name, part in given.items()}
    try:
        chosen = Settings.model_validate(json.loads(settings)).changed(changes)
    except (ValueError, ValidationError) as error:
        raise click.UsageError(" ".join(str(error).split())) from None
    asyncio.run(_serve(chosen, port))


def _rate(fault: str) -> tuple[str, float]:
    name, _, rate = fault.partition("=")
    try:
        return name, float(rate)
    except ValueError:
        raise click.UsageError(f"--fault {fault}: expected NAME=RATE, for example overloaded=0.01") from None


async def _serve(settings: Settings, port: int) -> None:
    from wildvalues.llm.simulation.front import serve

    runner, bound = await serve(settings, port)
    click.echo(f"http://127.0.0.1:{bound}")
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
