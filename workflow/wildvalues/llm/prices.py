"""What a call costs, from a dated price file, with the user's own prices taking precedence."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from wildvalues.errors import ParamsError
from wildvalues.llm.types import Answer, Request
from wildvalues.params import Params

_MILLION = 1_000_000
_DATED = re.compile(r"-20\d{6}$")
# Ids of models that run in this process (`providers.model_id`).
_FREE = ("sha256:", "simulated:")
# No tokenizer of bytes makes more tokens than bytes. Prose has about four times as many bytes, but a hard stop must
# hold for a wall of emoji too. Used only to set money aside before a call.
_BYTES_PER_TOKEN_AT_LEAST = 1
# Instructions a service adds around messages and schema.
_TOKENS_AROUND = 500
# A choice may be asked for as a JSON object, longer than the option itself.
_SHORTEST_LIMIT = 64


@dataclass(frozen=True)
class ModelPrice:
    """US dollars for a million tokens.

    Parameters
    ----------
    cache_read, cache_write
        Factors on the input price for tokens read from and written to the provider's prompt cache.
    batch
        Factor on everything when sent through Message Batches.
    cached_from
        Tokens of the shortest prefix that the provider's prompt cache keeps.
    thinking
        Most tokens the model may write beside an answer because its thinking cannot be switched off.
    """

    input: float
    output: float
    cache_read: float = 1.0
    cache_write: float = 1.0
    batch: float = 1.0
    thinking: int = 0
    cached_from: int = 0

    def cost(self, answer: Answer) -> float:
        """Dollars that `answer` cost when it was given, live or in a batch."""
        plain = answer.input_tokens - answer.cache_read_tokens - answer.cache_write_tokens
        tokens = plain + self.cache_read * answer.cache_read_tokens + self.cache_write * answer.cache_write_tokens
        whole = (tokens * self.input + answer.output_tokens * self.output) / _MILLION
        return whole * self.batch if answer.batch else whole

    def at_most(self, request: Request, *, batch: bool = False) -> float:
        """Dollars that `request` may cost at most: every byte a token written to the cache, the longest answer.

        Parameters
        ----------
        batch
            Whether it goes through Message Batches.
        """
        texts = [*(message.content for message in request.messages), request.schema or ""]
        read = sum(len(text.encode("utf-8", "replace")) for text in texts) / _BYTES_PER_TOKEN_AT_LEAST + _TOKENS_AROUND
        written = max(request.max_tokens, _SHORTEST_LIMIT) + self.thinking
        whole = (read * self.input * max(1.0, self.cache_write) + written * self.output) / _MILLION
        return whole * self.batch if batch else whole


@functools.cache
def price_file() -> dict[str, Any]:
    """Return the price file: date, source, factors and models."""
    text = resources.files("wildvalues.llm").joinpath("prices.yaml").read_text("utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def price_of(params: Params, model: str) -> ModelPrice | None:
    """Return the price of `model`, or None when neither ``llm.prices`` nor the price file knows it.

    Parameters
    ----------
    model
        Model id as in a request. Weights and made-up answers cost nothing. A hosted model has its price whoever
        answers now: a reader who replays a study sees what it cost.
    """
    if model.startswith(_FREE):
        return ModelPrice(0.0, 0.0)
    own = params.llm.prices.get(model)
    content = price_file()
    listed = content["models"].get(model) or content["models"].get(_DATED.sub("", model)) or {}
    if own is None and (not listed or params.llm.base_url is not None):
        return None
    # Factors of cache and batch are the provider's, whatever was negotiated for a token.
    return ModelPrice(
        listed["input"] if own is None else own.input,
        listed["output"] if own is None else own.output,
        listed.get("cache_read", content["cache_read"]),
        content["cache_write"],
        content["batch"],
        content["thinking"] if _DATED.sub("", model) in content["always_thinks"] else 0,
        listed.get("cached_from", content["cached_from"]),
    )


def needed_price(params: Params, model: str) -> ModelPrice:
    """Return the price of `model`, for a run with a budget; nothing where no call can cost anything.

    Raises
    ------
    ParamsError
        When the price is not known.
    """
    price = price_of(params, model) if params.llm.provider == "anthropic" else ModelPrice(0.0, 0.0)
    if price is None:
        raise ParamsError(
            f"params.yaml: llm.budget_usd is set, but the price of {model} is not known; add it under llm.prices, "
            f"for example `prices: {{{model}: {{input: 3, output: 15}}}}` (dollars for a million tokens)"
        )
    return price
