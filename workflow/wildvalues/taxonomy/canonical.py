"""From labels as models wrote them to canonical values and mentions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from wildvalues.params import Canonicalize
from wildvalues.tables import MENTIONS, VOCABULARY
from wildvalues.taxonomy.spelling import group_spellings, normalise, preferred

if TYPE_CHECKING:
    import numpy as np

# Facets whose labels are open and become a taxonomy; response types are a closed set and pass by.
FACETS = ("ai_values", "human_values", "task")
# Values of either side share their spelling, so that mirroring can compare them by name.
_SPELLED_TOGETHER = (("ai_values", "human_values"), ("task",))


@dataclass(frozen=True)
class Canonical:
    """What canonicalising gives: the two tables and the counts."""

    mentions: pd.DataFrame
    vocabulary: pd.DataFrame
    metrics: dict[str, int]


def canonicalize(
    annotations: pd.DataFrame, params: Canonicalize, encode: Callable[[Sequence[str]], np.ndarray]
) -> Canonical:
    """Merge the spellings of each value and list who mentioned what.

    Parameters
    ----------
    annotations
        Rows of `tables.ANNOTATIONS`, in any order.
    encode
        Gives the unit vectors of names; called only when near-synonyms are merged.

    Returns
    -------
    Canonical
        `merged_<facet>` counts spellings that were merged into another one, `dropped_<facet>` the values that were
        dropped for being rarer than `min_conversations`, or because their label holds no letter.
    """
    rows = annotations[annotations["facet"].isin(FACETS) & annotations["label"].notna()]
    rows = rows[["conversation_id", "facet", "label", "explicit"]].assign(
        spelling=[normalise(label) for label in rows["label"]]
    )
    empty = rows[rows["spelling"] == ""].groupby("facet")["label"].nunique()
    rows = rows[rows["spelling"] != ""]
    parts = [_spell(rows[rows["facet"].isin(facets)], params, encode) for facets in _SPELLED_TOGETHER]
    rows = pd.concat(parts, ignore_index=True)
    size = rows.groupby(["facet", "value"])["conversation_id"].transform("nunique")
    kept = rows[size >= params.min_conversations]
    metrics: dict[str, int] = {}
    for facet in FACETS:
        found = rows[rows["facet"] == facet]
        values = kept.loc[kept["facet"] == facet, "value"].nunique()
        metrics[f"values_{facet}"] = values
        metrics[f"merged_{facet}"] = found["spelling"].nunique() - found["value"].nunique()
        metrics[f"dropped_{facet}"] = found["value"].nunique() - values + int(empty.get(facet, 0))
        metrics[f"mentions_{facet}"] = len(
            kept.loc[kept["facet"] == facet, ["conversation_id", "value"]].drop_duplicates()
        )
    return Canonical(_mentions(kept), _vocabulary(kept), metrics)


def _spell(rows: pd.DataFrame, params: Canonicalize, encode: Callable[[Sequence[str]], np.ndarray]) -> pd.DataFrame:
    counts = {str(name): int(n) for name, n in rows.groupby("spelling")["conversation_id"].nunique().items()}
    groups = [
        preferred(group, counts)
        for group in group_spellings(counts, spelling=params.merge_spelling, word_order=params.merge_word_order)
    ]
    if params.merge_similarity is not None and len(groups) > 1:
        from wildvalues.taxonomy.synonyms import merge_close

        by_name = {group[0]: group for group in groups}
        totals = {name: sum(counts[spelling] for spelling in group) for name, group in by_name.items()}
        names = sorted(by_name)
        merged = merge_close(names, encode(names), totals, similarity=params.merge_similarity)
        groups = [[spelling for name in group for spelling in by_name[name]] for group in merged]
    value_of = {spelling: group[0] for group in groups for spelling in group}
    return rows.assign(value=rows["spelling"].map(value_of).astype("string"))


def _mentions(rows: pd.DataFrame) -> pd.DataFrame:
    explicit = rows["explicit"].astype("boolean")
    # The largest of true and false is "any"; where nothing is known it stays unknown.
    largest = rows.assign(explicit=explicit).groupby(["conversation_id", "facet", "value"])["explicit"].max()
    return MENTIONS.arrange(largest.reset_index())


def _vocabulary(rows: pd.DataFrame) -> pd.DataFrame:
    records = []
    for (facet, value), group in rows.groupby(["facet", "value"]):
        spellings = {str(name): int(n) for name, n in group["spelling"].value_counts().items()}
        records.append(
            {
                "facet": facet,
                "value": value,
                "n_conversations": group["conversation_id"].nunique(),
                "n_mentions": len(group),
                "variants": preferred(spellings, spellings),
            }
        )
    return VOCABULARY.arrange(pd.DataFrame(records, columns=VOCABULARY.schema.names))
