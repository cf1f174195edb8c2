"""Rate limits as the service applies them: token buckets, told in headers, enforced with 429."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from wildvalues.llm.simulation.settings import RateLimits
from wildvalues.llm.simulation.wire import WireError

# From here on the service rounds what is left to whole thousands.
_ROUNDED_FROM = 10_000


@dataclass
class _Bucket:
    """`level` grows by `per_second` up to `size`; it may be overdrawn."""

    limit: float
    size: float
    per_second: float
    level: float
    filled_at: float

    def refill(self, now: float) -> None:
        self.level = min(self.size, self.level + (now - self.filled_at) * self.per_second)
        self.filled_at = now

    def seconds_until(self, wanted: float) -> float:
        return max(0.0, (min(wanted, self.size) - self.level) / self.per_second)


class Limiter:
    """Lets requests through or turns them away.

    Parameters
    ----------
    clock
        Seconds, never running backwards.
    """

    def __init__(self, limits: RateLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets = {
            name: _Bucket(
                limit,
                max(1.0, limit * limits.burst_s / 60),
                limit / 60,
                max(1.0, limit * limits.burst_s / 60),
                clock(),
            )
            for name, limit in (
                ("requests", limits.requests_per_minute),
                ("input-tokens", limits.input_tokens_per_minute),
                ("output-tokens", limits.output_tokens_per_minute),
            )
            if limit is not None
        }

    def admit(self, input_tokens: int) -> None:
        """Take a request and its input out of the buckets.

        Raises
        ------
        WireError
            With status 429, ``retry-after`` and the limit's headers, when a bucket holds too little.
        """
        self._refill()
        needs = {"requests": 1.0, "input-tokens": float(input_tokens), "output-tokens": 1.0}
        waits = {name: bucket.seconds_until(needs[name]) for name, bucket in self._buckets.items()}
        name, seconds = max(waits.items(), key=lambda item: item[1], default=("", 0.0))
        if seconds > 0:
            limit = self._buckets[name].limit
            raise WireError(
                429,
                f"This request would exceed your organization's rate limit of {limit:,.0f} "
                f"{name.replace('-', ' ')} per minute.",
                {"retry-after": self.retry_after(seconds), **self.headers()},
            )
        for name in ("requests", "input-tokens"):
            if name in self._buckets:
                self._buckets[name].level -= needs[name]

    def charge_output(self, tokens: int) -> None:
        """Take what was written out of its bucket."""
        if bucket := self._buckets.get("output-tokens"):
            bucket.level -= tokens

    def retry_after(self, seconds: float) -> str:
        """Return the value of ``retry-after``."""
        return str(math.ceil(seconds)) if self._limits.whole_seconds else f"{seconds:.3f}"

    def headers(self) -> dict[str, str]:
        """Return the headers that tell a client where it stands."""
        self._refill()
        found: dict[str, str] = {}
        now = datetime.now(UTC)
        for name, bucket in self._buckets.items():
            left = max(0, math.floor(bucket.level))
            if name != "requests" and bucket.limit >= _ROUNDED_FROM:
                left = round(left, -3)
            full_at = now + timedelta(seconds=bucket.seconds_until(bucket.size))
            found[f"anthropic-ratelimit-{name}-limit"] = f"{bucket.limit:.0f}"
            found[f"anthropic-ratelimit-{name}-remaining"] = str(left)
            found[f"anthropic-ratelimit-{name}-reset"] = full_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        return found

    def _refill(self) -> None:
        now = self._clock()
        for bucket in self._buckets.values():
            bucket.refill(now)
