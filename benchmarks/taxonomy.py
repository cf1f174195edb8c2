"""From value names to named clusters, no language model asked: time and peak memory of each stage.

    python benchmarks/taxonomy.py                                       # a synthetic list of 3,307 names
    python benchmarks/taxonomy.py values_frequencies.csv                # columns value and pct_convos
    python benchmarks/taxonomy.py FILE --models all-MiniLM-L6-v2 all-mpnet-base-v2

Runs the stages themselves (canonicalize, embed, cluster, name), each in a process of its own, so that peak memory is
that of the one stage; CPU time stands beside the clock's, which other work on the machine changes more. Values get
mentions in 20,000 invented conversations in proportion to their frequencies; the sizes of levels are the published
study's. Released names: the dataset of Huang et al., arXiv 2504.15236 (not part of this repository).
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from wildvalues.files import write_table
from wildvalues.tables import ANNOTATIONS

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("canonicalize", "embed", "cluster", "name")
CONVERSATIONS = 20_000
LEVELS = [266, 26, 5]
_ADJECTIVES = re.findall(
    r"\S+",
    """
    academic aesthetic balanced careful civic clear collaborative creative critical cultural digital
    ecological emotional ethical everyday financial gentle historical honest inclusive informed legal
    local measured medical mutual parental patient personal playful practical precise professional public
    quiet rational relational respectful scholarly shared social spiritual strategic sustainable technical
    timely transparent user-centred warm
    """,
)
_BEARERS = re.findall(
    r"\S+",
    """
    animal artist child citizen client colleague community consumer employee family learner minority
    neighbour parent patient reader refugee student teacher team tenant traveller user victim volunteer
    worker writer youth elder guest buyer carer donor farmer
    """,
)
_NOUNS = re.findall(
    r"\S+",
    """
    accountability accuracy authenticity autonomy awareness belonging care caution clarity compassion
    competence confidence consent cooperation courage creativity curiosity dignity diligence diversity
    efficiency empathy empowerment equity excellence expression fairness faith flexibility forgiveness
    freedom friendship generosity gratitude growth harmony healing honesty hope humility humour
    imagination inclusion independence innovation insight integrity joy justice kindness knowledge
    learning legacy loyalty mastery mindfulness modesty openness order patience peace persistence pleasure
    pragmatism precision prevention privacy progress protection prudence resilience respect responsibility
    rigor safety security service simplicity solidarity stability stewardship support tact thoroughness
    thrift tolerance tradition transparency trust truth understanding usefulness welfare wellbeing wisdom
    wonder
    """,
)


def names(n: int, seed: int = 1) -> list[str]:
    """Return `n` distinct names of values, made of a noun and at most two words before it.

    Raises
    ------
    ValueError
        When fewer can be made.
    """
    pairs = [f"{adjective} {noun}" for adjective in _ADJECTIVES for noun in _NOUNS]
    triples = [f"{adjective} {bearer} {noun}" for adjective in _ADJECTIVES for bearer in _BEARERS for noun in _NOUNS]
    rng = np.random.default_rng(seed)
    made = (
        _NOUNS + [pairs[i] for i in rng.permutation(len(pairs))] + [triples[i] for i in rng.permutation(len(triples))]
    )
    if n > len(made):
        raise ValueError(f"at most {len(made):,} names can be made, asked for {n:,}")
    return made[:n]


def synthetic(n: int) -> pd.DataFrame:
    """Return a long-tailed list of names with the percentage of conversations each occurs in."""
    return pd.DataFrame({"value": names(n), "pct_convos": np.maximum(25 / np.arange(1, n + 1) ** 0.9, 0.005)})


def annotations(frequencies: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    """Return mentions of the values in invented conversations, in proportion to their frequencies."""
    rng = np.random.default_rng(seed)
    rows = []
    for value, percent in zip(frequencies["value"], frequencies["pct_convos"], strict=True):
        held = rng.choice(CONVERSATIONS, max(1, round(CONVERSATIONS * percent / 100)), replace=False)
        rows.append(pd.DataFrame({"conversation_id": held, "label": value}))
    frame = pd.concat(rows, ignore_index=True)
    frame["rank"] = frame.groupby("conversation_id").cumcount() + 1
    frame["conversation_id"] = frame["conversation_id"].map("c{:06d}".format)
    return frame.assign(facet="ai_values", quote=None, explicit=None, score=None)


def run(words: list[str], folder: Path) -> tuple[float, float, float]:
    """Run a command; return seconds by the clock, CPU seconds, and peak memory in MB."""
    begun = time.perf_counter()
    child = os.posix_spawnp(words[0], words, {**os.environ, "PWD": str(folder)})
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frequencies", nargs="?", type=Path, help="CSV with value and pct_convos")
    parser.add_argument("--names", type=int, default=3_307, help="how many, when they are synthetic")
    parser.add_argument("--models", nargs="+", default=["all-MiniLM-L6-v2"])
    parser.add_argument("--set", nargs="*", default=[], metavar="SECTION.KEY=VALUE", help="other parameters")
    given = parser.parse_args()
    if given.frequencies:
        table = pd.read_csv(given.frequencies, keep_default_na=False).astype({"pct_convos": float})
    else:
        table = synthetic(given.names)
    print(f"{len(table):,} names{'' if given.frequencies else ' (synthetic)'}; levels {LEVELS}")
    for model in given.models:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "data/interim").mkdir(parents=True)
            (folder / "workflow").symlink_to(ROOT / "workflow")
            (folder / "data/demo").symlink_to(ROOT / "data/demo")
            params: dict[str, dict[str, object]] = {"embed": {"model": model}, "cluster": {"levels": LEVELS}}
            for setting in given.set:
                key, _, value = setting.partition("=")
                section, _, name = key.partition(".")
                params.setdefault(section, {})[name] = yaml.safe_load(value)
            (folder / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
            write_table(annotations(table), folder / "data/interim/annotations.parquet", ANNOTATIONS.schema)
            os.chdir(folder)
            report(model, folder)
            os.chdir(ROOT)


def report(model: str, folder: Path) -> None:
    """Run the stages and print a line for each, and their sum."""
    print(f"\n{model:22} {'clock s':>9} {'CPU s':>9} {'peak MB':>9}")
    total = np.zeros(3)
    wildvalues = str(Path(sys.executable).parent / "wildvalues")
    for stage in STAGES:
        took = np.array(run([wildvalues, stage], folder))
        total = np.array([*(total[:2] + took[:2]), max(total[2], took[2])])
        print(f"{stage:22} {took[0]:9.1f} {took[1]:9.1f} {took[2]:9.0f}")
    print(f"{'all':22} {total[0]:9.1f} {total[1]:9.1f} {total[2]:9.0f}")


if __name__ == "__main__":
    main()
