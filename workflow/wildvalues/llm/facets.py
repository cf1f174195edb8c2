"""Facets: what is asked of each conversation, read from prompt files, turned into requests and back into items.

A facet is data. Its file says what kind of answer it wants; this module knows the three kinds and nothing of any
single facet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wildvalues.errors import InputError
from wildvalues.files import sha256_text
from wildvalues.llm.grounding import as_phrase, find_quote, is_name
from wildvalues.llm.transcript import Turn, render
from wildvalues.llm.types import Answer, Message, Rejected, Request

# Options are chosen by a letter, one token each, so that their probabilities can be compared.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListItem(_File):
    """One value with the passage it was read from; `explicit` only where the facet asks for it."""

    quote: str
    value: str
    explicit: bool | None = None


class Probe(_File):
    """A question and how the model's answer begins; what it would say next is weighed (`wildvalues.llm.probing`)."""

    question: str
    opening: str


class ListFacet(_File):
    """A facet answered with a list of values, each with a verbatim quote of `speaker`."""

    kind: Literal["list"]
    question: str
    speaker: Literal["user", "assistant"]
    explicit: bool
    max_items: Annotated[int, Field(ge=1, le=20)]
    examples: Mapping[str, list[ListItem]]
    probes: Mapping[str, Probe] = {}


class PhraseFacet(_File):
    """A facet answered with one short phrase."""

    kind: Literal["phrase"]
    question: str
    max_words: Annotated[int, Field(ge=1, le=20)]
    examples: Mapping[str, str]


class ChoiceFacet(_File):
    """A facet answered with one of a closed set.

    Small models favour some options whatever the text. With ``calibrate: corpus`` the mean log-probability of each
    option over the corpus is subtracted before the best is taken; with ``calibrate: anchors`` the facet's own clear
    cases, asked in the same way, show where the boundary between its two options lies (`wildvalues.calibration`).
    """

    kind: Literal["choice"]
    question: str
    options: Mapping[str, str]
    calibrate: Literal["corpus", "anchors"] | None = None
    anchors: Mapping[str, list[list[dict[Literal["user", "assistant"], str]]]] | None = None
    examples: Mapping[str, str]


Facet = Annotated[ListFacet | PhraseFacet | ChoiceFacet, Field(discriminator="kind")]


class _FacetFile(BaseModel):
    facet: Facet


class Reader(_File):
    """What all facets share: the system prompt and the worked examples."""

    system: str
    probe_system: str = ""
    examples: Mapping[str, list[dict[Literal["user", "assistant"], str]]]

    def turns(self, example: str) -> list[Turn]:
        """Return a worked example as turns."""
        return [Turn(role, text) for turn in self.examples[example] for role, text in turn.items()]


@dataclass(frozen=True)
class Item:
    """One item read off a conversation; `rank` counts from 0 and a None `label` means that nothing was found."""

    facet: str
    rank: int
    label: str | None
    quote: str | None = None
    explicit: bool | None = None
    log_probabilities: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Reading:
    """The items of one answer, and how many values were dropped: without a quote from the text, or not a name."""

    items: tuple[Item, ...]
    ungrounded: int


class Lexicon(_File):
    """Names of values for the instrument `probe`, with the share of conversations that each fits, by facet.

    `scale` is fitted on labelled conversations; see `wildvalues.instruments.naming_words.Scale`.
    """

    scale: Mapping[str, float | list[float]]
    shares: list[str]
    names: Mapping[str, list[float]]


@dataclass(frozen=True)
class Prompts:
    """The prompt folder: `reader`, the facets by name, and the lexicon when a facet has probes."""

    reader: Reader
    facets: Mapping[str, ListFacet | PhraseFacet | ChoiceFacet]
    hashes: Mapping[str, str]
    lexicon: Lexicon | None = None


def load_prompts(folder: Path, names: Sequence[str]) -> Prompts:
    """Read ``reader.yaml`` and the files of the facets `names`.

    Raises
    ------
    InputError
        When a file is missing, is not valid, or lacks the answer to a worked example.
    """
    reader = Reader.model_validate(_parse(folder / "reader.yaml"))
    facets = {}
    for name in names:
        path = folder / f"{name}.yaml"
        try:
            facet = _FacetFile.model_validate({"facet": _parse(path)}).facet
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"][2:]) or "file"
            raise InputError(f"{path}: {where}: {first['msg']}; see workflow/prompts/README.md") from None
        missing = [example for example in reader.examples if example not in facet.examples]
        if missing:
            raise InputError(f"{path}: examples: gives no answer for {', '.join(missing)} of reader.yaml; add one")
        facets[name] = facet
    lexicon = None
    files = ["reader", *names]
    if any(isinstance(facet, ListFacet) and facet.probes for facet in facets.values()):
        lexicon = Lexicon.model_validate(_parse(folder / "lexicon.yaml"))
        files.append("lexicon")
    hashes = {name: sha256_text((folder / f"{name}.yaml").read_text("utf-8")) for name in files}
    return Prompts(reader, facets, hashes, lexicon)


def _parse(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml") if p.stem != "reader"))
        raise InputError(f"{path}: no such prompt file; facets found there: {known or 'none'}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


class Interview:
    """Asks groups of facets about conversations, one request a group, all with the same opening messages.

    The opening (system prompt and worked examples, answered for every group) and then the conversation come first
    in each request, the question last, so that a provider reads the shared part once.

    Parameters
    ----------
    groups
        Facets answered together by one request. A choice facet alone in its group is answered by
        `Provider.choose`.
    """

    def __init__(self, prompts: Prompts, groups: Sequence[Sequence[str]], *, max_chars: int) -> None:
        self._prompts = prompts
        self._groups = [tuple(group) for group in groups]
        self._max_chars = max_chars
        self._opening = self._make_opening()
        self._schemas = [
            None if self._options(facets) else json.dumps(self._schema(facets), ensure_ascii=False)
            for facets in self._groups
        ]
        self._questions = [Message("user", self._question(facets)) for facets in self._groups]
        self._shown: tuple[Sequence[Turn], Message] | None = None

    def request(self, turns: Sequence[Turn], group: int, *, model: str, temperature: float) -> Request:
        """Return the request that asks group number `group` about a conversation."""
        facets = self._groups[group]
        options = self._options(facets)
        return Request(
            model=model,
            messages=(*self._opening, self._conversation(turns), self._questions[group]),
            schema=self._schemas[group],
            options=options,
            max_tokens=8 if options else sum(self._max_tokens(name) for name in facets),
            temperature=temperature,
        )

    def _conversation(self, turns: Sequence[Turn]) -> Message:
        # Asked about by one group after another.
        if self._shown is None or self._shown[0] is not turns:
            self._shown = (turns, Message("user", render(turns, self._max_chars)))
        return self._shown[1]

    def read(self, answer: Answer, turns: Sequence[Turn], group: int, *, ground: bool) -> Reading | Rejected:
        """Turn an answer into items, or say why it cannot be used."""
        facets = self._groups[group]
        if self._options(facets):
            return Reading((self._read_choice(facets[0], answer),), 0)
        if answer.stop_reason == "max_tokens":
            return Rejected("the answer was cut off at its token limit", "truncated")
        try:
            value = json.loads(answer.text)
        except ValueError:
            return Rejected("the answer is not valid JSON", "unparsable")
        if not isinstance(value, dict) or any(name not in value for name in facets):
            return Rejected("the answer lacks a facet that was asked for", "unparsable")
        items: list[Item] = []
        ungrounded = 0
        for name in facets:
            facet = self._prompts.facets[name]
            try:
                if isinstance(facet, ListFacet):
                    found, dropped = _read_list(name, facet, value[name], turns, ground=ground)
                    items += found
                    ungrounded += dropped
                else:
                    items.append(_read_single(name, facet, value[name]))
            except (ValidationError, TypeError, ValueError):
                return Rejected(f"the answer for {name} does not fit its schema", "unparsable")
        return Reading(tuple(items), ungrounded)

    def _make_opening(self) -> tuple[Message, ...]:
        messages = [Message("system", self._prompts.reader.system)]
        for number, example in enumerate(self._prompts.reader.examples):
            messages.append(Message("user", render(self._prompts.reader.turns(example), self._max_chars)))
            for facets in self._groups:
                # The whole question once is enough among the examples; repeating it would double what is read.
                question = self._question(facets) if number == 0 else f"The same question again: {', '.join(facets)}?"
                messages.append(Message("user", question))
                messages.append(Message("assistant", self._example_answer(example, facets)))
        return tuple(messages)

    def _options(self, facets: Sequence[str]) -> tuple[str, ...] | None:
        facet = self._prompts.facets[facets[0]]
        if len(facets) > 1 or not isinstance(facet, ChoiceFacet):
            return None
        return tuple(_LETTERS[: len(facet.options)])

    def _question(self, facets: Sequence[str]) -> str:
        parts = []
        for name in facets:
            facet = self._prompts.facets[name]
            text = facet.question.strip()
            if isinstance(facet, ChoiceFacet):
                marks = self._options(facets) or ("-",) * len(facet.options)
                lines = [f"{m} {name}: {why}" for m, (name, why) in zip(marks, facet.options.items(), strict=True)]
                text += "\n" + "\n".join(lines)
            parts.append(text if len(facets) == 1 else f"{name}: {text}")
        return "\n\n".join(parts)

    def _schema(self, facets: Sequence[str]) -> dict[str, Any]:
        properties = {name: _schema_of(self._prompts.facets[name]) for name in facets}
        return {
            "type": "object",
            "properties": properties,
            "required": list(facets),
            "additionalProperties": False,
        }

    def _max_tokens(self, name: str) -> int:
        facet = self._prompts.facets[name]
        # A quote of 15 words, a name of four and the JSON around them stay under 90 tokens.
        return 90 * facet.max_items + 30 if isinstance(facet, ListFacet) else 60

    def _example_answer(self, example: str, facets: Sequence[str]) -> str:
        if self._options(facets):
            facet = self._prompts.facets[facets[0]]
            assert isinstance(facet, ChoiceFacet)
            return _LETTERS[list(facet.options).index(facet.examples[example])]
        answers = {}
        for name in facets:
            found = self._prompts.facets[name].examples[example]
            answers[name] = [item.model_dump(exclude_none=True) for item in found] if isinstance(found, list) else found
        return json.dumps(answers, ensure_ascii=False)

    def _read_choice(self, name: str, answer: Answer) -> Item:
        facet = self._prompts.facets[name]
        assert isinstance(facet, ChoiceFacet)
        label = dict(zip(_LETTERS, facet.options, strict=False))
        scores = answer.log_probabilities
        return Item(
            name,
            0,
            label[answer.text],
            log_probabilities=None if scores is None else {label[letter]: score for letter, score in scores.items()},
        )


def _schema_of(facet: ListFacet | PhraseFacet | ChoiceFacet) -> dict[str, Any]:
    if isinstance(facet, PhraseFacet):
        return {"type": "string", "maxLength": 100}
    if isinstance(facet, ChoiceFacet):
        return {"enum": list(facet.options)}
    # Quote before value: a small model names better what it has just copied.
    properties: dict[str, Any] = {
        "quote": {"type": "string", "maxLength": 160},
        "value": {"type": "string", "maxLength": 40},
    }
    if facet.explicit:
        properties["explicit"] = {"type": "boolean"}
    return {
        "type": "array",
        "maxItems": facet.max_items,
        "items": {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    }


def _read_list(
    name: str, facet: ListFacet, value: Any, turns: Sequence[Turn], *, ground: bool
) -> tuple[list[Item], int]:
    texts = [turn.text for turn in turns if turn.role == facet.speaker]
    items: list[Item] = []
    seen: set[str] = set()
    ungrounded = 0
    for raw in value[: facet.max_items]:
        entry = ListItem.model_validate(raw)
        label = " ".join(entry.value.split()).strip(" .").lower()
        quote = find_quote(entry.quote, texts)
        if (ground and quote is None) or (label and not is_name(label)):
            ungrounded += 1
            continue
        if not label or label in seen:
            continue
        seen.add(label)
        items.append(Item(name, len(items), label, quote, entry.explicit if facet.explicit else None))
    return items or [Item(name, 0, None)], ungrounded


def _read_single(name: str, facet: PhraseFacet | ChoiceFacet, value: Any) -> Item:
    text = " ".join(str(value).split()).strip(" .")
    if isinstance(facet, ChoiceFacet):
        if text not in facet.options:
            raise ValueError(text)
        return Item(name, 0, text)
    words = as_phrase(text).lower().split()[: facet.max_words]
    return Item(name, 0, " ".join(words) or None)
