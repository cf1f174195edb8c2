"""Probes: an opening that the model is to continue, and what it would say next, weighed over all words.

A small model names values badly when it has to write them; the probabilities of its next word know more than the word
it writes (measured in `workflow/instruments/README.md`). One question costs one token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wildvalues.llm.facets import ListFacet, Probe, Prompts
from wildvalues.llm.transcript import Turn, render
from wildvalues.llm.types import ANY_WORD, Answer, Message, Request


@dataclass(frozen=True)
class Asked:
    """One probe of one facet."""

    facet: str
    name: str
    probe: Probe


def probes_of(prompts: Prompts, facets: Sequence[str]) -> Iterator[Asked]:
    """Yield the probes of the facets that have some, in their order."""
    for facet in facets:
        declared = prompts.facets[facet]
        if isinstance(declared, ListFacet):
            for name, probe in declared.probes.items():
                yield Asked(facet, name, probe)


def probe_request(
    asked: Asked, turns: Sequence[Turn], *, system: str, model: str, temperature: float, max_chars: int
) -> Request:
    """Return the request; those about one conversation share all but the question, so its text is read once."""
    return Request(
        model=model,
        messages=(
            Message("system", system),
            Message("user", f"{render(turns, max_chars)}\n\n{asked.probe.question}"),
            Message("assistant", asked.probe.opening),
        ),
        options=ANY_WORD,
        max_tokens=1,
        temperature=temperature,
    )


def words_of(answer: Answer) -> Mapping[str, float]:
    """Return the natural-log probability of each likely next word."""
    return answer.log_probabilities or {}
