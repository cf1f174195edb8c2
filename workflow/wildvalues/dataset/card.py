"""The data card: a README with the front matter that dataset hubs read."""

from __future__ import annotations

from collections.abc import Mapping

import jinja2
import pandas as pd

from wildvalues.dataset.dictionary import meanings
from wildvalues.dataset.facts import is_demo, metric
from wildvalues.dataset.licence import licence_name
from wildvalues.params import Params
from wildvalues.results import Results

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def data_card(params: Params, tables: Results, files: Mapping[str, pd.DataFrame]) -> str:
    """Return the text of ``README.md``.

    Parameters
    ----------
    files
        Name of each data file -> its rows.
    """
    stems = {name.rpartition(".")[0] for name in files}
    # One configuration a table; Parquet keeps types, so it is preferred where there are both.
    configs = [
        {"name": stem, "file": f"{stem}.parquet" if f"{stem}.parquet" in files else f"{stem}.csv"}
        for stem in sorted(stems, key=lambda stem: (stem != "values_frequencies", stem))
        if stem != "data_dictionary"
    ]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("wildvalues", "dataset"), undefined=jinja2.StrictUndefined, autoescape=False
    )
    text: str = environment.get_template("card.md.j2").render(
        title=params.study.title,
        authors=params.study.authors,
        corpus=params.study.corpus,
        name=params.release.name,
        licence=licence_name(params.release.licence),
        licence_id=params.release.licence.lower(),
        demo=is_demo(tables),
        size=_size(max((len(frame) for frame in files.values()), default=0)),
        configs=configs,
        files=[_file(stem, files) for stem in sorted(stems)],
        conversations=metric(tables, "ingest", "conversations"),
        sampled=metric(tables, "sample", "conversations"),
        subjective=metric(tables, "screen", "subjective"),
        n_ai=_values(tables, "ai_values"),
        n_human=_values(tables, "human_values"),
        users=bool(tables["frequencies"]["n_users"].notna().any()),
        min_conversations=metric(tables, "disclose", "min_conversations"),
        min_users=metric(tables, "disclose", "min_users"),
        suppressed=_suppressed(tables),
    )
    return text.rstrip() + "\n"


def _file(stem: str, files: Mapping[str, pd.DataFrame]) -> dict[str, object]:
    names = sorted(name for name in files if name.rpartition(".")[0] == stem)
    return {"names": names, "rows": len(files[names[0]]), "row": meanings().row(stem)}


def _values(tables: Results, facet: str) -> int:
    table = tables["taxonomy"]
    return int(((table["facet"] == facet) & (table["level"] == 0)).sum())


def _suppressed(tables: Results) -> float:
    rows = tables["pipeline"]
    withheld = (rows["stage"] == "disclose") & rows["metric"].str.startswith("suppressed_")
    return float(rows.loc[withheld, "value"].sum())


def _size(rows: int) -> str:
    return next((label for bound, label in _SIZES if rows < bound), "1M<n<10M")
