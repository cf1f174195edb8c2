"""What a language model is asked about a cluster, and what of its answer is used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wildvalues.errors import InputError
from wildvalues.llm.types import Answer, Message, Request
from wildvalues.params import Params
from wildvalues.taxonomy.naming import ClusterName, Facet, Group
from wildvalues.taxonomy.spelling import normalise

PROMPT_FILE = "cluster_name.yaml"
# JSON of a name and a sentence of 25 words, with room to spare.
_MAX_TOKENS = 160
_MAX_NAME = 60
_MAX_WORDS = 8
_MAX_DESCRIPTION = 240
_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": _MAX_NAME},
        "description": {"type": "string", "maxLength": _MAX_DESCRIPTION},
    },
    "required": ["name", "description"],
    "additionalProperties": False,
}


class NamingPrompt(BaseModel):
    """The file ``cluster_name.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    question: str
    parts: str
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
    except FileNotFoundError:
        raise InputError(f"{path}: no such prompt file; restore it, or set name.by: centre") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(f"{path}: {where}: {first['msg']}") from None
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"{path}: unknown placeholder {error} in question or parts") from None
    return prompt


def ask(
    prompt: NamingPrompt, facet: Facet, group: Group, named: Mapping[str, ClusterName], params: Params, model: str
) -> Request:
    """Return the request for the name of `group`, given the names of the clusters below."""
    top = max(facet.levels())
    breadth: Literal["fine", "middle", "broad"] = "fine"
    if group.level > 1:
        breadth = "broad" if group.level == top else "middle"
    children = [named[child].name for child in group.children if child in named]
    question = prompt.question.format(
        inside=_lines(group.members[: params.name.members]),
        outside=_lines(_contrast(facet, group, params.name.contrast)),
        parts=prompt.parts.format(children=_lines(children)) if len(children) > 1 else "",
        noun=prompt.nouns.get(facet.name, "value"),
        breadth=prompt.breadths[breadth],
    )
    return Request(
        model=model,
        messages=(Message("system", prompt.system), Message("user", question)),
        schema=json.dumps(_SCHEMA),
        max_tokens=_MAX_TOKENS,
        temperature=params.llm.temperature,
    )


def read(answer: Answer) -> tuple[str, str] | None:
    """Return name and description from an answer, or None when it cannot be used."""
    if answer.stop_reason == "max_tokens":
        return None
    try:
        found = _Named.model_validate_json(answer.text)
    except ValidationError:
        return None
    name = normalise(found.name)
    description = " ".join(found.description.split())
    if not name or not description or len(name.split()) > _MAX_WORDS:
        return None
    return name, description if description.endswith((".", "!", "?")) else f"{description}."


def _contrast(facet: Facet, group: Group, size: int) -> list[str]:
    inside = set(group.members)
    cosines = np.round(facet.vectors @ group.centre, 6)
    order = sorted(range(len(facet.values)), key=lambda i: (-cosines[i], facet.values[i]))
    return [facet.values[i] for i in order if facet.values[i] not in inside][:size]


def _lines(phrases: Sequence[str]) -> str:
    # A phrase is one line and cannot close its own delimiter.
    return "\n".join(f"- {' '.join(phrase.split()).replace('<', '‹').replace('>', '›')}" for phrase in phrases) or "-"
