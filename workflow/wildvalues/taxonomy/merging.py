"""One name for each value: spellings first, then near-synonyms, then what a person joins; her vetoes bind all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from wildvalues.params import Canonicalize
from wildvalues.taxonomy.guards import told_apart
from wildvalues.taxonomy.merges import BY_HAND, BY_MODEL, KEPT_APART, MERGED, Merge, spelling_rule
from wildvalues.taxonomy.spelling import group_spellings, preferred
from wildvalues.taxonomy.synonyms import Encode, Pair, close_pairs, merge_close, without_contested
from wildvalues.taxonomy.vetoes import Vetoes

# Says of pairs of names whether they are one value; a pair it leaves out could not be decided.
AskSame = Callable[[Sequence[Pair]], Mapping[Pair, bool]]


@dataclass(frozen=True)
class Named:
    """`value_of` every spelling, and every decision on the way."""

    value_of: dict[str, str]
    merges: list[Merge]


def merge_names(
    counts: Mapping[str, int],
    params: Canonicalize,
    encode: Encode,
    *,
    facets: str = "values",
    vetoes: Vetoes | None = None,
    ask: AskSame | None = None,
) -> Named:
    """Find the canonical name of each normalised name.

    Parameters
    ----------
    counts
        Name -> conversations; the most frequent name of a value becomes its name, ties go by the alphabet.
    encode
        Gives unit vectors; called only when near-synonyms are merged.
    facets
        How the decisions call what these are names of.
    ask
        Has the last word on every near-synonym, where a capable model is set.
    """
    vetoes = vetoes or Vetoes()
    merges: list[Merge] = []
    value_of = _merge_spellings(counts, params, vetoes, facets, merges)
    totals = _totals(value_of, counts)
    pairs = [_vetoed(pair, value_of, vetoes) for pair in close_pairs(totals, encode, params)]
    if ask is not None:
        pairs = _asked(pairs, ask)
    kept = _apart_by_hand(value_of, vetoes)
    pairs = without_contested(pairs, lambda one, other: told_apart(one, other) is not None or (one, other) in kept)
    joined = merge_close(pairs, totals)
    for name, pair in joined.items():
        into = pair.second if pair.first == name else pair.first
        merges.append(Merge(MERGED, facets, name, into, pair.rule, pair.similarity, totals[name], totals[into]))
    for pair in pairs:
        if pair.apart is not None:
            less, more = sorted((pair.first, pair.second), key=lambda name: (totals[name], name))
            reason = vetoes.reason(pair.first, pair.second) or ""
            merges.append(
                Merge(KEPT_APART, facets, less, more, pair.apart, pair.similarity, totals[less], totals[more], reason)
            )
    leader = {name: pair.second if pair.first == name else pair.first for name, pair in joined.items()}
    value_of = {name: leader.get(value, value) for name, value in value_of.items()}
    return Named(_join_by_hand(value_of, counts, vetoes, facets, merges), merges)


def _merge_spellings(
    counts: Mapping[str, int], params: Canonicalize, vetoes: Vetoes, facets: str, merges: list[Merge]
) -> dict[str, str]:
    value_of: dict[str, str] = {}
    for group in group_spellings(counts, spelling=params.merge_spelling, word_order=params.merge_word_order):
        held: dict[str, list[str]] = {}
        for name in preferred(group, counts):
            into = next((lead for lead, mine in held.items() if not any(vetoes.reason(name, m) for m in mine)), None)
            if held and (refused := next((r for lead in held if (r := vetoes.reason(name, lead))), None)):
                first = next(iter(held))
                rule, numbers = BY_HAND, (counts[name], counts[first])
                merges.append(Merge(KEPT_APART, facets, name, first, rule, None, *numbers, refused))
            if into is None:
                held[name] = [name]
                value_of[name] = name
                continue
            held[into].append(name)
            value_of[name] = into
            merges.append(
                Merge(MERGED, facets, name, into, spelling_rule(name, into), None, counts[name], counts[into])
            )
    return value_of


def _totals(value_of: Mapping[str, str], counts: Mapping[str, int]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for name, value in value_of.items():
        totals[value] += counts[name]
    return dict(totals)


def _apart_by_hand(value_of: Mapping[str, str], vetoes: Vetoes) -> set[tuple[str, str]]:
    """Return the pairs of names, by what their spellings have become, that must not meet."""
    return {
        (value_of[one], value_of[other])
        for veto in vetoes.keep_apart
        for one in veto.names
        for other in veto.names
        if one in value_of and other in value_of and value_of[one] != value_of[other]
    }


def _vetoed(pair: Pair, value_of: Mapping[str, str], vetoes: Vetoes) -> Pair:
    kept = _apart_by_hand(value_of, vetoes)
    alone = {value_of.get(veto.names[0]) for veto in vetoes.keep_apart if len(veto.names) == 1}
    if (pair.first, pair.second) in kept or {pair.first, pair.second} & alone:
        return replace(pair, apart=BY_HAND)
    return pair


def _asked(pairs: list[Pair], ask: AskSame) -> list[Pair]:
    said = ask([pair for pair in pairs if pair.apart is None])
    return [
        replace(pair, apart=BY_MODEL) if pair.apart is None and not said.get(pair, False) else pair for pair in pairs
    ]


def _join_by_hand(
    value_of: dict[str, str], counts: Mapping[str, int], vetoes: Vetoes, facets: str, merges: list[Merge]
) -> dict[str, str]:
    for join in vetoes.join:
        values = sorted({value_of[name] for name in join.names if name in value_of})
        if not values or (len(values) == 1 and join.called is None):
            continue
        totals = _totals(value_of, counts)
        into = join.called or preferred(values, totals)[0]
        for value in values:
            if value != into:
                numbers = (totals[value], totals.get(into, 0))
                merges.append(Merge(MERGED, facets, value, into, BY_HAND, None, *numbers, join.reason))
        value_of = {name: into if value in values else value for name, value in value_of.items()}
    return value_of
