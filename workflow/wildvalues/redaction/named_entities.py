"""Names and addresses by a small language model: Rampart, a token classifier of 14.7 MB that runs on the CPU.

The model (National Design Studio, CC BY 4.0) is MiniLM-L6 with 35 labels, uncased, for seven languages in Latin script.
It sees what no cue announces ("me and Jorunn moved out") and leaves most public figures alone. What it says about
numbers is not asked: rules with check digits do better there.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from wildvalues.errors import ModelError
from wildvalues.llm import models
from wildvalues.redaction.names import NEVER_NAMES
from wildvalues.redaction.persons import starts_sentence
from wildvalues.redaction.spans import PLACEHOLDER
from wildvalues.redaction.usernames import ACCOUNT_WORDS

# The context the model finds most in, by the package that ships it; 512 tokens is what it can take.
WINDOW_CHARS = 480
OVERLAP_CHARS = 64
_WINDOW_TOKENS = 510
_NAME_LABELS = frozenset({"GIVEN_NAME", "SURNAME"})
_ADDRESS_LABELS = frozenset({"BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE"})
# Mean probability of the tokens below which a name or an address is none; chosen on the half of the labelled sentences
# that is there to tune on. In lower case the model sees names in many words, and in other languages than English also
# in words whose capital only begins a sentence.
NAME_THRESHOLD = 0.55
CAPITAL_TELLS_NOTHING_THRESHOLD = 0.8
LOWER_CASE_THRESHOLD = 0.9
ADDRESS_THRESHOLD = 0.7
# Words the model takes for names.
_NO_NAMES = NEVER_NAMES | ACCOUNT_WORDS
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff '’.-]+")
# " P. Thornbury" behind a name that the model cut short.
_AFTER_INITIAL = re.compile(r"\s[A-Z]\.\s[^\W\d_a-z][\w'’-]+")


@dataclass(frozen=True)
class Entity:
    """A name or an address in a text: offsets in characters, end exclusive."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class _Token:
    """A token with its most probable label: ``O`` or an entity type without B- or I-."""

    start: int
    end: int
    label: str
    probability: float


@functools.lru_cache(maxsize=4096)
def entities(text: str, model: str) -> tuple[Entity, ...]:
    """Return the people's names and the street addresses that the model sees, in order.

    Raises
    ------
    ModelError
        When the weights cannot be had or onnxruntime is not installed.
    """
    if not any(char.isalpha() for char in text):
        return ()
    tokens = _tokens(text, _load(model))
    fixed = [match.span() for match in PLACEHOLDER.finditer(text)]
    found = [*_names(text, tokens), *_addresses(text, tokens)]
    return tuple(one for one in found if not any(start < one.end and one.start < end for start, end in fixed))


def _names(text: str, tokens: list[_Token]) -> Iterator[Entity]:
    for group in _groups(text, tokens, _NAME_LABELS, between=" -'’."):
        start, end = _whole_words(text, group[0].start, group[-1].end)
        if after := _AFTER_INITIAL.match(text, end):
            end = after.end()
        name = text[start:end]
        if len(name) < 2 or not _LATIN.fullmatch(name) or name.casefold() in _NO_NAMES:
            continue
        if name.islower() and len(name.split()) > 2:
            continue
        if name.islower():
            least = LOWER_CASE_THRESHOLD
        elif name.isupper() or (" " not in name and starts_sentence(text, start)):
            least = CAPITAL_TELLS_NOTHING_THRESHOLD
        else:
            least = NAME_THRESHOLD
        if np.mean([token.probability for token in group]) >= least:
            yield Entity(start, end, "person")


def _addresses(text: str, tokens: list[_Token]) -> Iterator[Entity]:
    """Yield stretches with a house number and a street; either alone, or a town, is no address."""
    for group in _groups(text, tokens, _ADDRESS_LABELS, between=" ,.-/\n"):
        labels = {token.label for token in group}
        if {"BUILDING_NUMBER", "STREET_NAME"} <= labels:
            street = [token.probability for token in group if token.label in ("BUILDING_NUMBER", "STREET_NAME")]
            if np.mean(street) >= ADDRESS_THRESHOLD:
                yield Entity(*_whole_words(text, group[0].start, group[-1].end), "address")


def _groups(text: str, tokens: list[_Token], labels: frozenset[str], between: str) -> Iterator[list[_Token]]:
    """Yield runs of tokens with one of the labels and at most three characters of `between` from one to the next."""
    group: list[_Token] = []
    for token in tokens:
        if token.label not in labels:
            continue
        gap = text[group[-1].end : token.start] if group else ""
        if group and (len(gap) > 3 or gap.strip(between)):
            yield group
            group = []
        group.append(token)
    if group:
        yield group


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Extend a stretch to the ends of the words it begins and ends in, less a possessive s."""
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    for possessive in ("'s", "’s"):
        if text[start:end].endswith(possessive):
            end -= 2
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return start, end


@dataclass(frozen=True)
class _Model:
    session: Any
    tokenizer: Any
    labels: tuple[str, ...]


@functools.cache
def _load(name: str) -> _Model:
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError:
        raise ModelError(
            f"redact.model: {name} needs onnxruntime, which is not installed; `pip install 'onnxruntime<1.23'`, "
            "or set redact.model to null"
        ) from None
    from tokenizers import Tokenizer

    folder = models.ensure(name)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    by_number = json.loads((folder / "config.json").read_text("utf-8"))["id2label"]
    options = onnxruntime.SessionOptions()
    # Sums over more threads come out in another order, and the last bits with them.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(folder / "onnx" / "model_q4.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return _Model(session, tokenizer, tuple(by_number[str(i)][2:] or "O" for i in range(len(by_number))))


def _tokens(text: str, model: _Model) -> list[_Token]:
    """Return the tokens of a text in order; where windows overlap, each gives its half."""
    tokens: list[_Token] = []
    for start, end, keep_from in _windows(text):
        tokens = [token for token in tokens if token.start < keep_from]
        tokens += [token for token in _classified(text[start:end], start, model) if token.start >= keep_from]
    return tokens


def _windows(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and the place from which a window's tokens count, cut between words where there are any."""
    start, keep_from = 0, 0
    while start < len(text):
        end = min(len(text), start + WINDOW_CHARS)
        if end < len(text):
            cut = max(text.rfind(" ", start + WINDOW_CHARS // 2, end), text.rfind("\n", start + WINDOW_CHARS // 2, end))
            end = cut if cut > 0 else end
        yield start, end, keep_from
        if end == len(text):
            return
        start = max(end - OVERLAP_CHARS, start + 1)
        start += next((i for i, char in enumerate(text[start:end]) if char.isspace()), 0)
        keep_from = (start + end) // 2
        while keep_from > start and text[keep_from - 1].isalnum() and text[keep_from].isalnum():
            keep_from -= 1


def _classified(window: str, offset: int, model: _Model) -> Iterator[_Token]:
    encoding = model.tokenizer.encode(window, add_special_tokens=False)
    first, last = model.tokenizer.token_to_id("[CLS]"), model.tokenizer.token_to_id("[SEP]")
    for at in range(0, len(encoding.ids), _WINDOW_TOKENS):
        ids = [first, *encoding.ids[at : at + _WINDOW_TOKENS], last]
        feed = {
            "input_ids": np.array([ids], dtype=np.int64),
            "attention_mask": np.ones((1, len(ids)), dtype=np.int64),
            "token_type_ids": np.zeros((1, len(ids)), dtype=np.int64),
        }
        known = {one.name for one in model.session.get_inputs()}
        logits = model.session.run(None, {key: value for key, value in feed.items() if key in known})[0][0]
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probabilities = odds / odds.sum(axis=-1, keepdims=True)
        for i, (start, end) in enumerate(encoding.offsets[at : at + _WINDOW_TOKENS], 1):
            best = int(probabilities[i].argmax())
            if end > start:
                yield _Token(start + offset, end + offset, model.labels[best], float(probabilities[i, best]))
