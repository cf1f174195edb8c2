"""`wildvalues compare`: two trees in the published schema, however they are named, cut or broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from wildvalues.assessment.partitions import halves_interval, mutual_information, overlaps, share_moved
from wildvalues.comparison.matching import beside, clusters, levels, match, values
from wildvalues.comparison.trees import read_tree
from wildvalues.errors import InputError, WildvaluesError
from wildvalues.statistics.differences import newcombe
from wildvalues.tools.compare import command

FAMILIES = {
    "warmth": ["kindness", "compassion", "empathy", "care"],
    "knowing": ["accuracy", "evidence", "rigor", "precision"],
    "making": ["creativity", "originality", "craft"],
    "order": ["planning", "structure", "method"],
}
HALVES = {"warmth": "people", "knowing": "things", "making": "things", "order": "things"}


def rows_of(families: dict[str, list[str]], halves: dict[str, str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {"cluster_id": f"v:l2:{half}", "name": half, "level": 2, "parent_cluster_id": "", "pct_total_occurrences": 50}
        for half in sorted(set(halves.values()))
    ]
    for family, members in families.items():
        share = 100 / sum(map(len, families.values()))
        rows.append(
            {
                "cluster_id": f"v:l1:{family}",
                "name": family,
                "level": 1,
                "parent_cluster_id": f"v:l2:{halves[family]}",
                "pct_total_occurrences": share * len(members),
            }
        )
        rows += [
            {
                "cluster_id": name,
                "name": name,
                "level": 0,
                "parent_cluster_id": f"v:l1:{family}",
                "pct_total_occurrences": share,
            }
            for name in members
        ]
    return rows


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path / "values_tree.csv", rows_of(FAMILIES, HALVES))


def test_a_tree_agrees_wholly_with_itself_at_every_level_and_cluster(tree: Path) -> None:
    matched = match(read_tree(tree, "one"), read_tree(tree, "two"))
    agreement = levels(matched, seed=1, draws=20)
    same = agreement[agreement["level"] == agreement["other_level"]]
    assert same[["ami", "ari"]].to_numpy() == pytest.approx(1)
    assert beside(agreement) == {1: 1, 2: 2}
    closest = clusters(matched, {1: 1, 2: 2}).drop_duplicates(["level", "cluster_id"])
    assert (closest["cluster_id"] == closest["other_id"]).all()
    assert closest["jaccard"].to_numpy() == pytest.approx(1)
    listed = values(matched, 100, 100)
    assert set(listed["found_in"]) == {"both"}
    assert (listed["difference"] == 0).all()
    assert (listed["difference_low"] < 0).all()
    assert (listed["difference_high"] > 0).all()


def test_values_are_matched_by_spelling_and_what_is_on_one_side_is_listed(tree: Path, tmp_path: Path) -> None:
    other = {
        "warmth": ["Kindness", "compassion"],
        "knowing": ["accuracies", "evidence", "rigour"],
        "new": ["thrift"],
    }
    path = write(tmp_path / "other.csv", rows_of(other, {"warmth": "a", "knowing": "a", "new": "b"}))
    listed = values(match(read_tree(tree, "one"), read_tree(path, "two")), None, None)
    both = listed[listed["found_in"] == "both"].set_index("name")["other_name"].to_dict()
    assert both == {
        "kindness": "Kindness",
        "compassion": "compassion",
        "accuracy": "accuracies",
        "evidence": "evidence",
        "rigor": "rigour",
    }
    assert listed.loc[listed["found_in"] == "other", "other_name"].tolist() == ["thrift"]
    assert len(listed) == 14 + 1
    assert listed["difference_low"].isna().all()


def test_opposites_are_not_matched(tmp_path: Path) -> None:
    one = write(tmp_path / "a.csv", rows_of({"x": ["honesty", "violence"]}, {"x": "y"}))
    two = write(tmp_path / "b.csv", rows_of({"x": ["dishonesty", "non-violence"]}, {"x": "y"}))
    assert len(match(read_tree(one, "one"), read_tree(two, "two")).rows) == 0


def test_trees_of_different_depth_are_set_beside_the_level_of_like_size(tree: Path, tmp_path: Path) -> None:
    flat = [row for row in rows_of(FAMILIES, HALVES) if row["level"] != 2]
    for row in flat:
        row["parent_cluster_id"] = "" if row["level"] == 1 else row["parent_cluster_id"]
    path = write(tmp_path / "flat.csv", flat)
    agreement = levels(match(read_tree(tree, "one"), read_tree(path, "two")), seed=1, draws=0)
    assert beside(agreement) == {1: 1, 2: 1}


BROKEN = {
    "lacks column name": lambda rows: [{k: v for k, v in row.items() if k != "name"} for row in rows],
    "not in the file": lambda rows: [{**row, "parent_cluster_id": "nobody"} for row in rows],
    "its own ancestor": lambda rows: [
        {**row, "parent_cluster_id": "v:l1:warmth"} if row["level"] == 2 else row for row in rows
    ],
    "a parent is of a higher level": lambda rows: [
        {**row, "level": 1} if row["cluster_id"] == "v:l2:people" else row for row in rows
    ],
    "occurs twice": lambda rows: [*rows, rows[-1]],
    "expected a whole number": lambda rows: [{**row, "level": "top"} for row in rows],
    "expected a number": lambda rows: [{**row, "pct_total_occurrences": "many"} for row in rows],
    "holds no value": lambda rows: [row for row in rows if row["level"] != 0],
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_broken_tree_is_refused_in_one_sentence(said: str, tree: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "broken.csv", BROKEN[said](rows_of(FAMILIES, HALVES)))
    with pytest.raises(InputError, match=said) as caught:
        read_tree(path, "broken")
    assert str(path) in str(caught.value)


def test_a_missing_file_and_one_that_is_no_table_are_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.csv").write_bytes(b"\xff\xfe\x00\x01")
    for name in ("none.csv", "noise.csv"):
        with pytest.raises(InputError, match=name):
            read_tree(tmp_path / name, "x")


def test_the_command_writes_tables_and_a_figure_the_same_each_time(tree: Path, tmp_path: Path) -> None:
    moved = {**FAMILIES, "warmth": ["kindness", "craft"], "making": ["creativity", "originality", "compassion"]}
    other = write(tmp_path / "other.csv", rows_of(moved, HALVES))
    shuffled = write(tmp_path / "shuffled.csv", rows_of(moved, HALVES)[::-1])
    folders = []
    for number, path in enumerate((other, shuffled)):
        folder = tmp_path / f"out{number}"
        words = [str(path), "--own", str(tree), "--output", str(folder), "--mentions", "300", "--other-mentions", "90"]
        done = CliRunner().invoke(command, words, catch_exceptions=False)
        assert "level 1 (4 clusters) beside level 1 (4)" in done.output
        folders.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert folders[0] == folders[1]
    assert set(folders[0]) == {
        "levels.csv",
        "clusters.csv",
        "values.csv",
        "summary.txt",
        "overlap.pdf",
        "overlap.svg",
        "overlap.png",
    }


def test_trees_without_a_common_value_are_compared_without_failing(tree: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.csv", rows_of({"x": ["thrift"]}, {"x": "y"}))
    words = [str(other), "--own", str(tree), "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    assert "0 values are in both trees" in done.output
    assert not isinstance(done.exception, WildvaluesError)


@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(1, 60))
def test_the_interval_of_a_difference_is_newcombes(a: int, n: int, b: int, m: int) -> None:
    a, b = min(a, n), min(b, m)
    low, high = newcombe(a, n, b, m)
    expected = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff")
    assert (float(low), float(high)) == pytest.approx(expected, abs=1e-9)
    assert -1 <= low <= a / n - b / m <= high <= 1


groupings = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=2, max_size=40)


@given(groupings, st.permutations(range(5)))
@settings(deadline=None)
def test_names_of_groups_carry_nothing_and_moving_is_the_same_both_ways(pairs, renamed) -> None:
    one, two = (np.array(side) for side in zip(*pairs, strict=True))
    other_names = np.where(two < 0, -1, np.array(renamed)[two])
    assert share_moved(one, two) == pytest.approx(share_moved(one, other_names))
    assert share_moved(one, two) == pytest.approx(share_moved(two, one))
    assert 0 <= share_moved(one, two) <= 1
    assert share_moved(one, one) == 0
    assert overlaps(one, two).sum() == np.sum((one >= 0) & (two >= 0))
    if np.sum((one >= 0) & (two >= 0)) >= 2:
        assert mutual_information(one, two) == pytest.approx(mutual_information(one, other_names))


def test_the_interval_from_halves_has_the_width_of_fresh_samples() -> None:
    rng = np.random.default_rng(3)

    def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
        one = rng.integers(0, 4, n)
        return one, np.where(rng.random(n) < 0.3, rng.integers(0, 4, n), one)

    fresh = np.array([mutual_information(*sample(200)) for _ in range(120)])
    one = halves_interval(mutual_information, *sample(200), draws=120, seed=1)
    assert one.low < one.value < one.high
    assert (one.high - one.low) == pytest.approx(np.quantile(fresh, 0.975) - np.quantile(fresh, 0.025), rel=0.45)
