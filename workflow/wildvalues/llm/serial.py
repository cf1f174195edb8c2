"""One call at a time, for providers inside this process."""

from __future__ import annotations

from collections.abc import Callable

from wildvalues.llm.errors import ItemError, TransientError
from wildvalues.llm.interruption import Interruption
from wildvalues.llm.throttle import pause
from wildvalues.llm.types import Answer, Provider, Rejected, Request


def ask_one(
    provider: Provider, request: Request, max_retries: int, interruption: Interruption, retried: Callable[[], None]
) -> Answer | Rejected:
    """Ask until there is an answer or no hope of one.

    Parameters
    ----------
    max_retries
        Tries after a transient failure.
    retried
        Called when the request will be tried again.
    """
    tries = 0
    while True:
        interruption.check()
        try:
            return provider.complete(request) if request.options is None else provider.choose(request)
        except ItemError as error:
            return error.rejected
        except TransientError as error:
            tries += 1
            if tries > max_retries:
                return Rejected(f"no answer after {tries} tries: {error}", "error")
            retried()
            interruption.wait(pause(tries, error.retry_after))
