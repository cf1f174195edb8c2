"""Stage `redact`: mask personal data before any model sees the text."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import get_args

import pandas as pd

from wildvalues.files import read_table, write_json, write_table
from wildvalues.params import Params, RedactionKind
from wildvalues.progress import progress
from wildvalues.stage import Stage
from wildvalues.tables import CONVERSATIONS, REDACTIONS

STAGE = Stage(
    name="redact",
    summary="Mask personal data before any model sees the text.",
    reads={"sample": "data/interim/sample.parquet"},
    writes={
        "redacted": "data/interim/redacted.parquet",
        "redactions": "data/interim/redactions.parquet",
        "metrics": "results/metrics/redact.json",
    },
    params=("redact",),
)

log = logging.getLogger("wildvalues")


def run(params: Params, *, sample: Path, redacted: Path, redactions: Path, metrics: Path) -> None:
    """Read conversations; write them masked, and what was masked where.

    User ids stay: they only count users, in private tables, and are never shown to a model or printed.
    """
    from wildvalues.redaction.masker import mask
    from wildvalues.redaction.measured import measured

    conversations = CONVERSATIONS.arrange(read_table(sample, CONVERSATIONS.schema))
    records: list[dict[str, object]] = []
    counts: Counter[str] = Counter()
    masked_messages = []
    rows = zip(conversations["conversation_id"], conversations["messages"], strict=True)
    for conversation_id, messages in progress(rows, total=len(conversations), label="redact", unit="conversation"):
        by_user = [message["role"] == "user" for message in messages]
        texts, found = mask([message["content"] for message in messages], params.redact, by_user)
        masked_messages.append(
            [{"role": message["role"], "content": text} for message, text in zip(messages, texts, strict=True)]
        )
        for redaction in found:
            counts[redaction.kind] += 1
            records.append(
                {
                    "conversation_id": conversation_id,
                    "message": redaction.message,
                    "start": redaction.start,
                    "end": redaction.end,
                    "kind": redaction.kind,
                    "placeholder": redaction.placeholder,
                }
            )
    table = REDACTIONS.arrange(pd.DataFrame(records, columns=REDACTIONS.schema.names))
    masked = conversations.assign(messages=pd.Series(masked_messages, index=conversations.index, dtype=object))
    write_table(CONVERSATIONS.arrange(masked), redacted, CONVERSATIONS.schema)
    write_table(table, redactions, REDACTIONS.schema)
    touched = table["conversation_id"].nunique()
    expected = measured(params.redact)
    write_json(
        {
            "conversations": len(conversations),
            "conversations_with_redactions": touched,
            "redactions": len(table),
            **{f"redactions_{kind}": counts[kind] for kind in get_args(RedactionKind)},
            "recall_measured": round(expected.recall, 3),
            "precision_measured": round(expected.precision, 3),
        },
        metrics,
    )
    log.info("%d passages masked in %d of %d conversations", len(table), touched, len(conversations))
    log.info("%s", expected)
