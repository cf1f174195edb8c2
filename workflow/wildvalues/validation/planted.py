"""Findings that a corpus was written to hold, and what it takes to look for them in a study of it.

A power test of the whole chain: what the conversations are known to show should come out at the other end. Only a
corpus with planted findings can be judged so; the demo corpus is one (``data/demo/PLANTED.md``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from wildvalues.errors import InputError

Tables = Mapping[str, pd.DataFrame]
COLUMNS = ("id", "kind", "what", "where", "direction", "test")
# What can be planted; `seeking` says how each is looked for.
KINDS = ("association", "mirrored", "not_mirrored", "resisted", "model", "drift", "burst", "invariant")


@dataclass(frozen=True)
class Planted:
    """One planted finding, a row of ``planted.csv``: its kind decides where it is looked for (see `KINDS`)."""

    id: str
    kind: str
    what: str
    where: str
    direction: str
    test: str


@dataclass(frozen=True)
class Evidence:
    """What a study has to say.

    Parameters
    ----------
    tables
        The private tables of `analyze`.
    homes
        Context of the corpus -> the task cluster that holds most of it, at each level, finest first.
    alpha
        Level before Bonferroni.
    """

    tables: Tables
    homes: Mapping[str, Sequence[str]]
    alpha: float


@dataclass(frozen=True)
class Sought:
    """What a study's tables say about a planted finding.

    Parameters
    ----------
    found
        Whether it is there at the study's thresholds.
    observed, total
        Conversations with it, of those with `what` (or of the model); None when the tables have no such row.
    expected
        What independence gives.
    strength
        Adjusted residual, or the coefficient of variation for an invariant value.
    p
        After Bonferroni; None for a comparison.
    says
        The same in words.
    published
        Whether the gate let it out; None when that was not looked at.
    """

    planted: Planted
    found: bool
    says: str
    observed: int | None = None
    total: int | None = None
    expected: float | None = None
    strength: float | None = None
    p: float | None = None
    published: bool | None = None


def read_planted(path: Path) -> list[Planted]:
    """Read a table of planted findings.

    Raises
    ------
    InputError
        When it is missing, is no such table, or has an unknown kind or an id twice.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; name the table of planted findings") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable CSV table ({error})") from None
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(f"{path}: lacks column {', '.join(missing)}; its columns are {', '.join(COLUMNS)}")
    rows = [Planted(*(row[name] for name in COLUMNS)) for row in frame.to_dict("records")]
    for number, row in enumerate(rows, start=2):
        if row.kind not in KINDS:
            raise InputError(f"{path}:{number}: kind: found {row.kind!r}; allowed are {', '.join(KINDS)}")
        if row.id in {other.id for other in rows[: number - 2]}:
            raise InputError(f"{path}:{number}: id {row.id!r} occurs a second time")
    return rows


def home_clusters(contexts: pd.Series, tasks: Sequence[pd.Series]) -> dict[str, list[str]]:
    """Return for each context the task cluster that holds most of its conversations, at each level.

    Parameters
    ----------
    contexts
        Context of each conversation, indexed by conversation id.
    tasks
        For each level the cluster of each conversation, indexed by conversation id.
    """
    homes: dict[str, list[str]] = {str(context): [] for context in sorted(contexts.unique())}
    for clusters in tasks:
        both = pd.DataFrame({"context": contexts, "cluster": clusters}).dropna()
        counts = both.value_counts().rename("n").reset_index()
        best = counts.sort_values(["n", "cluster"], ascending=[False, True]).drop_duplicates("context")
        for context, cluster in zip(best["context"], best["cluster"], strict=True):
            homes[context].append(cluster)
    return homes
