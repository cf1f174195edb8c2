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
# A token is hardly ever shorter than two characters on average; used only to reserve money before a call.
_CHARS_PER_TOKEN_AT_LEAST = 2


@dataclass(frozen=True)
class ModelPrice:
    """US dollars for a million tokens.

    Parameters
    ----------
    cache_read, cache_write
        Factors on the input price for tokens read from and written to the provider's prompt cache.
    batch
        Factor on everything when sent through Message Batches.
    """

    input: float
    output: float
    cache_read: float = 1.0
    cache_write: float = 1.0
    batch: float = 1.0

    def cost(self, answer: Answer) -> float:
        """Dollars that a live `answer` cost."""
        plain = answer.input_tokens - answer.cache_read_tokens - answer.cache_write_tokens
        tokens = plain + self.cache_read * answer.cache_read_tokens + self.cache_write * answer.cache_write_tokens
        return (tokens * self.input + answer.output_tokens * self.output) / _MILLION

    def at_most(self, request: Request) -> float:
        """Dollars that `request` may cost at most: every token written to the cache, the longest answer."""
        chars = sum(len(message.content.encode("utf-8", "replace")) for message in request.messages)
        tokens = chars / _CHARS_PER_TOKEN_AT_LEAST + len(request.schema or "") / _CHARS_PER_TOKEN_AT_LEAST + 200
        return (tokens * self.input * max(1.0, self.cache_write) + request.max_tokens * self.output) / _MILLION


@functools.cache
def price_file() -> dict[str, Any]:
    """Return the price file: date, source, factors and models."""
    text = resources.files("wildvalues.llm").joinpath("prices.yaml").read_text("utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def price_of(params: Params, model: str) -> ModelPrice | None:
    """Return the price of `model`, or None when neither ``llm.prices`` nor the price file knows it.

    A model that runs in this process, or answers from the memo, costs nothing.
    """
    if params.llm.provider != "anthropic":
        return ModelPrice(0.0, 0.0)
    own = params.llm.prices.get(model)
    content = price_file()
    if own is not None:
        # Factors of the cache are the provider's, whatever was negotiated for a token.
        return ModelPrice(own.input, own.output, content["cache_read"], content["cache_write"], content["batch"])
    listed = content["models"].get(model) or content["models"].get(_DATED.sub("", model))
    if listed is None or params.llm.base_url is not None:
        return None
    return ModelPrice(
        listed["input"],
        listed["output"],
        listed.get("cache_read", content["cache_read"]),
        content["cache_write"],
        content["batch"],
    )


def needed_price(params: Params, model: str) -> ModelPrice:
    """Return the price of `model`, for a run with a budget.

    Raises
    ------
    ParamsError
        When the price is not known.
    """
    price = price_of(params, model)
    if price is None:
        raise ParamsError(
            f"params.yaml: llm.budget_usd is set, but the price of {model} is not known; add it under llm.prices, "
            f"for example `prices: {{{model}: {{input: 3, output: 15}}}}` (dollars for a million tokens)"
        )
    return price
