"""What goes over the wire to a Messages server, and what becomes of each thing it can say."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wildvalues.llm.errors import FatalError, ItemError, TransientError
from wildvalues.llm.providers import open_provider
from wildvalues.llm.providers.anthropic import AnthropicProvider, Dialect
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
        self.wfile.write(raw)
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
    opened = AnthropicProvider(params(running))
    yield opened
    opened.close()


def request(model: str = "claude-haiku-4-5", **more: Any) -> Request:
    opening = (Message("system", "Read."), Message("user", "example"), Message("assistant", "answer"))
    return Request(model, (*opening, Message("user", "<conversation>"), Message("user", "which values?")), **more)


def test_a_request_carries_the_conversation_as_a_cached_prefix(server: Server, provider: AnthropicProvider) -> None:
    provider.complete(request())
    (sent,) = server.seen
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
    assert sent["system"] == [{"type": "text", "text": "Read."}]
    cached = {"type": "ephemeral"}
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "answer", "cache_control": cached}]
    assert sent["messages"][2]["content"] == [
        {"type": "text", "text": "<conversation>", "cache_control": cached},
        {"type": "text", "text": "which values?"},
    ]


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


@pytest.mark.parametrize("said", ['{"choice": "B"}', "B", " `B`. "])
def test_a_choice_is_one_of_the_options(server: Server, provider: AnthropicProvider, said: str) -> None:
    server.reply = lambda path: message(said)
    answer = provider.choose(request(options=("A", "B"), max_tokens=8))
    assert answer.text == "B"
    assert answer.log_probabilities == {"B": 0.0}
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
    assert len(server.seen) == 1


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
