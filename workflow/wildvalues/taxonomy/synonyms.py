"""Near-synonyms: names whose vectors are close and that no guard tells apart.

Three thresholds, chosen on labelled pairs (`wildvalues synonyms`): names with the same words up to their endings
("truthful", "truthfulness") need little closeness, other names more, and two names that share a word ("practical
advice", "legal advice") are also compared by the words that differ, because the shared one makes any two close.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wildvalues.params import Canonicalize
from wildvalues.taxonomy.guards import content_key, differing, same_root, told_apart

Encode = Callable[[Sequence[str]], np.ndarray]
# Neighbours of a name that are looked at: memory grows with names x this, not with the square of the names.
_NEIGHBOURS = 32
# Names of one beginning are compared with so many that follow in the alphabet (sorted neighbourhood blocking:
# Hernandez and Stolfo 1995), so that a block of a great many names costs no square either.
_WINDOW = 64
SAME_ROOT, NEAR_SYNONYM = "same root", "near synonym"
FAR_WORDS, CONTESTED = "differing words", "between two that are apart"


@dataclass(frozen=True)
class Pair:
    """Two names that are close: `rule` by which they would merge, and why they are kept `apart`, if they are."""

    first: str
    second: str
    similarity: float
    rule: str
    apart: str | None = None


def close_pairs(names: Iterable[str], encode: Encode, params: Canonicalize) -> list[Pair]:
    """Return the pairs of distinct names that are close enough to merge, those kept apart by a guard among them.

    Parameters
    ----------
    encode
        Gives unit vectors.

    Returns
    -------
    pairs
        `first` before `second` in the alphabet, sorted; the same for any order of `names`.
    """
    ordered = sorted(set(names))
    if len(ordered) < 2 or (params.merge_similarity is None and params.merge_same_root is None):
        return []
    vectors = np.asarray(encode(ordered), dtype=np.float32)
    places = set() if params.merge_same_root is None else set(_same_beginnings(ordered))
    if params.merge_similarity is not None:
        places |= _neighbours(vectors, params.merge_similarity)
    if not places:
        return []
    left, right = np.array(sorted(places)).T
    cosines = np.round(np.einsum("ij,ij->i", vectors[left], vectors[right]).astype(float), 5)
    found = [
        pair
        for i, j, cosine in zip(left.tolist(), right.tolist(), cosines.tolist(), strict=True)
        if (pair := _pair(ordered[i], ordered[j], cosine, params)) is not None
    ]
    return _compare_differing(found, encode, params.merge_difference)


def _pair(first: str, second: str, similarity: float, params: Canonicalize) -> Pair | None:
    least = (params.merge_same_root, SAME_ROOT), (params.merge_similarity, NEAR_SYNONYM)
    rules = [rule for bound, rule in least if bound is not None and similarity >= bound]
    if SAME_ROOT in rules and not same_root(first, second):
        rules.remove(SAME_ROOT)
    return Pair(first, second, similarity, rules[0], told_apart(first, second)) if rules else None


def _compare_differing(pairs: list[Pair], encode: Encode, least: float) -> list[Pair]:
    parts = {
        pair: words
        for pair in pairs
        if pair.apart is None and pair.rule == NEAR_SYNONYM and (words := differing(pair.first, pair.second))
    }
    strings = sorted({word for words in parts.values() for word in words})
    row = {string: i for i, string in enumerate(strings)}
    vectors = np.asarray(encode(strings)) if strings else np.zeros((0, 1))

    def judged(pair: Pair) -> Pair:
        if pair not in parts:
            return pair
        one, other = (vectors[row[words]] for words in parts[pair])
        return pair if round(float(one @ other), 5) >= least else replace(pair, apart=FAR_WORDS)

    return [judged(pair) for pair in pairs]


def _neighbours(vectors: np.ndarray, similarity: float) -> set[tuple[int, int]]:
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    n_neighbours = min(_NEIGHBOURS, len(vectors) - 1)
    # Distances are computed in blocks, and only the nearest are kept.
    with threadpool_limits(limits=1):
        distances, indices = NearestNeighbors(n_neighbors=n_neighbours, algorithm="brute").fit(vectors).kneighbors()
    # |a - b|^2 = 2 - 2 cos for unit vectors; a little more is taken, since the cosine itself decides later.
    near = distances <= np.sqrt(max(0.0, 2 - 2 * similarity)) + 1e-3
    rows, columns = np.nonzero(near)
    return {(min(i, j), max(i, j)) for i, j in zip(rows.tolist(), indices[rows, columns].tolist(), strict=True)}


def _same_beginnings(ordered: Sequence[str]) -> Iterable[tuple[int, int]]:
    blocks: dict[tuple[str, ...], list[int]] = {}
    for i, name in enumerate(ordered):
        blocks.setdefault(content_key(name), []).append(i)
    for block in blocks.values():
        for place, i in enumerate(block):
            yield from ((i, j) for j in block[place + 1 : place + 1 + _WINDOW])


def without_contested(pairs: Iterable[Pair], apart: Callable[[str, str], bool]) -> list[Pair]:
    """Mark the pairs around a name that is close to two names which must not meet: none of the three is merged.

    So no group ever holds two names that are told apart, and merging what is merged already changes nothing: the
    three are all still there, and stay as they are.

    Parameters
    ----------
    apart
        Whether two names must not meet.
    """
    pairs = list(pairs)
    beside: dict[str, list[str]] = {}
    for pair in pairs:
        if pair.apart is None:
            beside.setdefault(pair.first, []).append(pair.second)
            beside.setdefault(pair.second, []).append(pair.first)
    contested = {
        name
        for middle, around in beside.items()
        for one, other in itertools.combinations(sorted(around), 2)
        if apart(one, other)
        for name in (middle, one, other)
    }
    return [
        replace(pair, apart=CONTESTED) if pair.apart is None and {pair.first, pair.second} & contested else pair
        for pair in pairs
    ]


def merge_close(pairs: Iterable[Pair], counts: Mapping[str, int]) -> dict[str, Pair]:
    """Let each name join the most similar name that leads; a leader is a name close to no more frequent leader.

    Groups are stars: every member is close to its leader itself, so no chain drags distant names together
    (leader clustering: Hartigan 1975, ch. 3). No two leaders are close, so merging leaders again changes nothing.

    Parameters
    ----------
    counts
        Conversations of each name.

    Returns
    -------
    joined
        Name -> the pair by which it joins its leader. Leaders and names close to nothing are not in it.
    """
    beside: dict[str, list[tuple[float, str, Pair]]] = {}
    for pair in pairs:
        if pair.apart is None:
            beside.setdefault(pair.first, []).append((-pair.similarity, pair.second, pair))
            beside.setdefault(pair.second, []).append((-pair.similarity, pair.first, pair))
    joined: dict[str, Pair] = {}
    leaders: set[str] = set()
    for name in sorted(beside, key=lambda name: (-counts.get(name, 0), name)):
        close = min(((s, other, pair) for s, other, pair in beside[name] if other in leaders), default=None)
        if close is None:
            leaders.add(name)
        else:
            joined[name] = close[2]
    return joined
