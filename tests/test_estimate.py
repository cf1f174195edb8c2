"""The estimate is drawn from the study's own conversations, says what it assumes, and asks no model."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from wildvalues.files import write_table
from wildvalues.llm import estimating
from wildvalues.llm.estimating import Measured, Sample
from wildvalues.llm.facets import Interview, load_prompts
from wildvalues.llm.ledger import Ledger
from wildvalues.llm.memo import FOLDER_VARIABLE, Memo
from wildvalues.llm.planning import StagePlan, plan, regrouped
from wildvalues.llm.prices import ModelPrice
from wildvalues.llm.transcript import Turn
from wildvalues.llm.types import Answer
from wildvalues.params import Params
from wildvalues.tables import CONVERSATIONS, SCREENING
from wildvalues.tools.estimate import command

PROMPTS = Path(__file__).parents[1] / "workflow" / "prompts"
MODEL = "claude-haiku-4-5"


def conversation(number: int, length: int = 40) -> list[Turn]:
    return [Turn("user", f"question {number} " * length), Turn("assistant", f"answer {number} " * length)]


def sample(lengths: list[int], written: int | None = None) -> Sample:
    found = Sample("extract", MODEL)
    for length in lengths:
        found.conversations.append(
            [Measured(0, length, 0, 100, False, True, None if written is None else 2 * length, written)]
        )
    return found


def plan_of(*groups: list[str]) -> StagePlan:
    return regrouped(Params(), groups)


def measured(memo: Memo, count: int, *groups: list[str], models: list[str] | None = None) -> list[Sample]:
    stage = plan_of(*groups)
    prompts = load_prompts(PROMPTS, [facet for group in groups for facet in group])
    return estimating.measure(
        stage,
        [conversation(number) for number in range(count)],
        Interview(prompts, groups, max_chars=6_000),
        prompts,
        models or [MODEL] * len(groups),
        temperature=0,
        memo=memo,
    )


def test_a_total_is_the_mean_times_the_number_with_an_interval_that_shrinks_to_nothing() -> None:
    some = sample([1000, 3000] * 20)
    estimate = estimating.total(some, 4_000, lambda one: one.local)
    low, high = estimate.interval
    assert estimate.value == 4_000 * 2_000
    assert 0.8 * estimate.value < low < estimate.value < high < 1.2 * estimate.value
    assert estimating.total(some, 40, lambda one: one.local).interval == (80_000, 80_000)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draw = random.Random(3)
    truth = [draw.lognormvariate(7, 0.6) for _ in range(3_000)]
    hits = 0
    for _ in range(200):
        drawn = sample([int(length) for length in draw.sample(truth, 60)])
        low, high = estimating.total(drawn, 3_000, lambda one: one.local).interval
        hits += low <= sum(truth) <= high
    assert 178 <= hits <= 199


def test_stages_of_the_same_conversations_err_together() -> None:
    one = estimating.total(sample([1000, 3000] * 20), 4_000, lambda one: one.local)
    both = one + one
    assert both.interval == pytest.approx(tuple(2 * bound for bound in one.interval))
    assert (one * 0.5).interval == pytest.approx(tuple(bound / 2 for bound in one.interval))


def test_recorded_answers_and_the_service_s_count_replace_the_local_count() -> None:
    assert sample([4000] * 10).scale[0] == 1
    assert "local count" in sample([4000] * 10).scale[1]
    assert sample([4000] * 10, written=30).scale == (2.0, "measured on 10 recorded answers")
    assert sample([4000] * 10, written=30).written_share == (0.3, True)
    counted = sample([4000] * 10)
    counted.counted += [(100.0, 130), (100.0, 110)]
    assert counted.scale == (1.2, "counted by the service for 2 requests")


def test_the_local_count_knows_that_other_scripts_take_more_tokens() -> None:
    assert estimating.local_tokens("a" * 36) == pytest.approx(10)
    assert estimating.local_tokens("я" * 36) == pytest.approx(18)
    assert estimating.local_tokens("漢" * 36) == pytest.approx(40)


def test_what_the_memo_answers_costs_nothing() -> None:
    price = ModelPrice(1.0, 5.0)
    done = sample([4000] * 10, written=30)
    assert estimating.total(done, 10, estimating.dollars(done, price)).value == 0
    assert estimating.total(done, 1e5, estimating.dollars(done, price), rest=False).value == pytest.approx(
        1e5 * (8000 * 1.0 + 30 * 5.0) / 1e6
    )


def test_with_the_prompt_cache_the_opening_and_a_shared_conversation_are_read_at_its_price() -> None:
    price = ModelPrice(1.0, 0.0, cache_read=0.1, cache_write=1.25, cached_from=1_000)
    two = Sample("extract", MODEL)
    two.conversations.append([Measured(2_000, 500, 100, 0, False, first) for first in (True, False)])
    cost = estimating.total(two, 1, estimating.dollars_with_cache(two, price), rest=False).value * 1e6
    assert cost == pytest.approx((200 + 625 + 100) + (200 + 50 + 100))
    one = Sample("extract", MODEL)
    one.conversations.append([Measured(2_000, 500, 100, 0, False)])
    cost = estimating.total(one, 1, estimating.dollars_with_cache(one, price), rest=False).value * 1e6
    assert cost == pytest.approx(200 + 500 + 100)


def test_a_prefix_too_short_for_the_cache_costs_the_full_price() -> None:
    price = ModelPrice(1.0, 0.0, cache_read=0.1, cache_write=1.25, cached_from=4_096)
    two = Sample("extract", MODEL)
    two.conversations.append([Measured(2_000, 500, 100, 0, False, first) for first in (True, False)])
    cached = estimating.total(two, 1, estimating.dollars_with_cache(two, price), rest=False).value
    assert cached == pytest.approx(estimating.total(two, 1, estimating.dollars(two, price), rest=False).value)


def test_clio_s_assumption_replaces_the_conversations_and_keeps_everything_else() -> None:
    price = ModelPrice(1.0, 5.0)
    some = Sample("extract", MODEL)
    some.conversations += [[Measured(1_000, length, 200, 100, False)] for length in (50, 5_000)]
    cost = estimating.total(estimating.assuming(some, 1_000), 1e5, estimating.dollars(some, price)).value
    assert cost == pytest.approx(1e5 * ((1_000 + 1_000 + 200) * 1 + 40 * 5) / 1e6)


def test_a_conversation_is_read_once_by_a_model_in_this_process() -> None:
    with Memo(Path("/nonexistent/memo")) as memo:
        (found,) = measured(memo, 3, ["ai_values"], ["response_type"])
    first, second = found.conversations[1]
    assert (first.first, second.first) == (True, False)
    assert first.opening == second.opening
    assert first.conversation == second.conversation > 0
    of = estimating.seconds(found, 10, 1)
    assert of(first) - found.written(first) == pytest.approx((first.conversation + first.question) / 10)
    assert of(second) - found.written(second) == pytest.approx(second.question / 10)


def test_answers_in_the_memo_are_noticed(tmp_path: Path) -> None:
    interview = Interview(load_prompts(PROMPTS, ["task"]), [["task"]], max_chars=6_000)
    with Memo(tmp_path / "memo") as memo:
        memo.put(interview.request(conversation(1), 0, model=MODEL, temperature=0), Answer("{}", "end_turn", 500, 7))
        (found,) = measured(memo, 2, ["task"])
    assert found.answered_share == 0.5
    assert found.requests[1].read == 500


def test_facets_that_no_model_answers_make_no_call() -> None:
    params = Params.model_validate(
        {
            "screen": {"instrument": "labels"},
            "extract": {
                "requests": [
                    {"facets": ["ai_values"], "model": "claude-opus-5"},
                    {"facets": ["task"], "instrument": "labels"},
                ]
            },
        }
    )
    screen, extract = plan(params)
    assert screen.asked == []
    assert [(call.group, call.model) for call in extract.asked] == [(0, "claude-opus-5")]
    # Its words stay in every request's opening, so it must stay among the groups.
    assert extract.groups == [("ai_values",), ("task",)]


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


def test_intervals_are_written_with_their_bounds_and_never_below_nothing() -> None:
    draws = np.linspace(-2, 2, 2_001)
    assert estimating.Total(100.0, 10 * draws).text() == "100 (81 to 119)"
    assert estimating.Total(1.0, draws).text(",.2f", "$") == "$1.00 ($0.00 to $2.90)"


def test_facets_by_labels_are_said_to_cost_no_call(study: Path) -> None:
    write_conversations(study, 6)
    result = estimate(study, f"screen: {{instrument: labels}}\nllm: {{provider: anthropic, model: {MODEL}}}")
    assert result.exit_code == 0, result.output
    assert "screen: subjectivity: no call, answered by labels" in result.output
    assert "screen with" not in result.output


def test_the_budget_is_held_against_the_estimate_and_what_was_spent(study: Path) -> None:
    write_conversations(study, 6)
    with Ledger(None, "screen") as ledger:
        ledger.reserve(1.0)
        ledger.settle(1.0, 1.0)
    for budget, verdict in ((1.0001, "perhaps too little"), (500, "enough")):
        result = estimate(study, f"llm: {{provider: anthropic, model: {MODEL}, budget_usd: {budget}}}")
        assert "of which $1.00 are spent in this folder" in result.output
        assert verdict in result.output


def test_names_by_a_model_are_counted(study: Path) -> None:
    write_conversations(study, 6)
    result = estimate(study, f"name: {{by: model}}\nllm: {{provider: anthropic, model: {MODEL}}}")
    assert result.exit_code == 0, result.output
    assert f"name with {MODEL}\n  calls           168," in result.output


def test_the_service_s_own_count_is_used_where_a_server_has_one(study: Path) -> None:
    write_conversations(study, 6)
    server = start_server(lambda body: 10 + len(json.dumps(body)) // 5)
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        result = estimate(
            study,
            f"llm: {{provider: anthropic, model: own-1, base_url: '{url}', "
            "prices: {own-1: {input: 2, output: 8}}}",
        )
        assert result.exit_code == 0, result.output
        assert "counted by the service for 5 requests" in result.output
        assert "own for own-1" in result.output
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_that_counts_no_tokens_is_no_obstacle(study: Path) -> None:
    write_conversations(study, 6)
    server = start_server(lambda body: None)
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        result = estimate(study, f"llm: {{provider: anthropic, model: own-1, base_url: '{url}'}}")
        assert result.exit_code == 0, result.output
        assert "does not count tokens" in result.output
        assert "local count" in result.output
        assert "prices: {own-1: {input: 3, output: 15}}" in result.output
    finally:
        server.shutdown()
        server.server_close()


def start_server(count: Callable[[object], int | None]) -> ThreadingHTTPServer:
    """Serve ``/v1/messages/count_tokens``, or 404 where `count` gives None."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            tokens = count(body) if self.path.startswith("/v1/messages/count_tokens") else None
            reply = {"input_tokens": tokens} if tokens else {"type": "error", "error": {"type": "x", "message": "no"}}
            self.send_response(200 if tokens else 404)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
