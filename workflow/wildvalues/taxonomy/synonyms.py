"""Near-synonyms: names whose vectors are close and that no guard tells apart.

Vectors put opposites, bearers and strengths close together ("honesty" and "dishonesty", "patient autonomy" and
"user autonomy", "honesty" and "radical honesty"), so closeness alone never merges: every pair passes the guards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wildvalues.taxonomy.spelling import stem_key

if TYPE_CHECKING:
    import numpy as np

_NEGATIONS = (
    "anti", "counter", "de", "dis", "il", "im", "in", "ir", "mal", "mis", "non", "un", "under", "over", "hyper", "a"
)  # fmt: skip
_OPPOSITES = (
    ("accept", "reject"), ("acceptance", "rejection"), ("altruism", "egoism"), ("certainty", "doubt"),
    ("collective", "individual"), ("collectivism", "individualism"), ("competition", "cooperation"),
    ("complexity", "simplicity"), ("conformity", "nonconformity"), ("conservative", "progressive"),
    ("control", "freedom"), ("conservatism", "progressivism"), ("cruelty", "kindness"), ("decrease", "increase"),
    ("dominance", "submission"), ("enable", "prevent"), ("enabling", "preventing"), ("exclusion", "inclusion"),
    ("exclusivity", "inclusivity"), ("external", "internal"), ("fast", "slow"), ("formality", "informality"),
    ("global", "local"), ("hierarchy", "equality"), ("high", "low"), ("idealism", "pragmatism"), ("love", "hate"),
    ("masculine", "feminine"), ("masculinity", "femininity"), ("maximal", "minimal"), ("modernity", "tradition"),
    ("objectivity", "subjectivity"), ("openness", "secrecy"), ("optimism", "pessimism"), ("peace", "violence"),
    ("positive", "negative"), ("positivity", "negativity"), ("private", "public"), ("promote", "prevent"),
    ("protection", "exploitation"), ("rational", "irrational"), ("safety", "danger"), ("secrecy", "transparency"),
    ("short", "long"), ("speed", "thoroughness"), ("strict", "lenient"), ("support", "oppose"), ("trust", "distrust"),
)  # fmt: skip
# Words that say whose value it is, or how strong: a pair that differs in one of them is two values.
_QUALIFIERS = frozenset(
    re.findall(
        r"\w+",
        "absolute academic adult ai animal artistic author basic brand business child client community company "
        "complete consumer corporate cultural customer digital economic emotional employee employer environmental "
        "extreme family female financial full gender gradual human individual intellectual learner legal machine "
        "male medical mental minimal moderate moral mutual national parent parental partial patient peer personal "
        "physical player political professional psychological public pure racial radical reader religious "
        "scientific self sexual social spiritual staff strict student systemic team technical total true user "
        "victim worker",
    )
)
_LESS = ("less", "ful")
# Rows of the similarity matrix held at once: 1,024 x 100,000 float32 is 0.4 GB.
_BLOCK = 1_024


def told_apart(first: str, second: str) -> bool:
    """Say whether two names must stay apart however close their vectors are.

    True when one has a word more than the other (a qualifier, another strength), when they differ in a word that
    says whose value it is, or when a word of one is the opposite of a word of the other.
    """
    left, right = _words(first), _words(second)
    only_left, only_right = left - right, right - left
    if not only_left or not only_right:
        return left != right
    if (only_left | only_right) & _QUALIFIERS:
        return True
    return any(_opposite(a, b) for a in only_left for b in only_right)


def _words(name: str) -> set[str]:
    return {stem_key(word) or word for word in re.split(r"[^\w]+", name) if word and word not in ("a", "an", "the")}


def _opposite(first: str, second: str) -> bool:
    if (first, second) in _OPPOSITES or (second, first) in _OPPOSITES:
        return True
    short, long = sorted((first, second), key=len)
    # Compared on the first letters, because endings differ: honest / dishonesty, human / inhumane.
    for prefix in _NEGATIONS:
        if long.startswith(prefix) and len(long) - len(prefix) >= 3 and long[len(prefix) :][:4] == short[:4]:
            return True
    bare = [word.removesuffix("ness") for word in (first, second)]
    stems = [word.removesuffix(_LESS[0]).removesuffix(_LESS[1]) for word in bare]
    return stems[0] == stems[1] and bare[0].endswith(_LESS[0]) != bare[1].endswith(_LESS[0])


def merge_close(
    names: Sequence[str], vectors: np.ndarray, counts: Mapping[str, int], *, similarity: float
) -> list[list[str]]:
    """Group near-synonyms by complete linkage: every pair within a group is close and passes the guards.

    Parameters
    ----------
    names
        Distinct names.
    vectors
        Their unit vectors, one a row.
    counts
        Conversations of each name; the names of a group come most frequent first.
    similarity
        Least cosine of any two names in a group.

    Returns
    -------
    groups
        Every name once, sorted; the same for any order of `names`.
    """
    import numpy as np

    order = sorted(range(len(names)), key=lambda i: names[i])
    ordered = [names[i] for i in order]
    unit = np.asarray(vectors, dtype=np.float32)[order]
    pairs: dict[tuple[int, int], float] = {}
    for start in range(0, len(ordered), _BLOCK):
        cosines = unit[start : start + _BLOCK] @ unit.T
        for row, column in np.argwhere(cosines >= similarity):
            left, right = int(start + row), int(column)
            if left < right and not told_apart(ordered[left], ordered[right]):
                pairs[left, right] = round(float(cosines[row, column]), 5)
    group_of = {i: [i] for i in range(len(ordered))}
    for left, right in sorted(pairs, key=lambda pair: (-pairs[pair], pair)):
        one, other = group_of[left], group_of[right]
        if one is not other and all((min(a, b), max(a, b)) in pairs for a in one for b in other):
            one.extend(other)
            for member in other:
                group_of[member] = one
    distinct = {id(group): group for group in group_of.values()}
    return sorted(
        sorted((ordered[i] for i in group), key=lambda name: (-counts.get(name, 0), name))
        for group in distinct.values()
    )
