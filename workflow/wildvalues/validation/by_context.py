"""The labels of a corpus put straight into the statistics, with its own contexts in place of task clusters.

So what the labels show can be told apart from what canonicalizing, embedding and clustering leave of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from wildvalues.analysis.associations import associations
from wildvalues.analysis.contexts import variation
from wildvalues.analysis.responses import models
from wildvalues.analysis.study import TREE_FACETS, Study, build_study
from wildvalues.errors import InputError
from wildvalues.params import Analyze
from wildvalues.tables import ANNOTATIONS, CONVERSATIONS, MENTIONS, TAXONOMY
from wildvalues.validation.gold import Gold
from wildvalues.validation.planted import Evidence

_FORM = "expected a conversation with conversation_id and meta.context, as the demo corpus has"


def read_corpus(path: Path) -> list[dict[str, Any]]:
    """Read a corpus whose conversations carry their context, as JSON Lines.

    Raises
    ------
    InputError
        When the corpus is missing, or a line is no conversation with a context.
    """
    rows: list[dict[str, Any]] = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; name the corpus with --corpus") from None
    for number, line in enumerate(lines, start=1):
        try:
            one = json.loads(line)
            _ = (one["conversation_id"], one["meta"]["context"])
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path}:{number}: {_FORM}") from None
        rows.append(one)
    return rows


def contexts_of(corpus: Sequence[Mapping[str, Any]]) -> pd.Series:
    """Return the context of each conversation, indexed by conversation id."""
    return pd.Series({one["conversation_id"]: one["meta"]["context"] for one in corpus}, dtype=object)


def label_evidence(corpus: Sequence[Mapping[str, Any]], labels: Mapping[str, Gold], knobs: Analyze) -> Evidence:
    """Return what the statistics make of the conversations that are labelled subjective.

    Raises
    ------
    InputError
        When no conversation of the corpus is.
    """
    rows = [one for one in corpus if one["conversation_id"] in labels and labels[one["conversation_id"]].subjective]
    if not rows:
        raise InputError("the labels call no conversation of the corpus subjective; name its own labels with --labels")
    study = _study(rows, labels)
    tables = {
        "associations": associations(study, alpha=knobs.alpha, min_count=knobs.min_count).pairs,
        "models": models(study),
        "variation": variation(study, min_context=knobs.min_context, min_count=knobs.min_count),
    }
    homes = {str(context): [_cluster(context)] for context in contexts_of(rows).unique()}
    return Evidence(tables, homes, knobs.alpha)


def _study(rows: Sequence[Mapping[str, Any]], labels: Mapping[str, Gold]) -> Study:
    conversations = pd.DataFrame(
        [{name: one.get(name) for name in CONVERSATIONS.schema.names if name != "messages"} for one in rows]
    )
    conversations["started_at"] = pd.to_datetime(conversations["started_at"], utc=True)
    annotated, mentioned = [], []
    for one in rows:
        identity = str(one["conversation_id"])
        label = labels[identity]
        given: dict[str, list[str] | None] = {
            "ai_values": label.names("ai_values"),
            "human_values": label.names("human_values"),
            "task": [str(one["meta"]["context"])],
            "response_type": None if label.response_type is None else [label.response_type],
        }
        for facet, names in given.items():
            # A facet that was labelled and found nothing has one row without a label.
            found: list[str | None] = [] if names is None else [*names] or [None]
            annotated += [(identity, facet, rank, name, None, None, None) for rank, name in enumerate(found)]
            if facet in TREE_FACETS:
                mentioned += [(identity, facet, name, None) for name in names or []]
    mentions = pd.DataFrame(mentioned, columns=MENTIONS.schema.names)
    annotations = pd.DataFrame(annotated, columns=ANNOTATIONS.schema.names)
    return build_study(conversations, annotations, mentions, _taxonomy(mentions))


def _taxonomy(mentions: pd.DataFrame) -> pd.DataFrame:
    """Return trees of one level, values alone, but for the task: there each context is a cluster of its own."""
    distinct = mentions[["facet", "value"]].drop_duplicates().itertuples(index=False)
    nodes: list[tuple[Any, ...]] = []
    for facet, value in distinct:
        above = _cluster(value) if facet == "task" else None
        nodes.append((facet, 0, value, above, 1, value, "", None))
        if above is not None:
            nodes.append((facet, 1, above, None, 1, value, "", None))
    return pd.DataFrame(nodes, columns=TAXONOMY.schema.names)


def _cluster(context: str) -> str:
    return f"task:l1:{context}"
