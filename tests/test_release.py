"""What the open dataset promises to those who use it."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from synthetic_results import write_synthetic_results
from wildvalues.dataset.dictionary import meanings
from wildvalues.errors import InputError
from wildvalues.params import Params
from wildvalues.release import STAGE, run
from wildvalues.results import read_results
from wildvalues.stage import run_stage
from wildvalues.tables import RESULTS


def release(folder: Path, params: Params | None = None) -> Path:
    out = folder / "results" / "dataset"
    run_stage("release", params or Params(), {"tables": folder / "results" / "tables", "dataset": out})
    return out


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_synthetic_results(folder, n_values=40)
    return folder


@pytest.fixture(scope="module")
def dataset(study: Path) -> Path:
    return release(study)


@pytest.fixture
def copy(study: Path, tmp_path: Path) -> Path:
    """Give a copy of the study's tables to spoil."""
    shutil.copytree(study / "results" / "tables", tmp_path / "results" / "tables")
    return tmp_path


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False)


@pytest.mark.parametrize("prefix", ["values", "human_values"])
def test_the_two_views_have_the_exact_columns_of_the_original_release(dataset: Path, prefix: str) -> None:
    assert list(read(dataset / f"{prefix}_frequencies.csv").columns) == ["value", "pct_convos"]
    assert list(read(dataset / f"{prefix}_tree.csv").columns) == [
        "cluster_id",
        "description",
        "name",
        "level",
        "parent_cluster_id",
        "pct_total_occurrences",
    ]


def test_frequencies_are_percentages_with_at_most_three_decimals_highest_first(dataset: Path) -> None:
    with (dataset / "values_frequencies.csv").open(encoding="utf-8") as handle:
        cells = [row["pct_convos"] for row in csv.DictReader(handle)]
    assert len(cells) == 40
    assert all(len(cell.partition(".")[2]) <= 3 and "e" not in cell for cell in cells)
    numbers = [float(cell) for cell in cells]
    assert numbers == sorted(numbers, reverse=True)
    assert all(0 < number <= 100 for number in numbers)


@pytest.mark.parametrize("prefix", ["values", "human_values"])
def test_every_leaf_reaches_a_root_and_levels_rise_on_the_way(dataset: Path, prefix: str) -> None:
    tree = read(dataset / f"{prefix}_tree.csv").set_index("cluster_id")
    assert tree.index.is_unique
    top = tree["level"].max()
    for leaf in tree.index[tree["level"] == 0]:
        node = leaf
        while parent := tree.loc[node, "parent_cluster_id"]:
            assert tree.loc[parent, "level"] == tree.loc[node, "level"] + 1
            node = parent
        assert tree.loc[node, "level"] == top


def test_leaves_are_their_own_ids_and_have_no_description(dataset: Path) -> None:
    tree = read(dataset / "values_tree.csv")
    leaves = tree[tree["level"] == 0]
    assert (leaves["cluster_id"] == leaves["name"]).all()
    assert (leaves["description"] == "").all()
    assert set(leaves["cluster_id"]) == set(read(dataset / "values_frequencies.csv")["value"])
    assert tree.loc[tree["level"] > 0, "cluster_id"].str.fullmatch(r"ai_values:l\d:[0-9a-f]{12}").all()


def test_shares_of_mentions_sum_to_one_hundred_at_every_level_and_to_the_parent(dataset: Path) -> None:
    tree = read(dataset / "values_tree.csv")
    assert tree.groupby("level")["pct_total_occurrences"].sum().to_numpy() == pytest.approx(100, abs=0.01)
    below = tree[tree["parent_cluster_id"] != ""].groupby("parent_cluster_id")["pct_total_occurrences"].sum()
    above = tree.set_index("cluster_id")["pct_total_occurrences"]
    assert below.to_numpy() == pytest.approx(above[below.index].to_numpy(), abs=0.01)


def test_the_dictionary_explains_every_column_of_every_file(dataset: Path) -> None:
    listed = read(dataset / "data_dictionary.csv")
    assert (listed["meaning"].str.len() > 10).all()
    for path in [*dataset.glob("*.csv"), *dataset.glob("*.parquet")]:
        columns = read(path).columns if path.suffix == ".csv" else pq.read_schema(path).names
        assert listed.loc[listed["file"] == path.name, "column"].tolist() == list(columns), path.name


def test_no_meaning_is_written_for_a_column_that_does_not_exist(dataset: Path) -> None:
    listed = read(dataset / "data_dictionary.csv")
    stems = listed["file"].str.rpartition(".")[0]
    columns = {stem: set(listed.loc[stems == stem, "column"]) for stem in set(stems)}
    assert set(meanings().files) == set(columns)
    for stem, own in meanings().columns.items():
        assert set(own) <= columns[stem], stem
    assert set(meanings().shared) <= set(listed["column"])


def test_csv_and_parquet_hold_the_same_rows(dataset: Path, tmp_path: Path) -> None:
    reread = read_results(dataset)
    for name, table in RESULTS.items():
        parquet = pq.read_table(dataset / f"{name}.parquet")
        assert parquet.schema.equals(table.schema)
        assert len(reread[name]) == parquet.num_rows
        for field in table.schema:
            left, right = reread[name][field.name], parquet[field.name].to_pandas()
            assert left.isna().tolist() == right.isna().tolist()
            assert left.dropna().tolist() == right.dropna().tolist()


def test_checksums_cover_every_file_and_hold(dataset: Path) -> None:
    lines = (dataset / "SHA256SUMS").read_text("utf-8").splitlines()
    listed = {line[66:]: line[:64] for line in lines}
    assert set(listed) == {path.name for path in dataset.iterdir()} - {"SHA256SUMS"}
    for name, digest in listed.items():
        assert hashlib.sha256((dataset / name).read_bytes()).hexdigest() == digest


def test_croissant_describes_each_data_file_with_its_hash_and_points_only_at_columns_that_exist(dataset: Path) -> None:
    described = json.loads((dataset / "croissant.json").read_text("utf-8"))
    for item in described["distribution"]:
        assert hashlib.sha256((dataset / item["contentUrl"]).read_bytes()).hexdigest() == item["sha256"]
    assert {item["@id"] for item in described["distribution"]} == {
        path.name for path in dataset.iterdir() if path.suffix in (".csv", ".parquet")
    }
    ids = [field["@id"] for record in described["recordSet"] for field in record["field"]]
    assert len(ids) == len(set(ids))
    for record in described["recordSet"]:
        for field in record["field"]:
            path = dataset / field["source"]["fileObject"]["@id"]
            columns = read(path).columns if path.suffix == ".csv" else pq.read_schema(path).names
            assert field["source"]["extract"]["column"] in columns
        assert all(key["@id"] in ids for key in record.get("key", []))


def test_the_card_has_front_matter_whose_configurations_point_at_files(dataset: Path) -> None:
    text = (dataset / "README.md").read_text("utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "cc-by-4.0"
    assert front["configs"][0] == {
        "config_name": "values_frequencies",
        "data_files": "values_frequencies.csv",
        "default": True,
    }
    assert all((dataset / config["data_files"]).is_file() for config in front["configs"])
    assert "demonstration" in front["tags"]
    assert "Demonstration data" in text


def test_a_real_study_is_not_marked_as_a_demonstration(copy: Path) -> None:
    path = copy / "results" / "tables" / "pipeline.csv"
    table = pd.read_csv(path)
    table.loc[table["metric"] == "demo_conversations", "value"] = 0
    table.to_csv(path, index=False)
    out = release(copy)
    assert "emonstration" not in (out / "README.md").read_text("utf-8")
    assert "emonstration" not in (out / "croissant.json").read_text("utf-8")


@pytest.mark.parametrize(
    "missing",
    [{"n_values": 0, "human": False, "users": False, "models": 0}, {"n_values": 12, "human": False, "users": False}],
    ids=["no values at all", "no human values, no users"],
)
def test_a_study_with_missing_parts_gives_valid_files(tmp_path: Path, missing: dict[str, int]) -> None:
    write_synthetic_results(tmp_path, **missing)  # type: ignore[arg-type]
    out = release(tmp_path)
    assert read(out / "human_values_tree.csv").empty
    assert "No human value passed" in (out / "README.md").read_text("utf-8")
    assert pq.read_table(out / "frequencies.parquet")["n_users"].null_count == len(read(out / "frequencies.csv"))


def test_equal_tables_give_equal_bytes_whatever_their_row_order(dataset: Path, copy: Path) -> None:
    for path in (copy / "results" / "tables").glob("*.csv"):
        head, *rows = path.read_text("utf-8").splitlines(keepends=True)
        path.write_text("".join([head, *reversed(rows)]), "utf-8")
    assert (release(copy) / "SHA256SUMS").read_text("utf-8") == (dataset / "SHA256SUMS").read_text("utf-8")


def test_a_parent_that_was_not_published_is_an_error_that_names_it(copy: Path) -> None:
    path = copy / "results" / "tables" / "taxonomy.csv"
    table = pd.read_csv(path)
    top = table["level"].max()
    table[~((table["facet"] == "ai_values") & (table["level"] == top))].to_csv(path, index=False)
    with pytest.raises(InputError, match=r"taxonomy.csv: ai_values .* has the parent 'ai_values:l\d:"):
        run(Params(), tables=path.parent, dataset=copy / "out")


def test_a_value_called_null_is_released_as_a_value(copy: Path) -> None:
    for path in (copy / "results" / "tables").glob("*.csv"):
        path.write_text(path.read_text("utf-8").replace("candour", "null"), "utf-8")
    out = release(copy)
    assert "null" in set(read(out / "values_frequencies.csv")["value"])
    assert "null" in pq.read_table(out / "frequencies.parquet")["node_id"].to_pylist()


def test_release_reads_nothing_but_published_tables() -> None:
    assert all(path.startswith("results/") for path in (*STAGE.reads.values(), *STAGE.writes.values()))
