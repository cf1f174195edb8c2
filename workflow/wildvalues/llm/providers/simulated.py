"""Answers made up from the question's hash: schema-valid, repeatable, quick. For tests and benchmarks only."""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from typing import Any

from wildvalues.llm.memo import memo_key
from wildvalues.llm.types import Answer, Request

_TURN = re.compile(r"<(user|assistant)>\n(.*?)\n</\1>", re.DOTALL)
_KINDS = ("personal", "mutual", "practical", "honest", "careful", "creative", "shared", "lasting")
_NOUNS = ("respect", "clarity", "safety", "growth", "accuracy", "fairness", "autonomy", "kindness", "efficiency")
_WORDS_OF_A_QUOTE = 8


class SimulatedProvider:
    """Makes up answers. Equal requests get equal answers; quotes are taken from the conversation."""

    concurrency = 1

    def complete(self, request: Request) -> Answer:
        """Make up an answer that fits the schema; without one, a short phrase."""
        maker = _Maker(request)
        text = maker.phrase()
        if request.schema is not None:
            schema = json.loads(request.schema)
            text = json.dumps(maker.value(schema, schema, ()), ensure_ascii=False)
        return Answer(text, "end_turn", _tokens(request), max(1, len(text) // 4))

    def choose(self, request: Request) -> Answer:
        """Choose an option by the request's hash, with log-probabilities over all."""
        assert request.options is not None
        random_of = _Maker(request).random
        weights = [random_of.expovariate(1.0) + 1e-6 for _ in request.options]
        total = sum(weights)
        odds = {
            option: round(math.log(weight / total), 3) for option, weight in zip(request.options, weights, strict=True)
        }
        best = max(request.options, key=lambda option: odds[option])
        return Answer(best, "end_turn", _tokens(request), 1, odds)

    def close(self) -> None:
        """Do nothing: nothing is open."""


def _tokens(request: Request) -> int:
    return sum(len(message.content) for message in request.messages) // 4


class _Maker:
    """Random values that depend on the request alone."""

    def __init__(self, request: Request) -> None:
        self.random = random.Random(int(memo_key(request)[:16], 16))
        text = next((m.content for m in reversed(request.messages) if "<conversation>" in m.content), None)
        if text is None:
            text = request.messages[-1].content
        self._turns = _TURN.findall(text) or [("assistant", text)]
        # The same conversation leans to the same kinds whatever is asked, so that facets are associated.
        lean = random.Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())
        self._nouns = lean.sample(_NOUNS, 4)

    def phrase(self) -> str:
        return f"{self.random.choice(_KINDS)} {self.random.choice(self._nouns)}"

    def quote(self, speaker: str) -> str:
        texts: list[str] = [text for role, text in self._turns if role == speaker and text.split()]
        if not texts:
            return ""
        line = self.random.choice([line for line in self.random.choice(texts).split("\n") if line.split()])
        words = list(re.finditer(r"\S+", line))
        start = self.random.randrange(max(1, len(words) - _WORDS_OF_A_QUOTE + 1))
        end = min(len(words), start + _WORDS_OF_A_QUOTE)
        return line[words[start].start() : words[end - 1].end()]

    def value(self, schema: dict[str, Any], root: dict[str, Any], path: tuple[str, ...]) -> Any:
        """Make up a value for `schema`; `path` holds the property names that lead to it."""
        if "$ref" in schema:
            target = root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            return self.value(target, root, path)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self.value(self.random.choice(schema[union]), root, path)
        kind = schema.get("type", "object")
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        if kind == "object":
            named = schema.get("properties", {})
            return {name: self.value(part, root, (*path, name)) for name, part in named.items()}
        if kind == "array":
            least = schema.get("minItems", 0)
            most = min(schema.get("maxItems", 4), 4)
            return [
                self.value(schema["items"], root, path) for _ in range(self.random.randint(least, max(least, most)))
            ]
        if kind == "string":
            return self._string(path)[: schema.get("maxLength", 1_000)].strip()
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind in ("integer", "number"):
            return self.random.randint(schema.get("minimum", 0), schema.get("maximum", 10))
        return None

    def _string(self, path: tuple[str, ...]) -> str:
        if path and path[-1] == "quote":
            return self.quote("user" if any("human" in name or "user" in name for name in path) else "assistant")
        return self.phrase()
