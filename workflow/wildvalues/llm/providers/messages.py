"""The Messages API on the wire: what a request becomes, and what a message says. Shared by live calls and batches."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import anthropic

from wildvalues.llm.types import Answer, Message, Request

# Sampling parameters and switched-off thinking by generation: what a model does not know, it answers with an error.
_TAKES_TEMPERATURE = re.compile(r"claude-(3|haiku-4|sonnet-4|opus-4-[0-6](?!\d))")
_ALWAYS_THINKS = re.compile(r"claude-(opus-5-5|fable|mythos)")
_THINKS_BETWEEN_TOOLS = re.compile(r"claude-sonnet-5-5")
_THINKS_UNLESS_TOLD = re.compile(r"claude-(opus|sonnet|haiku)-5|claude-opus-4-[78]")
# Thinking counts towards max_tokens; at low effort these questions need far less than this.
_ROOM_TO_THINK = 4_096
# A choice is asked for as a JSON object, a few tokens longer than the option itself.
_CHOICE_TOKENS = 64
# Shortest prefix that the prompt cache keeps, in tokens (platform.claude.com, "Prompt caching", read November 2026).
# Of a model that is not listed the smallest is assumed: a mark that is too early costs nothing.
_CACHED_FROM = (
    (re.compile(r"claude-(opus-4-[56]|haiku-4-5)"), 4_096),
    (re.compile(r"claude-(opus-4-7|haiku-3|3-5-haiku|3-haiku)"), 2_048),
    (re.compile(r"claude-(opus-4|sonnet-4|sonnet-5|3)"), 1_024),
)
_CACHED_FROM_ELSE = 512
# English prose has four characters a token; code and other scripts have fewer, so this errs towards marking.
_CHARS_PER_TOKEN = 3

# What an answer is held to: a schema, or options.
_Form: TypeAlias = tuple[str | None, tuple[str, ...] | None]
Structure = Literal["schema", "prompt"]
# Settings that may be left out when a server does not know them.
Setting = Literal["temperature", "thinking", "effort", "cache_control"]


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
    thinking: Mapping[str, str] | None = None
    effort: str | None = None

    @staticmethod
    @functools.cache
    def of(model: str) -> Dialect:
        """Return the dialect of a model; unknown names (other servers) get plain requests with a temperature."""
        if _ALWAYS_THINKS.match(model):
            return Dialect(temperature=False, effort="low")
        if _THINKS_BETWEEN_TOOLS.match(model):
            return Dialect(temperature=False, thinking={"type": "between_tools"})
        if _THINKS_UNLESS_TOLD.match(model):
            return Dialect(temperature=False, thinking={"type": "disabled"})
        return Dialect(temperature=bool(_TAKES_TEMPERATURE.match(model)) or not model.startswith("claude-"))


def body_of(
    request: Request,
    *,
    family: Sequence[Request] = (),
    structure: Structure = "schema",
    left_out: frozenset[Setting] = frozenset(),
) -> dict[str, Any]:
    """Return the JSON body of ``POST /v1/messages``, also the ``params`` of an item of a batch.

    Parameters
    ----------
    family
        Other requests about the same conversation, to the same model, that will be asked within minutes. With any,
        the conversation is marked for the prompt cache, and all of the family send the same schema: the service reads
        the schema before the messages, so a schema of one's own would hide what the others left in the cache.
    structure
        How the answer is held to its schema: by ``output_config``, or by words in the question.
    left_out
        Settings the server does not know.
    """
    dialect = Dialect.of(request.model)
    messages = request.messages
    max_tokens = request.max_tokens if request.options is None else max(request.max_tokens, _CHOICE_TOKENS)
    output: dict[str, Any] = {}
    if (asked := _form(request)) is not None:
        words = _in_words(asked)
        if structure == "schema":
            schema = _schema_of(_forms((request, *family)))
            output["format"] = {"type": "json_schema", "schema": schema}
            # With several schemas to choose from the question says which; always, so that it does not depend on them.
            words = f"Answer under {_keys(asked)}."
        messages = (*messages[:-1], Message("user", f"{messages[-1].content}\n\n{words}"))
    if dialect.effort is not None and "effort" not in left_out:
        output["effort"] = dialect.effort
    if dialect.effort is not None:
        max_tokens += _ROOM_TO_THINK
    marked = () if "cache_control" in left_out else _marked(request, shared=bool(family))
    system, turns = _turns(messages, marked)
    body: dict[str, Any] = {"model": request.model, "max_tokens": max_tokens, "messages": turns}
    if system:
        body["system"] = system
    if output:
        body["output_config"] = output
    if dialect.thinking is not None and "thinking" not in left_out:
        body["thinking"] = dict(dialect.thinking)
    if dialect.temperature and "temperature" not in left_out:
        body["temperature"] = request.temperature
    return body


def answer_of(message: Mapping[str, Any]) -> Answer:
    """Return what a message says, as the API or ``Message.to_dict`` gives it.

    Raises
    ------
    TypeError, KeyError, AttributeError
        When it is no message.
    """
    usage = message["usage"]
    read = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    return Answer(
        "".join([block["text"] for block in message["content"] if block["type"] == "text"]),
        message.get("stop_reason") or "end_turn",
        int(usage["input_tokens"]) + read + written,
        int(usage["output_tokens"]),
        cache_read_tokens=read,
        cache_write_tokens=written,
    )


def shared_prefix(request: Request) -> tuple[Message, ...] | None:
    """Return what `request` has in common with others about its conversation; None when too short to be cached."""
    end = _conversation(request.messages) + 1
    chars = sum(len(message.content) for message in request.messages[:end])
    return request.messages[:end] if end and chars >= _CHARS_PER_TOKEN * _cached_from(request.model) else None


def _marked(request: Request, *, shared: bool) -> tuple[int, ...]:
    """Return the messages after which the cache may cut: the worked examples, and a conversation asked about again.

    Two of the four breakpoints that the API allows.
    """
    end = _conversation(request.messages)
    opening = sum(len(message.content) for message in request.messages[:end])
    enough = _CHARS_PER_TOKEN * _cached_from(request.model)
    marks = (end - 1,) if end > 0 and opening >= enough else ()
    return (*marks, end) if shared and end >= 0 else marks


def _conversation(messages: Sequence[Message]) -> int:
    """Return the place of the conversation: the last user message that another one, its question, follows; or -1."""
    for place in range(len(messages) - 2, -1, -1):
        if messages[place].role == messages[place + 1].role == "user":
            return place
    return -1


@functools.cache
def _cached_from(model: str) -> int:
    return next((tokens for pattern, tokens in _CACHED_FROM if pattern.match(model)), _CACHED_FROM_ELSE)


def _turns(messages: Sequence[Message], marked: Sequence[int]) -> tuple[list[Any], list[Any]]:
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


def _form(request: Request) -> _Form | None:
    return None if request.schema is None and request.options is None else (request.schema, request.options)


def _forms(requests: Sequence[Request]) -> tuple[_Form, ...]:
    return tuple(dict.fromkeys(form for request in requests if (form := _form(request)) is not None))


@functools.lru_cache(maxsize=256)
def _schema_of(forms: tuple[_Form, ...]) -> dict[str, Any]:
    schemas = [_one_schema(form) for form in forms]
    if len(schemas) == 1:
        return schemas[0]
    # Sorted, because the same family may be seen in another order when some of it is answered already.
    schemas.sort(key=json.dumps)
    return {
        "type": "object",
        "properties": {"answer": {"anyOf": schemas}},
        "required": ["answer"],
        "additionalProperties": False,
    }


def _one_schema(form: _Form) -> dict[str, Any]:
    schema, options = form
    if schema is not None:
        return anthropic.transform_schema(json.loads(schema))
    return {
        "type": "object",
        "properties": {"choice": {"enum": list(options or ())}},
        "required": ["choice"],
        "additionalProperties": False,
    }


@functools.lru_cache(maxsize=256)
def _keys(form: _Form) -> str:
    names = [json.dumps(name) for name in _one_schema(form).get("properties", {})]
    return f"the key {names[0]}" if len(names) == 1 else f"the keys {', '.join(names)}"


def _in_words(form: _Form) -> str:
    schema, options = form
    if options is not None:
        return f"Answer with one of {', '.join(options)} and nothing else."
    return f"Answer with JSON alone, no other text. It must fit this JSON schema:\n{schema}"
