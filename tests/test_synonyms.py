"""Near-synonyms merge, what a guard tells apart never does, and merging what is merged already changes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildvalues.errors import InputError
from wildvalues.params import Canonicalize
from wildvalues.taxonomy import labelled
from wildvalues.taxonomy.guards import opposing_words, same_root, told_apart
from wildvalues.taxonomy.merging import merge_names
from wildvalues.taxonomy.spelling import normalise
from wildvalues.taxonomy.synonyms import close_pairs

PAIRS = Path(__file__).parent.parent / "data" / "reference" / "value_pairs.csv"
ALL_CLOSE = Canonicalize(merge_same_root=0.1, merge_similarity=0.1, merge_difference=0.0)
NOUNS = ["honesty", "courage", "care", "violence", "autonomy", "trust", "clarity", "certainty", "harm prevention"]
BEARERS = ["patient", "user", "child", "ai", "employee", "community", "women's"]
STRENGTHS = ["radical", "absolute", "extreme", "blind", "partial", "moderate"]
PREFIXES = ["dis", "un", "non", "non-", "in", "anti-", "over", "hyper-", "lack of ", "avoiding "]


def all_alike(names: Sequence[str]) -> np.ndarray:
    """Vectors that say that every name is close to every other: only the guards are left."""
    return np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (len(names), 1))


def at_angles(**degrees: float):
    def encode(names: Sequence[str]) -> np.ndarray:
        angles = np.radians([degrees[name] for name in names])
        return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)

    return encode


def groups(names: dict[str, int], encode=all_alike, params: Canonicalize = ALL_CLOSE, **keywords) -> list[list[str]]:
    named = merge_names(names, params, encode, **keywords)
    found: dict[str, list[str]] = {}
    for name, value in named.value_of.items():
        found.setdefault(value, []).append(name)
    return sorted(sorted(group) for group in found.values())


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("honesty", "dishonesty", "opposite"),
        ("honest talk", "dishonest talk", "opposite"),
        ("violence", "non-violence", "opposite"),
        ("violence", "avoiding violence", "opposite"),
        ("dependence", "independence", "opposite"),
        ("harmful advice", "harmless advice", "opposite"),
        ("thoughtfulness", "thoughtlessness", "opposite"),
        ("openness", "secrecy", "opposite"),
        ("privacy protection", "privacy violation", "opposite"),
        ("patient autonomy", "user autonomy", "another bearer"),
        ("self-respect", "respect for others", "another bearer"),
        ("moral growth", "spiritual growth", "another field"),
        ("honesty", "radical honesty", "another strength"),
        ("precision", "hyper-precision", "another strength"),
        ("top 3 goals", "top 5 goals", "another number"),
        ("individuality", "individualism", "a doctrine"),
        ("accepting change", "change", "a word more"),
        ("playful affection", "playfulness", "a word more"),
        ("freedom over comfort", "comfort over freedom", "another order"),
        ("humans serving technology", "technology serving humans", "another order"),
    ],
)
def test_a_guard_says_why_close_names_stay_apart(first: str, second: str, reason: str) -> None:
    assert told_apart(first, second) == told_apart(second, first) == reason


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("candour", "frankness"),
        ("moral integrity", "ethical integrity"),
        ("worker rights", "employees' rights"),
        ("respect for privacy", "privacy respect"),
        ("non-discrimination", "antidiscrimination"),
        ("non-judgmental listening", "nonjudgemental listening"),
        ("mutual respect", "respect for one another"),
        ("self-control", "selfcontrol"),
        ("independence of thought", "independent thinking"),
    ],
)
def test_no_guard_stops_names_of_one_value(first: str, second: str) -> None:
    assert told_apart(first, second) is None


@pytest.mark.parametrize(
    ("first", "second", "related"),
    [
        ("truthful", "being truthful", True),
        ("creative", "creativity", True),
        ("patience", "patient", True),
        ("respect for tradition", "respecting tradition", True),
        ("natural beauty", "beauty of nature", True),
        ("respectful creation", "creative respect", False),
        ("careful", "careless", False),
        ("honesty", "truth", False),
    ],
)
def test_names_of_one_root_differ_in_endings_alone(first: str, second: str, related: bool) -> None:
    assert same_root(first, second) is same_root(second, first) is related


@settings(deadline=None)
@given(
    st.sampled_from(NOUNS),
    st.sampled_from([*[f"{word} " for word in BEARERS + STRENGTHS], *PREFIXES]),
    st.sampled_from([*[f"{word} " for word in BEARERS + STRENGTHS], *PREFIXES]),
)
def test_no_prefix_bearer_or_strength_is_ever_merged_away(noun: str, one: str, other: str) -> None:
    names = {normalise(noun): 9, normalise(one + noun): 5, normalise(other + noun): 3}
    found = groups(names)
    assert all(told_apart(*pair) is None for group in found for pair in itertools.combinations(group, 2))
    assert [normalise(noun)] in found


def test_no_two_listed_opposites_ever_merge() -> None:
    for one, other in opposing_words():
        assert groups({one: 2, other: 1}) == sorted([[one], [other]]), (one, other)


names = st.dictionaries(
    st.sampled_from([a + b for a in ["", "open ", "dis", "user ", "un"] for b in [*NOUNS, "honest", "caring"]]),
    st.integers(1, 9),
    min_size=1,
    max_size=14,
)


def by_letters(names: Sequence[str]) -> np.ndarray:
    """Vectors that depend on the name alone, with all grades of closeness between two."""
    counts = np.array([[name.count(c) for c in "abcdehinorstuvy"] for name in names], dtype=np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@settings(max_examples=60, deadline=None)
@given(names, st.randoms(use_true_random=False), st.floats(0.3, 0.99))
def test_merging_is_idempotent_guarded_and_blind_to_order(counts, random, least) -> None:
    params = Canonicalize(merge_same_root=least, merge_similarity=least, merge_difference=0.3)
    counts = {normalise(name): n for name, n in counts.items()}
    first = merge_names(counts, params, by_letters)
    shuffled = list(counts.items())
    random.shuffle(shuffled)
    again = merge_names(dict(shuffled), params, by_letters)
    assert again.value_of == first.value_of
    assert sorted(again.merges, key=str) == sorted(first.merges, key=str)
    values: dict[str, int] = {}
    for name, value in first.value_of.items():
        values[value] = values.get(value, 0) + counts[name]
    assert merge_names(values, params, by_letters).value_of == {value: value for value in values}
    for group in groups(counts, by_letters, params):
        assert all(told_apart(*pair) is None for pair in itertools.combinations(group, 2))


def test_no_chain_drags_distant_names_together() -> None:
    encode = at_angles(candour=0, frankness=20, directness=40, bluntness=60)
    counts = {"candour": 9, "frankness": 5, "directness": 4, "bluntness": 1}
    near = Canonicalize(merge_similarity=0.93)
    assert groups(counts, encode, near) == [["bluntness", "directness"], ["candour", "frankness"]]


def test_a_name_between_two_opposites_merges_with_neither() -> None:
    encode = at_angles(steadiness=10, speed=0, patience=20)
    counts = {"steadiness": 9, "speed": 5, "patience": 4}
    found = merge_names(counts, Canonicalize(merge_similarity=0.93), encode)
    assert found.value_of == {name: name for name in counts}
    assert {merge.rule for merge in found.merges} == {"opposite", "between two that are apart"}


def test_two_names_that_share_a_word_are_compared_by_the_others() -> None:
    near, far = 10.0, 80.0
    angles = {"legal advice": 0.0, "practical advice": near, "useful advice": near + 5}
    angles |= {"legal": 0.0, "practical": far, "useful": far + 3}
    params = Canonicalize(merge_similarity=0.9, merge_difference=0.65)
    counts = {"legal advice": 3, "practical advice": 5, "useful advice": 2}
    pairs = {(p.first, p.second): p.apart for p in close_pairs(counts, at_angles(**angles), params)}
    assert pairs["practical advice", "useful advice"] is None
    assert pairs["legal advice", "practical advice"] == "another field"
    assert groups(counts, at_angles(**angles), params) == [["legal advice"], ["practical advice", "useful advice"]]


def test_the_model_has_the_last_word_where_it_is_asked() -> None:
    seen: list[tuple[str, str]] = []

    def ask(pairs):
        seen.extend((pair.first, pair.second) for pair in pairs)
        return {pair: pair.first == "candour" for pair in pairs if pair.second != "tact"}

    counts = {"candour": 3, "frankness": 2, "joy": 3, "mirth": 1, "openness": 2, "secrecy": 1, "tact": 1}
    angles = {"candour": 0, "frankness": 1, "joy": 40, "mirth": 41, "openness": 80, "secrecy": 81, "tact": 42}
    found = merge_names(counts, Canonicalize(merge_similarity=0.99), at_angles(**angles), ask=ask)
    assert {name for name, value in found.value_of.items() if name != value} == {"frankness"}
    # What a guard stops is not asked; what cannot be answered is not merged.
    assert ("openness", "secrecy") not in seen
    assert {merge.name for merge in found.merges if merge.rule == "the model said no"} == {"mirth", "tact"}


def test_the_labelled_pairs_are_many_and_halved_by_their_hash() -> None:
    pairs = labelled.read_pairs(PAIRS)
    assert len(pairs) >= 200
    assert pairs["held_out"].mean() == pytest.approx(0.5, abs=0.08)
    assert not pairs.duplicated(["first", "second"]).any()
    for side in (True, False):
        half = pairs[pairs["held_out"] == side]
        assert half["same"].mean() == pytest.approx(0.45, abs=0.1)
        assert {"opposite", "bearer", "strength", "topic", "spelling", "synonym"} <= set(half["kind"])


def test_guards_alone_stop_labelled_opposites_bearers_and_strengths_and_few_that_are_one() -> None:
    table = labelled.described(labelled.read_pairs(PAIRS), all_alike)
    hard = table[table["kind"].isin(["opposite", "bearer", "strength"])]
    # Two of them need more than words: a mastery is a strong competence, perfection an excellence.
    assert hard["apart"].isna().sum() <= 2
    same = table[table["same"]]
    assert (same["apart"].notna() & ~same["spelling"]).mean() < 0.08
    assert not table.loc[~table["same"], "spelling"].any()


def test_thresholds_are_chosen_for_precision_and_switched_off_where_none_reaches_it() -> None:
    pairs = pd.DataFrame(
        [
            ("joy", "mirth", True, 0.9),
            ("joy", "glee", True, 0.8),
            ("joy", "hope", False, 0.7),
            ("hope", "glee", True, 0.6),
        ],
        columns=["first", "second", "same", "similarity"],
    ).assign(kind="synonym", held_out=False, spelling=False, apart=None, root=False, difference=1.0)
    chosen = labelled.choose(pairs, wanted=1.0)
    assert (chosen.merge_similarity, chosen.merge_same_root) == (0.8, None)
    found = labelled.score(pairs, labelled.would_merge(pairs, chosen))
    assert (found.precision, found.recall) == (1.0, pytest.approx(2 / 3))
    assert labelled.choose(pairs.assign(same=False), wanted=0.5).merge_similarity is None


def test_a_broken_table_of_pairs_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    with pytest.raises(InputError, match="no table of labelled pairs"):
        labelled.read_pairs(path)
    path.write_text("first,second,same,kind\na,b,perhaps,x\n", "utf-8")
    with pytest.raises(InputError, match=r"line 2: same must be yes or no, found 'perhaps'"):
        labelled.read_pairs(path)
