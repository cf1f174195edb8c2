"""Several embedded models behind one provider: each request goes to the weights its model id names."""

from __future__ import annotations

from collections.abc import Mapping

from wildvalues.errors import ModelError
from wildvalues.llm.providers.embedded import EmbeddedProvider
from wildvalues.llm.types import Answer, Request


class EmbeddedByModel:
    """Opens a model when it is first asked; facets may be answered by different models.

    Parameters
    ----------
    names
        Model id (``sha256:<hex>``) -> name or path of the weights.
    """

    concurrency = 1

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._open: dict[str, EmbeddedProvider] = {}

    def complete(self, request: Request) -> Answer:
        """Ask the model that the request names."""
        return self._of(request).complete(request)

    def choose(self, request: Request) -> Answer:
        """Ask the model that the request names."""
        return self._of(request).choose(request)

    def close(self) -> None:
        """Free all models."""
        for provider in self._open.values():
            provider.close()
        self._open.clear()

    def _of(self, request: Request) -> EmbeddedProvider:
        # An answer by other weights under this id would be found by every later run.
        if request.model not in self._names:
            raise ModelError(f"{request.model}: these weights are not among the models of params.yaml")
        if request.model not in self._open:
            self._open[request.model] = EmbeddedProvider(self._names[request.model])
        return self._open[request.model]
