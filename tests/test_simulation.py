"""The simulated server says what the service would say, so that what passes against it may pass against the service."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message as ApiMessage
from jsonschema import validate
from pydantic import ValidationError

from wildvalues.llm.providers.messages import answer_of, body_of
from wildvalues.llm.providers.simulated import SimulatedProvider
from wildvalues.llm.simulation import Settings, SimulatedServer
from wildvalues.llm.simulation.faults import FaultPlan
from wildvalues.llm.simulation.limits import Limiter
from wildvalues.llm.simulation.service import latency_s
from wildvalues.llm.simulation.settings import ANSWER_FAULTS, SERVICE_FAULTS, Faults, Latency, RateLimits
from wildvalues.llm.simulation.wire import WireError, read_message_params
from wildvalues.llm.types import Message, Request

MODEL = "claude-haiku-4-5"
SAID = "Be kind, and tell her the truth today.\u2028It is better than silence."
CONVERSATION = (
    f"<conversation>\n<user>\nShould I tell her?\n</user>\n<assistant>\n{SAID}\n</assistant>\n</conversation>"
)
VALUES = {
    "type": "object",
    "properties": {
        "ai_values": {
            "type": "array",
            "maxItems": 5,
            "items": {
                "type": "object",
                "properties": {
                    "quote": {"type": "string", "maxLength": 160},
                    "value": {"type": "string", "maxLength": 40},
                },
                "required": ["quote", "value"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["ai_values"],
    "additionalProperties": False,
}
HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}


def asked(question: str = "Which values?", **more: Any) -> Request:
    return Request(MODEL, (Message("user", CONVERSATION), Message("user", question)), **more)


def body(question: str = "Which values?", **more: Any) -> dict[str, Any]:
    return {**body_of(asked(question, schema=json.dumps(VALUES), max_tokens=500)), **more}


@pytest.fixture(scope="module")
def running() -> Iterator[SimulatedServer]:
    with SimulatedServer() as started:
        yield started


@pytest.fixture
def server(running: SimulatedServer) -> SimulatedServer:
    running.reset()
    return running


@pytest.fixture
def client(server: SimulatedServer) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0, timeout=5) as opened:
        yield opened


def say(client: anthropic.Anthropic, question: str = "Which values?", **more: Any) -> ApiMessage:
    sent = body(question, **more)
    temperature = {"temperature": sent.pop("temperature")} if "temperature" in sent else None
    return client.messages.create(**sent, extra_body=temperature)


# --- requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"modle": "x"}, "modle: Extra inputs are not permitted"),
        ({"max_tokens": "500"}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "bar": 1}]}]}, "text.bar: Extra"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 'first message must use the "user" role'),
        ({"messages": [{"role": "bot", "content": "x"}]}, "messages.0: Input tag 'bot'"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages.0.content: text content blocks must be non-empty"),
        ({"output_config": {"formt": {}}}, "output_config.formt: Extra"),
        ({"temperature": 2}, "temperature: Input should be less than or equal to 1"),
        ({"temperature": 0.5, "model": "claude-opus-5"}, "`temperature` is not supported by this model"),
        ({"user_profile_id": "u"}, "user_profile_id: Extra"),
        ({"stream": True}, "stream"),
    ],
)
def test_a_request_that_the_sdk_does_not_know_is_turned_down_with_its_path(change: dict[str, Any], said: str) -> None:
    with pytest.raises(WireError) as error:
        read_message_params(json.dumps({**body(), **change}))
    assert error.value.status == 400
    assert said in error.value.message


def test_a_schema_with_limits_that_structured_output_does_not_know_is_turned_down() -> None:
    with pytest.raises(WireError, match="maxItems"):
        read_message_params(json.dumps(body(output_config={"format": {"type": "json_schema", "schema": VALUES}})))


def test_more_than_four_marks_for_the_prompt_cache_are_turned_down() -> None:
    block = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    with pytest.raises(WireError, match="maximum of 4"):
        read_message_params(json.dumps(body(messages=[{"role": "user", "content": [block] * 5}])))


def test_what_the_providers_send_is_taken(server: SimulatedServer) -> None:
    for model in (MODEL, "claude-opus-5", "claude-opus-5-5", "claude-sonnet-5-5", "llama"):
        sent = body_of(Request(model, (Message("system", "Read."), *asked().messages), options=("A", "B")))
        reply = httpx2.post(f"{server.url}/v1/messages", json=sent, headers=HEADERS)
        assert reply.status_code == 200, reply.text


def test_errors_have_the_shape_of_the_api(client: anthropic.Anthropic, server: SimulatedServer) -> None:
    with pytest.raises(anthropic.BadRequestError) as error:
        say(client, messages=[])
    reply = error.value.response.json()
    assert reply["type"] == "error"
    assert reply["error"]["type"] == "invalid_request_error"
    assert reply["request_id"] == error.value.response.headers["request-id"]
    assert httpx2.post(f"{server.url}/v1/messages", json=body()).status_code == 401
    assert httpx2.post(f"{server.url}/v1/messages", json=body(), headers={"x-api-key": "k"}).status_code == 400
    assert httpx2.get(f"{server.url}/v1/elsewhere", headers=HEADERS).status_code == 404
    server.change(models=["claude-x"], api_keys=["right"])
    with pytest.raises(anthropic.AuthenticationError):
        say(client)
    with pytest.raises(anthropic.NotFoundError):
        say(client.with_options(api_key="right"))


# --- answers ----------------------------------------------------------------------------------------------


def test_an_answer_fits_its_schema_and_quotes_the_conversation(client: anthropic.Anthropic) -> None:
    found = 0
    for number in range(8):
        message = say(client, f"Which values? ({number})")
        assert message.stop_reason == "end_turn"
        value = json.loads(message.content[0].text)  # type: ignore[union-attr]
        validate(value, VALUES)
        found += len(value["ai_values"])
        assert all(item["quote"] in SAID for item in value["ai_values"])
    assert found


def test_the_server_and_the_simulated_provider_give_the_same_answers(client: anthropic.Anthropic) -> None:
    for number in range(5):
        request = asked(f"Which? {number}", schema=json.dumps(VALUES), max_tokens=500)
        assert answer_of(client.post("/v1/messages", body=body_of(request), cast_to=dict[str, Any])).text == (
            SimulatedProvider().complete(request).text
        )
        choice = asked(f"Which letter? {number}", options=("A", "B", "C", "D"), max_tokens=8)
        said = answer_of(client.post("/v1/messages", body=body_of(choice), cast_to=dict[str, Any])).text
        assert json.loads(said) == {"choice": SimulatedProvider().choose(choice).text}


def test_a_server_that_ignores_schemas_answers_amid_words_when_the_prompt_spells_one_out(
    client: anthropic.Anthropic, server: SimulatedServer
) -> None:
    server.change(structured=False)
    text = say(client).content[0].text  # type: ignore[union-attr]
    assert "{" not in text
    text = say(client, f"Which values? JSON that fits {json.dumps(VALUES)}").content[0].text  # type: ignore[union-attr]
    validate(json.loads(text.split("```json")[1].split("```")[0]), VALUES)


def test_max_tokens_cuts_an_answer_off(client: anthropic.Anthropic) -> None:
    message = say(client, max_tokens=3)
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 3


def test_usage_counts_what_the_prompt_cache_reads_and_writes(
    client: anthropic.Anthropic, server: SimulatedServer
) -> None:
    mark = {"type": "ephemeral"}
    system = [{"type": "text", "text": "Read carefully. " * 400, "cache_control": mark}]
    first, second = (say(client, question, system=system).usage for question in ("Which?", "What task?"))
    assert first.cache_creation_input_tokens is not None
    assert first.cache_creation_input_tokens > 1_024
    assert first.cache_read_input_tokens == 0
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert second.cache_creation_input_tokens == 0
    short = [{"type": "text", "text": "Read.", "cache_control": mark}]
    assert say(client, system=short).usage.cache_creation_input_tokens == 0
    # The schema is read before the messages: another one hides what was cached.
    plain = say(client, system=system, output_config={}).usage
    assert plain.cache_read_input_tokens == 0


def test_tokens_are_counted_and_models_listed(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=body()["messages"])
    used = say(client, output_config={}).usage
    assert counted.input_tokens == used.input_tokens
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


# --- time and limits --------------------------------------------------------------------------------------


def test_latency_has_the_stated_median_and_is_the_same_for_the_same_request() -> None:
    latency = Latency(base_ms=100, input_token_ms=0.1, output_token_ms=1, sigma=0.5)
    times = sorted(latency_s(latency, f"request {n}".encode(), 500, 50) for n in range(2_000))
    assert 0.19 < times[1_000] < 0.21
    assert times[0] < 0.1 < 0.4 < times[-1]
    assert latency_s(latency, b"one", 500, 50) == latency_s(latency, b"one", 500, 50)
    assert latency_s(Latency(base_ms=200), b"one", 500, 50) == 0.2


def test_a_response_takes_its_time(client: anthropic.Anthropic, server: SimulatedServer) -> None:
    server.change(latency={"base_ms": 80})
    started = time.monotonic()
    say(client)
    assert time.monotonic() - started >= 0.08


def test_a_bucket_refills_and_says_when() -> None:
    now = [0.0]
    limits = RateLimits(requests_per_minute=60, input_tokens_per_minute=6_000, burst_s=2, whole_seconds=False)
    limiter = Limiter(limits, lambda: now[0])
    limiter.admit(100)
    limiter.admit(100)
    with pytest.raises(WireError) as error:
        limiter.admit(1)
    assert error.value.status == 429
    assert float(error.value.headers["retry-after"]) == pytest.approx(1.0, abs=0.01)
    headers = limiter.headers()
    assert headers["anthropic-ratelimit-requests-limit"] == "60"
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-input-tokens-reset"].endswith("Z")
    now[0] += 1.0
    limiter.admit(90)
    assert Limiter(RateLimits(requests_per_minute=1), lambda: 0.0).retry_after(0.2) == "1"


def test_output_is_charged_when_it_is_known_and_overdraws() -> None:
    now = [0.0]
    limiter = Limiter(RateLimits(output_tokens_per_minute=600, burst_s=1, whole_seconds=False), lambda: now[0])
    limiter.admit(5)
    limiter.charge_output(100)
    with pytest.raises(WireError, match="output tokens per minute"):
        limiter.admit(5)
    now[0] += 10.0
    limiter.admit(5)


def test_rate_limits_reach_the_client_in_headers_and_429(client: anthropic.Anthropic, server: SimulatedServer) -> None:
    server.change(limits={"requests_per_minute": 60, "burst_s": 2})
    raw = client.messages.with_raw_response.create(max_tokens=9, model=MODEL, messages=body()["messages"])
    assert raw.headers["anthropic-ratelimit-requests-remaining"] == "1"
    say(client)
    with pytest.raises(anthropic.RateLimitError) as error:
        say(client)
    assert error.value.response.headers["retry-after"] == "1"
    assert server.state()["statuses"] == {"200": 2, "429": 1}


def test_too_many_calls_at_once_are_overloaded(server: SimulatedServer) -> None:
    server.change(latency={"base_ms": 100}, limits={"overloaded_above": 2})

    async def all_at_once() -> list[int]:
        async with httpx2.AsyncClient() as client:
            calls = [client.post(f"{server.url}/v1/messages", json=body(), headers=HEADERS) for _ in range(5)]
            return sorted(reply.status_code for reply in await asyncio.gather(*calls))

    assert asyncio.run(all_at_once()) == [200, 200, 529, 529, 529]
    assert server.state()["most_in_flight"] >= 3


# --- faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limited", anthropic.RateLimitError),
        ("overloaded", anthropic.OverloadedError),
        ("server_error", anthropic.InternalServerError),
        ("proxy_page", anthropic.InternalServerError),
        ("unauthorized", anthropic.AuthenticationError),
        ("invalid", anthropic.BadRequestError),
        ("too_long", anthropic.BadRequestError),
        ("dropped", anthropic.APIConnectionError),
        ("half_body", anthropic.APIConnectionError),
        ("hang", anthropic.APITimeoutError),
    ],
)
def test_each_fault_of_the_service_reaches_the_client_once(
    server: SimulatedServer, client: anthropic.Anthropic, fault: str, error: type[Exception]
) -> None:
    server.change(faults={"script": [fault], "retry_after_s": 2})
    with pytest.raises(error) as found:
        say(client.with_options(timeout=0.3))
    if fault == "rate_limited":
        assert found.value.response.headers["retry-after"] == "2"  # type: ignore[attr-defined]
    assert say(client).stop_reason == "end_turn"
    assert server.state()["faults"] == {fault: 1}


def test_a_slow_body_arrives_whole(server: SimulatedServer, client: anthropic.Anthropic) -> None:
    expected = say(client).content
    server.change(faults={"script": ["slow_body"], "slow_body_ms": 100})
    started = time.monotonic()
    assert say(client).content == expected
    assert time.monotonic() - started >= 0.09


def test_each_fault_of_the_answer_is_one(server: SimulatedServer, client: anthropic.Anthropic) -> None:
    server.change(faults={"script": [*ANSWER_FAULTS]})
    found = {fault: say(client, "Which, of 1?") for fault in ANSWER_FAULTS}
    texts = {fault: "".join(block.text for block in m.content) for fault, m in found.items()}  # type: ignore[union-attr]
    stops = {fault: message.stop_reason for fault, message in found.items()}
    assert stops["truncated"] == "max_tokens"
    assert stops["refusal"] == "refusal"
    assert stops["context_window"] == "model_context_window_exceeded"
    assert texts["empty"] == texts["refusal"] == ""
    for fault in ("truncated", "malformed_json", "fenced_json"):
        with pytest.raises(ValueError, match=r"."):
            json.loads(texts[fault])
    assert "ai_values" not in json.loads(texts["wrong_schema"])
    assert all(item["quote"] not in SAID for item in json.loads(texts["ungrounded"])["ai_values"])


def test_faults_by_rates_depend_on_seed_and_request_not_on_the_order_of_arrival() -> None:
    faults = Faults(rates={"overloaded": 0.2, "refusal": 0.1}, seed=3)
    bodies = [f"request {number}".encode() for number in range(2_000)]

    def fates(order: list[bytes], settings: Faults) -> dict[bytes, str | None]:
        plan = FaultPlan(settings)
        return {one: plan.next(one, (*SERVICE_FAULTS, *ANSWER_FAULTS)) for one in order}

    found = fates(bodies, faults)
    assert found == fates(bodies[::-1], faults)
    assert found != fates(bodies, faults.model_copy(update={"seed": 4}))
    counts = list(found.values())
    assert 340 < counts.count("overloaded") < 460
    assert 150 < counts.count("refusal") < 250
    plan = FaultPlan(Faults(rates={"overloaded": 0.5}))
    assert {plan.next(b"again", SERVICE_FAULTS) for _ in range(30)} == {"overloaded", None}


def test_a_step_of_a_script_waits_for_the_request_it_names(
    server: SimulatedServer, client: anthropic.Anthropic
) -> None:
    server.change(faults={"script": [{"fault": "overloaded", "match": "of 7?", "times": 2}]})
    assert say(client, "Which, of 6?").stop_reason == "end_turn"
    for _ in range(2):
        with pytest.raises(anthropic.OverloadedError):
            say(client, "Which, of 7?")
    assert say(client, "Which, of 7?").stop_reason == "end_turn"


def test_wrong_settings_are_turned_down_and_change_nothing(server: SimulatedServer) -> None:
    reply = httpx2.patch(f"{server.url}/control/settings", json={"faults": {"rates": {"overlode": 0.1}}})
    assert reply.status_code == 400
    assert "overlode" in reply.text
    with pytest.raises(ValidationError, match="more than every request"):
        Settings.model_validate({"faults": {"rates": {"overloaded": 0.7, "refusal": 0.6}}})
    assert server.state()["faults"] == {}


def test_the_latest_requests_can_be_looked_at(server: SimulatedServer, client: anthropic.Anthropic) -> None:
    server.change(keep_requests=2)
    for number in range(3):
        say(client, f"Which? {number}")
    questions = [sent["messages"][-1]["content"][-1]["text"] for sent in server.requests()]
    assert [question.split("\n")[0] for question in questions] == ["Which? 1", "Which? 2"]


# --- batches ----------------------------------------------------------------------------------------------


def items(count: int, **more: Any) -> list[Any]:
    return [{"custom_id": f"id-{n}", "params": {**body(f"Which? {n}"), **more}} for n in range(count)]


def ended(client: anthropic.Anthropic, name: str) -> Any:
    until = time.monotonic() + 5
    while (batch := client.messages.batches.retrieve(name)).processing_status != "ended":
        assert time.monotonic() < until
        time.sleep(0.005)
    return batch


def sent(client: anthropic.Anthropic, requests: list[Any]) -> str:
    made = client.post("/v1/messages/batches", body={"requests": requests}, cast_to=dict[str, Any])
    return str(made["id"])


def test_a_batch_is_processed_after_its_time_and_gives_the_answers_of_live_calls(
    client: anthropic.Anthropic, server: SimulatedServer
) -> None:
    server.change(batches={"duration_ms": 60})
    name = sent(client, items(12))
    batch = client.messages.batches.retrieve(name)
    assert batch.processing_status == "in_progress"
    assert batch.results_url is None
    assert batch.request_counts.processing == 12
    with pytest.raises(anthropic.BadRequestError):
        client.get(f"/v1/messages/batches/{name}/results", cast_to=httpx2.Response)
    assert ended(client, name).request_counts.succeeded == 12
    results = list(client.messages.batches.results(name))
    assert sorted(result.custom_id for result in results) == sorted(f"id-{n}" for n in range(12))
    assert [result.custom_id for result in results] != [f"id-{n}" for n in range(12)]
    first = next(result for result in results if result.custom_id == "id-3")
    assert first.result.type == "succeeded"
    assert first.result.message.content == say(client, "Which? 3").content
    assert first.result.message.usage.service_tier == "batch"


def test_each_fate_of_an_item(client: anthropic.Anthropic, server: SimulatedServer) -> None:
    fates = ["errored", "errored_server", "expired", "canceled", "refusal", None]
    server.change(faults={"script": fates}, batches={"duplicated": 1.0})
    requests = [*items(6), {"custom_id": "bad", "params": {"model": MODEL}}]
    name = sent(client, requests)
    counts = ended(client, name).request_counts
    assert (counts.errored, counts.expired, counts.canceled, counts.succeeded) == (3, 1, 1, 2)
    results = list(client.messages.batches.results(name))
    assert len(results) == 14
    by_id = {result.custom_id: result.result for result in results}
    assert by_id["id-0"].error.error.type == "invalid_request_error"  # type: ignore[union-attr]
    assert by_id["id-1"].error.error.type == "api_error"  # type: ignore[union-attr]
    assert by_id["id-4"].message.stop_reason == "refusal"  # type: ignore[union-attr]
    assert "max_tokens: Field required" in by_id["bad"].error.error.message  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("requests", "status", "said"),
    [
        ([], 400, "at least 1 item"),
        ([*items(1), *items(1)], 400, "custom_id must be unique"),
        ([{"custom_id": "a b", "params": {}}], 400, "requests.0.custom_id: String should match"),
        ([{"custom_id": "x" * 65, "params": {}}], 400, "requests.0.custom_id: String should match"),
        ([{"params": {}}], 400, "requests.0.custom_id: Field required"),
        ([{"custom_id": "a", "params": {}, "x": 1}], 400, "requests.0.x: Extra"),
        (items(9), 400, "at most 8 items"),
        (items(2, system="x" * 20_000), 413, "maximum size"),
    ],
)
def test_an_envelope_that_the_api_does_not_take_is_turned_down(
    client: anthropic.Anthropic, server: SimulatedServer, requests: list[Any], status: int, said: str
) -> None:
    server.change(batches={"max_requests": 8, "max_bytes": 30_000})
    with pytest.raises(anthropic.APIStatusError) as error:
        sent(client, requests)
    assert error.value.status_code == status
    assert said in str(error.value)
    assert server.state()["batches"] == []


def test_batches_are_listed_newest_first_cancelled_and_deleted(
    client: anthropic.Anthropic, server: SimulatedServer
) -> None:
    server.change(batches={"duration_ms": None})
    names = [sent(client, items(2)) for _ in range(3)]
    assert [batch.id for batch in client.messages.batches.list(limit=2)] == names[::-1]
    with pytest.raises(anthropic.BadRequestError):
        client.messages.batches.delete(names[0])
    assert client.messages.batches.cancel(names[0]).processing_status == "canceling"
    assert ended(client, names[0]).request_counts.canceled == 2
    client.messages.batches.delete(names[0])
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(names[0])
    assert server.finish_batches()["batches"][0]["processing_status"] == "ended"


def test_what_is_not_processed_in_time_expires(client: anthropic.Anthropic, server: SimulatedServer) -> None:
    server.change(batches={"duration_ms": 60_000, "expires_after_s": 0.05})
    assert ended(client, sent(client, items(2))).request_counts.expired == 2


def test_results_may_break_off_once(client: anthropic.Anthropic, server: SimulatedServer) -> None:
    server.change(batches={"results_break_after": 2})
    name = sent(client, items(5))
    ended(client, name)
    with pytest.raises((httpx2.HTTPError, ValueError)):
        list(client.messages.batches.results(name))
    assert len(list(client.messages.batches.results(name))) == 5


# --- running ----------------------------------------------------------------------------------------------


def test_it_runs_as_a_process_of_its_own_and_stops() -> None:
    with SimulatedServer({"models": [MODEL]}, where="process") as server:
        assert httpx2.post(f"{server.url}/v1/messages", json=body(), headers=HEADERS).status_code == 200
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{server.url}/v1/models")
