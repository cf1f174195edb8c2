"""Spellings of one value merge, different values never do, and nobody's mention is lost on the way."""

from __future__ import annotations

import csv
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildvalues.canonicalize import run
from wildvalues.files import read_json, read_table, write_table
from wildvalues.params import Canonicalize, Params
from wildvalues.tables import ANNOTATIONS, MENTIONS, VOCABULARY
from wildvalues.taxonomy.canonical import canonicalize
from wildvalues.taxonomy.spelling import group_spellings, letters_key, normalise

REFERENCE = Path("/work/shared/data/reference/values_frequencies.csv")
PROMPTS = Path(__file__).parent.parent / "workflow" / "prompts"
WRITTEN = ("mentions", "vocabulary", "merges", "metrics")
WORDS = [
    "honesty",
    "violence",
    "dependence",
    "human",
    "moral",
    "respect",
    "control",
    "harm",
    "well",
    "being",
    "certainty",
]
PREFIXES = ["dis", "un", "non", "non-", "in", "im", "a", "anti", "anti-", "inter", "self-", "in ", "not ", "no "]


def annotations(*rows: tuple[str, str, str | None, bool | None]) -> pd.DataFrame:
    """Rows of (conversation, facet, label, explicit); ranks follow the order within a conversation and facet."""
    frame = pd.DataFrame(rows, columns=["conversation_id", "facet", "label", "explicit"])
    frame["rank"] = frame.groupby(["conversation_id", "facet"]).cumcount()
    return frame.assign(quote=None, score=None)


def no_vectors(names: object) -> np.ndarray:
    raise AssertionError("no vectors are needed")


def merged(*names: str, order: bool = True) -> bool:
    return len(group_spellings(map(normalise, names), spelling=True, word_order=order)) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("wellbeing", "well-being", "Well being", "WELL–BEING", " ‘well-being’. "),
        ("organisation", "organization", "Organisations"),
        ("behavioural honesty", "behavioral honesty"),
        ("person-centred care", "person-centered care"),
        ("defence of others", "defense of others"),
        ("judgement", "judgment"),
        ("skilful counselling", "skillful counseling"),
        ("healthy boundary", "healthy boundaries"),
        ("nonviolence", "non-violence", "non violence"),
        ("ｈｏｎｅｓｔｙ", "honesty", "hon\u200besty"),
        ("honesty & kindness", "honesty and kindness", "kindness and honesty"),
        ("enabling harm", "harm enabling", "harm-enabling"),
        ("the common good", "common good"),
    ],
)
def test_spellings_of_one_value_merge(names: tuple[str, ...]) -> None:
    assert merged(*names)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("honesty", "dishonesty"),
        ("violence", "non-violence"),
        ("dependence", "independence"),
        ("moral life", "amoral life"),
        ("living a moral life", "living amoral life"),
        ("trust in humanity", "trust inhumanity"),
        ("just treatment", "unjust treatment"),
        ("carefulness", "carelessness"),
        ("patient autonomy", "user autonomy"),
        ("honesty", "radical honesty"),
        ("humanity", "humanities"),
        ("protection from harm", "harm from protection"),
        ("humans over machines", "machines over humans"),
        ("ai serving humans", "humans serving ai"),
        ("business", "busyness"),
        ("ethic", "ethics"),
        ("careless help", "care less help"),
    ],
)
def test_different_values_stay_apart(first: str, second: str) -> None:
    assert not merged(first, second)


@given(st.sampled_from(PREFIXES), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), st.booleans())
def test_no_prefix_is_ever_merged_away(prefix: str, words: list[str], order: bool) -> None:
    plain = " ".join(words)
    assert not merged(plain, prefix + plain, order=order)


@given(st.text(max_size=40))
def test_normalising_twice_is_normalising_once(label: str) -> None:
    assert normalise(normalise(label)) == normalise(label)


@given(st.lists(st.sampled_from(["well-being", "wellbeing", "harm enabling", "enabling harm", "honesty", "trust"])))
def test_every_name_is_in_one_group_whatever_the_order(names: list[str]) -> None:
    groups = group_spellings(names, spelling=True, word_order=True)
    assert sorted(name for group in groups for name in group) == sorted(set(names))
    assert group_spellings(reversed(names), spelling=True, word_order=True) == groups


def test_names_in_any_script_survive_normalising() -> None:
    assert [normalise(name) for name in ("«Честность»", "誠実さ。", "الصدق", "सत्यता", "c++")] == [
        "честность",
        "誠実さ",
        "الصدق",
        "सत्यता",
        "c++",
    ]


def test_the_most_frequent_spelling_is_canonical_on_both_sides() -> None:
    frame = annotations(
        ("c1", "ai_values", "well-being", False),
        ("c2", "ai_values", "Well-Being", True),
        ("c3", "ai_values", "wellbeing", False),
        ("c3", "human_values", "wellbeing", None),
    )
    found = canonicalize(frame, Canonicalize(), no_vectors)
    # Two conversations write "wellbeing" only if both sides are counted, and c3 counts once: a tie, so the alphabet.
    assert set(found.mentions["value"]) == {"well-being"}
    row = found.vocabulary.set_index("facet").loc["ai_values"]
    assert (row["n_conversations"], row["n_mentions"], list(row["variants"])) == (3, 3, ["well-being", "wellbeing"])
    assert found.metrics["merged_ai_values"] == 1


def test_a_mention_is_explicit_when_any_of_its_rows_is() -> None:
    frame = annotations(
        ("c1", "ai_values", "trade-off", False),
        ("c1", "ai_values", "tradeoffs", True),
        ("c2", "ai_values", "tradeoffs", False),
        ("c2", "human_values", "calm", None),
    )
    mentions = canonicalize(frame, Canonicalize(), no_vectors).mentions
    assert mentions["conversation_id"].tolist() == ["c1", "c2", "c2"]
    assert mentions["explicit"].astype(object).where(mentions["explicit"].notna(), None).tolist() == [True, False, None]


def test_rare_values_are_dropped_and_counted() -> None:
    frame = annotations(
        ("c1", "ai_values", "honesty", False),
        ("c2", "ai_values", "honesty", False),
        ("c2", "ai_values", "valour", False),
        ("c2", "ai_values", "?!", False),
        ("c2", "human_values", None, None),
        ("c2", "response_type", "reframing", None),
    )
    found = canonicalize(frame, Canonicalize(min_conversations=2), no_vectors)
    assert found.vocabulary["value"].tolist() == ["honesty"]
    assert found.metrics["dropped_ai_values"] == 2
    assert (found.metrics["values_ai_values"], found.metrics["values_human_values"]) == (1, 0)


def test_merging_can_be_switched_off() -> None:
    frame = annotations(
        ("c1", "task", "write code", None), ("c1", "task", "code-write", None), ("c1", "task", "Codes write", None)
    )
    found = canonicalize(frame, Canonicalize(merge_spelling=False, merge_word_order=False), no_vectors)
    assert found.metrics["values_task"] == 3


def test_the_stage_writes_the_same_bytes_for_shuffled_rows(tmp_path: Path) -> None:
    frame = annotations(
        *(
            (f"c{i}", "ai_values", label, i % 2 == 0)
            for i, label in enumerate(["honesty", "Honesty ", "care", "cares"] * 5)
        ),
        ("c1", "task", "plan a trip", None),
    )
    outputs = []
    for name, rows in (("a", frame), ("b", frame.sample(frac=1, random_state=3))):
        folder = tmp_path / name
        folder.mkdir()
        write_table(rows, folder / "in.parquet", ANNOTATIONS.schema)
        paths = {key: folder / key for key in WRITTEN}
        run(Params(), annotations=folder / "in.parquet", vetoes=folder / "none", prompts=PROMPTS, **paths)
        outputs.append([path.read_bytes() for path in paths.values()])
    assert outputs[0] == outputs[1]
    assert read_table(tmp_path / "a" / "mentions", MENTIONS.schema)["conversation_id"].nunique() == 20
    assert read_json(tmp_path / "a" / "metrics")["values_ai_values"] == 2


def test_no_value_at_all_gives_empty_tables(tmp_path: Path) -> None:
    write_table(annotations(("c1", "ai_values", None, None)), tmp_path / "in.parquet", ANNOTATIONS.schema)
    paths = {key: tmp_path / key for key in WRITTEN}
    run(Params(), annotations=tmp_path / "in.parquet", vetoes=tmp_path / "none", prompts=PROMPTS, **paths)
    assert read_table(paths["vocabulary"], VOCABULARY.schema).empty
    assert read_json(paths["metrics"])["values_task"] == 0


@pytest.mark.shared
@pytest.mark.skipif(not REFERENCE.exists(), reason="the published frequencies are not here")
def test_every_pair_of_the_published_values_that_differs_by_hyphen_or_space_merges() -> None:
    with REFERENCE.open(encoding="utf-8") as handle:
        names = [row["value"] for row in csv.DictReader(handle)]
    by_letters: dict[str, list[str]] = {}
    for name in names:
        by_letters.setdefault(re.sub(r"[\s-]", "", name), []).append(name)
    pairs = [pair for group in by_letters.values() for pair in pairwise(group)]
    assert len(pairs) == 33
    group_of = {
        name: i
        for i, group in enumerate(group_spellings(map(normalise, names), spelling=True, word_order=True))
        for name in group
    }
    assert all(group_of[first] == group_of[second] for first, second in pairs)
    assert all(letters_key(first) == letters_key(second) for first, second in pairs)
