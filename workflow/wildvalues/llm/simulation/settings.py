"""What the simulated server does beside answering: how long it takes, how much it lets through, what goes wrong."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

Rate = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0)]

# Faults of the transport and of the service: no message comes back.
ServiceFault = Literal[
    "rate_limited",  # 429 with retry-after
    "overloaded",  # 529
    "server_error",  # 500
    "proxy_page",  # 502 with a page of HTML
    "unauthorized",  # 401
    "invalid",  # 400 invalid_request_error
    "too_long",  # 400 prompt is too long
    "dropped",  # the connection closes before a byte of the response
    "half_body",  # the connection closes in the middle of the body
    "slow_body",  # the body trickles in over `slow_body_ms`
    "hang",  # no response until the client gives up
]
# Faults of the answer: a message comes back, and is paid, but cannot be used as it is.
AnswerFault = Literal[
    "truncated",  # stop_reason max_tokens, half the text
    "refusal",  # stop_reason refusal, no text
    "context_window",  # stop_reason model_context_window_exceeded
    "malformed_json",  # text that is no JSON
    "fenced_json",  # the right JSON in a code fence with words around it
    "wrong_schema",  # JSON that does not fit the schema
    "ungrounded",  # quotes that are not in the conversation
    "empty",  # no content block at all
]
# What may become of an item of a batch instead of a message.
ItemFault = Literal[
    "errored",  # errored with invalid_request_error
    "errored_server",  # errored with api_error
    "expired",
    "canceled",
]
Fault = ServiceFault | AnswerFault | ItemFault
SERVICE_FAULTS: tuple[str, ...] = get_args(ServiceFault)
ANSWER_FAULTS: tuple[str, ...] = get_args(AnswerFault)
ITEM_FAULTS: tuple[str, ...] = get_args(ItemFault)


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Latency(_Settings):
    """Time from request to response: ``(base + tokens) * lognormal(0, sigma)``.

    Parameters
    ----------
    base_ms
        Fixed part.
    input_token_ms, output_token_ms
        Added for each token read and written.
    sigma
        Standard deviation of the logarithm; 0 gives the same time always. The median is unchanged.
    """

    base_ms: Milliseconds = 0.0
    input_token_ms: Milliseconds = 0.0
    output_token_ms: Milliseconds = 0.0
    sigma: Annotated[float, Field(ge=0, le=3)] = 0.0


class RateLimits(_Settings):
    """Token buckets that refill steadily, one for requests, one for tokens in, one for tokens out.

    Tokens read from the prompt cache are free of the input limit, as with the service. Output is charged when it is
    known, so a bucket may be overdrawn by the calls in flight.

    Parameters
    ----------
    requests_per_minute, input_tokens_per_minute, output_tokens_per_minute
        Limits; None sets none, and leaves its headers out.
    burst_s
        Seconds of the limit that a full bucket holds; the service holds a minute.
    whole_seconds
        Whether ``retry-after`` is rounded up to whole seconds, as the service does. Tests turn it off to be quick.
    overloaded_above
        Calls in flight from which on a further one gets 529; None never does.
    """

    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    input_tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    output_tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    burst_s: Annotated[float, Field(gt=0)] = 60.0
    whole_seconds: bool = True
    overloaded_above: Annotated[int, Field(ge=1)] | None = None


class Planned(_Settings):
    """One step of a script of faults.

    Parameters
    ----------
    fault
        What happens; None lets the request through.
    times
        How many requests it happens to.
    match
        Only requests whose body holds this text (after JSON escapes) count; None takes any.
    """

    fault: Fault | None = None
    times: Annotated[int, Field(ge=1)] = 1
    match: str | None = None


class Faults(_Settings):
    """What goes wrong: first by `script`, in order; when it is used up, by `rates`.

    Parameters
    ----------
    script
        Steps; a bare name or null is a step for one request.
    rates
        Share of requests for each fault. The choice depends on `seed`, on what the request says and on how often it
        came, not on the order of arrival, so a run repeats itself whatever its concurrency.
    retry_after_s
        Sent with the fault ``rate_limited``.
    slow_body_ms
        Time the body takes with the fault ``slow_body``.
    """

    script: tuple[Planned, ...] = ()
    rates: dict[Fault, Rate] = {}
    seed: int = 0
    retry_after_s: Annotated[float, Field(ge=0)] = 1.0
    slow_body_ms: Milliseconds = 1_000.0

    @field_validator("script", mode="before")
    @classmethod
    def _steps(cls, steps: Any) -> Any:
        return tuple({"fault": step} if step is None or isinstance(step, str) else step for step in steps)

    @field_validator("rates")
    @classmethod
    def _at_most_all(cls, rates: dict[Fault, float]) -> dict[Fault, float]:
        if sum(rates.values()) > 1 + 1e-9:
            raise ValueError(f"the rates add up to {sum(rates.values()):g}, more than every request")
        return rates


class Batching(_Settings):
    """How batches are processed.

    Parameters
    ----------
    duration_ms
        Time from creation to the end of processing; None keeps a batch open until the control endpoint ends it.
    shuffled
        Whether results come in an order of their own; the service promises none.
    duplicated
        Share of results that come twice.
    results_break_after
        Lines after which the stream of results breaks off, the first time each batch's results are read.
    max_requests, max_bytes
        Limits of the service: 100,000 requests and 256 MB.
    expires_after_s
        Lifetime of a batch: what is not processed by then expires. The service gives 24 hours.
    """

    duration_ms: Milliseconds | None = 0.0
    shuffled: bool = True
    duplicated: Rate = 0.0
    results_break_after: Annotated[int, Field(ge=0)] | None = None
    max_requests: Annotated[int, Field(ge=1)] = 100_000
    max_bytes: Annotated[int, Field(ge=1)] = 256_000_000
    expires_after_s: Annotated[float, Field(gt=0)] = 86_400.0


class Settings(_Settings):
    """All settings of the simulated server.

    Parameters
    ----------
    models
        Models it knows; another gets 404. Empty: every name is known.
    api_keys
        Keys it takes; another gets 401. Empty: any key will do, but there must be one.
    structured
        Whether it holds answers to the schema that is asked for. False is a server that ignores schemas: it answers
        with the right JSON amid words when the prompt speaks of JSON, else with a phrase.
    cache_from_tokens
        Shortest prefix that the prompt cache keeps; 0 keeps all.
    max_message_bytes
        Longest body of a single message; the service takes 32 MB.
    keep_requests
        How many of the latest request bodies are kept for the control endpoint to show.
    """

    latency: Latency = Latency()
    limits: RateLimits = RateLimits()
    faults: Faults = Faults()
    batches: Batching = Batching()
    models: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = ()
    structured: bool = True
    cache_from_tokens: Annotated[int, Field(ge=0)] = 1_024
    max_message_bytes: Annotated[int, Field(ge=1)] = 32_000_000
    keep_requests: Annotated[int, Field(ge=0)] = 0

    def changed(self, changes: dict[str, Any]) -> Settings:
        """Return settings with `changes` merged in, section by section.

        Raises
        ------
        pydantic.ValidationError
            When a key or value is not allowed.
        """
        return Settings.model_validate(_merged(self.model_dump(), changes))


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    # `rates` is a value of its own: setting it replaces it.
    return old | {
        key: _merged(old[key], value) if isinstance(value, dict) and key != "rates" and key in old else value
        for key, value in new.items()
    }
