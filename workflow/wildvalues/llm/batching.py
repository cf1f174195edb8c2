"""Answer requests through Message Batches, ahead of a run that then finds every answer in the memo.

Half the price, up to a day of waiting. A run collects the batches that have ended, sends what is neither answered nor
on its way, and then either stops with exit code 75, "pending, run again", or stays (``--wait``). Whatever kills it, no
request is sent while another batch may hold it, and no answer is paid twice. For users: ``workflow/batches.md``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from wildvalues.errors import WAIT_VARIABLE, PendingError
from wildvalues.llm.batch_desk import Desk
from wildvalues.llm.batch_packing import Limits
from wildvalues.llm.batch_standing import Standing
from wildvalues.llm.batch_store import BatchStore
from wildvalues.llm.ledger import Ledger
from wildvalues.llm.memo import default_folder
from wildvalues.llm.providers.batches import BatchClient
from wildvalues.llm.types import Rejected, Request
from wildvalues.llm.usage import Usage
from wildvalues.params import Params
from wildvalues.progress import bar

_LIMITS = Limits()


@dataclass(frozen=True)
class Patience:
    """How a run waits for its batches.

    Parameters
    ----------
    first_s, longest_s, growth
        Pauses between looks at the service grow from the first to the longest.
    lost_s
        How long after its intent a batch may still turn up in the service's list when its sender died.
    """

    first_s: float = 2.0
    longest_s: float = 60.0
    growth: float = 1.5
    lost_s: float = 20.0


_PATIENCE = Patience()


def answer_ahead(
    requests: Callable[[], Iterable[Request]],
    *,
    params: Params,
    stage: str,
    usage: Usage | None = None,
    limits: Limits = _LIMITS,
    patience: Patience = _PATIENCE,
) -> dict[str, Rejected]:
    """Have every request answered in the memo through batches, or say that some are pending.

    Does nothing unless ``llm.batch`` is set and ``llm.provider`` is anthropic. Call it before the memo is opened for
    the run proper, which would not see the new answers.

    Parameters
    ----------
    requests
        Returns all requests, in the same order each time; consumed one by one, so memory stays flat. Questions about
        one conversation should follow one another.
    usage
        Counters of the run proper: what is answered here is counted as live there, not as found in the memo.

    Returns
    -------
    dict
        Requests that no batch can answer, by memo key; they must not be asked live either
        (`wildvalues.llm.providers.Lazy` takes them).

    Raises
    ------
    PendingError
        When requests are on their way and nobody asked to wait.
    FatalError
        When the service cannot be used.
    BudgetExceededError
        When the next batch could cost more than is left of ``llm.budget_usd``.
    """
    if not params.llm.batch or params.llm.provider != "anthropic":
        return {}
    stay = os.environ.get(WAIT_VARIABLE, "").lower() not in ("", "0", "false", "no")
    with ExitStack() as stack:
        opened: list[BatchClient] = []

        def client() -> BatchClient:
            if not opened:
                opened.append(stack.enter_context(BatchClient(params)))
            return opened[0]

        ledger = stack.enter_context(Ledger(params.llm.budget_usd, stage))
        store = BatchStore(default_folder())
        desk = Desk(client, store, ledger, params, stage=stage, limits=limits, lost_s=patience.lost_s)
        shown = stack.enter_context(bar(total=0, label=f"{stage}, batches", unit="request"))
        pause = patience.first_s
        while True:
            standing = desk.look(requests())
            answered = _count(standing, usage)
            if standing.done:
                return standing.rejected
            if standing.canceled or not stay:
                raise PendingError(_message(standing, stage))
            if answered:
                pause = patience.first_s
            shown.total = shown.n + answered + standing.pending + standing.unsent
            shown.set_postfix_str(f"{len(standing.batches)} batches out, next look in {pause:.0f} s", refresh=False)
            shown.update(answered)
            time.sleep(pause)
            pause = min(patience.longest_s, pause * patience.growth)


def _count(standing: Standing, usage: Usage | None) -> int:
    answered = sum(found.answers for found in standing.collected)
    if usage is not None:
        usage.live += answered
        usage.live_batch += answered
        # The run proper will find them in the memo.
        usage.replayed -= answered
        for found in standing.collected:
            usage.live_input_tokens += found.input_tokens
            usage.live_output_tokens += found.output_tokens
            usage.live_cache_read_tokens += found.cache_read_tokens
            usage.dollars += found.dollars
    return answered


def _message(standing: Standing, stage: str) -> str:
    parts = []
    if standing.pending:
        number = len(standing.batches)
        batches = f"batch {next(iter(standing.batches))}" if number == 1 else f"{number} batches"
        since = f"{standing.since:%Y-%m-%d %H:%M} UTC" if standing.since is not None else "now"
        parts.append(f"{standing.pending:,} of {standing.total:,} requests are pending in {batches}, since {since}")
    if standing.unsent:
        parts.append(f"{standing.unsent:,} are not sent yet ({standing.obstacle})")
    if standing.canceled:
        parts.append(f"{standing.canceled:,} were in a batch that was cancelled; the next run sends them again")
    return (
        f"{stage}: {'; '.join(parts)}. Nothing is lost: run the same command again later, or with --wait "
        f"(or {WAIT_VARIABLE}=1) to stay until they are answered; this is exit code 75"
    )
