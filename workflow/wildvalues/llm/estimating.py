"""What a study's questions will cost, from a measured sample of its own conversations, before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wildvalues.llm.facets import Interview
from wildvalues.llm.memo import Memo
from wildvalues.llm.prices import ModelPrice
from wildvalues.llm.transcript import Turn
from wildvalues.llm.types import Request

# English prose in the tokenizers of current models; replaced by what the memo or the counting service says.
CHARS_PER_TOKEN = 3.6
# Of the longest allowed answer, where no recorded answer tells.
SHARE_OF_LONGEST_ANSWER = 0.4
# Recorded answers needed to take the ratio from them.
_ENOUGH = 5
_Z95 = 1.96


@dataclass(frozen=True)
class Measured:
    """One request of a sampled conversation, in characters; `fresh` ones are not shared with the request before."""

    chars: int
    fresh: int
    longest_answer: int
    is_choice: bool
    read: int | None = None
    written: int | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the memo has the answer."""
        return self.read is not None


@dataclass
class Sample:
    """The requests of a stage about sampled conversations, conversation by conversation."""

    stage: str
    model: str
    conversations: list[list[Measured]] = field(default_factory=list)
    counted_chars: int = 0
    counted_tokens: int = 0

    @property
    def requests(self) -> list[Measured]:
        """All requests."""
        return [one for conversation in self.conversations for one in conversation]

    @property
    def answered_share(self) -> float:
        """Share of the requests that the memo answers."""
        return sum(one.is_answered for one in self.requests) / max(1, len(self.requests))

    @property
    def chars_per_token(self) -> tuple[float, bool]:
        """Characters of a token, and whether that is measured."""
        if self.counted_tokens:
            return self.counted_chars / self.counted_tokens, True
        known = [one for one in self.requests if one.read]
        if len(known) >= _ENOUGH:
            return sum(one.chars for one in known) / sum(one.read or 0 for one in known), True
        return CHARS_PER_TOKEN, False

    @property
    def written_share(self) -> tuple[float, bool]:
        """Written tokens as a share of the longest answer, and whether that is measured."""
        known = [one for one in self.requests if one.written is not None and not one.is_choice]
        if len(known) >= _ENOUGH:
            return sum(one.written or 0 for one in known) / sum(one.longest_answer for one in known), True
        return SHARE_OF_LONGEST_ANSWER, False

    def written(self, one: Measured) -> float:
        """Return the tokens expected to be written in answer to a request."""
        if one.written is not None:
            return one.written
        return 1.0 if one.is_choice else self.written_share[0] * one.longest_answer


@dataclass(frozen=True)
class Total:
    """A figure for the whole study with its 95 % interval from the spread between sampled conversations."""

    value: float
    margin: float

    def __add__(self, other: Total) -> Total:
        # The same conversations are behind all stages, so the margins do not cancel.
        return Total(self.value + other.value, self.margin + other.margin)

    def text(self, form: str = ",.0f", unit: str = "") -> str:
        """Return ``value (low to high)``."""
        low, high = max(0.0, self.value - self.margin), self.value + self.margin
        return f"{unit}{self.value:{form}} ({unit}{low:{form}} to {unit}{high:{form}})"


def measure(
    stage: str,
    conversations: Sequence[Sequence[Turn]],
    interview: Interview,
    models: Sequence[str],
    *,
    temperature: float,
    memo: Memo,
    count_tokens: Callable[[Request], int] | None = None,
) -> list[Sample]:
    """Make the requests of a stage about sampled conversations and measure them, one `Sample` a model.

    Parameters
    ----------
    models
        Model id of each group of the interview.
    count_tokens
        The provider's counting service; asked for the first conversations only.
    """
    samples = {model: Sample(stage, model) for model in models}
    before: Request | None = None
    for turns in conversations:
        found: dict[str, list[Measured]] = {model: [] for model in samples}
        for group, model in enumerate(models):
            request = interview.request(turns, group, model=model, temperature=temperature)
            answer = memo.get(request)
            chars = _chars(request)
            found[model].append(
                Measured(
                    chars,
                    chars - _shared_chars(before, request),
                    request.max_tokens,
                    request.options is not None,
                    None if answer is None else answer.input_tokens,
                    None if answer is None else answer.output_tokens,
                )
            )
            before = request
            if count_tokens is not None and len(samples[model].conversations) < _ENOUGH:
                samples[model].counted_chars += chars
                samples[model].counted_tokens += count_tokens(request)
        for model, measured in found.items():
            samples[model].conversations.append(measured)
    return list(samples.values())


def total(sample: Sample, conversations: float, of_request: Callable[[Measured], float], *, rest: bool = True) -> Total:
    """Return a figure for all `conversations` of a study from the sampled ones.

    Parameters
    ----------
    of_request
        The figure of one request.
    rest
        Leave out requests that the memo answers.
    """
    each = [sum(of_request(one) for one in found if not (rest and one.is_answered)) for found in sample.conversations]
    if not each:
        return Total(0.0, 0.0)
    mean = sum(each) / len(each)
    spread = math.sqrt(sum((value - mean) ** 2 for value in each) / max(1, len(each) - 1))
    # With every conversation in the sample nothing is left to chance; fewer than sampled are others, not these.
    unseen = 1 - len(each) / conversations if conversations >= len(each) else 1.0
    return Total(mean * conversations, _Z95 * spread * conversations * math.sqrt(unseen / len(each)))


def scaled(of_request: Callable[[Measured], float], factor: float) -> Callable[[Measured], float]:
    """Return `of_request` times `factor`."""
    return lambda one: of_request(one) * factor


def dollars(sample: Sample, price: ModelPrice) -> Callable[[Measured], float]:
    """Return the dollars of a request at `price`, without the prompt cache."""
    per_token = sample.chars_per_token[0]

    def of(one: Measured) -> float:
        return (one.chars / per_token * price.input + sample.written(one) * price.output) / 1e6

    return of


def dollars_with_cache(sample: Sample, price: ModelPrice) -> Callable[[Measured], float]:
    """Return the dollars of a request when what it shares with the one before comes from the prompt cache."""
    per_token = sample.chars_per_token[0]

    def of(one: Measured) -> float:
        shared = (one.chars - one.fresh) / per_token * price.cache_read
        return (
            (shared + one.fresh / per_token * price.cache_write) * price.input + sample.written(one) * price.output
        ) / 1e6

    return of


def seconds(sample: Sample, read_per_s: float, written_per_s: float) -> Callable[[Measured], float]:
    """Return the seconds of a request for a model in this process, which reads a shared beginning once."""
    per_token = sample.chars_per_token[0]
    return lambda one: one.fresh / per_token / read_per_s + sample.written(one) / written_per_s


def per_hundred_thousand(sample: Sample, price: ModelPrice, conversation_tokens: float | None = None) -> float:
    """Return dollars for 100,000 conversations, nothing cached or recorded.

    Parameters
    ----------
    conversation_tokens
        Length assumed for every conversation in place of the sampled ones (Clio's cost estimate assumes 1,000).
    """
    if conversation_tokens is None:
        return total(sample, 100_000, dollars(sample, price), rest=False).value
    per_token = sample.chars_per_token[0]
    # Instructions, worked examples and question are what the shortest request of each group holds at most.
    groups = list(zip(*sample.conversations, strict=True))
    cost = 0.0
    for group in groups:
        instructions = min(one.chars for one in group) / per_token
        written = sum(sample.written(one) for one in group) / len(group)
        cost += (instructions + conversation_tokens) * price.input + written * price.output
    return cost / 1e6 * 100_000


def _chars(request: Request) -> int:
    return sum(len(message.content) for message in request.messages) + len(request.schema or "")


def _shared_chars(before: Request | None, request: Request) -> int:
    if before is None:
        return 0
    shared = 0
    for old, new in zip(before.messages, request.messages, strict=False):
        if old != new:
            break
        shared += len(new.content)
    return shared
