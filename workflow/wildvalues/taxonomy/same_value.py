"""Whether two close names are one value, asked of a language model: both orders, and only yes twice is yes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from wildvalues.errors import InputError
from wildvalues.llm.types import Answer, Message, Rejected, Request
from wildvalues.taxonomy.merging import AskSame
from wildvalues.taxonomy.synonyms import Pair

PROMPT_FILE = "same_value.yaml"
# Options are chosen by a letter, one token each, as in every choice (`wildvalues.llm.facets`).
_LETTERS = {"A": "yes", "B": "no"}

AskAll = Callable[[list[tuple[str, Request]]], Iterator[tuple[str, Answer | Rejected]]]


class SameValuePrompt(BaseModel):
    """The file ``same_value.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    question: str
    options: Mapping[str, str]


def load_prompt(folder: Path) -> SameValuePrompt:
    """Read the prompt.

    Raises
    ------
    InputError
        When the file is missing or is not what it should be.
    """
    path = folder / PROMPT_FILE
    try:
        prompt = SameValuePrompt.model_validate(yaml.safe_load(path.read_text("utf-8")))
        prompt.question.format(first="", second="")
    except FileNotFoundError:
        raise InputError(f"{path}: no such prompt file; restore it, or set canonicalize.ask_model: false") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(f"{path}: {where}: {first['msg']}") from None
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"{path}: unknown placeholder {error} in question") from None
    if set(prompt.options) != set(_LETTERS.values()):
        raise InputError(f"{path}: options must be yes and no, found {', '.join(prompt.options)}")
    return prompt


def question(prompt: SameValuePrompt, first: str, second: str, model: str, temperature: float) -> Request:
    """Return the request that asks about two names in this order."""
    lines = [f"{letter} {name}: {prompt.options[name]}" for letter, name in _LETTERS.items()]
    text = prompt.question.format(first=_inert(first), second=_inert(second)).strip()
    return Request(
        model=model,
        messages=(Message("system", prompt.system), Message("user", "\n".join([text, *lines]))),
        options=tuple(_LETTERS),
        max_tokens=8,
        temperature=temperature,
    )


def asker(prompts: Path, ask_all: AskAll, model: str, temperature: float) -> AskSame:
    """Return what says of pairs whether they are one value; a pair without two usable answers is left out."""
    prompt = load_prompt(prompts)

    def ask(pairs: Sequence[Pair]) -> Mapping[Pair, bool]:
        by_id = {f"{i}:{turn}": pair for i, pair in enumerate(pairs) for turn in ("forth", "back")}
        requests = [
            (key, question(prompt, *_ordered(pair, key.endswith("forth")), model, temperature))
            for key, pair in by_id.items()
        ]
        said: dict[Pair, list[bool]] = {}
        for key, answer in ask_all(requests):
            if isinstance(answer, Answer) and answer.text in _LETTERS:
                said.setdefault(by_id[key], []).append(_LETTERS[answer.text] == "yes")
        return {pair: all(answers) for pair, answers in said.items() if len(answers) == 2}

    return ask


def _ordered(pair: Pair, forth: bool) -> tuple[str, str]:
    return (pair.first, pair.second) if forth else (pair.second, pair.first)


def _inert(name: str) -> str:
    # A name is one line and cannot close its own delimiter.
    return " ".join(name.split()).replace("<", "‹").replace(">", "›")
