"""The page a reader opens from a folder: complete, offline, safe against what a model may have named a value."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_results import write_synthetic_results
from wildvalues.explore import STAGE
from wildvalues.explorer.chunks import digits_for, hash_id, number, write_chunk
from wildvalues.explorer.details import PARTNERS
from wildvalues.params import Params
from wildvalues.stage import run_stage

EVIL = "<script>document.title='broken'</script>"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def explore(folder: Path) -> Path:
    out = folder / "results" / "explorer"
    results = folder / "results"
    paths = {"tables": results / "tables", "validation": results / "metrics" / "validation.json", "explorer": out}
    run_stage("explore", Params.model_validate({"study": {"title": "Values & <i>co</i>"}}), paths)
    return out


def chunk(page: Path, key: str) -> Any:
    text = (page / "data" / f"{key}.js").read_text("utf-8")
    match = re.fullmatch(r'wildvalues\.receive\("([^"]*)",JSON\.parse\((.*)\)\);\n', text)
    assert match is not None
    assert match[1] == key
    return json.loads(json.loads(match[2]))


def details(page: Path, facet: str, node_id: str) -> Any:
    digits = chunk(page, "study")["facets"][facet]["digits"]
    return chunk(page, f"{facet}/{hash_id(node_id)[:digits] or 'all'}")[node_id]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_synthetic_results(folder, n_values=160)
    for path in (folder / "results" / "tables").glob("*.csv"):
        path.write_text(re.sub(r"\bthrift\b(?! )(?=,)", EVIL, path.read_text("utf-8")), "utf-8")
    return folder


@pytest.fixture(scope="module")
def page(study: Path) -> Path:
    return explore(study)


def test_the_page_asks_nothing_of_the_network(page: Path) -> None:
    html, css, js = ((page / name).read_text("utf-8") for name in ("index.html", "explorer.css", "explorer.js"))
    for text in (html, css, js):
        assert not re.search(r"(src|href)\s*=\s*[\"'](https?:)?//|url\(|@import|fetch\(|XMLHttpRequest|https?://", text)
    assert "default-src 'none'" in html


def test_data_never_becomes_markup(page: Path) -> None:
    js = (page / "explorer.js").read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", js)
    html = (page / "index.html").read_text("utf-8")
    assert "<i>co</i>" not in html
    assert "Values &amp; &lt;i&gt;co" in html
    for path in (page / "data").rglob("*.js"):
        assert not set("<>&\u2028\u2029") & set(path.read_text("utf-8"))


def test_a_value_named_like_a_script_is_still_found_by_its_name(page: Path) -> None:
    assert EVIL in chunk(page, "tree-ai_values")["names"]
    assert details(page, "ai_values", EVIL)["base"] > 0


def test_every_published_node_is_in_its_tree_under_its_parent(page: Path, study: Path) -> None:
    published = pd.read_csv(study / "results" / "tables" / "taxonomy.csv", keep_default_na=False)
    for facet, nodes in published.groupby("facet"):
        tree = chunk(page, f"tree-{facet}")
        ids = [name if id_ is None else id_ for id_, name in zip(tree["ids"], tree["names"], strict=True)]
        assert sorted(ids) == sorted(nodes["node_id"])
        parents = dict(zip(nodes["node_id"], nodes["parent_id"], strict=True))
        for row, parent in enumerate(tree["parents"]):
            assert parents[ids[row]] == (ids[parent] if parent >= 0 else "")
            assert parent < row, "parents come before their children"


def test_a_value_shows_its_most_over_and_under_represented_contexts(page: Path, study: Path) -> None:
    cells = pd.read_csv(study / "results" / "tables" / "associations.csv", keep_default_na=False)
    mine = cells[(cells["row_id"] == "patience") & (cells["row_facet"] == "ai_values")]
    mine = mine[(mine["column_facet"] == "task") & (mine["column_level"] == 1)]
    shown = details(page, "ai_values", "patience")["partners"]["task/1"]
    over = mine[mine["residual"] >= 0].nlargest(PARTNERS, "residual")
    under = mine[mine["residual"] < 0].nsmallest(PARTNERS, "residual")
    assert {cell[0] for cell in shown} == {*over["column_id"], *under["column_id"]}
    strongest = over.iloc[0]
    cell = next(cell for cell in shown if cell[0] == strongest["column_id"])
    assert cell[2] == strongest["observed"]
    assert cell[3] == pytest.approx(strongest["observed"] / strongest["column_total"], rel=1e-4)
    assert cell[4] == pytest.approx(strongest["row_total"] / strongest["n"], rel=1e-4)
    assert cell[5] == pytest.approx(strongest["residual"], rel=1e-4)


def test_a_context_shows_the_same_cells_from_the_other_side(page: Path) -> None:
    for cell in details(page, "response_type", "reframing")["partners"]["ai_values/1"]:
        back = details(page, "ai_values", cell[0])["partners"]["response_type/0"]
        assert ["reframing", "reframing", *cell[2:]] in back


def test_only_aggregates_over_the_published_tables_are_read() -> None:
    assert all(path.startswith("results/") for path in (*STAGE.reads.values(), *STAGE.writes.values()))


def test_the_banner_is_there_for_demonstration_data_only(page: Path, tmp_path: Path) -> None:
    assert "Demonstration data" in (page / "index.html").read_text("utf-8")
    write_synthetic_results(tmp_path, n_values=0, demo=False, human=False, users=False, models=0)
    other = explore(tmp_path)
    assert "Demonstration data" not in (other / "index.html").read_text("utf-8")
    assert chunk(other, "study")["facets"]["ai_values"]["counts"] == []
    assert chunk(other, "tree-task")["names"] == []


def test_equal_tables_give_equal_bytes_whatever_their_row_order(page: Path, study: Path, tmp_path: Path) -> None:
    shutil.copytree(study / "results" / "metrics", tmp_path / "results" / "metrics")
    (tmp_path / "results" / "tables").mkdir()
    for path in (study / "results" / "tables").glob("*.csv"):
        head, *rows = path.read_text("utf-8").splitlines(keepends=True)
        (tmp_path / "results" / "tables" / path.name).write_text("".join([head, *reversed(rows)]), "utf-8")
    other = explore(tmp_path)
    files = sorted(path.relative_to(page) for path in page.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(other) for path in other.rglob("*") if path.is_file())
    for name in files:
        assert (page / name).read_bytes() == (other / name).read_bytes(), name


def test_chunks_stay_small_however_many_values_there_are() -> None:
    for n in (0, 1, 150, 151, 3_307, 100_000):
        assert n / 16 ** digits_for(n) <= 150
    assert digits_for(100_000) == 3


def test_the_hash_is_fnv_1a() -> None:
    # Published test vectors of the 32-bit variant.
    assert hash_id("") == "811c9dc5"
    assert hash_id("a") == "e40c292c"
    assert hash_id("foobar") == "bf9cf968"


@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_way_into_a_chunk(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("chunk")
    (folder / "data").mkdir()
    write_chunk(folder / "data", "x", {"name": text})
    assert chunk(folder, "x") == {"name": text}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), None, pd.NA])
def test_numbers_json_cannot_hold_are_missing(bad: object) -> None:
    assert number(bad) is None


def dom(page: Path, address: str, profile: Path) -> str:
    assert CHROMIUM is not None
    flags = "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-dev-shm-usage"
    command = [CHROMIUM, *flags.split(), f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom"]
    done = subprocess.run(
        [*command, f"file://{page}/index.html{address}"], capture_output=True, text=True, timeout=90, check=True
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize(
    ("address", "heading"),
    [
        ("", "Values &amp; &lt;i&gt;co&lt;/i&gt;"),
        ("#/values", "Values of the replies"),
        ("#/values/patience", "patience"),
        ("#/values/%3Cscript%3Edocument.title%3D'broken'%3C%2Fscript%3E", "&lt;script&gt;document.title"),
        ("#/tasks", "Tasks"),
        ("#/responses/reframing", "Reframing"),
        ("#/models/aster-1", "aster-1"),
        ("#/map", "Map of meanings"),
        ("#/accuracy", "How far to trust this"),
        ("#/values/never%20heard%20of", "Not in this study"),
        ("#/values/100%", "Not in this study"),
        ("#/nowhere", "No such page"),
    ],
)
def test_a_browser_opens_each_address_from_the_folder(page: Path, tmp_path: Path, address: str, heading: str) -> None:
    shown = dom(page, address, tmp_path / "profile")
    assert f"<h1>{heading}" in shown
    assert "<title>broken" not in shown
    assert "could not be opened" not in shown
