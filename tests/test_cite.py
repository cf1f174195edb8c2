"""How to cite: this exact study, the software, the study it repeats."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from synthetic_results import write_synthetic_results
from wildvalues import __version__
from wildvalues.cli import commands
from wildvalues.errors import InputError
from wildvalues.files import sha256_file
from wildvalues.params import Params
from wildvalues.stage import run_stage
from wildvalues.tools.cite import ORIGINAL_AUTHORS, as_bibtex, as_text, read_study

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_synthetic_results(folder, n_values=6)
    params = Params.model_validate({"study": {"title": "Values & 100% of {us}", "authors": ["Ada Kaya", "Tomé_Reis"]}})
    out = folder / "dataset"
    run_stage("release", params, {"tables": folder / "results" / "tables", "dataset": out})
    return out


def test_the_citation_names_title_authors_version_and_the_checksum_of_this_very_dataset(released: Path) -> None:
    text = as_text(read_study(released))
    assert "Ada Kaya, Tomé_Reis. Values & 100% of {us}" in text
    assert f"sha256:{sha256_file(released / 'SHA256SUMS')}" in text
    assert f"version {__version__}" in text
    assert "arXiv:2504.15236" in text
    assert "Demonstration data" in text


def test_bibtex_is_balanced_and_escaped_for_latex(released: Path) -> None:
    bibtex = as_bibtex(read_study(released))
    assert r"{Values \& 100\% of \{us\}}" in bibtex
    assert r"{Ada Kaya} and {Tomé\_Reis}" in bibtex
    plain = re.sub(r"\\[{}]", "", bibtex)
    assert plain.count("{") == plain.count("}")
    assert re.findall(r"^@(\w+)", bibtex, re.M) == ["misc", "software", "inproceedings"]


def test_the_command_prints_what_was_asked_for(released: Path) -> None:
    shown = CliRunner().invoke(commands, ["cite", "--dataset", str(released), "--format", "bibtex"])
    assert shown.exit_code == 0
    assert shown.output == as_bibtex(read_study(released))
    both = CliRunner().invoke(commands, ["cite", "--dataset", str(released)])
    assert both.output.startswith("This study\n")
    assert both.output.endswith(shown.output)


def test_a_dataset_that_was_changed_is_not_cited_as_if_it_were_whole(released: Path, tmp_path: Path) -> None:
    copy = tmp_path / "dataset"
    copy.mkdir()
    for path in released.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "frequencies.csv").write_text("facet\n", "utf-8")
    with pytest.raises(InputError, match=r"frequencies.csv: was changed since the dataset was made"):
        read_study(copy)
    (copy / "frequencies.csv").unlink()
    with pytest.raises(InputError, match=r"frequencies.csv: is gone"):
        read_study(copy)


def test_no_dataset_is_one_sentence_that_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run `wildvalues release` first"):
        read_study(tmp_path)


def test_the_citation_file_names_this_version_and_the_same_authors_of_the_study() -> None:
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cff["cff-version"] == "1.2.0"
    assert cff["version"] == __version__
    assert {"message", "title", "authors"} <= set(cff)
    named = [(person["given-names"], person["family-names"]) for person in cff["references"][0]["authors"]]
    assert named == list(ORIGINAL_AUTHORS)


def test_every_direct_requirement_is_in_the_list_of_citations() -> None:
    listed = (ROOT / "CITATIONS.md").read_text("utf-8").lower()
    names = {"torch": "pytorch", "umap-learn": "umap"}
    for requirement in metadata.requires("wildvalues") or []:
        found = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert found is not None
        if 'extra == "dev"' not in requirement and "extra == 'dev'" not in requirement:
            assert names.get(found[0].lower(), found[0].lower()) in listed, found[0]
