"""The checked parameters in a form that may be published: no machine path, no address of a private server, no key."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import yaml

from wildvalues.params import Params
from wildvalues.stage import Stage

# Of `llm`, only these change answers; the rest says how calls were made, and where.
_PUBLISHED_LLM = ("provider", "model", "temperature")
_WINDOWS = re.compile(r"^([A-Za-z]:[\\/]|\\\\)")


def published_parameters(params: Params) -> dict[str, Any]:
    """Return the parameters as plain values, with absolute paths cut down to the file's name."""
    sections: dict[str, Any] = params.model_dump(by_alias=True, mode="json")
    sections["llm"] = {key: sections["llm"][key] for key in _PUBLISHED_LLM}
    cleaned: dict[str, Any] = _without_paths(sections)
    return cleaned


def parameters_text(params: Params) -> str:
    """Return the published parameters as YAML that `load_params` reads, keys in the order of the model."""
    head = "# Parameters of this study as checked; operational settings and machine paths are left out.\n"
    return head + yaml.safe_dump(published_parameters(params), sort_keys=False, allow_unicode=True, width=100)


def stage_parameters(stage: Stage, published: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters a stage depends on, by dotted key, one entry for each single value."""
    found: dict[str, Any] = {}
    for key in stage.params:
        value: Any = published
        for part in key.split("."):
            # An operational key that changes no answer is not published.
            value = value.get(part, _ABSENT) if isinstance(value, dict) else _ABSENT
        if value is not _ABSENT:
            found |= _flat(key, value)
    return dict(sorted(found.items()))


_ABSENT = object()


def _flat(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {name: leaf for part, inner in value.items() for name, leaf in _flat(f"{key}.{part}", inner).items()}
    return {key: value}


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_paths(inner) for inner in value]
    if not isinstance(value, str):
        return value
    if _WINDOWS.match(value):
        return PureWindowsPath(value).name
    # "../logs" and "~/logs" say where on a machine the study stood, too.
    if value.startswith(("/", "~")) or ".." in PurePosixPath(value).parts:
        return PurePosixPath(value).name
    return value
