"""Masking a whole conversation: the same thing gets the same placeholder wherever it occurs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wildvalues.params import Redact
from wildvalues.redaction import addresses, birth_dates, national, numbers, persons, secrets, usernames
from wildvalues.redaction.spans import PLACEHOLDER, Span, settle
from wildvalues.redaction.views import View, view

_WORDS = {"url_credentials": "CREDENTIALS"}
# Kinds found by the words before them, which are not there when the other side repeats the thing.
_REPEATED = frozenset({"username", "api_key", "url_credentials", "date_of_birth", "national_id"})
_SHORTEST_REPEAT = 6


@dataclass(frozen=True)
class Redaction:
    """One masked stretch: offsets in the message as it was, end exclusive."""

    message: int
    start: int
    end: int
    kind: str
    placeholder: str


@dataclass
class _Text:
    """A message being masked; `origin[i]` is where character i came from, a placeholder's all from its start."""

    text: str
    origin: list[tuple[int, int]]

    def replace(self, span: Span, placeholder: str) -> tuple[int, int]:
        start, end = self.origin[span.start][0], self.origin[span.end - 1][1]
        self.text = self.text[: span.start] + placeholder + self.text[span.end :]
        self.origin[span.start : span.end] = [(start, end)] * len(placeholder)
        return start, end


def mask(
    messages: Sequence[str], params: Redact, by_user: Sequence[bool] | None = None
) -> tuple[list[str], list[Redaction]]:
    """Mask personal data in the messages of one conversation.

    Masking what was masked changes nothing: the rules run again until they find nothing more.

    Parameters
    ----------
    messages
        Texts, in order.
    by_user
        For each text whether the user wrote it; all, when not given. The model of `redact.model` is asked about these
        only: what an assistant knows of people is public, but for what the user told, and that is masked wherever it
        occurs again.

    Returns
    -------
    masked
        The texts with placeholders such as ``[EMAIL_1]``; numbers go up in order of first occurrence.
    redactions
        What was masked, by message and offset.
    """
    texts = [_Text(message, [(i, i + 1) for i in range(len(message))]) for message in messages]
    numbering = _Numbering(messages)
    redactions: dict[tuple[int, int], Redaction] = {}
    while True:
        views = [view(text.text) for text in texts]
        found = [settle(spans, text.text) for spans, text in zip(_find(views, params, by_user), texts, strict=True)]
        if not any(found):
            break
        for index, spans in enumerate(found):
            named = [(span, numbering.placeholder(span)) for span in spans]
            for span, placeholder in reversed(named):
                start, end = texts[index].replace(span, placeholder)
                redactions[index, start] = Redaction(index, start, end, span.kind, placeholder)
    return [text.text for text in texts], [redactions[key] for key in sorted(redactions)]


def _find(views: Sequence[View], params: Redact, by_user: Sequence[bool] | None) -> list[list[Span]]:
    kinds = set(params.kinds)
    told = by_user if by_user is not None else [True] * len(views)
    recognised = [_recognised(seen, params) if own else [] for seen, own in zip(views, told, strict=True)]
    names = persons.names_in(views) if "person" in kinds else []
    names += sorted(
        {
            seen.between(one)
            for seen, ones in zip(views, recognised, strict=True)
            for one in ones
            if one.kind == "person"
        }
        - set(names)
    )
    found = []
    for seen, entities in zip(views, recognised, strict=True):
        spans: list[Span] = list(entities)
        for kind, rule in (
            ("email", secrets.emails),
            ("url_credentials", secrets.url_credentials),
            ("api_key", secrets.api_keys),
            ("card", numbers.cards),
            ("iban", numbers.ibans),
            ("ip", numbers.ip_addresses),
            ("national_id", national.national_ids),
            ("address", addresses.addresses),
            ("username", usernames.usernames),
            ("date_of_birth", birth_dates.birth_dates),
        ):
            if kind in kinds:
                spans += rule(seen)
        taken = [(span.start, span.end) for span in spans]
        if "phone" in kinds:
            # A card or an account number holds digits that make a telephone number somewhere.
            phones = numbers.phones(seen, params.regions)
            spans += [span for span in phones if not any(a < span.end and span.start < b for a, b in taken)]
        spans += persons.occurrences(seen, names)
        found.append(spans)
    return _with_repeats(views, found)


def _recognised(seen: View, params: Redact) -> list[Span]:
    """Return what the model of `redact.model` finds in one message."""
    if params.model is None:
        return []
    from wildvalues.redaction.named_entities import entities

    found = [one for one in entities(seen.text, params.model) if one.kind in params.kinds]
    return [seen.span(one.start, one.end, one.kind, seen.text[one.start : one.end].casefold()) for one in found]


def _with_repeats(views: Sequence[View], found: list[list[Span]]) -> list[list[Span]]:
    """Add what stands elsewhere in the conversation just as it was found: a password, repeated without "password"."""
    repeated = {
        text: span
        for seen, spans in zip(views, found, strict=True)
        for span in spans
        if span.kind in _REPEATED and len(text := seen.between(span)) >= _SHORTEST_REPEAT and not text.isalpha()
    }
    for seen, spans in zip(views, found, strict=True):
        for text, span in repeated.items():
            for match in re.finditer(rf"(?<!\w){re.escape(text)}(?!\w)", seen.text, re.I):
                spans.append(seen.span(*match.span(), span.kind, span.key))
    return found


class _Numbering:
    """Numbers of placeholders, from 1 for each kind, past those that stand in the text already."""

    def __init__(self, messages: Sequence[str]) -> None:
        self._last: dict[str, int] = {}
        self._given: dict[tuple[str, str], str] = {}
        for message in messages:
            for match in PLACEHOLDER.finditer(message):
                word, number = match[0].strip("[]").rsplit("_", 1)
                # A number of a hundred digits is somebody's joke, not a placeholder to count on from.
                self._last[word] = max(self._last.get(word, 0), int(number[:9]))

    def placeholder(self, span: Span) -> str:
        """Return the placeholder of a finding."""
        key = (span.kind, self._person(span.key) if span.kind == "person" else span.key)
        if key not in self._given:
            word = _WORDS.get(span.kind, span.kind.upper())
            self._last[word] = self._last.get(word, 0) + 1
            self._given[key] = f"[{word}_{self._last[word]}]"
        return self._given[key]

    def _person(self, name: str) -> str:
        """Return the longest name so far of which this one is a part, or that is a part of this one."""
        parts = set(re.split(r"\s", name))
        for kind, known in self._given:
            others = set(re.split(r"\s", known)) if kind == "person" else set()
            if others and (parts <= others or others <= parts):
                return known
        return name
