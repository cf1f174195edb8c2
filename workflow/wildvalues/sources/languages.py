"""The language of a conversation as an ISO 639-1 code: from the log's word, else from the text."""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import Any

import yaml

# A tag such as en-US or zh_Hant: the language is what stands before the region or script.
_TAG = re.compile(r"([a-z]{2})(?:[-_][a-z0-9]{2,8})*")
# Enough for the classifier, and no more: its time grows with the text.
_SHOWN = 2_000
# Below `_SURE` the user's words are too few (the likeliest language of "merge intervals" is Welsh), so the reply
# is read with them; below `_POSSIBLE` even that says nothing and the language stays unknown.
_SURE = 0.9
_POSSIBLE = 0.5


def code(word: str | None) -> str | None:
    """Return the ISO 639-1 code of a tag (``en-US``) or an English name (``English``), or None if it is neither."""
    if word is None:
        return None
    plain = word.strip().casefold()
    tag = _TAG.fullmatch(plain)
    return tag[1] if tag else _names().get(plain)


def detect(user: str, assistant: str) -> str | None:
    """Return the language the user writes in, or None when the text does not tell.

    Parameters
    ----------
    user
        The user's messages.
    assistant
        The assistant's messages, read only when the user's are too short to be sure of.
    """
    classify = _classifier().classify
    shown = user[:_SHOWN]
    language, probability = classify(shown)
    if probability < _SURE:
        language, probability = classify(f"{shown}\n{assistant[: _SHOWN - len(shown)]}")
    return str(language) if probability >= _POSSIBLE else None


@functools.cache
def _names() -> dict[str, str]:
    text = resources.files(__package__).joinpath("languages.yaml").read_text("utf-8")
    names: dict[str, str] = yaml.safe_load(text)
    return names


@functools.cache
def _classifier() -> Any:
    # The module's own functions do not give probabilities, hence the class.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    # Its other labels (zxx for code, wuu, gcr, ...) are no ISO 639-1 codes.
    identifier.set_languages([label for label in identifier.labels if len(label) == 2])
    return identifier
