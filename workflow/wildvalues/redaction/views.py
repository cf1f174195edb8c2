"""The view of a text that rules look at: what a reader sees, not what is encoded.

Zero-width characters, look-alikes from other scripts, wide or decorated forms and marks drawn over digits would hide a
number or a name from every pattern. A view undoes them and knows where each of its characters stands in the text.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from importlib import resources

import yaml

from wildvalues.redaction.spans import Span

# Blank or invisible, though Unicode counts them as letters, marks or symbols.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
# Marks that are set over or under any letter; the vowel signs of Indic and Arabic scripts are not among them.
_MARK = re.compile(
    r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)
_RUN = re.compile(r"\w+")


@dataclass(frozen=True)
class View:
    """A text as rules see it: character i stands in the text from `starts[i]` to `ends[i]`, end exclusive."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int, kind: str, key: str) -> Span:
        """Return a span of the view as a span of the text as it is."""
        return Span(self.starts[start], self.ends[end - 1], kind, key)

    def between(self, span: Span) -> str:
        """Return what the view shows of a span of the text."""
        return self.text[bisect_left(self.starts, span.start) : bisect_left(self.starts, span.end)]


def view(text: str) -> View:
    """Return the view of `text`.

    Invisible characters are left out, letters with marks are composed where such a letter exists and stripped of their
    marks where not, compatibility forms (wide, bold, circled) are made plain (NFKC), digits of any script become ASCII
    digits, and look-alikes of ASCII letters become those letters in a word that mixes scripts or that is written in
    look-alikes only while nothing else in the text is written in their script (UTS #39, sections 4 and 5).
    """
    if text.isascii():
        return View(text, tuple(range(len(text))), tuple(range(1, len(text) + 1)))
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    i = 0
    while i < len(text):
        end = i + 1
        while end < len(text) and (_MARK.match(text[end]) or _invisible(text[end])):
            end += 1
        marks = "".join(char for char in text[i + 1 : end] if _MARK.match(char))
        # What cannot be seen stays behind the character it follows, unless a mark does too.
        last = end if marks else i + 1
        for char in "" if _invisible(text[i]) or _MARK.match(text[i]) else _plain(text[i], marks):
            characters.append(char)
            starts.append(i)
            ends.append(last)
        i = last
    return View(_without_look_alikes("".join(characters)), tuple(starts), tuple(ends))


def _invisible(char: str) -> bool:
    return char in _BLANK or (not char.isascii() and unicodedata.category(char) == "Cf")


def _plain(char: str, marks: str) -> str:
    if char.isascii() and not marks:
        return char
    plain = unicodedata.normalize("NFKC", char)
    if len(plain) > 1 and not (plain.isalpha() and unicodedata.category(char).startswith("L")):
        plain = char  # a fraction, an ellipsis, "TM": signs, not disguised letters
    if plain.isdecimal() and not plain.isascii():
        plain = str(unicodedata.decimal(plain))
    for mark in marks if len(plain) == 1 else "":
        composed = unicodedata.normalize("NFC", plain + mark)
        plain = composed if len(composed) == 1 else plain
    return plain


@functools.cache
def _look_alikes() -> tuple[dict[int, str], frozenset[str]]:
    """Return the look-alikes of letters and digits, as a table to translate by and as a set."""
    table = {ord(char): plain for plain, chars in _confusables().items() if plain.isalnum() for char in chars}
    return table, frozenset(chr(code) for code in table)


@functools.cache
def _signs() -> dict[int, str]:
    return {ord(char): plain for plain, chars in _confusables().items() if not plain.isalnum() for char in chars}


@functools.cache
def _confusables() -> dict[str, str]:
    text = resources.files("wildvalues.redaction").joinpath("confusables.yaml").read_text("utf-8")
    return {str(plain): str(chars) for plain, chars in yaml.safe_load(text).items()}


def _without_look_alikes(text: str) -> str:
    """Return the text, as long as it is, with look-alikes read as what they stand for."""
    text = re.sub(r"(?<=\d)[–—](?=\d)", "-", text.translate(_signs()))
    table, letters = _look_alikes()
    own = {_script(char) for char in set(text) - letters if char.isalpha() and not char.isascii()}

    def read(run: re.Match[str]) -> str:
        word = run[0]
        if word.isascii():
            return word
        foreign = {char for char in word if char.isalpha() and _script(char) != "LATIN"}
        disguised = foreign <= letters and (
            any(char.isalpha() and char not in foreign for char in word)
            or any(char.isdigit() for char in word)
            or not {_script(char) for char in foreign} & own
        )
        if disguised:
            word = word.translate(table)
        if any(char.isdigit() for char in word):
            # Accents on a key or an account number are drawn there to hide it.
            word = "".join(_base(char) for char in word)
        return word

    return _RUN.sub(read, text)


def _base(char: str) -> str:
    base = unicodedata.normalize("NFD", char)[0]
    return base if base.isascii() else char


@functools.cache
def _script(char: str) -> str:
    """Return the first word of a letter's name, which is its script's in all scripts with look-alikes."""
    return "LATIN" if char.isascii() else unicodedata.name(char, "").partition(" ")[0]
