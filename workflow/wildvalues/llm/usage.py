"""What a run of requests did and cost: counters to read at the end."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from wildvalues.llm.types import Answer, Rejected


@dataclass
class Usage:
    """Counters of one or more runs; pass one in, read it after.

    Attributes
    ----------
    calls, input_tokens, output_tokens
        All answers, whether the model was asked now or before: equal inputs give equal numbers, so these belong
        in metrics.
    replayed, live, retries, live_input_tokens, live_output_tokens, dollars
        How it went this time; for the log, never for an output. `dollars` is nan when a price is unknown.
    rejected
        Items without a usable answer, by kind.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    replayed: int = 0
    live: int = 0
    retries: int = 0
    live_input_tokens: int = 0
    live_output_tokens: int = 0
    cache_read_tokens: int = 0
    dollars: float = 0.0
    rejected: Counter[str] = field(default_factory=Counter)

    def count_answer(self, answer: Answer, *, live: bool, dollars: float | None) -> None:
        """Count one answer, from the memo or new."""
        self.calls += 1
        self.input_tokens += answer.input_tokens
        self.output_tokens += answer.output_tokens
        if not live:
            self.replayed += 1
            return
        self.live += 1
        self.live_input_tokens += answer.input_tokens
        self.live_output_tokens += answer.output_tokens
        self.cache_read_tokens += answer.cache_read_tokens
        self.dollars += math.nan if dollars is None else dollars

    def count_rejected(self, rejected: Rejected) -> None:
        """Count one item without a usable answer."""
        self.rejected[rejected.kind] += 1

    def summary(self) -> str:
        """One line for the log."""
        parts = [f"{self.calls:,} answers", f"{self.replayed:,} from the memo", f"{self.live:,} from the model"]
        if self.live:
            parts.append(f"{self.live_input_tokens:,} tokens read, {self.live_output_tokens:,} written")
        if self.dollars > 0:
            parts.append(f"${self.dollars:,.2f}")
        elif math.isnan(self.dollars):
            parts.append("price unknown")
        if self.retries:
            parts.append(f"{self.retries:,} retries")
        parts += [f"{count:,} {kind}" for kind, count in sorted(self.rejected.items())]
        return ", ".join(parts)
