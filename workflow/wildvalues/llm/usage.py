"""What a run of requests did and cost: counters to read at the end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args, get_type_hints

from wildvalues.llm.types import Answer, Rejected

# Every kind of rejection, so that a metric that is 0 is there to be compared.
REJECTED_KINDS: tuple[str, ...] = get_args(get_type_hints(Rejected)["kind"])


@dataclass
class Usage:
    """Counters of one or more runs; pass one in, read it after.

    Two stories are kept apart. What the answers took when they were first given is written with them in the memo, so
    it is the same whoever runs the study, and belongs in metrics. How it went this time is for the log and the
    closing summary, never for an output.

    Attributes
    ----------
    calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, batch_calls, cost
        Of all answers, whether the model was asked now or before. `cost` is dollars, nan when a price is unknown.
    replayed, live, live_batch, retries, live_input_tokens, live_output_tokens, live_cache_read_tokens, dollars
        Of this time. `live_batch` are those of `live` that came through Message Batches.
    rejected
        Items without a usable answer, by kind.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    batch_calls: int = 0
    cost: float = 0.0
    replayed: int = 0
    live: int = 0
    live_batch: int = 0
    retries: int = 0
    live_input_tokens: int = 0
    live_output_tokens: int = 0
    live_cache_read_tokens: int = 0
    dollars: float = 0.0
    rejected: Counter[str] = field(default_factory=Counter)

    def count_answer(self, answer: Answer, *, live: bool, dollars: float | None) -> None:
        """Count one answer.

        Parameters
        ----------
        live
            Whether the model was asked now, rather than the memo.
        dollars
            What the answer cost when it was given; None when the price is unknown.
        """
        cost = math.nan if dollars is None else dollars
        self.calls += 1
        self.input_tokens += answer.input_tokens
        self.output_tokens += answer.output_tokens
        self.cache_read_tokens += answer.cache_read_tokens
        self.cache_write_tokens += answer.cache_write_tokens
        self.batch_calls += answer.batch
        self.cost += cost
        if not live:
            self.replayed += 1
            return
        self.live += 1
        self.live_batch += answer.batch
        self.live_input_tokens += answer.input_tokens
        self.live_output_tokens += answer.output_tokens
        self.live_cache_read_tokens += answer.cache_read_tokens
        self.dollars += cost

    def count_rejected(self, rejected: Rejected) -> None:
        """Count one item without a usable answer."""
        self.rejected[rejected.kind] += 1

    def metrics(self) -> dict[str, Any]:
        """Return what belongs in a stage's metrics: equal for equal answers, live or replayed.

        Rejections are counted by the stages, which also reject what they cannot parse (`rejections`). ``dollars`` is
        rounded to a hundredth of a cent, so that the order of adding does not show, and null where a price is unknown.
        """
        return {
            "calls": self.calls,
            "batch_calls": self.batch_calls,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "dollars": None if math.isnan(self.cost) else round(self.cost, 4),
        }

    def this_time(self) -> dict[str, Any]:
        """Return how it went this time, for the closing summary."""
        found = {name: value for name, value in asdict(self).items() if name in _THIS_TIME}
        return {**found, "dollars": None if math.isnan(self.dollars) else round(self.dollars, 4)}

    def summary(self) -> str:
        """One line for the log."""
        parts = [f"{self.calls:,} answers", f"{self.replayed:,} from the memo", f"{self.live:,} from the model"]
        if self.live:
            if self.live_batch:
                parts.append(f"{self.live_batch:,} of them in batches")
            cached = f" ({self.live_cache_read_tokens:,} from its cache)" if self.live_cache_read_tokens else ""
            parts.append(f"{self.live_input_tokens:,} tokens read{cached}, {self.live_output_tokens:,} written")
        if self.dollars > 0:
            parts.append(f"${self.dollars:,.2f}")
        elif math.isnan(self.dollars):
            parts.append("price unknown")
        if self.retries:
            parts.append(f"{self.retries:,} retries")
        parts += [f"{count:,} {kind}" for kind, count in sorted(self.rejected.items())]
        return ", ".join(parts)


_THIS_TIME = frozenset(
    (
        "calls",
        "replayed",
        "live",
        "live_batch",
        "retries",
        "live_input_tokens",
        "live_output_tokens",
        "live_cache_read_tokens",
    )
)


def rejections(kinds: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return ``{"rejected_by": {kind: count}}`` with every kind, for a stage's metrics."""
    return {"rejected_by": {kind: int(kinds.get(kind, 0)) for kind in REJECTED_KINDS}}
