"""Claude, or any server that speaks the Messages API, through the official SDK."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anthropic

from wildvalues.llm.errors import FatalError, ItemError, TransientError
from wildvalues.llm.types import Answer, Message, Rejected, Request
from wildvalues.params import Params

# Sampling parameters and switched-off thinking by generation: what a model does not know, it answers with an error.
_TAKES_TEMPERATURE = re.compile(r"claude-(3|haiku-4|sonnet-4|opus-4-[0-6](?!\d))")
_ALWAYS_THINKS = re.compile(r"claude-(opus-5-5|fable|mythos)")
_THINKS_BETWEEN_TOOLS = re.compile(r"claude-sonnet-5-5")
_THINKS_UNLESS_TOLD = re.compile(r"claude-(opus|sonnet|haiku)-5|claude-opus-4-[78]")
# Thinking counts towards max_tokens; at low effort these questions need far less than this.
_ROOM_TO_THINK = 4_096
# A choice is asked for as a JSON object, a few tokens longer than the option itself.
_CHOICE_TOKENS = 64
_MESSAGE_CHARS = 300


@dataclass(frozen=True)
class Dialect:
    """What a model accepts beyond messages.

    Parameters
    ----------
    temperature
        Whether it takes a sampling temperature.
    thinking
        Value of ``thinking`` that keeps it from thinking at length, or None to leave it out.
    effort
        Value of ``output_config.effort`` where thinking cannot be switched off.
    """

    temperature: bool
    thinking: dict[str, str] | None = None
    effort: str | None = None

    @staticmethod
    def of(model: str) -> Dialect:
        """Return the dialect of a model; unknown names (other servers) get plain requests with a temperature."""
        if _ALWAYS_THINKS.match(model):
            return Dialect(temperature=False, effort="low")
        if _THINKS_BETWEEN_TOOLS.match(model):
            return Dialect(temperature=False, thinking={"type": "between_tools"})
        if _THINKS_UNLESS_TOLD.match(model):
            return Dialect(temperature=False, thinking={"type": "disabled"})
        return Dialect(temperature=bool(_TAKES_TEMPERATURE.match(model)) or not model.startswith("claude-"))


class AnthropicProvider:
    """Asks over the network; several calls at once, each from its own thread.

    Parameters
    ----------
    params
        ``llm.base_url``, ``llm.timeout_s`` and ``llm.concurrency`` are used.

    Raises
    ------
    FatalError
        When there is no key.
    """

    def __init__(self, params: Params) -> None:
        self.concurrency = params.llm.concurrency
        # A cache entry for the conversation pays only when more than one call reads it.
        self._cache_conversation = len(params.extract.requests) > 1
        base_url = params.llm.base_url
        key = os.environ.get("ANTHROPIC_API_KEY")
        # A server of one's own often wants no key, and must never be sent the one for the real service.
        own: dict[str, Any] = {}
        if base_url:
            own = {"api_key": os.environ.get("WILDVALUES_API_KEY", "none"), "base_url": base_url}
        # Waiting and trying again is the runner's business: it knows the budget and when to stop.
        try:
            self._client = anthropic.Anthropic(timeout=params.llm.timeout_s, max_retries=0, **own)
        except anthropic.AnthropicError as error:
            raise FatalError(f"llm.provider is anthropic, but its sign-in cannot be used: {_short(error)}") from None
        if not own and not key and self._client.auth_token is None and self._client.credentials is None:
            self._client.close()
            raise FatalError(
                "llm.provider is anthropic, but there is no key: set the environment variable ANTHROPIC_API_KEY, "
                "or set `llm.provider: embedded` in params.yaml to use a model on this machine"
            )

    def complete(self, request: Request) -> Answer:
        """Answer in text held to `request.schema` by structured output."""
        schema = None if request.schema is None else anthropic.transform_schema(json.loads(request.schema))
        return self._ask(request, schema, request.max_tokens)

    def choose(self, request: Request) -> Answer:
        """Choose by structured output with an enumeration; there are no probabilities, so the choice gets all."""
        assert request.options is not None
        schema = {
            "type": "object",
            "properties": {"choice": {"enum": list(request.options)}},
            "required": ["choice"],
            "additionalProperties": False,
        }
        raw = self._ask(request, schema, max(request.max_tokens, _CHOICE_TOKENS))
        chosen = _chosen(raw.text, request.options)
        return Answer(
            chosen if chosen is not None else raw.text,
            raw.stop_reason,
            raw.input_tokens,
            raw.output_tokens,
            None if chosen is None else {chosen: 0.0},
            raw.cache_read_tokens,
            raw.cache_write_tokens,
        )

    def count_tokens(self, request: Request) -> int:
        """Count the input tokens of `request`; the service does not charge for it."""
        system, messages = _conversation(request.messages, cache_conversation=False)
        try:
            counted = self._client.messages.count_tokens(
                model=request.model, messages=messages, system=system or anthropic.omit
            )
        except anthropic.AnthropicError as error:
            raise _mapped(error) from None
        return counted.input_tokens

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, request: Request, schema: dict[str, Any] | None, max_tokens: int) -> Answer:
        dialect = Dialect.of(request.model)
        system, messages = _conversation(request.messages, cache_conversation=self._cache_conversation)
        output: dict[str, Any] = {}
        if schema is not None:
            output["format"] = {"type": "json_schema", "schema": schema}
        if dialect.effort is not None:
            output["effort"] = dialect.effort
            max_tokens += _ROOM_TO_THINK
        more: dict[str, Any] = {}
        if system:
            more["system"] = system
        if output:
            more["output_config"] = output
        if dialect.thinking is not None:
            more["thinking"] = dialect.thinking
        if dialect.temperature:
            # The SDK dropped the parameter with the models that dropped it; servers that know it still read it.
            more["extra_body"] = {"temperature": request.temperature}
        try:
            message = self._client.messages.create(
                model=request.model, max_tokens=max_tokens, messages=messages, **more
            )
            text = "".join(block.text for block in message.content if block.type == "text")
            used = message.usage
            read, written = used.cache_read_input_tokens or 0, used.cache_creation_input_tokens or 0
            return Answer(
                text,
                message.stop_reason or "end_turn",
                used.input_tokens + read + written,
                used.output_tokens,
                cache_read_tokens=read,
                cache_write_tokens=written,
            )
        except anthropic.AnthropicError as error:
            raise _mapped(error) from None
        except (TypeError, AttributeError, ValueError) as error:
            # A body that is no message: a proxy's page, or half an answer.
            raise TransientError(f"the server's reply is no message ({type(error).__name__})") from None


def _conversation(messages: Sequence[Message], *, cache_conversation: bool) -> tuple[list[Any], list[Any]]:
    """Return ``system`` and ``messages`` of the API, with the shared beginning marked for the prompt cache.

    The last message is the question, the one before it the conversation, and what precedes them (instructions,
    worked examples) is the same for every conversation.
    """
    marked = {len(messages) - 3, *([len(messages) - 2] if cache_conversation else [])}
    system: list[Any] = []
    turns: list[Any] = []
    for place, message in enumerate(messages):
        block: dict[str, Any] = {"type": "text", "text": message.content}
        if place in marked:
            block["cache_control"] = {"type": "ephemeral"}
        if message.role == "system":
            system.append(block)
        elif turns and turns[-1]["role"] == message.role:
            turns[-1]["content"].append(block)
        else:
            turns.append({"role": message.role, "content": [block]})
    return system, turns


def _chosen(text: str, options: tuple[str, ...]) -> str | None:
    try:
        value = json.loads(text)
    except ValueError:
        value = text.strip().strip("`\"'.")
    if isinstance(value, dict):
        value = value.get("choice")
    return value if isinstance(value, str) and value in options else None


def _mapped(error: anthropic.AnthropicError) -> Exception:
    """Return the error class of the runner for an error of the SDK."""
    if isinstance(error, anthropic.APIConnectionError):
        kind = "timed out" if isinstance(error, anthropic.APITimeoutError) else "broke"
        return TransientError(f"the connection {kind}")
    if not isinstance(error, anthropic.APIStatusError):
        return FatalError(f"the Messages API cannot be used: {_short(error)}")
    status, said = error.status_code, _short(error)
    if status in (401, 402, 403) or "credit balance" in said:
        return FatalError(f"the Messages API refuses this key ({status}): {said}; check ANTHROPIC_API_KEY and the plan")
    if status == 404:
        return FatalError(
            f"the Messages API knows no such model or address (404): {said}; check llm.model and llm.base_url"
        )
    if status in (408, 409, 429) or status >= 500:
        return TransientError(f"{status}: {said}", _retry_after(error))
    if status == 413 or "prompt is too long" in said:
        return ItemError(Rejected(f"the conversation is too long for the model ({status})", "too_long"))
    return ItemError(Rejected(f"the Messages API rejects this request ({status}): {said}", "error"))


def _short(error: anthropic.AnthropicError) -> str:
    body = getattr(error, "body", None)
    said = body.get("error") if isinstance(body, dict) else None
    text = str(said.get("message")) if isinstance(said, dict) else str(error)
    return " ".join(text.split())[:_MESSAGE_CHARS]


def _retry_after(error: anthropic.APIStatusError) -> float | None:
    try:
        return max(0.0, float(error.response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
