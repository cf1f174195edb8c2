"""What the runner should make of each thing that can go wrong with a call to a Messages server."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any, Literal

import anthropic

from wildvalues.llm.errors import FatalError, ItemError, TransientError
from wildvalues.llm.providers.messages import Setting
from wildvalues.llm.types import Rejected

_MESSAGE_CHARS = 300
# 429s that no waiting mends: the account's spending limit.
_SPENT = (anthropic.ContractSpendLimitReachedError, anthropic.EnforcedSpendLimitReachedError)
_TOO_LONG = re.compile(r"prompt is too long|exceeds?.{0,40}context|context (?:size|length|window)", re.IGNORECASE)
# Optional parts of a request, by the word in a server's complaint that names them.
_OPTIONAL: tuple[Setting | Literal["output_config"], ...] = (
    "temperature",
    "thinking",
    "effort",
    "cache_control",
    "output_config",
)


def mapped(error: anthropic.AnthropicError) -> Exception:
    """Return the error class of the runner for an error of the SDK."""
    if isinstance(error, anthropic.APIConnectionError):
        kind = "timed out" if isinstance(error, anthropic.APITimeoutError) else "broke"
        return TransientError(f"the connection {kind}")
    if not isinstance(error, anthropic.APIStatusError):
        return FatalError(f"the Messages API cannot be used: {short(error)}")
    status, said = error.status_code, short(error)
    if isinstance(error, _SPENT):
        return FatalError(f"the account's spending limit is reached ({status}): {said}; raise it and run again")
    if status in (401, 402, 403) or "credit balance" in said:
        return FatalError(f"the Messages API refuses this key ({status}): {said}; check ANTHROPIC_API_KEY and the plan")
    if status == 404:
        return FatalError(
            f"the Messages API knows no such model or address (404): {said}; check llm.model and llm.base_url"
        )
    if status == 413 or (400 <= status < 429 and _TOO_LONG.search(said)):
        return ItemError(Rejected(f"the conversation is too long for the model ({status})", "too_long"))
    if status in (408, 409, 429) or status >= 500:
        return TransientError(f"{status}: {said}", _retry_after(error.response.headers), crowded=status in (429, 529))
    return ItemError(Rejected(f"the Messages API rejects this request ({status}): {said}", "error"))


def rejected_setting(
    error: anthropic.APIStatusError, body: Mapping[str, Any]
) -> Setting | Literal["output_config"] | None:
    """Return the optional part of `body` that the server says it does not take, or None."""
    if error.status_code not in (400, 422):
        return None
    said = short(error)
    for name in _OPTIONAL:
        sent = name in body or name in body.get("output_config", {}) or name == "cache_control"
        if sent and re.search(rf"\b{name}\b", said):
            # The format is all that is left of the configuration once the effort is out.
            return "effort" if name == "output_config" and "effort" in said else name
    return None


def short(error: anthropic.AnthropicError) -> str:
    """Return what the server said, on one line."""
    body = getattr(error, "body", None)
    said = body.get("error", body.get("message")) if isinstance(body, dict) else None
    if isinstance(said, dict):
        said = said.get("message")
    return " ".join(str(said or error).split())[:_MESSAGE_CHARS]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks to wait: ``retry-after`` is a number or a date (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        date = email.utils.parsedate_tz(value)
        return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())
