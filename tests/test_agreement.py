"""Two people's labels of the same conversations: counted by hand, on the conversations that both call subjective."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from test_validate import label, letters
from wildvalues.errors import InputError
from wildvalues.files import read_json
from wildvalues.params import Embed
from wildvalues.tools import agreement as tool
from wildvalues.validate import encoder
from wildvalues.validation.agreement import agreement
from wildvalues.validation.categories import CATEGORIES, categories_of
from wildvalues.validation.gold import read_gold


def write(path: Path, *labels: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in labels), "utf-8")
    return path


def held_against(folder: Path, first: list[dict[str, Any]], second: list[dict[str, Any]]) -> dict[str, Any]:
    files = write(folder / "first.jsonl", *first), write(folder / "second.jsonl", *second)
    return agreement(read_gold(files[0]), read_gold(files[1]), letters, 0.6)


def test_two_equal_files_agree_in_everything(tmp_path: Path) -> None:
    labels = [
        label("c1", ai_values=["honesty", "care"], human_values=["thrift"], response_type="reframing"),
        label("c2", ai_values=["wit"], task="write marketing copy"),
        label("c3", subjective=False, ai_values=["clarity"], task="convert a unit"),
    ]
    found = held_against(tmp_path, labels, labels)
    assert (found["n"], found["subjectivity"]["n"], found["ai_values"]["n"]) == (3, 3, 2)
    for section, measures in {
        "subjectivity": ("accuracy", "kappa"),
        "response_type": ("accuracy", "kappa", "macro_f1"),
        "ai_values": ("exact_f1", "precision", "recall", "f1"),
        "human_values": ("accuracy", "kappa", "exact_f1"),
        "task": ("accuracy", "cosine"),
    }.items():
        for measure in measures:
            assert found[section][measure] == pytest.approx(1, abs=1e-6), (section, measure)


def test_facets_are_compared_where_both_call_a_conversation_subjective(tmp_path: Path) -> None:
    first = [label(f"c{i}", ai_values=["honesty"], subjective=i < 3) for i in range(4)]
    second = [label(f"c{i}", ai_values=["honesty"] if i < 1 else ["xyz"], subjective=i != 2) for i in range(4)]
    found = held_against(tmp_path, first, second)
    assert (found["subjectivity"]["n"], found["subjectivity"]["accuracy"]) == (4, 0.5)
    assert found["subjectivity"]["kappa"] == pytest.approx(-1 / 3, abs=1e-4)
    # c0 and c1: one of two names is the same.
    assert (found["ai_values"]["n"], found["ai_values"]["exact_f1"]) == (2, 0.5)


def test_a_list_left_empty_by_one_side_counts_and_one_that_was_not_labelled_does_not(tmp_path: Path) -> None:
    first = [label("c1", human_values=["thrift"]), label("c2"), label("c3", human_values=["pride"])]
    second = [label("c1"), label("c2"), {**label("c3"), "human_values": None}]
    section = held_against(tmp_path, first, second)["human_values"]
    assert (section["n"], section["accuracy"]) == (2, 0.5)
    assert section["n_gold_some_found_none"] == 1


def test_only_conversations_in_both_files_count(tmp_path: Path) -> None:
    found = held_against(tmp_path, [label("c1"), label("c2")], [label("c2"), label("c3")])
    assert (found["n"], found["task"]["n"]) == (1, 1)
    with pytest.raises(InputError, match="no conversation in common"):
        held_against(tmp_path, [label("c1")], [label("c2")])


def test_the_command_prints_a_table_and_writes_every_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "encoder", lambda embed: letters)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("validate:\n  similarity: 0.9\n", "utf-8")
    labels = [label("c1", ai_values=["honesty"], response_type="reframing"), label("c2", human_values=["care"])]
    write(tmp_path / "a.jsonl", *labels)
    words = ["a.jsonl", "a.jsonl", "--output", "numbers.json"]
    done = CliRunner().invoke(tool.command, words, catch_exceptions=False)
    assert "| AI values, nearest name, F1 | 2 | 1.00 (1.00 to 1.00) | 0.00 |" in done.output
    # Where everybody gives every conversation one and the same label, kappa is not defined.
    assert "| subjective or not, kappa | 2 | undefined" in done.output
    assert "at a cosine of 0.9" in done.output
    assert read_json(tmp_path / "numbers.json")["ai_values"]["f1"] == 1


def test_names_of_one_kind_agree_on_the_category_and_of_two_kinds_do_not(tmp_path: Path) -> None:
    known = ["give advice", *sorted({name for examples in CATEGORIES.values() for name in examples})]

    def apart(names: Sequence[str]) -> np.ndarray:
        return np.stack([np.eye(len(known), dtype=np.float32)[known.index(name)] for name in names])

    files = [
        write(tmp_path / f"{side}.jsonl", *(label(f"c{i}", ai_values=values) for i in range(4)))
        for side, values in (("first", ["privacy", "empathy"]), ("second", ["security"]))
    ]
    found = agreement(read_gold(files[0]), read_gold(files[1]), apart, 0.6)
    section = found["ai_values_category"]
    assert (section["n"], section["precision"], section["recall"]) == (4, 1.0, 0.5)
    assert found["ai_values"]["f1"] == 0


def test_every_example_is_of_its_own_category() -> None:
    for kind, examples in CATEGORIES.items():
        assert len(set(examples)) == len(examples) == 12
        assert set(categories_of(examples, encoder(Embed())).values()) == {kind}
