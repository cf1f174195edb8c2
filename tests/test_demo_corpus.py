"""The demo corpus as it is released: well formed, as varied as its data card says, and the card up to date."""

from __future__ import annotations

import importlib.util
import json
import re
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from small_study import ROOT
from wildvalues.tables import RESPONSE_TYPES
from wildvalues.validation.planted import read_planted

DEMO = ROOT / "data" / "demo"
WHOLE = 300
KINDS_OF_DATA = {"PERSON", "EMAIL", "PHONE", "ADDRESS", "USERNAME", "DATE_OF_BIRTH"}

Lines = dict[str, dict[str, Any]]


def read(name: str) -> Lines:
    rows = [json.loads(line) for line in (DEMO / name).read_text("utf-8").splitlines()]
    found = {row["conversation_id"]: row for row in rows}
    assert len(found) == len(rows), f"{name} names a conversation twice"
    return found


@pytest.fixture(scope="module")
def corpus() -> Lines:
    return read("conversations.jsonl")


@pytest.fixture(scope="module")
def gold() -> Lines:
    return read("gold.jsonl")


@pytest.fixture(scope="module")
def whole(corpus: Lines) -> Lines:
    """The corpus, when it is complete: the first eighty conversations alone are not what the card describes."""
    if len(corpus) < WHOLE:
        pytest.skip(f"the demo corpus has {len(corpus)} conversations, fewer than {WHOLE}")
    return corpus


@pytest.fixture(scope="module")
def card() -> ModuleType:
    """The script that writes the numbers and the figure of the data card."""
    spec = importlib.util.spec_from_file_location("demo_card", ROOT / "benchmarks" / "demo_card.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said(conversation: dict[str, Any], role: str) -> list[str]:
    return [message["content"] for message in conversation["messages"] if message["role"] == role]


# --- form -------------------------------------------------------------------------------------------------


def test_user_and_assistant_alternate_and_nobody_says_nothing(corpus: Lines) -> None:
    for identity, one in corpus.items():
        roles = [message["role"] for message in one["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2), identity
        assert 1 <= len(roles) // 2 <= 8, identity
        assert all(message["content"].strip() for message in one["messages"]), identity


def test_every_conversation_says_where_it_comes_from_and_is_labelled(corpus: Lines, gold: Lines) -> None:
    assert gold.keys() == corpus.keys()
    for identity, one in corpus.items():
        assert one["source"] == "wildvalues-demo", identity
        assert all(one[key] for key in ("language", "model", "user_id", "started_at")), identity
        assert one["meta"]["context"], identity
        assert gold[identity]["language"] == one["language"], identity


@pytest.mark.parametrize("name", ["gold.jsonl", "gold_second.jsonl"])
def test_every_quote_stands_in_a_message_of_its_speaker(name: str, corpus: Lines) -> None:
    labels = read(name)
    if not labels.keys() <= corpus.keys():
        pytest.skip(f"{name} labels conversations that are not in the corpus yet")
    for identity, label in labels.items():
        for facet, role in (("ai_values", "assistant"), ("human_values", "user")):
            names = [value["value"] for value in label[facet]]
            assert len(set(names)) == len(names), f"{identity}: {facet} names a value twice"
            for value in label[facet]:
                assert any(value["quote"] in text for text in said(corpus[identity], role)), f"{identity}: {value}"
                assert value["value"] == " ".join(value["value"].split()), identity
                assert 1 <= len(value["value"].split()) <= 4, f"{identity}: {value['value']}"


def test_labels_keep_to_the_guide(gold: Lines) -> None:
    for identity, label in gold.items():
        assert label["response_type"] in RESPONSE_TYPES, identity
        assert 1 <= label["subjectivity"] <= 5, identity
        assert label["subjective"] is (label["subjectivity"] > 2) or label["subjectivity"] in (2, 3), identity
        assert 2 <= len(label["task"].split()) <= 8, identity
        if not label["subjective"]:
            assert label["response_type"] == "no_values", identity
            assert label["human_values"] == [], identity


# --- what the card promises -------------------------------------------------------------------------------


def test_it_is_large_and_varied_enough_to_study(whole: Lines) -> None:
    assert len(whole) >= 360
    assert len({one["meta"]["context"] for one in whole.values()}) >= 20
    languages = Counter(one["language"] for one in whole.values())
    assert len(languages) >= 6
    assert 0.75 <= languages["en"] / len(whole) <= 0.88
    assert set(Counter(one["model"] for one in whole.values())) == {"aster-1", "birch-2", "cedar-1"}
    users = Counter(one["user_id"] for one in whole.values())
    assert len(users) == 60
    # Uneven activity: the busiest tenth of the users has a quarter or more of the conversations.
    assert sum(count for _, count in users.most_common(6)) >= 0.25 * len(whole)
    assert {one["started_at"][:10] for one in whole.values()} >= {"2026-03-02", "2026-03-29"}
    lengths = Counter(len(one["messages"]) // 2 for one in whole.values())
    assert lengths[1] > lengths[2] > lengths[3]
    assert max(lengths) == 8


def test_about_half_of_it_is_subjective_and_every_response_type_occurs(whole: Lines, gold: Lines) -> None:
    subjective = [label for label in gold.values() if label["subjective"]]
    assert 0.4 <= len(subjective) / len(whole) <= 0.55
    assert {label["response_type"] for label in subjective} == set(RESPONSE_TYPES)
    assert 2 <= sum(len(label["ai_values"]) for label in subjective) / len(subjective) <= 6


def test_personal_data_are_labelled_where_they_stand(whole: Lines, gold: Lines) -> None:
    with_data = {identity: label["pii"] for identity, label in gold.items() if label["pii"]}
    assert len(with_data) >= 40
    for identity, spans in with_data.items():
        for span in spans:
            assert span["type"] in KINDS_OF_DATA, identity
            assert span["text"] in whole[identity]["messages"][span["message"]]["content"], f"{identity}: {span}"
    # Addresses and numbers that belong to nobody: domains and ranges set aside for examples.
    for identity, one in whole.items():
        text = "\n".join(message["content"] for message in one["messages"])
        for domain in re.findall(r"[\w.+-]+@([\w-]+\.[\w.-]*\w)", text):
            assert re.fullmatch(r"(.*\.)?example\.\w+|.*\.(example|test|invalid)", domain), f"{identity}: {domain}"


def test_a_dozen_users_address_whoever_labels_the_log_and_are_not_obeyed(
    whole: Lines, gold: Lines, card: ModuleType
) -> None:
    injected = card.Corpus(DEMO).injected()
    assert len(injected) >= 12
    for identity in injected:
        asked = " ".join(said(whole[identity], "user"))
        for value in gold[identity]["ai_values"]:
            assert value["value"] not in re.findall(r"[\"'«“]([\w -]+)[\"'»”]", asked), identity


def test_conversations_and_replies_begin_in_ways_of_their_own(whole: Lines) -> None:
    # A refusal may be worded twice as another was, as in logs.
    for role, most in (("user", 1), ("assistant", 3)):
        opening = Counter(" ".join(said(one, role)[0].casefold().split()[:6]) for one in whole.values())
        shared = {words: count for words, count in opening.items() if count > most and len(words.split()) == 6}
        assert not shared, shared


def test_planted_values_and_models_are_in_the_labels(whole: Lines, gold: Lines) -> None:
    ai = {value["value"] for label in gold.values() for value in label["ai_values"]}
    human = {value["value"] for label in gold.values() for value in label["human_values"]}
    contexts = {one["meta"]["context"] for one in whole.values()}
    models = {one["model"] for one in whole.values()}
    known = {"resisted": human, "mirrored": ai & human, "not_mirrored": ai & human, "model": models}
    for planted in read_planted(DEMO / "planted.csv"):
        assert planted.what in known.get(planted.kind, ai), planted
        assert planted.kind != "association" or planted.where in contexts, planted


# --- the card ---------------------------------------------------------------------------------------------


def block(page: str, name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert found, f"no block {name}"
    return found[1].rstrip("\n")


def test_the_numbers_of_the_card_are_those_of_the_corpus(whole: Lines, card: ModuleType) -> None:
    corpus = card.Corpus(DEMO)
    readme, planted = ((DEMO / name).read_text("utf-8") for name in card.PAGES)
    for page, name, lines in (
        (readme, "counts", card.counts(corpus)),
        (planted, "planted", card.planted(corpus)),
        (planted, "injections", card.injections(corpus)),
    ):
        assert block(page, name) == "\n".join(lines), f"{name}: run `python benchmarks/demo_card.py --agreement`"


def test_the_card_reports_the_second_labelling(whole: Lines) -> None:
    second = read("gold_second.jsonl")
    assert len(second) == 60
    shown = block((DEMO / "README.md").read_text("utf-8"), "agreement")
    assert "| subjective or not, kappa | 60 |" in shown
    assert "by chance" in shown


def test_the_figure_is_drawn_again_with_the_same_bytes(whole: Lines, card: ModuleType, tmp_path: Path) -> None:
    corpus = card.Corpus(DEMO)
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        with card.style.applied():
            card.save(card.draw(corpus), tmp_path / run)
    for name in ("corpus.svg", "corpus.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert (DEMO / name).exists()


def test_blocks_are_filled_and_the_rest_of_a_page_is_left_alone(card: ModuleType) -> None:
    page = "Before.\n<!-- counts -->\nold\nlines\n<!-- end -->\nBetween.\n<!-- other -->\nkept\n<!-- end -->\n"
    changed = card.filled(page, {"counts": [r"| \1 | new |"], "absent": ["nothing"]})
    assert changed == page.replace("old\nlines", r"| \1 | new |")
    assert card.filled(changed, {"counts": [r"| \1 | new |"]}) == changed
