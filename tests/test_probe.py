"""Instrument `probe`: names of values from the probabilities of a model's next word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from wildvalues.errors import InputError
from wildvalues.instruments import probe
from wildvalues.instruments.naming_words import Scale, choose_names, score_names
from wildvalues.llm.facets import Reading, load_prompts
from wildvalues.llm.memo import memo_key
from wildvalues.llm.planning import settled
from wildvalues.llm.probing import probe_request, probes_of
from wildvalues.llm.transcript import Turn
from wildvalues.llm.types import ANY_WORD
from wildvalues.llm.usage import Usage
from wildvalues.params import Params

PROMPTS = Path(__file__).parents[1] / "workflow" / "prompts"
# Three names on three axes; words are placed on the same axes.
NAMES = np.eye(3, dtype=np.float32)
WORDS = {"honest": NAMES[0], "safe": NAMES[1], "kind": NAMES[2], "the": np.full(3, 3**-0.5, dtype=np.float32)}
SCALE = Scale((1, 1, 0, 0, 0, 0), (0,) * 6, (1,) * 6, 0)
EVEN = np.full(3, 1 / 3)


def scored(answers: list[dict[str, float]], *, centred: bool = True) -> np.ndarray:
    return score_names([answers], WORDS, NAMES, EVEN, SCALE, centred=centred)


def conversations(n: int) -> pd.DataFrame:
    said = [
        [
            {"role": "user", "content": f"Question {number}: shall I tell my brother the truth?"},
            {"role": "assistant", "content": f"I would tell him the truth, number {number}. Be kind when you do it."},
        ]
        for number in range(n)
    ]
    return pd.DataFrame({"conversation_id": [f"c{number:02d}" for number in range(n)], "messages": said})


def test_a_name_is_found_where_its_word_is_likelier_than_elsewhere() -> None:
    usual = {"honest": -3.0, "safe": -3.0, "kind": -3.0, "the": -1.0}
    fits = scored([usual, usual, {**usual, "safe": -1.0}])
    assert fits[2].argmax() == 1
    assert fits[2, 1] > fits[0, 1]


def test_a_word_that_the_model_always_says_names_nothing() -> None:
    fits = scored([{"honest": -0.1, "safe": -4.0}, {"honest": -0.1, "safe": -2.0}])
    assert fits[1].argmax() == 1


def test_scores_do_not_depend_on_the_order_of_the_conversations() -> None:
    answers = [{"honest": -1.0, "kind": -2.0}, {"safe": -1.0, "the": -0.5}, {"kind": -0.2, "honest": -3.0}]
    np.testing.assert_allclose(scored(answers)[[2, 0, 1]], scored([answers[2], answers[0], answers[1]]))


def test_a_name_of_the_same_meaning_gives_way_to_another_one() -> None:
    alike = np.array([[1.0, 0.95, 0.0], [0.95, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert choose_names(np.array([0.5, 0.45, 0.4]), alike, most=2, at_least=0.1, discount=0.3) == [0, 2]


def test_at_least_one_name_is_reported_and_the_unlikely_ones_are_not() -> None:
    assert choose_names(np.array([0.05, 0.04, 0.01]), np.eye(3), most=3, at_least=0.1) == [0]
    assert choose_names(np.array([0.5, 0.2, 0.01]), np.eye(3), most=3, at_least=0.1) == [0, 1]


def test_probes_of_one_conversation_share_all_that_comes_before_the_question() -> None:
    prompts = load_prompts(PROMPTS, ["ai_values", "human_values"])
    turns = [Turn("user", "hello"), Turn("assistant", "hello you")]
    made = [
        probe_request(one, turns, system="S", model="m", temperature=0, max_chars=500)
        for one in probes_of(prompts, ["ai_values", "human_values"])
    ]
    shared = {request.messages[1].content.partition("</conversation>")[0] for request in made}
    assert len(shared) == 1
    assert len({memo_key(request) for request in made}) == len(made)
    assert {request.options for request in made} == {ANY_WORD}


def test_every_reading_is_quoted_from_the_right_speaker_and_named_from_the_lexicon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WILDVALUES_MEMO", str(tmp_path))
    params = Params.model_validate({"llm": {"provider": "simulated", "replay": []}})
    prompts = load_prompts(PROMPTS, ["ai_values", "human_values"])
    frame = conversations(3)
    found = probe.readings(
        frame,
        ["ai_values", "human_values"],
        prompts,
        none_found={"human_values": frozenset({"c01"})},
        model=None,
        params=params,
        max_chars=2_000,
        stage="extract",
        usage=Usage(),
    )
    assert prompts.lexicon is not None
    for one, said in zip(frame["conversation_id"], frame["messages"], strict=True):
        reading = found["ai_values"][one]
        assert isinstance(reading, Reading)
        for item in reading.items:
            assert item.label in prompts.lexicon.names
            assert item.quote is not None
            assert item.quote in said[1]["content"]
    without = found["human_values"]["c01"]
    assert isinstance(without, Reading)
    assert [item.label for item in without.items] == [None]


def test_a_facet_without_probes_says_so() -> None:
    prompts = load_prompts(PROMPTS, ["response_type"])
    with pytest.raises(InputError, match=r"response_type\.yaml has no probes"):
        probe.readings(
            conversations(1),
            ["response_type"],
            prompts,
            none_found={},
            model=None,
            params=Params(),
            max_chars=100,
            stage="extract",
            usage=Usage(),
        )


def test_auto_probes_a_model_that_tells_its_next_words_and_asks_any_other() -> None:
    prompts = load_prompts(PROMPTS, ["ai_values", "response_type", "subjectivity", "task"])

    def chosen(facet: str, *, tells_words: bool) -> str:
        return settled([facet], "auto", prompts, tells_words=tells_words)

    assert chosen("ai_values", tells_words=True) == "probe"
    assert chosen("response_type", tells_words=True) == "classifier"
    assert chosen("subjectivity", tells_words=True) == chosen("task", tells_words=True) == "model"
    assert {chosen(facet, tells_words=False) for facet in prompts.facets} == {"model"}


def test_the_lexicon_has_a_share_for_each_facet_and_no_name_twice() -> None:
    text = (PROMPTS / "lexicon.yaml").read_text("utf-8")
    lexicon = load_prompts(PROMPTS, ["ai_values"]).lexicon
    assert lexicon is not None
    assert text.count("\n  ") - len(yaml.safe_load(text)["scale"]) == len(lexicon.names)
    assert all(len(shares) == len(lexicon.shares) for shares in lexicon.names.values())
    assert all(0 < share < 1 for shares in lexicon.names.values() for share in shares)
