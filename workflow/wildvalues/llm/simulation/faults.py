"""Which request something goes wrong with: by a script in order, else by rates that a seed decides."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container

from wildvalues.llm.simulation.settings import Faults


class FaultPlan:
    """Chooses faults for one server; `Faults` replaced at run time starts a new plan."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._left = [step.times for step in faults.script]
        self._seen: Counter[bytes] = Counter()
        self.happened: Counter[str] = Counter()

    def next(self, body: bytes, kinds: Container[str]) -> str | None:
        """Return the fault for a request, or None.

        Parameters
        ----------
        body
            The request; the same body again is another try, with a fate of its own.
        kinds
            Faults that can happen here; steps with others wait for a request that they can happen to.
        """
        fault = self._scripted(body, kinds)
        if fault is not None:
            self.happened[fault] += 1
        return fault

    def _scripted(self, body: bytes, kinds: Container[str]) -> str | None:
        for number, step in enumerate(self._faults.script):
            if self._left[number] and (step.fault is None or step.fault in kinds):
                if step.match is not None and step.match.encode() not in body:
                    continue
                self._left[number] -= 1
                return step.fault
        return self._drawn(body, kinds)

    def _drawn(self, body: bytes, kinds: Container[str]) -> str | None:
        if not self._faults.rates:
            return None
        digest = digest_of(body)
        tries = self._seen[digest]
        self._seen[digest] += 1
        drawn = share(digest, f"fault {self._faults.seed} {tries}")
        for fault, rate in self._faults.rates.items():
            if drawn < rate:
                return fault if fault in kinds else None
            drawn -= rate
        return None


def digest_of(body: bytes) -> bytes:
    """Return a short digest of a request."""
    return hashlib.blake2b(body, digest_size=16).digest()


def share(digest: bytes, purpose: str) -> float:
    """Return a number in [0, 1) that depends on `digest` and `purpose` alone, as good as random."""
    mixed = hashlib.blake2b(purpose.encode(), key=digest, digest_size=8).digest()
    return int.from_bytes(mixed, "big") / 2**64
