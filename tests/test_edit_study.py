"""A small study with edits, from the named tree to what is published: counts follow, and nothing withheld is told."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from annotated_studies import Annotated, run_analyze, tables
from wildvalues import disclose, edit
from wildvalues.explorer.study import study_chunk
from wildvalues.files import read_table, write_table
from wildvalues.params import Params
from wildvalues.results import read_results
from wildvalues.tables import EDITS, TAXONOMY, VOCABULARY
from wildvalues.typesetting.study import Study
from wildvalues.typesetting.tables import TABLES

TREES = {
    "ai_values": (
        {"candour": "plain talk", "frankness": "plain talk", "kindness": "warm care", "warmth": "warm care",
         "please answer": "plain talk", "otter grooming": "warm care"},
        {"plain talk": "people", "warm care": "people"},
    )
}  # fmt: skip
EDITS_FILE = """
edits:
- {move: {facet: ai_values, level: 0, name: warmth}, to: {name: plain talk}, reason: a tone of voice}
- {rename: {facet: ai_values, level: 1, name: plain talk}, as: way of speaking, reason: holds a tone now}
- {drop: {facet: ai_values, level: 0, name: please answer}, reason: a request}
- {drop: {facet: ai_values, level: 0, name: otter grooming}, reason: no value}
- {move: {facet: ai_values, level: 0, name: kindness}, to: {name: way of speaking}, reason: unlike otter grooming}
- {rename: {facet: ai_values, level: 2, name: people}, as: dealings with jo@example.org, reason: clearer}
"""


def conversations() -> list[Annotated]:
    frequent = [["candour", "warmth"], ["frankness", "kindness", "please answer"], ["candour", "please answer"]]
    rows = [Annotated(ai=frequent[i % 3], user=f"u{i}") for i in range(12)]
    return [*rows, Annotated(ai=["otter grooming", "kindness"], user="u99")]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pd.DataFrame]]:
    folder = tmp_path_factory.mktemp("edited")
    given = tables(conversations(), TREES)
    write_table(TAXONOMY.arrange(given["taxonomy"]), folder / "taxonomy", TAXONOMY.schema)
    write_table(VOCABULARY.schema.empty_table(), folder / "vocabulary", VOCABULARY.schema)
    (folder / "edits").write_text(EDITS_FILE, "utf-8")
    paths = {key: folder / key for key in ("taxonomy", "vocabulary", "edits", "edited", "applied", "metrics")}
    edit.run(Params(), **paths)
    given["taxonomy"] = read_table(paths["edited"], TAXONOMY.schema)
    given["edits"] = read_table(paths["applied"], EDITS.schema)
    processed = run_analyze(given, folder / "study")
    params = Params.model_validate({"disclose": {"min_conversations": 3, "min_users": 2}})
    disclose.run(params, processed=processed, tables=folder / "tables", metrics=folder / "disclose.json")
    return folder, read_results(folder / "tables")


def test_frequencies_are_those_of_the_edited_tree(released) -> None:
    _, public = released
    counts = public["frequencies"].query("facet == 'ai_values' and level < 2").set_index("name")["n_conversations"]
    # Twelve spoke plainly or warmly; the thirteenth came with the kindness that moved last.
    assert counts["way of speaking"] == 13
    assert counts["candour"] == 8
    assert "please answer" not in counts
    assert not {"plain talk", "otter grooming"} & set(public["taxonomy"]["name"])


def test_only_edits_that_name_nothing_withheld_are_published(released) -> None:
    _, public = released
    # Of one person (4), in a reason (5), with an address (6): these three are not told of.
    assert public["edits"]["number"].tolist() == [1, 2, 3]
    assert public["edits"]["reason"].tolist() == ["a tone of voice", "holds a tone now", "a request"]


def test_no_published_file_speaks_of_a_dropped_value_that_is_rare(released) -> None:
    folder, _ = released
    everything = "\n".join(path.read_text("utf-8") for path in sorted((folder / "tables").iterdir()))
    assert "otter" not in everything
    assert "jo@example.org" not in everything


def test_the_appendix_and_the_page_list_what_is_published(released) -> None:
    _, public = released
    study = Study(Params(), public, {}, {})
    text = TABLES["edits"](study)
    assert r"\begin{longtable}" in text
    assert "warmth" in text
    assert "otter" not in text
    chunk = study_chunk(Params(), public, {})
    assert [(row["operation"], row["target"], row["result"]) for row in chunk["edits"]] == [
        ("move", "warmth", "to plain talk"),
        ("rename", "plain talk", "way of speaking"),
        ("drop", "please answer", None),
    ]


def test_without_edits_the_table_is_empty_and_the_paper_says_nothing(tmp_path: Path) -> None:
    processed = run_analyze(tables(conversations(), TREES), tmp_path)
    disclose.run(Params(), processed=processed, tables=tmp_path / "tables", metrics=tmp_path / "disclose.json")
    public = read_results(tmp_path / "tables")
    assert public["edits"].empty
    assert r"\wvabsent" in TABLES["edits"](Study(Params(), public, {}, {}))
