"""Where a stage's requests are, after a look at the batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from wildvalues.llm.batch_collecting import Collected
from wildvalues.llm.batch_store import Shipment
from wildvalues.llm.types import Rejected


@dataclass
class Standing:
    """Where a stage's requests are after a look.

    Attributes
    ----------
    total
        All requests.
    pending
        On their way in `batches`, the first of which was sent at `since`.
    unsent
        Not on their way yet, because of `obstacle`.
    canceled
        In a batch that someone cancelled, as this run found out.
    rejected
        Requests that no batch can answer, by memo key.
    collected
        What came out of each of the stage's batches that had ended.
    """

    total: int = 0
    pending: int = 0
    unsent: int = 0
    obstacle: str = ""
    canceled: int = 0
    since: datetime | None = None
    batches: set[str] = field(default_factory=set)
    rejected: dict[str, Rejected] = field(default_factory=dict)
    collected: list[Collected] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether every request has its answer, or the reason why it has none."""
        return not (self.pending or self.unsent or self.canceled)

    def wait_for(self, shipment: Shipment, requests: int = 1) -> None:
        """Count requests that are in `shipment`."""
        self.pending += requests
        self.batches.add(shipment.batch or shipment.id)
        self.since = shipment.sent_at if self.since is None else min(self.since, shipment.sent_at)
