"""What a person changes about the named trees: the operations of the edits file, read and checked for form.

Whether an edit's targets exist is for `wildvalues.taxonomy.editing`, which applies them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wildvalues.errors import InputError

Text = Annotated[str, Field(min_length=1)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Target(_Form):
    """A node, by what a person sees of it (as much as tells it from others) or by its id."""

    facet: Literal["ai_values", "human_values", "task"] | None = None
    level: Annotated[int, Field(ge=0)] | None = None
    name: Text | None = None
    id: Text | None = None

    @model_validator(mode="after")
    def _named(self) -> Target:
        if self.name is None and self.id is None:
            raise ValueError("give a name or an id")
        return self

    def __str__(self) -> str:
        place: list[str] = [self.facet] if self.facet else []
        place += [f"level {self.level}"] if self.level is not None else []
        called = f"{self.name!r}" if self.name is not None else f"node with the id {self.id}"
        return " ".join([*place, called])


class Rename(_Form):
    """Give a cluster another name, and another description if one is given."""

    rename: Target
    called: Text = Field(alias="as")
    description: Text | None = None
    reason: Text


class Move(_Form):
    """Put a value or a cluster under another cluster, one level up."""

    move: Target
    to: Target
    reason: Text


class Merge(_Form):
    """Make one cluster of several of one level: the first keeps its place, and its name if no other is given."""

    merge: Annotated[list[Target], Field(min_length=2)]
    called: Text | None = Field(default=None, alias="as")
    description: Text | None = None
    reason: Text


class Part(_Form):
    """A cluster that a split makes, with the members (one level down) that it takes."""

    name: Text
    members: Annotated[list[Text], Field(min_length=1)]
    description: Text | None = None


class Split(_Form):
    """Make new clusters of some of a cluster's members, beside it; members that no part takes stay."""

    split: Target
    into: Annotated[list[Part], Field(min_length=1)]
    reason: Text


class Drop(_Form):
    """Take a node and all below it out of the tree."""

    drop: Target
    reason: Text


Edit = Rename | Move | Merge | Split | Drop
OPERATIONS: dict[str, type[Edit]] = {"move": Move, "rename": Rename, "merge": Merge, "split": Split, "drop": Drop}


def operation(edit: Edit) -> str:
    """Return the name of an edit's operation."""
    return type(edit).__name__.lower()


def load(path: Path) -> list[Edit]:
    """Read the edits; a file that is missing or empty has none.

    Raises
    ------
    InputError
        When the file is not what it should be; the message names the edit, counted from 1.
    """
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if raw is None:
        return []
    if not isinstance(raw, dict) or set(raw) != {"edits"} or not isinstance(raw["edits"] or [], list):
        raise InputError(f"{path}: expected one key, `edits`, with a list; see the README beside it")
    return [_read(path, number, entry) for number, entry in enumerate(raw["edits"] or [], start=1)]


def _read(path: Path, number: int, entry: Any) -> Edit:
    where = f"{path}: edit {number}"
    given = [name for name in OPERATIONS if isinstance(entry, dict) and name in entry]
    if len(given) != 1:
        found = ", ".join(given) or (", ".join(map(str, entry)) if isinstance(entry, dict) else repr(entry))
        raise InputError(f"{where}: expected one of {', '.join(OPERATIONS)}, found {found}")
    try:
        return OPERATIONS[given[0]].model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        spot = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        said = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"{where} ({given[0]}): {spot}: {said}; its keys are {', '.join(OPERATIONS[given[0]].model_fields)}"
        ) from None
