"""Dialogues with a language model about a tree: what is asked next depends on what was answered.

A dialogue is a generator that yields requests and is sent their answers. Dialogues about several facets are held side
by side, so that a round of all of them is asked at once: through Message Batches that is one wait instead of three.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from wildvalues.llm.batching import answer_ahead
from wildvalues.llm.defusing import defuse
from wildvalues.llm.memo import Memo
from wildvalues.llm.providers import Lazy
from wildvalues.llm.runner import answer_all
from wildvalues.llm.types import Answer, Rejected, Request
from wildvalues.llm.usage import Usage
from wildvalues.params import Params

T = TypeVar("T")
Answers: TypeAlias = Sequence[Answer | Rejected]
Dialogue: TypeAlias = Generator[Sequence[Request], Answers, T]
# Answers requests, in their order.
Ask: TypeAlias = Callable[[Sequence[Request]], Answers]


def asker(params: Params, stage: str, usage: Usage, lazy: Lazy) -> Ask:
    """Return what answers the requests of a round: a batch, the memo or the model.

    Parameters
    ----------
    lazy
        The provider, opened at the first request that needs it; closing it is the caller's.
    """

    def ask(requests: Sequence[Request]) -> Answers:
        if not requests:
            return []
        rejected = answer_ahead(lambda: iter(requests), params=params, stage=stage, usage=usage)
        # Opened for every round: a memo that is open does not see what a batch brought in.
        with (
            Memo(artefacts=[Path(place) for place in params.llm.replay]) as memo,
            Lazy(params, rejected=rejected) as without_rejected,
        ):
            answered = answer_all(
                ((str(number), request) for number, request in enumerate(requests)),
                provider_factory=without_rejected if rejected else lazy,
                memo=memo,
                params=params,
                label=stage,
                total=len(requests),
                usage=usage,
            )
            return [answer for _, answer in answered]

    return ask


def hold(dialogues: Mapping[str, Dialogue[T]], ask: Ask | None) -> dict[str, T]:
    """Hold all dialogues to their end, round by round, and return what each comes to.

    Parameters
    ----------
    ask
        None when no dialogue will ask anything.
    """
    results: dict[str, T] = {}
    asked: dict[str, Sequence[Request]] = {}

    def go_on(name: str, answers: Answers | None) -> None:
        try:
            asked[name] = next(dialogues[name]) if answers is None else dialogues[name].send(answers)
        except StopIteration as end:
            results[name] = end.value

    for name in dialogues:
        go_on(name, None)
    while asked:
        assert ask is not None
        this_round, asked = asked, {}
        answers = ask([request for requests in this_round.values() for request in requests])
        start = 0
        for name, requests in this_round.items():
            go_on(name, answers[start : start + len(requests)])
            start += len(requests)
    return {name: results[name] for name in dialogues}


def listed(phrases: Sequence[str]) -> str:
    """Return phrases as lines of a prompt: each is one line, holds no mark, and cannot close its own delimiter."""
    lines = (" ".join(defuse(phrase).split()).replace("<", "‹").replace(">", "›") for phrase in phrases)
    return "\n".join(f"- {line}" for line in lines) or "-"
