"""Studies that lack something: each runs from logs to published tables and figures, or says in a sentence why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from small_study import make_study
from wildvalues.cli import fill
from wildvalues.params import load_params
from wildvalues.results import read_results
from wildvalues.stage import STAGE_NAMES, load_stage, run_stage
from wildvalues.tables import RESULTS

Line = dict[str, Any]
# The paper is set from the same tables; setting it here would only repeat LaTeX's time.
STAGES = [name for name in STAGE_NAMES if name != "typeset"]


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Line], Line], **params: Any) -> None:
    """Run a study of the demo corpus with each conversation changed."""
    make_study(folder, **params)
    log = folder / "data/demo/conversations.jsonl"
    lines = [change(json.loads(line)) for line in log.read_text("utf-8").splitlines()]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WILDVALUES_MEMO", str(folder / "memo"))
    loaded = load_params()
    for name in STAGES:
        stage = load_stage(name)
        paths = {key: Path(fill(place, loaded)) for key, place in {**stage.reads, **stage.writes}.items()}
        run_stage(name, loaded, paths)


def published(table: str) -> pd.DataFrame:
    return pd.read_csv(Path("results/tables") / f"{table}.csv")


@pytest.mark.slow
def test_a_log_without_users_times_models_and_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bare(line: Line) -> Line:
        return {"conversation_id": line["conversation_id"], "messages": line["messages"]}

    run(tmp_path, monkeypatch, bare)
    assert published("models").empty
    assert published("frequencies")["n_users"].isna().all()
    assert set(published("associations")["column_facet"]).isdisjoint({"model", "week"})
    assert (Path("results/figures") / "models.pdf").exists()
    assert (Path("results/explorer") / "index.html").exists()


@pytest.mark.slow
def test_one_user_is_too_few_to_publish_anything_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, monkeypatch, lambda line: {**line, "user_id": "the only one"}, disclose__min_users=2)
    for name in RESULTS:
        if name not in ("pipeline", "association_tests"):
            assert published(name).empty, name


@pytest.mark.slow
def test_more_clusters_asked_for_than_there_are_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, monkeypatch, lambda line: line, sample__size=6, cluster__levels=[500, 100, 20])
    taxonomy = pd.read_parquet("data/interim/taxonomy.parquet")
    sizes = taxonomy[taxonomy["facet"] == "ai_values"].groupby("level").size()
    assert sizes.is_monotonic_decreasing
    assert sizes.iloc[-1] < sizes.iloc[0]


@pytest.mark.slow
def test_one_model_and_one_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, monkeypatch, lambda line: {**line, "model": "only-1", "language": "en"})
    tables = read_results(Path("results/tables"))
    assert "model" not in set(tables["associations"]["column_facet"])
