"""Whether a name is right: the share of its cluster's values that it fits.

By `embedding`: of all names of the level, this one is the nearest to the value. By `model`: some members and as many
members of the nearest other clusters are shown in one shuffled list, and the model says which of them the name fits.
Outsiders are among them because a model that is shown members alone agrees to nearly everything.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from wildvalues.files import sha256_text
from wildvalues.llm.types import Answer
from wildvalues.taxonomy.asking import Dialogue
from wildvalues.taxonomy.naming import ClusterName, Facet, Group
from wildvalues.taxonomy.naming_prompt import Naming

# Members shown for a name; a share of twelve is known to about a tenth.
_SHOWN = 12


def fits(facet: Facet, level: int, named: Mapping[str, ClusterName]) -> dict[str, float]:
    """Return for each name of a level the share of members nearer to it than to any other name there."""
    groups = facet.at(level)
    names = np.vstack([named[group.node_id].vector for group in groups])
    found = {}
    for column, group in enumerate(groups):
        cosines = np.round(facet.vectors[[facet.row[value] for value in group.members]] @ names.T, 6)
        own = cosines[:, column].copy()
        cosines[:, column] = -np.inf
        found[group.node_id] = round(float((own > cosines.max(axis=1)).mean()), 6)
    return found


def audited(
    facet: Facet, named: Mapping[str, ClusterName], naming: Naming, counts: Counter[str]
) -> Dialogue[dict[str, float]]:
    """Ask about every name which values it fits, and return the share of the members shown that it does.

    A cluster that the model gives no usable answer about keeps its share by embedding.

    Parameters
    ----------
    counts
        Adds ``audited``, ``audit_rejected``, ``audit_outsiders`` (outsiders shown) and ``audit_outsiders_taken``
        (outsiders that the model took for members: the names' false alarms).
    """
    found: dict[str, float] = {}
    for level in facet.levels():
        found |= fits(facet, level, named)
    shown = [(group, *_shown(facet, group)) for group in facet.groups]
    requests = [naming.audit(facet, named[group.node_id], values) for group, values, _ in shown]
    answers = yield requests
    for (group, values, inside), answer in zip(shown, answers, strict=True):
        taken = _taken(answer, len(values)) if isinstance(answer, Answer) else None
        if taken is None:
            counts["audit_rejected"] += 1
            continue
        counts["audited"] += 1
        counts["audit_outsiders"] += len(values) - len(inside)
        counts["audit_outsiders_taken"] += sum(values[i] not in inside for i in taken)
        found[group.node_id] = round(sum(values[i] in inside for i in taken) / len(inside), 6)
    return found


def _shown(facet: Facet, group: Group) -> tuple[list[str], frozenset[str]]:
    """Return members from the nearest to the furthest, mixed with outsiders, and which of them are members."""
    places = np.unique(np.linspace(0, len(group.members) - 1, _SHOWN).round().astype(int))
    inside = [group.members[i] for i in places]
    mixed = [*inside, *facet.outsiders(group, len(inside))]
    return sorted(mixed, key=lambda value: sha256_text(f"{group.node_id}\n{value}")), frozenset(inside)


def _taken(answer: Answer, size: int) -> Sequence[int] | None:
    try:
        numbers = json.loads(answer.text)["fitting"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(numbers, list) or not all(isinstance(number, int) for number in numbers):
        return None
    return sorted({number - 1 for number in numbers if 1 <= number <= size})
