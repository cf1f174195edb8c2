"""Gold labels: JSON Lines, one conversation a line, as people wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wildvalues.errors import InputError
from wildvalues.tables import RESPONSE_TYPES


class GoldValue(BaseModel):
    """A value that a person read off the conversation; the other keys (quote, explicit) are not compared."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    value: str = Field(min_length=1)


class Gold(BaseModel):
    """One conversation's labels. A facet that is missing or null was not labelled."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    conversation_id: str = Field(min_length=1)
    subjective: bool | None = None
    task: str | None = None
    ai_values: list[GoldValue] | None = None
    human_values: list[GoldValue] | None = None
    response_type: str | None = None

    def names(self, facet: str) -> list[str] | None:
        """Return the distinct values of a list facet in the spelling used for comparison."""
        values: list[GoldValue] | None = getattr(self, facet)
        return None if values is None else sorted({spelled(one.value) for one in values})


def spelled(name: str) -> str:
    """Return a name trimmed, in lower case and with single spaces: spelling alone is no disagreement."""
    return " ".join(name.casefold().split())


def read_gold(path: Path) -> dict[str, Gold]:
    """Read a file of gold labels, or all ``*.jsonl`` files of a folder, by conversation id.

    Raises
    ------
    InputError
        When there is no such file, or a line is not a labelled conversation, or labels one a second time.
    """
    found: dict[str, Gold] = {}
    for where, raw in read_lines(path, "validate.gold"):
        one = _parse(raw, where)
        if one.conversation_id in found:
            raise InputError(f"{where}: conversation {one.conversation_id!r} is labelled a second time; keep one line")
        found[one.conversation_id] = one
    return found


def read_lines(path: Path, setting: str) -> Iterator[tuple[str, Any]]:
    """Yield ``file:line`` and the JSON value of each line of a file of labels, or of all ``*.jsonl`` of a folder.

    Parameters
    ----------
    setting
        What to correct when the file cannot be read, as an error names it: a key of ``params.yaml`` or an option.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: no *.jsonl file in this folder; put the gold labels there or correct {setting}")
    for file in files:
        for number, line in _lines(file, setting):
            try:
                yield f"{file}:{number}", json.loads(line)
            except ValueError as error:
                raise InputError(
                    f"{file}:{number}: not JSON ({error}); each line must be one labelled conversation"
                ) from None


def _lines(file: Path, setting: str) -> Iterator[tuple[int, str]]:
    try:
        with file.open(encoding="utf-8-sig") as handle:
            for number, line in enumerate(handle, start=1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); correct {setting}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not UTF-8 at byte {error.start}; save the gold labels as UTF-8") from None


def _parse(raw: Any, where: str) -> Gold:
    try:
        one = Gold.model_validate(raw)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"]) or "the line"
        raise InputError(
            f"{where}: {key}: {problem['msg']}; see the gold label of the demo study for the form"
        ) from None
    if one.response_type is not None and one.response_type not in RESPONSE_TYPES:
        raise InputError(
            f"{where}: response_type: found {one.response_type!r}; allowed are {', '.join(RESPONSE_TYPES)}"
        )
    return one
