"""Names of people, found by the words around them, in the languages the demo corpus and common logs are in.

Policy: a name is masked when the text says that it is somebody's name (an introduction, a signature, a title, a
relation, an e-mail address made of it) - and then wherever it occurs in the conversation. A name without such a cue
stays: people in the news, authors and characters are what a question is about, not whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wildvalues.redaction.name_cues import (
    FULL,
    NO_TITLE,
    PATTERNS,
    TITLE,
    TWO,
    TYPED_CUE,
    TYPED_END,
    TYPED_TITLE,
    UNSPACED,
)
from wildvalues.redaction.names import GIVEN_NAMES, NEVER_NAMES, WORDS_TOO
from wildvalues.redaction.secrets import emails_in
from wildvalues.redaction.spans import PLACEHOLDER, Span
from wildvalues.redaction.views import View


def names_in(views: Iterable[View]) -> list[str]:
    """Return the names that a cue says are somebody's, longest first."""
    found: set[str] = set()
    for view in views:
        for pattern, must_look in PATTERNS:
            for match in pattern.finditer(view.text):
                name = _clean(match["name"])
                if name and (not must_look or _looks(name)):
                    found.add(name)
        for match in TYPED_CUE.finditer(view.text):
            name = TYPED_END.sub("", match["name"])
            words = [word for word in name.split() if word.casefold() not in NEVER_NAMES]
            if words and name.startswith(words[0]) and words[0].casefold() not in WORDS_TOO:
                found.add(" ".join(words))
        for match in TYPED_TITLE.finditer(view.text):
            if match["name"] not in NEVER_NAMES | NO_TITLE:
                found.add(match["name"])
        found.update(_by_mail(view))
    return sorted(found, key=lambda name: (-len(name), name))


def _clean(name: str) -> str:
    """Cut a name off where ordinary words begin; nothing is left of what is no name."""
    words: list[str] = []
    for word in name.split(" "):
        plain = word.casefold().rstrip(".")
        if not words and TITLE.fullmatch(word):
            continue
        if plain in NEVER_NAMES and not (plain in WORDS_TOO and word[0].isupper()):
            break
        words.append(word)
    while words and (words[-1].islower() or not words[-1].strip(".'’-")):
        words.pop()
    cleaned = " ".join(words).rstrip("'’").removesuffix("'s").removesuffix("’s")
    return cleaned.rstrip(".") if len(cleaned.rstrip(".")) > 1 and not PLACEHOLDER.search(cleaned) else ""


def _looks(name: str) -> bool:
    words = name.split()
    return words[0].casefold() in GIVEN_NAMES


def _by_mail(view: View) -> Iterator[str]:
    """Two capitalised words near an e-mail address that is made of one of them."""
    for start, end, address in emails_in(view.text):
        local = re.sub(r"[^a-z]", "", address.partition("@")[0])
        around = view.text[max(0, start - 200) : end + 200]
        for match in re.finditer(rf"(?<!\w)(?={TWO})(?P<name>{FULL})(?!\w)", around):
            name = _clean(match["name"])
            parts = [re.sub(r"[^a-z]", "", part.casefold()) for part in re.split(r"[\s-]", name)]
            if len(parts) > 1 and any(len(part) > 2 and part in local for part in parts):
                yield name


def occurrences(view: View, names: Iterable[str]) -> Iterator[Span]:
    """Every occurrence of the names and of their parts, as whole words.

    A part that is also a word ("May", "Will") counts only with a capital in the middle of a sentence.
    """
    text = view.text
    for name in names:
        whole = re.escape(name) if UNSPACED.search(name) else rf"(?<!\w){re.escape(name)}(?!\w)"
        for match in re.finditer(whole, text, re.I if not name.islower() else 0):
            if _same_case(match[0], name):
                yield view.span(*match.span(), "person", name.casefold())
        words = name.split()
        for word in words if len(words) > 1 else ():
            if len(word) < 3 or word in NEVER_NAMES:
                continue
            for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text):
                if word.casefold() in WORDS_TOO and starts_sentence(text, match.start()):
                    continue
                yield view.span(*match.span(), "person", name.casefold())
        if name.islower() and name.isascii():
            for match in re.finditer(rf"(?<!\w){re.escape(name.title())}(?!\w)", text):
                yield view.span(*match.span(), "person", name)


def _same_case(found: str, name: str) -> bool:
    # "Rose Will" typed as "rose will" is a sentence about a flower; a longer name in lower case is the name.
    return found == name or found.isupper() or (len(name.split()) > 1 and name.casefold().split()[0] not in WORDS_TOO)


def starts_sentence(text: str, start: int) -> bool:
    """Say whether a capital at `start` may be there only because a sentence, a line or a quotation begins."""
    before = text[:start].rstrip(" \"'“‘(*_")
    return not before or before[-1] in ".!?\n:"
