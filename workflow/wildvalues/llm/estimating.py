"""What a study's questions will cost, from a measured sample of its own conversations, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from wildvalues.llm.facets import Interview, Prompts
from wildvalues.llm.memo import Memo
from wildvalues.llm.planning import StagePlan
from wildvalues.llm.prices import ModelPrice
from wildvalues.llm.probing import probe_request
from wildvalues.llm.transcript import Turn
from wildvalues.llm.types import Message, Request

# The local count, where neither the service nor recorded answers tell: characters of a token in the tokenizers of
# current models, for ASCII, for other alphabets, and for scripts without spaces (CJK, kana, Hangul and beyond).
CHARS_PER_TOKEN = (3.6, 2.0, 0.9)
# Of the longest allowed answer, where no recorded answer tells.
SHARE_OF_LONGEST_ANSWER = 0.4
# Recorded answers, or conversations counted by the service, that are enough to measure a ratio.
ENOUGH = 5
_RESAMPLES = 2_000
_INTERVAL = (2.5, 97.5)

Draws = npt.NDArray[np.float64]


def local_tokens(text: str) -> float:
    """Estimate the tokens of a text from its letters."""
    ascii_count = sum(character < "\x80" for character in text)
    dense = sum(character >= "\u2e80" for character in text)
    plain, other, ideographs = CHARS_PER_TOKEN
    return ascii_count / plain + (len(text) - ascii_count - dense) / other + dense / ideographs


@dataclass(frozen=True)
class Measured:
    """One request about a sampled conversation, in tokens of the local count.

    Parameters
    ----------
    opening
        Instructions and worked examples: the same for every conversation.
    conversation
        The same for every question about it.
    question
        Question and schema.
    first
        Whether it is the first of its model about the conversation.
    read, written
        Tokens of the recorded answer, where there is one.
    """

    opening: float
    conversation: float
    question: float
    longest_answer: int
    is_choice: bool
    first: bool = True
    read: int | None = None
    written: int | None = None

    @property
    def local(self) -> float:
        """All tokens of the request, by the local count."""
        return self.opening + self.conversation + self.question

    @property
    def is_answered(self) -> bool:
        """Whether the memo has the answer."""
        return self.read is not None


@dataclass
class Sample:
    """The requests of a stage to one model about sampled conversations, conversation by conversation."""

    stage: str
    model: str
    conversations: list[list[Measured]] = field(default_factory=list)
    counted: list[tuple[float, int]] = field(default_factory=list)

    @property
    def requests(self) -> list[Measured]:
        """All requests."""
        return [one for conversation in self.conversations for one in conversation]

    @property
    def answered_share(self) -> float:
        """Share of the requests that the memo answers."""
        return sum(one.is_answered for one in self.requests) / max(1, len(self.requests))

    @property
    def scale(self) -> tuple[float, str]:
        """Tokens for each token of the local count, and how that is known."""
        if self.counted:
            ratio = sum(tokens for _, tokens in self.counted) / sum(local for local, _ in self.counted)
            return ratio, f"counted by the service for {len(self.counted)} requests"
        known = [one for one in self.requests if one.read]
        if len(known) >= ENOUGH:
            ratio = sum(one.read or 0 for one in known) / sum(one.local for one in known)
            return ratio, f"measured on {len(known)} recorded answers"
        plain, other, dense = CHARS_PER_TOKEN
        return (
            1.0,
            f"local count: a token for {plain} ASCII characters, {other:g} letters of other alphabets, {dense} CJK",
        )

    @property
    def written_share(self) -> tuple[float, bool]:
        """Written tokens as a share of the longest answer, and whether that is measured."""
        known = [one for one in self.requests if one.written is not None and not one.is_choice]
        if len(known) >= ENOUGH:
            return sum(one.written or 0 for one in known) / sum(one.longest_answer for one in known), True
        return SHARE_OF_LONGEST_ANSWER, False

    def read(self, one: Measured) -> float:
        """Return the tokens of a request."""
        return float(one.read) if one.read is not None else one.local * self.scale[0]

    def written(self, one: Measured) -> float:
        """Return the tokens expected to be written in answer to a request."""
        if one.written is not None:
            return one.written
        return 1.0 if one.is_choice else self.written_share[0] * one.longest_answer


@dataclass(frozen=True)
class Total:
    """A figure for the whole study with bootstrap draws of it over the sampled conversations."""

    value: float
    draws: Draws = field(default_factory=lambda: np.zeros(_RESAMPLES))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % percentile interval."""
        low, high = np.percentile(self.value + self.draws, _INTERVAL)
        return max(0.0, float(low)), float(high)

    def __add__(self, other: Total) -> Total:
        return Total(self.value + other.value, self.draws + other.draws)

    def __mul__(self, factor: float) -> Total:
        return Total(self.value * factor, self.draws * factor)

    def text(self, form: str = ",.0f", unit: str = "") -> str:
        """Return ``value (low to high)``."""
        low, high = self.interval
        return f"{unit}{self.value:{form}} ({unit}{low:{form}} to {unit}{high:{form}})"


def measure(
    plan: StagePlan,
    conversations: Sequence[Sequence[Turn]],
    interview: Interview,
    prompts: Prompts,
    model_ids: Sequence[str],
    *,
    temperature: float,
    memo: Memo,
    count_tokens: Callable[[Request], int] | None = None,
) -> list[Sample]:
    """Make the requests of a stage about sampled conversations and measure them, one `Sample` a model.

    Parameters
    ----------
    interview
        Of all groups of `plan`.
    prompts
        Declarations of the facets, for the system prompt of probes.
    model_ids
        Model id of each call that a model answers.
    count_tokens
        The provider's counting service; asked for the first conversations only.
    """
    samples = {model: Sample(plan.stage, model) for model in model_ids}
    for turns in conversations:
        found: dict[str, list[Measured]] = {model: [] for model in samples}
        for call, model in zip(plan.asked, model_ids, strict=True):
            if call.probe is None:
                request = interview.request(turns, call.group, model=model, temperature=temperature)
                *opening, shown, question = request.messages
            else:
                request = probe_request(
                    call.probe,
                    turns,
                    system=prompts.reader.probe_system.strip(),
                    model=model,
                    temperature=temperature,
                    max_chars=plan.max_chars,
                )
                *opening, whole, _ = request.messages
                text, _, asked = whole.content.rpartition("\n\n")
                shown, question = Message("user", text), Message("user", f"{asked}{call.probe.probe.opening}")
            answer = memo.get(request)
            one = Measured(
                _local(opening),
                _local([shown]),
                _local([question]) + local_tokens(request.schema or ""),
                request.max_tokens,
                request.options is not None,
                first=not found[model],
                read=None if answer is None else answer.input_tokens,
                written=None if answer is None else answer.output_tokens,
            )
            found[model].append(one)
            if count_tokens is not None and len(samples[model].conversations) < ENOUGH:
                samples[model].counted.append((one.local, count_tokens(request)))
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
    each = np.array(
        [sum(of_request(one) for one in found if not (rest and one.is_answered)) for found in sample.conversations]
    )
    if not len(each):
        return Total(0.0)
    mean = float(each.mean())
    # The same seed for every figure: the stages' totals are of the same conversations, so that their errors add up.
    drawn = np.random.default_rng(0).integers(len(each), size=(_RESAMPLES, len(each)))
    # With every conversation in the sample nothing is left to chance; fewer than sampled are others, not these.
    unseen = 1 - len(each) / conversations if conversations >= len(each) else 1.0
    return Total(mean * conversations, (each[drawn].mean(axis=1) - mean) * conversations * np.sqrt(max(0.0, unseen)))


def dollars(sample: Sample, price: ModelPrice) -> Callable[[Measured], float]:
    """Return the dollars of a request at `price`, when nothing comes from the prompt cache."""
    return lambda one: (sample.read(one) * price.input + sample.written(one) * price.output) / 1e6


def dollars_with_cache(sample: Sample, price: ModelPrice) -> Callable[[Measured], float]:
    """Return the dollars of a request when every prefix that can come from the prompt cache does.

    The opening is read from the cache by all; the conversation is written to it by the first of several questions
    and read by the others. A prefix shorter than the model's minimum is never cached.
    """
    several = any(len(found) > 1 for found in sample.conversations)
    scale = sample.scale[0]

    def of(one: Measured) -> float:
        opening, conversation = 1.0, 1.0
        if scale * one.opening >= price.cached_from:
            opening = price.cache_read
        if several and scale * (one.opening + one.conversation) >= price.cached_from:
            conversation = price.cache_write if one.first else price.cache_read
            # Written and read as one prefix where the opening alone is too short.
            opening = opening if opening < 1 else conversation
        share = (opening * one.opening + conversation * one.conversation + one.question) / max(one.local, 1e-9)
        return (share * sample.read(one) * price.input + sample.written(one) * price.output) / 1e6

    return of


def seconds(sample: Sample, read_per_s: float, written_per_s: float) -> Callable[[Measured], float]:
    """Return the seconds of a request for a model in this process, which reads a shared beginning once."""
    scale = sample.scale[0]

    def of(one: Measured) -> float:
        fresh = one.question + (one.conversation if one.first else 0.0)
        return fresh * scale / read_per_s + sample.written(one) / written_per_s

    return of


def assuming(sample: Sample, conversation_tokens: float) -> Sample:
    """Return the sample as if every conversation had so many tokens, and nothing were recorded."""
    scale = sample.scale[0]
    share = sample.written_share[0]
    found = Sample(sample.stage, sample.model, counted=[(1.0, 1)])
    for conversation in sample.conversations:
        found.conversations.append(
            [
                Measured(
                    one.opening * scale,
                    conversation_tokens,
                    one.question * scale,
                    round(share * one.longest_answer / SHARE_OF_LONGEST_ANSWER),
                    one.is_choice,
                    one.first,
                )
                for one in conversation
            ]
        )
    return found


def _local(messages: Sequence[Message]) -> float:
    return sum(local_tokens(message.content) for message in messages)
