"""One look at the batches: find lost ones, collect ended ones, send what is neither answered nor on its way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from wildvalues.llm.batch_collecting import Collected, collect
from wildvalues.llm.batch_packing import Limits, Parcel, params_of
from wildvalues.llm.batch_questions import Questions
from wildvalues.llm.batch_sending import Sender
from wildvalues.llm.batch_standing import Standing
from wildvalues.llm.batch_store import BatchStore, Failure, InFlight, Sent, Shipment
from wildvalues.llm.errors import FatalError, TransientError
from wildvalues.llm.ledger import FOLDER, Ledger
from wildvalues.llm.memo import Memo
from wildvalues.llm.memo_index import short_key
from wildvalues.llm.prices import ModelPrice, needed_price, price_of
from wildvalues.llm.providers.batches import BatchClient, base_url_of
from wildvalues.llm.types import Rejected, Request
from wildvalues.params import Params

_logger = logging.getLogger("wildvalues")

_NO_MONEY = "what is on its way may cost all that is left of llm.budget_usd"


class Desk:
    """What a run does about batches, look after look.

    Parameters
    ----------
    client
        Returns the client, opened when first needed: a study whose answers are all recorded needs no key.
    lost_s
        How long after its intent a batch may still turn up in the service's list when its sender died.
    """

    def __init__(
        self,
        client: Callable[[], BatchClient],
        store: BatchStore,
        ledger: Ledger,
        params: Params,
        *,
        stage: str,
        limits: Limits,
        lost_s: float,
    ) -> None:
        self._client = client
        self._store = store
        self._ledger = ledger
        self._params = params
        self._stage = stage
        self._limits = limits
        self._base_url = base_url_of(params)
        self._sender = Sender(client, store, max_retries=params.llm.max_retries, lost_s=lost_s)
        self._canceled: set[str] = set()
        self._prices: dict[str, ModelPrice | None] = {}
        self._unpaid = 0.0

    def look(self, requests: Iterable[Request]) -> Standing:
        """Collect, then send; no other process does so meanwhile.

        Raises
        ------
        FatalError
            When the service cannot be used, or does not know a batch that is waited for.
        BudgetExceededError
            When nothing is on its way and the next request cannot be paid.
        """
        standing = Standing()
        with self._store.locked():
            failures = self._store.failures()
            strange = self._collect(standing, failures)
            with Memo(artefacts=[Path(place) for place in self._params.llm.replay]) as memo:
                self._send(Questions(requests, memo), standing, failures, strange)
            if standing.done:
                # The stage goes on to reject these; its next run may try them again.
                failures = {key: failure for key, failure in failures.items() if key not in standing.rejected}
            self._store.write_failures(failures)
        return standing

    def _here(self) -> list[Shipment]:
        return [shipment for shipment in self._store.shipments() if shipment.base_url == self._base_url]

    def _collect(self, standing: Standing, failures: dict[str, Failure]) -> set[str]:
        """Take in the answers of ended batches; return the ids of batches that the service does not know."""
        strange: set[str] = set()
        ended: list[Shipment] = []
        for shipment in self._here():
            known = shipment if shipment.batch is not None else self._sender.find(shipment)
            if known is None:
                self._ledger.release(shipment.id, 0.0)
            if known is None or known.batch is None:
                continue
            try:
                status = self._client().status(known.batch)
            except TransientError as error:
                _logger.info("batch %s: no word of it now (%s)", known.batch, error)
                continue
            if status is None:
                strange.add(known.id)
            elif status.archived_at is not None:
                self._give_up(known)
            elif status.processing_status == "ended":
                ended.append(known)
        for shipment in ended:
            # A memo for each: closed, it is on the disk, and from there on the batch can be forgotten.
            with Memo() as memo:
                found = self._collected(shipment, memo)
            if found.whole:
                self._settle(shipment, found, failures)
                self._store.finish(shipment)
                if shipment.stage == self._stage:
                    standing.collected.append(found)
            if found.fatal is not None:
                raise found.fatal
        return strange

    def _give_up(self, shipment: Shipment) -> None:
        """Forget a batch whose results the service has thrown away; its requests are sent again."""
        _logger.warning(
            "batch %s, sent %s with %d requests: its results were not collected in the 29 days that the service keeps "
            "them; the requests are sent again",
            shipment.batch,
            f"{shipment.sent_at:%Y-%m-%d}",
            shipment.requests,
        )
        # What it cost will not be known any more.
        self._ledger.release(shipment.id, shipment.reserved)
        self._store.finish(shipment)

    def _collected(self, shipment: Shipment, memo: Memo) -> Collected:
        return collect(
            shipment,
            self._client(),
            self._store.requests(shipment),
            memo,
            price=self._price,
            max_retries=self._params.llm.max_retries,
        )

    def _settle(self, shipment: Shipment, found: Collected, failures: dict[str, Failure]) -> None:
        if found.failures:
            failures |= found.failures
            self._store.write_failures(failures)
        self._canceled |= {key for key, failure in found.failures.items() if failure.fate == "canceled"}
        if shipment.ledger == str(FOLDER.absolute()):
            self._ledger.release(shipment.id, found.dollars)
        elif Path(shipment.ledger).is_dir():  # the money of another study that shares this memo
            with Ledger(None, shipment.stage, folder=Path(shipment.ledger)) as ledger:
                ledger.release(shipment.id, found.dollars)

    def _send(self, questions: Questions, standing: Standing, failures: dict[str, Failure], strange: set[str]) -> None:
        flying = InFlight()
        for shipment in self._here():
            flying.add(shipment, self._store.short_keys(shipment))
        parcel = Parcel(self._limits, self._store.folder)
        try:
            for question in questions:
                tries = self._due(question.key, parcel, flying, standing, failures, strange)
                if tries is None:
                    continue
                cost = self._reserve(question.request, standing)
                if cost is None:
                    continue
                sent = Sent(question.request.model, tries)
                params = params_of(question.request, question.family, self._params.llm.structured_output)
                if parcel.add(question.key, sent, params, cost):
                    continue
                self._ship(parcel, flying, standing, failures)
                parcel = Parcel(self._limits, self._store.folder)
                if standing.obstacle:
                    self._ledger.settle(cost, 0.0)
                    standing.unsent += 1
                elif not parcel.add(question.key, sent, params, cost):
                    self._ledger.settle(cost, 0.0)
                    standing.rejected[question.key] = Rejected(
                        f"the request alone is larger than a batch may be ({len(params):,} bytes)", "too_long"
                    )
            self._ship(parcel, flying, standing, failures)
            if standing.obstacle == _NO_MONEY and not standing.pending:
                raise self._ledger.exceeded(self._unpaid)
        finally:
            parcel.close()
            standing.total = questions.total

    def _due(
        self,
        key: str,
        parcel: Parcel,
        flying: InFlight,
        standing: Standing,
        failures: dict[str, Failure],
        strange: set[str],
    ) -> int | None:
        """Return how many batches failed to answer a request that is to be sent now; None when it is not."""
        shipment = flying.find(key)
        if shipment is not None:
            if shipment.id in strange:
                raise FatalError(
                    f"batch {shipment.batch}, sent {shipment.sent_at:%Y-%m-%d %H:%M} UTC with {shipment.requests:,} "
                    "requests, is not known to this key: use the key or workspace it was sent with, or delete "
                    f"{self._store.folder / shipment.id}.json to send, and pay, its requests again"
                )
            standing.wait_for(shipment)
            return None
        if key in parcel.requests:
            return None  # the same question twice is asked once
        failure = failures.get(key)
        if failure is None:
            return 0
        if failure.fate == "canceled" and key in self._canceled:
            standing.canceled += 1
            return None
        if failure.fate == "rejected":
            standing.rejected[key] = _rejected(failure)
            return None
        if failure.tries > self._params.llm.max_retries:
            reason = f"{failure.tries} batches did not answer this request, the last because: {failure.reason}"
            standing.rejected[key] = Rejected(reason, "error")
            return None
        return failure.tries

    def _reserve(self, request: Request, standing: Standing) -> float | None:
        """Set aside what a request may cost, or count it as one that has to wait."""
        if standing.obstacle:
            standing.unsent += 1
            return None
        if self._params.llm.budget_usd is None:
            return 0.0
        cost = needed_price(self._params, request.model).at_most(request, batch=True)
        if self._ledger.reserve(cost):
            return cost
        standing.obstacle = _NO_MONEY
        self._unpaid = cost
        standing.unsent += 1
        return None

    def _ship(self, parcel: Parcel, flying: InFlight, standing: Standing, failures: dict[str, Failure]) -> None:
        """Send a parcel, unless it is empty, and let go of it."""
        try:
            if not parcel.requests:
                return
            try:
                shipment = self._sender.send(parcel, self._stage, self._base_url, FOLDER)
            except TransientError as error:
                self._ledger.settle(parcel.reserved, 0.0)
                standing.obstacle = f"the service takes no batch now: {error}"
                standing.unsent += len(parcel.requests)
                return
            except Exception:
                self._ledger.settle(parcel.reserved, 0.0)
                raise
            self._ledger.hold(shipment.id, parcel.reserved)
            for key in parcel.requests:
                failures.pop(key, None)
            flying.add(shipment, np.sort(np.fromiter(map(short_key, parcel.requests), np.uint64)))
            standing.wait_for(shipment, len(parcel.requests))
            size = parcel.size / 1e6
            _logger.info(
                "%s: sent batch %s: %d requests, %.1f MB", self._stage, shipment.batch, shipment.requests, size
            )
        finally:
            parcel.close()

    def _price(self, model: str) -> ModelPrice | None:
        if model not in self._prices:
            self._prices[model] = price_of(self._params, model)
        return self._prices[model]


def _rejected(failure: Failure) -> Rejected:
    return Rejected(failure.reason, "too_long" if failure.kind == "too_long" else "error")
