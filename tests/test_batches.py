"""Message Batches: what is sent, what comes back, and what becomes of each item."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_runs import MODEL, QUICK, SCHEMA, answered, key, notes, paid, params, request, requests, run
from wildvalues.errors import PendingError
from wildvalues.llm import providers
from wildvalues.llm.batch_outcomes import outcome_of
from wildvalues.llm.batch_packing import Limits, Parcel
from wildvalues.llm.batch_store import Failure, Sent, custom_id, key_of
from wildvalues.llm.batching import answer_ahead
from wildvalues.llm.errors import FatalError
from wildvalues.llm.memo import Memo, memo_key
from wildvalues.llm.providers.simulated import SimulatedProvider
from wildvalues.llm.runner import answer_all
from wildvalues.llm.simulation import SimulatedServer
from wildvalues.llm.types import Answer, Message, Rejected, Request
from wildvalues.llm.usage import Usage


@pytest.fixture(scope="module")
def running() -> Iterator[SimulatedServer]:
    with SimulatedServer() as started:
        yield started


@pytest.fixture
def server(running: SimulatedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedServer:
    """Return a server that keeps batches open until told, for a study in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WILDVALUES_MEMO", str(tmp_path / "memo"))
    monkeypatch.delenv("WILDVALUES_WAIT", raising=False)
    running.reset(batches={"duration_ms": None})
    return running


# --- sending ----------------------------------------------------------------------------------------------


def test_requests_are_packed_within_the_limits_and_reported_as_pending(server: SimulatedServer, tmp_path: Path) -> None:
    server.change(batches={"max_requests": 8})
    said = run(server, 20, most=8)
    assert isinstance(said, str)
    assert re.match(r"extract: 20 of 20 requests are pending in 3 batches, since \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", said)
    assert "--wait" in said
    assert [batch["custom_ids"] for batch in server.state()["batches"]] == [8, 8, 4]
    assert len(notes(tmp_path / "memo")) == 3


def test_a_batch_is_no_larger_than_allowed(server: SimulatedServer) -> None:
    server.change(batches={"max_bytes": 4_000})
    with pytest.raises(PendingError):
        answer_ahead(
            lambda: requests(20), params=params(server), stage="extract", limits=Limits(size=4_000), patience=QUICK
        )
    batches = server.state()["batches"]
    assert len(batches) > 1
    assert sum(batch["custom_ids"] for batch in batches) == 20


def test_a_request_larger_than_a_batch_is_rejected_and_the_others_are_sent(server: SimulatedServer) -> None:
    server.change(batches={"duration_ms": 0})
    large = Request(MODEL, (Message("user", "x" * 5_000),), SCHEMA)

    def rejected() -> dict[str, Rejected]:
        return answer_ahead(
            lambda: iter((*requests(2), large)),
            params=params(server),
            stage="extract",
            limits=Limits(size=4_000),
            patience=QUICK,
        )

    with pytest.raises(PendingError):
        rejected()
    server.finish_batches()
    assert {one: found.kind for one, found in rejected().items()} == {memo_key(large): "too_long"}
    assert answered(2) == 2


def test_the_same_question_twice_is_sent_once(server: SimulatedServer) -> None:
    with pytest.raises(PendingError):
        answer_ahead(lambda: iter([request(1), request(2), request(1)]), params=params(server), stage="extract")
    assert paid(server) == 2


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=6, max_size=6))
def test_a_custom_id_is_what_the_api_takes_and_holds_the_memo_key(raw: bytes, shipment: bytes) -> None:
    name = custom_id(shipment.hex(), raw.hex())
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
    assert key_of(shipment.hex(), name) == raw.hex()
    assert key_of("another", name) is None


@pytest.mark.parametrize("name", ["", "x", "aabbccddeeff-", "aabbccddeeff-zz", "aabbccddeeff-" + "A" * 60, "id-1"])
def test_a_strange_custom_id_is_nobodys(name: str) -> None:
    assert key_of("aabbccddeeff", name) is None


def test_a_parcel_is_the_json_it_says_it_is(tmp_path: Path) -> None:
    parcel = Parcel(Limits(requests=2), tmp_path)
    for number in range(2):
        assert parcel.add(key(number), Sent(MODEL, 0), b'{"model":"m"}', 0.5)
    assert not parcel.add(key(2), Sent(MODEL, 0), b"{}", 0.5)
    for _ in range(2):  # as often as it must be sent
        sent = b"".join(parcel.body())
        assert len(sent) == parcel.size
        assert [one["params"] for one in json.loads(sent)["requests"]] == [{"model": "m"}] * 2
    assert parcel.reserved == 1.0
    assert list(tmp_path.iterdir()) == []


# --- collecting -------------------------------------------------------------------------------------------


def test_answers_are_those_of_live_calls_and_are_found_under_the_same_keys(server: SimulatedServer) -> None:
    server.change(batches={"duplicated": 0.5})
    run(server, 30, most=12)
    server.finish_batches()
    usage = Usage()
    assert answer_ahead(lambda: requests(30), params=params(server), stage="extract", usage=usage) == {}
    assert (usage.live, usage.live_batch) == (30, 30)
    replay = params(server, provider="replay", batch=False)
    with Memo() as memo, providers.Lazy(replay) as factory:
        found = answer_all(
            ((str(number), one) for number, one in enumerate(requests(30))),
            provider_factory=factory,
            memo=memo,
            params=replay,
            label="extract",
            total=30,
            usage=usage,
        )
        for number, (_, answer) in enumerate(found):
            assert isinstance(answer, Answer)
            assert answer.batch
            assert answer.text == SimulatedProvider().complete(request(number)).text
    assert paid(server) == 30
    assert (usage.calls, usage.replayed, usage.batch_calls) == (30, 0, 30)


def test_nothing_is_left_of_a_batch_whose_answers_are_kept(server: SimulatedServer, tmp_path: Path) -> None:
    run(server, 3)
    server.finish_batches()
    assert run(server, 3) == {}
    assert [path.name for path in (tmp_path / "memo/batches").iterdir()] == ["lock"]
    assert answered(3) == 3


def test_a_study_whose_answers_are_recorded_needs_no_key_and_no_server(
    server: SimulatedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(server, 3)
    server.finish_batches()
    run(server, 3)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    calls = server.state()["calls"]
    assert answer_ahead(lambda: requests(3), params=params(server, base_url=None), stage="extract") == {}
    assert server.state()["calls"] == calls


def test_a_run_that_waits_stays_until_all_is_answered(server: SimulatedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.change(batches={"duration_ms": 80})
    monkeypatch.setenv("WILDVALUES_WAIT", "1")
    assert run(server, 10, most=4) == {}
    assert answered(10) == 10
    assert paid(server) == 10


def test_results_that_break_off_are_read_again(server: SimulatedServer) -> None:
    server.change(batches={"results_break_after": 4})
    run(server, 10)
    server.finish_batches()
    assert run(server, 10) == {}
    assert answered(10) == 10
    assert paid(server) == 10


@pytest.mark.parametrize("fault", ["errored_server", "expired"])
def test_an_item_that_may_succeed_later_goes_into_the_next_batch(server: SimulatedServer, fault: str) -> None:
    server.change(faults={"script": [{"fault": fault, "match": "number 3"}]})
    run(server, 6)
    server.finish_batches()
    said = run(server, 6)
    assert isinstance(said, str)
    assert "1 of 6 requests are pending" in said
    assert answered(6) == 5
    server.finish_batches()
    assert run(server, 6) == {}
    assert paid(server) == 7


def test_an_item_that_no_batch_answers_is_given_up_and_may_be_tried_by_a_later_run(
    server: SimulatedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.change(
        faults={"script": [{"fault": "expired", "match": "number 3", "times": 9}]}, batches={"duration_ms": 0}
    )
    monkeypatch.setenv("WILDVALUES_WAIT", "1")
    found = run(server, 6)
    assert isinstance(found, dict)
    assert found[key(3)].kind == "error"
    assert "3 batches did not answer" in found[key(3)].reason
    assert paid(server) == 6 + 2
    server.change(faults={"script": []})
    assert run(server, 6) == {}


def test_an_invalid_item_is_rejected_without_being_asked_again(server: SimulatedServer) -> None:
    server.change(faults={"script": [{"fault": "errored", "match": "number 2"}]})
    run(server, 4)
    server.finish_batches()
    found = run(server, 4)
    assert isinstance(found, dict)
    assert set(found) == {key(2)}
    assert "rejects this request" in found[key(2)].reason
    with Memo() as memo, providers.Lazy(params(server), rejected=found) as factory:
        outcome = dict(
            answer_all(
                ((str(number), one) for number, one in enumerate(requests(4))),
                provider_factory=factory,
                memo=memo,
                params=params(server),
                label="extract",
                total=4,
            )
        )
    assert outcome["2"] == found[key(2)]
    assert sum(isinstance(one, Answer) for one in outcome.values()) == 3
    assert "POST /v1/messages" not in server.state()["calls"]


def test_a_cancelled_item_is_not_sent_again_by_the_run_that_finds_out(
    server: SimulatedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.change(faults={"script": [{"fault": "canceled", "match": "number 1"}]})
    run(server, 3)
    server.finish_batches()
    monkeypatch.setenv("WILDVALUES_WAIT", "1")
    said = run(server, 3)
    assert isinstance(said, str)
    assert "1 were in a batch that was cancelled; the next run sends them again" in said
    assert paid(server) == 3
    server.change(batches={"duration_ms": 0})
    assert run(server, 3) == {}
    assert paid(server) == 4


def test_an_answer_that_cannot_be_read_is_asked_for_again_in_the_next_batch(server: SimulatedServer) -> None:
    server.change(faults={"script": [{"fault": "wrong_schema", "match": "number 1"}]})
    run(server, 3)
    server.finish_batches()
    said = run(server, 3)
    assert isinstance(said, str)
    assert "1 of 3 requests are pending" in said
    server.finish_batches()
    assert run(server, 3) == {}
    assert paid(server) == 4


def test_refusals_and_answers_cut_off_are_kept_and_not_asked_again(server: SimulatedServer) -> None:
    server.change(faults={"script": ["refusal", "truncated", "context_window"]})
    run(server, 3)
    server.finish_batches()
    assert run(server, 3) == {}
    assert (answered(3), paid(server)) == (3, 3)


def test_an_item_without_a_result_is_sent_again() -> None:
    assert isinstance(outcome_of(None, 0), Failure)
    found = outcome_of({"type": "succeeded", "message": {"content": "?"}}, 1)
    assert isinstance(found, Failure)
    assert (found.fate, found.tries) == ("again", 2)


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        ({"type": "invalid_request_error", "message": "no"}, "rejected"),
        ({"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}, "rejected"),
        ({"type": "overloaded_error", "message": "busy"}, "again"),
        ({"type": "something_new", "message": "?"}, "again"),
    ],
)
def test_errors_of_items_are_told_apart(error: dict[str, str], fate: str) -> None:
    for shape in ({"type": "error", "error": error}, error):
        found = outcome_of({"type": "errored", "error": shape}, 0)
        assert isinstance(found, Failure)
        assert found.fate == fate
        assert (found.kind == "too_long") == ("too long" in error["message"])
    assert isinstance(outcome_of({"type": "errored", "error": {"type": "billing_error"}}, 0), FatalError)
