"""What can go wrong with one call to a model, in the three classes the runner treats differently."""

from __future__ import annotations

from wildvalues.errors import WildvaluesError
from wildvalues.llm.types import Rejected


class FatalError(WildvaluesError):
    """No later call can succeed either (wrong key, unknown model): the run stops at once."""


class TransientError(Exception):
    """The same call may succeed later: the runner waits and tries again.

    Parameters
    ----------
    retry_after
        Seconds the server asked to wait, or None when it did not say.
    crowded
        Whether the server says that it is asked too much (429, 529): all calls must wait, not only this one.
    """

    def __init__(self, message: str, retry_after: float | None = None, *, crowded: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.crowded = crowded


class ItemError(Exception):
    """One item gets no usable answer; the others may. It goes to the rejects table with its reason."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(rejected.reason)
        self.rejected = rejected
