"""Screen and extract: what is read off conversations, and what survives when reading is cut short."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from small_study import command, environment, hashes, make_study
from wildvalues.annotation import Annotated, Row
from wildvalues.calibration import MIN_CORPUS, anchored_probability, corpus_calibrated
from wildvalues.cli import fill
from wildvalues.errors import InputError, TooManyRejectsError
from wildvalues.files import read_table
from wildvalues.llm.facets import ChoiceFacet, Item, load_prompts
from wildvalues.params import load_params
from wildvalues.stage import load_stage, run_stage
from wildvalues.tables import ANNOTATIONS, SCREENING

CHAIN = ("ingest", "sample", "redact", "screen", "extract")


def run_chain(folder: Path, monkeypatch: pytest.MonkeyPatch, *stages: str) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WILDVALUES_MEMO", str(folder / "memo"))
    params = load_params()
    for name in stages or CHAIN:
        stage = load_stage(name)
        places = {**stage.reads, **stage.writes}
        run_stage(
            name,
            params,
            {key: Path(fill(place, params)) for key, place in places.items()},
        )


def multiply(folder: Path, times: int) -> None:
    """Make the study's corpus `times` as large, each copy with words of its own."""
    path = folder / "data/demo/conversations.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    with path.open("w", encoding="utf-8") as handle:
        for number in range(times):
            for line in lines:
                first, *rest = line["messages"]
                first = {**first, "content": f"{first['content']} ({number})"}
                copy = {**line, "conversation_id": f"{line['conversation_id']}-{number}", "messages": [first, *rest]}
                handle.write(json.dumps(copy, ensure_ascii=False) + "\n")


def test_every_subjective_conversation_is_annotated_for_every_facet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_chain(make_study(tmp_path), monkeypatch)
    screening = read_table(Path("data/interim/screening.parquet"), SCREENING.schema)
    annotations = read_table(Path("data/interim/annotations.parquet"), ANNOTATIONS.schema)
    subjective = set(screening.loc[screening["subjective"], "conversation_id"])
    assert 0 < len(subjective) < len(screening)
    for facet in ("ai_values", "human_values", "response_type", "task"):
        assert set(annotations.loc[annotations["facet"] == facet, "conversation_id"]) == subjective
    metrics = json.loads(Path("results/metrics/extract.json").read_text("utf-8"))
    assert metrics["calls"] == 4 * len(subjective)
    assert metrics["input_tokens"] > 0


def test_the_order_of_the_log_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight, shuffled = make_study(tmp_path / "straight"), make_study(tmp_path / "shuffled")
    log = shuffled / "data/demo/conversations.jsonl"
    lines = log.read_text("utf-8").splitlines()
    random.Random(4).shuffle(lines)
    log.write_text("\n".join(lines) + "\n", "utf-8")
    for folder in (straight, shuffled):
        run_chain(folder, monkeypatch)
    assert hashes(straight, "data/interim", "results/metrics") == hashes(shuffled, "data/interim", "results/metrics")


def test_private_tables_are_readable_by_their_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_chain(make_study(tmp_path), monkeypatch)
    for path in Path("data/interim").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_corpus_without_a_subjective_conversation_gets_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study(tmp_path, screen__cut_off=1.0)
    with pytest.raises(InputError, match=r"no conversation of 40 reaches subjectivity 1\.0; lower screen\.cut_off"):
        run_chain(tmp_path, monkeypatch)
    assert not (tmp_path / "data/interim/screened.parquet").exists()


def test_a_study_whose_answers_are_not_recorded_stops_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study(tmp_path, llm__provider="replay", llm__model="qwen2.5-coder-1.5b-instruct")
    with pytest.raises(TooManyRejectsError, match="of 40 conversations got no usable answer"):
        run_chain(tmp_path, monkeypatch)


@pytest.mark.slow
def test_kill_9_in_the_middle_of_extract_loses_no_answer_and_leaves_no_half_output(tmp_path: Path) -> None:
    make_study(tmp_path, sample__size=None)
    multiply(tmp_path, 12)
    for name in CHAIN[:-1]:
        command(tmp_path, "wildvalues", name)
    before = set(recorded(tmp_path))

    running = subprocess.Popen(["wildvalues", "extract"], cwd=tmp_path, env=environment(tmp_path))
    while len(recorded(tmp_path)) < len(before) + 100:
        assert running.poll() is None, "extract ended before it could be killed: give it more to do"
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    killed = recorded(tmp_path)
    assert not (tmp_path / "data/interim/annotations.parquet").exists()

    done = command(tmp_path, "wildvalues", "extract")
    after = recorded(tmp_path)
    assert len(after) == len(set(after)), "an answer was asked for twice"
    assert set(killed) <= set(after)
    kept = len(set(killed)) - len(before)
    assert f"{kept:,} from the memo" in done.stderr
    assert not list((tmp_path / "data/interim").glob("*.partial/*.parquet"))


def recorded(folder: Path) -> list[str]:
    """The keys of all whole answers in the memo."""
    segments = [path.read_text("utf-8") for path in (folder / "memo").glob("*.jsonl")]
    # What follows the last line feed is a line that was not finished.
    return [json.loads(line)["key"] for text in segments for line in text.split("\n")[:-1]]


# --- calibration ------------------------------------------------------------------------------------------

FACET = ChoiceFacet(kind="choice", question="?", options={"yes": "", "no": ""}, calibrate="anchors", examples={})


def scored(name: str, odds: float) -> Row:
    return Row(name, Item("f", 0, "yes", log_probabilities={"yes": odds, "no": 0.0}))


def test_a_leaning_of_the_model_is_taken_away_by_the_anchors() -> None:
    anchors = [scored("anchor:yes:0", 3.0), scored("anchor:no:0", 1.0)]
    found = anchored_probability([*anchors, scored("a", 2.5), scored("b", 1.5), scored("c", 2.0)], FACET, "f")
    assert found["a"] > 0.5 > found["b"]
    assert found["c"] == 0.5
    assert set(found.index) == {"a", "b", "c"}


def test_an_answer_without_probabilities_is_taken_as_it_is() -> None:
    found = anchored_probability([Row("a", Item("f", 0, "yes")), Row("b", Item("f", 0, "no"))], FACET, "f")
    assert found.to_dict() == {"a": 1.0, "b": 0.0}


def test_adding_a_constant_to_an_option_changes_no_calibrated_choice() -> None:
    facet = FACET.model_copy(update={"calibrate": "corpus"})
    random_scores = np.random.default_rng(0).normal(size=(MIN_CORPUS, 2))

    def choices(leaning: float) -> list[str | None]:
        rows = [
            Row(f"c{i:02}", Item("f", 0, "yes", log_probabilities={"yes": a + leaning, "no": b}))
            for i, (a, b) in enumerate(random_scores)
        ]
        prompts = load_prompts(Path(__file__).parent.parent / "workflow/prompts", [])
        annotated = Annotated(rows, pd.DataFrame({"where": []}), 0, {}, type(prompts)(prompts.reader, {"f": facet}, {}))
        return [row.item.label for row in corpus_calibrated(annotated)]

    assert choices(0.0) == choices(5.0)
    assert len(set(choices(0.0))) == 2
