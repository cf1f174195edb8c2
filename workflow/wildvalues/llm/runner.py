"""Answer many requests: memo first, then the provider, in input order, with bounded look-ahead."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from wildvalues.llm.dispatch import ConcurrentProvider, Dispatcher
from wildvalues.llm.errors import FatalError
from wildvalues.llm.interruption import Interruption
from wildvalues.llm.ledger import Ledger
from wildvalues.llm.memo import Memo, memo_key
from wildvalues.llm.prices import ModelPrice, needed_price, price_of
from wildvalues.llm.queueing import Call
from wildvalues.llm.serial import ask_one
from wildvalues.llm.structured import asked_again, fitted, unusable
from wildvalues.llm.types import Answer, Provider, Rejected, Request
from wildvalues.llm.usage import Usage
from wildvalues.params import Params
from wildvalues.progress import bar

__all__ = ["Usage", "answer_all", "unusable"]

# Results that may wait behind a slow one, for each call in flight: enough that none idles, few enough for memory.
_LOOK_AHEAD = 16
# Calls go on at least this often while results are handed out.
_TURN_EVERY_S = 0.002
# Queued calls that are held back while more are taken, because questions about the same conversation may follow.
_HELD_BACK = 16
# How long calls in flight are waited for when a run is stopped; a second Ctrl-C stops the waiting.
_PATIENCE_S = 60.0
# So many items in a row that failed all their tries: the provider is gone, the items are not at fault.
_GIVE_UP_AFTER = 5
# ... and so many that were turned down one by one: the requests as such are wrong.
_NONSENSE_AFTER = 20


def answer_all(
    requests: Iterable[tuple[str, Request]],
    *,
    provider_factory: Callable[[], Provider | ConcurrentProvider],
    memo: Memo,
    params: Params,
    label: str,
    total: int,
    usage: Usage | None = None,
) -> Iterator[tuple[str, Answer | Rejected]]:
    """Yield ``(id, answer or reason)`` for each request, in input order.

    An answer is recorded, raw, the moment it is there, so whatever stops the run loses none. What is handed out holds
    the JSON or the option that was asked for (`wildvalues.llm.structured`); an answer without it is asked for once
    more, and that is a request of its own in the memo. Answers cut off at their token limit and refusals are recorded
    too and come back as `Rejected`: they were paid. Ctrl-C and SIGTERM start no further call and wait for those in
    flight.

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
    with ExitStack() as stack:
        interruption = stack.enter_context(Interruption())
        ledger = stack.enter_context(Ledger(params.llm.budget_usd, label))
        run = _Run(provider_factory, memo, params, usage if usage is not None else Usage(), ledger, interruption)
        stack.callback(run.stop)
        shown = stack.enter_context(bar(total=total, label=label, unit="call"))
        for name, result in run.results(requests):
            shown.update()
            if run.usage.dollars > 0:
                shown.set_postfix_str(f"${run.usage.dollars:.2f}", refresh=False)
            yield name, result


class _Item:
    """A request whose result is not yielded yet; `request` is what is being asked for it now."""

    __slots__ = ("answers", "asked", "name", "request", "result")

    def __init__(self, name: str, request: Request) -> None:
        self.name = name
        self.asked = request
        self.request = request
        self.answers: list[tuple[Answer, bool]] = []
        self.result: Answer | Rejected | None = None


class _Run:
    def __init__(
        self,
        provider_factory: Callable[[], Provider | ConcurrentProvider],
        memo: Memo,
        params: Params,
        usage: Usage,
        ledger: Ledger,
        interruption: Interruption,
    ) -> None:
        self.usage = usage
        self._factory = provider_factory
        self._memo = memo
        self._params = params
        self._ledger = ledger
        self._interruption = interruption
        self._provider: Provider | None = None
        self._dispatcher: Dispatcher | None = None
        self._calls: dict[str, list[_Item]] = {}
        self._prices: dict[str, ModelPrice | None] = {}
        self._failed_in_a_row = 0
        self._turned_at = 0.0

    def results(self, requests: Iterable[tuple[str, Request]]) -> Iterator[tuple[str, Answer | Rejected]]:
        source = iter(requests)
        waiting: deque[_Item] = deque()
        exhausted = False
        while waiting or not exhausted:
            with self._interruption.guarded():
                while not exhausted and len(waiting) < self._room():
                    found = next(source, None)
                    if found is None:
                        exhausted = True
                        break
                    item = _Item(*found)
                    waiting.append(item)
                    self._advance(item)
                    self._interruption.check()
                    if waiting[0].result is not None:
                        break
                    self._let_calls_go_on(keep=_HELD_BACK)
                if not waiting:
                    break
                head = waiting.popleft()
                self._let_calls_go_on(keep=_HELD_BACK)
                if head.result is None:
                    self._drive(lambda: head.result is not None)  # noqa: B023 - used before the next round
                named = self._finish(head)
            yield named

    def stop(self) -> None:
        """Start no further call, and wait a while for those in flight: they are paid, so their answers are kept."""
        if self._dispatcher is None:
            return
        with self._interruption.guarded(to_the_end=True):
            heard, until = self._interruption.heard, time.monotonic() + _PATIENCE_S
            self._dispatcher.stop(lambda: self._interruption.heard == heard and time.monotonic() < until)

    def _room(self) -> int:
        return 1 if self._dispatcher is None else _LOOK_AHEAD * self._dispatcher.most

    def _let_calls_go_on(self, keep: int) -> None:
        if self._dispatcher is not None and time.monotonic() - self._turned_at > _TURN_EVERY_S:
            self._dispatcher.turn(keep=keep)
            self._turned_at = time.monotonic()

    def _drive(self, until: Callable[[], bool]) -> None:
        assert self._dispatcher is not None
        self._dispatcher.drive(lambda: until() or self._interruption.heard > 0)
        self._turned_at = time.monotonic()
        self._interruption.check()

    def _advance(self, item: _Item, *, at_once: bool = False) -> None:
        """Bring `item` as far as it goes without waiting for the network."""
        while item.result is None:
            key = memo_key(item.request)
            known = self._memo.get(item.request, key)
            if known is not None:
                self._take(item, known, live=False)
                continue
            self._open()
            if self._dispatcher is not None:
                self._submit(item, key, at_once=at_once)
                return
            assert self._provider is not None
            call = Call(item.request, key)
            self._admit(call, 0)
            max_retries = self._params.llm.max_retries
            outcome = ask_one(self._provider, item.request, max_retries, self._interruption, self._count_retry)
            self._settle(call, outcome)
            self._take(item, outcome, live=True)

    def _open(self) -> None:
        if self._provider is not None or self._dispatcher is not None:
            return
        opened = self._factory()
        if not isinstance(opened, ConcurrentProvider):
            self._provider = opened
            return
        self._dispatcher = Dispatcher(
            opened,
            max_retries=self._params.llm.max_retries,
            admit=self._admit,
            settled=self._on_settled,
            retried=self._on_retry,
        )
        self._interruption.wake = self._dispatcher.wake

    def _submit(self, item: _Item, key: str, *, at_once: bool) -> None:
        assert self._dispatcher is not None
        if key in self._calls:  # the same question twice in one window is asked once
            self._calls[key].append(item)
            return
        self._calls[key] = [item]
        self._dispatcher.submit(Call(item.request, key), at_once=at_once)

    def _admit(self, call: Call, in_flight: int) -> bool:
        """Set aside what `call` may cost; with too little left, calls in flight may turn out cheaper."""
        if self._params.llm.budget_usd is None:
            return True
        cost = needed_price(self._params, call.request.model).at_most(call.request)
        if self._ledger.reserve(cost):
            call.reserved = cost
            return True
        if not in_flight:
            raise self._ledger.exceeded(cost)
        return False

    def _count_retry(self) -> None:
        self.usage.retries += 1

    def _on_retry(self, call: Call) -> None:
        self._count_retry()
        self._ledger.settle(call.reserved, 0.0)
        call.reserved = 0.0

    def _on_settled(self, call: Call, outcome: Answer | Rejected) -> None:
        self._settle(call, outcome)
        items = self._calls.pop(call.key)
        for item in items:
            self._take(item, outcome, live=item is items[0])
            if item.result is None:
                self._advance(item, at_once=True)

    def _settle(self, call: Call, outcome: Answer | Rejected) -> None:
        if isinstance(outcome, Answer):
            self._memo.put(call.request, outcome, call.key)
            price = self._price(call.request.model)
            self._ledger.settle(call.reserved, None if price is None else price.cost(outcome))
            self._failed_in_a_row = 0
            return
        self._ledger.settle(call.reserved, 0.0)
        if outcome.kind == "error":
            given_up = outcome.reason.startswith("no answer after")
            self._count_failure(_GIVE_UP_AFTER if given_up else _NONSENSE_AFTER, outcome.reason)

    def _take(self, item: _Item, outcome: Answer | Rejected, *, live: bool) -> None:
        """Note an outcome for `item`: either its result is known then, or what to ask next."""
        is_second = item.request is not item.asked
        if isinstance(outcome, Rejected):
            if is_second and outcome.kind == "not_recorded":
                outcome = Rejected("the answer cannot be read, and no second one is recorded", "unparsable")
            item.result = outcome
            return
        item.answers.append((outcome, live))
        item.result = unusable(outcome, item.asked)
        if item.result is not None:
            return
        fit = fitted(outcome, item.asked)
        if isinstance(fit, Answer):
            item.result = fit
        elif is_second:
            item.result = Rejected(f"the answer cannot be read, nor a second one: {fit.problem}", "unparsable")
        else:
            item.request = asked_again(item.asked, outcome, fit)

    def _finish(self, item: _Item) -> tuple[str, Answer | Rejected]:
        price = self._price(item.asked.model)
        for answer, live in item.answers:
            self.usage.count_answer(answer, live=live, dollars=None if price is None else price.cost(answer))
        assert item.result is not None
        if isinstance(item.result, Rejected):
            self.usage.count_rejected(item.result)
        return item.name, item.result

    def _price(self, model: str) -> ModelPrice | None:
        if model not in self._prices:
            self._prices[model] = price_of(self._params, model)
        return self._prices[model]

    def _count_failure(self, limit: int, reason: str) -> None:
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= limit:
            raise FatalError(
                f"llm.provider `{self._params.llm.provider}` gave no answer to {self._failed_in_a_row} requests "
                f"in a row, the last with: {reason}; finished answers are kept, so mend the cause and run again"
            )
