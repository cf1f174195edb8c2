"""A provider that knows of some requests that there is no answer to be had: a batch has shown it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from wildvalues.llm.dispatch import ConcurrentProvider
from wildvalues.llm.errors import ItemError
from wildvalues.llm.memo import memo_key
from wildvalues.llm.types import Answer, Rejected, Request


class Foreclosed:
    """Passes requests on to a provider, but those that were rejected before.

    Parameters
    ----------
    rejected
        Reason by memo key.
    """

    def __init__(self, provider: ConcurrentProvider, rejected: Mapping[str, Rejected]) -> None:
        self._provider = provider
        self._rejected = rejected
        self.loop = provider.loop
        self.throttle = provider.throttle

    async def ask(self, request: Request, family: Sequence[Request] = ()) -> Answer:
        """Answer `request`, or reject it again."""
        rejected = self._rejected.get(memo_key(request))
        if rejected is not None:
            raise ItemError(rejected)
        return await self._provider.ask(request, family)

    def prefix(self, request: Request) -> Hashable | None:
        """Return what the provider reads once for several requests; a rejected one is not read at all."""
        return None if memo_key(request) in self._rejected else self._provider.prefix(request)

    def close(self) -> None:
        """Close the provider."""
        self._provider.close()
