"""The estimate is drawn from the study's own conversations, says what it assumes, and asks no model."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from wildvalues.files import write_table
from wildvalues.llm import estimating
from wildvalues.llm.estimating import Measured, Sample
from wildvalues.llm.facets import Interview, load_prompts
from wildvalues.llm.memo import FOLDER_VARIABLE, Memo
from wildvalues.llm.prices import ModelPrice
from wildvalues.llm.transcript import Turn
from wildvalues.llm.types import Answer
from wildvalues.tables import CONVERSATIONS, SCREENING
from wildvalues.tools.estimate import command

PROMPTS = Path(__file__).parents[1] / "workflow" / "prompts"
MODEL = "claude-haiku-4-5"


def conversation(number: int, length: int = 40) -> list[Turn]:
    return [Turn("user", f"question {number} " * length), Turn("assistant", f"answer {number} " * length)]


def sample(lengths: list[int], written: int | None = None) -> Sample:
    found = Sample("extract", MODEL)
    for length in lengths:
        read = None if written is None else length // 4
        found.conversations.append([Measured(length, length, 100, False, read, written)])
    return found


def test_a_total_is_the_mean_times_the_number_with_an_interval_that_shrinks_to_nothing() -> None:
    some = sample([1000, 3000] * 20)
    estimate = estimating.total(some, 4_000, lambda one: one.chars)
    assert estimate.value == 4_000 * 2_000
    assert 0 < estimate.margin < 0.2 * estimate.value
    assert estimating.total(some, 40, lambda one: one.chars).margin == 0


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    import random

    draw = random.Random(3)
    truth = [draw.lognormvariate(7, 0.6) for _ in range(3_000)]
    hits = 0
    for _ in range(200):
        drawn = sample([int(length) for length in draw.sample(truth, 60)])
        estimate = estimating.total(drawn, 3_000, lambda one: one.chars)
        hits += abs(estimate.value - sum(truth)) <= estimate.margin
    assert 175 <= hits <= 199


def test_recorded_answers_replace_assumptions() -> None:
    assert sample([4000] * 10).chars_per_token == (estimating.CHARS_PER_TOKEN, False)
    assert sample([4000] * 10, written=30).chars_per_token == (4.0, True)
    assert sample([4000] * 10, written=30).written_share == (0.3, True)


def test_what_the_memo_answers_costs_nothing() -> None:
    price = ModelPrice(1.0, 5.0)
    done = sample([4000] * 10, written=30)
    assert estimating.total(done, 10, estimating.dollars(done, price)).value == 0
    assert estimating.per_hundred_thousand(done, price) == pytest.approx(1e5 * (1000 * 1.0 + 30 * 5.0) / 1e6)


def test_a_shared_beginning_is_counted_once_for_a_model_in_this_process() -> None:
    groups = [["ai_values"], ["response_type"]]
    interview = Interview(load_prompts(PROMPTS, ["ai_values", "response_type"]), groups, max_chars=6_000)
    with Memo(Path("/nonexistent/memo")) as memo:
        (measured,) = estimating.measure(
            "extract", [conversation(n) for n in range(3)], interview, [MODEL, MODEL], temperature=0, memo=memo
        )
    first, *later = measured.conversations
    assert first[0].fresh == first[0].chars
    assert all(found[0].fresh < found[0].chars / 2 for found in later)
    assert all(found[1].fresh < found[0].fresh for found in later)


def test_answers_in_the_memo_are_noticed(tmp_path: Path) -> None:
    interview = Interview(load_prompts(PROMPTS, ["task"]), [["task"]], max_chars=6_000)
    with Memo(tmp_path / "memo") as memo:
        memo.put(interview.request(conversation(1), 0, model=MODEL, temperature=0), Answer("{}", "end_turn", 500, 7))
        (measured,) = estimating.measure(
            "extract", [conversation(0), conversation(1)], interview, [MODEL], temperature=0, memo=memo
        )
    assert measured.answered_share == 0.5
    assert measured.requests[1].read == 500


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "memo"))
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    return tmp_path


def write_conversations(study: Path, count: int) -> None:
    path = study / "data/interim/redacted.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not count:
        write_table(CONVERSATIONS.schema.empty_table(), path, CONVERSATIONS.schema)
        return
    rows = pd.DataFrame(
        {
            "conversation_id": [f"c{number}" for number in range(count)],
            "messages": [
                [{"role": turn.role, "content": turn.text} for turn in conversation(number, 10 + number)]
                for number in range(count)
            ],
        }
    )
    rows = rows.reindex(columns=CONVERSATIONS.schema.names).astype({"started_at": "datetime64[us, UTC]"})
    write_table(CONVERSATIONS.arrange(rows), path, CONVERSATIONS.schema)


def estimate(study: Path, params: str, *, of_table: bool = True) -> Result:
    (study / "params.yaml").write_text(params)
    table = ["--conversations", str(study / "data/interim/redacted.parquet")] if of_table else []
    return CliRunner().invoke(command, ["--prompts", str(PROMPTS), "--sampled", "5", *table])


def test_the_logs_of_the_parameters_are_measured_whatever_lies_in_interim(study: Path) -> None:
    write_conversations(study, 30)
    log = study / "logs.jsonl"
    turns = [{"role": "user", "content": "Is it fair?"}, {"role": "assistant", "content": "I would say so."}]
    log.write_text("".join(json.dumps({"conversation_id": f"n{i}", "messages": turns}) + "\n" for i in range(4)))
    params = f"ingest: {{input: {log}}}\nsample: {{deduplicate: false}}\nllm: {{provider: anthropic, model: {MODEL}}}"
    result = estimate(study, params, of_table=False)
    assert result.exit_code == 0, result.output
    assert f"4 conversations of {log}" in result.output
    assert not (study / "results").exists()


def test_the_command_prices_a_hosted_model_live_and_in_batch_beside_clio(study: Path) -> None:
    write_conversations(study, 30)
    result = estimate(study, f"llm: {{provider: anthropic, model: {MODEL}}}")
    assert result.exit_code == 0, result.output
    assert "30 conversations" in result.output
    assert "dollars live" in result.output
    assert "dollars in batch" in result.output
    assert "$48.81" in result.output
    assert not (study / "memo").exists()


def test_the_command_gives_hours_for_a_model_in_this_process(study: Path) -> None:
    write_conversations(study, 8)
    result = estimate(study, "{}")
    assert result.exit_code == 0, result.output
    assert "hours on 2 cores" in result.output
    assert "nan" not in result.output


def test_after_screening_only_subjective_conversations_are_measured_for_extract(study: Path) -> None:
    write_conversations(study, 10)
    judged = pd.DataFrame(
        {
            "conversation_id": [f"c{number}" for number in range(10)],
            "subjectivity": [1.0] * 3 + [0.0] * 7,
            "subjective": [True] * 3 + [False] * 7,
        }
    )
    write_table(SCREENING.arrange(judged), study / "data/interim/screening.parquet", SCREENING.schema)
    result = estimate(study, f"llm: {{provider: anthropic, model: {MODEL}}}")
    assert "subjective: 30% (measured" in result.output
    assert "calls           12," in result.output
    assert "measured: 5, for extract 3" in result.output


def test_an_unknown_price_is_said_and_asked_for(study: Path) -> None:
    write_conversations(study, 3)
    assert "add it under llm.prices" in estimate(study, "llm: {provider: anthropic, model: new-model}").output


@pytest.mark.parametrize("count", [None, 0])
def test_without_conversations_there_is_one_sentence(study: Path, count: int | None) -> None:
    if count is not None:
        write_conversations(study, count)
    result = estimate(study, "{}", of_table=count is not None)
    assert "conversation" in str(result.exception)
    assert type(result.exception).__name__ == "InputError"


def test_intervals_are_written_with_their_bounds() -> None:
    assert estimating.Total(100.0, 30.0).text() == "100 (70 to 130)"
    assert estimating.Total(1.0, 2.0).text(",.2f", "$") == "$1.00 ($0.00 to $3.00)"
    assert not math.isnan((estimating.Total(1, 1) + estimating.Total(2, 2)).value)
