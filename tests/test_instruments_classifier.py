"""The trained classifier: what it learns, where it is let decide, and the file it is kept in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import word_vectors
from small_study import ROOT
from wildvalues.calibration import anchor_conversations
from wildvalues.errors import InputError
from wildvalues.instruments import card, cascade, classifier, measuring, training
from wildvalues.instruments.classifier import HeldOut
from wildvalues.instruments.prevalence import MIN_CORPUS, adapted, shares
from wildvalues.instruments.vectors import CHUNK_CHARS, CHUNKS, Embedding, conversation_vectors, passages
from wildvalues.llm.facets import ChoiceFacet, load_prompts
from wildvalues.llm.transcript import Turn

WEIGHTS = ROOT / "workflow/instruments/default.npz"
FACETS = load_prompts(
    ROOT / "workflow/prompts", ["subjectivity", "response_type", "human_values", "ai_values", "task"]
).facets
OPTIONS = training.options_of({"subjectivity": FACETS["subjectivity"]})


def conversations(n: int = 120, sources: tuple[str, ...] = ("a", "b")) -> tuple[pd.DataFrame, dict[str, str | None]]:
    """Conversations whose label shows in their words, one in ten of them mislabelled."""
    rng = np.random.default_rng(0)
    rows, labels = [], {}
    for number in range(n):
        label = ("subjective", "objective")[int(rng.random() < 0.5)]
        words = {"subjective": "should feel wrong friend", "objective": "file table number city"}[label].split()
        said = " ".join(rng.choice([*words, "the", "it", "what", "please"], size=12))
        messages = [{"role": "user", "content": said}, {"role": "assistant", "content": f"well {said}"}]
        identity = f"c{number:03}"
        rows.append({"conversation_id": identity, "source": sources[number % len(sources)], "messages": messages})
        labels[identity] = label if rng.random() > 0.1 else "objective"
    return pd.DataFrame(rows), labels


def trained(
    monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame, labels: dict[str, str | None]
) -> classifier.Classifier:
    word_vectors.use(monkeypatch)
    examples = training.make_examples(frame, {"subjectivity": labels}, OPTIONS, "words")
    return training.train(examples, "words", [classifier.Labelled("labels.jsonl", len(labels), "0" * 64)])


# --- learning ---------------------------------------------------------------------------------------------


def test_what_shows_in_the_words_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, labels = conversations()
    found = trained(monkeypatch, frame, labels)
    new, right = conversations(200, sources=("new",))
    scores = found.scores(new)["subjectivity"]
    chosen = np.array(OPTIONS["subjectivity"])[scores.argmax(axis=1)]
    assert (chosen == np.array(list(right.values()))).mean() > 0.85
    np.testing.assert_allclose(scores.sum(axis=1), 1)


def test_equal_conversations_in_any_order_give_equal_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    frame, labels = conversations()
    classifier.save(trained(monkeypatch, frame, labels), tmp_path / "one.npz")
    shuffled = dict(reversed(labels.items()))
    classifier.save(trained(monkeypatch, frame.sample(frac=1, random_state=3), shuffled), tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_whole_sources_are_left_out_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, labels = conversations()
    assert trained(monkeypatch, frame, labels).heads["subjectivity"].held_out.across
    alone = trained(monkeypatch, frame.assign(source="a"), labels).heads["subjectivity"].held_out
    assert not alone.across
    assert len(alone.labels) == len(frame)


def test_what_was_held_out_was_not_learned_by_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, labels = conversations()
    at_random = dict(zip(labels, np.random.default_rng(1).permutation(list(labels.values())), strict=True))
    unseen = trained(monkeypatch, frame, at_random).heads["subjectivity"].held_out
    right = (unseen.probabilities.argmax(axis=1) == unseen.labels).mean()
    prevalent = np.bincount(unseen.labels).max() / len(unseen.labels)
    assert right < prevalent + 0.1


def test_what_is_only_measured_on_changes_no_coefficient(monkeypatch: pytest.MonkeyPatch) -> None:
    word_vectors.use(monkeypatch)
    frame, labels = conversations()
    new, right = conversations(80, sources=("new",))
    new = new.assign(conversation_id="new-" + new["conversation_id"])
    wrong = {f"new-{i}": {"subjective": "objective", "objective": "subjective"}[str(x)] for i, x in right.items()}
    known = training.make_examples(frame, {"subjectivity": labels}, OPTIONS, "words")
    test = training.make_examples(new, {"subjectivity": wrong}, OPTIONS, "words")
    both = training.with_test(known, test)
    alone, together = (training.train(one, "words", []).heads["subjectivity"] for one in (known, both))
    np.testing.assert_array_equal(alone.coefficients, together.coefficients)
    np.testing.assert_array_equal(alone.held_out.probabilities, together.held_out.probabilities)
    measured = measuring.across(both, "subjectivity")
    right_share = {source: adapted for source, _, _, _, adapted in measuring.by_source(measured)}
    assert right_share["a"] > 0.7 > 0.3 > right_share["new"]
    with pytest.raises(InputError, match="'c000' is to be trained on and to be measured on"):
        training.with_test(known, known)


def test_the_card_says_what_was_measured_and_how_to_repeat_it(monkeypatch: pytest.MonkeyPatch) -> None:
    word_vectors.use(monkeypatch)
    frame, labels = conversations(200)
    examples = training.make_examples(frame, {"subjectivity": labels}, OPTIONS, "words")
    files = [classifier.Labelled("mine.jsonl", 200, "a" * 64)]
    text = card.model_card(examples, training.train(examples, "words", files), "wildvalues train --labels mine.jsonl")
    reporting = int((~training.tuning_half(examples.ids)).sum())
    assert f"| known sources | {reporting} |" in text
    assert f"| new source | {reporting} |" in text
    assert "wildvalues train --labels mine.jsonl" in text
    assert f"| mine.jsonl | 200 | `{'a' * 64}` |" in text
    assert "| 0.05 | decides " in text


def test_one_source_cannot_say_how_another_would_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    word_vectors.use(monkeypatch)
    frame, labels = conversations(200, sources=("mine",))
    examples = training.make_examples(frame, {"subjectivity": labels}, OPTIONS, "words")
    with pytest.raises(InputError, match="all labelled conversations are of one source"):
        measuring.across(examples, "subjectivity")


def test_conversations_without_a_label_are_left_out_and_too_few_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    word_vectors.use(monkeypatch)
    frame, labels = conversations()
    half = {identity: label for identity, label in labels.items() if int(identity[1:]) % 2}
    examples = training.make_examples(frame, {"subjectivity": half}, OPTIONS, "words")
    assert set(examples.ids) == set(half)
    with pytest.raises(InputError, match="only 5 of 120 conversations have a label; a classifier needs at least 40"):
        training.make_examples(frame, {"subjectivity": dict(list(labels.items())[:5])}, OPTIONS, "words")


def test_labels_that_all_say_the_same_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    word_vectors.use(monkeypatch)
    frame, labels = conversations()
    with pytest.raises(InputError, match="subjectivity: the labels name fewer than two of its options"):
        training.make_examples(frame, {"subjectivity": dict.fromkeys(labels, "subjective")}, OPTIONS, "words")


# --- vectors ----------------------------------------------------------------------------------------------


def test_a_long_conversation_costs_no_more_than_its_passages() -> None:
    turns = [Turn("user", f"start {'word ' * 2_000} end"), Turn("assistant", "x" * 5_000)]
    found = passages(turns, "user")
    assert len(found) == CHUNKS
    assert found[0].startswith("start word")
    assert found[-1].endswith("end")
    assert all(len(passage) <= CHUNK_CHARS for passage in found)
    assert passages(turns, "assistant") == ["x" * CHUNK_CHARS]
    assert passages([Turn("user", " a  b\n"), Turn("user", "c")], "user") == ["a b", "c"]


def test_a_speaker_who_says_nothing_is_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    word_vectors.use(monkeypatch)
    frame = pd.DataFrame({"messages": [[{"role": "user", "content": "hello"}, {"role": "assistant", "content": " "}]]})
    (block,) = conversation_vectors(frame, "words")
    assert block.shape == (1, 2 * word_vectors.DIMENSION)
    assert np.linalg.norm(block[0, : word_vectors.DIMENSION]) == pytest.approx(1)
    assert not block[0, word_vectors.DIMENSION :].any()


# --- shares of a corpus -----------------------------------------------------------------------------------


def drawn(share: float, n: int = 2_000, prior: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Labels with the given share of option 0, and exact probabilities for the share `prior`."""
    rng = np.random.default_rng(7)
    labels = (rng.random(n) >= share).astype(int)
    x = rng.normal(np.where(labels == 0, 1.0, -1.0))
    odds = np.exp(2 * x) * prior / (1 - prior)
    return labels, np.stack([odds / (1 + odds), 1 / (1 + odds)], axis=1)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_shares_of_a_corpus_are_found_without_its_labels(share: float) -> None:
    _, probabilities = drawn(share)
    assert shares(probabilities, np.array([0.5, 0.5]))[0] == pytest.approx(share, abs=0.03)


def test_adapting_to_a_source_makes_more_of_it_right_and_keeps_probabilities() -> None:
    labels, probabilities = drawn(0.93)
    found = adapted(probabilities, np.array([0.5, 0.5]), ["a"] * len(labels))
    assert (found.argmax(axis=1) == labels).mean() > (probabilities.argmax(axis=1) == labels).mean() + 0.02
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_each_source_is_adapted_alone_and_a_small_one_is_left_as_it_is() -> None:
    _, probabilities = drawn(0.9, 100)
    prior = np.array([0.5, 0.5])
    names = ["a"] * (100 - MIN_CORPUS + 1) + ["b"] * (MIN_CORPUS - 1)
    found = adapted(probabilities, prior, names)
    np.testing.assert_array_equal(found[-MIN_CORPUS + 1 :], probabilities[-MIN_CORPUS + 1 :])
    alone = adapted(probabilities[: -MIN_CORPUS + 1], prior, names[: -MIN_CORPUS + 1])
    np.testing.assert_array_equal(found[: -MIN_CORPUS + 1], alone)


# --- where it is let decide -------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("share", [0.2, 0.5])
def test_among_what_is_decided_the_error_is_at_most_the_wanted_one(wanted: float, share: float) -> None:
    labels, probabilities = drawn(share)
    unseen = HeldOut(probabilities, labels, across=False)
    sure = cascade.decided(probabilities, cascade.thresholds(unseen, wanted))
    wrong = probabilities.argmax(axis=1) != labels
    assert 0.05 < sure.mean() < 1
    assert wrong[sure].mean() <= wanted < wrong.mean()
    more = cascade.decided(probabilities, cascade.thresholds(unseen, min(1.0, wanted + 0.05)))
    assert (more | ~sure).all()


def test_the_ends_of_the_scale_decide_everything_and_nothing() -> None:
    labels, probabilities = drawn(0.5)
    unseen = HeldOut(probabilities, labels, across=False)
    assert cascade.decided(probabilities, cascade.thresholds(unseen, 1.0)).all()
    assert not cascade.decided(probabilities, cascade.thresholds(unseen, 0.0)).any()


def test_a_few_lucky_conversations_are_no_reason_to_trust() -> None:
    labels = np.zeros(cascade.MIN_SURE - 1, dtype=int)
    unseen = HeldOut(np.tile([0.99, 0.01], (len(labels), 1)), labels, across=False)
    assert np.isinf(cascade.thresholds(unseen, 0.2)).all()


# --- the file ---------------------------------------------------------------------------------------------


def test_a_saved_classifier_says_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    frame, labels = conversations()
    before = trained(monkeypatch, frame, labels)
    classifier.save(before, tmp_path / "weights.npz")
    after = classifier.load(tmp_path / "weights.npz")
    np.testing.assert_array_equal(before.scores(frame)["subjectivity"], after.scores(frame)["subjectivity"])
    assert after.trained_on == before.trained_on
    assert after.sources == {"a": 60, "b": 60}


def test_a_file_that_is_no_classifier_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    with pytest.raises(InputError, match=r"cannot be read .*correct instruments\.weights"):
        classifier.load(path)
    for content in (b"", b"PK\x03\x04 broken", b"text"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="not weights of `wildvalues train`"):
            classifier.load(path)
    with path.open("wb") as handle:
        np.savez(handle, about=np.array(json.dumps({"format": 99, "chunk_chars": 1, "chunks": 1})))
    with pytest.raises(InputError, match="made by another version"):
        classifier.load(path)
    with path.open("wb") as handle:
        np.savez(handle, about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="not weights of"):
        classifier.load(path)


def test_vectors_of_another_model_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, labels = conversations()
    found = replace(trained(monkeypatch, frame, labels), embedding=Embedding("words", "f" * 64))
    with pytest.raises(InputError, match="trained on vectors of words with sha256 ffffffffffff, but the model of that"):
        found.scores(frame)


# --- facets it cannot read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facet", "sure_only", "sentence"),
    [
        ("ai_values", True, "the weights know human_values, response_type, subjectivity and not ai_values"),
        ("human_values", False, "it tells whether there are human_values, but cannot name them; use cascade"),
        ("task", False, "not task; read task with instrument model"),
    ],
)
def test_a_facet_that_it_cannot_read_is_named(facet: str, sure_only: bool, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        cascade.heads_for({facet: FACETS[facet]}, classifier.load(WEIGHTS), sure_only=sure_only)


def test_options_that_changed_since_training_are_refused() -> None:
    facet = FACETS["response_type"]
    assert isinstance(facet, ChoiceFacet)
    fewer = facet.model_copy(update={"options": {"yes": "", "no": ""}})
    with pytest.raises(InputError, match="response_type now has the options yes, no, but the weights were trained for"):
        cascade.heads_for({"response_type": fewer}, classifier.load(WEIGHTS), sure_only=False)


def test_a_phrase_cannot_be_learned() -> None:
    with pytest.raises(InputError, match="task: is answered with a phrase"):
        training.options_of({"task": FACETS["task"]})


# --- the weights that ship --------------------------------------------------------------------------------


def test_the_default_weights_are_small_and_say_what_they_were_trained_on() -> None:
    found = classifier.load(WEIGHTS)
    assert WEIGHTS.stat().st_size < 200_000
    assert set(found.heads) == {"subjectivity", "response_type", "human_values"}
    assert sum(labelled.conversations for labelled in found.trained_on) == sum(found.sources.values()) > 600
    assert all(len(labelled.ids_sha256) == 64 for labelled in found.trained_on)
    for name in ("subjectivity", "response_type"):
        facet = FACETS[name]
        assert isinstance(facet, ChoiceFacet)
        assert found.heads[name].options == tuple(facet.options)


def test_the_default_weights_tell_clear_cases_apart() -> None:
    facet = FACETS["subjectivity"]
    assert isinstance(facet, ChoiceFacet)
    cases = anchor_conversations(facet).assign(source="test")
    scores = classifier.load(WEIGHTS).scores(cases)["subjectivity"]
    wanted = cases["conversation_id"].str.split(":").str[1]
    chosen = np.array(list(facet.options))[scores.argmax(axis=1)]
    assert (chosen == wanted.to_numpy()).mean() >= 0.9
