"""Annotations that exist already as an instrument: a whole study from them, no model, and labels that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from small_study import ROOT, make_study
from test_annotation import CHAIN, run_chain
from wildvalues.errors import InputError, TooManyRejectsError
from wildvalues.files import read_table
from wildvalues.instruments.labels import read_labels
from wildvalues.llm.facets import Reading, load_prompts
from wildvalues.llm.types import Rejected
from wildvalues.tables import ANNOTATIONS, REJECTS, SCREENING

FACETS = ("ai_values", "human_values", "response_type", "task")
FROM_LABELS: dict[str, Any] = {
    "screen__instrument": "labels",
    "extract__requests": [{"facets": list(FACETS), "instrument": "labels"}],
    "llm__provider": "replay",
}


def gold() -> dict[str, dict[str, Any]]:
    lines = (ROOT / "data/demo/gold.jsonl").read_text("utf-8").splitlines()
    return {label["conversation_id"]: label for label in map(json.loads, lines)}


def test_a_study_from_labels_says_what_the_labels_say_and_asks_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_chain(make_study(tmp_path, **FROM_LABELS), monkeypatch)
    labels = gold()
    screening = read_table(Path("data/interim/screening.parquet"), SCREENING.schema)
    assert len(screening) == 40
    for row in screening.itertuples():
        assert row.subjective == labels[row.conversation_id]["subjective"]
    annotations = read_table(Path("data/interim/annotations.parquet"), ANNOTATIONS.schema)
    assert set(annotations["conversation_id"]) == set(screening.loc[screening["subjective"], "conversation_id"])
    for identity, rows in annotations.groupby("conversation_id"):
        by_facet = {facet: rows.loc[rows["facet"] == facet, "label"].dropna().tolist() for facet in FACETS}
        wanted = labels[identity]
        assert by_facet["response_type"] == [wanted["response_type"]]
        assert by_facet["task"] == [wanted["task"].lower()]
        for facet in ("ai_values", "human_values"):
            assert by_facet[facet] == list(dict.fromkeys(value["value"].lower() for value in wanted[facet]))
    assert annotations.loc[annotations["facet"] == "ai_values", "explicit"].notna().any()
    metrics = json.loads(Path("results/metrics/extract.json").read_text("utf-8"))
    assert metrics["calls"] == 0
    assert metrics["decided_by_labels"] == metrics["conversations"] == screening["subjective"].sum()
    assert metrics["decided_by_model"] == 0
    assert not Path("memo").exists()


def test_another_instrument_for_one_facet_changes_no_question_about_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study(tmp_path)
    run_chain(tmp_path, monkeypatch)
    asked = sorted(answer for path in (tmp_path / "memo").glob("*.jsonl") for answer in path.read_text().splitlines())
    before = read_table(Path("data/interim/annotations.parquet"), ANNOTATIONS.schema)

    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    params["extract"]["requests"][3]["instrument"] = "labels"
    Path("params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    run_chain(tmp_path, monkeypatch, "extract")
    after = read_table(Path("data/interim/annotations.parquet"), ANNOTATIONS.schema)
    assert asked == sorted(
        answer for path in (tmp_path / "memo").glob("*.jsonl") for answer in path.read_text().splitlines()
    )
    pd.testing.assert_frame_equal(
        before[before["facet"] != "task"].reset_index(drop=True), after[after["facet"] != "task"].reset_index(drop=True)
    )
    tasks = after[after["facet"] == "task"].set_index("conversation_id")["label"]
    assert tasks.to_dict() == {identity: gold()[identity]["task"].lower() for identity in tasks.index}


def test_a_conversation_without_a_label_is_a_reject_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study(tmp_path, **FROM_LABELS, llm__max_failed_share=0.5, sample__size=None)
    labels = list(gold().values())
    kept, missing = labels[:-12], {label["conversation_id"] for label in labels[-12:]}
    without_task = next(label for label in kept if label["subjective"])
    del without_task["task"]
    (tmp_path / "data/demo/gold.jsonl").write_text("".join(json.dumps(label) + "\n" for label in kept), "utf-8")
    run_chain(tmp_path, monkeypatch)
    rejects = read_table(Path("data/interim/screen_rejects.parquet"), REJECTS.schema)
    assert set(rejects["where"]) == {f"{identity} (subjectivity)" for identity in missing}
    assert set(rejects["reason"]) == {"not in the labels file"}
    assert set(rejects["kind"]) == {"not_labelled"}
    refused = read_table(Path("data/interim/extract_rejects.parquet"), REJECTS.schema)
    assert refused["where"].tolist() == [f"{without_task['conversation_id']} ({', '.join(FACETS)})"]
    assert refused["reason"].tolist() == ["the labels file has no task for it"]


def test_a_labels_file_of_other_conversations_stops_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study(tmp_path, **FROM_LABELS)
    (tmp_path / "data/demo/gold.jsonl").write_text('{"conversation_id": "x", "subjective": true}\n', "utf-8")
    with pytest.raises(TooManyRejectsError, match=r"40 of 40 conversations got no usable answer.*not in the labels"):
        run_chain(tmp_path, monkeypatch, *CHAIN[:-1])


# --- one label --------------------------------------------------------------------------------------------

PROMPTS = load_prompts(ROOT / "workflow/prompts", ["subjectivity", *FACETS])
TURNS = [
    {"role": "user", "content": "My name is [PERSON]."},
    {"role": "assistant", "content": "Honesty  matters here."},
]


def read(tmp_path: Path, *facets: str, **label: Any) -> Reading | Rejected:
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps({"conversation_id": "a", **label}) + "\n", "utf-8")
    frame = pd.DataFrame({"conversation_id": ["a"], "messages": [TURNS]})
    return read_labels(path).readings(frame, {name: PROMPTS.facets[name] for name in facets})["a"]


def test_a_value_whose_quote_was_masked_is_kept_without_it(tmp_path: Path) -> None:
    given = [
        {"value": " Honesty. ", "quote": "honesty matters", "explicit": True},
        {"value": "honesty"},
        {"value": "privacy", "quote": "Hello Rosalind Franklin"},
    ]
    reading = read(tmp_path, "ai_values", ai_values=given)
    assert isinstance(reading, Reading)
    assert [(item.rank, item.label, item.quote, item.explicit) for item in reading.items] == [
        (0, "honesty", "Honesty  matters", True),
        (1, "privacy", None, None),
    ]


def test_a_list_without_values_is_one_item_that_says_so(tmp_path: Path) -> None:
    reading = read(tmp_path, "human_values", human_values=[])
    assert isinstance(reading, Reading)
    assert [(item.rank, item.label) for item in reading.items] == [(0, None)]


def test_subjectivity_is_taken_from_the_judgement_and_not_from_the_grade(tmp_path: Path) -> None:
    reading = read(tmp_path, "subjectivity", subjective=False, subjectivity=5)
    assert isinstance(reading, Reading)
    assert reading.items[0].label == "objective"


@pytest.mark.parametrize(
    ("facet", "value", "sentence"),
    [
        ("response_type", "support", r"labels.jsonl:1: response_type: found 'support'; allowed are strong_support"),
        ("ai_values", "honesty", r"ai_values: expected a list of values, found 'honesty'"),
        ("ai_values", [{"value": ""}], r"ai_values: value: String should have at least 1 character"),
        ("task", ["x"], r"task: expected a phrase, found \['x'\]"),
    ],
)
def test_a_label_that_does_not_fit_its_facet_is_named_by_file_and_line(
    tmp_path: Path, facet: str, value: Any, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        read(tmp_path, facet, **{facet: value})


def test_a_file_that_is_not_labels_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"conversation_id": "a"}\n{"conversation_id": "a"}\n', "utf-8")
    with pytest.raises(InputError, match=r":2: conversation 'a' is labelled a second time"):
        read_labels(path)
    path.write_text("[1]\n", "utf-8")
    with pytest.raises(InputError, match=r":1: expected an object with a conversation_id"):
        read_labels(path)
    with pytest.raises(InputError, match=r"cannot be read .*; correct instruments\.labels"):
        read_labels(tmp_path / "absent.jsonl")
