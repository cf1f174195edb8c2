"""The record of how each published file was made: complete, checkable, the same on every run, and free of secrets."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthetic_results import write_synthetic_results
from wildvalues.files import sha256_file
from wildvalues.params import Params, load_params
from wildvalues.provenance.parameters import parameters_text, published_parameters
from wildvalues.stage import STAGE_NAMES, load_stage, run_stage
from wildvalues.trace import STAGE

PROMPTS = Path(__file__).parents[1] / "workflow" / "prompts"
SECRET = Params.model_validate(
    {
        "study": {"title": "Values here", "authors": ["Ada Kaya", "Tomé Reis"]},
        "ingest": {"input": "/home/ada/private/logs.jsonl"},
        "validate": {"gold": "../elsewhere/gold.jsonl"},
        "extract": {"requests": [{"facets": ["ai_values"], "model": "C:\\models\\mine.gguf"}]},
        "llm": {
            "model": "~/models/own.gguf",
            "base_url": "http://10.0.0.7:8080",
            "replay": ["/srv/answers.zst"],
            "budget_usd": 12.5,
        },
    }
)


def trace(folder: Path, params: Params, name: str = "provenance") -> Path:
    results = folder / "results"
    paths = {key: folder / place for key, place in STAGE.reads.items()}
    run_stage("trace", params, {**paths, "prompts": PROMPTS, "provenance": results / name})
    return results / name


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_synthetic_results(folder, n_values=8)
    for name in ("figures", "dataset", "explorer/data"):
        (folder / "results" / name).mkdir(parents=True)
    (folder / "results" / "figures" / "tree.svg").write_text("<svg/>", "utf-8")
    (folder / "results" / "dataset" / "values_tree.csv").write_text("cluster_id\n", "utf-8")
    (folder / "results" / "explorer" / "data" / "study.js").write_text("1\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def record(study: Path) -> Path:
    return trace(study, SECRET)


@pytest.fixture(scope="module")
def graph(record: Path) -> dict[str, Any]:
    document = json.loads((record / "ro-crate-metadata.json").read_text("utf-8"))
    entities = {entity["@id"]: entity for entity in document["@graph"]}
    assert len(entities) == len(document["@graph"]), "ids are unique"
    return entities


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        else:
            for inner in value.values():
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_there_is_one_action_for_every_stage_with_its_parameters(graph: dict[str, Any]) -> None:
    mentioned = list(references(graph["./"]["mentions"]))
    assert mentioned == ["#run", *(f"#{name}" for name in STAGE_NAMES)]
    for name in STAGE_NAMES:
        action = graph[f"#{name}"]
        assert action["@type"] == "CreateAction"
        given = {graph[ref]["name"] for ref in references(action.get("object", [])) if ref.startswith("#parameter-")}
        for key in load_stage(name).params:
            if not key.startswith("llm.") or key in ("llm.provider", "llm.model", "llm.temperature"):
                assert any(one == key or one.startswith(f"{key}.") for one in given), (name, key)


def test_every_reference_within_the_record_leads_somewhere(graph: dict[str, Any]) -> None:
    for entity in graph.values():
        for ref in references({key: value for key, value in entity.items() if key != "@id"}):
            assert ref in graph or ref.startswith("https://"), ref


def test_published_inputs_and_outputs_carry_their_hash(graph: dict[str, Any], study: Path, record: Path) -> None:
    assert list(references(graph["#disclose"]["result"])) == ["../tables/"]
    assert "../tables/" in list(references(graph["#release"]["object"]))
    tables = list(references(graph["../tables/"]["hasPart"]))
    assert len(tables) == len(list((study / "results" / "tables").iterdir()))
    for ref in [*tables, "../figures/tree.svg", "../metrics/validation.json", "params.yaml", "SHA256SUMS"]:
        assert graph[ref]["sha256"] == sha256_file(record / ref)


def test_models_prompts_costs_and_software_are_named(graph: dict[str, Any]) -> None:
    for path in PROMPTS.glob("*.yaml"):
        assert graph[f"../../workflow/prompts/{path.name}"]["sha256"] == sha256_file(path)
    assert graph["#cost-extract-calls"]["value"] > 0
    assert graph["#cost-extract-input_tokens"]["value"] > 0
    assert {"#language-model"} <= set(references(graph["#extract"]["instrument"]))
    assert graph["#embedding-model"]["sha256"]
    assert re.match(r"\d", graph["#software-numpy"]["softwareVersion"])


def test_checksums_cover_everything_published_and_hold(study: Path, record: Path) -> None:
    lines = (record / "SHA256SUMS").read_text("utf-8").splitlines()
    labels = [line[66:] for line in lines]
    assert labels == sorted(labels)
    for line in lines:
        assert hashlib.sha256((study / "results" / line[66:]).read_bytes()).hexdigest() == line[:64]
    expected = {
        path.relative_to(study / "results").as_posix()
        for name in ("tables", "figures", "dataset", "explorer")
        for path in (study / "results" / name).rglob("*")
        if path.is_file()
    }
    assert set(labels) == expected | {"metrics/validation.json"}


def test_no_machine_path_server_or_clock_is_in_the_record(record: Path, study: Path) -> None:
    for path in record.iterdir():
        text = path.read_text("utf-8")
        for secret in ("/home/", "/srv/", "10.0.0.7", "C:", "elsewhere", "~/", "12.5", str(study), str(PROMPTS)):
            assert secret not in text, (path.name, secret)
        assert not re.search(r"datePublished|startTime|endTime|20\d\d-\d\d-\d\dT", text)


def test_the_published_parameters_load_again_and_say_the_same(record: Path) -> None:
    again = load_params(record / "params.yaml")
    assert published_parameters(again) == published_parameters(SECRET)
    assert again.ingest.input == "logs.jsonl"
    assert again.llm.model == "own.gguf"
    assert again.extract.requests[0].model == "mine.gguf"


def test_operational_settings_do_not_change_the_parameters_that_are_published() -> None:
    loud = Params.model_validate({"llm": {"concurrency": 99, "batch": True, "budget_usd": 1.0}})
    assert parameters_text(loud) == parameters_text(Params())


def test_two_runs_give_the_same_bytes(study: Path, record: Path) -> None:
    again = trace(study, SECRET, "again")
    for path in record.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_only_what_is_published_is_read() -> None:
    assert all(place.startswith(("results/", "workflow/prompts")) for place in STAGE.reads.values())
