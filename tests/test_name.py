"""Names by vectors are unique within a level, read wider upwards, and are scored by how they sort members."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from wildvalues.errors import InputError
from wildvalues.files import read_json, read_table, write_table
from wildvalues.name import run
from wildvalues.params import Cluster, Embed, Params
from wildvalues.tables import CLUSTERS, EMBEDDINGS, TAXONOMY, VOCABULARY
from wildvalues.taxonomy.hierarchy import Hierarchy, build, unit
from wildvalues.taxonomy.naming import Facet, facet_of
from wildvalues.taxonomy.naming_audit import fits
from wildvalues.taxonomy.naming_centre import Lexicon, name_level_by_centre
from wildvalues.taxonomy.naming_prompt import load_prompt
from wildvalues.taxonomy.nodes import tree
from wildvalues.taxonomy.spelling import letters_key

PROMPTS = Path(__file__).parent.parent / "workflow" / "prompts"
NAMES = [
    "candour", "honesty", "sincerity", "truth telling", "care", "compassion", "kindness", "warmth",
    "caution", "harm prevention", "safety", "vigilance", "craft", "precision", "rigour", "thoroughness",
]  # fmt: skip


def study(values: list[str] = NAMES, levels: tuple[int, ...] = (4, 2)) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Four values around each of four directions: nodes, vectors, conversations of each."""
    random = np.random.default_rng(4)
    centres = np.repeat(np.eye(4, 8), 4, axis=0)[: len(values)]
    vectors = unit(centres + random.normal(scale=0.15, size=(len(values), 8)))
    counts = np.arange(1, len(values) + 1)
    hierarchy = build(vectors, counts, Cluster(levels=list(levels)))
    return tree("ai_values", values, hierarchy), vectors, counts


def facet() -> Facet:
    nodes, vectors, counts = study()
    return facet_of("ai_values", nodes, NAMES, vectors, counts)


def write_inputs(folder: Path) -> dict[str, Path]:
    nodes, vectors, counts = study()
    base = pd.DataFrame({"facet": "ai_values", "value": NAMES})
    write_table(CLUSTERS.arrange(nodes), folder / "clusters", CLUSTERS.schema)
    write_table(base.assign(vector=list(vectors.astype(np.float32))), folder / "embeddings", EMBEDDINGS.schema)
    counted = base.assign(n_conversations=counts, n_mentions=counts, variants=[[name] for name in NAMES])
    write_table(counted, folder / "vocabulary", VOCABULARY.schema)
    paths = {key: folder / key for key in ("clusters", "embeddings", "vocabulary", "taxonomy", "metrics")}
    return {**paths, "prompts": PROMPTS}


@pytest.fixture(autouse=True)
def eight_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of new names in the dimensions of the made-up study, without an embedding model."""

    def encode(names: list[str], embed: Embed) -> np.ndarray:
        rows = [[len(name), *(sum(map(ord, name)) % (i + 5) for i in range(7))] for name in names]
        return unit(np.array(rows, dtype=np.float32).reshape(-1, 8))

    monkeypatch.setattr("wildvalues.taxonomy.vectors.encode", encode)


def test_a_fine_cluster_is_called_like_a_member_nearer_to_it_than_to_any_other() -> None:
    of = facet()
    centres = {group.node_id: unit(group.mean) for group in of.at(1)}
    for group in of.at(1):
        name = name_level_by_centre(of, 1, {})[group.node_id].name
        assert name in group.members
        assert max(centres, key=lambda node: centres[node] @ of.vector(name)) == group.node_id


def test_frequent_values_pull_the_name() -> None:
    nodes, vectors, _ = study(levels=(1,))
    heavy = np.where(np.arange(16) == 5, 100_000, 1)
    named = name_level_by_centre(facet_of("ai_values", nodes, NAMES, vectors, heavy), 1, {})
    assert [given.name for given in named.values()] == ["compassion"]


def test_a_cluster_may_take_a_general_name_that_says_more_than_any_member() -> None:
    of = facet()
    group, other = of.at(2)
    lexicon = Lexicon(["all of it", "nothing of it"], unit(np.vstack([group.mean - other.mean / 2, np.ones(8)])))
    assert name_level_by_centre(of, 2, {}, lexicon)[group.node_id].name == "all of it"


def test_a_cluster_of_clusters_never_repeats_the_name_of_a_part_unless_it_has_only_one() -> None:
    of = facet()
    fine = name_level_by_centre(of, 1, {})
    coarse = name_level_by_centre(of, 2, fine)
    assert len({given.name for given in coarse.values()}) == 2
    for group in of.at(2):
        assert coarse[group.node_id].name not in {fine[child].name for child in group.children}
        assert all(part in NAMES for part in coarse[group.node_id].name.split(" and "))
    values = NAMES[:8]
    nodes = tree("ai_values", values, Hierarchy([np.repeat([0, 1, 2], [3, 3, 2]), np.repeat([0, 1], [3, 5])]))
    lone = facet_of("ai_values", nodes, values, of.vectors[:8], np.arange(1, 9))
    fine = name_level_by_centre(lone, 1, {})
    coarse = name_level_by_centre(lone, 2, fine)
    group = next(group for group in lone.at(2) if len(group.children) == 1)
    assert coarse[group.node_id].name == fine[group.children[0]].name


@settings(max_examples=15, deadline=None)
@drawn(st.integers(0, 1_000), st.integers(1, 3))
def test_no_name_repeats_within_a_level_however_alike_the_clusters(seed: int, spread: int) -> None:
    random = np.random.default_rng(seed)
    values = [f"value {i // spread}{'-' * (i % spread)}" for i in range(24)]
    vectors = unit(np.ones(4) + random.normal(scale=0.01, size=(24, 4)))
    nodes = tree("task", values, Hierarchy([random.permutation(24) // 3, np.zeros(24, dtype=int)]))
    nodes = nodes[nodes["level"] < 2]
    nodes.loc[nodes["level"] == 1, "parent_id"] = None
    named = name_level_by_centre(facet_of("task", nodes, values, vectors, np.ones(24, dtype=int)), 1, {})
    assert len({letters_key(given.name) for given in named.values()}) == 8


def test_a_description_lists_the_most_frequent_members() -> None:
    of = facet()
    named = name_level_by_centre(of, 1, {})
    assert "Values: thoroughness, rigour, precision and craft." in {given.description for given in named.values()}


def test_a_name_that_sorts_every_member_fits_fully_and_a_wrong_one_not() -> None:
    of = facet()
    named = name_level_by_centre(of, 1, {})
    assert set(fits(of, 1, named).values()) == {1.0}
    first, second = list(named)[:2]
    swapped = {**named, first: named[second], second: named[first]}
    assert sorted(fits(of, 1, swapped).values()) == [0.0, 0.0, 1.0, 1.0]


def test_the_stage_names_every_node_and_counts(tmp_path: Path) -> None:
    paths = write_inputs(tmp_path)
    run(Params(), **paths)
    table = read_table(paths["taxonomy"], TAXONOMY.schema)
    leaves = table[table["level"] == 0]
    assert (leaves["name"] == leaves["node_id"]).all()
    assert (leaves["description"] == "").all()
    assert leaves["fit"].isna().all()
    clusters = table[table["level"] > 0]
    assert clusters["fit"].between(0, 1).all()
    assert not clusters.duplicated(["facet", "level", "name"]).any()
    metrics = read_json(paths["metrics"])
    assert (metrics["clusters"], metrics["named_by_centre"], metrics["named_by_model"], metrics["calls"]) == (
        6,
        6,
        0,
        0,
    )
    first = paths["taxonomy"].read_bytes()
    run(Params(), **paths)
    assert paths["taxonomy"].read_bytes() == first


def test_a_value_outside_every_cluster_keeps_its_row_and_has_no_say_in_names() -> None:
    of = facet()
    labels = np.where(np.arange(16) % 4 == 3, -1, np.arange(16) // 4)
    nodes = tree("ai_values", NAMES, Hierarchy([labels]))
    sparse = facet_of("ai_values", nodes, NAMES, of.vectors, np.arange(1, 17))
    named = name_level_by_centre(sparse, 1, {})
    outside = {name for name, label in zip(NAMES, labels, strict=True) if label < 0}
    assert not outside & {part for given in named.values() for part in given.name.split(" and ")}
    assert not outside & {value for group in sparse.groups for value in sparse.outsiders(group, 16)}
    assert set(fits(sparse, 1, named)) == set(named)


def test_no_cluster_at_all_is_an_empty_table(tmp_path: Path) -> None:
    paths = {key: tmp_path / key for key in ("clusters", "embeddings", "vocabulary", "taxonomy", "metrics")}
    for key, table in (("clusters", CLUSTERS), ("embeddings", EMBEDDINGS), ("vocabulary", VOCABULARY)):
        write_table(table.schema.empty_table(), paths[key], table.schema)
    run(Params(), prompts=PROMPTS, **paths)
    assert read_table(paths["taxonomy"], TAXONOMY.schema).empty


def test_a_broken_prompt_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cluster_name\.yaml: no such prompt file"):
        load_prompt(tmp_path)
    text = (PROMPTS / "cluster_name.yaml").read_text("utf-8")
    (tmp_path / "cluster_name.yaml").write_text(text.replace("{inside}", "{insde}"), "utf-8")
    with pytest.raises(InputError, match="insde"):
        load_prompt(tmp_path)
