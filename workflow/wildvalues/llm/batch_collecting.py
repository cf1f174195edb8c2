"""Taking in the results of an ended batch: each answer into the memo the moment it arrives."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wildvalues.llm.batch_outcomes import outcome_of
from wildvalues.llm.batch_store import Failure, Sent, Shipment, key_of
from wildvalues.llm.errors import FatalError, TransientError
from wildvalues.llm.memo import Memo
from wildvalues.llm.memo_records import Record
from wildvalues.llm.prices import ModelPrice
from wildvalues.llm.providers.batches import BatchClient
from wildvalues.llm.throttle import pause
from wildvalues.llm.types import Answer

_logger = logging.getLogger("wildvalues")


@dataclass
class Collected:
    """What came out of one batch, or of several.

    Attributes
    ----------
    whole
        Whether all results arrived; when not, the batch is read again at the next look.
    answers
        Requests with an answer.
    dollars
        Price of the answers; nan when one is unknown.
    failures
        What was not answered, by memo key.
    fatal
        Why no request can be answered, when that is so.
    """

    whole: bool = False
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    dollars: float = 0.0
    failures: dict[str, Failure] = field(default_factory=dict)
    fatal: FatalError | None = None

    def take(self, answer: Answer, price: ModelPrice | None) -> None:
        """Count an answer."""
        self.answers += 1
        self.input_tokens += answer.input_tokens
        self.output_tokens += answer.output_tokens
        self.cache_read_tokens += answer.cache_read_tokens
        self.dollars += math.nan if price is None else price.cost(answer)


def collect(
    shipment: Shipment,
    client: BatchClient,
    sent: Mapping[str, Sent],
    memo: Memo,
    *,
    price: Callable[[str], ModelPrice | None],
    max_retries: int,
) -> Collected:
    """Read the results of an ended batch, in whatever order and however often they come.

    Parameters
    ----------
    sent
        What is in the batch, by memo key.
    price
        Price of a model, None when it is not known.
    max_retries
        How often a stream that breaks off is begun again.

    Returns
    -------
    Collected
        Requests without a result at all are among the failures, to be tried again.
    """
    assert shipment.batch is not None
    found = Collected()
    seen: set[str] = set()
    strange = tries = 0
    while not found.whole:
        try:
            for name, result in client.results(shipment.batch):
                key = key_of(shipment.id, name)
                if key is None or key not in sent:
                    strange += 1
                elif key not in seen:
                    seen.add(key)
                    _take(key, result, sent[key], memo, found, price)
            found.whole = True
        except TransientError as error:
            tries += 1
            if tries > max_retries:
                _logger.warning("batch %s: %s; the rest is read at the next look", shipment.batch, error)
                return found
            time.sleep(pause(tries, error.retry_after))
    if strange:
        _logger.warning("batch %s: %d results are of requests that were not sent in it", shipment.batch, strange)
    for key in sent.keys() - seen:
        reason = "the batch ended without a result for this request"
        found.failures[key] = Failure(fate="again", reason=reason, tries=sent[key].tries + 1)
    return found


def _take(
    key: str,
    result: object,
    sent: Sent,
    memo: Memo,
    found: Collected,
    price: Callable[[str], ModelPrice | None],
) -> None:
    outcome = outcome_of(result, sent.tries)
    if isinstance(outcome, Answer):
        # Kept already when an earlier run died while it read this batch.
        if not memo.has_key(key):
            memo.put_record(Record(key, sent.model, outcome))
        found.take(outcome, price(sent.model))
    elif isinstance(outcome, Failure):
        found.failures[key] = outcome
    else:
        found.fatal = outcome
        found.failures[key] = Failure(fate="again", reason=str(outcome), tries=sent.tries)
