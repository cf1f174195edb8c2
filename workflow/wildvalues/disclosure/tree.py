"""The gate for the trees: which nodes are published, which of them with counts, and under which names and ids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from wildvalues.analysis.study import climbs, incidence
from wildvalues.analysis.users import Users
from wildvalues.disclosure.text import may_be_shown
from wildvalues.disclosure.threshold import Threshold, as_floats

EXCLUSIVE = ("task",)


@dataclass(frozen=True)
class GatedTree:
    """What the gate decides on one facet's nodes, in the order of the facet's rows.

    Parameters
    ----------
    listed
        The node is published.
    counted
        ... with its counts. A listed node without counts is a cluster that only holds the tree together: its
        counts less its published children's would be a count below the threshold.
    n_mentions
        Mentions under the node; a rest below the threshold that belongs to withheld values is left out.
    """

    listed: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    n_mentions: NDArray[np.float64]


@dataclass
class _Facet:
    """One facet's tree and who holds its values; `climb[level]` is leaves x nodes of that level."""

    tree: pd.DataFrame
    climb: list[sparse.csr_array]
    places: list[NDArray[np.int64]]
    parent: NDArray[np.int64]
    held: sparse.csr_array
    users: Users

    def reached(self, conversations_by_node: sparse.csr_array, threshold: Threshold) -> NDArray[np.bool_]:
        counts = np.asarray(conversations_by_node.sum(axis=0)).ravel()
        return threshold.reached(counts, self.users.count(conversations_by_node))


def gate_tree(tree: pd.DataFrame, holders: pd.DataFrame, n_base: int, threshold: Threshold) -> GatedTree:
    """Decide on the nodes of one facet.

    Parameters
    ----------
    tree
        The facet's rows of the taxonomy, in the order of level and id.
    holders
        The facet's rows of `wildvalues.analysis.holders.HOLDERS`.
    n_base
        Conversations annotated for the facet.

    Notes
    -----
    A node's conversations and users include those of all nodes below it, so what is below a node under the
    threshold is under it too: withholding never cuts a published leaf off its root.
    """
    tree = tree.reset_index(drop=True)
    facet = _prepare(tree, holders)
    listed = threshold.reached(tree["n_conversations"], tree["n_users"])
    is_leaf = (tree["level"] == 0).to_numpy()
    listed &= ~is_leaf | np.array([may_be_shown(name) for name in tree["name"]], dtype=bool)
    while True:
        gated = _gate(facet, listed, threshold)
        if tree.empty or tree["facet"].iloc[0] not in EXCLUSIVE:
            return gated
        smallest = _leaking_top(facet, gated, n_base, threshold)
        if smallest is None:
            return gated
        listed = listed & ~_subtree(facet, smallest)


def _prepare(tree: pd.DataFrame, holders: pd.DataFrame) -> _Facet:
    steps = climbs(tree)
    at = [np.flatnonzero((tree["level"] == level).to_numpy()) for level, _ in steps]
    ids = pd.Index(tree["node_id"])
    parent = ids.get_indexer(tree["parent_id"].where(tree["parent_id"].notna(), None))
    leaves = pd.Index(tree.loc[tree["level"] == 0, "node_id"])
    holders = holders[holders["value"].isin(leaves)]
    rows, conversations = pd.factorize(holders["conversation"], sort=True)
    held = incidence(rows, leaves.get_indexer(holders["value"]), (len(conversations), len(leaves)))
    code = pd.Series(pd.NA, index=range(len(conversations)), dtype="Int64")
    code.iloc[rows] = holders["user"].astype("Int64").array
    return _Facet(tree, [climb for _, climb in steps], at, parent, held, Users.of(code))


def _binary(matrix: sparse.csr_array) -> sparse.csr_array:
    result = sparse.csr_array(matrix)
    result.eliminate_zeros()
    result.data[:] = 1
    return result


def _gate(facet: _Facet, allowed: NDArray[np.bool_], threshold: Threshold) -> GatedTree:
    tree, n = facet.tree, len(facet.tree)
    counts, mentions = as_floats(tree["n_conversations"]), as_floats(tree["n_mentions"]).copy()
    counted = allowed.copy()
    # What is published at or below each node: the sum of its topmost published counts, the conversations behind
    # them (columns are nodes), and the leaves that no published number includes.
    sums, mention_sums = np.zeros(n), np.zeros(n)
    covers: list[sparse.csr_array] = []
    missing: list[sparse.csr_array] = []
    for level, (climb, at) in enumerate(zip(facet.climb, facet.places, strict=True)):
        holds = _binary(facet.held @ climb)
        if level == 0:
            children = np.zeros((2, len(at)))
            below = sparse.csr_array(holds.shape, dtype=np.int64)
            unseen = sparse.csr_array(sparse.eye_array(len(at), dtype=np.int64, format="csr"))
        else:
            children, below, unseen = _from_children(facet, level, sums, mention_sums, covers, missing)
            rest = sparse.csr_array(holds - holds.multiply(below))
            counted[at] &= ~((counts[at] - children[0] > 0) & ~facet.reached(_binary(rest), threshold))
            trimmed = (mentions[at] - children[1] > 0) & ~facet.reached(_binary(facet.held @ unseen), threshold)
            mentions[at] = np.where(trimmed, children[1], mentions[at])
        shown = counted[at]
        whole = shown & (~trimmed if level else True)
        sums[at] = np.where(shown, counts[at], children[0])
        mention_sums[at] = np.where(shown, mentions[at], children[1])
        covers.append(_columns(holds, shown) + _columns(below, ~shown))
        missing.append(_columns(unseen, ~whole))
    return GatedTree(allowed, counted, mentions)


def _columns(matrix: sparse.csr_array, chosen: NDArray[np.bool_]) -> sparse.csr_array:
    return _binary(sparse.csr_array(matrix.multiply(chosen.astype(np.int64)[None, :])))


def _from_children(
    facet: _Facet,
    level: int,
    sums: NDArray[np.float64],
    mention_sums: NDArray[np.float64],
    covers: list[sparse.csr_array],
    missing: list[sparse.csr_array],
) -> tuple[NDArray[np.float64], sparse.csr_array, sparse.csr_array]:
    at = facet.places[level]
    place = np.full(len(facet.tree), -1)
    place[at] = np.arange(len(at))
    totals = np.zeros((2, len(at)))
    below = sparse.csr_array((covers[0].shape[0], len(at)), dtype=np.int64)
    unseen = sparse.csr_array((missing[0].shape[0], len(at)), dtype=np.int64)
    for lower in range(level):
        nodes = facet.places[lower]
        parent = np.where(facet.parent[nodes] >= 0, place[facet.parent[nodes]], -1)
        mine = np.flatnonzero(parent >= 0)
        to = incidence(mine, parent[mine], (len(nodes), len(at)))
        totals[0] += to.T @ sums[nodes]
        totals[1] += to.T @ mention_sums[nodes]
        below = below + covers[lower] @ to
        unseen = unseen + missing[lower] @ to
    return totals, _binary(below), _binary(unseen)


def _leaking_top(facet: _Facet, gated: GatedTree, n_base: int, threshold: Threshold) -> int | None:
    """Return the smallest root when the roots leave a rest of `n_base` below the threshold, else None."""
    counts = as_floats(facet.tree["n_conversations"])
    tops = np.flatnonzero((facet.parent < 0) & gated.listed)
    # From the leaves: whatever the roots leave out, their published parts may leave out more, never less.
    rest = n_base - counts[tops].sum()
    if not len(tops) or rest <= 0:
        return None
    cover = np.zeros(facet.held.shape[0], dtype=bool)
    for level, at in enumerate(facet.places):
        holds = facet.held @ facet.climb[level]
        mine = np.isin(at, tops)
        cover |= np.asarray(holds[:, np.flatnonzero(mine)].sum(axis=1)).ravel() > 0
    outside = sparse.csr_array((~cover).astype(np.int64)[:, None])
    users = facet.users.count(outside)
    if threshold.reached([rest], users)[0]:
        return None
    order = facet.tree.iloc[tops].sort_values(["n_conversations", "level", "node_id"])
    return int(order.index[0])


def _subtree(facet: _Facet, node: int) -> NDArray[np.bool_]:
    inside = np.zeros(len(facet.tree), dtype=bool)
    inside[node] = True
    for at in reversed(facet.places):
        parent = facet.parent[at]
        inside[at] |= (parent >= 0) & inside[parent]
    return inside
