"""Which format a file is in, told by its first records."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from wildvalues.errors import InputError
from wildvalues.sources.base import Record, RecordError, Source

_LOOKED_AT = 50


def detect(name: str, records: Iterable[Record], sources: Sequence[Source]) -> Source:
    """Return the source whose layout most of a file's first records have.

    A file without a readable record goes to the first source, which rejects each with its own reason.

    Parameters
    ----------
    name
        What messages call the file.
    records
        Its records; only the first are read.
    sources
        Formats to choose from; on a tie the first wins.

    Raises
    ------
    InputError
        When no format fits, naming what was seen and the formats known.
    """
    seen = [record for record in itertools.islice(records, _LOOKED_AT) if not isinstance(record.value, RecordError)]
    if not seen:
        return sources[0]
    votes = {
        index: sum(source.matches(record.value) for record in seen if not isinstance(record.value, RecordError))
        for index, source in enumerate(sources)
    }
    best = max(votes, key=lambda index: (votes[index], -index))
    if votes[best] == 0:
        raise InputError(
            f"{name}: the log format is not recognised; its first record has {_fields(seen[0])}. Known formats: "
            + "; ".join(f"{source.name} ({source.recognised_by})" for source in sources)
            + "; table (any columns). Set `ingest.format` or, for a table, `ingest.columns`, "
            "or leave the file out with `ingest.files`"
        )
    return sources[best]


def _fields(record: Record) -> str:
    if isinstance(record.value, RecordError) or not record.value:
        return "no field"
    names = [str(key)[:40] for key in record.value]
    return f"the fields {', '.join(names[:12])}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")
