"""Does a quote occur in the conversation? Typography may differ, words may not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Models rewrite curly quotes and dashes and lose line breaks; these are the same character for grounding.
_SAME = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"})
_MIN_LETTERS = 4


def find_quote(quote: str, texts: Sequence[str]) -> str | None:
    """Return the passage of `texts` that `quote` copies, in the text's own characters, or None.

    Case, white space, typographic quotes and dashes are folded; a quote with fewer than four letters or digits
    proves nothing and is not accepted.
    """
    wanted = _fold(quote.strip().strip("\"'").rstrip(".…").strip())[0]
    if sum(character.isalnum() for character in wanted) < _MIN_LETTERS:
        return None
    for text in texts:
        folded, origin = _fold(text)
        start = folded.find(wanted)
        if start >= 0:
            return text[origin[start] : origin[start + len(wanted) - 1] + 1]
    return None


def _fold(text: str) -> tuple[str, list[int]]:
    """Return the folded text and, for each of its characters, the index in `text` it came from."""
    characters: list[str] = []
    origin: list[int] = []
    for index, character in enumerate(text):
        if character.isspace():
            folded = "" if characters and characters[-1] == " " else " "
        elif unicodedata.category(character) in ("Cf", "Cc"):
            folded = ""
        else:
            folded = unicodedata.normalize("NFKC", character.translate(_SAME)).casefold()
        folded = re.sub(r"\s", " ", folded)
        characters.extend(folded)
        origin.extend([index] * len(folded))
    return "".join(characters), origin
