"""Labels that fit: names of any length and script, measured in the figure's own type."""

from __future__ import annotations

import functools
import unicodedata

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

from wildvalues.figures.style import FAMILY

ELLIPSIS = "…"
_UNSET = "□"


@functools.cache
def _faces(family: str) -> tuple[FT2Font, ...]:
    """Return the upright, italic and bold face of a bundled family."""
    found = []
    for wanted in (FontProperties(), FontProperties(style="italic"), FontProperties(weight="bold")):
        wanted.set_family([family])
        font = FT2Font(font_manager.findfont(wanted, fallback_to_default=False))
        font.set_size(100, 72)
        found.append(font)
    return tuple(found)


@functools.cache
def _advance(character: str) -> float | None:
    """Width of a character in ems, or None when no bundled family has it in every face that figures use."""
    for family in FAMILY:
        faces = _faces(family)
        if all(font.get_char_index(ord(character)) for font in faces):
            return max(font.load_char(ord(character)).linearHoriAdvance / 65536 / 100 for font in faces[:2])
    return None


def plain(text: str) -> str:
    """Return `text` on one line, without control characters, with a box for what no bundled font can set."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(
        character if _advance(character) is not None else _UNSET
        for character in text
        if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Mn", "Me")
    )


def width(text: str, size: float) -> float:
    """Width of `text` in inches when set at `size` points."""
    return sum(_advance(character) or 0.6 for character in text) * size / 72


def elide(text: str, room: float, size: float) -> str:
    """Shorten `text` to one line of at most `room` inches, at a word's end where that keeps most of it."""
    text = plain(text)
    if width(text, size) <= room:
        return text
    while text and width(text + ELLIPSIS, size) > room:
        text = text[:-1]
    cut = text.rfind(" ")
    if cut > 0.6 * len(text):
        text = text[:cut]
    return text.rstrip(" ,;:-") + ELLIPSIS


def wrap(text: str, room: float, size: float, lines: int = 2) -> str:
    """Break `text` into at most `lines` lines of `room` inches; the last one is elided."""
    rest = plain(text).split(" ")
    done: list[str] = []
    while rest and len(done) < lines - 1:
        line = rest.pop(0)
        while rest and width(f"{line} {rest[0]}", size) <= room:
            line = f"{line} {rest.pop(0)}"
        done.append(elide(line, room, size))
    if rest:
        done.append(elide(" ".join(rest), room, size))
    return "\n".join(done)
