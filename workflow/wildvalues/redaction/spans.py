"""What a rule finds, and the view of a text that rules look at."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

# Placeholders in a text, ours or a user's: never masked again, never part of a finding.
PLACEHOLDER = re.compile(r"\[[A-Z]+(?:_[A-Z]+)*_\d+\]")


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of text to mask: offsets in characters, end exclusive; `key` tells equal things from different ones."""

    start: int
    end: int
    kind: str
    key: str


@dataclass(frozen=True)
class View:
    """A text as rules see it: without invisible characters, with wide forms made plain.

    Zero-width characters inside a number or a name would hide it from every pattern. `offsets[i]` is where character
    i of `text` stands in the text as it is; one more entry marks the end.
    """

    text: str
    offsets: tuple[int, ...]

    def span(self, start: int, end: int, kind: str, key: str) -> Span:
        """Return a span of the view as a span of the text as it is."""
        return Span(self.offsets[start], self.offsets[end - 1] + 1, kind, key)


def view(text: str) -> View:
    """Return the view of `text`."""
    if text.isascii():
        return View(text, tuple(range(len(text) + 1)))
    characters: list[str] = []
    offsets: list[int] = []
    for i, char in enumerate(text):
        if unicodedata.category(char) == "Cf" or char in "\u034f\u115f\u1160\u3164":
            continue
        plain = unicodedata.normalize("NFKC", char)
        characters.append(plain if len(plain) == 1 else char)
        offsets.append(i)
    return View("".join(characters), (*offsets, len(text)))


def settle(spans: Iterable[Span], text: str) -> list[Span]:
    """Return the spans in order, overlapping ones joined, none touching a placeholder.

    Of joined spans the longest gives kind and key, of equally long ones the last by kind (an e-mail address inside
    a URL's credentials is one finding).
    """
    fixed = [match.span() for match in PLACEHOLDER.finditer(text)]
    joined: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.kind, span.key)):
        if span.start >= span.end or any(start < span.end and span.start < end for start, end in fixed):
            continue
        if joined and span.start < joined[-1].end:
            last = joined[-1]
            main = span if span.end - span.start >= last.end - last.start else last
            joined[-1] = Span(last.start, max(last.end, span.end), main.kind, main.key)
        else:
            joined.append(span)
    return joined
