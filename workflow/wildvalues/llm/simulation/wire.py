"""What a Messages request may look like: the SDK's own types, held strictly, with errors in the API's shape."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsBase
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator, ValidationError, core_schema

# Sampling parameters left the SDK's types with the models that dropped them; the API still takes them for older ones.
_SAMPLING = {"temperature": (0.0, 1.0), "top_p": (0.0, 1.0), "top_k": (0, None)}
_WITHOUT_SAMPLING = re.compile(r"claude-(opus-4-[7-9]|(opus|sonnet|haiku)-5|fable|mythos)")
# Headers of the SDK's parameter types, not part of a body.
_NO_BODY = ("user_profile_id", "workspace_id")
_ROLES = ("user", "assistant", "system")
_MAX_BREAKPOINTS = 4

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class WireError(Exception):
    """A request the API would turn down.

    Parameters
    ----------
    status
        HTTP status.
    headers
        Headers beside the usual ones.
    """

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the body of the response."""
        return error_body(ERROR_TYPES.get(self.status, "api_error"), self.message, request_id)


def error_body(kind: str, message: str, request_id: str) -> dict[str, Any]:
    """Return an error in the API's shape."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}


@dataclass(frozen=True)
class Asked:
    """The checked parameters of a request.

    Parameters
    ----------
    params
        As they were sent.
    blocks
        (path, role, content block), the system prompt first; a string counts as a text block.
    before
        What the model reads before all blocks, as JSON: tools and schema. Empty when there are none.
    """

    params: dict[str, Any]
    blocks: list[tuple[str, str, dict[str, Any]]]
    before: str

    @staticmethod
    def of(params: dict[str, Any]) -> Asked:
        """Look through parameters once."""
        first = [part for part in (params.get("tools"), params.get("output_config")) if part]
        return Asked(params, _blocks_of(params), json.dumps(first) if first else "")


def read_message_params(raw: bytes | str, *, batched: bool = False) -> Asked:
    """Parse and check the parameters of one message.

    Parameters
    ----------
    batched
        Whether they are an item of a batch, which cannot stream.

    Raises
    ------
    WireError
        With status 400 and the path of the first wrong key or value.
    """
    params = _validated(_message_validator(), raw)
    if params.get("stream"):
        why = "streaming is not supported in a batch" if batched else "this simulated server does not stream"
        raise WireError(400, f"stream: {why}")
    if _WITHOUT_SAMPLING.match(params["model"]):
        for name in _SAMPLING:
            if name in params:
                raise WireError(400, f"`{name}` is not supported by this model.")
    if params["max_tokens"] < 1:
        raise WireError(400, "max_tokens: Input should be greater than or equal to 1")
    asked = Asked.of(params)
    _check_messages(asked)
    # A study asks with a few schemas, thousands of times each.
    problem = _known_schema_problem(asked.before) if "format" in params.get("output_config", {}) else None
    if problem:
        raise WireError(400, problem)
    return asked


def read_count_params(raw: bytes) -> Asked:
    """Parse and check the parameters of a token count."""
    asked = Asked.of(_validated(_count_validator(), raw))
    _check_messages(asked)
    return asked


def _check_messages(asked: Asked) -> None:
    messages = asked.params["messages"]
    if not messages:
        raise WireError(400, "messages: at least one message is required")
    if messages[0]["role"] != "user":
        raise WireError(400, 'messages: first message must use the "user" role')
    marked = 0
    for place, _, block in asked.blocks:
        if block["type"] == "text" and not block["text"].strip():
            raise WireError(400, f"{place}: text content blocks must be non-empty")
        marked += "cache_control" in block
    if marked > _MAX_BREAKPOINTS:
        raise WireError(
            400, f"A maximum of {_MAX_BREAKPOINTS} blocks with cache_control may be provided. Found {marked}."
        )


@functools.lru_cache(256)
def _known_schema_problem(before: str) -> str | None:
    form = json.loads(before)[-1]["format"]
    return None if form is None else _schema_problem(form["schema"], "output_config.format.schema")


def _schema_problem(schema: Any, where: str) -> str | None:
    """Say what in a schema structured output does not know: open objects and limits on lengths and numbers."""
    if not isinstance(schema, dict):
        return f"{where}: Input should be a valid dictionary"
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false"
    for name in ("maxLength", "minLength", "minimum", "maximum", "multipleOf", "maxItems", "uniqueItems"):
        if name in schema:
            return f"{where}: For '{schema.get('type')}' type, property '{name}' is not supported"
    parts = [(f"properties.{name}", part) for name, part in schema.get("properties", {}).items()]
    parts += [(f"$defs.{name}", part) for name, part in schema.get("$defs", {}).items()]
    parts += [(f"anyOf.{number}", part) for number, part in enumerate(schema.get("anyOf", []))]
    if "items" in schema:
        parts.append(("items", schema["items"]))
    return next((found for name, part in parts if (found := _schema_problem(part, f"{where}.{name}"))), None)


def _blocks_of(params: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = []
    turns = [("system", "system", params["system"])] if "system" in params else []
    turns += [(f"messages.{n}.content", m["role"], m["content"]) for n, m in enumerate(params["messages"])]
    for where, role, content in turns:
        if isinstance(content, str):
            found.append((where, role, {"type": "text", "text": content}))
        else:
            found += [(f"{where}.{number}", role, block) for number, block in enumerate(content)]
    return found


def _validated(validator: SchemaValidator, raw: bytes | str) -> dict[str, Any]:
    try:
        params: dict[str, Any] = validator.validate_json(raw, strict=True)
    except ValidationError as error:
        # Of a union's complaints the deepest is about the choice that was meant.
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        first = max(problems, key=lambda problem: len(problem["loc"]))
        where = ".".join(str(part) for part in first["loc"] if "[" not in str(part) and part not in _ROLES)
        said = (
            first["msg"] if first["type"] != "json_invalid" else f"The request body is not valid JSON: {first['msg']}"
        )
        raise WireError(400, f"{where}: {said}" if where else said) from None
    return params


@functools.cache
def _message_validator() -> SchemaValidator:
    return _validator(MessageCreateParamsBase, {"stream": core_schema.bool_schema(), **_sampling_fields()})


@functools.cache
def _count_validator() -> SchemaValidator:
    return _validator(MessageCountTokensParams, {})


def _sampling_fields() -> dict[str, core_schema.CoreSchema]:
    return {name: core_schema.float_schema(ge=low, le=high) for name, (low, high) in _SAMPLING.items()}


def _validator(body: Any, more: dict[str, core_schema.CoreSchema]) -> SchemaValidator:
    """Return a validator of an SDK type that turns down unknown keys at every depth.

    The types are `TypedDict`s; pydantic reads their ``Iterable`` fields lazily, which would let anything through.
    """
    schema: Any = _held_strictly(TypeAdapter(body).core_schema)
    top = schema
    while top["type"] != "typed-dict":
        top = top["schema"]
    top["fields"] = {name: field for name, field in top["fields"].items() if name not in _NO_BODY} | {
        name: core_schema.typed_dict_field(part, required=False) for name, part in more.items()
    }
    return SchemaValidator(schema)


def _held_strictly(schema: Any, definitions: dict[str, Any] | None = None) -> Any:
    if isinstance(schema, list | tuple):
        return [_held_strictly(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "definitions":
        definitions = {part["ref"]: part for part in schema["definitions"]}
    held = {name: _held_strictly(part, definitions) for name, part in schema.items() if name != "metadata"}
    if held.get("type") == "generator":
        return {"type": "list", "items_schema": held["items_schema"]}
    if held.get("type") == "typed-dict":
        return {**held, "extra_behavior": "forbid"}
    if held.get("type") == "union":
        return _tagged(held, definitions or {})
    return held


def _tagged(union: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Let turns be told apart by ``role`` and blocks by ``type``: one attempt each, and an error that says which.

    A choice that is a model is an answer's block handed back as a Python object; JSON never holds one.
    """
    choices = [(choice, _shape(choice, definitions)) for choice in union["choices"]]
    kept = [(choice, shape) for choice, shape in choices if shape["type"] != "model"]
    for tag in ("role", "type"):
        named = {
            value: choice
            for choice, shape in kept
            for value in shape.get("fields", {}).get(tag, {}).get("schema", {}).get("expected", ())
        }
        others = [choice for choice, shape in kept if shape["type"] != "typed-dict"]
        if len(named) > 1 and len(named) >= len(kept) - len(others):
            tagged = {"type": "tagged-union", "discriminator": tag, "choices": named}
            return {"type": "union", "choices": [*others, tagged]} if others else tagged
    return {**union, "choices": [choice for choice, _ in kept or choices]}


def _shape(schema: Any, definitions: dict[str, Any]) -> Any:
    while True:
        if schema["type"] == "definition-ref":
            schema = definitions[schema["schema_ref"]]
        elif schema["type"].startswith("function-") and "schema" in schema:
            schema = schema["schema"]
        elif schema["type"] == "union" and all(
            _shape(part, definitions)["type"] == "model" for part in schema["choices"]
        ):
            return {"type": "model"}
        else:
            return schema
