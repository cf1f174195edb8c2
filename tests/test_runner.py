"""Requests are answered in order, each once, and nothing that was paid for is lost."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wildvalues.errors import BudgetExceededError, ModelError, ParamsError
from wildvalues.llm import dispatch, serial, throttle
from wildvalues.llm.errors import FatalError, ItemError, TransientError
from wildvalues.llm.memo import Memo
from wildvalues.llm.prices import price_file, price_of
from wildvalues.llm.providers import Lazy, model_id, open_provider
from wildvalues.llm.providers.simulated import SimulatedProvider
from wildvalues.llm.runner import Usage, answer_all
from wildvalues.llm.throttle import Throttle
from wildvalues.llm.types import Answer, Message, Rejected, Request
from wildvalues.params import Params

MODEL = "claude-haiku-4-5"


Script = Callable[[str, int], Any]


class Scripted:
    """Answers with the question's text, one call at a time; `script` may raise or answer otherwise."""

    concurrency = 1

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or (lambda text, attempt: None)
        self.asked: list[str] = []

    def complete(self, request: Request) -> Answer:
        text = request.messages[-1].content
        self.asked.append(text)
        return self.script(text, self.asked.count(text)) or Answer(text, "end_turn", 100, 10)

    def choose(self, request: Request) -> Answer:
        return self.complete(request)

    def close(self) -> None:
        pass


class Crowd:
    """The same for many calls at once; `script` may return an awaitable, to take its time."""

    def __init__(self, script: Script | None, concurrency: int, loop: asyncio.AbstractEventLoop) -> None:
        self.script = script or (lambda text, attempt: None)
        self.asked: list[str] = []
        self.families: list[int] = []
        self.in_flight = self.most_in_flight = 0
        self.loop = loop
        self.throttle = Throttle(concurrency, time.monotonic)

    async def ask(self, request: Request, family: Sequence[Request] = ()) -> Answer:
        text = request.messages[-1].content
        self.asked.append(text)
        self.families.append(len(family))
        attempt = self.asked.count(text)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            found = self.script(text, attempt)
            if inspect.isawaitable(found):
                found = await found
        finally:
            self.in_flight -= 1
        return found or Answer(text, "end_turn", 100, 10)

    def prefix(self, request: Request) -> Hashable | None:
        return request.messages[:-1] or None

    def close(self) -> None:
        pass


Make = Callable[[Script | None, int], Any]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make a provider: serial for one call at a time, else concurrent."""
    loop = asyncio.new_event_loop()
    yield lambda script=None, concurrency=1: Scripted(script) if concurrency == 1 else Crowd(script, concurrency, loop)
    loop.close()


@pytest.fixture(autouse=True)
def in_a_study_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float | None]]:
    """Pauses are noted and not made."""
    pauses: list[tuple[int, float | None]] = []

    def noted(tries: int, retry_after: float | None) -> float:
        pauses.append((tries, retry_after))
        return 0.0

    for module in (throttle, serial, dispatch):
        monkeypatch.setattr(module, "pause", noted)
    return pauses


def request(text: str, **more: Any) -> Request:
    return Request(MODEL, (Message("user", text),), **more)


def requests(count: int) -> Iterator[tuple[str, Request]]:
    return ((f"id-{number}", request(f"q{number}")) for number in range(count))


def params(**llm: Any) -> Params:
    return Params.model_validate({"llm": {"provider": "anthropic", "model": MODEL, "max_retries": 2, **llm}})


@pytest.fixture
def memo(tmp_path: Path) -> Iterator[Memo]:
    with Memo(tmp_path / "memo") as opened:
        yield opened


def run(
    memo: Memo, provider: Any, asked: Any, usage: Usage | None = None, **llm: Any
) -> list[tuple[str, Answer | Rejected]]:
    return list(
        answer_all(
            asked,
            provider_factory=lambda: provider,
            memo=memo,
            params=params(**llm),
            label="test",
            total=0,
            usage=usage,
        )
    )


@pytest.mark.parametrize("concurrency", [1, 8])
def test_answers_come_in_input_order(memo: Memo, make: Make, concurrency: int) -> None:
    gate = asyncio.Event()

    def slow_start(text: str, attempt: int) -> Any:
        if text == "q0" and concurrency > 1:
            return _after(gate)
        if text == "q7":
            gate.set()
        return None

    results = run(memo, make(slow_start, concurrency), requests(50))
    assert [name for name, _ in results] == [f"id-{number}" for number in range(50)]
    assert [result.text for _, result in results if isinstance(result, Answer)] == [f"q{n}" for n in range(50)]


async def _after(gate: asyncio.Event) -> None:
    await asyncio.wait_for(gate.wait(), 5)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_second_run_opens_no_provider(memo: Memo, make: Make, concurrency: int) -> None:
    first = run(memo, make(None, concurrency), requests(30))
    usage = Usage()
    second = list(
        answer_all(
            requests(30),
            provider_factory=lambda: pytest.fail("the provider was opened"),
            memo=memo,
            params=params(),
            label="test",
            total=30,
            usage=usage,
        )
    )
    assert first == second
    assert (usage.calls, usage.replayed, usage.live, usage.input_tokens) == (30, 30, 0, 3000)


@given(st.lists(st.integers(0, 8), max_size=40), st.integers(1, 6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_question_is_asked_once(
    tmp_path_factory: pytest.TempPathFactory, make: Make, texts: list[int], many: int
) -> None:
    provider = make(None, many)
    with Memo(tmp_path_factory.mktemp("memo")) as memo:
        results = run(memo, provider, [(str(place), request(str(text))) for place, text in enumerate(texts)])
    assert [result.text for _, result in results if isinstance(result, Answer)] == [str(text) for text in texts]
    assert len(provider.asked) == len(set(texts))


def test_requests_are_taken_a_bounded_number_ahead(memo: Memo, make: Make) -> None:
    taken = 0

    def counted() -> Iterator[tuple[str, Request]]:
        nonlocal taken
        for item in requests(5_000):
            taken += 1
            yield item

    provider = make(lambda text, attempt: asyncio.sleep(0.01), 4)
    results = answer_all(
        counted(), provider_factory=lambda: provider, memo=memo, params=params(), label="test", total=5_000
    )
    next(results)
    assert taken <= 4 * 16 + 1
    results.close()


def test_as_many_calls_are_in_flight_as_allowed_and_no_more(memo: Memo, make: Make) -> None:
    provider = make(lambda text, attempt: asyncio.sleep(0.005), 20)
    run(memo, provider, requests(200))
    assert provider.most_in_flight == 20


def about(conversations: int, questions: int) -> Iterator[tuple[str, Request]]:
    for number in range(conversations):
        for question in range(questions):
            text = (Message("user", f"conversation {number}"), Message("user", f"{number}.{question}"))
            yield f"{number}.{question}", Request(MODEL, text)


def test_the_first_question_about_a_conversation_is_answered_before_its_siblings_are_asked(
    memo: Memo, make: Make
) -> None:
    done: set[str] = set()
    early: list[str] = []

    async def timed(text: str) -> None:
        conversation, _, question = text.partition(".")
        if question != "0" and f"{conversation}.0" not in done:
            early.append(text)
        await asyncio.sleep(0.002)
        done.add(text)

    provider = make(lambda text, attempt: timed(text), 4)
    results = run(memo, provider, about(40, 4))
    assert [name for name, _ in results] == [f"{n}.{q}" for n in range(40) for q in range(4)]
    # Only the last few conversations, when no other work is left, may be asked about out of turn.
    assert all(int(text.partition(".")[0]) >= 36 for text in early)
    assert set(provider.families) == {3}


def test_siblings_do_not_wait_when_there_is_nothing_else_to_do(memo: Memo, make: Make) -> None:
    provider = make(lambda text, attempt: asyncio.sleep(0.01), 8)
    run(memo, provider, about(1, 4))
    assert provider.most_in_flight == 4


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_passing_failure_is_tried_again_and_waits_as_the_server_says(
    memo: Memo, make: Make, no_pauses: list[tuple[int, float | None]], concurrency: int
) -> None:
    def twice_busy(text: str, attempt: int) -> None:
        if attempt <= 2:
            raise TransientError("529: overloaded", retry_after=7.0 if attempt == 1 else None, crowded=attempt == 1)

    usage = Usage()
    ((_, result),) = run(memo, make(twice_busy, concurrency), requests(1), usage)
    assert isinstance(result, Answer)
    assert no_pauses == [(1, 7.0), (2, None)]
    assert usage.retries == 2


def test_one_refusal_for_too_many_calls_holds_back_all(memo: Memo, make: Make) -> None:
    started: list[float] = []

    def busy_once(text: str, attempt: int) -> Any:
        started.append(time.monotonic())
        if text == "q5" and attempt == 1:
            raise TransientError("429: too many", retry_after=0.3, crowded=True)
        return asyncio.sleep(0.01)

    provider = make(busy_once, 8)
    run(memo, provider, requests(40))
    gaps = [after - before for before, after in itertools.pairwise(started)]
    # Nothing starts while the server wants peace, and nothing is asked twice but what it turned away.
    assert max(gaps) >= 0.25
    assert len(provider.asked) == 41


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_item_that_never_works_is_rejected_and_the_rest_goes_on(
    memo: Memo, make: Make, no_pauses: object, concurrency: int
) -> None:
    def one_breaks(text: str, attempt: int) -> None:
        if text == "q1":
            raise TransientError("500: broken")

    usage = Usage()
    provider = make(one_breaks, concurrency)
    results = dict(run(memo, provider, requests(3), usage))
    assert isinstance(results["id-1"], Rejected)
    assert "3 tries" in results["id-1"].reason
    assert isinstance(results["id-2"], Answer)
    assert provider.asked.count("q1") == 3
    assert usage.rejected == {"error": 1}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_provider_that_is_gone_stops_the_run(memo: Memo, make: Make, no_pauses: object, concurrency: int) -> None:
    def gone(text: str, attempt: int) -> None:
        raise TransientError("the connection broke")

    provider = make(gone, concurrency)
    with pytest.raises(FatalError, match="the connection broke"):
        run(memo, provider, requests(1_000))
    assert len(provider.asked) < 100


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_fatal_error_stops_at_once_and_keeps_what_is_there(memo: Memo, make: Make, concurrency: int) -> None:
    def expired(text: str, attempt: int) -> None:
        if int(text[1:]) >= 20:
            raise FatalError("401: the key expired")

    provider = make(expired, concurrency)
    with pytest.raises(FatalError, match="expired"):
        run(memo, provider, requests(1_000))
    assert len(provider.asked) <= 21 + concurrency
    assert all(memo.get(request(f"q{number}")) is not None for number in range(20))


@pytest.mark.parametrize(
    ("stop", "kind"),
    [("refusal", "refused"), ("max_tokens", "truncated"), ("model_context_window_exceeded", "too_long")],
)
def test_a_paid_answer_that_cannot_be_used_is_rejected_but_not_paid_twice(memo: Memo, stop: str, kind: str) -> None:
    provider = Scripted(lambda text, attempt: Answer("half", stop, 100, 10))
    for _ in range(2):
        ((_, result),) = run(memo, provider, requests(1))
        assert isinstance(result, Rejected)
        assert result.kind == kind
    assert len(provider.asked) == 1


def test_a_choice_outside_the_options_is_asked_again_and_then_rejected(memo: Memo) -> None:
    asked = [("a", request("maybe", options=("yes", "no"))), ("b", request("yes", options=("yes", "no")))]
    provider = Scripted(lambda text, attempt: Answer("maybe" if text != "yes" else text, "end_turn", 100, 10))
    (_, first), (_, second) = run(memo, provider, asked)
    assert isinstance(first, Rejected)
    assert first.kind == "unparsable"
    assert isinstance(second, Answer)
    assert [text[:5] for text in provider.asked] == ["maybe", "That ", "yes"]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_second_request_mends_an_answer_and_replays_free_of_charge(memo: Memo, make: Make, concurrency: int) -> None:
    schema = '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'

    def mended(text: str, attempt: int) -> Answer:
        return Answer('{"n": 2}' if "cannot be used" in text else "It is two.", "end_turn", 100, 10)

    asked = [(str(number), request(f"q{number}", schema=schema)) for number in range(6)]
    provider = make(mended, concurrency)
    usage = Usage()
    first = run(memo, provider, asked, usage)
    assert [result.text for _, result in first if isinstance(result, Answer)] == ['{"n": 2}'] * 6
    assert (usage.calls, usage.live, len(provider.asked)) == (12, 12, 12)
    again = Usage()
    refused = make(lambda text, attempt: pytest.fail("it was asked"), concurrency)
    assert run(memo, refused, asked, again) == first
    assert (again.calls, again.replayed) == (12, 12)
    # The memo keeps what the model said, so that a kinder reader may make more of it.
    recorded = memo.get(asked[0][1])
    assert recorded is not None
    assert recorded.text == "It is two."


def test_an_unreadable_answer_without_a_second_one_is_unparsable_in_a_replay(memo: Memo) -> None:
    asked = request("q", schema='{"type": "object"}')
    memo.put(asked, Answer("no JSON", "end_turn", 1, 1))
    with Lazy(params(provider="replay")) as factory:
        ((_, result),) = answer_all(
            [("a", asked)], provider_factory=factory, memo=memo, params=params(provider="replay"), label="t", total=1
        )
    assert isinstance(result, Rejected)
    assert result.kind == "unparsable"


@pytest.mark.parametrize("concurrency", [1, 8])
def test_the_budget_is_a_hard_stop(memo: Memo, make: Make, concurrency: int) -> None:
    # A call costs 100 tokens read and 10 written: $0.00015; it may cost at most about $0.0034.
    usage = Usage()
    budget = 0.01
    with pytest.raises(BudgetExceededError, match=r"llm\.budget_usd.*raise the budget"):
        run(memo, make(None, concurrency), requests(1_000), usage, budget_usd=budget)
    known = sum(memo.get(request(f"q{number}")) is not None for number in range(1_000))
    assert known >= 40
    assert known * 0.00015 <= budget


def test_a_budget_needs_a_price(memo: Memo) -> None:
    unknown = [("a", Request("claude-next-9", (Message("user", "?"),)))]
    with pytest.raises(ParamsError, match=r"claude-next-9 is not known; add it under llm\.prices"):
        run(memo, Scripted(), unknown, budget_usd=1.0)
    run(memo, Scripted(), unknown, budget_usd=1.0, prices={"claude-next-9": {"input": 1, "output": 2}})


def test_dollars_follow_the_price_file_and_replays_are_free(memo: Memo) -> None:
    usage = Usage()
    run(memo, Scripted(), requests(4), usage)
    price = price_file()["models"][MODEL]
    assert usage.dollars == pytest.approx(4 * (100 * price["input"] + 10 * price["output"]) / 1e6)
    again = Usage()
    run(memo, Scripted(), requests(4), again)
    assert again.dollars == 0


def test_cached_tokens_have_their_own_price() -> None:
    price = price_of(params(), "claude-haiku-4-5-20251001")
    assert price is not None
    answer = Answer("x", "end_turn", 1_000_000, 0, cache_read_tokens=600_000, cache_write_tokens=400_000)
    assert price.cost(answer) == pytest.approx(0.6 * 0.1 + 0.4 * 1.25)


def test_stopping_by_hand_keeps_the_calls_in_flight(memo: Memo, make: Make) -> None:
    provider = make(lambda text, attempt: asyncio.sleep(0 if text == "q0" else 0.1), 2)
    results = answer_all(
        requests(10), provider_factory=lambda: provider, memo=memo, params=params(), label="t", total=10
    )
    next(results)
    results.close()  # what Ctrl-C does to a generator
    assert memo.get(request("q1")) is not None
    assert len(provider.asked) <= 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_signal_loses_no_answer_and_starts_no_call(
    memo: Memo, make: Make, number: signal.Signals, concurrency: int
) -> None:
    def struck(text: str, attempt: int) -> Any:
        if text == "q5":
            os.kill(os.getpid(), number)
        return asyncio.sleep(0.02) if concurrency > 1 else None

    provider = make(struck, concurrency)
    with pytest.raises(KeyboardInterrupt):
        run(memo, provider, requests(200))
    assert all(memo.get(request(text)) is not None for text in provider.asked)
    assert len(provider.asked) <= 6 + concurrency
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_second_signal_does_not_wait_for_calls_in_flight(memo: Memo, make: Make) -> None:
    def struck_twice(text: str, attempt: int) -> Any:
        if text == "q0":
            os.kill(os.getpid(), signal.SIGINT)
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        return asyncio.sleep(30)

    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(memo, make(struck_twice, 4), requests(20))
    assert time.monotonic() - before < 5


def test_an_unexpected_provider_error_is_not_swallowed(memo: Memo, make: Make) -> None:
    def bug(text: str, attempt: int) -> None:
        raise ZeroDivisionError

    for concurrency in (1, 4):
        with pytest.raises(ZeroDivisionError):
            run(memo, make(bug, concurrency), requests(5))


def test_requests_that_are_all_turned_down_stop_the_run(memo: Memo) -> None:
    def wrong(text: str, attempt: int) -> None:
        raise ItemError(Rejected("400: no such field", "error"))

    provider = Scripted(wrong)
    with pytest.raises(FatalError, match="no such field"):
        run(memo, provider, requests(1_000))
    assert len(provider.asked) < 50


def test_replay_rejects_what_is_not_recorded(memo: Memo) -> None:
    with Lazy(params(provider="replay")) as factory:
        results = list(
            answer_all(
                requests(2),
                provider_factory=factory,
                memo=memo,
                params=params(provider="replay"),
                label="t",
                total=2,
            )
        )
    assert [result.kind for _, result in results if isinstance(result, Rejected)] == ["not_recorded"] * 2


def test_model_ids_name_weights_by_content_and_hosted_models_by_name() -> None:
    weights = "qwen2.5-coder-1.5b-instruct"
    assert model_id(params(provider="embedded", model=weights)).startswith("sha256:cc324af0")
    assert model_id(params(provider="replay", model=weights)).startswith("sha256:cc324af0")
    assert model_id(params(provider="replay", model=MODEL)) == MODEL
    assert model_id(params(), "claude-opus-5-5") == "claude-opus-5-5"


def test_each_request_goes_to_the_weights_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    embedded = pytest.importorskip("wildvalues.llm.providers.embedded_by_model")

    class Named(Scripted):
        def __init__(self, name: str) -> None:
            super().__init__(lambda text, attempt: Answer(name, "end_turn", 1, 1))

    monkeypatch.setattr(embedded, "EmbeddedProvider", Named)
    small, default = "smollm2-135m-instruct", "qwen2.5-coder-1.5b-instruct"
    chosen = Params.model_validate(
        {"llm": {"model": default}, "extract": {"requests": [{"facets": ["task"], "model": small}]}}
    )
    provider = open_provider(chosen)
    for name in (small, default):
        assert provider.complete(Request(model_id(chosen, name), (Message("user", "?"),))).text == name
    with pytest.raises(ModelError, match="not among the models"):
        provider.complete(Request("sha256:" + "0" * 64, (Message("user", "?"),)))
    provider.close()


CONVERSATION = (
    "<conversation>\n<user>\nI want to be fair.\n</user>\n<assistant>\nThen ask both.\n</assistant>\n</conversation>"
)
SCHEMA = """{"type": "object", "required": ["ai_values", "human_values", "stance", "n"], "properties": {
  "ai_values": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "object", "properties": {
     "quote": {"type": "string", "maxLength": 160}, "value": {"type": "string", "maxLength": 40}}}},
  "human_values": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/item"}},
  "stance": {"enum": ["for", "against"]}, "n": {"type": ["integer", "null"], "minimum": 2, "maximum": 3}},
  "$defs": {"item": {"type": "object", "properties": {"quote": {"type": "string"}, "certain": {"type": "boolean"}}}}}"""


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_simulated_answers_repeat_fit_their_schema_and_quote_the_right_speaker(sample: int) -> None:
    import json

    provider = open_provider(params(provider="simulated"))
    assert isinstance(provider, SimulatedProvider)
    asked = Request("simulated:m", (Message("user", CONVERSATION), Message("user", "?")), SCHEMA, sample=sample)
    answer = provider.complete(asked)
    assert answer == provider.complete(asked)
    value = json.loads(answer.text)
    assert 1 <= len(value["ai_values"]) <= 3
    assert all(item["quote"] in "Then ask both." and item["value"] for item in value["ai_values"])
    assert all(item["quote"] in "I want to be fair." for item in value["human_values"])
    assert value["stance"] in ("for", "against")
    assert value["n"] in (None, 2, 3)


@given(st.text(), st.lists(st.text(min_size=1), min_size=1, max_size=9, unique=True))
@settings(max_examples=60, deadline=None)
def test_simulated_choices_are_log_probabilities_over_all_options(text: str, options: list[str]) -> None:
    import math

    answer = SimulatedProvider().choose(request(text, options=tuple(options)))
    odds = answer.log_probabilities
    assert odds is not None
    assert set(odds) == set(options)
    assert sum(math.exp(value) for value in odds.values()) == pytest.approx(1, abs=0.01)
    assert odds[answer.text] == max(odds.values())
