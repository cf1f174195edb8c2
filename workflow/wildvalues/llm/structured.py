"""Read an answer that was to be JSON or one of some options, whatever words a model put around it.

Servers that ignore schemas, and models that ramble, are read as kindly as can be done without guessing at content;
what still does not fit is asked for once more, with the reason (`asked_again`). Reading starts from the raw answer that
the memo keeps, so a kinder reader costs nothing to try. An answer that is what was asked for is left as it is.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import fastjsonschema
import json_repair

from wildvalues.llm.types import ANY_WORD, Answer, Message, Rejected, Request

# Sizes are wishes: services do not enforce them, and readers cut what is too long.
_SIZES = frozenset(("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties", "pattern"))
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_FENCED = re.compile(r"```[\w-]*\n?(.*?)```", re.DOTALL)
# Keys under which models, and our own request for one of several schemas, wrap an answer.
_WRAPPERS = ("answer", "choice", "response", "result")
# Of an answer that is shown to the model again.
_SHOWN_CHARS = 2_000


@dataclass(frozen=True)
class Misfit:
    """Why an answer is not what was asked for, in words that the model can act on."""

    problem: str


def unusable(answer: Answer, request: Request) -> Rejected | None:
    """Say why an answer is none, by its stop reason; None when it may be one. Asking again would not help."""
    if answer.stop_reason == "refusal":
        return Rejected("the model refused to answer", "refused")
    if answer.stop_reason == "model_context_window_exceeded":
        return Rejected("the conversation does not fit the model's context window", "too_long")
    # A choice may be told by its first letter.
    if request.options is None and answer.stop_reason == "max_tokens":
        return Rejected(f"the answer was cut off at its limit of {request.max_tokens} tokens", "truncated")
    return None


def fitted(answer: Answer, request: Request) -> Answer | Misfit:
    """Return `answer` with the JSON or the option that it holds as its text, or say why there is none.

    Parameters
    ----------
    answer
        As the memo has it: raw.
    request
        What was asked. Without schema and options every answer fits.
    """
    if request.options == ANY_WORD:
        return answer
    if request.options is not None:
        return _choice(answer, request.options, request.messages[-1].content)
    if request.schema is None:
        return answer
    check = _checker(request.schema)
    problem = "there is no JSON in it"
    for number, value in enumerate(_values(answer.text)):
        try:
            check(value)
        except fastjsonschema.JsonSchemaValueException as error:
            problem = error.message.replace("data", "the answer", 1) if isinstance(value, dict | list) else problem
            continue
        # The first reading is the text itself, to the letter.
        return answer if number == 0 else replace(answer, text=json.dumps(value, ensure_ascii=False))
    return Misfit(problem)


def asked_again(request: Request, answer: Answer, misfit: Misfit) -> Request:
    """Return the request that shows the model its answer and what is wrong with it."""
    wanted = "the JSON alone" if request.options is None else f"one of {', '.join(request.options)} alone"
    shown = answer.text.strip()[:_SHOWN_CHARS] or "(nothing)"
    complaint = f"That cannot be used: {misfit.problem}. Answer the same question again with {wanted}, no other text."
    return replace(request, messages=(*request.messages, Message("assistant", shown), Message("user", complaint)))


def _values(text: str) -> Iterator[Any]:
    """Yield what `text` may mean as JSON, the likeliest reading first; the first one is of the text as it is."""
    try:
        whole = json.loads(text)
    except ValueError:
        yield None
    else:
        yield whole
        yield from _unwrapped(whole)
    kept = _THOUGHTS.sub("", text)
    for part in (*reversed(_FENCED.findall(kept)), kept):
        part = part[part.find("{") : part.rfind("}") + 1]
        if not part or any(part.count(opening) != part.count(closing) for opening, closing in ("{}", "[]")):
            continue  # what is cut off would have to be guessed
        try:
            value, _ = json.JSONDecoder().raw_decode(part)
        except ValueError:
            value = json_repair.loads(part)
        yield value
        yield from _unwrapped(value)
        if isinstance(value, list):  # several objects in a row: the last is the model's last word
            yield from reversed(value)


def _unwrapped(value: Any) -> Iterator[Any]:
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key in _WRAPPERS:
            yield inner


def _choice(answer: Answer, options: tuple[str, ...], question: str) -> Answer | Misfit:
    if answer.text in options:
        return _certain(answer, answer.text)
    text = _THOUGHTS.sub("", answer.text).strip()
    value: Any = next((found for found in _values(text) if isinstance(found, dict | str)), None) if text else None
    while isinstance(value, dict) and value:
        value = next((value[key] for key in _WRAPPERS if key in value), next(iter(value.values())))
    said = value if isinstance(value, str) else text
    chosen = _option_in(said, options, _names(options, question))
    if chosen is None:
        return Misfit(f"it names none of the options {', '.join(options)}")
    return _certain(answer, chosen)


def _certain(answer: Answer, option: str) -> Answer:
    # Without token probabilities the choice gets all.
    odds = {option: 0.0} if answer.log_probabilities is None else answer.log_probabilities
    return replace(answer, text=option, log_probabilities=odds)


def _names(options: tuple[str, ...], question: str) -> dict[str, str]:
    """Return the names that `question` gives to its letters, in lines such as ``B mild support: agrees, but ...``."""
    found = {}
    for option in options:
        if line := re.search(rf"^{re.escape(option)}[ .:)]+([^:\n]+):", question, re.MULTILINE):
            found[option] = line[1].strip().casefold()
    return found


def _option_in(said: str, options: tuple[str, ...], names: Mapping[str, str]) -> str | None:
    plain = " ".join(re.sub(r"[*_`\"'#()\[\]]", " ", said).split())
    folded = plain.casefold().rstrip(".!")
    for option in options:
        if folded == option.casefold() or folded == names.get(option):
            return option
    for option in options:
        name = re.escape(names.get(option, "")) or r"\Z"
        if re.match(rf"{re.escape(option)}(?:\s*[.:,;-]|\s+{name})", plain, re.IGNORECASE):
            return option
    # "The answer is B", "I choose B."
    stated = re.search(
        r"(?:answer|option|choice|choose|pick)(?:\s+is)?\s*:?\s+(\S+?)[.,;:!]*(?:\s|$)", plain, re.IGNORECASE
    )
    if stated and stated[1] in options:
        return stated[1]
    named = [option for option, name in names.items() if re.search(rf"\b{re.escape(name)}\b", folded)]
    return named[0] if len(named) == 1 else None


@functools.lru_cache(maxsize=64)
def _checker(schema: str) -> Callable[[Any], Any]:
    check: Callable[[Any], Any] = fastjsonschema.compile(_without_sizes(json.loads(schema)))
    return check


def _without_sizes(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_sizes(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in _SIZES}
    # A property may be called like a keyword.
    named = {name: _without_sizes(part) for name, part in kept.pop("properties", {}).items()}
    return {**{key: _without_sizes(value) for key, value in kept.items()}, **({"properties": named} if named else {})}
