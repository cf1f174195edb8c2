"""Answer many requests: memo first, then the provider, in input order, with bounded look-ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from wildvalues.llm.memo import Memo
from wildvalues.llm.types import Answer, Provider, Rejected, Request
from wildvalues.params import Params


@dataclass
class Usage:
    """What a run cost so far: pass one in, read it after."""

    calls: int = 0
    replayed: int = 0
    live: int = 0
    retries: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    live_input_tokens: int = 0
    live_output_tokens: int = 0
    dollars: float | None = None


def answer_all(
    requests: Iterable[tuple[str, Request]],
    *,
    provider_factory: Callable[[], Provider],
    memo: Memo,
    params: Params,
    label: str,
    total: int,
    usage: Usage | None = None,
) -> Iterator[tuple[str, Answer | Rejected]]:
    """Yield ``(id, answer or reason)`` for each request, in input order.

    Parameters
    ----------
    requests
        ``(id, request)``; consumed lazily, a bounded number ahead of what was yielded.
    provider_factory
        Called once, on the first request the memo does not know.
    usage
        Counters, kept up to date while the run goes; pass one in to read them.
    """
    raise NotImplementedError
