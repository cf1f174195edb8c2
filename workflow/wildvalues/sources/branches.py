"""Threads kept as trees: the branch the user last saw is found from its leaf upwards."""

from __future__ import annotations

from collections.abc import Mapping

from wildvalues.sources.base import RecordError


def branch(parents: Mapping[str, str | None], leaf: str) -> list[str]:
    """Return the ids from the root to `leaf`.

    Parameters
    ----------
    parents
        Node id -> id of its parent; a parent that is no node ends the branch.

    Raises
    ------
    RecordError
        When the leaf is no node or the parents form a ring.
    """
    path: list[str] = []
    seen: set[str] = set()
    node: str | None = leaf
    while node is not None and node in parents:
        if node in seen:
            raise RecordError("wrong_layout", "the messages' parents form a ring")
        seen.add(node)
        path.append(node)
        node = parents[node]
    if not path:
        raise RecordError("wrong_layout", "the last message shown is not among the messages")
    return path[::-1]
