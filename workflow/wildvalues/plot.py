"""Draw every figure from the published tables, with the data it shows and its caption beside it."""

from __future__ import annotations

import importlib
import io
import logging
from pathlib import Path

from matplotlib.figure import Figure

from wildvalues.figures import FIGURES, style
from wildvalues.figures.drawn import Drawn, Material
from wildvalues.files import read_json, write_csv
from wildvalues.params import Params
from wildvalues.published import load_published
from wildvalues.results import read_results
from wildvalues.stage import Stage

STAGE = Stage(
    name="plot",
    summary="Draw the figures (PDF, SVG, PNG) with their data (CSV) and captions (TXT).",
    reads={
        "tables": "results/tables",
        "validation": "results/metrics/validation.json",
        "published": "data/reference/published.yaml",
    },
    writes={"figures": "results/figures"},
    params=("plot", "study"),
)
log = logging.getLogger("wildvalues")

# Neither a date nor a version of the software may enter a file, or equal studies would give unequal bytes.
_METADATA: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


def run(params: Params, *, tables: Path, validation: Path, published: Path, figures: Path) -> None:
    """Draw every figure into the folder `figures`.

    Raises
    ------
    InputError
        When a table, ``validation.json`` or the published figures are missing or unreadable.
    """
    material = Material(read_results(tables), read_json(validation), params.plot, load_published(published))
    figures.mkdir(parents=True)
    for name in FIGURES:
        with style.applied():
            drawn: Drawn = importlib.import_module(f"wildvalues.figures.{name}").make(material)
            save(drawn.figure, figures / name)
        write_csv(drawn.data, figures / f"{name}.csv")
        (figures / f"{name}.txt").write_text(drawn.caption + "\n", "utf-8")
    log.info("%d figures drawn", len(FIGURES))


def save(figure: Figure, stem: Path) -> None:
    """Write a figure as ``<stem>.pdf``, ``.svg`` and ``.png``; equal figures give equal bytes."""
    for kind, metadata in _METADATA.items():
        buffer = io.BytesIO()
        # The paper's watermark has to show through; on a screen of any colour a figure needs its white ground.
        ground = "none" if kind == "pdf" else "white"
        figure.savefig(buffer, format=kind, metadata=metadata, facecolor=ground)
        stem.with_name(f"{stem.name}.{kind}").write_bytes(buffer.getvalue())
