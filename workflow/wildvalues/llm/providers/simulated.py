"""Answers made up from the question's hash: schema-valid, repeatable, quick. For tests and benchmarks only."""

from __future__ import annotations

import json

from wildvalues.llm.simulation.maker import Maker
from wildvalues.llm.types import Answer, Request

# What may come next when any word may.
_WORDS = ("honesty", "clarity", "respect", "safety", "kindness", "accuracy", "freedom", "patience", "fairness", "care")


class SimulatedProvider:
    """Makes up answers. Equal requests get equal answers; quotes are taken from the conversation.

    The simulated server (`wildvalues.llm.simulation`) answers the same prompts with the same text.
    """

    concurrency = 1

    def complete(self, request: Request) -> Answer:
        """Make up an answer that fits the schema; without one, a short phrase."""
        maker = _maker(request)
        if request.schema is None:
            text = maker.phrase()
        else:
            text = json.dumps(maker.value(json.loads(request.schema)), ensure_ascii=False)
        return Answer(text, "end_turn", _tokens(request), max(1, len(text) // 4))

    def choose(self, request: Request) -> Answer:
        """Choose an option by the request's hash, with log-probabilities over all."""
        assert request.options is not None
        odds = _maker(request).odds(request.options or _WORDS)
        best = max(odds, key=lambda option: odds[option])
        return Answer(best, "end_turn", _tokens(request), 1, odds)

    def close(self) -> None:
        """Do nothing: nothing is open."""


def _maker(request: Request) -> Maker:
    return Maker([(message.role, message.content) for message in request.messages], request.sample)


def _tokens(request: Request) -> int:
    return sum(len(message.content) for message in request.messages) // 4
