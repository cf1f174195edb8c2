"""Studies read by the classifier and by the cascade: what is asked of the model, and what comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import word_vectors
from small_study import ROOT, make_study
from test_annotation import run_chain
from wildvalues.errors import InputError
from wildvalues.files import read_table
from wildvalues.instruments import classifier, training
from wildvalues.llm.facets import load_prompts
from wildvalues.llm.last_runs import last_runs
from wildvalues.tables import ANNOTATIONS, CONVERSATIONS, SCREENING

CHAIN = ("ingest", "sample", "redact", "screen", "extract")
LEARNED = ("subjectivity", "response_type", "human_values")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study with a classifier trained on its own gold labels, by words."""
    word_vectors.use(monkeypatch)
    make_study(tmp_path, sample__size=None)
    run_chain(tmp_path, monkeypatch, "ingest", "sample", "redact")
    frame = read_table(Path("data/interim/redacted.parquet"), CONVERSATIONS.schema)
    facets = load_prompts(ROOT / "workflow/prompts", list(LEARNED)).facets
    readings, files = training.read_gold_labels([tmp_path / "data/demo/gold.jsonl"], frame, facets)
    examples = training.make_examples(frame, readings, training.options_of(facets), "words")
    classifier.save(training.train(examples, "words", files), tmp_path / "workflow/instruments/default.npz")
    return tmp_path


def run(study: Path, monkeypatch: pytest.MonkeyPatch, *stages: str, **changes: Any) -> None:
    from small_study import set_params

    set_params(study, **changes)
    run_chain(study, monkeypatch, *stages)


def metrics(stage: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(f"results/metrics/{stage}.json").read_text("utf-8"))
    return found


def screening() -> Any:
    return read_table(Path("data/interim/screening.parquet"), SCREENING.schema)


def test_the_classifier_screens_without_a_call(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(study, monkeypatch, "screen", screen__instrument="classifier", llm__provider="replay")
    counts = metrics("screen")
    assert counts["calls"] == counts["decided_by_model"] == 0
    assert counts["decided_by_classifier"] == counts["conversations"]
    found = screening()
    assert found["subjectivity"].between(0, 1).all()
    assert found["subjectivity"].nunique() > 2
    assert (found["subjective"] == (found["subjectivity"] >= 0.5)).all()


def test_a_cascade_asks_the_model_where_the_classifier_is_not_sure(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(study, monkeypatch, "screen", screen__instrument="model")
    by_model, asked = screening().set_index("conversation_id"), metrics("screen")["calls"]
    run(study, monkeypatch, "screen", screen__instrument="classifier")
    by_classifier = screening().set_index("conversation_id")

    run(study, monkeypatch, "screen", screen__instrument="cascade", instruments__wanted_error=0.25)
    counts = metrics("screen")
    assert 0 < counts["decided_by_classifier"] < counts["conversations"]
    assert counts["decided_by_classifier"] + counts["decided_by_model"] == counts["conversations"]
    assert counts["calls"] == asked - counts["decided_by_classifier"]
    found = screening().set_index("conversation_id")
    same = (found == by_model).all(axis=1) | (found == by_classifier).all(axis=1)
    assert same.all()
    assert int((found == by_classifier).all(axis=1).sum()) >= counts["decided_by_classifier"]

    run(study, monkeypatch, "screen", instruments__wanted_error=0.0)
    assert screening().set_index("conversation_id").equals(by_model)
    run(study, monkeypatch, "screen", instruments__wanted_error=1.0)
    assert screening().set_index("conversation_id").equals(by_classifier)
    assert metrics("screen")["calls"] == 0


def test_a_response_type_by_the_classifier_is_one_of_the_options_with_its_margin(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [
        {"facets": ["ai_values"]},
        {"facets": ["human_values"], "instrument": "cascade"},
        {"facets": ["response_type"], "instrument": "classifier"},
        {"facets": ["task"], "instrument": "labels"},
    ]
    run(study, monkeypatch, "screen", "extract", extract__requests=requests, instruments__wanted_error=1.0)
    annotations = read_table(Path("data/interim/annotations.parquet"), ANNOTATIONS.schema)
    facet = load_prompts(ROOT / "workflow/prompts", ["response_type"]).facets["response_type"]
    rows = annotations[annotations["facet"] == "response_type"]
    assert set(rows["label"]) <= set(facet.options)  # type: ignore[union-attr]
    assert (rows["score"] >= 0).all()
    counts = metrics("extract")
    n = counts["conversations"]
    assert counts["decided_by_labels"] == n
    assert counts["decided_by_classifier"] > n, "nothing was decided about human values"
    assert counts["decided_by_model"] == counts["calls"] == 4 * n - n - counts["decided_by_classifier"]
    without = annotations[(annotations["facet"] == "human_values") & annotations["label"].isna()]
    assert len(without) >= counts["decided_by_classifier"] - n


def test_probes_count_as_calls_in_metrics_and_in_the_closing_summary(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [{"facets": ["ai_values"], "instrument": "probe"}, {"facets": ["response_type"], "instrument": "model"}]
    run(study, monkeypatch, "sample", "redact", "screen", "extract", sample__size=12, extract__requests=requests)
    counts = metrics("extract")
    probes = len(load_prompts(ROOT / "workflow/prompts", ["ai_values"]).facets["ai_values"].probes)  # type: ignore[union-attr]
    assert counts["calls"] == counts["conversations"] * (probes + 1)
    assert last_runs()["extract"]["calls"] == counts["calls"]


def test_a_list_cannot_be_read_by_the_classifier_alone(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [{"facets": ["human_values"], "instrument": "classifier"}]
    with pytest.raises(InputError, match="cannot name them"):
        run(study, monkeypatch, "screen", "extract", extract__requests=requests)
