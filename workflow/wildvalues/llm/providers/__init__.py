"""Who answers: one small interface, four providers."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from wildvalues.llm import models
from wildvalues.llm.dispatch import ConcurrentProvider
from wildvalues.llm.types import Provider, Rejected
from wildvalues.params import Params


def open_provider(params: Params, model: str | None = None) -> Provider:
    """Return the provider that ``llm.provider`` names, ready to answer.

    Parameters
    ----------
    model
        A model beside those of the parameters that requests may name.

    Raises
    ------
    WildvaluesError
        When the provider cannot work here: no key, no weights.
    """
    name = params.llm.provider
    if name == "embedded":
        from wildvalues.llm.providers.embedded_by_model import EmbeddedByModel

        names = {model, params.llm.model, *(request.model for request in params.extract.requests)} - {None}
        return EmbeddedByModel({models.model_id(name): name for name in sorted(filter(None, names))})
    if name == "anthropic":
        from wildvalues.llm.providers.anthropic import AnthropicProvider

        return AnthropicProvider(params)
    if name == "replay":
        from wildvalues.llm.providers.replay import ReplayProvider

        return ReplayProvider()
    from wildvalues.llm.providers.simulated import SimulatedProvider

    return SimulatedProvider()


def model_id(params: Params, model: str | None = None) -> str:
    """Return the exact model id that belongs in a request.

    Parameters
    ----------
    model
        Name or path as in the parameters; None takes ``llm.model``.

    Returns
    -------
    str
        ``sha256:<hex>`` of weights; a hosted model's own id. With ``provider: replay`` a name of the registry or a
        path stands for weights and anything else for a hosted model, so that a study recorded with either replays.
    """
    name = model or params.llm.model
    provider = params.llm.provider
    if provider == "simulated":
        return f"simulated:{name}"
    if provider == "embedded" or (provider == "replay" and models.is_known(name)):
        return models.model_id(name)
    return name


def tells_words(params: Params) -> bool:
    """Say whether the provider gives the probabilities of a model's next words, as the instrument `probe` needs."""
    provider = params.llm.provider
    return provider in ("embedded", "simulated") or (provider == "replay" and models.is_known(params.llm.model))


class Lazy:
    """A provider that is opened when first asked for, shared by several runs, and closed at the end.

    Use as ``with Lazy(params) as provider_factory``.

    Parameters
    ----------
    model
        A model beside those of the parameters that requests may name.
    rejected
        Requests, by memo key, that are not asked, because a batch has shown that they have no answer
        (`wildvalues.llm.batching.answer_ahead`).
    """

    def __init__(
        self, params: Params, model: str | None = None, rejected: Mapping[str, Rejected] | None = None
    ) -> None:
        self._params = params
        self._model = model
        self._rejected = rejected
        self._provider: Provider | ConcurrentProvider | None = None

    def __call__(self) -> Provider | ConcurrentProvider:
        """Return the provider, opening it the first time."""
        if self._provider is None:
            opened = open_provider(self._params, self._model)
            if self._rejected and isinstance(opened, ConcurrentProvider):
                from wildvalues.llm.providers.foreclosed import Foreclosed

                self._provider = Foreclosed(opened, self._rejected)
            else:
                self._provider = opened
        return self._provider

    def __enter__(self) -> Lazy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._provider is not None:
            self._provider.close()
