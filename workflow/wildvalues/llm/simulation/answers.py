"""The message that comes back for the parameters of one: made up, counted, and spoilt where a fault says so."""

from __future__ import annotations

import json
from typing import Any

from wildvalues.llm.simulation.maker import Maker
from wildvalues.llm.simulation.prompt_cache import Counted, tokens_of
from wildvalues.llm.simulation.wire import Asked


def message_for(asked: Asked, counted: Counted, *, structured: bool, tier: str, fault: str | None) -> Any:
    """Return the body of the response, an SDK ``Message`` as JSON.

    Parameters
    ----------
    counted
        Tokens of the prompt.
    structured
        Whether the server holds answers to a schema.
    tier
        ``standard`` or ``batch``.
    fault
        An answer fault of `settings.AnswerFault`, or None.
    """
    params = asked.params
    said = [(role, block["text"]) for _, role, block in asked.blocks if block["type"] == "text"]
    maker = Maker(said)
    text, stop = _text(params, maker, said[-1][1], structured=structured), "end_turn"
    if fault is not None:
        text, stop = _spoilt(text, fault)
    tokens = tokens_of(text)
    if tokens > params["max_tokens"]:
        text, tokens, stop = text[: 4 * params["max_tokens"]], params["max_tokens"], "max_tokens"
    return {
        # Equal requests get equal ids: nothing here may depend on the order of arrival.
        "id": f"msg_sim_{maker.mark}",
        "type": "message",
        "role": "assistant",
        "model": params["model"],
        "content": [] if fault in ("empty", "refusal") else [{"type": "text", "text": text, "citations": None}],
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": None, "explanation": None} if stop == "refusal" else None,
        "container": None,
        "usage": {
            "input_tokens": counted.plain,
            "cache_creation_input_tokens": counted.written,
            "cache_read_input_tokens": counted.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": counted.written_5m,
                "ephemeral_1h_input_tokens": counted.written_1h,
            },
            "output_tokens": tokens,
            "service_tier": tier,
        },
    }


def _text(params: dict[str, Any], maker: Maker, question: str, *, structured: bool) -> str:
    form = params.get("output_config", {}).get("format")
    if form is not None and structured:
        return json.dumps(maker.value(form["schema"]), ensure_ascii=False)
    spelled_out = _schema_in_prompt(question)
    if spelled_out is not None:
        value = json.dumps(maker.value(spelled_out), ensure_ascii=False, indent=1)
        return f"Here is the answer:\n```json\n{value}\n```\nI hope this helps."
    return maker.phrase()


def _schema_in_prompt(question: str) -> dict[str, Any] | None:
    """Return the JSON schema that a prompt spells out, the way a model reads it, or None."""
    decoder = json.JSONDecoder()
    start = question.find("{")
    while start >= 0:
        try:
            value, _ = decoder.raw_decode(question, start)
        except ValueError:
            value = None
        if isinstance(value, dict) and ({"type", "enum", "anyOf", "$ref"} & value.keys()):
            return value
        start = question.find("{", start + 1)
    return None


def _spoilt(text: str, fault: str) -> tuple[str, str]:
    """Return text and stop reason of an answer that something is wrong with."""
    if fault == "truncated":
        return text[: max(1, len(text) // 2)], "max_tokens"
    if fault == "refusal":
        return "", "refusal"
    if fault == "context_window":
        return text[: len(text) // 3], "model_context_window_exceeded"
    if fault == "malformed_json":
        return text.replace('"', "'") + ",}", "end_turn"
    if fault == "fenced_json":
        return f"Sure, here it is:\n\n```json\n{text}\n```\n\nAnything else?", "end_turn"
    if fault == "wrong_schema":
        return json.dumps({"result": [text[:20]], "note": 3}), "end_turn"
    if fault == "ungrounded":
        return _ungrounded(text), "end_turn"
    return "", "end_turn"


def _ungrounded(text: str) -> str:
    def changed(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: changed(part, key) for key, part in value.items()}
        if isinstance(value, list):
            return [changed(part, name) for part in value]
        return "words that nobody said in this conversation" if name == "quote" else value

    try:
        return json.dumps(changed(json.loads(text)), ensure_ascii=False)
    except ValueError:
        return text
