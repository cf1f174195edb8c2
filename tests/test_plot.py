"""Figures: all of them, from any study, the same bytes every time, with nothing cut or on top of something else."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from synthetic_results import synthetic_validation, write_synthetic_results
from wildvalues import plot
from wildvalues.errors import InputError
from wildvalues.figures import FIGURES, style, text
from wildvalues.figures.accuracy import NO_GOLD, measured
from wildvalues.figures.confusion import confusions
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.files import read_json
from wildvalues.params import Params, Plot
from wildvalues.published import load_published
from wildvalues.results import read_results
from wildvalues.tables import RESPONSE_TYPES

STUDIES: dict[str, dict[str, object]] = {
    "ordinary": {},
    "four values": {"n_values": 4},
    "three hundred values": {"n_values": 300},
    "no users, one model, no human value": {"users": False, "models": 1, "human": False, "demo": False},
    "nothing published": {"n_values": 0, "models": 0},
}
# "ordinary" is drawn under nasty names, which is harder.
DRAWN = [*list(STUDIES)[1:], "nasty names"]
Box = tuple[float, float, float, float]
PUBLISHED = Path(__file__).parents[1] / "data/reference/published.yaml"
NASTY = ["$x$ & \\input{a}", "日本の価値", "a" * 120, "null", "line\nbreak\x00\u202e", "שלום", " ", "ﬁ ½ 🙂", "--"]


class Picture(NamedTuple):
    drawn: Drawn
    texts: list[tuple[str, Box]]


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Material]:
    found = {}
    for i, (name, options) in enumerate(STUDIES.items()):
        folder = tmp_path_factory.mktemp(f"study{i}")
        write_synthetic_results(folder, **options)  # type: ignore[arg-type]
        validation = read_json(folder / "results/metrics/validation.json")
        found[name] = Material(read_results(folder / "results/tables"), validation, Plot(), load_published(PUBLISHED))
    found["nasty names"] = renamed(found["ordinary"])
    return found


def renamed(material: Material) -> Material:
    """The same study with the most frequent values, clusters and kinds of task under awkward names."""
    names = list(dict.fromkeys(material.tables["taxonomy"]["name"]))[::7]
    awkward = {name: NASTY[i % len(NASTY)] + (" " * 2 + str(i)) * (i >= len(NASTY)) for i, name in enumerate(names)}
    columns = ("name", "row_name", "column_name")
    tables = {
        key: table.assign(**{c: table[c].replace(awkward) for c in columns if c in table})
        for key, table in material.tables.items()
    }
    return dataclasses.replace(material, tables=tables)


def make(name: str, material: Material) -> Drawn:
    with style.applied():
        drawn: Drawn = importlib.import_module(f"wildvalues.figures.{name}").make(material)
    return drawn


def text_boxes(drawn: Drawn) -> list[tuple[str, Box]]:
    """Every text that the renderer is asked to draw, with its box in pixels."""
    shown: list[Text] = []

    def record(self: Text, renderer: RendererBase) -> None:
        if self.get_visible() and self.get_text().strip():
            shown.append(self)

    with style.applied(), mock.patch.object(Text, "draw", record):
        canvas = FigureCanvasAgg(drawn.figure)
        drawn.figure.draw(canvas.get_renderer())
        boxes = [(artist.get_text(), artist.get_window_extent(canvas.get_renderer())) for artist in shown]
    return [(label, (box.x0, box.y0, box.x1, box.y1)) for label, box in boxes]


@pytest.fixture(scope="module")
def pictures(materials: dict[str, Material]) -> Callable[[str, str], Picture]:
    """Draw a figure of a study once; a glyph that no font has, or any other warning, is an error."""

    @functools.cache
    def draw(name: str, study: str) -> Picture:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            drawn = make(name, materials[study])
            return Picture(drawn, text_boxes(drawn))

    return draw


@pytest.mark.parametrize("study", DRAWN)
@pytest.mark.parametrize("name", FIGURES)
def test_no_label_is_cut(name: str, study: str, pictures: Callable[[str, str], Picture]) -> None:
    picture = pictures(name, study)
    width, height = picture.drawn.figure.get_size_inches() * picture.drawn.figure.dpi
    cut = [
        label for label, (x0, y0, x1, y1) in picture.texts if x0 < -1 or y0 < -1 or x1 > width + 1 or y1 > height + 1
    ]
    assert cut == []
    assert len(picture.texts) > 0


@pytest.mark.parametrize("study", DRAWN)
@pytest.mark.parametrize("name", FIGURES)
def test_no_label_lies_on_another(name: str, study: str, pictures: Callable[[str, str], Picture]) -> None:
    boxes = pictures(name, study).texts
    slack = 1.5  # pixels: a box holds the font's full height, letters do not
    overlaps = [
        (a, b)
        for i, (a, (ax0, ay0, ax1, ay1)) in enumerate(boxes)
        for b, (bx0, by0, bx1, by1) in boxes[i + 1 :]
        if min(ax1, bx1) - max(ax0, bx0) > slack and min(ay1, by1) - max(ay0, by0) > 2 * slack
    ]
    assert overlaps == []


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stage's output for a small study."""
    study = tmp_path_factory.mktemp("study")
    write_synthetic_results(study, n_values=4)
    run(study, study / "figures")
    return study / "figures"


def test_the_stage_writes_three_forms_the_data_and_the_caption_of_every_figure(figures: Path) -> None:
    folder = figures
    expected = {f"{name}.{kind}" for name in FIGURES for kind in ("pdf", "svg", "png", "csv", "txt")}
    assert {path.name for path in folder.iterdir()} == expected
    for name in FIGURES:
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert ET.parse(folder / f"{name}.svg").getroot().tag.endswith("svg")
        assert len(pd.read_csv(folder / f"{name}.csv")) > 0
        assert (folder / f"{name}.txt").read_text("utf-8").endswith(".\n")


def test_equal_tables_give_equal_figures_whatever_the_order_of_their_rows(tmp_path: Path) -> None:
    write_synthetic_results(tmp_path, n_values=12)
    materials = []
    for seed in (None, 1):
        for path in (tmp_path / "results/tables").glob("*.csv") if seed else ():
            header, *rows = path.read_text("utf-8").splitlines()
            np.random.default_rng(seed).shuffle(rows)
            path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
        materials.append(Material(read_results(tmp_path / "results/tables"), synthetic_validation(60), Plot()))
    for name in FIGURES:
        first, second = (make(name, material) for material in materials)
        pd.testing.assert_frame_equal(first.data, second.data)
        assert first.caption == second.caption


def test_equal_figures_give_equal_bytes(materials: dict[str, Material], tmp_path: Path) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        for name in ("mirroring", "rank_frequency"):
            with style.applied():
                plot.save(make(name, materials["ordinary"]).figure, tmp_path / folder / name)
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_no_file_of_a_figure_tells_when_or_with_what_it_was_made(figures: Path) -> None:
    for kind in ("pdf", "svg", "png"):
        content = (figures / f"values.{kind}").read_bytes()
        for trace in (b"CreationDate", b"dc:date", b"matplotlib.org", b"Matplotlib"):
            assert trace not in content


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("values", "No value"),
        ("map", "No AI value"),
        ("taxonomy", "No cluster"),
        ("associations", "No pair"),
        ("mirroring", "cannot be shown"),
        ("variation", "cannot be shown"),
        ("models", "the logs name no model"),
        ("response_types", "No response type"),
        ("explicitness", "does not know"),
        ("accuracy", "not known"),
        ("confusion", "not known"),
    ],
)
def test_a_figure_without_data_says_so(name: str, words: str, pictures: Callable[[str, str], Picture]) -> None:
    drawn, texts = pictures(name, "nothing published")
    assert words in drawn.caption
    assert words in " ".join(" ".join(label for label, _ in texts).split())
    assert drawn.data.empty


def test_one_model_is_no_comparison(materials: dict[str, Material]) -> None:
    assert "one model only" in make("models", materials["no users, one model, no human value"]).caption


def test_associations_are_selected_by_strength_alone(materials: dict[str, Material]) -> None:
    material = materials["ordinary"]
    data = make("associations", material).data
    tasks = data[data["column_facet"] == "task"]
    assert tasks["column_id"].nunique() == material.plot.contexts
    assert (tasks.groupby("column_id").size() <= material.plot.values_per_context).all()
    means = tasks.groupby("column_id", sort=False)["residual"].mean()
    assert means.is_monotonic_decreasing
    table = material.tables["associations"]
    strongest = table[(table["row_facet"] == "ai_values") & (table["row_level"] == 0)]
    for context, rows in tasks.groupby("column_id"):
        best = strongest.loc[strongest["column_id"] == context, "residual"].nlargest(len(rows))
        assert sorted(rows["residual"]) == pytest.approx(sorted(best))


def test_the_data_beside_a_figure_is_what_it_shows(materials: dict[str, Material]) -> None:
    material = materials["ordinary"]
    data = make("values", material).data
    table = material.tables["frequencies"].set_index(["facet", "level", "node_id"])
    assert (data.groupby("facet").size() == material.plot.top_values).all()
    for row in data.itertuples(index=False):
        assert row.share == table.loc[(row.facet, 0, row.node_id), "share"]


def test_measures_of_agreement_are_read_with_their_intervals() -> None:
    table = measured(synthetic_validation(60)).set_index(["facet", "measure"])
    row = table.loc[("subjectivity", "accuracy")]
    assert row["n"] == 60
    assert row["value_low"] < row["value"] < row["value_high"]


def test_each_row_of_a_confusion_table_is_whole_and_in_the_order_of_its_labels() -> None:
    table = confusions(synthetic_validation(60))
    assert not table.empty
    assert table.groupby(["facet", "gold"])["share"].sum().to_numpy() == pytest.approx(1)
    ranks = [RESPONSE_TYPES.index(kind) for kind in table.loc[table["facet"] == "response_type", "gold"]]
    assert ranks == sorted(ranks)


def test_accuracy_without_gold_is_not_a_number(materials: dict[str, Material]) -> None:
    material = Material(materials["ordinary"].tables, {"n": 0}, Plot())
    assert make("accuracy", material).caption == NO_GOLD


def test_a_missing_table_is_one_sentence(tmp_path: Path) -> None:
    write_synthetic_results(tmp_path, n_values=4)
    (tmp_path / "results/tables/models.csv").unlink()
    with pytest.raises(InputError, match=r"models\.csv: no such table; run `wildvalues disclose`"):
        run(tmp_path, tmp_path / "figures")


@given(st.text(max_size=80), st.floats(0.3, 3.0))
@settings(max_examples=150, deadline=None)
def test_a_label_never_takes_more_room_than_it_has(label: str, room: float) -> None:
    for line in text.wrap(label, room, style.SMALL, lines=2).split("\n"):
        assert text.width(line, style.SMALL) <= room + 1e-9


def test_a_label_that_fits_is_left_alone() -> None:
    assert text.elide("healthy boundaries", 2.0, style.SMALL) == "healthy boundaries"
    assert text.elide("healthy boundaries in every season", 1.0, style.SMALL).endswith("…")


def run(study: Path, figures: Path) -> None:
    results = study / "results"
    validation = results / "metrics/validation.json"
    plot.run(Params(), tables=results / "tables", validation=validation, published=PUBLISHED, figures=figures)
