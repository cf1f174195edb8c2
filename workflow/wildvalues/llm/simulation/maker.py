"""Answers made up from the prompt: they fit the schema, repeat themselves, and quote the conversation."""

from __future__ import annotations

import functools
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
# Eight words at most, from the beginning of one.
_PASSAGE = re.compile(r"(?<!\S)\S+(?:\s+\S+){0,7}")
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
        self.random = _seeded(digest.digest())
        self._lines, self._nouns = _conversation(text)
        self._asked = messages[-1][1]

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
        lines = self._lines.get(speaker)
        if not lines:
            return ""
        line = self.random.choice(lines)
        found = _PASSAGE.search(line, self.random.randrange(len(line))) or _PASSAGE.search(line)
        return "" if found is None else found[0]

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


@functools.lru_cache(256)
def _conversation(text: str) -> tuple[dict[str, list[str]], list[str]]:
    """Return the lines of each speaker, and the kinds of value that the conversation leans to.

    They are the same whatever is asked about it, so that facets are associated.
    """
    lines: dict[str, list[str]] = {}
    for role, said in _TURN.findall(text) or [("assistant", text)]:
        lines.setdefault(role, []).extend(line for line in said.split("\n") if line.strip())
    return lines, _seeded(hashlib.sha256(text.encode("utf-8", "replace")).digest()).sample(_NOUNS, 4)


def _seeded(digest: bytes) -> random.Random:
    # An integer: bytes would be hashed once more.
    return random.Random(int.from_bytes(digest[:8], "big"))


@functools.lru_cache(1024)
def _told(description: str, name: str) -> float | None:
    told = re.search(rf"\b{name}: (-?\d+)", description)
    return None if told is None else float(told[1])


def _limit(schema: dict[str, Any], name: str, default: float) -> float:
    """Return a limit of `schema`, also where the SDK moved it into the description for the model to read."""
    if name in schema:
        return float(schema[name])
    told = _told(schema["description"], name) if "description" in schema else None
    return default if told is None else told
