"""`wildvalues planted`: which of the findings planted in a corpus the study in this folder finds.

A tool and no stage: it says something only of a corpus that was written with known findings, such as the demo corpus,
and must not enter the results of any other. It reads private tables and prints counts; it writes nothing unless asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
import pandas as pd

from wildvalues.cli import params_option
from wildvalues.errors import InputError
from wildvalues.files import read_table, write_csv
from wildvalues.params import load_params
from wildvalues.results import read_results
from wildvalues.tables import MENTIONS, RESULTS, TAXONOMY
from wildvalues.validation.by_context import contexts_of, label_evidence, read_corpus
from wildvalues.validation.gold import read_gold
from wildvalues.validation.planted import Evidence, Sought, home_clusters, read_planted
from wildvalues.validation.seeking import let_out, look_for

PLANTED = Path("data/demo/planted.csv")
CORPUS = Path("data/demo/conversations.jsonl")


@click.command("planted", help="Say which findings planted in the demo corpus the study in this folder finds.")
@click.option("--planted", "planted_file", type=click.Path(path_type=Path), default=PLANTED, show_default=True)
@click.option("--corpus", type=click.Path(path_type=Path), default=CORPUS, show_default=True)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Look in these labels, by the corpus's own contexts, and at no study.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Also write the answers as CSV.")
@params_option
def command(planted_file: Path, corpus: Path, labels: Path | None, output: Path | None, params_file: Path) -> None:
    """Run `wildvalues planted`."""
    knobs = load_params(params_file).analyze
    if labels is None:
        sought = study_findings(Path(), planted_file, corpus, knobs.alpha)
    else:
        evidence = label_evidence(read_corpus(corpus), read_gold(labels), knobs)
        sought = look_for(read_planted(planted_file), evidence)
    width = max(len(one.planted.id) for one in sought)
    for one in sought:
        gate = ", withheld from the published tables" if one.published is False else ""
        click.echo(f"{'found    ' if one.found else 'not found'}  {one.planted.id:<{width}}  {one.says}{gate}")
    place = "this study" if labels is None else str(labels)
    click.echo(f"{sum(one.found for one in sought)} of {len(sought)} planted findings found in {place}.")
    if output is not None:
        write_csv(as_table(sought), output)


def study_findings(folder: Path, planted_file: Path, corpus: Path, alpha: float) -> list[Sought]:
    """Look for the planted findings in the tables of the study in `folder`.

    Raises
    ------
    InputError
        When no study was run there, or not on this corpus.
    """
    processed, interim = folder / "data/processed", folder / "data/interim"
    private = {name: read_table(processed / f"{name}.parquet", table.schema) for name, table in RESULTS.items()}
    evidence = Evidence(private, study_homes(interim, contexts_of(read_corpus(corpus)), corpus), alpha)
    found = look_for(read_planted(planted_file), evidence)
    return let_out(found, evidence, read_results(folder / "results/tables"))


def study_homes(interim: Path, contexts: pd.Series, corpus: Path) -> dict[str, list[str]]:
    """Return the home clusters of each context in a study; see `home_clusters`."""
    mentions = read_table(interim / "mentions.parquet", MENTIONS.schema)
    taxonomy = read_table(interim / "edited.parquet", TAXONOMY.schema)
    tree = taxonomy[taxonomy["facet"] == "task"]
    parents = tree.set_index("node_id")["parent_id"]
    tasks = mentions[mentions["facet"] == "task"].drop_duplicates("conversation_id")
    if not tasks["conversation_id"].isin(contexts.index).any():
        raise InputError(f"{corpus}: the study in this folder has none of its conversations; run the study on it")
    cluster = tasks.set_index("conversation_id")["value"]
    levels = []
    for _ in range(int(tree["level"].max())):
        cluster = cluster.map(parents)
        levels.append(cluster)
    return home_clusters(contexts, levels)


def as_table(sought: Sequence[Sought]) -> pd.DataFrame:
    """Return the answers as a table, one planted finding a row."""
    rows = []
    for one in sought:
        row = {name: value for name, value in asdict(one).items() if name != "planted"}
        rows.append({"id": one.planted.id, "kind": one.planted.kind, **row})
    return pd.DataFrame(rows).astype({"observed": "Int64", "total": "Int64"})
