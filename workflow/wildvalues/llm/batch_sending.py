"""Handing a batch in so that whatever happens in between, it is not handed in twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from wildvalues.llm.batch_packing import Parcel
from wildvalues.llm.batch_store import BatchStore, Shipment, key_of
from wildvalues.llm.errors import TransientError
from wildvalues.llm.providers.batches import BatchClient, UnclearError
from wildvalues.llm.throttle import pause

_logger = logging.getLogger("wildvalues")


class Sender:
    """Sends batches, and finds those whose sending was cut off.

    The API takes no idempotency key and shows no ``custom_id`` in its list of batches. So the intent is written down
    first; when it is not known what became of it, the list is searched for a batch of the same size that was created
    since, and the ``custom_id`` of its first result, which begins with our id, proves that it is ours. Until then its
    requests count as on their way: waiting is cheaper than paying twice.

    Parameters
    ----------
    lost_s
        How long after its intent a batch may still turn up in the service's list.
    """

    def __init__(
        self, client: Callable[[], BatchClient], store: BatchStore, *, max_retries: int, lost_s: float
    ) -> None:
        self._client = client
        self._store = store
        self._max_retries = max_retries
        self._lost_s = lost_s

    def send(self, parcel: Parcel, stage: str, base_url: str | None, ledger: Path) -> Shipment:
        """Hand a batch in.

        Returns
        -------
        Shipment
            Without its `batch` when it is not clear yet whether the service has it.

        Raises
        ------
        TransientError
            When the service takes no batch now.
        FatalError
            When it never will.
        """
        shipment = Shipment(
            id=parcel.id,
            stage=stage,
            sent_at=datetime.now(UTC),
            requests=len(parcel.requests),
            base_url=base_url,
            reserved=parcel.reserved,
            ledger=str(ledger.absolute()),
        )
        self._store.begin(shipment, parcel.requests.items())
        tries = 0
        while True:
            try:
                return self._store.confirm(shipment, self._client().create(parcel.body(), parcel.size))
            except UnclearError as error:
                _logger.info("a batch was sent and the reply did not arrive (%s); looking for it", error)
                tries += 1
                found = self.find(shipment)
                if found is not None:
                    return found
                # It is certain that the service has not got it.
                self._store.begin(shipment, parcel.requests.items())
                if tries > self._max_retries:
                    self._store.finish(shipment)
                    raise TransientError(f"{error}, {tries} times") from None
            except TransientError as error:
                tries += 1
                if tries > self._max_retries:
                    self._store.finish(shipment)
                    raise
                time.sleep(pause(tries, error.retry_after))
            except Exception:
                self._store.finish(shipment)
                raise

    def find(self, shipment: Shipment) -> Shipment | None:
        """Find out what became of an intent.

        Returns
        -------
        Shipment or None
            With its `batch` when that is proven to be ours, without when one that is still being processed may be;
            None, and the intent is forgotten, when the service has no such batch.
        """
        while True:
            known = {one.batch for one in self._store.shipments()}
            try:
                candidates = [
                    batch
                    for batch in self._client().similar(shipment.sent_at, shipment.requests)
                    if batch.id not in known and batch.archived_at is None
                ]
            except TransientError as error:
                _logger.info("the list of batches cannot be had now (%s)", error)
                return shipment
            unclear = False
            for batch in candidates:
                ours = self._is_ours(shipment, batch.id) if batch.processing_status == "ended" else None
                if ours:
                    return self._store.confirm(shipment, batch.id)
                unclear = unclear or ours is None
            if unclear:
                return shipment
            left = self._lost_s - (datetime.now(UTC) - shipment.sent_at).total_seconds()
            if left <= 0:
                self._store.finish(shipment)
                return None
            # The list may lag behind.
            time.sleep(min(left, self._lost_s) + 0.01)

    def _is_ours(self, shipment: Shipment, batch: str) -> bool | None:
        """Say whether the results of a batch bear our mark; None when they cannot be had now."""
        try:
            for name, _ in self._client().results(batch):
                return key_of(shipment.id, name) is not None
        except TransientError as error:
            _logger.info("the results of batch %s cannot be had now (%s)", batch, error)
            return None
        return False
