"""Personal data written to hide is seen as a reader sees it, and masked where it stands."""

from __future__ import annotations

import unicodedata
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildvalues.params import Redact, RedactionKind
from wildvalues.redaction.masker import mask
from wildvalues.redaction.views import view

EVERY = Redact(kinds=list(get_args(RedactionKind)))
SECRETS = ["jo@example.com", "4111 1111 1111 1111", "GB82WEST12345698765432", "203.0.113.77", "+1 202 555 0147"]
CYRILLIC = str.maketrans("aceopxyisABCEHIKMOPTX", "асеорхуіѕАВСЕНІКМОРТХ")


def styled(text: str, style: str) -> str:
    kinds = [(str.isdigit, "DIGIT"), (str.isupper, "CAPITAL"), (str.islower, "SMALL")]
    names = {char: next((f"{style} {kind}" for is_, kind in kinds if is_(char)), "") for char in text}
    return "".join(
        unicodedata.lookup(f"{names[c]} {unicodedata.name(c).rpartition(' ')[2]}") if names[c] else c for c in text
    )


DISGUISES = {
    "zero-width space": lambda text: "\u200b".join(text),
    "word joiner": lambda text: "\u2060".join(text),
    "soft hyphen": lambda text: "\u00ad".join(text),
    "variation selector": lambda text: "\ufe0f".join(text),
    "struck through": lambda text: "".join(c + "\u0336" for c in text),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "bold": lambda text: styled(text, "MATHEMATICAL BOLD"),
    "look-alikes": lambda text: text.translate(CYRILLIC),
    "Arabic digits": lambda text: "".join(chr(0x660 + int(c)) if c.isdigit() else c for c in text),
    "Unicode hyphens and spaces": lambda text: text.replace(" ", "\u2009").replace("-", "\u2011"),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_disguise_neither_hides_data_nor_moves_its_place(secret: str, disguise: str) -> None:
    hidden = DISGUISES[disguise](secret)
    text = f"👩\u200d💻 naïve: {hidden} ok"
    (after,), (found,) = mask([text], EVERY)
    assert mask([secret], EVERY)[1][0].kind == found.kind
    assert text[: found.start] == "👩\u200d💻 naïve: "
    assert text[found.end :].lstrip("\u0336\ufe0f") == " ok"
    assert after == text[: found.start] + found.placeholder + text[found.end :]


@pytest.mark.parametrize(
    "text",
    [
        "Меня зовут Анна, я из Омска. Ответ: сорок два",
        "Ich wünsche dir schöne Grüße aus Köln, ça va, İstanbul'da adım",
        "हिन्दी में लिखो, كتابٌ, ภาษาไทย, e\u0301",
        "Το νυ και το ρο",
        "3½ TM™ … ① x² ≠ ½",
    ],
)
def test_honest_text_in_any_script_is_seen_as_it_is(text: str) -> None:
    seen = view(text).text
    assert [c for c in unicodedata.normalize("NFC", text) if c.isalpha()] == [c for c in seen if c.isalpha()]


def test_a_word_that_mixes_scripts_is_read_and_one_of_a_script_in_use_is_not() -> None:
    assert view("раypal and Воb").text == "paypal and Bob"
    assert view("сор told me").text == "cop told me"
    assert view("сор, это мусор").text == "сор, это мусор"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_every_character_of_a_view_knows_its_place(text: str) -> None:
    seen = view(text)
    assert len(seen.text) == len(seen.starts) == len(seen.ends)
    assert all(0 <= a < b <= len(text) for a, b in zip(seen.starts, seen.ends, strict=True))
    assert list(seen.starts) == sorted(seen.starts)


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=60))
def test_ascii_is_its_own_view(text: str) -> None:
    assert view(text).text == text
