"""What was merged and what was kept apart, row by row with its reason: the table a person reads before she vetoes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import pandas as pd

from wildvalues.taxonomy.guards import REASONS
from wildvalues.taxonomy.spelling import letters_key, order_key, plural_key, stem_key
from wildvalues.taxonomy.synonyms import CONTESTED, FAR_WORDS, NEAR_SYNONYM, SAME_ROOT

MERGED, KEPT_APART, STALE = "merged", "kept apart", "stale"
BY_HAND = "by hand"
BY_MODEL = "the model said no"
_SPELLINGS = ("case or punctuation", "hyphen or space", "plural", "British or American", "word order", "spellings")
RULES = (*_SPELLINGS, SAME_ROOT, NEAR_SYNONYM, BY_HAND)
APART = (*REASONS, FAR_WORDS, CONTESTED, BY_MODEL, BY_HAND)


@dataclass(frozen=True, order=True)
class Merge:
    """One decision on a name: `decision`, the two names with their conversations, the rule, and the reason in words.

    Attributes
    ----------
    facets
        ``values`` (AI and human values share their spelling) or ``task``.
    into
        The name it merged into, or the one it is kept apart from.
    similarity
        Cosine of the names, where vectors decided.
    """

    decision: str
    facets: str
    name: str
    into: str
    rule: str
    similarity: float | None = None
    n_name: int = 0
    n_into: int = 0
    reason: str = ""


def spelling_rule(name: str, into: str) -> str:
    """Say by which rule two normalised names of one group of spellings are the same."""
    if letters_key(name) == letters_key(into):
        return "hyphen or space"
    if plural_key(name) == plural_key(into):
        return "plural"
    if stem_key(name) == stem_key(into):
        return "British or American"
    if order_key(name) is not None and order_key(name) == order_key(into):
        return "word order"
    # Each is a spelling of a third.
    return "spellings"


def table(merges: Iterable[Merge]) -> pd.DataFrame:
    """Return the decisions as a table, most frequent names first within each decision and rule."""
    rows = sorted(merges, key=lambda m: (m.decision != STALE, m.decision, m.facets, m.rule, -m.n_into, m.into, m.name))
    return pd.DataFrame(rows, columns=[field.name for field in fields(Merge)])


def counted(merges: Iterable[Merge]) -> dict[str, int]:
    """Return ``merged_by_<rule>`` and ``kept_apart_by_<reason>``, a number for each that there is."""
    found = {f"merged_by_{_key(rule)}": 0 for rule in RULES} | {f"kept_apart_by_{_key(rule)}": 0 for rule in APART}
    found["stale_vetoes"] = 0
    for merge in merges:
        if merge.decision == STALE:
            found["stale_vetoes"] += 1
        else:
            found[f"{'merged' if merge.decision == MERGED else 'kept_apart'}_by_{_key(merge.rule)}"] += 1
    return found


def _key(rule: str) -> str:
    return rule.lower().replace(" ", "_")
