"""Answers made up from the prompt: they fit the schema, repeat themselves, and quote the conversation."""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from collections.abc import Iterable, Sequence
from typing import Any

_TURN = re.compile(r"<(user|assistant)>\n(.*?)\n</\1>", re.DOTALL)
_KINDS = ("personal", "mutual", "practical", "honest", "careful", "creative", "shared", "lasting")
_NOUNS = ("respect", "clarity", "safety", "growth", "accuracy", "fairness", "autonomy", "kindness", "efficiency")
_WORDS_OF_A_QUOTE = 8
_MOST_ITEMS = 4


class Maker:
    """Random values that depend on conversation and question alone, not on the model or the way it was asked.

    Parameters
    ----------
    messages
        (role, text) of each message.
    sample
        Index of a repeated draw.

    Attributes
    ----------
    mark
        Hex digits that stand for the prompt.
    """

    def __init__(self, messages: Sequence[tuple[str, str]], sample: int = 0) -> None:
        text = next((content for _, content in reversed(messages) if "<conversation>" in content), None)
        if text is None:
            text = messages[-1][1]
        # Providers append how to answer to the question, each in its own way: the question is its first paragraph.
        question = messages[-1][1].partition("\n\n")[0]
        # ASCII escapes make lone surrogates hashable.
        digest = hashlib.sha256(json.dumps([text, question, sample]).encode("ascii"))
        self.mark = digest.hexdigest()[:24]
        self.random = random.Random(digest.digest())
        self._turns = _TURN.findall(text) or [("assistant", text)]
        self._asked = messages[-1][1]
        # The same conversation leans to the same kinds whatever is asked, so that facets are associated.
        lean = random.Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())
        self._nouns = lean.sample(_NOUNS, 4)

    def phrase(self) -> str:
        """Make up two words that could name a value."""
        return f"{self.random.choice(_KINDS)} {self.random.choice(self._nouns)}"

    def odds(self, options: Sequence[str]) -> dict[str, float]:
        """Make up the natural-log probability of each option."""
        weights = [self.random.expovariate(1.0) + 1e-6 for _ in options]
        total = sum(weights)
        return {option: round(math.log(weight / total), 3) for option, weight in zip(options, weights, strict=True)}

    def choice(self, options: Sequence[Any]) -> Any:
        """Choose the likeliest option; the first of equals."""
        odds = list(self.odds([str(number) for number in range(len(options))]).values())
        return options[odds.index(max(odds))]

    def quote(self, speaker: str) -> str:
        """Return a verbatim passage of a turn of `speaker`; empty when there is none."""
        texts: list[str] = [text for role, text in self._turns if role == speaker and text.split()]
        if not texts:
            return ""
        line = self.random.choice([line for line in self.random.choice(texts).split("\n") if line.split()])
        words = list(re.finditer(r"\S+", line))
        start = self.random.randrange(max(1, len(words) - _WORDS_OF_A_QUOTE + 1))
        end = min(len(words), start + _WORDS_OF_A_QUOTE)
        return line[words[start].start() : words[end - 1].end()]

    def value(self, schema: dict[str, Any], root: dict[str, Any] | None = None, path: tuple[str, ...] = ()) -> Any:
        """Make up a value for `schema`; `path` holds the property names that lead to it from `root`."""
        root = schema if root is None else root
        if "$ref" in schema:
            target = root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            return self.value(target, root, path)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.choice(schema["enum"])
        for union in ("anyOf", "oneOf"):
            if union in schema:
                # Of several forms a model takes the one whose keys the question names.
                named = [part for part in schema[union] if self._names(part.get("properties", {}))]
                chosen = named[0] if named else self.random.choice(schema[union])
                return self.value(chosen, root, path)
        kind = schema.get("type", "object")
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        if kind == "object":
            named = schema.get("properties", {})
            return {name: self.value(part, root, (*path, name)) for name, part in named.items()}
        if kind == "array":
            least = int(_limit(schema, "minItems", 0))
            most = max(least, min(int(_limit(schema, "maxItems", _MOST_ITEMS)), _MOST_ITEMS))
            return [self.value(schema["items"], root, path) for _ in range(self.random.randint(least, most))]
        if kind == "string":
            return self._string(path)[: int(_limit(schema, "maxLength", 1_000))].strip()
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind in ("integer", "number"):
            return self.random.randint(int(_limit(schema, "minimum", 0)), int(_limit(schema, "maximum", 10)))
        return None

    def _names(self, keys: Iterable[str]) -> bool:
        return any(keys) and all(f'"{key}"' in self._asked for key in keys)

    def _string(self, path: tuple[str, ...]) -> str:
        if path and path[-1] == "quote":
            return self.quote("user" if any("human" in name or "user" in name for name in path) else "assistant")
        return self.phrase()


def _limit(schema: dict[str, Any], name: str, default: float) -> float:
    """Return a limit of `schema`, also where the SDK moved it into the description for the model to read."""
    if name in schema:
        return float(schema[name])
    told = re.search(rf"\b{name}: (-?\d+)", schema.get("description", ""))
    return float(told[1]) if told else default
