"""The published study's headline figures: as shipped, as read, and beside a study's own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from synthetic_results import write_synthetic_results
from wildvalues.errors import InputError
from wildvalues.figures.drawn import Material
from wildvalues.figures.published import beside
from wildvalues.published import Figure, load_published
from wildvalues.results import read_results
from wildvalues.tables import RESPONSE_TYPES

SHIPPED = Path(__file__).parents[1] / "data/reference/published.yaml"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("study")
    write_synthetic_results(folder, n_values=12)
    return Material(read_results(folder / "results/tables"), published=load_published(SHIPPED))


def test_the_shipped_figures_name_their_source_and_add_up() -> None:
    published = load_published(SHIPPED)
    assert "2504.15236" in published.source.url
    assert len(published.caveat) > 100
    types = {figure.name: figure.percent for figure in published.figures if figure.measure == "response_type"}
    assert set(types) == set(RESPONSE_TYPES)
    assert sum(types.values()) == pytest.approx(100, abs=0.2)


def test_own_figures_stand_beside_the_published_ones_with_the_difference(material: Material) -> None:
    table = beside(material)
    assert len(table) == len(material.published.figures)
    row = table[(table["measure"] == "response_type") & (table["name"] == "strong_support")].iloc[0]
    own = material.tables["response_types"]
    own = own[(own["denominator"] == "subjective") & (own["response_type"] == "strong_support")].iloc[0]
    assert row["share"] == pytest.approx(own["share"], rel=1e-4)
    assert row["share_low"] == pytest.approx(own["share_low"], rel=1e-4)
    assert row["difference"] == pytest.approx(own["share"] - 0.282, abs=1e-4)
    assert row["difference_low"] < row["difference"] < row["difference_high"]


def test_a_value_is_found_under_another_spelling_and_a_missing_one_is_null(material: Material) -> None:
    name = str(material.nodes("ai_values", 0)["name"].iloc[0])
    figures = tuple(
        Figure(measure="ai_value", name=spelling, percent=1, base=100, certain=True)
        for spelling in (name.replace(" ", "-").upper(), "no such value")
    )
    asked = dataclasses.replace(material, published=material.published.model_copy(update={"figures": figures}))
    table = beside(asked)
    assert table["share"].iloc[0] == pytest.approx(material.nodes("ai_values", 0)["share"].iloc[0], rel=1e-4)
    assert np.isnan(table["share"].iloc[1])
    assert table["published"].notna().all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("figures: [", "not valid YAML"),
        ("caveat: x", "source"),
        ("source: {study: a, citation: b, url: c, corpus: d}\ncaveat: x\nfigures: [{measure: mood}]", "figures.0"),
        (
            "source: {study: a, citation: b, url: c, corpus: d}\ncaveat: x\n"
            "figures: [{measure: ai_value, name: a, percent: 120, certain: true}]",
            "figures.0.percent",
        ),
    ],
)
def test_a_faulty_file_of_figures_is_refused_in_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "published.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=said) as caught:
        load_published(path)
    assert str(path) in str(caught.value)
