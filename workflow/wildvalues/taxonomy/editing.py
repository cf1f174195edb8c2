"""Applying a person's edits to the named trees, one after the other, so that levels stay strictly nested.

An edited cluster's id is made from what it holds, as every cluster's is: it changes exactly when its members do, and
tells nothing of what was taken out. While edits are applied, a node is also known by the id it had before.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from wildvalues.errors import InputError
from wildvalues.taxonomy.edits import Drop, Edit, Merge, Move, Part, Rename, Split, Target, operation
from wildvalues.taxonomy.nodes import cluster_id
from wildvalues.taxonomy.spelling import letters_key, normalise


class StaleEditError(InputError):
    """An edit whose target does not exist, or fits several nodes."""


@dataclass(eq=False)
class Node:
    """A node of the tree while it is edited; `id` is the one it came with (empty for one that an edit made)."""

    facet: str
    level: int
    name: str
    id: str = ""
    description: str = ""
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    retold: Literal["", "listing", "given"] = ""
    renamed: bool = False

    def values(self) -> list[str]:
        """Return the values below (or at) the node, sorted."""
        if self.level == 0:
            return [self.name]
        return sorted(value for child in self.children for value in child.values())

    def current_id(self) -> str:
        """Return the id made from what the node holds now."""
        return self.name if self.level == 0 else cluster_id(self.facet, self.level, self.values())

    def place(self, parent: Node | None) -> None:
        """Move the node below `parent`."""
        if self.parent is not None:
            self.parent.children.remove(self)
        self.parent = parent
        if parent is not None:
            parent.children.append(self)

    def __str__(self) -> str:
        return f"{self.facet} level {self.level} {self.name!r}"


@dataclass(frozen=True)
class Applied:
    """An edit that was applied: what it says in words, the nodes it names with their values, and what it dropped."""

    operation: str
    facet: str
    level: int
    target: str
    result: str
    reason: str
    named: list[tuple[str, list[str]]]
    dropped: list[str]


class Tree:
    """The nodes of all facets; `apply` changes them."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = list(nodes)

    def apply(self, edit: Edit) -> Applied:
        """Apply one edit.

        Raises
        ------
        StaleEditError
            When a target does not exist or is not the only one that fits; the tree is as it was.
        InputError
            When the edit makes no sense: levels that would not nest, a name that is taken.
        """
        applied = {Rename: self._rename, Move: self._move, Merge: self._merge, Split: self._split, Drop: self._drop}
        found: Applied = applied[type(edit)](edit)  # type: ignore[operator]
        return found

    def _rename(self, edit: Rename) -> Applied:
        node = self._cluster(edit.rename)
        told = _record(edit, [node], node, edit.called)
        self._free(edit.called, node, but=[node])
        node.name, node.renamed = edit.called, True
        _describe(node, edit.description)
        return told

    def _move(self, edit: Move) -> Applied:
        node = self.find(edit.move)
        to = self.find(edit.to, like=node, level=node.level + 1)
        if (to.facet, to.level) != (node.facet, node.level + 1):
            raise InputError(f"{node} can only move to a cluster of {node.facet} level {node.level + 1}, not to {to}")
        told = _record(edit, [node, to], node, f"to {to.name}")
        node.place(to)
        return told

    def _merge(self, edit: Merge) -> Applied:
        first = self._cluster(edit.merge[0])
        others = [self._cluster(target, like=first, level=first.level) for target in edit.merge[1:]]
        if any((other.facet, other.level) != (first.facet, first.level) for other in others):
            raise InputError(f"clusters of {first.facet} level {first.level} merge with one another only")
        if len({id(node) for node in (first, *others)}) <= len(others):
            raise InputError(f"{first} is named twice in one merge")
        called = edit.called or first.name
        told = _record(edit, [first, *others], first, f"with {', '.join(o.name for o in others)}, as {called}")
        self._free(called, first, but=[first, *others])
        for other in others:
            for child in list(other.children):
                child.place(first)
            self._remove(other)
        first.renamed = first.renamed or called != first.name
        first.name, first.retold = called, "listing"
        _describe(first, edit.description)
        return told

    def _split(self, edit: Split) -> Applied:
        node = self._cluster(edit.split)
        parts = [(part, [self._member(node, name) for name in part.members]) for part in edit.into]
        taken = [child for _, members in parts for child in members]
        if len({id(child) for child in taken}) < len(taken):
            raise InputError(f"a member of {node} is in two parts of its split")
        told = _record(edit, [node, *taken], node, "; ".join(f"{p.name}: {', '.join(p.members)}" for p in edit.into))
        left = [node] if len(taken) == len(node.children) else []
        for number, part in enumerate(edit.into):
            self._free(part.name, node, but=left)
            if _key(part.name) in {_key(other.name) for other in edit.into[:number]}:
                raise InputError(f"two parts of the split of {node} are called {part.name!r}")
        for part, members in parts:
            self._make(part, node, members)
        node.retold = "listing"
        return told

    def _make(self, part: Part, beside: Node, members: list[Node]) -> None:
        made = Node(beside.facet, beside.level, part.name, retold="listing", renamed=True)
        made.place(beside.parent)
        _describe(made, part.description)
        for child in members:
            child.place(made)
        self.nodes.append(made)

    def _drop(self, edit: Drop) -> Applied:
        node = self.find(edit.drop)
        told = _record(edit, [node], node, "", dropped=node.values())
        for below in list(_subtree(node)):
            self._remove(below)
        return told

    def _remove(self, node: Node) -> None:
        node.place(None)
        self.nodes.remove(node)

    def _cluster(self, target: Target, like: Node | None = None, level: int | None = None) -> Node:
        node = self.find(target, like=like, level=level)
        if node.level == 0:
            raise InputError(f"{node} is a value: join or rename values in the file of vetoes, before the tree is made")
        return node

    def _member(self, node: Node, name: str) -> Node:
        for child in node.children:
            if _key(child.name) == _key(name):
                return child
        raise StaleEditError(f"{node} has no member {name!r}{_nearest(name, node.children)}")

    def _free(self, name: str, beside: Node, *, but: list[Node]) -> None:
        for node in self.nodes:
            same = (node.facet, node.level) == (beside.facet, beside.level) and node not in but
            if same and _key(node.name) == _key(name):
                raise InputError(f"{node} has this name already; no name repeats within a level")

    def find(self, target: Target, like: Node | None = None, level: int | None = None) -> Node:
        """Return the one node that a target means.

        Parameters
        ----------
        like, level
            Facet and level that hold where the target names none.
        """
        facet = target.facet or (like.facet if like else None)
        level = target.level if target.level is not None else level
        within = [node for node in self.nodes if facet in (None, node.facet) and level in (None, node.level)]
        found = within
        if target.id is not None:
            found = [node for node in found if target.id in (node.id, node.current_id())]
        if target.name is not None:
            exact = [node for node in found if node.name == target.name]
            found = exact or [node for node in found if _key(node.name) == _key(target.name)]
        if len(found) == 1:
            return found[0]
        sought = target.model_copy(update={"facet": facet, "level": level})
        if not found:
            raise StaleEditError(f"there is no {sought}{_nearest(target.name, within or self.nodes)}")
        listed = "; ".join(sorted(f"{node.facet} level {node.level}, id {node.current_id()}" for node in found)[:5])
        raise StaleEditError(f"{len(found)} nodes fit {sought}: {listed}; add what tells them apart")


def _key(name: str) -> str:
    return letters_key(normalise(name))


def _subtree(node: Node) -> Iterator[Node]:
    for child in list(node.children):
        yield from _subtree(child)
    yield node


def _nearest(name: str | None, nodes: list[Node]) -> str:
    close = difflib.get_close_matches(name or "", [node.name for node in nodes], n=1, cutoff=0.4)
    node = next((node for node in nodes if close and node.name == close[0]), None)
    return f"; the nearest is {node}" if node else ""


def _record(edit: Edit, nodes: list[Node], target: Node, result: str, dropped: list[str] | None = None) -> Applied:
    named: list[tuple[str, list[str]]] = [(node.name, node.values()) for node in nodes]
    return Applied(operation(edit), target.facet, target.level, target.name, result, edit.reason, named, dropped or [])


def _describe(node: Node, description: str | None) -> None:
    if description is not None:
        node.description, node.retold = " ".join(description.split()), "given"
