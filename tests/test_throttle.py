"""A server is asked as fast as it allows, and no faster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildvalues.llm.memo import Memo
from wildvalues.llm.providers import Lazy
from wildvalues.llm.runner import Usage, answer_all
from wildvalues.llm.simulation.running import SimulatedServer
from wildvalues.llm.throttle import Throttle, pause
from wildvalues.llm.types import Answer, Message, Request
from wildvalues.params import Params

MODEL = "claude-sonnet-4-5"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock, kind: str, limit: int, left: int, reset_s: float = 60) -> list[tuple[bytes, bytes]]:
    reset = datetime.fromtimestamp(clock.now, UTC) + timedelta(seconds=reset_s)
    told = {"limit": str(limit), "remaining": str(left), "reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return [(f"anthropic-ratelimit-{kind}-{name}".encode(), value.encode()) for name, value in told.items()]


def test_calls_double_with_each_round_up_to_the_most_allowed() -> None:
    throttle = Throttle(100, Clock())
    rounds = []
    while throttle.calls < 100:
        rounds.append(throttle.calls)
        for _ in range(throttle.calls):
            throttle.answered(MODEL, 10, 10)
    assert rounds == [32, 64]


def test_a_refusal_halves_the_calls_once_for_all_sent_before_it() -> None:
    clock = Clock()
    throttle = Throttle(16, clock)
    started = [throttle.started(MODEL) for _ in range(16)]
    clock.now += 1
    for moment in started:
        throttle.refused(moment, 1, None)
    assert throttle.calls == 8
    clock.now += 5
    throttle.refused(throttle.started(MODEL), 1, None)
    assert throttle.calls == 4


def test_after_a_refusal_calls_grow_by_one_a_round() -> None:
    throttle = Throttle(16, Clock())
    throttle.refused(throttle.started(MODEL), 1, None)
    for _ in range(9):
        throttle.answered(MODEL, 1, 1)
    assert throttle.calls == 9


@given(st.lists(st.booleans(), max_size=300), st.integers(1, 50))
def test_there_is_always_room_for_one_call_and_never_for_more_than_allowed(events: list[bool], most: int) -> None:
    clock = Clock()
    throttle = Throttle(most, clock)
    for answered in events:
        clock.now += 1
        if answered:
            throttle.answered(MODEL, 5, 5)
        else:
            throttle.refused(throttle.started(MODEL), 1, None)
        assert 1 <= throttle.calls <= most


def test_a_pause_the_server_asks_for_holds_back_every_model() -> None:
    clock = Clock()
    throttle = Throttle(8, clock)
    throttle.refused(throttle.started(MODEL), 1, 10.0)
    assert 10.0 <= throttle.delay("another-model") <= 12.5
    throttle.refused(clock.now, 1, 2.0)  # a shorter one does not cut it short
    assert throttle.delay(MODEL) >= 10.0
    clock.now += 13
    assert throttle.delay(MODEL) == 0


def test_an_empty_bucket_is_waited_for_as_long_as_it_takes_to_refill() -> None:
    clock = Clock()
    throttle = Throttle(8, clock)
    throttle.heed(MODEL, limits(clock, "requests", 120, 2), clock.now)
    for _ in range(2):
        assert throttle.delay(MODEL) == 0
        throttle.started(MODEL)
    assert throttle.delay(MODEL) == pytest.approx(0.5)
    assert throttle.delay("another-model") == 0
    clock.now += 0.5
    assert throttle.delay(MODEL) == 0


def test_tokens_are_reckoned_by_what_calls_took_before() -> None:
    clock = Clock()
    throttle = Throttle(8, clock)
    throttle.answered(MODEL, 3_000, 100)
    throttle.heed(MODEL, limits(clock, "input-tokens", 60_000, 1_000), clock.now)
    assert throttle.delay(MODEL) == pytest.approx(2.0)


def test_a_bucket_that_is_full_soon_is_not_waited_for_longer() -> None:
    clock = Clock()
    throttle = Throttle(8, clock)
    throttle.heed(MODEL, limits(clock, "requests", 60, 0, reset_s=-5), clock.now)
    assert throttle.delay(MODEL) <= 1.0


def test_a_call_larger_than_the_limit_is_not_waited_for_forever() -> None:
    clock = Clock()
    throttle = Throttle(8, clock)
    throttle.answered(MODEL, 500_000, 100)
    throttle.heed(MODEL, limits(clock, "input-tokens", 50_000, 50_000), clock.now)
    assert throttle.delay(MODEL) == 0


@pytest.mark.parametrize("broken", [[], [(b"anthropic-ratelimit-requests-limit", b"many")], [(b"date", b"today")]])
def test_headers_that_say_nothing_are_passed_over(broken: list[tuple[bytes, bytes]]) -> None:
    throttle = Throttle(8, Clock())
    throttle.heed(MODEL, broken, 0.0)
    assert throttle.delay(MODEL) == 0


def test_pauses_grow_have_jitter_and_are_never_shorter_than_asked() -> None:
    assert all(7.0 <= pause(1, 7.0) <= 10.0 for _ in range(100))
    assert all(2.0 <= pause(3, None) <= 4.0 for _ in range(100))
    assert pause(50, None) <= 60
    assert len({pause(3, None) for _ in range(10)}) > 1


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedServer]:
    with SimulatedServer({"latency": {"base_ms": 20}}) as running:
        yield running


def run(server: SimulatedServer, folder: Path, count: int, concurrency: int) -> Usage:
    told = {"base_url": server.url, "concurrency": concurrency, "structured_output": "schema"}
    params = Params.model_validate({"llm": {"provider": "anthropic", "model": MODEL, **told}})
    usage = Usage()
    asked = [(str(n), Request(MODEL, (Message("user", f"question {n}"),))) for n in range(count)]
    with Memo(folder / "memo") as memo, Lazy(params) as provider:
        results = list(
            answer_all(asked, provider_factory=provider, memo=memo, params=params, label="t", total=count, usage=usage)
        )
    assert all(isinstance(result, Answer) for _, result in results)
    return usage


def test_a_server_with_a_rate_limit_is_hardly_ever_asked_too_much(
    server: SimulatedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server.reset(latency={"base_ms": 20}, limits={"requests_per_minute": 3_000, "burst_s": 0.4, "whole_seconds": False})
    usage = run(server, tmp_path, 120, 32)
    statuses = server.state()["statuses"]
    assert statuses["200"] == 120
    # Without the headers, every call beyond the first burst of 20 would be turned away at least once: 100. How many of
    # the first 32 are on their way before the first header arrives depends on the machine.
    assert statuses.get("429", 0) == usage.retries < 60


def test_a_crowded_server_gets_fewer_calls_at_once(
    server: SimulatedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wildvalues.llm.throttle.pause", lambda tries, retry_after: 0.02)
    server.reset(latency={"base_ms": 20}, limits={"overloaded_above": 6})
    usage = run(server, tmp_path, 150, 32)
    statuses = server.state()["statuses"]
    assert statuses["200"] == 150
    assert statuses["529"] == usage.retries < 150
