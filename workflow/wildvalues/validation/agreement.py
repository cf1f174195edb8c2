"""Two people's labels of the same conversations, held against one another as `validate` holds an instrument's.

What two careful readers agree on bounds what any instrument can be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from wildvalues.errors import InputError
from wildvalues.tables import ANNOTATIONS, SCREENING
from wildvalues.validate import compare
from wildvalues.validation.facets import Encode
from wildvalues.validation.gold import Gold

FACETS = ("ai_values", "human_values", "response_type", "task")


def agreement(
    first: Mapping[str, Gold], second: Mapping[str, Gold], encode: Encode, similarity: float
) -> dict[str, Any]:
    """Return the sections of ``validation.json`` for two files of labels; the second stands where an instrument does.

    Subjectivity is compared on every conversation that both labelled. The other facets are compared on those that
    both call subjective: a study reads them off no other, and factual ones, with their empty lists, would be easy
    agreement. Precision is the share of the second's names that the first has too, recall the reverse.

    Raises
    ------
    InputError
        When no conversation was labelled in both.
    """
    shared = sorted(first.keys() & second.keys())
    if not shared:
        raise InputError("the two files label no conversation in common; compare labels of the same corpus")
    judged = [one for one in shared if second[one].subjective is not None]
    screening = pd.DataFrame(
        {
            "conversation_id": judged,
            "subjectivity": [float(bool(second[one].subjective)) for one in judged],
            "subjective": [bool(second[one].subjective) for one in judged],
        },
        columns=SCREENING.schema.names,
    )
    subjective = [one for one in shared if first[one].subjective and second[one].subjective]
    rows = [row for one in subjective for facet in FACETS for row in _rows(second[one], facet)]
    annotated = pd.DataFrame(rows, columns=["conversation_id", "facet", "rank", "label"])
    return compare(
        {one: first[one] for one in shared},
        screening,
        annotated.reindex(columns=ANNOTATIONS.schema.names),
        encode,
        similarity,
    )


def _rows(labels: Gold, facet: str) -> list[tuple[str, str, int, str | None]]:
    """Return a facet's labels as rows of the annotations: one without a label where nothing was found."""
    if getattr(labels, facet) is None:
        return []
    found = labels.names(facet) if facet in ("ai_values", "human_values") else [str(getattr(labels, facet))]
    return [(labels.conversation_id, facet, rank, label) for rank, label in enumerate(found or [None])]
