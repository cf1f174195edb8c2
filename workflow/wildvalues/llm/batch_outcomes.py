"""What became of each item of a batch: an answer, another try, or a reason why there never will be one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wildvalues.llm.batch_store import Failure
from wildvalues.llm.errors import FatalError
from wildvalues.llm.providers.messages import answer_of
from wildvalues.llm.types import Answer

_REASON_CHARS = 300
_TOO_LONG = re.compile(r"prompt is too long|exceeds?.{0,40}context|context (?:size|length|window)", re.IGNORECASE)
# Errors that are the request's fault. Every other passes: the service's troubles, and those of the account, which
# end the run instead (`_ACCOUNT`).
_INVALID = ("invalid_request_error", "request_too_large")
_ACCOUNT = ("authentication_error", "billing_error", "permission_error", "not_found_error")


def outcome_of(result: Any, tries: int) -> Answer | Failure | FatalError:
    """Return what the ``result`` of one line of results means.

    Parameters
    ----------
    result
        The SDK's ``MessageBatchResult`` as JSON.
    tries
        Batches that failed to answer this request before.

    Returns
    -------
    Answer, Failure or FatalError
        An error when no request of this account can be answered; the item itself is to be tried again then.
    """
    kind = result.get("type") if isinstance(result, Mapping) else None
    if kind == "succeeded":
        try:
            return replace(answer_of(result["message"]), batch=True)
        except (TypeError, KeyError, AttributeError, ValueError):
            return Failure(fate="again", reason="the batch's reply is no message", tries=tries + 1)
    if kind == "expired":
        return Failure(fate="again", reason="the batch expired before this request was processed", tries=tries + 1)
    if kind == "canceled":
        return Failure(fate="canceled", reason="the batch was cancelled", tries=tries)
    error = result.get("error") if isinstance(result, Mapping) else None
    # The error of an item is a whole error response; some servers give the inner part alone.
    inner = error.get("error", error) if isinstance(error, Mapping) else None
    name, said = "", "no reason given"
    if isinstance(inner, Mapping):
        name = str(inner.get("type", ""))
        said = " ".join(str(inner.get("message", said)).split())[:_REASON_CHARS]
    if name in _ACCOUNT or "credit balance" in said:
        return FatalError(f"the Messages API refuses the requests of a batch ({name}): {said}; mend that and run again")
    if _TOO_LONG.search(said) or name == "request_too_large":
        reason = "the conversation is too long for the model"
        return Failure(fate="rejected", kind="too_long", reason=reason, tries=tries + 1)
    if name in _INVALID:
        reason = f"the Messages API rejects this request: {said}"
        return Failure(fate="rejected", reason=reason, tries=tries + 1)
    return Failure(fate="again", reason=f"{name or 'error'}: {said}", tries=tries + 1)
