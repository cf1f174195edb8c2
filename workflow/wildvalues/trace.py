"""Trace: the record of how every published file was made, and the checksums to hold it against."""

from __future__ import annotations

from pathlib import Path

from wildvalues.dataset.checksums import SUMS_FILE, checksum_lines, files_below
from wildvalues.files import write_json
from wildvalues.params import Params
from wildvalues.provenance.parameters import parameters_text
from wildvalues.results import read_results
from wildvalues.stage import STAGE_NAMES, Stage, load_stage

STAGE = Stage(
    name="trace",
    summary="Record how every published file was made: RO-Crate, checksums, parameters.",
    reads={
        "tables": "results/tables",
        "figures": "results/figures",
        "dataset": "results/dataset",
        "explorer": "results/explorer",
        "validation": "results/metrics/validation.json",
        "prompts": "workflow/prompts",
    },
    writes={"provenance": "results/provenance"},
    params=(
        *("study", "release", "ingest", "sample", "redact", "screen", "extract", "canonicalize", "embed", "cluster"),
        *("name", "edit", "analyze", "disclose", "validate", "plot", "llm.provider", "llm.model", "llm.temperature"),
    ),
)


def run(
    params: Params,
    *,
    tables: Path,
    figures: Path,
    dataset: Path,
    explorer: Path,
    validation: Path,
    prompts: Path,
    provenance: Path,
) -> None:
    """Write the folder of the record."""
    # rocrate is slow to import, and every stage's declaration is loaded by `--help`.
    from wildvalues.provenance.crate import Record

    provenance.mkdir(parents=True)
    folders = {"tables": tables, "figures": figures, "dataset": dataset, "explorer": explorer}

    (provenance / "params.yaml").write_text(parameters_text(params), "utf-8")
    # Labels are relative to results/, so that `sha256sum --check provenance/SHA256SUMS` works from there.
    listed = [
        (f"{name}/{path.relative_to(folder).as_posix()}", path)
        for name, folder in folders.items()
        for path in files_below(folder)
    ]
    (provenance / SUMS_FILE).write_text(checksum_lines([*listed, ("metrics/validation.json", validation)]), "utf-8")

    record = Record(params, read_results(tables))
    parts = [
        record.folder(f"results/{name}", f"../{name}/", folder, whole=name == "explorer")
        for name, folder in folders.items()
    ]
    measured = record.file("../metrics/validation.json", validation)
    record.published("results/metrics/validation.json", measured)
    asked = record.folder("workflow/prompts", "../../workflow/prompts/", prompts)
    settings = record.file("params.yaml", provenance / "params.yaml", name="parameters")
    sums = record.file(
        SUMS_FILE,
        provenance / SUMS_FILE,
        description="sha256 of every published file; check from the results folder",
    )
    workflow = record.workflow()
    stages = [load_stage(name) for name in STAGE_NAMES]
    document = record.finish(stages, workflow, [*parts, measured, asked, settings, sums])
    write_json(document, provenance / "ro-crate-metadata.json")
