"""From labels as models wrote them to canonical values and mentions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from wildvalues.params import Canonicalize
from wildvalues.tables import MENTIONS, VOCABULARY
from wildvalues.taxonomy.merges import MERGED, STALE, Merge, counted, table
from wildvalues.taxonomy.merging import AskSame, merge_names
from wildvalues.taxonomy.spelling import normalise, preferred
from wildvalues.taxonomy.synonyms import Encode
from wildvalues.taxonomy.vetoes import Vetoes

# Facets whose labels are open and become a taxonomy; response types are a closed set and pass by.
FACETS = ("ai_values", "human_values", "task")
# Values of either side share their spelling, so that mirroring can compare them by name.
_SPELLED_TOGETHER = {"values": ("ai_values", "human_values"), "task": ("task",)}


@dataclass(frozen=True)
class Canonical:
    """What canonicalising gives: the tables, the counts, and the vetoes that name what does not occur."""

    mentions: pd.DataFrame
    vocabulary: pd.DataFrame
    merges: pd.DataFrame
    metrics: dict[str, int]


def canonicalize(
    annotations: pd.DataFrame,
    params: Canonicalize,
    encode: Encode,
    vetoes: Vetoes | None = None,
    ask: AskSame | None = None,
) -> Canonical:
    """Merge the names of each value and list who mentioned what.

    Parameters
    ----------
    annotations
        Rows of `tables.ANNOTATIONS`, in any order.
    encode
        Gives the unit vectors of names; called only when near-synonyms are merged.
    vetoes
        What a person keeps apart and joins. They are about values, not tasks.
    ask
        Has the last word on near-synonyms of values.

    Returns
    -------
    Canonical
        `merged_<facet>` counts spellings that were merged into another one, `dropped_<facet>` the values that were
        dropped for being rarer than `min_conversations`, or because their label holds no letter; for the rest of
        the counts see `wildvalues.taxonomy.merges.counted`.
    """
    vetoes = vetoes or Vetoes()
    rows = annotations[annotations["facet"].isin(FACETS) & annotations["label"].notna()]
    rows = rows[["conversation_id", "facet", "label", "explicit"]].assign(
        spelling=[normalise(label) for label in rows["label"]]
    )
    empty = rows[rows["spelling"] == ""].groupby("facet")["label"].nunique()
    rows = rows[rows["spelling"] != ""]
    merges: list[Merge] = []
    parts = []
    for name, facets in _SPELLED_TOGETHER.items():
        mine = rows[rows["facet"].isin(facets)]
        counts = _conversations(mine, "spelling")
        values = name == "values"
        # Tasks are phrases that are clustered, not names that are counted: two close ones may still be two tasks.
        knobs = params if values else params.model_copy(update={"merge_similarity": None, "merge_same_root": None})
        named = merge_names(
            counts,
            knobs,
            encode,
            facets=name,
            vetoes=vetoes if values else None,
            ask=ask if values else None,
        )
        merges += [*_by_case(mine, counts, name), *named.merges]
        if values:
            merges += [Merge(STALE, name, ", ".join(names), "", "", reason=why) for names, why in vetoes.stale(counts)]
        parts.append(mine.assign(value=mine["spelling"].map(named.value_of).astype("string")))
    rows = pd.concat(parts, ignore_index=True)
    size = rows.groupby(["facet", "value"])["conversation_id"].transform("nunique")
    kept = rows[size >= params.min_conversations]
    metrics = counted(merges)
    for facet in FACETS:
        found = rows[rows["facet"] == facet]
        n_values = kept.loc[kept["facet"] == facet, "value"].nunique()
        metrics[f"values_{facet}"] = n_values
        metrics[f"merged_{facet}"] = found["spelling"].nunique() - found["value"].nunique()
        metrics[f"dropped_{facet}"] = found["value"].nunique() - n_values + int(empty.get(facet, 0))
        metrics[f"mentions_{facet}"] = len(
            kept.loc[kept["facet"] == facet, ["conversation_id", "value"]].drop_duplicates()
        )
    return Canonical(_mentions(kept), _vocabulary(kept), table(merges), metrics)


def _conversations(rows: pd.DataFrame, column: str) -> dict[str, int]:
    return {str(name): int(n) for name, n in rows.groupby(column)["conversation_id"].nunique().items()}


def _by_case(rows: pd.DataFrame, counts: dict[str, int], facets: str) -> Sequence[Merge]:
    """Return the labels that are another one once case, Unicode form and outer punctuation are set aside."""
    labels = _conversations(rows, "label")
    spelled = dict(zip(rows["label"], rows["spelling"], strict=True))
    several = pd.Series(list(spelled.values()), dtype=object).value_counts()
    return [
        Merge(MERGED, facets, label, into, "case or punctuation", None, labels[label], counts[into])
        for label, into in spelled.items()
        if label != into and several[into] > 1
    ]


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
