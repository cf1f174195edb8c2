"""How fast a server may be asked: calls in flight, pauses it demands, and the rate limits its headers tell.

One throttle serves all calls to one server, so that a 429 meant for one call holds back every other too.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

_PREFIX = b"anthropic-ratelimit-"
_KINDS = ("requests", "tokens", "input-tokens", "output-tokens")
_MINUTE_S = 60.0
# Calls in flight at the start: the number doubles with each round of answers, so this costs little and spares a
# small server (and the acceleration limit of a large one) a sudden crowd.
_FIRST_CALLS = 32
# What a call takes out of a limit is the mean of the calls before it; recent ones weigh this much.
_NEWEST_WEIGHT = 0.1
_LONGEST_PAUSE_S = 60.0


@dataclass
class _Meter:
    """One rate limit as the server last told it; it refills steadily over a minute (a token bucket)."""

    limit: float
    left: float
    told_at: float
    full_at: float

    def left_at(self, now: float) -> float:
        return min(self.limit, self.left + (now - self.told_at) * self.limit / _MINUTE_S)

    def wait(self, need: float, now: float) -> float:
        missing = min(need, self.limit) - self.left_at(now)
        if missing <= 0:
            return 0.0
        # By the time it is full again there is room in any case, however the server counts.
        return min(missing * _MINUTE_S / self.limit, max(0.0, self.full_at - now))


@dataclass
class _Model:
    """The limits of one model, and what a call to it takes out of each on average."""

    meters: dict[str, _Meter] = field(default_factory=dict)
    need: dict[str, float] = field(default_factory=lambda: {"requests": 1.0})


class Throttle:
    """Says when the next call may start. Not thread-safe: all calls run on one event loop.

    The number of calls in flight follows additive increase and multiplicative decrease (Chiu and Jain 1989; with the
    slow start of TCP, RFC 5681): it grows to `most`, and halves when the server says that it is too much.

    Parameters
    ----------
    most
        Calls in flight that are never exceeded.
    clock
        Seconds, never running backwards.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self.most = most
        self._clock = clock
        self._calls = float(min(most, _FIRST_CALLS))
        self._doubling_until = float(most)
        self._closed_until = -math.inf
        self._halved_at = -math.inf
        self._models: dict[str, _Model] = {}

    @property
    def calls(self) -> int:
        """Calls that may be in flight now."""
        return max(1, int(self._calls))

    def delay(self, model: str) -> float:
        """Seconds until another call to `model` may start; 0 when it may start now."""
        now = self._clock()
        wait = self._closed_until - now
        known = self._models.get(model)
        if known is not None:
            for kind, meter in known.meters.items():
                wait = max(wait, meter.wait(known.need.get(kind, 1.0), now))
        return max(0.0, wait)

    def started(self, model: str) -> float:
        """Note that a call starts; return the moment, which `refused` wants back."""
        now = self._clock()
        known = self._models.get(model)
        if known is not None:
            for kind, meter in known.meters.items():
                meter.left = meter.left_at(now) - known.need.get(kind, 1.0)
                meter.told_at = now
        return now

    def answered(self, model: str, read: int, written: int) -> None:
        """Note an answer: there is room for more calls.

        Parameters
        ----------
        read
            Input tokens that count towards the limit: without those read from the prompt cache.
        written
            Output tokens.
        """
        step = 1.0 if self._calls < self._doubling_until else 1.0 / self._calls
        self._calls = min(float(self.most), self._calls + step)
        need = self._models.setdefault(model, _Model()).need
        for kind, tokens in (("input-tokens", read), ("output-tokens", written), ("tokens", read + written)):
            before = need.get(kind, float(tokens))
            need[kind] = before + _NEWEST_WEIGHT * (tokens - before)

    def refused(self, started: float, tries: int, retry_after: float | None) -> None:
        """Note that the server turned a call away because there are too many: all calls wait, and fewer go on.

        Parameters
        ----------
        started
            When the call started. Calls sent together are turned away together; that is one sign, not many.
        tries
            How often this call was turned away.
        retry_after
            Seconds the server asked to wait, or None.
        """
        now = self._clock()
        self._closed_until = max(self._closed_until, now + pause(tries, retry_after))
        if started >= self._halved_at:
            self._calls = max(1.0, self._calls / 2)
            self._doubling_until = self._calls
            self._halved_at = now

    def heed(self, model: str, headers: Iterable[tuple[bytes, bytes]], wall_clock: float) -> None:
        """Take the rate limits from a response.

        Parameters
        ----------
        headers
            All headers of the response, names in lower case.
        wall_clock
            Seconds since 1970 now, on the clock of the server if it told, for the reset times.
        """
        told: dict[bytes, bytes] = {}
        for name, value in headers:
            if name.startswith(_PREFIX):
                told[name[len(_PREFIX) :]] = value
        if not told:
            return
        now = self._clock()
        known = self._models.setdefault(model, _Model())
        for kind in _KINDS:
            try:
                limit = float(told[f"{kind}-limit".encode()])
                left = float(told[f"{kind}-remaining".encode()])
            except (KeyError, ValueError):
                continue
            if limit > 0:
                seconds = _seconds_until(told.get(f"{kind}-reset".encode()), wall_clock)
                known.meters[kind] = _Meter(limit, left, now, now + seconds)


def pause(tries: int, retry_after: float | None) -> float:
    """Seconds before the next try: what the server asked for, or doubling; with jitter, so that calls spread out."""
    if retry_after is not None:
        return retry_after * (1 + 0.25 * random.random())
    return min(_LONGEST_PAUSE_S, 2.0 ** (tries - 1)) * (0.5 + 0.5 * random.random())


def _seconds_until(reset: bytes | None, wall_clock: float) -> float:
    try:
        moment = datetime.fromisoformat((reset or b"").decode("ascii"))
        # Times are rounded to the second.
        return min(_MINUTE_S, max(0.0, moment.timestamp() - wall_clock) + 1.0)
    except ValueError:
        return _MINUTE_S
