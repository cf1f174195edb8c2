"""What a person decided about merges: names to keep apart and names to join, in a file beside the study.

Her word comes last: a join passes no guard, and nothing that she keeps apart is merged by any rule.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wildvalues.errors import InputError
from wildvalues.taxonomy.spelling import normalise

Text = Annotated[str, Field(min_length=1)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Entry(_File):
    names: Annotated[list[Text], Field(min_length=1)]
    reason: Text


class KeepApart(_Entry):
    """Names no two of which are ever merged; one name alone is merged with nothing."""


class Join(_Entry):
    """Names that are one value, called `as` (or else like the most frequent of them)."""

    called: Text | None = Field(default=None, alias="as")


class _Vetoes(_File):
    keep_apart: list[KeepApart] = []
    join: list[Join] = []


@dataclass(frozen=True)
class Vetoes:
    """The file, its names normalised."""

    keep_apart: tuple[KeepApart, ...] = ()
    join: tuple[Join, ...] = ()

    def reason(self, first: str, second: str) -> str | None:
        """Return why two names are to be kept apart, or None."""
        for veto in self.keep_apart:
            if {first, second} <= set(veto.names) or (len(veto.names) == 1 and veto.names[0] in (first, second)):
                return veto.reason
        return None

    def stale(self, names: Collection[str]) -> list[tuple[list[str], str]]:
        """Return the entries that name something which does not occur: what is missing, and the entry's reason."""
        found = []
        entries: list[_Entry] = [*self.keep_apart, *self.join]
        for entry in entries:
            missing = [name for name in entry.names if name not in names]
            if missing:
                found.append((missing, entry.reason))
        return found


def load(path: Path) -> Vetoes:
    """Read the file; one that is missing or empty vetoes nothing.

    Raises
    ------
    InputError
        When it is not what it should be, or keeps apart what it joins.
    """
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
        given = _Vetoes.model_validate(raw or {})
    except FileNotFoundError:
        return Vetoes()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        raise InputError(f"{path}: {where or 'file'}: {first['msg']}; see the README beside it") from None
    vetoes = Vetoes(
        tuple(veto.model_copy(update={"names": [normalise(name) for name in veto.names]}) for veto in given.keep_apart),
        tuple(
            join.model_copy(
                update={
                    "names": [normalise(name) for name in join.names],
                    "called": normalise(join.called) if join.called else None,
                }
            )
            for join in given.join
        ),
    )
    for join in vetoes.join:
        for one, other in combinations(join.names, 2):
            if vetoes.reason(one, other):
                raise InputError(f"{path}: joins {one!r} and {other!r} and keeps them apart; delete one of the two")
    return vetoes
