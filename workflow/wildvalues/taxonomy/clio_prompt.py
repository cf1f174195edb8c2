"""What a language model is asked when it builds a tree: wider names for a neighbourhood, and where a phrase belongs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from wildvalues.errors import InputError
from wildvalues.llm.types import Answer, Message, Request
from wildvalues.params import Params
from wildvalues.taxonomy.asking import listed
from wildvalues.taxonomy.naming_prompt import MAX_WORDS
from wildvalues.taxonomy.spelling import letters_key, normalise

PROMPT_FILE = "clio.yaml"
# Letters of a closed question: a model's next token can be any of them, which it cannot of whole names.
LETTERS = "ABCDEFGHIJKL"
# JSON of one name, with room to spare.
_TOKENS_A_NAME = 24
_SCHEMA = {
    "type": "object",
    "properties": {"names": {"type": "array", "items": {"type": "string", "maxLength": 60}}},
    "required": ["names"],
    "additionalProperties": False,
}


class ClioPrompt(BaseModel):
    """The file ``clio.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    propose: str
    assign: str
    nouns: Mapping[str, str]


class Clio:
    """Requests of one facet's tree.

    Parameters
    ----------
    folder
        Where the prompt file is.
    model
        Exact model id for the requests.

    Raises
    ------
    InputError
        When the prompt file is missing or is not what it should be.
    """

    def __init__(self, params: Params, folder: Path, model: str, facet: str) -> None:
        self._prompt = load_prompt(folder)
        self._model = model
        self._temperature = params.llm.temperature
        self._noun = self._prompt.nouns.get(facet, "value")

    def propose(self, inside: Sequence[str], outside: Sequence[str], wanted: int) -> Request:
        """Ask for about `wanted` names that are wider than those inside: half as many to half as many again."""
        fewest, most = spread(wanted)
        question = self._prompt.propose.format(
            inside=listed(inside), outside=listed(outside), noun=self._noun, wanted=wanted, fewest=fewest, most=most
        )
        return self._request(question, schema=json.dumps(_SCHEMA), max_tokens=64 + _TOKENS_A_NAME * most)

    def assign(self, phrase: str, groups: Sequence[str]) -> Request:
        """Ask to which of at most twelve groups, in this order, a phrase belongs."""
        lines = "\n".join(
            f"{letter} {line[2:]}" for letter, line in zip(LETTERS, listed(groups).splitlines(), strict=False)
        )
        question = self._prompt.assign.format(phrase=listed([phrase])[2:], groups=lines, noun=self._noun)
        return self._request(question, options=tuple(LETTERS[: len(groups)]), max_tokens=1)

    def _request(
        self, question: str, *, max_tokens: int, schema: str | None = None, options: tuple[str, ...] | None = None
    ) -> Request:
        return Request(
            model=self._model,
            messages=(Message("system", self._prompt.system), Message("user", question)),
            schema=schema,
            options=options,
            max_tokens=max_tokens,
            temperature=self._temperature,
        )


def spread(wanted: int) -> tuple[int, int]:
    """Return the fewest and the most names for `wanted`, as Clio has it: half and one and a half times as many."""
    return max(1, wanted // 2), max(2, (3 * wanted + 1) // 2)


def proposed(answer: Answer, wanted: int) -> list[str]:
    """Return the usable names of an answer, no two alike, at most as many as were allowed."""
    try:
        given = json.loads(answer.text)["names"]
    except (ValueError, KeyError, TypeError):
        return []
    found: dict[str, str] = {}
    for name in given if isinstance(given, list) else []:
        tidy = normalise(name) if isinstance(name, str) else ""
        if tidy and len(tidy.split()) <= MAX_WORDS:
            found.setdefault(letters_key(tidy), tidy)
    return list(found.values())[: spread(wanted)[1]]


def load_prompt(folder: Path) -> ClioPrompt:
    """Read the prompt.

    Raises
    ------
    InputError
        When the file is missing or is not what it should be.
    """
    path = folder / PROMPT_FILE
    try:
        prompt = ClioPrompt.model_validate(yaml.safe_load(path.read_text("utf-8")))
        prompt.propose.format(inside="", outside="", noun="", wanted=1, fewest=1, most=1)
        prompt.assign.format(phrase="", groups="", noun="")
    except FileNotFoundError:
        raise InputError(f"{path}: no such prompt file; restore it, or set cluster.method: kmeans") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(f"{path}: {where}: {first['msg']}") from None
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"{path}: unknown placeholder {error} in propose or assign") from None
    return prompt
