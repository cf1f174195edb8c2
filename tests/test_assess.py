"""How firm a tree is: what the assessment measures, on trees whose firmness is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_score

from annotated_studies import random_study, run_analyze, tables
from wildvalues import assess, disclose
from wildvalues.assessment import lexical
from wildvalues.assessment.margins import margins
from wildvalues.assessment.resampling import drawn_again, holders, thinned
from wildvalues.assessment.subjects import levels_of
from wildvalues.assessment.tables import cosine_silhouette
from wildvalues.disclosure.threshold import Threshold
from wildvalues.files import read_json, read_table, write_table
from wildvalues.params import Params
from wildvalues.results import read_results
from wildvalues.tables import ASSESSED, CLUSTERS, EMBEDDINGS, MENTIONS, TAXONOMY, VOCABULARY
from wildvalues.taxonomy.hierarchy import build
from wildvalues.taxonomy.nodes import tree

SETTINGS = Params.model_validate(
    {
        "cluster": {"levels": [6, 2], "restarts": 3},
        "assess": {"models": ["character-ngrams"], "seeds": 3, "draws": 3},
    }
)
WORDS = ("care", "rigor", "play", "order", "trust", "thrift")


def study(folder: Path, *, noise: float, seed: int = 0, shuffle: bool = False) -> dict[str, Path]:
    """Values in six clumps, in two halves, as the stages before `assess` leave them; noise blurs the clumps."""
    rng = np.random.default_rng(seed)
    halves = np.eye(12)[[0, 0, 0, 1, 1, 1]]
    centres = halves + 0.8 * np.eye(12)[2:8]
    names = sorted(f"{word} {letter}" for word in WORDS for letter in "abcdefgh")
    at = [WORDS.index(name.split()[0]) for name in names]
    vectors = centres[at] + noise * rng.normal(size=(len(names), 12))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    # Every value occurs, most of them once or twice, so that a resample loses some.
    said = {(f"c{i:03d}", name) for i in range(72) for name in (names[i % len(names)], rng.choice(names))}
    mentions = pd.DataFrame(sorted(said), columns=["conversation_id", "value"]).assign(facet="ai_values", explicit=None)
    counts = mentions["value"].value_counts().reindex(names).to_numpy()
    facet = {"facet": "ai_values", "value": names}
    vocabulary = pd.DataFrame({**facet, "n_conversations": counts, "n_mentions": counts, "variants": [[]] * len(names)})
    nodes = tree("ai_values", names, build(vectors, counts, SETTINGS.cluster))
    frames = {
        "mentions": (MENTIONS, mentions),
        "vocabulary": (VOCABULARY, vocabulary),
        "embeddings": (EMBEDDINGS, pd.DataFrame({**facet, "vector": list(vectors)})),
        "clusters": (CLUSTERS, nodes),
        "taxonomy": (TAXONOMY, nodes.assign(name=nodes["node_id"], description="", fit=None)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, (table, frame) in frames.items():
        frame = frame.sample(frac=1, random_state=5) if shuffle else frame
        write_table(frame, folder / f"{name}.parquet", table.schema)
    return {name: folder / f"{name}.parquet" for name in frames}


def assessed(folder: Path, params: Params = SETTINGS, **options) -> dict[str, pd.DataFrame]:
    paths = study(folder, **options)
    assess.run(params, **paths, assessed=folder / "assessed", metrics=folder / "assess.json")
    return {name: read_table(folder / "assessed" / f"{name}.parquet", table.schema) for name, table in ASSESSED.items()}


def test_a_clear_tree_stands_firm_and_a_blurred_one_does_not(tmp_path: Path) -> None:
    firm = assessed(tmp_path / "firm", noise=0.03)["quality"].set_index("level")
    loose = assessed(tmp_path / "loose", noise=1.0)["quality"].set_index("level")
    assert firm["ami_seeds"].min() > 0.95
    assert firm["ami_resampled"].min() > 0.9
    assert firm[["moved_less", "moved_more", "misplaced"]].to_numpy().max() < 0.05
    assert (loose["ami_seeds"] < firm["ami_seeds"] - 0.2).all()
    assert (loose["ami_resampled"] < firm["ami_resampled"] - 0.2).all()
    assert loose["moved_less"].max() > 0.15
    assert (loose["silhouette"] < firm["silhouette"]).all()
    for name in ("ami_seeds", "ami_resampled", "moved_less", "moved_more"):
        for frame in (firm, loose):
            assert (frame[f"{name}_low"] <= frame[name]).all()
            assert (frame[name] <= frame[f"{name}_high"]).all()


def test_the_study_s_own_choices_agree_with_its_tree_and_each_other_run_is_listed(tmp_path: Path) -> None:
    rows = assessed(tmp_path, noise=0.3)["sensitivity"]
    own = rows[rows["own"]]
    assert own["ami"].to_numpy() == pytest.approx(1)
    assert (own["moved"] == 0).all()
    assert len(own) == 2
    assert set(zip(rows["model"], rows["seed"], strict=True)) == {
        (model, seed) for model in ("all-MiniLM-L6-v2", "character-ngrams") for seed in (1, 2, 3)
    }


def test_the_order_of_the_rows_carries_nothing(tmp_path: Path) -> None:
    assessed(tmp_path / "a", noise=0.3)
    assessed(tmp_path / "b", noise=0.3, shuffle=True)
    for name in [*(f"assessed/{table}.parquet" for table in ASSESSED), "assess.json"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_of_very_many_values_a_sample_is_built_again(tmp_path: Path) -> None:
    few = SETTINGS.model_copy(update={"assess": SETTINGS.assess.model_copy(update={"max_values": 30})})
    found = assessed(tmp_path, few, noise=0.03)
    assert set(found["sensitivity"]["n_values"]) == {30}
    assert set(found["quality"]["n_values"]) == {48}
    assert found["quality"]["ami_seeds"].min() > 0.8


def test_a_study_without_values_gives_empty_tables(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.parquet" for name in ("mentions", "vocabulary", "embeddings", "clusters")}
    kinds = {"mentions": MENTIONS, "vocabulary": VOCABULARY, "embeddings": EMBEDDINGS, "clusters": CLUSTERS}
    for name, table in {**kinds, "taxonomy": TAXONOMY}.items():
        write_table(table.schema.empty_table(), tmp_path / f"{name}.parquet", table.schema)
    paths["taxonomy"] = tmp_path / "taxonomy.parquet"
    assess.run(SETTINGS, **paths, assessed=tmp_path / "assessed", metrics=tmp_path / "assess.json")
    assert all(read_table(tmp_path / "assessed" / f"{name}.parquet").empty for name in ASSESSED)
    assert read_json(tmp_path / "assess.json") == {}


def test_a_margin_is_taken_without_the_value_itself() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.0, 1.0], [-1.0, 0.0]])
    found = margins(vectors, np.array([0, 0, 0, 1, 1, 2]))
    # Without itself the third value's own centre is (1, 0): cosine 0.6, against 0.8 to the other centre.
    assert found.margin[2] == pytest.approx(0.6 - 0.8)
    assert found.next_group[2] == 1
    assert np.isnan(found.margin[5])
    assert found.margin[3] > 0


def test_the_silhouette_is_scikit_learn_s_by_cosine() -> None:
    rng = np.random.default_rng(1)
    vectors, labels = rng.normal(size=(60, 5)), rng.integers(0, 4, 60)
    labels[:5] = -1
    expected = silhouette_score(vectors[5:], labels[5:], metric="cosine")
    assert cosine_silhouette(vectors, labels, 1) == pytest.approx(expected, abs=1e-6)
    assert cosine_silhouette(vectors, np.zeros(60, dtype=np.int64), 1) is None


def test_resamples_keep_the_number_of_conversations_and_thinning_the_share() -> None:
    rng = np.random.default_rng(2)
    assert drawn_again(50, rng).sum() == 50
    assert thinned(50, 0.9, rng).tolist().count(1) == 45
    mentions = pd.DataFrame({"conversation_id": ["a", "a", "b"], "value": ["x", "y", "x"]})
    who = holders(mentions, ["w", "x", "y"])
    assert who.counts(np.array([1, 1])).tolist() == [0, 2, 1]
    assert who.counts(np.array([3, 0])).tolist() == [0, 3, 3]


def test_levels_follow_the_tree_and_leave_the_unclustered_out() -> None:
    nodes = pd.DataFrame(
        [(0, "x", "A"), (0, "y", "B"), (0, "z", None), (1, "A", "T"), (1, "B", "T"), (2, "T", None)],
        columns=["level", "node_id", "parent_id"],
    )
    found = levels_of(nodes, ["x", "y", "z"])
    assert [level.ids for level in found] == [["A", "B"], ["T"]]
    assert [level.labels.tolist() for level in found] == [[0, 1, -1], [0, 0, -1]]


def test_letters_alone_put_like_spellings_together() -> None:
    found = lexical.encode(["honesty", "honest", "tradition", "traditions"], 1)
    assert found[0] @ found[1] > 0.5 > abs(found[0] @ found[2])
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)


def test_only_what_counts_enough_conversations_is_named_as_sitting_badly(tmp_path: Path) -> None:
    given = tables(random_study(4, 80))
    nodes = given["taxonomy"]
    leaves = nodes[(nodes["level"] == 0) & nodes["parent_id"].notna()]
    first = nodes[nodes["level"] == 1].groupby("facet")["node_id"].first()
    margin = [
        (row.facet, 1, row.node_id, row.parent_id, first[row.facet], -0.1) for row in leaves.itertuples(index=False)
    ]
    given["margins"] = pd.DataFrame(margin, columns=ASSESSED["margins"].schema.names)
    processed = run_analyze(given, tmp_path)
    params = Params.model_validate({"disclose": {"min_conversations": 4, "min_users": 2}})
    disclose.run(params, processed=processed, tables=tmp_path / "tables", metrics=tmp_path / "metrics.json")
    public = read_results(tmp_path / "tables")
    named, nodes = public["misfits"], public["taxonomy"]
    assert len(named)
    assert Threshold(4, 2).reached(named["n_conversations"], named["n_users"]).all()
    listed = set(zip(nodes["facet"], nodes["node_id"], strict=True))
    for column in ("node_id", "cluster_id", "next_id"):
        assert set(zip(named["facet"], named[column], strict=True)) <= listed
