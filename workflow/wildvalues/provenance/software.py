"""The software and the models of a study: names, versions, and hashes where bytes can be told apart."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from importlib import metadata

from wildvalues.llm.models import registry

_NAME = re.compile(r"^[A-Za-z0-9._-]+")
# Engines are optional, and whichever ran, the outputs are the same; so neither belongs in the record.
_OWN = "wildvalues"


@dataclass(frozen=True)
class Package:
    """An installed package."""

    name: str
    version: str
    url: str


@dataclass(frozen=True)
class Model:
    """A model of the study; `sha256` and `licence` are None for a model that is not in the registry."""

    role: str
    name: str
    sha256: str | None
    licence: str | None


def packages() -> list[Package]:
    """Return Python, this package and its direct requirements, by name."""
    wanted = {_OWN}
    for requirement in metadata.requires(_OWN) or []:
        match = _NAME.match(requirement)
        if match is not None and "extra ==" not in requirement:
            wanted.add(match[0].lower())
    found = [Package("python", platform.python_version(), "https://www.python.org/")]
    for name in sorted(wanted):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # required only on another platform
        # This package's own address is not known to it; the others are public.
        found.append(Package(name, version, "" if name == _OWN else f"https://pypi.org/project/{name}/{version}/"))
    return found


def models(language: str, embedding: str) -> list[Model]:
    """Return the language model and the embedding model, with what the registry knows of them."""
    known = registry()
    described = []
    for role, name in (("language model", language), ("embedding model", embedding)):
        entry = known.get(name)
        described.append(Model(role, name, entry.sha256 if entry else None, entry.licence if entry else None))
    return described
