"""All statistics of the study, as private tables. What of them may be published is decided by `disclose` alone."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from wildvalues.analysis.assessment import assessed_tables
from wildvalues.analysis.associations import associations
from wildvalues.analysis.concentration import concentration
from wildvalues.analysis.contexts import variation
from wildvalues.analysis.contrasts import contrasts
from wildvalues.analysis.edits import SPOKEN, SPOKEN_FILE, spoken
from wildvalues.analysis.frequencies import explicitness, frequencies
from wildvalues.analysis.holders import HOLDERS, HOLDERS_FILE, holders
from wildvalues.analysis.pipeline import pipeline
from wildvalues.analysis.places import map_coordinates, nearest_ai_value
from wildvalues.analysis.responses import mirroring, models, response_types
from wildvalues.analysis.study import Study, load_study
from wildvalues.files import read_json, read_table, write_table
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import EDITS, EMBEDDINGS, RESULTS, Table

METRICS_OF = ("ingest", "sample", "redact", "screen", "extract", "canonicalize", "cluster", "name", "assess", "edit")

STAGE = Stage(
    name="analyze",
    summary="Count, compare and test: frequencies, associations, response types, mirroring, variation.",
    reads={
        "screened": "data/interim/screened.parquet",
        "annotations": "data/interim/annotations.parquet",
        "mentions": "data/interim/mentions.parquet",
        "taxonomy": "data/interim/edited.parquet",
        "edits": "data/interim/edits.parquet",
        "embeddings": "data/interim/embeddings.parquet",
        "assessed": "data/interim/assessed",
        **{f"{stage}_metrics": f"results/metrics/{stage}.json" for stage in METRICS_OF},
    },
    writes={"processed": "data/processed"},
    params=("analyze", "study.seed"),
)

log = logging.getLogger("wildvalues")


def run(
    params: Params,
    *,
    screened: Path,
    annotations: Path,
    mentions: Path,
    taxonomy: Path,
    edits: Path,
    embeddings: Path,
    assessed: Path,
    processed: Path,
    **metrics: Path,
) -> None:
    """Write one table for each of `wildvalues.tables.RESULTS`, and the gate's own table of who holds what."""
    study = load_study(screened, annotations, mentions, taxonomy)
    vectors = read_table(embeddings, EMBEDDINGS.schema)
    given = {stage: read_json(metrics[f"{stage}_metrics"]) for stage in METRICS_OF}
    frames = result_tables(params, study, vectors)
    frames |= assessed_tables(assessed, study, frames["frequencies"])
    frames["pipeline"] = pipeline(study, given)
    frames["edits"] = read_table(edits, EDITS.schema)
    processed.mkdir(parents=True)
    for name, table in RESULTS.items():
        write_table(table.arrange(complete(frames[name], table)), processed / f"{name}.parquet", table.schema)
    write_table(HOLDERS.arrange(complete(holders(study), HOLDERS)), processed / HOLDERS_FILE, HOLDERS.schema)
    named = complete(spoken(frames["edits"], study), SPOKEN)
    write_table(SPOKEN.arrange(named), processed / SPOKEN_FILE, SPOKEN.schema)
    log.info(
        "analyze: %d conversations, %d associations tested in %d tables",
        len(study.conversation_ids),
        int(complete(frames["association_tests"], RESULTS["association_tests"])["n_tests"].sum()),
        len(frames["association_tests"]),
    )


def result_tables(params: Params, study: Study, vectors: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return every result table but the pipeline's, unsorted."""
    knobs, seed = params.analyze, params.study.seed
    counted = frequencies(study, draws=knobs.bootstrap, seed=seed)
    found = associations(study, alpha=knobs.alpha, min_count=knobs.min_count)
    nearest = nearest_ai_value(vectors)
    compared = contrasts(
        study,
        nearest,
        alpha=knobs.alpha,
        min_count=knobs.min_count,
        min_context=knobs.min_context,
        near_universal=knobs.near_universal,
    )
    return {
        "taxonomy": placed_taxonomy(study, counted, map_coordinates(vectors, seed=seed)),
        "frequencies": counted,
        "concentration": concentration(study, draws=knobs.bootstrap, seed=seed),
        "associations": found.pairs,
        "association_tests": found.test,
        "response_types": response_types(study),
        "mirroring": mirroring(study, nearest, min_context=knobs.min_context),
        "variation": variation(study, min_context=knobs.min_context, min_count=knobs.min_count),
        "contrasts": compared.pairs,
        "contrast_tests": compared.tests,
        "models": models(study),
        "explicitness": explicitness(study),
    }


def placed_taxonomy(study: Study, counted: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Return the tree with each node's counts, and with each value's place on the map."""
    counts = complete(counted, RESULTS["frequencies"])[
        ["facet", "level", "node_id", "n_conversations", "n_users", "n_mentions", "share_mentions"]
    ]
    tree = study.taxonomy.merge(counts, on=["facet", "level", "node_id"], how="left", validate="one_to_one")
    at = places.rename(columns={"value": "node_id"}).assign(level=0)
    return tree.merge(at, on=["facet", "level", "node_id"], how="left")


def complete(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return `frame`, or an empty frame with the declared columns where there was nothing to count."""
    if frame.empty:
        nothing: pd.DataFrame = table.schema.empty_table().to_pandas()
        return nothing
    return frame
