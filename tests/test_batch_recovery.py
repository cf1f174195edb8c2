"""Message Batches survive what happens between sending and collecting: death, lost replies, other runs."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from batch_runs import MODEL, QUICK, answered, notes, paid, params, requests, run
from wildvalues.errors import PendingError
from wildvalues.llm import batch_collecting, ledger
from wildvalues.llm.batch_store import BatchStore
from wildvalues.llm.batching import answer_ahead
from wildvalues.llm.errors import FatalError
from wildvalues.llm.memo import Memo
from wildvalues.llm.providers.batches import BatchClient
from wildvalues.llm.simulation import SimulatedServer


@pytest.fixture(scope="module")
def running() -> Iterator[SimulatedServer]:
    with SimulatedServer() as started:
        yield started


@pytest.fixture
def server(running: SimulatedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedServer:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WILDVALUES_MEMO", str(tmp_path / "memo"))
    monkeypatch.delenv("WILDVALUES_WAIT", raising=False)
    running.reset(batches={"duration_ms": None})
    return running


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_another_process(work: Callable[[], object]) -> int | None:
    """Run `work` in a process of its own and return its exit code; minus the signal that killed it."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(30)
    assert process.exitcode is not None
    return process.exitcode


def backdate(memo: Path) -> None:
    """Make the intents old enough that a batch which is not in the list was never taken."""
    store = BatchStore(memo)
    for shipment in store.shipments():
        older = shipment.model_copy(update={"sent_at": shipment.sent_at - timedelta(seconds=60)})
        (store.folder / f"{shipment.id}.json").write_text(older.model_dump_json(), "utf-8")


# --- death ------------------------------------------------------------------------------------------------


def test_a_run_that_is_killed_after_sending_is_picked_up_without_paying_again(server: SimulatedServer) -> None:
    def work() -> None:
        try:
            answer_ahead(lambda: requests(20), params=params(server), stage="extract", patience=QUICK)
        except PendingError:
            die()

    assert in_another_process(work) == -signal.SIGKILL
    server.finish_batches()
    assert run(server, 20) == {}
    assert (answered(20), paid(server)) == (20, 20)


def test_a_run_that_is_killed_before_it_knows_the_batch_finds_it_in_the_list(
    server: SimulatedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(BatchStore, "confirm", lambda *_: die())
        assert in_another_process(lambda: run(server, 20)) == -signal.SIGKILL
    (note,) = notes(tmp_path / "memo")
    assert json.loads((tmp_path / "memo/batches" / note).read_text("utf-8"))["batch"] is None
    # Another batch of the same size, of somebody else.
    other = [
        {"custom_id": f"other-{n}", "params": {"model": MODEL, "max_tokens": 9, "messages": []}} for n in range(20)
    ]
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    httpx2.post(f"{server.url}/v1/messages/batches", json={"requests": other}, headers=headers)
    said = run(server, 20)
    assert isinstance(said, str)
    assert "20 of 20 requests are pending" in said
    server.finish_batches()
    assert run(server, 20) == {}
    assert (answered(20), paid(server)) == (20, 20 + len(other))


def test_a_run_that_is_killed_before_it_sends_is_done_again(
    server: SimulatedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(BatchClient, "create", lambda *_: die())
        assert in_another_process(lambda: run(server, 5)) == -signal.SIGKILL
    assert len(notes(tmp_path / "memo")) == 1
    backdate(tmp_path / "memo")
    run(server, 5)
    server.finish_batches()
    assert run(server, 5) == {}
    assert (answered(5), paid(server)) == (5, 5)


def test_a_run_that_is_killed_while_it_collects_goes_on_where_it_was(
    server: SimulatedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(server, 20, budget_usd=50)
    server.finish_batches()
    outcome_of = batch_collecting.outcome_of
    seen = []

    def dying(result: object, tries: int) -> object:
        seen.append(result)
        if len(seen) > 12:
            die()
        return outcome_of(result, tries)

    with monkeypatch.context() as patched:
        patched.setattr(batch_collecting, "outcome_of", dying)
        assert in_another_process(lambda: run(server, 20, budget_usd=50)) == -signal.SIGKILL
    assert answered(20) == 12
    assert len(notes(tmp_path / "memo")) == 1
    assert run(server, 20, budget_usd=50) == {}
    assert (answered(20), paid(server)) == (20, 20)
    with Memo() as memo:
        assert len(memo) == 20
    assert ledger.read().held == {}


# --- lost replies -----------------------------------------------------------------------------------------


def test_a_batch_whose_reply_was_lost_is_not_sent_again(server: SimulatedServer) -> None:
    server.change(faults={"script": ["half_body"]})
    said = run(server, 4)
    assert isinstance(said, str)
    assert "4 of 4 requests are pending" in said
    server.finish_batches()
    assert run(server, 4) == {}
    assert (answered(4), paid(server)) == (4, 4)


@pytest.mark.parametrize("fault", ["dropped", "server_error", "proxy_page", "overloaded", "rate_limited"])
def test_a_batch_that_the_service_did_not_take_is_sent_again(server: SimulatedServer, fault: str) -> None:
    server.change(faults={"script": [fault], "retry_after_s": 0.01})
    said = run(server, 4)
    assert isinstance(said, str)
    assert "4 of 4 requests are pending" in said
    assert paid(server) == 4


def test_a_service_that_takes_no_batch_now_is_asked_again_by_the_next_run(
    server: SimulatedServer, tmp_path: Path
) -> None:
    server.change(faults={"script": [{"fault": "rate_limited", "times": 3}], "retry_after_s": 0.01})
    said = run(server, 4)
    assert isinstance(said, str)
    assert "4 are not sent yet (the service takes no batch now: 429" in said
    assert notes(tmp_path / "memo") == []
    assert "4 of 4 requests are pending" in str(run(server, 4))


def test_a_service_without_batches_is_named(server: SimulatedServer, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"set `llm\.batch: false`"):
        run(server, 2, base_url=f"{server.url}/elsewhere")
    assert notes(tmp_path / "memo") == []


def test_a_wrong_key_stops_the_run_and_leaves_no_intent(server: SimulatedServer, tmp_path: Path) -> None:
    server.change(api_keys=["right"])
    with pytest.raises(FatalError, match="refuses this key"):
        run(server, 2)
    assert notes(tmp_path / "memo") == []


def test_a_batch_that_the_service_does_not_know_is_not_sent_again_unasked(
    server: SimulatedServer, tmp_path: Path
) -> None:
    run(server, 3)
    server.reset()
    with pytest.raises(FatalError, match=r"msgbatch_sim\d+, sent .* is not known to this key") as error:
        run(server, 3)
    named = re.search(r"delete (\S+\.json)", str(error.value))
    assert named is not None
    assert paid(server) == 0
    Path(named[1]).unlink()
    assert "3 of 3 requests are pending" in str(run(server, 3))


def test_results_that_the_service_has_thrown_away_are_paid_for_once_more_and_said(
    server: SimulatedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run(server, 3)
    server.finish_batches()
    status = BatchClient.status

    def archived(client: BatchClient, batch: str) -> object:
        found = status(client, batch)
        return None if found is None else found.model_copy(update={"archived_at": found.created_at})

    with monkeypatch.context() as patched:
        patched.setattr(BatchClient, "status", archived)
        assert "3 of 3 requests are pending" in str(run(server, 3))
    assert "its results were not collected in the 29 days" in caplog.text
    server.finish_batches()
    assert run(server, 3) == {}
    assert paid(server) == 6


def test_a_lost_batch_whose_results_cannot_be_had_now_is_not_sent_again(
    server: SimulatedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(BatchStore, "confirm", lambda *_: die())
        assert in_another_process(lambda: run(server, 5)) == -signal.SIGKILL
    server.finish_batches()
    backdate(tmp_path / "memo")
    server.change(faults={"script": [{"fault": "overloaded", "match": "results"}]})
    assert "5 of 5 requests are pending" in str(run(server, 5))
    assert run(server, 5) == {}
    assert (answered(5), paid(server)) == (5, 5)


# --- other runs -------------------------------------------------------------------------------------------


def test_another_process_or_stage_sends_nothing_that_is_on_its_way(server: SimulatedServer) -> None:
    run(server, 10)

    def other() -> None:
        try:
            answer_ahead(lambda: requests(12), params=params(server), stage="screen", patience=QUICK)
        except PendingError as error:
            raise SystemExit(75 if "12 of 12 requests are pending in 2 batches" in str(error) else 1) from None

    assert in_another_process(other) == 75
    assert paid(server) == 12


def test_two_runs_at_once_pay_once(server: SimulatedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WILDVALUES_WAIT", "1")
    server.change(batches={"duration_ms": 50})
    ended = []
    threads = [threading.Thread(target=lambda: ended.append(run(server, 15, most=4))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [{}, {}]
    assert (answered(15), paid(server)) == (15, 15)


def test_a_run_that_was_open_while_another_collected_asks_nothing_again(server: SimulatedServer) -> None:
    run(server, 5)
    server.finish_batches()
    with Memo():  # opened before the answers were there
        assert in_another_process(lambda: run(server, 5)) == 0
        assert run(server, 5) == {}
    assert paid(server) == 5


def test_a_damaged_note_says_what_to_do(server: SimulatedServer, tmp_path: Path) -> None:
    run(server, 1)
    (note,) = notes(tmp_path / "memo")
    (tmp_path / "memo/batches" / note).write_text('{"id":', "utf-8")
    with pytest.raises(Exception, match="look the batch up with the provider, then delete this file"):
        run(server, 1)


def test_a_note_that_is_being_written_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    store = BatchStore(tmp_path)
    with store.locked():
        (store.folder / "abc.json.partial").write_text('{"id"', "utf-8")
        assert store.shipments() == []
