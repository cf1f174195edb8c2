"""Message Batches in a study: what they may cost, what a stage makes of them, what the engines say."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_runs import MODEL, PRICES, paid, requests, run
from small_study import command, make_study, set_params
from wildvalues.cli import fill
from wildvalues.errors import BudgetExceededError
from wildvalues.files import read_table
from wildvalues.llm import ledger
from wildvalues.llm.memo import Memo
from wildvalues.llm.simulation import SimulatedServer
from wildvalues.params import load_params
from wildvalues.stage import load_stage, run_stage
from wildvalues.tables import ANNOTATIONS, REJECTS


def run_here(name: str) -> None:
    """Run a stage of the study in the working folder."""
    params, stage = load_params(), load_stage(name)
    places = {**stage.reads, **stage.writes}
    run_stage(name, params, {key: Path(fill(place, params)) for key, place in places.items()})


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


# --- money ------------------------------------------------------------------------------------------------


def test_the_worst_case_of_a_batch_is_held_until_its_answers_are_known(server: SimulatedServer) -> None:
    run(server, 4, budget_usd=10)
    held = ledger.read().held
    assert len(held) == 1
    assert 0.1 < sum(held.values()) < 1.0
    server.finish_batches()
    run(server, 4, budget_usd=10)
    book = ledger.read()
    assert book.held == {}
    with Memo() as memo:
        price = 0.5 * sum(
            (100 * found.input_tokens + 500 * found.output_tokens) / 1e6
            for found in map(memo.get, requests(4))
            if found is not None
        )
    assert sum(one.spent for one in book.runs.values()) == pytest.approx(price)


def test_what_the_budget_does_not_cover_waits_for_what_is_on_its_way(server: SimulatedServer) -> None:
    run(server, 1, budget_usd=10)
    one = sum(ledger.read().held.values())
    said = run(server, 10, budget_usd=4.5 * one)
    assert isinstance(said, str)
    assert "4 of 10 requests are pending" in said
    assert "6 are not sent yet (what is on its way may cost all that is left of llm.budget_usd)" in said
    assert paid(server) == 4


def test_a_budget_that_covers_no_request_stops_before_anything_is_sent(server: SimulatedServer) -> None:
    with pytest.raises(BudgetExceededError):
        run(server, 2, budget_usd=0.001)
    assert paid(server) == 0


# --- stages -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("study"), sample__size=6)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        for name in ("ingest", "sample", "redact"):
            run_here(name)
    return folder


@pytest.mark.slow
def test_a_pending_stage_exits_with_75_and_snakemake_users_read_why(running: SimulatedServer, study: Path) -> None:
    running.reset(batches={"duration_ms": None})
    set_params(
        study,
        llm__provider="anthropic",
        llm__batch=True,
        llm__base_url=running.url,
        llm__model=MODEL,
        llm__prices=PRICES,
    )
    done = command(study, "wildvalues", "screen", check=False)
    assert done.returncode == 75, done.stderr
    assert re.search(
        r"wildvalues: screen: \d+ of \d+ requests are pending in batch msgbatch_sim\d+, since", done.stderr
    )
    assert not (study / "data/interim/screened.parquet").exists()
    sent = paid(running)
    done = command(study, "snakemake", "screen", "--cores", "1", check=False)
    assert done.returncode != 0
    assert "run the same command again later" in done.stdout + done.stderr
    log = (study / "logs/screen.log").read_text("utf-8")
    assert "run the same command again later" in log
    assert paid(running) == sent
    running.finish_batches()
    command(study, "wildvalues", "screen", "--wait")
    assert (study / "data/interim/screened.parquet").exists()
    assert paid(running) == sent


def test_a_stage_is_answered_by_batches_and_lists_what_they_rejected(
    server: SimulatedServer, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(study, folder, ignore=shutil.ignore_patterns("memo", ".snakemake", ".wildvalues"))
    shutil.copy(folder / "data/interim/redacted.parquet", folder / "data/interim/screened.parquet")
    set_params(
        folder,
        llm__provider="anthropic",
        llm__batch=True,
        llm__base_url=server.url,
        llm__model=MODEL,
        llm__prices=PRICES,
        llm__max_failed_share=0.5,
    )
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WILDVALUES_WAIT", "1")
    server.change(batches={"duration_ms": 0}, faults={"script": ["errored"]})
    run_here("extract")
    annotations = read_table(Path("data/interim/annotations.parquet"), ANNOTATIONS.schema)
    rejects = read_table(Path("data/interim/extract_rejects.parquet"), REJECTS.schema)
    assert annotations["conversation_id"].nunique() == 5
    assert len(rejects) == 1
    assert "rejects this request" in rejects["reason"].iloc[0]
    metrics = json.loads(Path("results/metrics/extract.json").read_text("utf-8"))
    assert metrics["batch_calls"] == metrics["calls"] == paid(server) - 1
    assert "POST /v1/messages" not in server.state()["calls"]
