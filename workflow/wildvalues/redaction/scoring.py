"""How much of labelled personal data is found: recall and precision by span, on sentences with their spans marked.

A labelled file has one JSON object a line, ``{"language": "de", "text": "ich bin <person>Swantje</person>"}``: a span
stands between tags of its kind. Half of the sentences, chosen by a hash of their text, may be looked at to improve the
rules (`tune`); figures are reported on the other half (`report`), whose misses nobody should read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from wildvalues.errors import InputError
from wildvalues.params import RedactionKind

Half = Literal["tune", "report"]
_TAG = re.compile(rf"<(/?)({'|'.join(get_args(RedactionKind))})>")


@dataclass(frozen=True)
class Marked:
    """A stretch of personal data in a sentence: offsets in characters, end exclusive."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Sentence:
    """A labelled sentence; none of its text is personal data but the spans."""

    text: str
    language: str
    spans: tuple[Marked, ...]

    @property
    def half(self) -> Half:
        """The half a sentence belongs to: by the first bit of the sha256 of its text in UTF-8."""
        return "report" if hashlib.sha256(self.text.encode()).digest()[0] >= 128 else "tune"


@dataclass
class Score:
    """Counts of spans: of those labelled, how many were found; of those masked, how many were right."""

    labelled: int = 0
    found: int = 0
    same_kind: int = 0
    masked: int = 0
    right: int = 0

    @property
    def recall(self) -> float:
        """Share of labelled spans of which every letter and digit is masked; 1 when there are none."""
        return self.found / self.labelled if self.labelled else 1.0

    @property
    def precision(self) -> float:
        """Share of masked spans with at least half of their letters and digits in labelled spans; 1 without any."""
        return self.right / self.masked if self.masked else 1.0


@dataclass
class Scores:
    """Scores over all kinds and for each; `missed` and `wrong` are stretches of text, for those who tune."""

    overall: Score = field(default_factory=Score)
    by_kind: dict[str, Score] = field(default_factory=lambda: {kind: Score() for kind in get_args(RedactionKind)})
    missed: list[tuple[str, str, str]] = field(default_factory=list)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)


def read_labelled(path: Path) -> list[Sentence]:
    """Read a labelled file.

    Raises
    ------
    InputError
        When a line is no JSON object with a text, or a tag is not closed by its like.
    """
    sentences = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
            marked, language = row["text"], str(row.get("language", ""))
            sentences.append(_sentence(marked, language, where))
        except (ValueError, TypeError, KeyError):
            raise InputError(f'{where}: expected {{"language": ..., "text": ...}}, found {line[:40]!r}') from None
    return sentences


def _sentence(marked: str, language: str, where: str) -> Sentence:
    plain, spans = "", []
    at, opened = 0, ""
    start = 0
    for tag in _TAG.finditer(marked):
        plain += marked[at : tag.start()]
        at = tag.end()
        closes, kind = bool(tag[1]), tag[2]
        if closes != bool(opened) or (closes and kind != opened):
            raise InputError(
                f"{where}: {tag[0]} does not close <{opened}>; write <{kind}>...</{kind}>, none in another"
            )
        if closes:
            spans.append(Marked(start, len(plain), kind))
        start, opened = len(plain), "" if closes else kind
    if opened:
        raise InputError(f"{where}: <{opened}> is not closed; add </{opened}>")
    return Sentence(plain + marked[at:], language, tuple(spans))


def score(sentences: Sequence[Sentence], masked: Iterable[Sequence[Marked]]) -> Scores:
    """Compare what was masked in each sentence with its labels.

    Parameters
    ----------
    sentences
        Labelled sentences.
    masked
        For each, in the same order, the spans that were masked.
    """
    scores = Scores()
    for sentence, spans in zip(sentences, masked, strict=True):
        kinds_at = {i: span.kind for span in spans for i in _telling(sentence.text, span)}
        labelled_at = {i for span in sentence.spans for i in _telling(sentence.text, span)}
        for span in sentence.spans:
            inside = _telling(sentence.text, span)
            kinds = Counter(kinds_at.get(i, "") for i in inside)
            found = "" not in kinds
            for count in (scores.overall, scores.by_kind[span.kind]):
                count.labelled += 1
                count.found += found
                count.same_kind += found and kinds.most_common(1)[0][0] == span.kind
            if not found:
                scores.missed.append((span.kind, sentence.text[span.start : span.end], sentence.text))
        for span in spans:
            inside = _telling(sentence.text, span)
            right = 2 * sum(i in labelled_at for i in inside) >= len(inside)
            for count in (scores.overall, scores.by_kind[span.kind]):
                count.masked += 1
                count.right += right
            if not right:
                scores.wrong.append((span.kind, sentence.text[span.start : span.end], sentence.text))
    return scores


def _telling(text: str, span: Marked) -> list[int]:
    """Return the places of letters and digits; whether a comma is masked tells nothing."""
    return [i for i in range(span.start, span.end) if text[i].isalnum()]


def halves(sentences: Iterable[Sentence]) -> Iterator[tuple[Half, list[Sentence]]]:
    """Yield the two halves, `tune` first."""
    kept = list(sentences)
    for half in get_args(Half):
        yield half, [sentence for sentence in kept if sentence.half == half]
