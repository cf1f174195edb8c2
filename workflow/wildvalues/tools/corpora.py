"""The registry of public corpora, beside this module in ``corpora.yaml``."""

from __future__ import annotations

import difflib
import functools
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field

from wildvalues.errors import InputError


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CorpusFile(_Entry):
    """One file of a corpus; `sha256` in hex when the registry pins it."""

    path: str
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")


class Corpus(_Entry):
    """Where a corpus is and on what terms."""

    repository: str
    revision: str
    homepage: str
    licence: str
    terms: str
    must_accept: bool
    files: tuple[CorpusFile, ...]


@functools.cache
def corpora() -> dict[str, Corpus]:
    """Return the corpora by name."""
    text = resources.files(__package__).joinpath("corpora.yaml").read_text("utf-8")
    return {name: Corpus.model_validate(entry) for name, entry in yaml.safe_load(text).items()}


def corpus(name: str) -> tuple[str, Corpus]:
    """Return a corpus and its name as the registry spells it; case does not matter.

    Raises
    ------
    InputError
        When there is none of that name.
    """
    spelled = {known.casefold(): known for known in corpora()}
    if name.casefold() not in spelled:
        near = difflib.get_close_matches(name.casefold(), spelled, n=1)
        hint = f"did you mean {spelled[near[0]]}?" if near else f"known are {', '.join(corpora())}"
        raise InputError(f"fetch: no corpus is called {name!r}; {hint}")
    known = spelled[name.casefold()]
    return known, corpora()[known]
