"""Annotations that exist already - gold labels, a team's own, another tool's - as an instrument like any other.

With them everything after `extract` can be studied apart from how well a model reads conversations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wildvalues.errors import InputError
from wildvalues.llm.facets import ChoiceFacet, Item, ListFacet, PhraseFacet, Reading
from wildvalues.llm.grounding import find_quote
from wildvalues.llm.transcript import Turn, turns_of
from wildvalues.llm.types import Rejected
from wildvalues.validation.gold import read_lines

# In the gold schema `subjectivity` is a grade from 1 to 5 and `subjective` the judgement.
_KEYS = {"subjectivity": "subjective"}


class _Value(BaseModel):
    """One value of a list facet; a tool that gives no quotes may leave them out."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    value: str = Field(min_length=1)
    quote: str | None = None
    explicit: bool | None = None


@dataclass(frozen=True)
class _Line:
    where: str
    keys: Mapping[str, Any]


class Labels:
    """A file of annotations by conversation id."""

    def __init__(self, lines: Mapping[str, _Line]) -> None:
        self._lines = lines

    @property
    def ids(self) -> list[str]:
        """The labelled conversations."""
        return list(self._lines)

    def readings(
        self, conversations: pd.DataFrame, facets: Mapping[str, ListFacet | PhraseFacet | ChoiceFacet]
    ) -> dict[str, Reading | Rejected]:
        """Return what the labels say about each conversation, or that they say nothing.

        Labels are taken as given: a quote that is not in the text, as when `redact` has masked part of it, is left
        out and its value kept.

        Parameters
        ----------
        conversations
            Rows ``conversation_id`` and ``messages``.
        facets
            The declarations of the facets to read, by name.

        Raises
        ------
        InputError
            When a label does not fit its facet; names the file and line.
        """
        return {
            identity: self._reading(identity, turns_of(messages), facets)
            for identity, messages in zip(conversations["conversation_id"], conversations["messages"], strict=True)
        }

    def _reading(
        self, identity: str, turns: Sequence[Turn], facets: Mapping[str, ListFacet | PhraseFacet | ChoiceFacet]
    ) -> Reading | Rejected:
        line = self._lines.get(identity)
        if line is None:
            return Rejected("not in the labels file", "not_labelled")
        items: list[Item] = []
        for name, facet in facets.items():
            raw = line.keys.get(_KEYS.get(name, name))
            if raw is None:
                return Rejected(f"the labels file has no {_KEYS.get(name, name)} for it", "not_labelled")
            try:
                items += _items(name, facet, raw, turns)
            except ValidationError as error:
                problem = error.errors()[0]
                found = ".".join(str(part) for part in problem["loc"])
                raise InputError(f"{line.where}: {name}: {found}: {problem['msg']}; {_FORM}") from None
            except ValueError as error:
                raise InputError(f"{line.where}: {name}: {error}; {_FORM}") from None
        return Reading(tuple(items), 0)


_FORM = "see data/demo/gold.jsonl for the form of a label"


def read_labels(path: Path) -> Labels:
    """Read a JSON Lines file of annotations, or all ``*.jsonl`` files of a folder.

    Raises
    ------
    InputError
        When there is no such file, or a line is no labelled conversation, or labels one a second time.
    """
    found: dict[str, _Line] = {}
    for where, raw in read_lines(path, "instruments.labels"):
        identity = raw.get("conversation_id") if isinstance(raw, dict) else None
        if not isinstance(identity, str) or not identity:
            raise InputError(f"{where}: expected an object with a conversation_id; {_FORM}")
        if identity in found:
            raise InputError(f"{where}: conversation {identity!r} is labelled a second time; keep one line")
        found[identity] = _Line(where, raw)
    return Labels(found)


def _items(name: str, facet: ListFacet | PhraseFacet | ChoiceFacet, raw: Any, turns: Sequence[Turn]) -> list[Item]:
    if isinstance(facet, ListFacet):
        return _values(name, facet, raw, turns)
    if isinstance(facet, ChoiceFacet):
        return [Item(name, 0, _option(facet, raw))]
    if not isinstance(raw, str):
        raise ValueError(f"expected a phrase, found {raw!r}")
    return [Item(name, 0, _spelled(raw) or None)]


def _values(name: str, facet: ListFacet, raw: Any, turns: Sequence[Turn]) -> list[Item]:
    if not isinstance(raw, list):
        raise ValueError(f"expected a list of values, found {raw!r}")
    texts = [turn.text for turn in turns if turn.role == facet.speaker]
    items: dict[str, Item] = {}
    for entry in raw:
        given = _Value.model_validate(entry)
        label = _spelled(given.value)
        if label and label not in items:
            quote = None if given.quote is None else find_quote(given.quote, texts)
            items[label] = Item(name, len(items), label, quote, given.explicit if facet.explicit else None)
    return list(items.values()) or [Item(name, 0, None)]


def _option(facet: ChoiceFacet, raw: Any) -> str:
    """Return the option a label names; true and false stand for the first and the second of two."""
    options = list(facet.options)
    if isinstance(raw, bool) and len(options) == 2:
        return options[0] if raw else options[1]
    if raw not in options:
        raise ValueError(f"found {raw!r}; allowed are {', '.join(options)}")
    return str(raw)


def _spelled(text: str) -> str:
    """Return a name or phrase in the spelling that a model's are given."""
    return " ".join(text.split()).strip(" .").lower()
