"""`wildvalues compare`: a study's tree of values beside another one in the published schema.

A tool and no stage: what to compare with is the reader's choice. Both trees are published files, so what it writes may
be published too.
"""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from wildvalues.comparison.matching import Matched, beside, clusters, levels, match, values
from wildvalues.comparison.trees import read_tree
from wildvalues.files import replacing, write_csv
from wildvalues.results import read_result, records
from wildvalues.tables import RESULTS

OWN = Path("results/dataset/values_tree.csv")
OUTPUT = Path("results/comparison")


@click.command("compare", help="Set this study's tree of values beside TREE, another one in the published schema.")
@click.argument("tree", type=click.Path(path_type=Path))
@click.option("--own", type=click.Path(path_type=Path), default=OWN, show_default=True, help="This study's tree.")
@click.option("--output", type=click.Path(path_type=Path), default=OUTPUT, show_default=True, help="Folder to write.")
@click.option("--mentions", type=click.IntRange(min=1), help="Mentions behind this study's shares; known if beside it.")
@click.option("--other-mentions", type=click.IntRange(min=1), help="Mentions behind the shares of TREE.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the intervals.")
def command(tree: Path, own: Path, output: Path, mentions: int | None, other_mentions: int | None, seed: int) -> None:
    """Run `wildvalues compare`."""
    matched = match(read_tree(own, "this study"), read_tree(tree, tree.stem))
    agreement = levels(matched, seed=seed)
    pairs = beside(agreement)
    overlap = clusters(matched, pairs)
    listed = values(matched, mentions or mentions_beside(own), other_mentions or mentions_beside(tree))
    with replacing(output) as folder:
        folder.mkdir()
        write_csv(agreement, folder / "levels.csv")
        write_csv(overlap, folder / "clusters.csv")
        write_csv(listed, folder / "values.csv")
        _figure(agreement, overlap, pairs, folder)
        said = summary(matched, agreement, pairs, overlap)
        (folder / "summary.txt").write_text(said + "\n", "utf-8")
    click.echo(f"{said}\nTables and figure in {output}.")


def mentions_beside(tree: Path) -> int | None:
    """Return the mentions that a tree's shares are of, from the counts published beside it; None without them."""
    place = tree.with_name("taxonomy.csv")
    if not place.exists():
        return None
    table = read_result(place, RESULTS["taxonomy"])
    facet = "human_values" if tree.name.startswith("human_values") else "ai_values"
    known = table[(table["facet"] == facet) & (table["share_mentions"] > 0)].dropna(subset=["n_mentions"])
    if known.empty:
        return None
    # The most mentioned node gives the total most exactly.
    most = max(records(known), key=lambda row: int(row.n_mentions))
    return round(int(most.n_mentions) / float(most.share_mentions))


def _figure(agreement: pd.DataFrame, overlap: pd.DataFrame, pairs: dict[int, int], folder: Path) -> None:
    from wildvalues.comparison.figure import draw
    from wildvalues.figures import style
    from wildvalues.plot import save

    with style.applied():
        save(draw(agreement, overlap, pairs, ("this study", "the other tree")), folder / "overlap")


def summary(matched: Matched, agreement: pd.DataFrame, pairs: dict[int, int], overlap: pd.DataFrame) -> str:
    """Return the comparison in a few lines."""
    n, other = len(matched.tree.values), len(matched.other.values)
    common = len(matched.rows)
    lines = [
        f"{common:,} values are in both trees; {n - common:,} of {n:,} are in this study's alone and "
        f"{other - common:,} of {other:,} in the other's alone."
    ]
    for row in records(agreement):
        if pairs.get(int(row.level)) != row.other_level or pd.isna(row.ami):
            continue
        interval = "" if pd.isna(row.ami_low) else f" ({row.ami_low:.2f} to {row.ami_high:.2f})"
        lines.append(
            f"level {row.level} ({row.n_clusters} clusters) beside level {row.other_level} ({row.n_other_clusters}): "
            f"adjusted mutual information {row.ami:.2f}{interval}, adjusted Rand index {row.ari:.2f}"
        )
    top = overlap[overlap["level"] == overlap["level"].max()].drop_duplicates("cluster_id")
    lines += [
        f"  {row.name}: most of all like {row.other_name} (Jaccard {row.jaccard:.2f}, "
        f"{100 * row.share:.0f} % of its common values)"
        for row in records(top)
    ]
    return "\n".join([*lines, "The corpora may differ: a difference says that two trees differ, not why."])
