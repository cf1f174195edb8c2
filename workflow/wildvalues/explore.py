"""Explore: a static page to read the study, opened from a folder, without a server and without the network."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import jinja2

from wildvalues.dataset.facts import is_demo
from wildvalues.explorer.chunks import digits_for, hash_id, write_chunk
from wildvalues.explorer.details import node_details
from wildvalues.explorer.study import FLAT, TREES, flat_ids, ordered_nodes, study_chunk, tree_chunk
from wildvalues.files import read_json
from wildvalues.params import Params
from wildvalues.results import Results, read_results
from wildvalues.stage import Stage
from wildvalues.tables import RESULTS

STAGE = Stage(
    name="explore",
    summary="Make the page that shows the study, a folder to open in any browser, offline.",
    reads={"tables": "results/tables", "validation": "results/metrics/validation.json"},
    writes={"explorer": "results/explorer"},
    params=("study",),
)

# Read in this order as one script: modules are not loaded from a folder opened in a browser.
SCRIPTS = (
    *("core", "store", "table", "charts", "treemap", "map", "search"),
    *("home", "node", "responses", "about", "router"),
)


def run(params: Params, *, tables: Path, validation: Path, explorer: Path) -> None:
    """Write the folder of the page."""
    results = {name: RESULTS[name].arrange(table) for name, table in read_results(tables).items()}
    data = explorer / "data"
    data.mkdir(parents=True)
    write_chunk(data, "study", study_chunk(params, results, read_json(validation)))
    for facet in TREES:
        nodes = ordered_nodes(results, facet)
        write_chunk(data, f"tree-{facet}", tree_chunk(nodes))
        _write_details(data, results, facet, nodes["node_id"].tolist())
    for facet in FLAT:
        _write_details(data, results, facet, flat_ids(results, facet))

    source = importlib.resources.files("wildvalues.explorer")
    template = jinja2.Template(
        source.joinpath("index.html.j2").read_text("utf-8"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = template.render(title=params.study.title, corpus=params.study.corpus, demo=is_demo(results))
    (explorer / "index.html").write_text(page + "\n", "utf-8")
    (explorer / "explorer.css").write_text(source.joinpath("explorer.css").read_text("utf-8"), "utf-8")
    scripts = [source.joinpath(f"scripts/{name}.js").read_text("utf-8") for name in SCRIPTS]
    (explorer / "explorer.js").write_text("\n".join(scripts), "utf-8")


def _write_details(data: Path, results: Results, facet: str, ids: list[str]) -> None:
    """Spread the details of a facet's nodes over chunks by the hash of the id; a chunk may be empty."""
    digits = digits_for(len(ids))
    chunks: dict[str, dict[str, object]] = {f"{i:0{digits}x}" if digits else "all": {} for i in range(16**digits)}
    for node_id, details in node_details(results, facet).items():
        chunks[hash_id(node_id)[:digits] or "all"][node_id] = details
    if not ids:
        return
    for prefix, chunk in chunks.items():
        write_chunk(data, f"{facet}/{prefix}", dict(sorted(chunk.items())))
