"""What a language model is asked about clusters and their names, and what of its answers is used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wildvalues.errors import InputError
from wildvalues.llm.types import Answer, Message, Request
from wildvalues.params import Params
from wildvalues.taxonomy.asking import listed
from wildvalues.taxonomy.naming import ClusterName, Facet, Group
from wildvalues.taxonomy.spelling import normalise

PROMPT_FILE = "cluster_name.yaml"
# JSON of a name and a sentence of 25 words, with room to spare.
_MAX_TOKENS = 160
_MAX_NAME = 60
MAX_WORDS = 8
_MAX_DESCRIPTION = 240
_NAMED = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": _MAX_NAME},
        "description": {"type": "string", "maxLength": _MAX_DESCRIPTION},
    },
    "required": ["name", "description"],
    "additionalProperties": False,
}
_NAMES = {
    "type": "object",
    "properties": {"groups": {"type": "array", "items": _NAMED}},
    "required": ["groups"],
    "additionalProperties": False,
}
_FITTING = {
    "type": "object",
    "properties": {"fitting": {"type": "array", "items": {"type": "integer"}}},
    "required": ["fitting"],
    "additionalProperties": False,
}


class NamingPrompt(BaseModel):
    """The file ``cluster_name.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    question: str
    parts: str
    apart: str
    audit: str
    nouns: Mapping[str, str]
    breadths: Mapping[Literal["fine", "middle", "broad"], str]


class _Named(BaseModel):
    name: str = Field(min_length=1, max_length=_MAX_NAME)
    description: str = Field(min_length=1, max_length=_MAX_DESCRIPTION)


def load_prompt(folder: Path) -> NamingPrompt:
    """Read the prompt.

    Raises
    ------
    InputError
        When the file is missing or is not what it should be.
    """
    path = folder / PROMPT_FILE
    try:
        prompt = NamingPrompt.model_validate(yaml.safe_load(path.read_text("utf-8")))
        prompt.question.format(inside="", parts="", outside="", noun="", breadth="")
        prompt.parts.format(children="")
        prompt.apart.format(groups="", noun="", breadth="")
        prompt.audit.format(name="", description="", phrases="", noun="")
    except FileNotFoundError:
        raise InputError(f"{path}: no such prompt file; restore it, or set name.by: centre") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(f"{path}: {where}: {first['msg']}") from None
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"{path}: unknown placeholder {error} in question, parts, apart or audit") from None
    return prompt


class Naming:
    """Requests about the clusters of a study.

    Parameters
    ----------
    folder
        Where the prompt file is.
    model
        Exact model id for the requests.
    """

    def __init__(self, params: Params, folder: Path, model: str) -> None:
        self.prompt = load_prompt(folder)
        self._params = params
        self._model = model

    def ask(self, facet: Facet, group: Group, named: Mapping[str, ClusterName], depth: int) -> Request:
        """Ask for the name of a cluster, given the names of the clusters below.

        Parameters
        ----------
        depth
            Levels of the tree: names are specific at the finest and general at the coarsest.
        """
        children = [named[child].name for child in group.children if child in named]
        question = self.prompt.question.format(
            inside=listed(group.members[: self._params.name.members]),
            outside=listed(facet.outsiders(group, self._params.name.contrast)),
            parts=self.prompt.parts.format(children=listed(children)) if len(children) > 1 else "",
            noun=self._noun(facet),
            breadth=self._breadth(group.level, depth),
        )
        return self._request(question, _NAMED, _MAX_TOKENS)

    def apart(
        self, facet: Facet, groups: Sequence[Group], proposed: Mapping[str, tuple[str, str]], depth: int
    ) -> Request:
        """Ask for names of clusters of one level whose names are too much alike, all at once."""
        parts = []
        for number, group in enumerate(groups, start=1):
            # Those that tell it from the others: nearest its own centre, less the nearness to theirs.
            members = listed(_telling(facet, group, groups)[: self._params.name.members])
            parts.append(
                f"<group>\n{number}, now called: {listed([proposed[group.node_id][0]])[2:]}\n{members}\n</group>"
            )
        question = self.prompt.apart.format(
            groups="\n".join(parts), noun=self._noun(facet), breadth=self._breadth(groups[0].level, depth)
        )
        return self._request(question, _NAMES, _MAX_TOKENS * len(groups))

    def audit(self, facet: Facet, name: ClusterName, values: Sequence[str]) -> Request:
        """Ask which of `values` a name fits."""
        lines = listed(values).splitlines()
        question = self.prompt.audit.format(
            name=listed([name.name])[2:],
            description=listed([name.description])[2:] if name.by == "model" else "",
            phrases="\n".join(f"{number}. {line[2:]}" for number, line in enumerate(lines, start=1)),
            noun=self._noun(facet),
        )
        return self._request(question, _FITTING, _MAX_TOKENS)

    def _noun(self, facet: Facet) -> str:
        return self.prompt.nouns.get(facet.name, "value")

    def _breadth(self, level: int, depth: int) -> str:
        if level == 1:
            return self.prompt.breadths["fine"]
        return self.prompt.breadths["broad" if level == depth else "middle"]

    def _request(self, question: str, schema: Mapping[str, Any], max_tokens: int) -> Request:
        return Request(
            model=self._model,
            messages=(Message("system", self.prompt.system), Message("user", question)),
            schema=json.dumps(schema),
            max_tokens=max_tokens,
            temperature=self._params.llm.temperature,
        )


def _telling(facet: Facet, group: Group, groups: Sequence[Group]) -> list[str]:
    others = [other.mean for other in groups if other.node_id != group.node_id]
    direction = group.mean - sum(others) / len(others)
    near = {value: round(float(facet.vector(value) @ direction), 6) for value in group.members}
    return sorted(near, key=lambda value: (-near[value], value))


def read(answer: Answer) -> tuple[str, str] | None:
    """Return name and description from an answer, or None when it cannot be used."""
    try:
        return _usable(json.loads(answer.text)) if answer.stop_reason != "max_tokens" else None
    except ValueError:
        return None


def read_apart(answer: Answer, size: int) -> list[tuple[str, str]] | None:
    """Return as many names and descriptions as there are clusters, or None when any cannot be used."""
    try:
        given = json.loads(answer.text)["groups"]
    except (ValueError, KeyError, TypeError):
        return None
    found = [_usable(one) for one in given] if isinstance(given, list) else []
    usable = [one for one in found if one is not None]
    return usable if len(usable) == size == len(found) else None


def _usable(given: object) -> tuple[str, str] | None:
    try:
        found = _Named.model_validate(given)
    except ValidationError:
        return None
    name = normalise(found.name)
    description = " ".join(found.description.split())
    if not name or not description or len(name.split()) > MAX_WORDS:
        return None
    return name, description if description.endswith((".", "!", "?")) else f"{description}."
