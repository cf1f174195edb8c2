"""Requests are answered in order, each once, and nothing that was paid for is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildvalues.errors import BudgetExceededError, ModelError, ParamsError
from wildvalues.llm import runner
from wildvalues.llm.errors import FatalError, ItemError, TransientError
from wildvalues.llm.memo import Memo
from wildvalues.llm.prices import price_file, price_of
from wildvalues.llm.providers import Lazy, model_id, open_provider
from wildvalues.llm.providers.simulated import SimulatedProvider
from wildvalues.llm.runner import Usage, answer_all
from wildvalues.llm.types import Answer, Message, Provider, Rejected, Request
from wildvalues.params import Params

MODEL = "claude-haiku-4-5"


class Scripted:
    """Answers with the question's text; `script` may raise or answer otherwise."""

    def __init__(self, script: Callable[[str, int], Answer | None] | None = None, concurrency: int = 1) -> None:
        self.concurrency = concurrency
        self.script = script or (lambda text, attempt: None)
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Answer:
        text = request.messages[-1].content
        with self._lock:
            self.asked.append(text)
            attempt = self.asked.count(text)
        return self.script(text, attempt) or Answer(text, "end_turn", 100, 10)

    def choose(self, request: Request) -> Answer:
        return self.complete(request)

    def close(self) -> None:
        pass


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
    memo: Memo, provider: Provider, asked: Any, usage: Usage | None = None, **llm: Any
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
def test_answers_come_in_input_order(memo: Memo, concurrency: int) -> None:
    gate = threading.Event()

    def slow_start(text: str, attempt: int) -> None:
        if text == "q0" and concurrency > 1:
            assert gate.wait(5)
        if text == "q7":
            gate.set()

    results = run(memo, Scripted(slow_start, concurrency), requests(50))
    assert [name for name, _ in results] == [f"id-{number}" for number in range(50)]
    assert [result.text for _, result in results if isinstance(result, Answer)] == [f"q{n}" for n in range(50)]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_second_run_opens_no_provider(memo: Memo, concurrency: int) -> None:
    first = run(memo, Scripted(concurrency=concurrency), requests(30))
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
@settings(max_examples=30, deadline=None)
def test_the_same_question_is_asked_once(tmp_path_factory: pytest.TempPathFactory, texts: list[int], many: int) -> None:
    provider = Scripted(concurrency=many)
    with Memo(tmp_path_factory.mktemp("memo")) as memo:
        results = run(memo, provider, [(str(place), request(str(text))) for place, text in enumerate(texts)])
    assert [result.text for _, result in results if isinstance(result, Answer)] == [str(text) for text in texts]
    assert len(provider.asked) == len(set(texts))


def test_requests_are_taken_a_bounded_number_ahead(memo: Memo) -> None:
    taken = 0

    def counted() -> Iterator[tuple[str, Request]]:
        nonlocal taken
        for item in requests(5_000):
            taken += 1
            yield item

    results = answer_all(
        counted(),
        provider_factory=lambda: Scripted(concurrency=4),
        memo=memo,
        params=params(),
        label="test",
        total=5_000,
    )
    next(results)
    assert taken <= 4 * 16 + 1
    results.close()


def test_a_passing_failure_is_tried_again_and_waits_as_the_server_says(
    memo: Memo, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[tuple[int, float | None]] = []
    monkeypatch.setattr(runner, "_pause", lambda tries, after: pauses.append((tries, after)) or 0.0)

    def twice_busy(text: str, attempt: int) -> None:
        if attempt <= 2:
            raise TransientError("529: overloaded", retry_after=7.0 if attempt == 1 else None)

    usage = Usage()
    ((_, result),) = run(memo, Scripted(twice_busy), requests(1), usage)
    assert isinstance(result, Answer)
    assert pauses == [(1, 7.0), (2, None)]
    assert usage.retries == 2


def test_pauses_grow_have_jitter_and_are_never_shorter_than_asked() -> None:
    assert all(7.0 <= runner._pause(1, 7.0) <= 10.0 for _ in range(100))
    assert all(2.0 <= runner._pause(3, None) <= 4.0 for _ in range(100))
    assert runner._pause(50, None) <= 60
    assert len({runner._pause(3, None) for _ in range(10)}) > 1


def test_an_item_that_never_works_is_rejected_and_the_rest_goes_on(memo: Memo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_pause", lambda tries, after: 0.0)

    def one_breaks(text: str, attempt: int) -> None:
        if text == "q1":
            raise TransientError("500: broken")

    usage = Usage()
    provider = Scripted(one_breaks)
    results = dict(run(memo, provider, requests(3), usage))
    assert isinstance(results["id-1"], Rejected)
    assert "3 tries" in results["id-1"].reason
    assert isinstance(results["id-2"], Answer)
    assert provider.asked.count("q1") == 3
    assert usage.rejected == {"error": 1}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_provider_that_is_gone_stops_the_run(memo: Memo, monkeypatch: pytest.MonkeyPatch, concurrency: int) -> None:
    monkeypatch.setattr(runner, "_pause", lambda tries, after: 0.0)

    def gone(text: str, attempt: int) -> None:
        raise TransientError("the connection broke")

    provider = Scripted(gone, concurrency)
    with pytest.raises(FatalError, match="the connection broke"):
        run(memo, provider, requests(1_000))
    assert len(provider.asked) < 100


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_fatal_error_stops_at_once_and_keeps_what_is_there(memo: Memo, concurrency: int) -> None:
    def expired(text: str, attempt: int) -> None:
        if int(text[1:]) >= 20:
            raise FatalError("401: the key expired")

    provider = Scripted(expired, concurrency)
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


def test_a_choice_outside_the_options_is_rejected(memo: Memo) -> None:
    asked = [("a", request("maybe", options=("yes", "no"))), ("b", request("yes", options=("yes", "no")))]
    (_, first), (_, second) = run(memo, Scripted(), asked)
    assert isinstance(first, Rejected)
    assert isinstance(second, Answer)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_the_budget_is_a_hard_stop(memo: Memo, concurrency: int) -> None:
    # A call costs 100 tokens read and 10 written: $0.00015; it may cost at most about $0.0028.
    usage = Usage()
    budget = 0.01
    with pytest.raises(BudgetExceededError, match=r"llm\.budget_usd.*raise the budget"):
        run(memo, Scripted(concurrency=concurrency), requests(1_000), usage, budget_usd=budget)
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


def test_stopping_by_hand_keeps_the_calls_in_flight(memo: Memo) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow(text: str, attempt: int) -> None:
        if text == "q0":
            assert started.wait(5)
        else:
            started.set()
            assert go_on.wait(5)

    results = answer_all(
        requests(10), provider_factory=lambda: Scripted(slow, 2), memo=memo, params=params(), label="t", total=10
    )
    next(results)
    go_on.set()
    results.close()  # what Ctrl-C does to a generator
    assert memo.get(request("q1")) is not None


def test_an_unexpected_provider_error_is_not_swallowed(memo: Memo) -> None:
    def bug(text: str, attempt: int) -> None:
        raise ZeroDivisionError

    for concurrency in (1, 4):
        with pytest.raises(ZeroDivisionError):
            run(memo, Scripted(bug, concurrency), requests(5))


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
