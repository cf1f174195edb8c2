"""params.yaml: one typed truth, and errors that say what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from small_study import ROOT
from wildvalues.errors import ParamsError
from wildvalues.params import Params, load_params
from wildvalues.tools.schema import schema_text


def wrong(tmp_path: Path, text: str) -> str:
    path = tmp_path / "params.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ParamsError) as caught:
        load_params(path)
    return str(caught.value)


def test_the_committed_file_is_valid_and_names_every_key() -> None:
    given = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    known = Params().model_dump(by_alias=True)
    assert {section: set(keys) for section, keys in given.items()} == {s: set(keys) for s, keys in known.items()}
    load_params(ROOT / "params.yaml")


def test_every_line_with_a_value_has_a_comment() -> None:
    for line in (ROOT / "params.yaml").read_text("utf-8").splitlines():
        if line.startswith("  ") and not line.startswith("    -"):
            assert "#" in line, line


def test_the_committed_schema_is_the_generated_one() -> None:
    assert (ROOT / "workflow/schemas/params.schema.json").read_text("utf-8") == schema_text()


def test_a_wrong_key_gets_the_nearest_valid_one(tmp_path: Path) -> None:
    assert "cluster.level: there is no such key; did you mean `levels`?" in wrong(tmp_path, "cluster:\n  level: [4]\n")
    assert "clustr: there is no such key; did you mean `cluster`?" in wrong(tmp_path, "clustr: {}\n")
    message = wrong(tmp_path, "extract:\n  requests:\n    - facets: [task]\n      modle: x\n")
    assert "extract.requests[0].modle: there is no such key; did you mean `model`?" in message


def test_a_wrong_value_is_shown_with_what_is_allowed(tmp_path: Path) -> None:
    found = wrong(tmp_path, "cluster:\n  method: kmeens\n")
    assert "found 'kmeens'; input should be 'kmeans', 'clio' or 'hdbscan'" in found
    assert "levels must decrease" in wrong(tmp_path, "cluster:\n  levels: [4, 40]\n")
    assert "screen.cut_off: found 2" in wrong(tmp_path, "screen:\n  cut_off: 2\n")


def test_a_file_that_is_no_mapping_or_no_yaml_gets_one_sentence(tmp_path: Path) -> None:
    assert "expected sections with keys, found list" in wrong(tmp_path, "- a\n")
    assert "not valid YAML" in wrong(tmp_path, "cluster: [\n")
    with pytest.raises(ParamsError, match="no such file; run from the study folder"):
        load_params(tmp_path / "absent.yaml")


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("", "utf-8")
    assert load_params(path) == Params()
