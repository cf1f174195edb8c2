"""Is what a model read off a conversation in it, and can it be a name? Typography may differ, words may not."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wildvalues.llm.defusing import REPLACEMENT

# Models rewrite curly quotes and dashes and lose line breaks; these are the same character for grounding.
_SAME = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
    # A bracket that was defused in the prompt (`wildvalues.llm.defusing`) is copied as the model saw it.
    | dict.fromkeys("<>[", REPLACEMENT)
)
# White space that is not folded yet. No character folds to it.
_GAP = "\0"
_MIN_LETTERS = 4
# Characters that mean something to a browser, a spreadsheet, LaTeX, a shell or a template; and what makes an address.
_ACTIVE = re.compile(r"[<>{}\[\]\\|$=^@`~\x00-\x1f]|^\s*[+\-]|://|(?<=\w)\.(?=[a-z]{2})|\bjavascript:", re.IGNORECASE)
# The published study's names have one to four words. Longer ones happen; sentences are instructions or explanations.
_MOST_WORDS, _MOST_CHARS = 8, 60


def find_quote(quote: str, texts: Sequence[str]) -> str | None:
    """Return the passage of `texts` that `quote` copies, in the text's own characters, or None.

    Case, white space, typographic quotes and dashes are folded; a quote with fewer than four letters or digits
    proves nothing and is not accepted.
    """
    wanted = _fold(quote.strip().strip("\"'").rstrip(".…").strip())
    if sum(map(str.isalnum, wanted)) < _MIN_LETTERS:
        return None
    for text in texts:
        start = _fold(text).find(wanted)
        if start >= 0:
            first, last = _origin(text, start), _origin(text, start + len(wanted) - 1)
            return text[first : last + 1]
    return None


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a value: a few words, with no character that is code somewhere.

    Instructions in a conversation may make a model answer anything. What is no name never becomes a label, so it
    reaches no table, page or paper.
    """
    return (
        any(character.isalpha() for character in text)
        and len(text) <= _MOST_CHARS
        and len(text.split()) <= _MOST_WORDS
        and not _ACTIVE.search(text)
    )


def as_phrase(text: str) -> str:
    """Return a phrase (a task) with a space for every character that is code somewhere."""
    while found := _ACTIVE.search(text):
        text = f"{text[: found.start()]} {text[found.end() :]}"
    return " ".join(text.split())


class _Folded(dict[int, str]):
    """What each character is folded to, alone; white space becomes `_GAP`. Filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character.isspace():
            folded = _GAP
        elif unicodedata.category(character) in ("Cf", "Cc"):
            folded = ""
        else:
            folded = re.sub(r"\s", " ", unicodedata.normalize("NFKC", character.translate(_SAME)).casefold())
        self[code] = folded
        return folded


_FOLDED = _Folded()


# The quotes of one conversation come in a row, so a few texts suffice.
@functools.lru_cache(maxsize=64)
def _fold(text: str) -> str:
    """Return the folded text: a row of white space is one space."""
    folded = text.translate(_FOLDED)
    while _GAP + _GAP in folded:
        folded = folded.replace(_GAP + _GAP, _GAP)
    return folded.replace(f" {_GAP}", " ").replace(_GAP, " ")


class _Widths(dict[int, str]):
    """The number of characters each one is folded to, as a character; white space and odd ones have marks."""

    def __missing__(self, code: int) -> str:
        folded = _FOLDED[code]
        plain = len(folded) < _WHITE and not folded.endswith(" ")
        self[code] = chr(_WHITE if folded == _GAP else len(folded) if plain else _ODD)
        return self[code]


_WHITE, _ODD = 100, 101
_WIDTHS = _Widths()


def _origin(text: str, place: int) -> int:
    """Return the index in `text` that the character at `place` of the folded text came from."""
    ends = _ends(text)
    return int(np.searchsorted(ends, place, side="right"))


@functools.lru_cache(maxsize=64)
def _ends(text: str) -> npt.NDArray[np.int64]:
    """Return, for each character of `text`, the length of the folded text up to and with it."""
    widths = np.frombuffer(text.translate(_WIDTHS).encode("latin-1"), np.uint8)
    if _ODD in widths:
        return _ends_slowly(text)
    places = np.flatnonzero(widths)
    white = widths[places] == _WHITE
    counts = widths.astype(np.int64)
    counts[places[white]] = 1
    counts[places[1:][white[1:] & white[:-1]]] = 0
    return np.cumsum(counts)


def _ends_slowly(text: str) -> npt.NDArray[np.int64]:
    """Do the same where white space may follow what only looks like it."""
    ends: list[int] = []
    length, last = 0, ""
    for folded in map(_FOLDED.__getitem__, map(ord, text)):
        seen = "" if folded == _GAP and last == " " else folded.replace(_GAP, " ")
        length, last = length + len(seen), seen[-1:] or last
        ends.append(length)
    return np.array(ends, np.int64)
