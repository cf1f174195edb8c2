"""Distilling: what the model said about part of the logs, learned for the rest of them, measured and priced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import word_vectors
from small_study import ROOT, make_study, set_params
from test_annotation import run_chain
from wildvalues.cli import commands
from wildvalues.errors import InputError
from wildvalues.instruments import classifier, distilling
from wildvalues.instruments.distilling import Cost, Distilled
from wildvalues.instruments.measuring import WANTED_ERRORS, Judged
from wildvalues.llm.facets import load_prompts
from wildvalues.tools import distil

FACETS = load_prompts(ROOT / "workflow/prompts", ["subjectivity", "response_type", "human_values"]).facets
BY_MODEL: dict[str, Any] = {
    "screen__instrument": "model",
    "extract__requests": [{"facets": ["human_values"]}, {"facets": ["response_type"]}, {"facets": ["task"]}],
}


def test_the_model_is_learned_from_on_a_sample_and_spared_on_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    word_vectors.use(monkeypatch)
    make_study(tmp_path, sample__size=120, **BY_MODEL)
    run_chain(tmp_path, monkeypatch)
    done = CliRunner().invoke(commands, ["distil"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "| subjectivity |" in done.output
    found = classifier.load(Path("data/instruments/distilled.npz"))
    assert "subjectivity" in found.heads
    assert not found.heads["subjectivity"].held_out.across
    assert sum(found.sources.values()) == 120
    for path in Path("data/instruments").iterdir():
        assert path.stat().st_mode & 0o077 == 0

    first = json.loads(Path("results/metrics/screen.json").read_text("utf-8"))["calls"]
    set_params(
        tmp_path,
        sample__size=None,
        screen__instrument="cascade",
        instruments__weights="data/instruments/distilled.npz",
        instruments__wanted_error=0.4,
    )
    run_chain(tmp_path, monkeypatch, "sample", "redact", "screen")
    counts = json.loads(Path("results/metrics/screen.json").read_text("utf-8"))
    assert counts["conversations"] > 120
    assert counts["decided_by_classifier"] > 0
    assert counts["calls"] < first + counts["conversations"] - 120
    with pytest.raises(InputError, match="was decided by classifier too, and what learns from itself learns nothing"):
        CliRunner().invoke(commands, ["distil"], catch_exceptions=False, standalone_mode=False)


def test_a_study_that_asked_no_model_has_nothing_to_distil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [{"facets": ["response_type", "human_values"], "instrument": "labels"}, {"facets": ["task"]}]
    make_study(tmp_path, screen__instrument="labels", extract__requests=requests)
    run_chain(tmp_path, monkeypatch)
    with pytest.raises(InputError, match="the last screening was decided by labels too"):
        CliRunner().invoke(commands, ["distil"], catch_exceptions=False, standalone_mode=False)


def test_labels_are_what_the_tables_say() -> None:
    screening = pd.DataFrame({"conversation_id": ["a", "b"], "subjectivity": [0.9, 0.1], "subjective": [True, False]})
    annotations = pd.DataFrame(
        [
            ("a", "response_type", 0, "reframing"),
            ("a", "human_values", 0, "privacy"),
            ("a", "human_values", 1, "calm"),
            ("c", "human_values", 0, None),
        ],
        columns=["conversation_id", "facet", "rank", "label"],
    )
    assert distilling.labels_by_model(FACETS, screening, annotations) == {
        "subjectivity": {"a": "subjective", "b": "objective"},
        "response_type": {"a": "reframing"},
        "human_values": {"a": "some", "c": "none"},
    }


def test_a_facet_with_one_common_label_is_not_learned() -> None:
    even = {f"c{number}": ("some", "none")[number % 2] for number in range(60)}
    lopsided = {f"c{number}": "some" if number else "none" for number in range(60)}
    assert set(distilling.learnable({"even": even, "lopsided": lopsided})) == {"even"}


def test_what_is_saved_is_the_decided_share_of_the_remaining_calls() -> None:
    sure = np.array([True] * 30 + [False] * 70)
    probabilities = np.tile([0.9, 0.1], (100, 1))
    labels = np.array([1] * 3 + [0] * 97)
    judged = Judged(("x", "y"), np.array(["a"] * 100, object), probabilities, probabilities, labels, (sure,) * 3)
    cost = Cost.of({"calls": 200, "input_tokens": 90_000, "output_tokens": 10_000, "dollars": 0.4})
    saved = list(Distilled("f", judged, {}, 1_000, cost).savings())
    assert [one[0] for one in saved] == list(WANTED_ERRORS)
    for _, share, error, tokens, dollars in saved:
        assert share == pytest.approx(0.3)
        assert error == pytest.approx(0.1)
        assert tokens == pytest.approx(0.3 * 1_000 * 500)
        assert dollars == pytest.approx(0.3 * 1_000 * 0.002)


def test_an_unknown_price_saves_tokens_and_no_invented_dollars() -> None:
    assert Cost.of({"calls": 2, "input_tokens": 10, "output_tokens": 2, "dollars": None}) == Cost(6.0, None)
    assert Cost.of({}) == Cost(0.0, None)
    assert distil.command.help
