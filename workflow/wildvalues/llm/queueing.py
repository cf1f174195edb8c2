"""The order in which calls are sent: that of submission, save that one conversation is read by one call first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from wildvalues.llm.types import Request


@dataclass
class Family:
    """Calls that share a prefix. The first to be asked leaves it in the server's cache for the others."""

    members: list[Request] = field(default_factory=list)
    parked: deque[Call] = field(default_factory=deque)
    unfinished: int = 0
    leader: Call | None = None
    warm: bool = False


@dataclass(eq=False)
class Call:
    """A request on its way, under its memo key; `reserved` is dollars set aside for it."""

    request: Request
    key: str
    tries: int = 0
    started: float = 0.0
    reserved: float = 0.0
    family: Family | None = None

    def others(self) -> list[Request]:
        """Return the other requests of the family."""
        return [] if self.family is None else [one for one in self.family.members if one is not self.request]


class Queue:
    """Calls that are not sent yet.

    Parameters
    ----------
    prefix
        What a request shares with others that is worth reading once, or None.
    """

    def __init__(self, prefix: Callable[[Request], Hashable | None]) -> None:
        self._prefix = prefix
        self._ready: deque[Call] = deque()
        self._parked: dict[Call, None] = {}
        self._families: dict[Hashable, Family] = {}

    def __len__(self) -> int:
        return len(self._ready) + len(self._parked)

    def add(self, call: Call, *, at_once: bool = False) -> None:
        """Add a new call, at the end or `at_once` before all others."""
        prefix = self._prefix(call.request)
        if prefix is not None:
            call.family = self._families.setdefault((call.request.model, prefix), Family())
            call.family.members.append(call.request)
            call.family.unfinished += 1
        if at_once:
            self.put_back(call)
        else:
            self._ready.append(call)

    def put_back(self, call: Call) -> None:
        """Put a call that was taken before all others."""
        self._ready.appendleft(call)

    def take(self, keep: int = 0) -> Call | None:
        """Take the next call to send.

        Parameters
        ----------
        keep
            Calls at the end that are left, because others of their family may follow.
        """
        while len(self._ready) > keep:
            call = self._ready.popleft()
            family = call.family
            if family is None or family.warm or family.leader is None:
                return call
            # Its conversation is being read for another call; in a moment it will be in the server's cache.
            family.parked.append(call)
            self._parked[call] = None
        if keep or not self._parked:
            return None
        # Nothing else to do: to wait would cost more time than reading the conversation again.
        call = next(iter(self._parked))
        del self._parked[call]
        assert call.family is not None
        call.family.parked.remove(call)
        return call

    def sent(self, call: Call) -> None:
        """Note that `call` is on its way: it reads for its family, if nobody does yet."""
        if call.family is not None and call.family.leader is None:
            call.family.leader = call

    def came_back(self, call: Call, *, warm: bool, finished: bool) -> None:
        """Let the others of the family go: what they share is in the cache now, or nobody is reading it any more.

        Parameters
        ----------
        warm
            Whether it was answered, so that the server has read the prefix.
        finished
            Whether it will not be sent again.
        """
        family = call.family
        if family is None:
            return
        family.warm = family.warm or warm
        if family.leader is call:
            family.leader = None
            for other in family.parked:
                del self._parked[other]
            self._ready.extendleft(reversed(family.parked))
            family.parked.clear()
        if finished:
            family.unfinished -= 1
            if family.unfinished == 0:
                self._families.pop((call.request.model, self._prefix(call.request)), None)

    def clear(self) -> None:
        """Forget all calls."""
        self._ready.clear()
        self._parked.clear()
