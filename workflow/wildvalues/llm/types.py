"""What is asked of a language model and what comes back, whichever provider answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

# As `Request.options`: whichever word comes next. The answer lists the likely ones (`Provider.choose`).
ANY_WORD: tuple[str, ...] = ()


@dataclass(frozen=True)
class Message:
    """One turn of the prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Request:
    """One question to a model. Everything that can change the answer is here, and nothing else.

    Parameters
    ----------
    model
        Exact model id; for weights on disk ``sha256:<hex>``.
    messages
        Prompt, system message first. Requests about one conversation share their first messages, so that
        providers can cache the prefix.
    schema
        JSON schema of the answer as canonical JSON text, or None for free text.
    options
        Closed set of answers to choose from (`Provider.choose`), or None (`Provider.complete`). `ANY_WORD`: the last
        message is the assistant's, and the word that would continue it is asked for.
    max_tokens
        Upper bound on the answer's length, in tokens.
    temperature
        Sampling temperature; 0 is greedy.
    sample
        Index of a repeated draw of the same question.
    """

    model: str
    messages: tuple[Message, ...]
    schema: str | None = None
    options: tuple[str, ...] | None = None
    max_tokens: int = 512
    temperature: float = 0.0
    sample: int = 0


@dataclass(frozen=True)
class Answer:
    """A model's raw answer; parsing is done again from it at no cost.

    Parameters
    ----------
    text
        The text as generated; for a choice, the chosen option.
    stop_reason
        ``end_turn``, ``max_tokens``, ``refusal`` or another word of the provider.
    input_tokens, output_tokens
        Tokens read (cached ones included) and written.
    log_probabilities
        For a choice: natural-log probability of each option, normalised over the options; for `ANY_WORD`, of each
        likely next word. Providers without
        token probabilities put 0 on the chosen option and leave the others out.
    cache_read_tokens, cache_write_tokens
        Of the input tokens, those the provider read from its prompt cache and wrote to it; they have own prices.
    batch
        Whether it came through Message Batches, at the batch price.
    """

    text: str
    stop_reason: str
    input_tokens: int
    output_tokens: int
    log_probabilities: Mapping[str, float] | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    batch: bool = False


@dataclass(frozen=True)
class Rejected:
    """An item for which no usable answer could be had; it goes to the rejects table."""

    reason: str
    kind: Literal["too_long", "refused", "unparsable", "truncated", "not_recorded", "not_labelled", "error"]


class Provider(Protocol):
    """Answers requests. `concurrency` says how many calls may be in flight at once."""

    concurrency: int

    def complete(self, request: Request) -> Answer:
        """Answer in text, held to `request.schema` where the provider can.

        Raises
        ------
        wildvalues.llm.errors.FatalError, wildvalues.llm.errors.TransientError, wildvalues.llm.errors.ItemError
        """
        ...

    def choose(self, request: Request) -> Answer:
        """Choose one of `request.options`; of `ANY_WORD`, say which next words are likely."""
        ...

    def close(self) -> None:
        """Free the model or the connections."""
        ...
