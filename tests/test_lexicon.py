"""Fitting the lexicon of the instrument `probe`: what labels teach, how it is measured, the file that is written."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import word_vectors
from small_study import ROOT, make_study
from wildvalues.cli import commands
from wildvalues.errors import InputError
from wildvalues.instruments import fitting
from wildvalues.instruments.fitting import Answered, Space
from wildvalues.instruments.training import tuning_half
from wildvalues.llm.facets import load_prompts
from wildvalues.params import Embed
from wildvalues.validation.facets import Resampling

NAMES = ("honesty", "safety", "kindness", "privacy", "creativity", "tradition")


def encode(strings: Sequence[str]) -> np.ndarray:
    return word_vectors.by_words(strings, Embed())


def study(n: int, *, told: bool, sources: int = 3) -> Answered:
    """Return n conversations with one label each; with `told` the model's next word is likelier to be that label."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, len(NAMES), n)
    said = truth if told else rng.permutation(truth)
    words = [
        {name: -4.0 + (3.0 if number == at else 0.0) + rng.normal(0, 0.3) for number, name in enumerate(NAMES)}
        for at in said
    ]
    return Answered(
        [f"c{number:03d}" for number in range(n)],
        np.array([f"s{number % sources}" for number in range(n)], dtype=object),
        {"ai_values": [words]},
        {"ai_values": [[NAMES[at]] for at in truth]},
    )


def f1(answered: Answered) -> tuple[float, float, int]:
    space = Space.of(NAMES, answered, encode)
    same = {"ai_values": fitting.alike(NAMES, answered.labels["ai_values"], encode, 0.9)}
    section = fitting.measure(answered, space, same, {"ai_values": 1}, encode, 0.9, Resampling(20, 1))["ai_values"]
    found, chance, counted = section["f1"], section["chance_f1"], section["n"]
    assert found is not None
    assert chance is not None
    assert isinstance(counted, int)
    return float(found), float(chance), counted


def test_what_the_model_would_say_is_learned_and_carried_to_another_source() -> None:
    found, chance, _ = f1(study(120, told=True))
    assert found > 0.9
    assert chance < 0.5


def test_where_the_model_knows_nothing_nothing_above_chance_is_found() -> None:
    found, chance, _ = f1(study(240, told=False))
    assert found < chance + 0.12


@pytest.mark.parametrize("sources", [1, 3])
def test_only_the_reporting_half_is_counted(sources: int) -> None:
    answered = study(120, told=True, sources=sources)
    assert f1(answered)[2] == int((~tuning_half(answered.ids)).sum())


def test_a_share_is_how_often_labels_mean_the_name() -> None:
    labels = [["honesty", "safety"], ["honesty"], ["care"], []]
    same = fitting.alike(NAMES, labels, encode, 0.9)
    assert same.sum(axis=0).tolist() == [2, 1, 0, 0, 0, 0]
    words = [dict.fromkeys(NAMES, -1.0) for _ in labels]
    answered = Answered(list("abcd"), np.array(["s"] * 4, dtype=object), {"x": [words]}, {"x": labels})
    shares = fitting.fit(answered, Space.of(NAMES, answered, encode), {"x": same}, "x").shares["x"]
    # Conversations without a label of the facet do not count.
    np.testing.assert_allclose(shares[:3] - shares[5], [2 / 3, 1 / 3, 0])


def lexicon_study(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    word_vectors.use(monkeypatch)
    monkeypatch.setenv("WILDVALUES_MEMO", str(folder / "memo"))
    make_study(folder)
    shutil.rmtree(folder / "data/interim", ignore_errors=True)
    monkeypatch.chdir(folder)
    return folder / "workflow/prompts/lexicon.yaml"


def test_the_command_prints_a_table_and_writes_a_lexicon_that_prompts_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = lexicon_study(tmp_path, monkeypatch)
    before = target.read_bytes()
    shown = CliRunner().invoke(commands, ["lexicon", "--measure-only"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "| ai_values |" in shown.output
    assert target.read_bytes() == before
    assert CliRunner().invoke(commands, ["lexicon"], catch_exceptions=False).exit_code == 0
    written = target.read_bytes()
    assert written != before
    loaded = load_prompts(target.parent, ["ai_values"]).lexicon
    assert loaded is not None
    assert list(loaded.names) == list(yaml.safe_load(before)["names"])
    assert all(0 < share <= 1.01 for shares in loaded.names.values() for share in shares)
    CliRunner().invoke(commands, ["lexicon"], catch_exceptions=False)
    assert target.read_bytes() == written


def test_too_few_labels_are_refused_and_the_lexicon_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = lexicon_study(tmp_path, monkeypatch)
    before = target.read_bytes()
    gold = tmp_path / "data/demo/gold.jsonl"
    gold.write_text("".join(gold.read_text("utf-8").splitlines(keepends=True)[:20]), "utf-8")
    with pytest.raises(InputError, match="a lexicon needs at least 40"):
        CliRunner().invoke(commands, ["lexicon"], catch_exceptions=False, standalone_mode=False)
    assert target.read_bytes() == before


def test_the_shipped_lexicon_is_of_the_form_the_command_writes() -> None:
    text = (ROOT / "workflow/prompts/lexicon.yaml").read_text("utf-8")
    assert "`wildvalues lexicon`" in text
    assert text.count("\n") == len(yaml.safe_load(text)["names"]) + text[: text.index("\nnames:")].count("\n") + 2
