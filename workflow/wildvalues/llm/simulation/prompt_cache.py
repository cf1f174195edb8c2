"""Which part of a prompt a prompt cache would have read, and which written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from wildvalues.llm.simulation.wire import Asked

# Blocks before a breakpoint in which the service looks for an entry that an earlier request left.
_LOOK_BACK = 20
_LIVES_S = {"5m": 300.0, "1h": 3_600.0}
_CHARS_PER_TOKEN = 4


@dataclass(frozen=True)
class Counted:
    """Tokens of a prompt: `plain` ones, those read from the cache and those written to it (5 minutes, 1 hour)."""

    plain: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def written(self) -> int:
        """Tokens written to the cache."""
        return self.written_5m + self.written_1h


class PromptCache:
    """Prefixes that were marked with ``cache_control``, for as long as they live.

    Parameters
    ----------
    least
        Tokens of the shortest prefix that is kept.
    clock
        Seconds, never running backwards.
    """

    def __init__(self, least: int, clock: Callable[[], float]) -> None:
        self._least = least
        self._clock = clock
        self._lives: dict[bytes, float] = {}

    def count(self, asked: Asked) -> Counted:
        """Count the tokens of a request and remember its marked prefixes."""
        now = self._clock()
        digest = hashlib.blake2b(asked.params["model"].encode(), digest_size=16)
        digest.update(asked.before.encode())
        total = len(asked.before) // _CHARS_PER_TOKEN
        ends: list[tuple[bytes, int]] = []
        marks: list[tuple[int, str]] = []
        for number, (_, role, block) in enumerate(asked.blocks):
            text = block["text"] if block["type"] == "text" else json.dumps(block)
            digest.update(role.encode() + b"\0" + text.encode("utf-8", "replace") + b"\0")
            total += tokens_of(text)
            ends.append((digest.digest(), total))
            if block.get("cache_control"):
                marks.append((number, block["cache_control"].get("ttl", "5m")))
        kept = [(number, ttl) for number, ttl in marks if ends[number][1] >= self._least]
        if not kept:
            return Counted(total)
        read = self._longest_known([number for number, _ in kept], ends, now)
        written = {"5m": 0, "1h": 0}
        reached = read
        for number, ttl in kept:
            key, end = ends[number]
            written[ttl] += max(0, end - reached)
            reached = max(reached, end)
            self._lives[key] = now + _LIVES_S[ttl]
        if len(self._lives) > 100_000:
            self._lives = {key: until for key, until in self._lives.items() if until > now}
        return Counted(total - reached, read, written["5m"], written["1h"])

    def _longest_known(self, marked: list[int], ends: list[tuple[bytes, int]], now: float) -> int:
        for number in reversed(marked):
            for key, end in reversed(ends[max(0, number - _LOOK_BACK) : number + 1]):
                if self._lives.get(key, 0.0) > now:
                    return end
        return 0


def tokens_of(text: str) -> int:
    """Count tokens, roughly: four characters each."""
    return max(1, len(text) // _CHARS_PER_TOKEN)
