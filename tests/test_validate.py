"""The instrument against gold labels: hand-counted agreement, nothing in common, and labels that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wildvalues import validate
from wildvalues.errors import InputError
from wildvalues.files import read_json, write_table
from wildvalues.params import Params
from wildvalues.tables import ANNOTATIONS, SCREENING
from wildvalues.validation.facets import shifted
from wildvalues.validation.gold import read_gold


def letters(names: Sequence[str]) -> np.ndarray:
    """Embed a name by its letters, so that "honest" and "honesty" are near and no model is needed."""
    vectors = np.array([[name.count(chr(97 + i)) for i in range(26)] for name in names], dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "encoder", lambda embed: letters)


def label(conversation: str, **given: Any) -> dict[str, Any]:
    values = {facet: [{"value": name} for name in given.pop(facet, [])] for facet in ("ai_values", "human_values")}
    return (
        {"conversation_id": conversation, "subjective": True, "task": "give advice", "response_type": "no_values"}
        | values
        | given
    )


def run(
    folder: Path, gold: list[dict[str, Any]] | Path, screened: dict[str, bool], found: dict[str, dict[str, list[str]]]
) -> dict[str, Any]:
    (folder / "gold.jsonl").write_text("".join(json.dumps(one) + "\n" for one in gold), "utf-8")
    rows = [
        (conversation, facet, rank, name, None, None, None)
        for conversation, facets in found.items()
        for facet, names in facets.items()
        for rank, name in ([(i + 1, name) for i, name in enumerate(names)] or [(0, None)])
    ]
    judged = pd.DataFrame(
        [(one, 0.9 if flag else 0.1, flag) for one, flag in screened.items()], columns=SCREENING.schema.names
    )
    write_table(judged, folder / "screening.parquet", SCREENING.schema)
    write_table(
        pd.DataFrame(rows, columns=ANNOTATIONS.schema.names), folder / "annotations.parquet", ANNOTATIONS.schema
    )
    validate.run(
        Params(),
        screening=folder / "screening.parquet",
        annotations=folder / "annotations.parquet",
        gold=folder / "gold.jsonl",
        validation=folder / "validation.json",
    )
    return read_json(folder / "validation.json")


def test_screening_is_counted_over_all_labelled_conversations(tmp_path: Path):
    gold = [label(f"c{i}", subjective=i < 6) for i in range(10)]
    found = run(tmp_path, gold, {f"c{i}": i < 5 or i == 9 for i in range(10)} | {"unlabelled": True}, {})
    section = found["subjectivity"]
    assert (found["n"], found["gold_conversations"], section["n"]) == (10, 10, 10)
    assert section["accuracy"] == 0.8
    assert section["kappa"] == pytest.approx(0.5833)
    assert (section["precision"], section["recall"]) == (pytest.approx(5 / 6, abs=1e-4), pytest.approx(5 / 6, abs=1e-4))
    assert section["accuracy_low"] < 0.8 < section["accuracy_high"]
    assert section["n_gold_subjective_found_factual"] == 1


def test_shares_of_the_whole_sample_are_corrected_for_the_errors_on_gold(tmp_path: Path):
    gold = [label(f"c{i}", subjective=i < 10) for i in range(20)]
    # Of ten subjective eight are found, of ten factual none is called subjective; of 40 more, 20 are called so.
    found = run(tmp_path, gold, {f"c{i}": i < 8 for i in range(20)} | {f"d{i}": i < 20 for i in range(40)}, {})
    share = found["subjectivity"]["shares"]["subjective"]
    assert share["n_found"] == 28
    assert share["found"] == pytest.approx(28 / 60, abs=1e-4)
    assert share["corrected"] == pytest.approx(28 / 60 / 0.8, abs=1e-4)
    assert share["corrected_low"] < share["corrected"] < share["corrected_high"]
    nothing = found["response_type"]["shares"]["reframing"]
    assert (nothing["n_found"], nothing["found"], nothing["corrected"]) == (0, None, None)


def test_values_match_by_string_and_by_nearness(tmp_path: Path):
    gold = [label("c1", ai_values=["Honesty", "care"]), label("c2", ai_values=["rigour"])]
    found = {"c1": {"ai_values": ["honest", "care", "xyz"]}, "c2": {"ai_values": []}}
    section = run(tmp_path, gold, {"c1": True, "c2": True}, found)["ai_values"]
    assert (section["precision"], section["recall"]) == (pytest.approx(2 / 3, abs=1e-4), pytest.approx(2 / 3, abs=1e-4))
    assert (section["exact_precision"], section["exact_recall"]) == (
        pytest.approx(1 / 3, abs=1e-4),
        pytest.approx(1 / 3, abs=1e-4),
    )
    assert (section["n"], section["n_gold"], section["n_found"]) == (2, 3, 3)


def test_the_level_of_chance_pairs_unrelated_conversations(tmp_path: Path):
    names = ["honesty", "care", "wit", "zeal"]
    gold = [label(f"c{i}", ai_values=[name]) for i, name in enumerate(names)]
    found = {f"c{i}": {"ai_values": [name]} for i, name in enumerate(names)}
    section = run(tmp_path, gold, dict.fromkeys(found, True), found)["ai_values"]
    assert section["f1"] == 1
    assert section["chance_f1"] < 0.5
    assert all((pairing != np.arange(7)).all() for pairing in shifted(7))
    assert shifted(1) == []


def test_response_types_and_tasks_are_compared(tmp_path: Path):
    gold = [label("c1", response_type="reframing"), label("c2", task="write marketing copy")]
    found = {
        "c1": {"response_type": ["reframing"], "task": ["giving advice"], "human_values": []},
        "c2": {"response_type": ["strong_support"], "task": ["zzz"], "human_values": ["care"]},
    }
    sections = run(tmp_path, gold, {"c1": True, "c2": True}, found)
    assert sections["response_type"]["accuracy"] == 0.5
    assert sections["response_type"]["n_gold_no_values_found_strong_support"] == 1
    assert sections["task"]["accuracy"] == 0.5
    assert sections["human_values"]["n_gold_none_found_some"] == 1


def test_no_conversation_in_common_gives_nulls_and_no_error(tmp_path: Path):
    found = run(tmp_path, [label("elsewhere")], {"c1": True}, {"c1": {"ai_values": ["care"]}})
    assert found["n"] == 0
    for facet in ("subjectivity", "ai_values", "human_values", "response_type", "task"):
        assert found[facet]["n"] == 0
        section = {name: value for name, value in found[facet].items() if name != "shares"}
        assert {value for name, value in section.items() if not name.startswith("n")} == {None}


def test_no_text_of_labels_or_annotations_is_written(tmp_path: Path):
    run(
        tmp_path,
        [label("c1", ai_values=["secret value"])],
        {"c1": True},
        {"c1": {"ai_values": ["secret value"], "task": ["hush"]}},
    )
    written = (tmp_path / "validation.json").read_text()
    assert "secret" not in written
    assert "hush" not in written
    assert "c1" not in written


def test_a_folder_of_files_is_read_whole(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(label(name)) + "\n\n")
    assert sorted(read_gold(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{broken", "not JSON"),
        ('["a list"]', "the line"),
        ('{"subjective": true}', "conversation_id"),
        ('{"conversation_id": "c", "subjective": "yes"}', "subjective"),
        ('{"conversation_id": "c", "ai_values": [{"name": "care"}]}', "ai_values.0.value"),
        ('{"conversation_id": "c", "response_type": "support"}', "strong_support"),
        ('{"conversation_id": "ok"}', "a second time"),
    ],
)
def test_a_label_that_cannot_be_read_is_named_by_its_line(line: str, says: str, tmp_path: Path):
    path = tmp_path / "gold.jsonl"
    path.write_text('{"conversation_id": "ok"}\n' + line + "\n")
    with pytest.raises(InputError, match=r"gold\.jsonl:2") as caught:
        read_gold(path)
    assert says in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe bad"])
def test_a_file_that_cannot_be_read_says_so(content: bytes | None, tmp_path: Path):
    path = tmp_path / "gold.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"gold\.jsonl"):
        read_gold(path)
