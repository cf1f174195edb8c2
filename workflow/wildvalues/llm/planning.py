"""What a study will ask a language model: how many calls of which stage, about which conversations.

The one place that knows how many calls an instrument makes for a conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wildvalues.llm.facets import ChoiceFacet, Prompts
from wildvalues.llm.probing import Asked, probes_of
from wildvalues.params import FacetRequest, Instrument, Params

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
    probe
        The probe that this call asks, when the instrument is `probe`: one call each.
    """

    group: int
    facets: tuple[str, ...]
    instrument: Instrument
    model: str | None
    per_conversation: float
    probe: Asked | None = None


@dataclass(frozen=True)
class StagePlan:
    """A stage's calls; all its groups are named, because the words of a request are those of all of them."""

    stage: str
    calls: tuple[Call, ...]
    max_chars: int

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """Facets by group, asked or not."""
        return list({call.group: call.facets for call in self.calls}.values())

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


def probed(stage: StagePlan, prompts: Prompts, *, tells_words: bool) -> StagePlan:
    """Return the plan with each question's instrument settled, and a call for each probe of those that are probed.

    Parameters
    ----------
    tells_words
        Whether the provider gives the probabilities of next words (`wildvalues.llm.providers.tells_words`).
    """
    calls: list[Call] = []
    for call in stage.calls:
        asked = settled(call.facets, call.instrument, prompts, tells_words=tells_words)
        if asked == "probe":
            calls += [
                Call(call.group, call.facets, asked, call.model, 1.0, probe)
                for probe in probes_of(prompts, call.facets)
            ]
        else:
            calls.append(replace(call, instrument=asked, per_conversation=CALLS_OF_INSTRUMENT.get(asked, 0.0)))
    return replace(stage, calls=tuple(calls))


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


def settled(facets: Sequence[str], instrument: Instrument, prompts: Prompts, *, tells_words: bool) -> Instrument:
    """Return what an instrument stands for; ``auto`` is the one that measured best for such a model.

    A model whose next words can be weighed (the embedded one) is probed where a facet has probes; its choices among
    options are left to the classifier, unless the facet's own clear cases calibrate them. Any other model is asked.

    Parameters
    ----------
    tells_words
        Whether the provider gives the probabilities of next words.
    """
    if instrument != "auto":
        return instrument
    declared = [prompts.facets[name] for name in facets]
    if tells_words and all(getattr(facet, "probes", {}) for facet in declared):
        return "probe"
    if tells_words and all(isinstance(facet, ChoiceFacet) and facet.calibrate != "anchors" for facet in declared):
        return "classifier"
    return "model"
