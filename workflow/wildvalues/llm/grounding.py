"""Is what a model read off a conversation in it, and can it be a name? Typography may differ, words may not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from wildvalues.llm.defusing import REPLACEMENT

# Models rewrite curly quotes and dashes and lose line breaks; these are the same character for grounding.
_SAME = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
    # A bracket that was defused in the prompt (`wildvalues.llm.defusing`) is copied as the model saw it.
    | dict.fromkeys("<>[", REPLACEMENT)
)
_MIN_LETTERS = 4
# Characters that mean something to a browser, a spreadsheet, LaTeX, a shell or a template; and addresses.
_ACTIVE = re.compile(r"[<>{}\[\]\\|$=^@`~\x00-\x1f]|^\s*[+\-]|://|\bwww\.|\bjavascript:", re.IGNORECASE)
# The published study's names have one to four words. Longer ones happen; sentences are instructions or explanations.
_MOST_WORDS, _MOST_CHARS = 8, 60


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
