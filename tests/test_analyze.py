"""The result tables of small studies, counted by hand, and of real annotations."""

from __future__ import annotations

import filecmp
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from annotated_studies import SHARED_GOLD, Annotated, from_gold, random_study, run_analyze, study_of, tables
from wildvalues.analysis.associations import Bases, associate, associations
from wildvalues.analysis.contexts import variation
from wildvalues.analysis.frequencies import explicitness, frequencies
from wildvalues.analysis.pipeline import flatten
from wildvalues.analysis.places import map_coordinates, nearest_ai_value
from wildvalues.analysis.responses import mirroring, models, response_types
from wildvalues.files import read_table
from wildvalues.params import Params
from wildvalues.tables import RESULTS

TREES = {
    "ai_values": [
        {"candour": "Honesty", "honesty": "Honesty", "care": "Kindness"},
        {"Honesty": "Good", "Kindness": "Good"},
    ]
}


def row(frame: pd.DataFrame, **where: object) -> pd.Series:
    found = frame[np.logical_and.reduce([frame[column] == value for column, value in where.items()])]
    assert len(found) == 1, found
    return found.iloc[0]


def test_a_conversation_counts_once_for_a_cluster_and_each_of_its_values_is_a_mention():
    study = study_of([Annotated(ai=["candour", "honesty"]), Annotated(ai=["honesty", "care"]), Annotated()], TREES)
    found = frequencies(study, draws=0, seed=1)
    honesty = row(found, facet="ai_values", level=1, name="Honesty")
    assert (honesty.n_conversations, honesty.n_mentions, honesty.n_base) == (2, 3, 3)
    assert honesty.share == pytest.approx(2 / 3)
    assert honesty.share_mentions == pytest.approx(3 / 4)
    assert row(found, facet="ai_values", level=2, name="Good").n_mentions == 4


def test_users_are_counted_once_and_unknown_ones_add_nobody_where_others_are_known():
    users = ["ann", "ann", "bob", None, None]
    study = study_of([Annotated(ai=["care"] if i < 4 else ["honesty"], user=u) for i, u in enumerate(users)], TREES)
    found = frequencies(study, draws=50, seed=1)
    assert row(found, facet="ai_values", level=0, name="care").n_users == 2
    assert row(found, facet="ai_values", level=0, name="honesty").n_users == 1
    assert found["user_low"].notna().all()


def test_without_users_their_number_and_the_bootstrap_are_null():
    found = frequencies(study_of([Annotated(ai=["care"]), Annotated(ai=["care"])], TREES), draws=50, seed=1)
    assert found[["n_users", "user_low", "user_high"]].isna().all(axis=None)


def test_every_association_is_the_two_by_two_table_of_its_value_and_context():
    study = study_of(random_study(3, 80), {})
    ai, response = study.trees["ai_values"][0], study.flat["response_type"]
    found = associate(study, ai, response, alpha=0.05, bases=Bases(5))
    assert found is not None
    holds, replies = ai.holds.todense(), response.holds.todense()
    names, kinds = ai.nodes["node_id"].tolist(), response.nodes["node_id"].tolist()
    assert len(found.pairs) > 10
    for pair in found.pairs.itertuples():
        value, kind = holds[:, names.index(pair.row_id)], replies[:, kinds.index(pair.column_id)]
        counts = np.histogram2d(1 - value, 1 - kind, bins=2)[0]
        expected = stats.contingency.expected_freq(counts)
        assert (pair.observed, pair.row_total, pair.column_total) == (counts[0, 0], value.sum(), kind.sum())
        assert pair.expected == pytest.approx(expected[0, 0])
        reference = stats.chi2_contingency(counts, correction=False)
        assert pair.residual**2 == pytest.approx(reference.statistic)
        exact = stats.fisher_exact(counts.astype(int)).pvalue
        given_margins = stats.hypergeom(len(value), value.sum(), kind.sum())
        tail = min(given_margins.cdf(pair.observed), given_margins.sf(pair.observed - 1))
        assert pair.p == pytest.approx(exact if min(expected.min(), counts.min()) < 5 else min(1, 2 * tail), rel=0.02)
        together = np.flatnonzero(value * kind)
        known = set(study.users.code[together]) - {-1}
        assert pair.n_users == max(len(known), 1 if len(together) else 0)


def test_values_and_contexts_under_the_minimum_are_not_tested_and_the_tests_are_counted():
    conversations = [
        Annotated(ai=["care"] * (i < 6) + ["honesty"] * (i == 9), language="en" if i % 2 else "es") for i in range(20)
    ]
    study = study_of(conversations, TREES)
    found = associate(study, study.trees["ai_values"][0], study.flat["language"], alpha=0.05, bases=Bases(3))
    assert found is not None
    assert set(found.pairs["row_id"]) == {"care"}
    assert found.test[["n", "n_rows", "n_columns", "n_tests"]].iloc[0].tolist() == [20, 1, 2, 2]


def test_a_planted_association_is_found_and_survives_bonferroni():
    rng = np.random.default_rng(1)
    conversations = []
    for _ in range(300):
        history = rng.random() < 0.3
        accurate = rng.random() < (0.7 if history else 0.1)
        ai = ["historical accuracy"] * accurate + ["care"] * bool(rng.random() < 0.4)
        conversations.append(Annotated(ai=ai, task="explain history" if history else "write copy"))
    found = associations(study_of(conversations), alpha=0.05, min_count=5)
    pairs = found.pairs.query("row_level == 0 and column_facet == 'task' and column_level == 1 and significant")
    assert set(pairs["row_id"]) == {"historical accuracy"}
    assert pairs.set_index("column_name").loc["ex things", "residual"] > 5
    threshold = row(found.test, row_facet="ai_values", row_level=0, column_facet="task", column_level=1).threshold
    assert threshold == pytest.approx(stats.norm.isf(0.05 / 4 / 2))


def test_both_denominators_of_response_types_are_kept_apart():
    study = study_of(
        [Annotated(response="strong_support", human=["care"]), Annotated(response="strong_support"), Annotated()]
    )
    found = response_types(study)
    assert row(found, denominator="subjective", response_type="strong_support").share == pytest.approx(2 / 3)
    assert row(found, denominator="with_human_value", response_type="strong_support").share == 1
    assert found.groupby("denominator")["n_conversations"].sum().to_dict() == {"subjective": 3, "with_human_value": 1}


def test_mirroring_by_value_and_by_the_cluster_of_the_nearest_ai_value():
    conversations = [
        Annotated(ai=["honesty"], human=["honesty"], response="strong_support"),
        Annotated(ai=["honesty"], human=["candour"], response="strong_support"),
        Annotated(ai=["care"], human=["honesty"], response="reframing"),
        Annotated(ai=["candour"]),
    ]
    nearest = pd.Series({"honesty": "honesty", "candour": "candour"})
    found = mirroring(study_of(conversations, TREES), nearest, min_context=8)
    assert row(found, matched="value", response_type="all").share == pytest.approx(1 / 3)
    assert row(found, matched="level_1", response_type="strong_support").share == 1
    assert row(found, matched="level_1", response_type="reframing").share == 0
    # By chance two of the three human sides are "honesty", and two of the three AI sides.
    assert row(found, matched="value", response_type="all").expected == pytest.approx(2 / 3 * 2 / 3)


def test_a_human_value_goes_with_its_namesake_or_else_the_nearest_ai_value():
    frame = pd.DataFrame(
        [
            ("ai_values", "care", [1.0, 0.0]),
            ("ai_values", "honesty", [0.0, 1.0]),
            ("human_values", "honesty", [1.0, 0.0]),
            ("human_values", "kindness", [0.9, 0.1]),
        ],
        columns=["facet", "value", "vector"],
    )
    assert nearest_ai_value(frame).to_dict() == {"honesty": "honesty", "kindness": "care"}


def test_variation_is_over_large_contexts_only():
    conversations = [Annotated(ai=["care"] * (i % 2), task="ask help") for i in range(20)]
    conversations += [Annotated(ai=["care"], task="bake bread")] * 10 + [Annotated(task="cook")] * 2
    found = variation(study_of(conversations), min_context=5, min_count=3)
    care = row(found, level=0, context_level=1, node_id="care")
    assert (care.n_contexts, care.mean_rate) == (2, 0.75)
    assert care.cv == pytest.approx(stats.variation([0.5, 1.0], ddof=1))


def test_explicitness_is_of_mentions_and_by_response_type():
    conversations = [
        Annotated(ai=["care", "honesty"], explicit={"care": True, "honesty": False}, response="reframing"),
        Annotated(ai=["care"], explicit={"care": False}, response="no_values"),
    ]
    found = explicitness(study_of(conversations, TREES))
    assert row(found, by="all").share == pytest.approx(1 / 3)
    assert row(found, by="response_type", group_id="reframing").share == 0.5
    assert set(found["by"]) == {"all", "response_type", "cluster"}


def test_models_have_their_own_base():
    found = models(
        study_of([Annotated(model="a", response="reframing"), Annotated(model="a"), Annotated(model="b"), Annotated()])
    )
    assert row(found, model="a", response_type="reframing").share == 0.5
    assert set(found["n_base"]) == {2, 1}


def test_metrics_are_flattened_and_text_is_left_out():
    assert flatten({"a": 1, "b": {"c": 2.5}, "d": True, "e": "text"}) == {"a": 1.0, "b_c": 2.5, "d": 1.0}


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path: Path):
    given = tables(random_study(1))
    shuffled = {name: frame.sample(frac=1, random_state=3) for name, frame in given.items()}
    first, second = run_analyze(given, tmp_path / "a"), run_analyze(shuffled, tmp_path / "b")
    names = [path.name for path in sorted(first.iterdir())]
    assert set(names) >= {f"{name}.parquet" for name in RESULTS}
    assert filecmp.cmpfiles(first, second, names, shallow=False)[0] == names


def test_no_text_of_a_conversation_reaches_the_tables(tmp_path: Path):
    processed = run_analyze(tables(random_study(2)), tmp_path)
    assert not [path for path in processed.iterdir() if b"SECRET" in path.read_bytes()]


BARE = Annotated(ai=["care"], task=None, response=None, language=None)


@pytest.mark.parametrize(
    "conversations",
    [
        [],
        [Annotated(task=None, response=None, language=None)],
        [BARE] * 5,
        [Annotated(ai=["care"], model="m", user="u", day="2026-03-02")] * 5,
        [Annotated(human=["care"])] * 5,
    ],
    ids=["no conversation", "no label", "AI values alone", "one of everything", "human values alone"],
)
def test_what_is_missing_leaves_valid_tables(conversations: list[Annotated], tmp_path: Path):
    processed = run_analyze(tables(conversations), tmp_path)
    for name, table in RESULTS.items():
        assert not read_table(processed / f"{name}.parquet", table.schema).duplicated(list(table.key)).any()


def test_few_values_are_placed_by_their_main_axes_and_many_on_a_repeatable_map():
    few = tables(random_study(1))["embeddings"]
    places = map_coordinates(few, seed=1)
    assert len(places) == (few["facet"] != "task").sum()
    pd.testing.assert_frame_equal(places, map_coordinates(few.sample(frac=1, random_state=1), seed=1))


@pytest.mark.slow
def test_the_map_of_many_values_is_the_same_each_time():
    many = tables([Annotated(ai=[f"value {a}{b}"]) for a in "abcdef" for b in "abcdef"])["embeddings"]
    first = map_coordinates(many, seed=1)
    pd.testing.assert_frame_equal(first, map_coordinates(many.sample(frac=1, random_state=1), seed=1))
    assert first[["x", "y"]].notna().all(axis=None)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not SHARED_GOLD.exists(), reason="the real annotations are not part of this repository")
def test_real_annotations_fill_every_table(tmp_path: Path):
    params = Params.model_validate({"analyze": {"bootstrap": 20}})
    processed = run_analyze(tables(from_gold(SHARED_GOLD)), tmp_path, params)
    sizes = {name: len(read_table(processed / f"{name}.parquet")) for name in RESULTS}
    # These logs name no model and nobody edited the trees; the stage `assess` did not run.
    absent = {"models", "edits", "quality", "sensitivity", "misfits", "contrast_tests"}
    assert {name for name, size in sizes.items() if size == 0} == absent
    found = read_table(processed / "frequencies.parquet").query("facet == 'ai_values' and level == 2")
    assert found["share_mentions"].sum() == pytest.approx(1)
