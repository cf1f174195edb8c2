"""The budget is the study's: stages, threads, processes and batches together never set aside more."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildvalues.errors import BudgetExceededError, InputError
from wildvalues.llm import ledger
from wildvalues.llm.ledger import Ledger


def test_a_second_stage_goes_on_where_the_money_stands(tmp_path: Path) -> None:
    with Ledger(1.0, "screen", tmp_path) as first:
        assert first.reserve(0.9)
        first.settle(0.9, 0.6)
    with Ledger(1.0, "extract", tmp_path) as second:
        assert not second.reserve(0.5)
        assert second.reserve(0.4)
        second.settle(0.4, 0.4)
        assert not second.reserve(0.001)
        assert isinstance(second.exceeded(0.001), BudgetExceededError)
        assert "$1.0000 of $1 are spent" in str(second.exceeded(0.001))
    assert ledger.read(tmp_path).charged == pytest.approx(1.0)


def test_a_new_folder_starts_anew_and_a_raised_budget_goes_on(tmp_path: Path) -> None:
    with Ledger(1.0, "extract", tmp_path / "a") as run:
        assert run.reserve(1.0)
        run.settle(1.0, 1.0)
    with Ledger(1.0, "extract", tmp_path / "a") as run:
        assert not run.reserve(0.1)
    with Ledger(2.0, "extract", tmp_path / "a") as run:
        assert run.reserve(0.9)
    with Ledger(1.0, "extract", tmp_path / "b") as run:
        assert run.reserve(0.9)


def test_a_call_that_failed_gives_its_money_back(tmp_path: Path) -> None:
    with Ledger(1.0, "extract", tmp_path) as run:
        for _ in range(100):
            assert run.reserve(0.9)
            run.settle(0.9, 0.0)
    assert ledger.read(tmp_path).charged == 0


def test_what_was_spent_before_there_was_a_budget_counts(tmp_path: Path) -> None:
    with Ledger(None, "screen", tmp_path) as run:
        assert run.reserve(5.0)
        run.settle(5.0, 3.0)
    with Ledger(4.0, "extract", tmp_path) as run:
        assert not run.reserve(2.0)
        assert run.reserve(1.0)


def test_where_nothing_is_paid_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_WRITE_EVERY_S", 0.0)
    with Ledger(None, "screen", tmp_path) as run:
        for _ in range(3):
            assert run.reserve(0.0)
            run.settle(0.0, 0.0)
    assert list(tmp_path.iterdir()) == []


def test_without_a_budget_what_was_spent_is_written_down_while_the_run_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_WRITE_EVERY_S", 0.0)
    run = Ledger(None, "screen", tmp_path)
    run.settle(0.0, 0.5)
    assert ledger.read(tmp_path).charged == 0.5
    run.close()
    assert ledger.read(tmp_path).charged == 0.5


def test_a_batch_in_the_queue_stays_paid_for_after_its_run_has_ended(tmp_path: Path) -> None:
    with Ledger(1.0, "extract", tmp_path) as run:
        assert run.reserve(0.7)
        run.hold("msgbatch_1", 0.7)
    assert ledger.read(tmp_path).charged == pytest.approx(0.7)
    with Ledger(1.0, "extract", tmp_path) as run:
        assert not run.reserve(0.5)
        run.release("msgbatch_1", 0.2)
        assert run.reserve(0.5)
        run.settle(0.5, 0.5)
    assert ledger.read(tmp_path).charged == pytest.approx(0.7)


@given(st.lists(st.tuples(st.integers(1, 100), st.floats(0, 1), st.integers(0, 2)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_order_of_calls_by_three_stages_sets_aside_more_than_the_budget(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[int, float, int]]
) -> None:
    folder = tmp_path_factory.mktemp("study")
    runs = [Ledger(2.0, f"stage-{number}", folder) for number in range(3)]
    in_flight: list[tuple[Ledger, float, float]] = []
    spent = 0.0
    for cents, share, number in calls:
        if runs[number].reserve(cents / 100):
            in_flight.append((runs[number], cents / 100, share * cents / 100))
        assert spent + sum(reserved for _, reserved, _ in in_flight) <= 2.0 + 1e-6
        if len(in_flight) > 3:
            run, reserved, cost = in_flight.pop(0)
            run.settle(reserved, cost)
            spent += cost
    for run, reserved, cost in in_flight:
        run.settle(reserved, cost)
        spent += cost
    for run in runs:
        run.close()
    assert ledger.read(folder).charged == pytest.approx(spent)


def test_threads_share_a_run_without_losing_a_dollar(tmp_path: Path) -> None:
    paid = []

    def work(run: Ledger) -> None:
        while run.reserve(0.05):
            run.settle(0.05, 0.01)
            paid.append(0.01)

    with Ledger(5.0, "extract", tmp_path) as run:
        threads = [threading.Thread(target=work, args=(run,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 4.9 <= sum(paid) <= 5.0
    assert ledger.read(tmp_path).charged == pytest.approx(sum(paid))


_SPENDER = """
import sys
from pathlib import Path
from wildvalues.llm.ledger import Ledger
run = Ledger(2.0, sys.argv[2], Path(sys.argv[1]))
while run.reserve(0.01):
    print("paid", flush=True)
    run.settle(0.01, 0.005)
if sys.argv[3:] == ["hang"]:
    sys.stdin.read()
run.close()
"""


def spender(folder: Path, stage: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SPENDER, str(folder), stage, *more],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def test_processes_at_once_spend_the_budget_together_and_no_more(tmp_path: Path) -> None:
    running = [spender(tmp_path, f"stage-{number}") for number in range(3)]
    paid = sum(process.communicate()[0].count("paid") for process in running) * 0.005
    assert paid <= 2.0
    assert paid == pytest.approx(ledger.read(tmp_path).charged)
    # What one process had drawn and not needed came too late for another: at most a portion each.
    assert paid >= 2.0 - 3 * (0.02 * 2.0 + 0.01)


def test_a_killed_stage_is_charged_what_it_had_drawn(tmp_path: Path) -> None:
    process = spender(tmp_path, "extract")
    assert process.stdout is not None
    told = sum(process.stdout.readline() == "paid\n" for _ in range(40))
    process.send_signal(signal.SIGKILL)
    told += process.stdout.read().count("paid\n")
    process.wait()
    charged = ledger.read(tmp_path).charged
    assert charged >= told * 0.005
    assert charged <= told * 0.005 + 0.02 * 2.0 + 2 * 0.01 + 1e-9
    with Ledger(2.0, "extract", tmp_path) as run:
        assert run.reserve(2.0 - charged)
        run.settle(2.0 - charged, 0.0)


def test_a_ledger_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "spending.json").write_text('{"runs": {"a": {"spent": -1}}}')
    with Ledger(1.0, "extract", tmp_path) as run, pytest.raises(InputError, match="not a readable ledger"):
        run.reserve(0.1)


def test_the_ledger_keeps_itself_out_of_version_control(tmp_path: Path) -> None:
    with Ledger(1.0, "extract", tmp_path / "study") as run:
        run.reserve(0.1)
        run.settle(0.1, 0.1)
    assert (tmp_path / "study/.gitignore").read_text() == "*\n"
