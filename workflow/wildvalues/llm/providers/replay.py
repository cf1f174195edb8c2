"""Only the memo answers: a reader reproduces a study with no key, no weights and no cost."""

from __future__ import annotations

from wildvalues.llm.errors import ItemError
from wildvalues.llm.types import Answer, Rejected, Request


class ReplayProvider:
    """Is asked only what the memo does not know, and knows no more."""

    concurrency = 1

    def complete(self, request: Request) -> Answer:
        """Reject the item."""
        raise ItemError(
            Rejected(
                f"no answer of {request.model[:26]} is recorded for this; set `llm.provider` to one that can be asked",
                "not_recorded",
            )
        )

    def choose(self, request: Request) -> Answer:
        """Reject the item."""
        return self.complete(request)

    def close(self) -> None:
        """Do nothing: nothing is open."""
