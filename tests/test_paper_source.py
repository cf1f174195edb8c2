"""The hand-written source of the paper: no result typed by hand, every macro defined and used, every figure shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from synthetic_results import write_synthetic_results
from wildvalues.figures import FIGURES
from wildvalues.files import read_json
from wildvalues.params import Params
from wildvalues.results import read_results
from wildvalues.typeset import _camel
from wildvalues.typesetting.numbers import flags, macros
from wildvalues.typesetting.study import Study
from wildvalues.typesetting.tables import TABLES

SOURCE = Path(__file__).parents[1] / "paper" / "source"
SECTIONS = sorted((SOURCE / "sections").glob("*.tex"))
# Commands whose arguments are labels, keys and file names rather than text.
_REFERENCES = r"\\(?:autoref|ref|label|citep|citet|input|studyfigure|studytable|longstudytable)\{[^}]*\}"
# Lengths that are layout, not results.
_LAYOUT = r"\\Needspace\*?\{[^}]*\}|\\hspace\*?\{[^}]*\}"


def text_of(path: Path) -> str:
    return re.sub(r"(?<!\\)%.*", "", path.read_text("utf-8"))


ALL = "\n".join(text_of(path) for path in SOURCE.rglob("*.tex"))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("study")
    write_synthetic_results(folder, n_values=12)
    metrics = folder / "results/metrics"
    return Study(
        Params(),
        read_results(folder / "results/tables"),
        read_json(metrics / "validation.json"),
        read_json(metrics / "disclose.json"),
    )


@pytest.mark.parametrize("path", SECTIONS, ids=lambda path: path.stem)
def test_no_digit_is_typed_by_hand(path: Path) -> None:
    # In the residual's formula a one is arithmetic.
    text = re.sub(r"\$[^$]*\\sqrt[^$]*\$", "", text_of(path))
    text = re.sub(f"{_REFERENCES}|{_LAYOUT}", "", text)
    found = [line.strip() for line in text.splitlines() if re.search(r"\d", line)]
    assert found == []


@pytest.mark.parametrize("name", ["abstract", "data", "results"])
def test_no_number_is_written_out_where_a_result_belongs(name: str) -> None:
    text = text_of(SOURCE / "sections" / f"{name}.tex")
    assert re.findall(r"\b(?:half|third|quarter|dozen|hundred|thousand|percent of)\b", text) == []


def test_every_macro_the_source_uses_is_defined(study: Study) -> None:
    own = set(re.findall(r"\\(?:re)?newcommand\{\\wv([A-Za-z]+)\}", ALL))
    captions = {f"Caption{_camel(name)}" for name in FIGURES}
    used = set(re.findall(r"\\wv([A-Z][A-Za-z]*)", ALL))
    assert used - set(macros(study)) - captions - own == set()
    assert set(re.findall(r"\\ifwv([A-Za-z]+)", ALL)) - set(flags(study)) == set()


def test_every_macro_that_is_defined_is_used(study: Study) -> None:
    used = set(re.findall(r"\\wv([A-Z][A-Za-z]*)", ALL))
    assert set(macros(study)) - used == set()
    assert set(flags(study)) - set(re.findall(r"\\ifwv([A-Za-z]+)", ALL)) == set()


def test_every_condition_is_closed() -> None:
    for path in SECTIONS:
        text = text_of(path)
        assert len(re.findall(r"\\ifwv", text)) == len(re.findall(r"\\fi(?![a-zA-Z])", text)), path.name


def test_every_figure_and_table_is_in_the_paper() -> None:
    assert set(re.findall(r"\\studyfigure\{(\w+)\}", ALL)) == set(FIGURES)
    assert set(re.findall(r"\\(?:long)?studytable\{(\w+)\}", ALL)) == set(TABLES)


def test_every_reference_and_citation_has_its_target() -> None:
    labels = set(re.findall(r"\\label\{([^}#]+)\}", ALL))
    labels |= {f"fig:{name}" for name in FIGURES} | {f"tab:{name}" for name in TABLES}
    assert set(re.findall(r"\\autoref\{([^}]+)\}", ALL)) - labels == set()
    entries = set(re.findall(r"^@\w+\{([^,]+),", (SOURCE / "references.bib").read_text("utf-8"), re.MULTILINE))
    cited = {key.strip() for keys in re.findall(r"\\cite[pt]\{([^}]+)\}", ALL) for key in keys.split(",")}
    assert cited == entries


def test_the_paper_never_says_that_a_model_has_a_value() -> None:
    text = " ".join(ALL.split())
    assert not re.search(r"\b(?:AI|model|assistant) (?:has|have|holds|hold|believes|wants)\b", text, re.IGNORECASE)
    assert "no claim about inner states" in text


def test_the_limits_name_the_small_model_and_its_measured_error() -> None:
    limits = text_of(SOURCE / "sections" / "limits.tex")
    embedded = limits[limits.index(r"\ifwvEmbedded") :]
    assert "small language model" in embedded
    assert r"\wvAgreement" in embedded
