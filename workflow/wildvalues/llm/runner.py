"""Answer many requests: memo first, then the provider, in input order, with bounded look-ahead."""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from wildvalues.errors import BudgetExceededError, WildvaluesError
from wildvalues.llm.errors import FatalError, ItemError, TransientError
from wildvalues.llm.memo import Memo, memo_key
from wildvalues.llm.prices import needed_price, price_of
from wildvalues.llm.types import Answer, Provider, Rejected, Request
from wildvalues.llm.usage import Usage
from wildvalues.params import Params
from wildvalues.progress import bar

__all__ = ["Usage", "answer_all"]

_logger = logging.getLogger("wildvalues")

# Results that may wait behind a slow one, for each call in flight: enough that none idles, few enough for memory.
_LOOK_AHEAD = 16
_LONGEST_PAUSE_S = 60.0
# So many items in a row that failed all their tries: the provider is gone, the items are not at fault.
_GIVE_UP_AFTER = 5
# ... and so many that were turned down one by one: the requests as such are wrong.
_NONSENSE_AFTER = 20


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

    An answer is recorded the moment it is there, so whatever stops the run loses none. Answers cut off at their
    token limit and refusals are recorded too and come back as `Rejected`: they were paid.

    Parameters
    ----------
    requests
        ``(id, request)``; consumed lazily, a bounded number ahead of what was yielded.
    provider_factory
        Called once, on the first request the memo does not know; closing the provider is the caller's, who may
        share it between runs (`wildvalues.llm.providers.Lazy`).
    total
        Number of requests, for the progress bar.
    usage
        Counters, kept up to date while the run goes.

    Raises
    ------
    FatalError
        When no call can succeed.
    BudgetExceededError
        When the next call could cost more than is left of ``llm.budget_usd``.
    """
    run = _Run(provider_factory, memo, params, usage if usage is not None else Usage())
    with bar(total=total, label=label, unit="call") as shown:
        try:
            for name, result in run.results(requests):
                shown.update()
                if run.usage.dollars > 0:
                    shown.set_postfix_str(f"${run.usage.dollars:.2f}", refresh=False)
                yield name, result
        finally:
            run.stop()


@dataclass
class _Pending:
    """A request whose result is not yielded yet."""

    name: str
    request: Request
    result: Answer | Rejected | None
    future: Future[Answer | Rejected] | None = None
    live: bool = False


class _Run:
    def __init__(self, provider_factory: Callable[[], Provider], memo: Memo, params: Params, usage: Usage) -> None:
        self.usage = usage
        self._factory = provider_factory
        self._memo = memo
        self._params = params
        self._provider: Provider | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._asked: dict[str, Future[Answer | Rejected]] = {}
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._failed_in_a_row = 0
        self._reserved: dict[Future[Answer | Rejected], float] = {}
        self._spent = 0.0
        self._fatal: WildvaluesError | None = None

    def results(self, requests: Iterable[tuple[str, Request]]) -> Iterator[tuple[str, Answer | Rejected]]:
        source = iter(requests)
        waiting: deque[_Pending] = deque()
        exhausted = False
        while waiting or not exhausted:
            while not exhausted and len(waiting) < self._room():
                try:
                    name, request = next(source)
                except StopIteration:
                    exhausted = True
                    break
                waiting.append(self._start(name, request))
                head = waiting[0].future
                if head is None or head.done():
                    break
            if waiting:
                yield self._finish(waiting.popleft())

    def stop(self) -> None:
        """Start no further call, and wait for those in flight: they are paid, so their answers are kept."""
        self._stopping.set()
        if self._pool is not None:
            if any(not future.done() for future in self._asked.values()):
                _logger.info("waiting for the calls in flight; their answers are kept")
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _room(self) -> int:
        return 1 if self._pool is None else _LOOK_AHEAD * self._pool._max_workers

    def _start(self, name: str, request: Request) -> _Pending:
        known = self._memo.get(request)
        if known is not None:
            return _Pending(name, request, known)
        if self._provider is None:
            self._provider = self._factory()
            if self._provider.concurrency > 1:
                self._pool = ThreadPoolExecutor(self._provider.concurrency, thread_name_prefix="llm")
        if self._pool is None:
            self._reserve(request)
            return _Pending(name, request, self._ask(request), live=True)
        key = memo_key(request)
        if key in self._asked:  # the same question twice in one window is asked once
            return _Pending(name, request, None, self._asked[key])
        cost = self._reserve(request)
        future = self._pool.submit(self._ask_in_thread, request)
        self._reserved[future] = cost
        self._asked[key] = future
        return _Pending(name, request, None, future, live=True)

    def _finish(self, pending: _Pending) -> tuple[str, Answer | Rejected]:
        result = pending.result
        if pending.future is not None:
            result = pending.future.result()
            if pending.live:
                self._asked.pop(memo_key(pending.request), None)
        if self._fatal is not None:
            raise self._fatal
        assert result is not None
        if isinstance(result, Answer):
            price = price_of(self._params, pending.request.model)
            dollars = None if price is None else price.cost(result)
            self.usage.count_answer(result, live=pending.live, dollars=dollars)
            result = _unusable(result, pending.request) or result
        if isinstance(result, Rejected):
            self.usage.count_rejected(result)
        return pending.name, result

    def _reserve(self, request: Request) -> float:
        """Set aside what `request` may cost; with too little left, wait for calls in flight to turn out cheaper."""
        budget = self._params.llm.budget_usd
        if budget is None:
            return 0.0
        cost = needed_price(self._params, request.model).at_most(request)
        while True:
            open_calls = {future: held for future, held in self._reserved.items() if not future.done()}
            self._reserved = open_calls
            if self._spent + sum(open_calls.values()) + cost <= budget:
                return cost
            if not open_calls:
                raise BudgetExceededError(
                    f"llm.budget_usd: ${self._spent:.4f} of ${budget:g} are spent and the next call may cost "
                    f"${cost:.4f}; finished answers are kept, so raise the budget in params.yaml and run again"
                )
            wait(open_calls, return_when=FIRST_COMPLETED)

    def _ask_in_thread(self, request: Request) -> Answer | Rejected:
        """Ask; an error that ends the run stops the other threads now, not when its turn comes in the output."""
        try:
            return self._ask(request)
        except WildvaluesError as error:
            with self._lock:
                self._fatal = self._fatal or error
            self._stopping.set()
            return Rejected("the run was stopped", "error")

    def _ask(self, request: Request) -> Answer | Rejected:
        """Ask until there is an answer or no hope of one; record an answer at once."""
        assert self._provider is not None
        tries = 0
        while True:
            if self._stopping.is_set():
                return Rejected("the run was stopped", "error")
            try:
                ask = self._provider.complete if request.options is None else self._provider.choose
                answer = ask(request)
            except ItemError as error:
                if error.rejected.kind == "error":
                    self._count_failure(_NONSENSE_AFTER, error.rejected.reason)
                return error.rejected
            except TransientError as error:
                tries += 1
                if tries > self._params.llm.max_retries:
                    return self._given_up(tries, error)
                with self._lock:
                    self.usage.retries += 1
                self._stopping.wait(_pause(tries, error.retry_after))
                continue
            self._memo.put(request, answer)
            with self._lock:
                self._failed_in_a_row = 0
                price = price_of(self._params, request.model)
                self._spent += 0.0 if price is None else price.cost(answer)
            return answer

    def _given_up(self, tries: int, error: TransientError) -> Rejected:
        self._count_failure(_GIVE_UP_AFTER, f"{error}, {tries} times")
        return Rejected(f"no answer after {tries} tries: {error}", "error")

    def _count_failure(self, limit: int, reason: str) -> None:
        with self._lock:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= limit:
                raise FatalError(
                    f"llm.provider `{self._params.llm.provider}` gave no answer to {self._failed_in_a_row} requests "
                    f"in a row, the last with: {reason}; finished answers are kept, so mend the cause and run again"
                )


def _pause(tries: int, retry_after: float | None) -> float:
    """Seconds before the next try: what the server asked for, or doubling; with jitter, so that calls spread out."""
    if retry_after is not None:
        return retry_after * (1 + 0.25 * random.random())
    return min(_LONGEST_PAUSE_S, 2.0 ** (tries - 1)) * (0.5 + 0.5 * random.random())


def _unusable(answer: Answer, request: Request) -> Rejected | None:
    if answer.stop_reason == "refusal":
        return Rejected("the model refused to answer", "refused")
    if answer.stop_reason == "model_context_window_exceeded":
        return Rejected("the conversation does not fit the model's context window", "too_long")
    if request.options is not None:
        known = answer.text in request.options
        return None if known else Rejected("the model chose none of the options", "unparsable")
    if answer.stop_reason == "max_tokens":
        return Rejected(f"the answer was cut off at its limit of {request.max_tokens} tokens", "truncated")
    return None
