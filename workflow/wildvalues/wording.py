"""How numbers, facets and response types are written wherever a reader meets them: figures, captions, paper."""

from __future__ import annotations

import math
from collections.abc import Sequence

FACETS = {
    "subjectivity": "subjectivity filter",
    "ai_values": "AI values",
    "human_values": "human values",
    "task": "tasks",
    "response_type": "response types",
    "model": "models",
    "language": "languages",
    "week": "weeks",
}
NOT_KNOWN = "–"


def words(identifier: str) -> str:
    """Write an identifier as words: ``strong_support`` -> ``strong support``."""
    return identifier.replace("_", " ")


def facet_words(facet: str) -> str:
    """Name a facet in the plural."""
    return FACETS.get(facet, words(facet))


def count(number: float | None) -> str:
    """Write a whole number with thin groups of three; a missing one as a dash."""
    if number is None or not math.isfinite(number):
        return NOT_KNOWN
    return f"{round(number):,}"


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share as a percentage without the sign; a missing one as a dash."""
    if share is None or not math.isfinite(share):
        return NOT_KNOWN
    return f"{100 * share:.{digits}f}"


def decimal(number: float | None, digits: int = 2) -> str:
    """Write a number with `digits` decimals and a true minus; a missing one as a dash."""
    if number is None or not math.isfinite(number):
        return NOT_KNOWN
    # Adding zero turns the negative zero that rounding can leave into a plain one.
    return f"{round(number, digits) + 0.0:.{digits}f}".replace("-", "−")


def plural(number: float, one: str, many: str | None = None) -> str:
    """Write a count with its noun: ``1 user``, ``1,204 users``."""
    return f"{count(number)} {one if round(number) == 1 else many or one + 's'}"


def enumeration(items: Sequence[str]) -> str:
    """Join words as prose: ``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
