"""What a rule finds, and how findings that overlap become one."""

from __future__ import annotations

import re
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
