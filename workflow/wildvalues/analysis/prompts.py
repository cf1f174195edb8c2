"""Which conversations open with the same message: where several models answered one prompt, they can be paired."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Conversations read at once: their texts are dropped as soon as they are hashed.
BATCH = 4_096


def opening_digests(screened: Path) -> pd.Series:
    """Return a digest of each conversation's first message, indexed by conversation id.

    Only digests leave this function, and only whether two are equal is used.
    """
    ids: list[str] = []
    digests: list[str] = []
    for batch in pq.ParquetFile(screened).iter_batches(BATCH, columns=["conversation_id", "messages"]):
        first = pc.list_slice(batch.column("messages"), 0, 1)
        texts = pc.struct_field(pc.list_flatten(first), "content")
        ids += pc.take(batch.column("conversation_id"), pc.list_parent_indices(first)).to_pylist()
        digests += [_digest(text) for text in texts.to_pylist()]
    return pd.Series(digests, index=pd.Index(ids, dtype=object), dtype=object)


def _digest(text: str | None) -> str:
    return hashlib.blake2b((text or "").strip().encode(), digest_size=16).hexdigest()
