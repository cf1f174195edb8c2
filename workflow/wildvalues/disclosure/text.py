"""Which names may be shown: no trace of an identifier, no text of a value that is itself withheld."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Longest value name, in words, that is looked for inside cluster names and descriptions.
LONGEST_PHRASE = 12
LONGEST_NAME = 120
LONGEST_DESCRIPTION = 1_000

_MASKED = (
    "person|email|phone|card|iban|ip|url_credentials|credentials|url|api_key|national_id|address|username|date_of_birth"
    "|name|user|date"
)
# Four digits, however set apart, could be a number of a person or a place; years fall under it too.
_DIGITS = re.compile(r"\d(?:[\s().,:/+-]{0,3}\d){3}")
_IDENTIFIERS = re.compile(
    r"\S@\S"  # e-mail
    r"|(?:^|\s)@\w"  # handle
    r"|https?:|www\.|\b[\w-]+\.(?:com|net|org|io|dev|edu|gov|co\.\w\w)\b"  # address of a site
    rf"|[\[<({{]\s*(?:{_MASKED})(?:[_ ]?\d+)?\s*[\]>)}}]"  # what redaction put in place, such as [PERSON_1]
    rf"|\b(?:{_MASKED})[_ ]\d+\b"
    r"|[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]",  # control and invisible characters
    re.IGNORECASE,
)


def may_be_shown(text: str, *, longest: int = LONGEST_NAME) -> bool:
    """Whether a value, a task or a cluster's name or description bears no trace of an identifier."""
    return len(text) <= longest and not _DIGITS.search(text) and not _IDENTIFIERS.search(text)


def label_may_be_shown(text: str) -> bool:
    """Whether the name of a model, a language or a week bears no identifier; there digits are versions and dates."""
    return len(text) <= LONGEST_NAME and not _IDENTIFIERS.search(text)


def phrases(text: str) -> set[str]:
    """Return all runs of up to `LONGEST_PHRASE` words of a text, case-folded and without punctuation."""
    words = _words(text)
    return {
        " ".join(words[start:end])
        for start in range(len(words))
        for end in range(start + 1, min(start + LONGEST_PHRASE, len(words)) + 1)
    }


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


class Withheld:
    """The texts of withheld values, to be kept out of the names and descriptions of clusters.

    A withheld value whose words also occur in a published one ("care" in "patient care") gives nothing away.
    """

    def __init__(self, withheld: Iterable[str], published: Iterable[str]) -> None:
        known = {phrase for value in published for phrase in phrases(value)}
        self._texts = {text for value in withheld if (text := " ".join(_words(value)))} - known

    def occurs_in(self, text: str) -> bool:
        """Whether `text` contains the words of a withheld value."""
        return not self._texts.isdisjoint(phrases(text))
