"""Levels are strictly nested, ids say what a cluster holds, and neither order nor cores change a byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from wildvalues.cluster import run
from wildvalues.errors import ParamsError
from wildvalues.files import read_json, read_table, write_table
from wildvalues.params import Cluster, Params, load_params
from wildvalues.tables import CLUSTERS, EMBEDDINGS, VOCABULARY
from wildvalues.taxonomy import kmeans
from wildvalues.taxonomy.density import dense_levels
from wildvalues.taxonomy.hierarchy import Hierarchy, build, level_sizes, unit
from wildvalues.taxonomy.nodes import cluster_id, members_of, tree

PROMPTS = Path(__file__).parent.parent / "workflow" / "prompts"


def blobs(groups: int, each: int, seed: int = 0) -> np.ndarray:
    """Vectors around `groups` centres that lie far apart."""
    random = np.random.default_rng(seed)
    centres = unit(random.normal(size=(groups, 16)))
    return unit(np.repeat(centres, each, axis=0) + random.normal(scale=0.05, size=(groups * each, 16)))


def write_inputs(folder: Path, vectors: np.ndarray, facet: str = "ai_values", order: np.ndarray | None = None) -> None:
    folder.mkdir(exist_ok=True)
    order = np.arange(len(vectors)) if order is None else order
    names = [f"value {i:03}" for i in range(len(vectors))]
    embedded = pd.DataFrame({"facet": facet, "value": names, "vector": list(vectors.astype(np.float32))})
    counted = pd.DataFrame({"facet": facet, "value": names, "n_conversations": range(1, len(names) + 1)})
    counted = counted.assign(n_mentions=1, variants=[[name] for name in names])
    write_table(embedded.iloc[order], folder / "embeddings", EMBEDDINGS.schema)
    write_table(counted.iloc[order[::-1]], folder / "vocabulary", VOCABULARY.schema)


def run_in(folder: Path, params: Params) -> pd.DataFrame:
    names = ("embeddings", "vocabulary", "clusters", "metrics")
    run(params, prompts=PROMPTS, **{name: folder / name for name in names})
    return read_table(folder / "clusters", CLUSTERS.schema)


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


def test_planted_groups_are_found_and_merge_upwards() -> None:
    hierarchy = build(blobs(6, 8), np.ones(48), Cluster(levels=[6, 2]))
    assert partition(hierarchy.labels[0]) == {frozenset(range(i, i + 8)) for i in range(0, 48, 8)}
    assert len(partition(hierarchy.labels[1])) == 2


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 40), st.sampled_from([[12, 5, 2], [40, 12, 4], [3], [5, 1]]), st.booleans(), st.integers(0, 3))
def test_every_level_groups_whole_groups_of_the_level_below(
    n_values: int, levels: list[int], weighted: bool, seed: int
) -> None:
    vectors = unit(np.random.default_rng(seed).normal(size=(n_values, 8)))
    weights = np.arange(1, n_values + 1)
    params = Cluster(levels=levels, weight_by_frequency=weighted, restarts=1, seed=seed)
    hierarchy = build(vectors, weights, params)
    sizes = [len(partition(labels)) for labels in hierarchy.labels]
    assert sizes == sorted(set(sizes), reverse=True)
    for below, above in zip(hierarchy.labels, hierarchy.labels[1:], strict=False):
        assert all(len({above[i] for i in group}) == 1 for group in partition(below))


@given(st.integers(0, 5_000), st.lists(st.integers(1, 400), min_size=1, max_size=4, unique=True))
def test_sizes_shrink_by_the_stated_rule(n_values: int, wanted: list[int]) -> None:
    wanted = sorted(wanted, reverse=True)
    sizes = level_sizes(wanted, n_values)
    assert sizes == sorted(set(sizes), reverse=True)
    assert 1 <= sizes[0] <= max(1, n_values // 3)
    assert all(size <= most for size, most in zip(sizes, wanted, strict=False))
    if n_values >= 3 * wanted[0]:
        assert sizes == wanted


def test_few_values_keep_a_tree_with_fewer_clusters() -> None:
    assert level_sizes([40, 12, 4], 120) == [40, 12, 4]
    assert level_sizes([40, 12, 4], 60) == [20, 8, 3]
    assert level_sizes([40, 12, 4], 2) == [1]


@pytest.mark.parametrize("method", ["kmeans", "hdbscan"])
def test_one_value_and_equal_vectors_make_one_cluster(method: str) -> None:
    for vectors in (blobs(1, 1), np.tile(blobs(1, 1), (20, 1))):
        hierarchy = build(vectors, np.ones(len(vectors)), Cluster(method=method, levels=[5, 2]))  # type: ignore[arg-type]
        assert [partition(labels) for labels in hierarchy.labels] == [{frozenset(range(len(vectors)))}]


def test_an_id_changes_exactly_with_level_facet_or_members() -> None:
    assert cluster_id("task", 1, ["b", "a"]) == cluster_id("task", 1, ["a", "b"])
    others = {cluster_id("task", 2, ["a", "b"]), cluster_id("ai_values", 1, ["a", "b"]), cluster_id("task", 1, ["a"])}
    assert cluster_id("task", 1, ["a", "b"]) not in others
    assert len(others) == 3


def test_the_same_bytes_for_shuffled_rows_and_any_number_of_threads(tmp_path: Path) -> None:
    vectors = unit(np.random.default_rng(5).normal(size=(90, 24)))
    shuffled = np.random.default_rng(1).permutation(90)
    outputs = []
    for name, order, threads in (("a", None, 1), ("b", shuffled, 2)):
        write_inputs(tmp_path / name, vectors, order=order)
        with threadpool_limits(limits=threads):
            run_in(tmp_path / name, Params(cluster=Cluster(levels=[20, 6, 2])))
        outputs.append([(tmp_path / name / out).read_bytes() for out in ("clusters", "metrics")])
    assert outputs[0] == outputs[1]


def test_another_seed_may_change_the_clusters_but_not_the_values(tmp_path: Path) -> None:
    write_inputs(tmp_path / "study", unit(np.random.default_rng(5).normal(size=(90, 24))))
    trees = [run_in(tmp_path / "study", Params(cluster=Cluster(levels=[20, 6], seed=seed))) for seed in (1, 2)]
    assert trees[0][trees[0]["level"] == 0]["node_id"].equals(trees[1][trees[1]["level"] == 0]["node_id"])
    assert not trees[0].equals(trees[1])


def test_the_table_is_a_tree_and_the_metrics_count_it(tmp_path: Path) -> None:
    write_inputs(tmp_path / "study", blobs(8, 6), facet="task")
    nodes = run_in(tmp_path / "study", Params(cluster=Cluster(levels=[8, 3])))
    assert nodes["level"].value_counts().to_dict() == {0: 48, 1: 8, 2: 3}
    ids = set(nodes["node_id"])
    assert nodes[nodes["level"] < 2]["parent_id"].isin(ids).all()
    assert nodes[nodes["level"] == 2]["parent_id"].isna().all()
    held = members_of(nodes)
    assert all(
        len(held[node]) == n for node, n in zip(nodes["node_id"], nodes["n_values"], strict=True) if node in held
    )
    metrics = read_json(tmp_path / "study" / "metrics")
    assert (metrics["clusters_task_1"], metrics["clusters_task_2"], metrics["noise_task"]) == (8, 3, 0)
    assert metrics["silhouette_task_1"] > 0.7
    assert "clusters_ai_values_1" not in metrics


def test_no_value_in_any_facet_gives_an_empty_table(tmp_path: Path) -> None:
    for name, table in (("embeddings", EMBEDDINGS), ("vocabulary", VOCABULARY)):
        write_table(table.schema.empty_table(), tmp_path / name, table.schema)
    assert run_in(tmp_path, Params()).empty


def test_noise_stays_out_of_the_tree() -> None:
    hierarchy = Hierarchy([np.array([0, 0, -1, 1, 2]), np.array([0, 0, -1, 0, 1])])
    assert hierarchy.noise() == pytest.approx(1 / 5)
    nodes = tree("task", list("abcde"), hierarchy)
    leaves = nodes[nodes["level"] == 0]
    assert leaves[leaves["parent_id"].isna()]["node_id"].tolist() == ["c"]
    assert sorted(nodes[nodes["level"] == 1]["n_values"]) == [1, 1, 2]
    assert "c" not in {value for members in members_of(nodes).values() for value in members}


def test_densities_find_planted_groups_without_being_told_their_sizes() -> None:
    vectors = np.vstack([blobs(2, 5), blobs(1, 14, seed=3)])
    hierarchy = build(vectors, np.ones(24), Cluster(method="hdbscan", levels=[3, 1]))
    expected = {frozenset(range(5)), frozenset(range(5, 10)), frozenset(range(10, 24))}
    assert partition(hierarchy.labels[0]) == expected


@pytest.mark.slow
def test_densities_after_umap_repeat_themselves() -> None:
    vectors = blobs(10, 12)
    params = Cluster(method="hdbscan", levels=[10, 4])
    first, second = (build(vectors, np.ones(120), params) for _ in range(2))
    assert all((one == two).all() for one, two in zip(first.labels, second.labels, strict=True))
    assert len(partition(first.labels[-1]) - {frozenset(np.flatnonzero(first.labels[-1] < 0).tolist())}) == 4


def test_a_condensed_tree_is_cut_into_nested_levels_and_leaves_the_same_noise_at_each() -> None:
    random = np.random.default_rng(2)
    near = np.array([[0, 0], [0, 2], [20, 0], [20, 2], [0, 30], [2, 30], [20, 30], [22, 30]])
    points = np.vstack([*(spot + random.normal(scale=0.1, size=(3, 2)) for spot in near), [[60, 60], [-40, 90]]])
    fine, coarse = dense_levels(points, [8, 4], seed=1)
    assert partition(fine) - {frozenset({24, 25})} == {frozenset(range(i, i + 3)) for i in range(0, 24, 3)}
    assert partition(coarse) - {frozenset({24, 25})} == {frozenset(range(i, i + 6)) for i in range(0, 24, 6)}
    assert [labels[24:].tolist() for labels in (fine, coarse)] == [[-1, -1], [-1, -1]]


def test_levels_may_be_shares_of_the_distinct_values() -> None:
    assert level_sizes([266 / 3307, 26 / 3307, 5], 3307) == [266, 26, 5]
    assert level_sizes([0.1, 0.02, 4], 1000) == [100, 20, 4]
    # A share of less than two clusters makes no level.
    assert level_sizes([0.1, 0.005], 100) == [10]
    assert level_sizes([0.001], 100) == [1]


@pytest.mark.parametrize("levels", [[0], [-1], [40, 40], [4, 12], [0.1, 0.2], [1.5], ["many"], [True], []])
def test_levels_that_are_none_are_refused_in_one_sentence(levels: list[object], tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(f"cluster: {{levels: {levels!r}}}".replace("True", "true"), "utf-8")
    with pytest.raises(ParamsError, match=r"cluster.*levels") as raised:
        load_params(tmp_path / "params.yaml")
    assert str(raised.value).count("\n") == 0


def test_many_values_are_divided_first_and_grouped_nearly_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = blobs(30, 20, seed=6)
    plain = kmeans.kmeans(vectors, np.ones(600), 30, 5, 1)
    monkeypatch.setattr(kmeans, "_MOST_AT_ONCE", 1)
    divided = kmeans.kmeans(vectors, np.ones(600), 30, 5, 1)
    assert divided.max() == 29

    def spread(labels: np.ndarray) -> float:
        centres = kmeans.centroids(vectors, np.ones(600), labels)
        return float(((vectors - centres[labels]) ** 2).sum())

    assert spread(divided) < 1.3 * spread(plain)
    assert (divided == kmeans.kmeans(vectors, np.ones(600), 30, 5, 1)).all()


def test_components_take_away_what_all_values_share() -> None:
    vectors = blobs(6, 8)
    shifted = unit(vectors + 3 * unit(np.ones(16)))
    sizes = {"levels": [6], "restarts": 3}
    found = build(shifted, np.ones(48), Cluster(components=5, **sizes))  # type: ignore[arg-type]
    assert partition(found.labels[0]) == {frozenset(range(i, i + 8)) for i in range(0, 48, 8)}
    assert kmeans.projected(shifted, 5).shape == (48, 5)
    assert kmeans.projected(np.ones((4, 3)), 2).shape == (4, 3)


def test_frequent_values_pull_the_centres_where_asked_to() -> None:
    vectors = unit(np.array([[1.0, 0.0], [0.9, 0.5], [0.0, 1.0], [0.4, 1.0]]))
    mass = np.array([1.0, 1.0, 1.0, 3.0])
    means = kmeans.centroids(vectors, mass, np.array([0, 0, 1, 1]))
    assert means[1] == pytest.approx((vectors[2] + 3 * vectors[3]) / 4)
