"""The annotated conversations as matrices: who holds which value, task, response type, model, language and week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy import sparse

from wildvalues.analysis.prompts import opening_digests
from wildvalues.analysis.users import Users
from wildvalues.files import read_table
from wildvalues.tables import ANNOTATIONS, CONVERSATIONS, MENTIONS, RESPONSE_TYPES, TAXONOMY

TREE_FACETS = ("ai_values", "human_values", "task")


@dataclass(frozen=True)
class Labels:
    """Labels of one kind: a facet at one level, or response type, model, language, week.

    Parameters
    ----------
    facet, level
        What they are; level 0 where there is no tree.
    nodes
        ``node_id`` and ``name``, one label a row.
    holds
        Zero-one incidence, all conversations x labels.
    known
        Which conversations could hold such a label: annotated for the facet, or with the metadatum present.
    """

    facet: str
    level: int
    nodes: pd.DataFrame
    holds: sparse.csr_array
    known: NDArray[np.bool_]

    def totals(self) -> NDArray[np.int64]:
        """Return the conversations that hold each label."""
        return column_sums(self.holds)


@dataclass(frozen=True)
class Study:
    """The screened conversations of a study, in the order of their ids, with all their labels.

    `prompts` numbers the distinct first messages; it is empty where they were not read.
    """

    conversation_ids: pd.Index
    users: Users
    taxonomy: pd.DataFrame
    mentions: pd.DataFrame
    trees: dict[str, tuple[Labels, ...]]
    flat: dict[str, Labels]
    with_human_value: NDArray[np.bool_]
    prompts: NDArray[np.int64]

    def levels(self, facet: str, *, lowest: int = 0) -> tuple[Labels, ...]:
        """Return the labels of a facet at each level from `lowest`; a flat facet has level 0 alone."""
        if facet in self.flat:
            return (self.flat[facet],)
        return tuple(labels for labels in self.trees[facet] if labels.level >= lowest)


def column_sums(matrix: sparse.csr_array) -> NDArray[np.int64]:
    """Return the sums of a sparse matrix's columns as integers."""
    return np.asarray(matrix.sum(axis=0), dtype=np.int64).ravel()


def incidence(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> sparse.csr_array:
    """Return the zero-one matrix with ones at the given places; places given twice count once."""
    matrix = sparse.csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def load_study(screened: Path, annotations: Path, mentions: Path, taxonomy: Path) -> Study:
    """Read the tables `analyze` needs; of the conversations the metadata, and of the text which openings are equal."""
    names = [name for name in CONVERSATIONS.schema.names if name != "messages"]
    try:
        conversations: pd.DataFrame = pq.read_table(screened, columns=names).to_pandas()
        if list(conversations.columns) != names:
            raise KeyError
    except (OSError, KeyError, pa.ArrowInvalid):
        conversations = read_table(screened, CONVERSATIONS.schema)[names]
    return build_study(
        conversations,
        read_table(annotations, ANNOTATIONS.schema),
        read_table(mentions, MENTIONS.schema),
        read_table(taxonomy, TAXONOMY.schema),
        opening_digests(screened),
    )


def build_study(
    conversations: pd.DataFrame,
    annotations: pd.DataFrame,
    mentions: pd.DataFrame,
    taxonomy: pd.DataFrame,
    openings: pd.Series | None = None,
) -> Study:
    """Assemble the matrices; the order of the tables' rows carries nothing.

    Parameters
    ----------
    openings
        What the first message of each conversation is known by, indexed by conversation id.
    """
    conversations = conversations.sort_values("conversation_id", kind="stable").reset_index(drop=True)
    ids = pd.Index(conversations["conversation_id"])
    annotations = annotations.assign(conversation=ids.get_indexer(annotations["conversation_id"]))
    annotations = annotations[annotations["conversation"] >= 0]
    mentions = mentions.assign(conversation=ids.get_indexer(mentions["conversation_id"]))
    mentions = mentions[mentions["conversation"] >= 0]
    mentions = mentions.sort_values(["conversation", "facet", "value"], kind="stable").reset_index(drop=True)
    taxonomy = TAXONOMY.arrange(taxonomy)

    def flags(chosen: pd.DataFrame) -> NDArray[np.bool_]:
        flag = np.zeros(len(ids), dtype=bool)
        flag[chosen["conversation"].to_numpy()] = True
        return flag

    annotated = {facet: flags(part) for facet, part in annotations.groupby("facet")}
    nobody = np.zeros(len(ids), dtype=bool)
    trees = {
        facet: tree_labels(facet, mentions, taxonomy, annotated.get(facet, nobody), len(ids)) for facet in TREE_FACETS
    }
    response = annotations[(annotations["facet"] == "response_type") & annotations["label"].notna()]
    weeks = pd.to_datetime(conversations["started_at"], utc=True).dt.strftime("%G-W%V")
    flat = {
        "response_type": _flat("response_type", response["conversation"], response["label"], len(ids), RESPONSE_TYPES),
        **{
            facet: _flat(facet, pd.Series(np.arange(len(ids))), column, len(ids))
            for facet, column in (
                ("model", conversations["model"]),
                ("language", conversations["language"]),
                ("week", weeks),
            )
        },
    }
    human = annotations[(annotations["facet"] == "human_values") & annotations["label"].notna()]
    prompts = np.zeros(0, np.int64) if openings is None else pd.factorize(openings.reindex(ids), sort=True)[0]
    users = Users.of(conversations["user_id"])
    return Study(ids, users, taxonomy, mentions, trees, flat, flags(human), np.asarray(prompts, dtype=np.int64))


def _flat(facet: str, conversations: pd.Series, labels: pd.Series, n: int, always: Sequence[str] = ()) -> Labels:
    given = labels.notna().to_numpy()
    rows, values = conversations.to_numpy()[given], labels[given].astype(str).to_numpy(dtype=object)
    names = pd.Index(sorted({*values, *(always if len(values) else ())}), dtype=object)
    known = np.zeros(n, dtype=bool)
    known[rows] = True
    nodes = pd.DataFrame({"node_id": names, "name": names})
    columns = names.get_indexer(pd.Index(values, dtype=object))
    return Labels(facet, 0, nodes, incidence(rows, columns, (n, len(names))), known)


def tree_labels(
    facet: str, mentions: pd.DataFrame, taxonomy: pd.DataFrame, known: NDArray[np.bool_], n: int
) -> tuple[Labels, ...]:
    """Return a facet's labels at every level; a conversation counts once for each node it has a value under."""
    tree = taxonomy[taxonomy["facet"] == facet]
    mine = mentions[mentions["facet"] == facet]
    leaves = pd.Index(tree.loc[tree["level"] == 0, "node_id"])
    column = leaves.get_indexer(mine["value"])
    held = column >= 0
    mention_leaf = incidence(mine["conversation"].to_numpy()[held], column[held], (n, len(leaves)))
    labels = []
    for level, climb in climbs(tree):
        nodes = tree.loc[tree["level"] == level, ["node_id", "name"]].reset_index(drop=True)
        holds = sparse.csr_array(mention_leaf @ climb)
        holds.data[:] = 1
        holds.sort_indices()
        labels.append(Labels(facet, level, nodes, holds, known))
    return tuple(labels)


def climbs(tree: pd.DataFrame) -> list[tuple[int, sparse.csr_array]]:
    """Return for each level of one facet's tree the zero-one matrix leaves x nodes of that level.

    Nodes are in the order of `tree`. A leaf that is left unclustered is under no node.
    """
    parents = dict(zip(tree["node_id"], tree["parent_id"].where(tree["parent_id"].notna(), None), strict=True))
    n_leaves = int((tree["level"] == 0).sum())
    above = tree.loc[tree["level"] == 0, "node_id"].tolist()
    rows = np.arange(n_leaves)
    found = []
    for level in range(int(tree["level"].max()) + 1 if len(tree) else 0):
        nodes = pd.Index(tree.loc[tree["level"] == level, "node_id"])
        column = nodes.get_indexer(pd.Index(above, dtype=object)) if n_leaves else np.zeros(0, dtype=np.int64)
        placed = column >= 0
        found.append((level, incidence(rows[placed], column[placed], (n_leaves, len(nodes)))))
        # A node whose parent is further up waits until that level is reached.
        above = [parents.get(node) if at >= 0 else node for node, at in zip(above, column, strict=True)]
    return found
