"""The closing summary tells what the answers took when given, and how the last run went, apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from wildvalues.files import write_json
from wildvalues.llm.last_runs import last_runs, remember
from wildvalues.llm.ledger import Ledger
from wildvalues.llm.types import Answer, Rejected
from wildvalues.llm.usage import Usage, rejections
from wildvalues.params import Params
from wildvalues.tools.summary import summary


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/metrics").mkdir(parents=True)
    return tmp_path


def usage_of(live: int, replayed: int, rejected: int = 0) -> Usage:
    usage = Usage()
    for number in range(live + replayed):
        usage.count_answer(Answer("a", "end_turn", 1_000, 10), live=number < live, dollars=0.25)
    for _ in range(rejected):
        usage.count_rejected(Rejected("no", "refused"))
    return usage


def write_metrics(usage: Usage, stage: str) -> None:
    write_json({**usage.metrics(), **rejections(usage.rejected)}, Path(f"results/metrics/{stage}.json"))


def line_of(stage: str, text: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.startswith(f"  {stage} "))


def test_a_stage_s_line_has_its_metrics_and_where_the_last_run_had_its_answers_from(study: Path) -> None:
    usage = usage_of(live=3, replayed=5, rejected=2)
    write_metrics(usage, "extract")
    remember("extract", usage)
    text = summary(Params())
    assert line_of("extract", text) == ["extract", "8", "5", "3", "0", "8,000", "0", "80", "2.00", "2"]
    assert "rejected: 2 refused" in text
    assert "in the last runs $0.75" in text


def test_numbers_of_another_run_are_not_shown_as_this_one_s(study: Path) -> None:
    write_metrics(usage_of(live=0, replayed=4), "extract")
    remember("extract", usage_of(live=7, replayed=0))
    assert line_of("extract", summary(Params()))[1:5] == ["4", "–", "–", "–"]


def test_what_the_study_spent_stands_beside_its_budget(study: Path) -> None:
    write_metrics(usage_of(live=1, replayed=0), "extract")
    with Ledger(10.0, "extract") as ledger:
        ledger.reserve(4.0)
        ledger.settle(4.0, 3.0)
    text = summary(Params.model_validate({"llm": {"budget_usd": 10}}))
    assert "Spent in this folder: $3.00 of $10.00 (llm.budget_usd)" in text


def test_a_study_that_asked_no_model_says_so(study: Path) -> None:
    write_metrics(Usage(), "extract")
    assert "No call to a language model was needed." in summary(Params())


def test_stages_that_end_at_once_each_keep_their_run(study: Path) -> None:
    for stage in ("screen", "extract"):
        remember(stage, usage_of(live=1, replayed=1))
    assert set(last_runs()) == {"screen", "extract"}
    Path(".wildvalues/last_runs.json").write_text("{broken", "utf-8")
    assert last_runs() == {}
    remember("name", usage_of(live=1, replayed=1))
    assert set(last_runs()) == {"name"}
