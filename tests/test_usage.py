"""What answers cost is known from their records; how a run went is told apart from that."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from wildvalues.errors import ParamsError
from wildvalues.llm.memo import Memo
from wildvalues.llm.memo_records import Record, read_record, write_record
from wildvalues.llm.prices import ModelPrice, needed_price, price_file, price_of
from wildvalues.llm.types import Answer, Message, Rejected, Request
from wildvalues.llm.usage import Usage, rejections
from wildvalues.params import Params

MODEL = "claude-haiku-4-5"
LIVE = Answer("a", "end_turn", 1_000, 100, cache_read_tokens=600, cache_write_tokens=200)
BATCH = Answer("b", "end_turn", 1_000, 100, batch=True)


def params(**llm: object) -> Params:
    return Params.model_validate({"llm": {"provider": "anthropic", "model": MODEL, **llm}})


def test_metrics_are_equal_for_answers_given_now_and_answers_replayed() -> None:
    price = price_of(params(), MODEL)
    assert price is not None
    first, second = Usage(), Usage()
    for answer in (LIVE, BATCH):
        first.count_answer(answer, live=True, dollars=price.cost(answer))
    for answer in (BATCH, LIVE):
        second.count_answer(answer, live=False, dollars=price.cost(answer))
    assert first.metrics() == second.metrics()
    assert first.metrics()["batch_calls"] == 1
    assert first.metrics()["cache_read_tokens"] == 600
    assert (second.replayed, second.live, second.dollars) == (2, 0, 0.0)
    assert first.this_time()["live_batch"] == 1
    assert first.this_time()["dollars"] == first.metrics()["dollars"]


def test_cached_and_batched_tokens_have_their_own_prices() -> None:
    price = ModelPrice(10.0, 50.0, cache_read=0.1, cache_write=1.25, batch=0.5)
    assert price.cost(LIVE) == pytest.approx((200 * 10 + 600 * 1 + 200 * 12.5 + 100 * 50) / 1e6)
    assert price.cost(BATCH) == pytest.approx((1_000 * 10 + 100 * 50) / 1e6 / 2)


def test_an_unknown_price_makes_dollars_unknown_and_not_nothing() -> None:
    usage = Usage()
    usage.count_answer(LIVE, live=True, dollars=None)
    usage.count_answer(BATCH, live=True, dollars=1.0)
    assert usage.metrics()["dollars"] is None
    assert math.isnan(usage.dollars)
    assert "price unknown" in usage.summary()
    json.dumps([usage.metrics(), usage.this_time()], allow_nan=False)


def test_every_kind_of_rejection_is_a_metric_even_when_none_happened() -> None:
    usage = Usage()
    usage.count_rejected(Rejected("no", "refused"))
    assert rejections(usage.rejected) == {
        "rejected_by": {
            "error": 0,
            "not_labelled": 0,
            "not_recorded": 0,
            "refused": 1,
            "too_long": 0,
            "truncated": 0,
            "unparsable": 0,
        }
    }


def test_the_log_line_tells_memo_model_batches_and_cache_apart() -> None:
    usage = Usage()
    usage.count_answer(LIVE, live=True, dollars=0.01)
    usage.count_answer(BATCH, live=True, dollars=0.01)
    usage.count_answer(BATCH, live=False, dollars=0.01)
    line = usage.summary()
    assert "3 answers, 1 from the memo, 2 from the model, 1 of them in batches" in line
    assert "600 from its cache" in line
    assert "$0.02" in line


def test_a_record_keeps_whether_its_answer_came_in_a_batch_and_older_records_mean_live(tmp_path: Path) -> None:
    assert read_record(write_record(Record("ab" * 32, "m", BATCH))).answer.batch
    assert b"batch" not in write_record(Record("ab" * 32, "m", LIVE))
    # A line of the first version, byte for byte.
    old = (
        b'{"key":"' + b"ab" * 32 + b'","model":"m","text":"x","stop_reason":"end_turn",'
        b'"input_tokens":5,"output_tokens":1,"crc32":"d3984b71"}\n'
    )
    assert read_record(old) == Record("ab" * 32, "m", Answer("x", "end_turn", 5, 1))
    assert write_record(read_record(old)) == old
    request = Request("m", (Message("user", "?"),))
    with Memo(tmp_path) as memo:
        memo.put(request, BATCH)
    with Memo(tmp_path) as memo:
        assert memo.get(request) == BATCH


def test_a_replayed_study_shows_what_it_cost_and_weights_cost_nothing() -> None:
    assert price_of(params(provider="replay"), MODEL) == price_of(params(), MODEL)
    assert price_of(params(), "sha256:00") == ModelPrice(0.0, 0.0)
    assert price_of(params(), f"{MODEL}-20251001") == price_of(params(), MODEL)
    # Nobody knows what a server of one's own charges, whatever the model is called.
    assert price_of(params(base_url="http://localhost:1"), MODEL) is None
    assert price_of(params(base_url="http://localhost:1", prices={MODEL: {"input": 0, "output": 0}}), MODEL) is not None


def test_a_budget_asks_for_a_price_only_where_something_is_paid() -> None:
    with pytest.raises(ParamsError, match=r"price of new-9 is not known; add it under llm\.prices"):
        needed_price(params(budget_usd=1), "new-9")
    assert needed_price(params(provider="replay", budget_usd=1), "new-9").input == 0


@pytest.mark.parametrize("text", ["plain words " * 50, "\U0001f9ff" * 200, "漢字" * 200, "a!$%^&*" * 80])
@pytest.mark.parametrize("model", [MODEL, "claude-opus-5-5"])
def test_what_is_set_aside_is_never_less_than_the_call_can_cost(text: str, model: str) -> None:
    price = price_of(params(), model)
    assert price is not None
    request = Request(model, (Message("user", text),), schema='{"type": "object"}', max_tokens=100)
    # A token of any tokenizer is at least one byte, all of them may be written to the cache.
    size = len(text.encode()) + len(request.schema or "")
    thinking = price_file()["thinking"] if model == "claude-opus-5-5" else 0
    worst = Answer("", "max_tokens", size, 100 + thinking, cache_write_tokens=size)
    assert price.at_most(request) >= price.cost(worst)
    assert price.at_most(request, batch=True) == pytest.approx(price.at_most(request) / 2)


def test_the_price_file_says_when_and_where_its_prices_are_from() -> None:
    listed = price_file()
    assert str(listed["date"]) >= "2026-10-24"
    assert listed["source"].startswith("https://")
    assert set(listed["always_thinks"]) <= set(listed["models"])
    for price in listed["models"].values():
        assert 0 < price["input"] < price["output"]
