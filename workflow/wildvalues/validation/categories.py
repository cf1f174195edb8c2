"""Agreement on the kind of value: which of the five top-level categories of the published taxonomy a name belongs to.

Two readers who disagree on a name may still mean the same kind of thing. A name belongs to the category whose examples
come nearest to it, whatever the study's own taxonomy looks like, so that figures of different studies compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wildvalues.validation.facets import Encode, Resampling, Section, open_lists

# The published top level (Huang et al. 2025, section 3.2); the examples of each are this project's choice.
CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "practical": (
        "helpfulness", "efficiency", "clarity", "thoroughness", "professionalism", "organization",
        "practical advice", "productivity", "customer satisfaction", "adaptability", "skill", "resourcefulness",
    ),
    "epistemic": (
        "accuracy", "intellectual honesty", "critical thinking", "admitting uncertainty", "evidence", "objectivity",
        "historical accuracy", "scientific rigor", "nuance", "curiosity", "logical consistency", "learning",
    ),
    "social": (
        "empathy", "fairness", "respect for others", "cooperation", "community", "tradition", "family bonds",
        "social justice", "inclusion", "friendship", "cultural sensitivity", "courtesy",
    ),
    "protective": (
        "harm prevention", "safety", "privacy", "ethical boundaries", "child protection", "legal compliance",
        "consent", "security", "protecting the vulnerable", "human rights", "caution", "accountability",
    ),
    "personal": (
        "personal autonomy", "personal growth", "emotional wellbeing", "authenticity", "creativity",
        "self-expression", "happiness", "resilience", "mindfulness", "freedom of choice", "self-care", "spirituality",
    ),
}  # fmt: skip
# A name is held against this many nearest examples of each category: one alone decides by a shared word.
_NEAREST = 3


def categories_of(names: Sequence[str], encode: Encode) -> dict[str, str]:
    """Return the category of each name."""
    if not names:
        return {}
    vectors = encode(list(names)).astype(float)
    nearness = [
        np.sort(vectors @ encode(list(examples)).astype(float).T, axis=1)[:, -_NEAREST:].mean(axis=1)
        for examples in CATEGORIES.values()
    ]
    # Rounded: names as near to two categories go to the first on every processor.
    best = np.round(np.stack(nearness), 5).argmax(axis=0)
    kinds = list(CATEGORIES)
    return {name: kinds[index] for name, index in zip(names, best.tolist(), strict=True)}


def by_category(
    gold: Sequence[Sequence[str]], found: Sequence[Sequence[str]], encode: Encode, how: Resampling
) -> Section:
    """Return precision, recall, F1 and the level of chance of the categories of each conversation's names."""
    names = sorted({name for side in (gold, found) for one in side for name in one})
    kind = categories_of(names, encode)

    def kinds(side: Sequence[Sequence[str]]) -> list[list[str]]:
        return [sorted({kind[name] for name in one}) for one in side]

    def apart(strings: Sequence[str]) -> NDArray[np.float32]:
        return np.eye(len(strings), dtype=np.float32)

    section = open_lists(kinds(gold), kinds(found), apart, 1.0, how)
    return {name: value for name, value in section.items() if not name.startswith("exact_")}
