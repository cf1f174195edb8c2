"""Which requests still need an answer, and what an item of a batch asks for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wildvalues.llm.memo import Memo, memo_key
from wildvalues.llm.providers.messages import shared_prefix
from wildvalues.llm.structured import Misfit, asked_again, fitted, unusable
from wildvalues.llm.types import Answer, Message, Request


@dataclass(frozen=True)
class Question:
    """A request without an answer, with the others about the same conversation that are asked beside it."""

    request: Request
    key: str
    family: tuple[Request, ...]


class Questions:
    """Goes through requests once and yields those to ask.

    A request whose recorded answer cannot be read is replaced by the one that asks for it again, as a live run would
    (`wildvalues.llm.runner`).

    Attributes
    ----------
    total
        Requests seen so far.
    """

    def __init__(self, requests: Iterable[Request], memo: Memo) -> None:
        self._requests = requests
        self._memo = memo
        self.total = 0

    def __iter__(self) -> Iterator[Question]:
        family: list[tuple[Request, str]] = []
        shared: tuple[str, tuple[Message, ...] | None] | None = None
        for request in self._requests:
            self.total += 1
            found = self._unanswered(request)
            if found is None:
                continue
            prefix = (request.model, shared_prefix(found[0]))
            if prefix[1] is None or prefix != shared:
                yield from _together(family)
                family, shared = [], prefix
            family.append(found)
        yield from _together(family)

    def _unanswered(self, request: Request) -> tuple[Request, str] | None:
        key = memo_key(request)
        known = self._memo.get(request, key)
        if known is None:
            return request, key
        second = _asked_next(request, known)
        if second is None:
            return None
        key = memo_key(second)
        return None if self._memo.get(second, key) is not None else (second, key)


def _asked_next(request: Request, answer: Answer) -> Request | None:
    if unusable(answer, request) is not None:
        return None
    fit = fitted(answer, request)
    return asked_again(request, answer, fit) if isinstance(fit, Misfit) else None


def _together(family: list[tuple[Request, str]]) -> Iterator[Question]:
    for number, (request, key) in enumerate(family):
        others = tuple(other for place, (other, _) in enumerate(family) if place != number)
        yield Question(request, key, others)
