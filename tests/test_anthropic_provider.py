"""What goes over the wire to a Messages server, and what becomes of each thing it can say."""

from __future__ import annotations

import contextlib
import email.utils
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter

from wildvalues.llm.errors import FatalError, ItemError, TransientError
from wildvalues.llm.providers import open_provider
from wildvalues.llm.providers.anthropic import AnthropicProvider
from wildvalues.llm.providers.messages import Dialect, body_of
from wildvalues.llm.types import Message, Request
from wildvalues.params import Params

Reply = tuple[int, dict[str, Any] | bytes, dict[str, str]]


def message(text: str, stop: str = "end_turn", **usage: int) -> Reply:
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [{"type": "thinking", "thinking": "", "signature": "s"}, {"type": "text", "text": text}],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 5, **usage},
    }
    return 200, body, {}


def failure(status: int, said: str = "so it is", **headers: str) -> Reply:
    return status, {"type": "error", "error": {"type": "some_error", "message": said}}, headers


class Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.reset()

    def reset(self) -> None:
        self.seen.clear()
        self.headers.clear()
        self.reply: Callable[[str], Reply] = lambda path: message("hello")


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(json.loads(body))
        self.server.headers.append(str(self.headers))
        status, content, headers = self.server.reply(self.path)
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        if not isinstance(content, bytes):
            self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(raw) + (50 if raw == b"half" else 0)))
        self.end_headers()
        for part in (raw[:1], raw[1:2], raw[2:]) if raw == b"slow" else (raw,):
            self.wfile.write(part)
            self.wfile.flush()
            if raw == b"slow":
                time.sleep(0.6)
        self.close_connection = raw == b"half"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with Server() as started:
        thread = threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield started
        started.shutdown()
        thread.join()


@pytest.fixture
def server(running: Server) -> Server:
    running.reset()
    return running


def params(server: Server | None = None, **more: Any) -> Params:
    url = None if server is None else f"http://127.0.0.1:{server.server_address[1]}"
    return Params.model_validate({"llm": {"provider": "anthropic", "base_url": url, **more}})


@pytest.fixture(scope="module")
def provider(running: Server) -> Iterator[AnthropicProvider]:
    opened = AnthropicProvider(params(running, structured_output="schema"))
    yield opened
    opened.close()


def request(
    model: str = "claude-sonnet-4-5", opening: int = 1, question: str = "which values?", **more: Any
) -> Request:
    first = (Message("system", "Read."), Message("user", "example " * opening), Message("assistant", "answer"))
    return Request(model, (*first, Message("user", "<conversation>"), Message("user", question)), **more)


CACHED = {"type": "ephemeral"}


def ask(provider: AnthropicProvider, asked: Request, family: Sequence[Request] = ()) -> None:
    provider.loop.run_until_complete(provider.ask(asked, family))


def test_what_conversations_share_is_a_cached_prefix_and_a_conversation_asked_about_again_too(
    server: Server, provider: AnthropicProvider
) -> None:
    ask(provider, request(opening=1_000))
    ask(provider, request(opening=1_000), [request(opening=1_000, question="which task?")])
    alone, shared = server.seen
    for sent in (alone, shared):
        assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
        assert sent["system"] == [{"type": "text", "text": "Read."}]
        assert sent["messages"][1]["content"] == [{"type": "text", "text": "answer", "cache_control": CACHED}]
        assert sent["messages"][2]["content"][1] == {"type": "text", "text": "which values?"}
    assert alone["messages"][2]["content"][0] == {"type": "text", "text": "<conversation>"}
    assert shared["messages"][2]["content"][0] == {"type": "text", "text": "<conversation>", "cache_control": CACHED}


@pytest.mark.parametrize(
    ("model", "words", "marked"),
    [
        ("claude-opus-5-5", 250, True),
        ("claude-sonnet-4-5", 250, False),
        ("claude-sonnet-4-5", 500, True),
        ("claude-haiku-4-5", 500, False),
        ("claude-haiku-4-5", 2_000, True),
    ],
)
def test_a_prefix_too_short_for_the_models_cache_is_not_marked(model: str, words: int, marked: bool) -> None:
    assert ("cache_control" in json.dumps(body_of(request(model, opening=words)))) is marked


def test_a_second_request_marks_the_same_prefix() -> None:
    first = request(opening=1_000)
    again = replace(first, messages=(*first.messages, Message("assistant", "?"), Message("user", "JSON, please")))
    before, after = (body_of(one, family=[first])["messages"] for one in (first, again))
    assert after[:2] == before[:2]
    assert after[2]["content"][0] == before[2]["content"][0]


def test_a_family_sends_one_schema_because_the_cache_reads_it_before_the_conversation() -> None:
    values = request(schema='{"type": "object", "properties": {"values": {"type": "string"}}, "required": ["values"]}')
    stance = request(question="which stance?", options=("A", "B"))
    sent = [body_of(values, family=[stance]), body_of(stance, family=[values])]
    assert sent[0]["output_config"] == sent[1]["output_config"]
    either = sent[0]["output_config"]["format"]["schema"]["properties"]["answer"]["anyOf"]
    assert {*either[0]["properties"], *either[1]["properties"]} == {"values", "choice"}
    questions = [body["messages"][-1]["content"][-1]["text"] for body in sent]
    assert ['"values"' in text for text in questions] == [True, False]
    assert ['"choice"' in text for text in questions] == [False, True]


def test_bodies_are_what_the_sdk_declares() -> None:
    declared = TypeAdapter(MessageCreateParamsNonStreaming)
    schema = '{"type": "object", "properties": {"task": {"type": "string"}}, "required": ["task"]}'
    for model in ("claude-sonnet-4-5", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"):
        for more in ({}, {"schema": schema}, {"options": ("A", "B")}):
            body = body_of(request(model, opening=2_000, **more), family=[request(model, question="?")])
            body.pop("temperature", None)  # the SDK dropped it with the models that dropped it
            declared.validate_python(body)


def test_a_schema_is_sent_as_structured_output_without_what_the_api_does_not_know(
    server: Server, provider: AnthropicProvider
) -> None:
    schema = '{"type": "object", "properties": {"task": {"type": "string", "maxLength": 100}}, "required": ["task"]}'
    provider.complete(request(schema=schema))
    form = server.seen[0]["output_config"]["format"]
    assert form["type"] == "json_schema"
    assert form["schema"]["additionalProperties"] is False
    assert "maxLength" not in form["schema"]["properties"]["task"]


def test_the_answer_counts_cached_tokens_and_leaves_thinking_out(server: Server, provider: AnthropicProvider) -> None:
    server.reply = lambda path: message("hi", cache_read_input_tokens=100, cache_creation_input_tokens=30)
    answer = provider.complete(request())
    assert answer.text == "hi"
    assert (answer.input_tokens, answer.output_tokens) == (142, 5)
    assert (answer.cache_read_tokens, answer.cache_write_tokens) == (100, 30)


def test_a_choice_is_held_to_its_options_and_comes_back_raw(server: Server, provider: AnthropicProvider) -> None:
    server.reply = lambda path: message('{"choice": "B"}')
    answer = provider.choose(request(options=("A", "B"), max_tokens=8))
    assert answer.text == '{"choice": "B"}'
    sent = server.seen[0]
    assert sent["output_config"]["format"]["schema"]["properties"]["choice"] == {"enum": ["A", "B"]}
    assert sent["max_tokens"] >= 32


@pytest.mark.parametrize(("stop", "text"), [("refusal", ""), ("max_tokens", '{"ch')])
def test_refused_and_cut_off_answers_come_back_with_their_stop_reason(
    server: Server, provider: AnthropicProvider, stop: str, text: str
) -> None:
    server.reply = lambda path: message(text, stop)
    assert provider.complete(request()).stop_reason == stop
    assert provider.choose(request(options=("A", "B"))).stop_reason == stop


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_errors_that_no_retry_mends_are_fatal(server: Server, provider: AnthropicProvider, status: int) -> None:
    server.reply = lambda path: failure(status, "no such thing")
    with pytest.raises(FatalError, match=f"{status}.*no such thing"):
        provider.complete(request())


def test_an_empty_account_is_fatal_although_it_answers_400(server: Server, provider: AnthropicProvider) -> None:
    server.reply = lambda path: failure(400, "Your credit balance is too low to access the API")
    with pytest.raises(FatalError, match="credit balance"):
        provider.complete(request())


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_passing_errors_are_transient_and_asked_once(server: Server, provider: AnthropicProvider, status: int) -> None:
    server.reply = lambda path: failure(status, retry_after="3.5")
    with pytest.raises(TransientError) as caught:
        provider.complete(request())
    assert caught.value.retry_after == 3.5
    assert caught.value.crowded is (status in (429, 529))
    assert len(server.seen) == 1


def test_retry_after_may_be_a_date(server: Server, provider: AnthropicProvider) -> None:
    date = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    server.reply = lambda path: failure(429, retry_after=date)
    with pytest.raises(TransientError) as caught:
        provider.complete(request())
    assert 80 < (caught.value.retry_after or 0) <= 90


def test_a_spending_limit_is_fatal_although_it_answers_429(server: Server, provider: AnthropicProvider) -> None:
    status, body, headers = failure(429, "You have reached your limit")
    body["error"]["details"] = {"error_code": "enforced_spend_limit_reached"}
    server.reply = lambda path: (status, body, headers)
    with pytest.raises(FatalError, match=r"spending limit.*reached your limit"):
        provider.complete(request())


def test_rate_limits_in_headers_hold_back_the_next_call(server: Server) -> None:
    told = {"limit": "60", "remaining": "0", "reset": (datetime.now(UTC) + timedelta(seconds=60)).isoformat()}
    headers = {f"anthropic_ratelimit_requests_{name}": value for name, value in told.items()}
    for reply in (message("x"), failure(429)):
        server.reply = lambda path, reply=reply: (*reply[:2], headers)
        provider = AnthropicProvider(params(server, structured_output="schema"))
        with contextlib.suppress(TransientError):
            provider.complete(request())
        assert 0.5 < provider.throttle.delay("claude-sonnet-4-5") <= 1.0
        assert provider.throttle.delay("another-model") == 0
        provider.close()


def test_an_answer_that_trickles_in_does_not_outlive_the_timeout(server: Server) -> None:
    server.reply = lambda path: (200, b"slow", {})
    provider = AnthropicProvider(params(server, timeout_s=1))
    with pytest.raises(TransientError, match="no answer within 1 seconds"):
        provider.complete(request())
    provider.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("temperature", "`temperature` is deprecated for this model."),
        ("thinking", "thinking: Extra inputs are not permitted"),
        ("cache_control", "messages.0.content.0.cache_control: Extra inputs are not permitted"),
    ],
)
def test_a_setting_the_server_rejects_is_left_out_from_then_on(server: Server, name: str, said: str) -> None:
    model = {"temperature": "model-t", "thinking": "claude-haiku-5-5", "cache_control": "claude-sonnet-4-5"}[name]
    server.reply = lambda path: failure(400, said) if name in json.dumps(server.seen[-1]) else message("hi")
    provider = AnthropicProvider(params(server))
    for _ in range(2):
        assert provider.complete(request(model, opening=2_000)).text == "hi"
    provider.close()
    assert [name in json.dumps(sent) for sent in server.seen] == [True, False, False]


@pytest.mark.parametrize("body", [b"half", b"<html>proxy</html>"])
def test_a_broken_body_is_transient(server: Server, provider: AnthropicProvider, body: bytes) -> None:
    server.reply = lambda path: (200, body, {})
    with pytest.raises(TransientError):
        provider.complete(request())


def test_no_server_is_transient() -> None:
    provider = open_provider(params(base_url="http://127.0.0.1:9"))
    with pytest.raises(TransientError, match="connection broke"):
        provider.complete(request())
    provider.close()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (failure(400, "prompt is too long: 300000 tokens"), "too_long"),
        (failure(413), "too_long"),
        (failure(400), "error"),
    ],
)
def test_errors_of_one_item_reject_that_item(
    server: Server, provider: AnthropicProvider, reply: Reply, kind: str
) -> None:
    server.reply = lambda path: reply
    with pytest.raises(ItemError) as caught:
        provider.complete(request())
    assert caught.value.rejected.kind == kind


def test_a_missing_key_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE", "ANTHROPIC_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(FatalError, match=r"there is no key: set .*ANTHROPIC_API_KEY.*`llm\.provider: embedded`"):
        AnthropicProvider(params())


def test_the_key_of_the_service_is_never_sent_to_another_server(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret-of-the-service")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "another-secret")
    provider = AnthropicProvider(params(server))
    provider.complete(request())
    provider.close()
    (headers,) = server.headers
    assert "Bearer none" in headers
    assert "secret" not in headers


def test_each_generation_is_asked_in_its_own_way(server: Server, provider: AnthropicProvider) -> None:
    for model in ("claude-haiku-4-5", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "my-local-model"):
        provider.complete(request(model, temperature=0.5))
    old, haiku, sonnet, opus, own = server.seen
    assert old["temperature"] == own["temperature"] == 0.5
    assert all("temperature" not in sent for sent in (haiku, sonnet, opus))
    assert haiku["thinking"] == {"type": "disabled"}
    assert sonnet["thinking"] == {"type": "between_tools"}
    assert "thinking" not in opus
    assert opus["output_config"]["effort"] == "low"
    assert opus["max_tokens"] > old["max_tokens"]


@pytest.mark.parametrize(
    ("model", "temperature"),
    [
        ("claude-opus-4-6", True),
        ("claude-opus-4-7", False),
        ("claude-sonnet-4-5-20250929", True),
        ("claude-sonnet-5", False),
        ("claude-fable-5-1", False),
        ("qwen3", True),
    ],
)
def test_a_temperature_goes_only_to_models_that_take_one(model: str, temperature: bool) -> None:
    assert Dialect.of(model).temperature is temperature


def test_tokens_are_counted_by_the_service(server: Server, provider: AnthropicProvider) -> None:
    server.reply = lambda path: (200, {"input_tokens": 77} if path.endswith("count_tokens") else {}, {})
    assert provider.count_tokens(request()) == 77
