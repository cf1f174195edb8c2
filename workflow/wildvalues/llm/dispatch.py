"""Many calls at once to a provider that can take them: on its event loop, in this thread.

The loop runs only while results are waited for, so no thread competes for the interpreter with it, and an interrupt
never strikes in the middle of a call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, runtime_checkable

from wildvalues.llm.errors import ItemError, TransientError
from wildvalues.llm.queueing import Call, Queue
from wildvalues.llm.throttle import Throttle, pause
from wildvalues.llm.types import Answer, Rejected, Request

_logger = logging.getLogger("wildvalues")

# A pause longer than this is told to the user.
_WORTH_TELLING_S = 30.0


@runtime_checkable
class ConcurrentProvider(Protocol):
    """A provider that answers many requests at once, on an event loop of its own.

    Attributes
    ----------
    loop
        Run by the caller; a call is a coroutine on it.
    throttle
        How fast the server may be asked; the provider tells it what the server's headers say.
    """

    loop: asyncio.AbstractEventLoop
    throttle: Throttle

    async def ask(self, request: Request, family: Sequence[Request] = ()) -> Answer:
        """Answer `request`.

        Parameters
        ----------
        family
            Other requests with the same `prefix` that are being asked too.

        Raises
        ------
        wildvalues.llm.errors.FatalError, wildvalues.llm.errors.TransientError, wildvalues.llm.errors.ItemError
        """
        ...

    def prefix(self, request: Request) -> Hashable | None:
        """Return what requests have in common that the server reads once for all of them, or None."""
        ...

    def close(self) -> None:
        """Free the connections."""
        ...


class Dispatcher:
    """Sends calls, as many at once as the throttle allows.

    Parameters
    ----------
    admit
        Asked before a call is sent, with the number of calls in flight; False keeps it back until one of those is
        settled. What it raises ends the run.
    settled
        Called with each call and its outcome, as soon as there is one. What it raises ends the run.
    retried
        Called when a call will be tried again, after it is admitted again.
    """

    def __init__(
        self,
        provider: ConcurrentProvider,
        *,
        max_retries: int,
        admit: Callable[[Call, int], bool],
        settled: Callable[[Call, Answer | Rejected], None],
        retried: Callable[[Call], None],
    ) -> None:
        self._provider = provider
        self._throttle = provider.throttle
        self._loop = provider.loop
        self._max_retries = max_retries
        self._admit = admit
        self._settled = settled
        self._retried = retried
        self._queue = Queue(provider.prefix)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._resting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._progress = asyncio.Event()
        self._failure: BaseException | None = None
        self._stopping = False

    @property
    def most(self) -> int:
        """Calls that may ever be in flight at once."""
        return self._throttle.most

    def submit(self, call: Call, *, at_once: bool = False) -> None:
        """Queue a call; `at_once` puts it before all others."""
        self._queue.add(call, at_once=at_once)

    def drive(self, until: Callable[[], bool]) -> None:
        """Run the calls until `until` holds.

        Raises
        ------
        Exception
            What ended the run, when something did.
        """
        if not until():
            self._loop.run_until_complete(self._until(until))
        if self._failure is not None:
            raise self._failure

    def turn(self, *, keep: int = 0) -> None:
        """Let calls that are ready go on, without waiting for any.

        Parameters
        ----------
        keep
            Queued calls that are not started yet, because others of their family may follow.
        """
        self._loop.run_until_complete(self._turn(keep))

    def wake(self) -> None:
        """Make `drive` look again whether it should go on; may be called from a signal handler."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._progress.set)

    def stop(self, patience: Callable[[], bool]) -> None:
        """Start no further call, and wait for those in flight: they are paid, so their answers are kept.

        Parameters
        ----------
        patience
            Asked a few times a second whether to go on waiting.
        """
        self._stopping = True
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._in_flight and not self._loop.is_closed():
            self._loop.run_until_complete(self._wind_down(patience))

    async def _until(self, until: Callable[[], bool]) -> None:
        self._pump()
        while not until() and self._failure is None:
            if not (self._in_flight or self._queue):
                raise RuntimeError("a call was lost: nothing is on its way, but its answer is waited for")
            self._progress.clear()
            await self._progress.wait()

    async def _turn(self, keep: int) -> None:
        self._pump(keep)
        # Bytes arrive, the call that awaits them wakes, the next call is sent.
        for _ in range(3):
            await asyncio.sleep(0)

    async def _wind_down(self, patience: Callable[[], bool]) -> None:
        for task in self._resting:
            task.cancel()
        waited = self._in_flight - self._resting
        if waited:
            _logger.info("waiting for %d calls in flight; their answers are kept", len(waited))
        while waited and patience():
            _, waited = await asyncio.wait(waited, timeout=0.2)
        for task in waited:
            task.cancel()
        await asyncio.gather(*self._in_flight, return_exceptions=True)

    def _pump(self, keep: int = 0) -> None:
        """Send what may be sent now."""
        try:
            while not self._stopping and len(self._in_flight) < self._throttle.calls:
                call = self._queue.take(keep)
                if call is None:
                    return
                delay = self._throttle.delay(call.request.model)
                if delay > 0:
                    self._queue.put_back(call)
                    self._pump_in(delay)
                    return
                if not self._admit(call, len(self._in_flight)):
                    self._queue.put_back(call)
                    return
                self._send(call)
        except Exception as error:
            self._fail(error)

    def _pump_in(self, delay: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= self._loop.time() + delay:
                return
            self._timer.cancel()
        if delay > _WORTH_TELLING_S:
            _logger.info("the server asks to wait %.0f seconds", delay)
        self._timer = self._loop.call_later(delay, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._pump()

    def _send(self, call: Call) -> None:
        self._queue.sent(call)
        call.started = self._throttle.started(call.request.model)
        task = self._loop.create_task(self._ask(call))
        self._in_flight.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._resting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
        self._pump()
        self._progress.set()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stopping = True
        self._progress.set()

    async def _ask(self, call: Call) -> None:
        outcome: Answer | Rejected
        try:
            outcome = await self._provider.ask(call.request, call.others())
        except ItemError as error:
            outcome = error.rejected
        except TransientError as error:
            call.tries += 1
            if error.crowded:
                self._throttle.refused(call.started, call.tries, error.retry_after)
            if call.tries <= self._max_retries:
                await self._try_again(call, error)
                return
            outcome = Rejected(f"no answer after {call.tries} tries: {error}", "error")
        if isinstance(outcome, Answer):
            read = outcome.input_tokens - outcome.cache_read_tokens
            self._throttle.answered(call.request.model, read, outcome.output_tokens)
        self._queue.came_back(call, warm=isinstance(outcome, Answer), finished=True)
        self._settled(call, outcome)

    async def _try_again(self, call: Call, error: TransientError) -> None:
        self._queue.came_back(call, warm=False, finished=False)
        self._retried(call)
        if not error.crowded:
            # Its place among the calls in flight is kept meanwhile, so that a dead server is not swamped.
            task = asyncio.current_task()
            assert task is not None
            self._resting.add(task)
            await asyncio.sleep(pause(call.tries, error.retry_after))
            self._resting.discard(task)
        if not self._stopping:
            self._queue.put_back(call)
