"""Stage sample: which conversations the study is about.

Two passes. The first reads a batch of conversations at a time and keeps of each only what the choice needs;
the second copies the chosen ones, so memory holds one batch of text. Every choice hangs on the seed and the
conversation's id: the order of rows means nothing, and a larger sample contains a smaller.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wildvalues.errors import InputError
from wildvalues.files import write_json
from wildvalues.params import Params
from wildvalues.progress import progress
from wildvalues.sampling import choose, text_key
from wildvalues.sources.table_writer import ConversationWriter
from wildvalues.stage import Stage
from wildvalues.tables import CONVERSATIONS

STAGE = Stage(
    name="sample",
    summary="Choose the conversations of the study: duplicates, time, language, model, user cap, random sample.",
    reads={"conversations": "data/interim/conversations.parquet"},
    writes={"sample": "data/interim/sample.parquet", "metrics": "results/metrics/sample.json"},
    params=("sample", "study.seed"),
)

# Conversations held at once in either pass.
_BATCH = 1_000
_STEPS = ("outside_window", "other_language", "other_model", "duplicates", "over_user_cap", "not_drawn")
_log = logging.getLogger("wildvalues")


def run(params: Params, *, conversations: Path, sample: Path, metrics: Path) -> None:
    """Choose conversations by the section ``sample`` and copy them.

    Raises
    ------
    InputError
        When nothing is left, or a filter needs what no conversation has.
    ParamsError
        When the time window is no window.
    """
    known = pd.concat([_outline(batch) for batch in progress(_batches(conversations), label="sample")])
    known = known.reset_index(drop=True)
    chosen, steps = choose(known, params.sample, params.study.seed)
    with ConversationWriter(sample) as writer:
        for row in _rows(conversations, known, chosen):
            writer.write(row)
    removed = dict.fromkeys(_STEPS, 0) | {step.name: step.removed for step in steps}
    write_json(
        {
            "available": len(known),
            "conversations": len(chosen),
            "users": int(chosen["user_id"].nunique()),
            "models": int(chosen["model"].nunique()),
            "languages": int(chosen["language"].nunique()),
            "without_time": int(chosen["started_at"].isna().sum()),
            **removed,
        },
        metrics,
    )
    if params.sample.size is not None and len(chosen) < params.sample.size:
        _log.info("sample: sample.size asks for %d, only %d are there", params.sample.size, len(chosen))
    _log.info("sample: %d of %d conversations", len(chosen), len(known))


def _rows(path: Path, known: pd.DataFrame, chosen: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the chosen conversations in the order of their ids."""
    ids = pa.array(chosen["conversation_id"], pa.string())
    kept = (batch.filter(pc.is_in(batch.column("conversation_id"), value_set=ids)) for batch in _batches(path))
    if not known["conversation_id"].is_monotonic_increasing:
        # Ingest writes in order; only a table made by hand is sorted here, in memory.
        kept = iter(pa.Table.from_batches(kept, CONVERSATIONS.schema).sort_by("conversation_id").to_batches())
    for batch in kept:
        yield from batch.to_pylist()


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
            missing = [name for name in CONVERSATIONS.schema.names if name not in file.schema_arrow.names]
            if missing:
                raise InputError(f"{path}: lacks column {', '.join(missing)}; delete it and run `wildvalues ingest`")
            if file.metadata.num_rows == 0:
                raise InputError(f"{path}: holds no conversation; run `wildvalues ingest` on another input")
            for batch in file.iter_batches(batch_size=_BATCH, columns=CONVERSATIONS.schema.names, use_threads=False):
                yield batch.cast(CONVERSATIONS.schema)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet table ({error}); delete it and run again") from None


def _outline(batch: pa.RecordBatch) -> pd.DataFrame:
    """Return what the choice needs to know of each conversation, a key in the place of its text."""
    columns = ["conversation_id", "language", "model", "user_id", "started_at"]
    frame: pd.DataFrame = batch.select(columns).to_pandas()
    messages = batch.column("messages").to_pylist()
    models = batch.column("model").to_pylist()
    keys = [text_key(each, model) for each, model in zip(messages, models, strict=True)]
    return frame.assign(text_key=pd.Series(keys, index=frame.index, dtype="str"))
