"""Who answers: one small interface, four providers."""

from __future__ import annotations

from wildvalues.llm.types import Provider
from wildvalues.params import Params


def open_provider(params: Params) -> Provider:
    """Return the provider that ``llm.provider`` names, ready to answer."""
    raise NotImplementedError


def model_id(params: Params, model: str | None = None) -> str:
    """Return the exact model id that belongs in a request.

    Parameters
    ----------
    model
        Name or path as in the parameters; None takes ``llm.model``.
    """
    raise NotImplementedError
