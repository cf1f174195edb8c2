"""`wildvalues synonyms`: choose the thresholds of merging on labelled pairs of names, measure them on the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wildvalues.cli import params_option
from wildvalues.params import Canonicalize, load_params

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from wildvalues.taxonomy.labelled import Score

PAIRS = Path("data/reference/value_pairs.csv")


@click.command("synonyms", help="Choose the thresholds of merging near-synonyms on labelled pairs, and measure them.")
@click.option("--pairs", type=click.Path(path_type=Path), default=PAIRS, show_default=True, help="labelled pairs, CSV")
@click.option("--model", default=None, help="embedding model; default: embed.model")
@params_option
def command(params_file: Path, pairs: Path, model: str | None) -> None:
    """Print the chosen thresholds and how the measuring half agrees with them and with the study's own."""
    from wildvalues.taxonomy import labelled, vectors

    params = load_params(params_file)
    embed = params.embed if model is None else params.embed.model_copy(update={"model": model})

    def encode(names: Sequence[str]) -> np.ndarray:
        return vectors.encode(names, embed)

    table = labelled.described(labelled.read_pairs(pairs), encode)
    choosing, measuring = table[~table["held_out"]], table[table["held_out"]]
    chosen = labelled.choose(choosing)
    click.echo(f"{len(choosing)} pairs choose, {len(measuring)} measure; vectors by {embed.model}")
    for title, knobs in (("chosen", chosen), ("params.yaml", params.canonicalize)):
        click.echo(
            f"\n{title}: merge_same_root {knobs.merge_same_root}, merge_similarity {knobs.merge_similarity}, "
            f"merge_difference {knobs.merge_difference}"
        )
        for name, half in (("choosing half", choosing), ("measuring half", measuring)):
            _report(name, labelled.score(half, labelled.would_merge(half, knobs)))
        closest = measuring[~measuring["spelling"]]
        _report("... but for spellings", labelled.score(closest, labelled.would_merge(closest, knobs)))
    _wrong(measuring, chosen)


def _report(name: str, found: Score) -> None:
    from wildvalues.statistics.intervals import wilson

    parts = []
    for measure, hits, n in (("precision", found.right, found.merged), ("recall", found.right, found.same)):
        low, high = wilson(hits, n)
        share = hits / n if n else float("nan")
        parts.append(f"{measure} {share:.3f} [{float(low):.3f}, {float(high):.3f}] ({hits} of {n})")
    click.echo(f"  {name:<22} {'  '.join(parts)}")


def _wrong(measuring: pd.DataFrame, chosen: Canonicalize) -> None:
    from wildvalues.taxonomy.labelled import would_merge

    wrong = measuring[would_merge(measuring, chosen) & ~measuring["same"].to_numpy(dtype=bool)]
    for row in wrong.sort_values(["kind", "first"]).itertuples(index=False):
        click.echo(f"  wrongly merged: {row.first} | {row.second} ({row.kind}, {row.similarity:.3f})")
