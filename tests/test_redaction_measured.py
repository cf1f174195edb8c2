"""Redaction finds what the labelled sentences say it should, and says itself how much it misses."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from small_study import ROOT
from wildvalues.errors import InputError, ModelError
from wildvalues.files import read_json, write_table
from wildvalues.llm import models
from wildvalues.params import Params, Redact, RedactionKind
from wildvalues.redact import run
from wildvalues.redaction import named_entities
from wildvalues.redaction.masker import mask
from wildvalues.redaction.measured import measured
from wildvalues.redaction.named_entities import Entity
from wildvalues.redaction.scoring import Marked, Scores, Sentence, halves, read_labelled, score
from wildvalues.tables import CONVERSATIONS

KINDS = list(get_args(RedactionKind))
LABELLED = read_labelled(ROOT / "data" / "reference" / "personal_data.jsonl")
HAS_MODEL = importlib.util.find_spec("onnxruntime") is not None and models.place_of("rampart").is_dir()


def scored(half: str, params: Redact) -> Scores:
    sentences = dict(halves(LABELLED))[half]  # type: ignore[index]
    found = [[Marked(one.start, one.end, one.kind) for one in mask([s.text], params)[1]] for s in sentences]
    return score(sentences, found)


def test_the_labelled_sentences_are_many_and_cover_every_kind_in_both_halves() -> None:
    assert len(LABELLED) >= 300
    assert len({sentence.language for sentence in LABELLED}) >= 10
    assert sum(not sentence.spans for sentence in LABELLED) >= 100
    for _, sentences in halves(LABELLED):
        assert {span.kind for sentence in sentences for span in sentence.spans} == set(KINDS)


def test_the_recorded_figures_are_those_of_the_rules() -> None:
    scores = scored("report", Redact(kinds=KINDS))
    shown = measured(Redact(kinds=KINDS))
    assert (shown.recall, shown.precision) == (scores.overall.recall, scores.overall.precision)
    assert shown.spans == scores.overall.labelled
    assert scores.overall.precision >= 0.95


@pytest.mark.model
@pytest.mark.skipif(not HAS_MODEL, reason="needs onnxruntime and `wildvalues model get rampart`")
def test_with_the_model_nine_in_ten_are_found() -> None:
    scores = scored("report", Redact(kinds=KINDS, model="rampart"))
    assert scores.overall.recall >= 0.9
    assert scores.overall.precision >= 0.85


def test_the_recorded_figures_of_the_model_keep_the_promise() -> None:
    shown = measured(Redact(kinds=KINDS, model="rampart"))
    assert shown.recall >= 0.9
    assert shown.precision >= 0.85


def test_a_span_counts_as_found_only_when_all_of_it_is_masked() -> None:
    sentence = Sentence("ask Ann Lee, now", "en", (Marked(4, 11, "person"),))
    for spans, found, right in (
        ([Marked(4, 11, "person")], 1, 1),
        ([Marked(4, 7, "person")], 0, 1),
        ([Marked(4, 7, "person"), Marked(8, 11, "person")], 1, 2),
        ([Marked(0, 16, "person")], 1, 1),
        ([Marked(12, 16, "person")], 0, 0),
    ):
        scores = score([sentence], [spans])
        assert (scores.overall.found, scores.overall.right) == (found, right)


def test_a_tag_out_of_place_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "labelled.jsonl"
    for line in ('{"text": "<person>Ann"}', '{"text": "<person>Ann</email>"}', '{"txt": ""}', "no"):
        path.write_text(f'{{"text": "fine"}}\n{line}\n', "utf-8")
        with pytest.raises(InputError, match=":2:"):
            read_labelled(path)


def test_the_rate_of_misses_is_said_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    messages = [{"role": "user", "content": "mail jo@example.com"}]
    blank = dict.fromkeys(("language", "model", "user_id", "started_at"))
    frame = pd.DataFrame([{"conversation_id": "a", "source": "test", "messages": messages, **blank}])
    write_table(frame, tmp_path / "sample", CONVERSATIONS.schema)
    paths = {key: tmp_path / key for key in ("redacted", "redactions", "metrics")}
    with caplog.at_level(logging.INFO, logger="wildvalues"):
        run(Params(redact=Redact(kinds=["email", "person"])), sample=tmp_path / "sample", **paths)
    assert "Best effort: of " in caplog.text
    assert "not masked, by redact.kinds: phone, card" in caplog.text
    shown = measured(Redact(kinds=["email", "person"]))
    assert read_json(paths["metrics"])["recall_measured"] == round(shown.recall, 3)


@pytest.fixture
def odalys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that knows one name and one street; whatever it is asked is noted."""

    def entities(text: str, model: str) -> tuple[Entity, ...]:
        known = (("Odalys", "person"), ("Elmfold 3", "address"))
        return tuple(Entity(text.index(s), text.index(s) + len(s), kind) for s, kind in known if s in text)

    monkeypatch.setattr(named_entities, "entities", entities)


@pytest.mark.usefixtures("odalys")
def test_a_name_the_model_sees_is_masked_in_every_message_and_spelling() -> None:
    messages = ["Odalys left me at Elmfold 3", "I am sorry about ODALYS and Odalys\u200b's things"]
    assert mask(messages, Redact(model="rampart"))[0] == [
        "[PERSON_1] left me at [ADDRESS_1]",
        "I am sorry about [PERSON_1] and [PERSON_1]\u200b's things",
    ]
    assert mask(messages, Redact(model=None))[0] == messages
    assert mask(messages, Redact(model="rampart", kinds=["email"]))[0] == messages


@pytest.mark.usefixtures("odalys")
def test_the_model_is_asked_about_what_users_wrote_only() -> None:
    messages = ["Who wrote it?", "Odalys did."]
    assert mask(messages, Redact(model="rampart"), [True, False])[0] == messages


def test_without_its_runtime_the_model_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(named_entities.importlib, "import_module", absent)
    named_entities._load.cache_clear()
    named_entities.entities.cache_clear()
    with pytest.raises(ModelError, match=r"pip install 'onnxruntime<1\.23'"):
        named_entities.entities("me and Jorunn", "rampart")


@pytest.mark.parametrize("text", ["word " * 1000, "x" * 3000, "a\n" * 700, ""])
def test_windows_cover_every_character_once(text: str) -> None:
    windows = list(named_entities._windows(text))
    kept = [(at, end) for (_, end, at) in windows]
    assert all(end - start <= named_entities.WINDOW_CHARS for start, end, _ in windows)
    assert all(at <= before_end for (at, _), (_, before_end) in zip(kept[1:], kept, strict=False))
    assert (kept[0][0], kept[-1][1]) == (0, len(text)) if text else kept == []
