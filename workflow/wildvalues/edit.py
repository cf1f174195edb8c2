"""Stage `edit`: what a person changed about the named trees, applied in the order of her file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from wildvalues.errors import InputError
from wildvalues.files import read_table, write_json, write_table
from wildvalues.params import Params
from wildvalues.stage import Stage
from wildvalues.tables import EDITS, TAXONOMY, VOCABULARY

STAGE = Stage(
    name="edit",
    summary="Apply the edits that a person made to the trees: move, rename, merge, split, drop.",
    reads={
        "taxonomy": "data/interim/taxonomy.parquet",
        "vocabulary": "data/interim/vocabulary.parquet",
        "edits": "${edit.file}",
    },
    writes={
        "edited": "data/interim/edited.parquet",
        "applied": "data/interim/edits.parquet",
        "metrics": "results/metrics/edit.json",
    },
    params=("edit",),
    optional=("edits",),
)

log = logging.getLogger("wildvalues")


def run(
    params: Params, *, taxonomy: Path, vocabulary: Path, edits: Path, edited: Path, applied: Path, metrics: Path
) -> None:
    """Write the edited trees, the edits that were applied, and how many.

    Raises
    ------
    InputError
        When an edit makes no sense, or is stale and `edit.stale` is ``error``.
    """
    from wildvalues.taxonomy.edited import edit_trees
    from wildvalues.taxonomy.edits import OPERATIONS, load

    known = read_table(vocabulary, VOCABULARY.schema)
    frequencies = {
        (facet, value): int(n)
        for facet, value, n in zip(known["facet"], known["value"], known["n_conversations"], strict=True)
    }
    given = load(edits)
    try:
        done = edit_trees(read_table(taxonomy, TAXONOMY.schema), given, frequencies, stale=params.edit.stale)
    except InputError as error:
        raise InputError(f"{edits}: {error}") from None
    write_table(done.taxonomy, edited, TAXONOMY.schema)
    write_table(EDITS.arrange(done.edits), applied, EDITS.schema)
    numbers: dict[str, Any] = dict.fromkeys(OPERATIONS, 0)
    for name in done.edits["operation"]:
        numbers[name] += 1
    numbers |= {"edits": len(given), "applied": len(done.edits), "stale": len(done.stale)}
    numbers |= {"dropped_values": done.n_dropped, "emptied_clusters": done.n_emptied}
    write_json(numbers, metrics)
    for sentence in done.stale:
        log.warning("%s: %s; the edit was skipped", edits, sentence)
    log.info("%d edits applied, %d stale", len(done.edits), len(done.stale))
