"""What a study will ask a language model: how many calls of which stage, about which conversations.

The one place that knows how many calls an instrument makes for a conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wildvalues.params import FacetRequest, Params

# Calls for each conversation. An instrument that is not here makes none: it reads no model's answer. A cascade asks
# the model where its classifier is not sure; how often that is shows only in a run, so all of them are counted.
CALLS_OF_INSTRUMENT = {"model": 1.0, "cascade": 1.0}


@dataclass(frozen=True)
class Call:
    """One question about each conversation of a stage.

    Parameters
    ----------
    group
        Its place among the stage's groups of facets.
    per_conversation
        Calls for each conversation; 0 when an instrument other than a model answers.
    """

    group: int
    facets: tuple[str, ...]
    instrument: str
    model: str | None
    per_conversation: float


@dataclass(frozen=True)
class StagePlan:
    """A stage's calls; all its groups are named, because the words of a request are those of all of them."""

    stage: str
    calls: tuple[Call, ...]
    max_chars: int

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """Facets by group, asked or not."""
        return [call.facets for call in self.calls]

    @property
    def asked(self) -> list[Call]:
        """Calls that a model answers."""
        return [call for call in self.calls if call.per_conversation]


def plan(params: Params) -> tuple[StagePlan, StagePlan]:
    """Return the plans of `screen` and `extract`."""
    screen = [FacetRequest(facets=[params.screen.facet], instrument=params.screen.instrument)]
    return (
        StagePlan("screen", _calls(screen), params.screen.prompt_chars),
        StagePlan("extract", _calls(params.extract.requests), params.extract.prompt_chars),
    )


def regrouped(params: Params, groups: Sequence[Sequence[str]]) -> StagePlan:
    """Return a plan that asks the default model these groups of facets, whatever the study does."""
    return StagePlan("extract", _calls([FacetRequest(facets=list(facets)) for facets in groups]), _chars(params))


def _chars(params: Params) -> int:
    return params.extract.prompt_chars


def _calls(requests: Sequence[FacetRequest]) -> tuple[Call, ...]:
    return tuple(
        Call(group, tuple(one.facets), one.instrument, one.model, CALLS_OF_INSTRUMENT.get(one.instrument, 0.0))
        for group, one in enumerate(requests)
    )
