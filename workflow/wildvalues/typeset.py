"""Write the study's numbers, tables and captions as LaTeX, and set the paper."""

from __future__ import annotations

import logging
from pathlib import Path

from wildvalues.errors import InputError
from wildvalues.figures import FIGURES
from wildvalues.files import read_json
from wildvalues.params import Params
from wildvalues.results import read_results
from wildvalues.stage import Stage
from wildvalues.typesetting.compile import compile_pdf
from wildvalues.typesetting.latex import commands, escape
from wildvalues.typesetting.numbers import flags, macros
from wildvalues.typesetting.study import Study
from wildvalues.typesetting.tables import TABLES

STAGE = Stage(
    name="typeset",
    summary="Write numbers, tables and captions as LaTeX and set the paper (PDF).",
    reads={
        "tables": "results/tables",
        "figures": "results/figures",
        "validation": "results/metrics/validation.json",
        "disclosure": "results/metrics/disclose.json",
        "source": "paper/source",
    },
    writes={"build": "paper/build", "pdf": "paper/main.pdf"},
    params=(
        "study",
        "llm.provider",
        "llm.model",
        "screen",
        "extract",
        "embed",
        "cluster",
        "analyze",
        "disclose",
        "plot",
    ),
)
log = logging.getLogger("wildvalues")


def run(
    params: Params,
    *,
    tables: Path,
    figures: Path,
    validation: Path,
    disclosure: Path,
    source: Path,
    build: Path,
    pdf: Path,
) -> None:
    """Fill the folder `build` and set the paper.

    Raises
    ------
    InputError
        When a table or caption is missing, LaTeX is not installed, or LaTeX stops with an error.
    """
    study = Study(params, read_results(tables), read_json(validation), read_json(disclosure))
    write_build(study, figures, build)
    compile_pdf({"paper/source": source, "paper/build": build, "results/figures": figures}, pdf)
    log.info("paper set: %d figures, %d tables", len(FIGURES), len(TABLES))


def write_build(study: Study, figures: Path, build: Path) -> None:
    """Write ``numbers.tex``, ``captions.tex`` and ``tables/*.tex`` into the new folder `build`."""
    (build / "tables").mkdir(parents=True)
    (build / "numbers.tex").write_text(commands(macros(study), flags(study)), "utf-8")
    captions = {f"Caption{_camel(name)}": _caption(figures / f"{name}.txt") for name in FIGURES}
    (build / "captions.tex").write_text(commands(captions, {}), "utf-8")
    for name, write in TABLES.items():
        (build / "tables" / f"{name}.tex").write_text(write(study), "utf-8")


def _caption(path: Path) -> str:
    try:
        text = escape(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such caption; run `wildvalues plot`, or `snakemake --cores 8`") from None
    # A number stays on the line of its sign.
    return text.replace("n = ", "$n$~=~").replace(r" \%", r"\,\%")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
