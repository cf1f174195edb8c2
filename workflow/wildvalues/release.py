"""Release: the open dataset, made of the published tables and nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from wildvalues.dataset.card import data_card
from wildvalues.dataset.checksums import write_checksums
from wildvalues.dataset.compatibility import compatibility_views
from wildvalues.dataset.croissant import croissant
from wildvalues.dataset.dictionary import DICTIONARY, data_dictionary
from wildvalues.dataset.facts import is_demo
from wildvalues.dataset.licence import licence_note
from wildvalues.files import write_csv, write_json, write_table
from wildvalues.params import Params
from wildvalues.results import read_results
from wildvalues.stage import Stage
from wildvalues.tables import RESULTS

STAGE = Stage(
    name="release",
    summary="Make the open dataset: tables, data card, dictionary, Croissant metadata, checksums.",
    reads={"tables": "results/tables"},
    writes={"dataset": "results/dataset"},
    params=("release", "study"),
)


def run(params: Params, *, tables: Path, dataset: Path) -> None:
    """Write the dataset folder."""
    dataset.mkdir(parents=True)
    results = read_results(tables)
    frames: dict[str, pd.DataFrame] = {}
    schemas: dict[str, pa.Schema] = {}

    for stem, (view, schema) in compatibility_views(results).items():
        frames[f"{stem}.csv"], schemas[f"{stem}.csv"] = view, schema
        write_csv(view, dataset / f"{stem}.csv")
    for stem, table in RESULTS.items():
        frame = table.arrange(results[stem])
        write_csv(frame, dataset / f"{stem}.csv")
        write_table(frame, dataset / f"{stem}.parquet", table.schema)
        for name in (f"{stem}.csv", f"{stem}.parquet"):
            frames[name], schemas[name] = frame, table.schema

    # The dictionary describes itself too.
    schemas["data_dictionary.csv"] = DICTIONARY
    frames["data_dictionary.csv"] = data_dictionary(schemas)
    write_csv(frames["data_dictionary.csv"], dataset / "data_dictionary.csv")

    (dataset / "README.md").write_text(data_card(params, results, frames), "utf-8")
    (dataset / "LICENSE.txt").write_text(
        licence_note(params.release.licence, params.study.title, params.study.authors), "utf-8"
    )
    write_json(croissant(params, dataset, schemas, demo=is_demo(results)), dataset / "croissant.json")
    write_checksums(dataset)
