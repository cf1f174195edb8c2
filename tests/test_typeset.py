"""The paper's numbers, tables and escapes, and the run of LaTeX with everything that can go wrong in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_results import write_synthetic_results
from wildvalues import typeset
from wildvalues.errors import InputError
from wildvalues.figures import FIGURES
from wildvalues.files import read_json
from wildvalues.params import Params
from wildvalues.results import read_results
from wildvalues.typesetting import compile as latex_run
from wildvalues.typesetting.compile import INSTALL, compile_pdf
from wildvalues.typesetting.latex import UNSET, Column, commands, elided, escape, table
from wildvalues.typesetting.numbers import flags, macros
from wildvalues.typesetting.study import Study
from wildvalues.typesetting.tables import TABLES

SOURCE = Path(__file__).parents[1] / "paper" / "source"
needs_latex = pytest.mark.skipif(
    not (shutil.which("latexmk") and shutil.which("pdflatex")), reason="LaTeX is not installed"
)
NASTY = [
    r"$\write18{rm -rf /}$ & 100% #1_a^b~{c}",
    r"\input{/etc/passwd}\end{document}",
    "日本の価値 🙂",
    "a" * 90,
    "e\u0301galite\u0301 \u200b\u202e!?`quote'",
    "Αρετή ς ½ ² ﬁ €",
    "--- <script>alert(1)</script> ,, ''",
]


def study_of(folder: Path, **options: object) -> Study:
    write_synthetic_results(folder, **options)  # type: ignore[arg-type]
    return load(folder)


def load(folder: Path) -> Study:
    metrics = folder / "results/metrics"
    return Study(
        Params(),
        read_results(folder / "results/tables"),
        read_json(metrics / "validation.json"),
        read_json(metrics / "disclose.json"),
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(tmp_path_factory.mktemp("empty"), n_values=0, models=0)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_escaped_text_holds_nothing_that_latex_would_act_on(text: str) -> None:
    bare = re.sub(r"\\(?:[A-Za-z]+|[{}$&#%_])(?:\{\})?", "", escape(text))
    bare = bare.replace(r"\ensuremath", "").replace("{}", "")
    assert not re.search(r"[\\$&#%^_~<>|\"`]", bare)
    assert "\n" not in escape(text)


@given(st.text(max_size=60))
def test_braces_of_escaped_text_balance(text: str) -> None:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", escape(text).replace(r"\\", "")):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("healthy boundaries", "healthy boundaries"),
        ("50% & more", r"50\% \& more"),
        ("naïve Łódź", "naïve Łódź"),
        ("e\u0301", "é"),
        ("価", UNSET),
        ("a\x00\u202eb", "ab"),
        ("½", "1/2"),
        ("ﬁ", "fi"),
        ("α", r"\ensuremath{\alpha}"),
        ("well-being", "well-{}being"),
    ],
)
def test_characters_are_set_mapped_boxed_or_dropped(text: str, latex: str) -> None:
    assert escape(text) == latex


def test_a_long_name_in_a_table_is_cut_and_can_be_broken() -> None:
    assert elided("a" * 90).count(r"\allowbreak{}") == 2
    assert elided("a" * 90).endswith(r"\textellipsis{}")


def test_macros_are_written_sorted_and_switches_are_set() -> None:
    assert commands({"B": "2", "A": "1"}, {"HasUsers": False}) == (
        "\\newcommand{\\wvA}{1}\n\\newcommand{\\wvB}{2}\n\\newif\\ifwvHasUsers \\wvHasUsersfalse\n"
    )


def test_a_table_without_rows_is_a_sentence() -> None:
    assert table([Column("value")], [], "No value.") == "\\wvabsent{No value.}\n"


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_a_table_fills_its_columns(name: str, study: Study, empty: Study) -> None:
    latex = TABLES[name](study)
    rows = [line for line in latex.splitlines() if line.endswith((r"\\", r"\\*")) and "wvtablecaption" not in line]
    widths = {len(re.findall(r"(?<!\\)&", row)) for row in rows if r"\multicolumn" not in row}
    assert len(rows) > 1
    assert len(widths) == 1
    assert TABLES[name](empty).startswith(r"\wvabsent{") or name in ("pipeline", "disclosure")


def test_numbers_of_the_text_are_those_of_the_tables(study: Study) -> None:
    found = macros(study)
    shares = study.tables["response_types"].set_index(["denominator", "response_type"])["share"]
    assert found["StrongSupport"].startswith(f"{100 * shares['subjective', 'strong_support']:.1f}")
    pipeline = study.tables["pipeline"].set_index(["stage", "metric"])["value"]
    assert found["Read"] == f"{int(pipeline['ingest', 'conversations']):,}"
    values = study.tables["frequencies"]
    values = values[(values["facet"] == "ai_values") & (values["level"] == 0)]
    assert found["AiPublished"] == str(len(values))
    assert values.sort_values("share")["name"].iloc[-1] in found["TopAi"]


def test_the_text_adapts_to_what_the_study_has(study: Study, empty: Study, tmp_path: Path) -> None:
    assert all(flags(study)[name] for name in ("Demo", "HasHuman", "HasUsers", "HasModels", "HasGold", "HasTree"))
    bare = flags(study_of(tmp_path, n_values=8, users=False, models=1, human=False, demo=False))
    assert bare["HasAi"]
    assert not any(bare[name] for name in ("Demo", "HasHuman", "HasUsers", "HasModels", "HasMirroring"))
    assert not any(on for name, on in flags(empty).items() if name.startswith("Has"))


@pytest.mark.parametrize("which", ["study", "empty"])
def test_no_macro_shows_a_missing_value_of_the_tables(which: str, request: pytest.FixtureRequest) -> None:
    for name, latex in macros(request.getfixturevalue(which)).items():
        assert not re.search(r"\b(?:nan|None|NaN|inf|<NA>)\b", latex), name


def test_equal_tables_give_an_equal_build(study: Study, tmp_path: Path) -> None:
    captions = fake_figures(tmp_path)
    for name in ("first", "second"):
        typeset.write_build(study, captions, tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*.tex"))
    assert len(files) == 2 + len(TABLES)
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_without_latex_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(latex_run.shutil, "which", lambda _tool: None)
    with pytest.raises(InputError) as caught:
        compile_pdf({}, tmp_path / "main.pdf")
    assert INSTALL in str(caught.value)
    assert "latexmk and pdflatex not found" in str(caught.value)


@needs_latex
def test_an_error_of_latex_is_one_sentence_and_its_log_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.tex").write_text("\\documentclass{article}\\begin{document}\n\\nosuchmacro\\end{document}", "utf-8")
    log = tmp_path / "logs" / "latex.log"
    with pytest.raises(InputError) as caught:
        compile_pdf({"paper/source": source}, tmp_path / "main.pdf", failed_log=log)
    assert "Undefined control sequence" in str(caught.value)
    assert "line 2" in str(caught.value)
    assert str(log) in str(caught.value)
    assert "nosuchmacro" in log.read_text("utf-8")
    assert not (tmp_path / "main.pdf").exists()


@needs_latex
@pytest.mark.slow
def test_the_paper_of_a_study_with_awkward_names_is_set_twice_with_equal_bytes(tmp_path: Path) -> None:
    write_synthetic_results(tmp_path, n_values=30)
    rename(tmp_path / "results/tables")
    for name in ("first", "second"):
        assert set_paper(tmp_path, name).read_bytes().startswith(b"%PDF")
    assert (tmp_path / "first.pdf").read_bytes() == (tmp_path / "second.pdf").read_bytes()
    content = pdf_text(tmp_path / "first.pdf")
    assert "??" not in content
    assert "root:" not in content


@needs_latex
@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"n_values": 0, "models": 0},
        {"n_values": 4, "users": False, "models": 1, "human": False, "demo": False},
    ],
)
def test_the_paper_of_a_study_that_lacks_things_is_set(options: dict[str, object], tmp_path: Path) -> None:
    write_synthetic_results(tmp_path, **options)  # type: ignore[arg-type]
    set_paper(tmp_path, "paper")
    content = pdf_text(tmp_path / "paper.pdf")
    assert "Models cannot be compared" in content
    assert ("demonstration data written for the" in content) is options.get("demo", True)


def set_paper(folder: Path, name: str) -> Path:
    """Set the paper; the figures are blank pages, since their own tests draw them."""
    results = folder / "results"
    figures = fake_figures(folder)
    typeset.run(
        Params(),
        tables=results / "tables",
        figures=figures,
        validation=results / "metrics/validation.json",
        disclosure=results / "metrics/disclose.json",
        source=SOURCE,
        build=folder / f"{name}-build",
        pdf=folder / f"{name}.pdf",
    )
    return folder / f"{name}.pdf"


def fake_figures(folder: Path) -> Path:
    from matplotlib.figure import Figure

    figures = folder / "figures"
    if not figures.exists():
        figures.mkdir()
        for name in FIGURES:
            Figure(figsize=(6, 1)).savefig(figures / f"{name}.pdf", metadata={"CreationDate": None})
            (figures / f"{name}.txt").write_text("Shares of n = 4 values, 95 % intervals & so on.\n", "utf-8")
    return figures


def rename(tables: Path) -> None:
    import pandas as pd

    names = pd.read_csv(tables / "frequencies.csv", dtype=str, keep_default_na=False)
    names = names.sort_values("n_conversations", key=lambda column: -column.astype(int))["name"].unique()
    awkward = {name: f"{NASTY[i % len(NASTY)]} {i}" for i, name in enumerate(names[:40])}
    for path in tables.glob("*.csv"):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        for column in {"name", "row_name", "column_name"} & set(frame):
            frame[column] = frame[column].replace(awkward)
        frame.to_csv(path, index=False)


def pdf_text(path: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True)
    return " ".join(done.stdout.decode("utf-8").split())
