"""Intervals, variation, mirroring and agreement: against reference implementations, enumeration and simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from sklearn.metrics import cohen_kappa_score, f1_score
from statsmodels.stats.proportion import proportion_confint

from wildvalues.statistics import agreement
from wildvalues.statistics.intervals import cluster_bootstrap, ratio_interval, wilson
from wildvalues.statistics.mirroring import chance_of_match, matches, shuffled_matches
from wildvalues.statistics.variation import (
    coefficient_of_variation,
    context_rates,
    corrected_variation,
    expected_variation,
    variation_interval,
)


@settings(deadline=None)
@given(st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_of_a_share_is_wilsons(counts):
    count, n = counts
    low, high = wilson(count, n)
    expected = proportion_confint(count, n, method="wilson")
    assert (float(low), float(high)) == pytest.approx(expected, abs=1e-12)
    assert 0 <= low <= count / n <= high <= 1


def test_a_share_of_nothing_has_no_interval():
    assert np.isnan(wilson(0, 0)).all()


def test_bootstrap_by_user_is_wider_when_few_users_bring_many_conversations():
    spread = sparse.csr_array(np.tile([[1], [0]], (50, 1)))
    lumped = sparse.csr_array(np.array([[25], [0], [25], [0]]))
    low, high = cluster_bootstrap(spread, np.ones(100), 500, 1)
    low_lumped, high_lumped = cluster_bootstrap(lumped, np.full(4, 25), 500, 1)
    assert high_lumped - low_lumped > 2 * (high - low)
    assert low < 0.5 < high


def test_bootstrap_of_single_conversations_comes_near_the_binomial_standard_error():
    one_each = sparse.csr_array((np.arange(400) < 100).astype(int)[:, None])
    low, high = cluster_bootstrap(one_each, np.ones(400), 2_000, 3)
    assert (high - low) / (2 * 1.96) == pytest.approx(np.sqrt(0.25 * 0.75 / 400), rel=0.08)


def test_one_user_or_no_draws_give_no_interval():
    one = sparse.csr_array(np.array([[3]]))
    assert np.isnan(cluster_bootstrap(one, [5], 100, 1)).all()
    assert np.isnan(cluster_bootstrap(sparse.csr_array(np.ones((4, 1))), np.ones(4), 0, 1)).all()


def test_coefficient_of_variation_is_scipys():
    rates = np.random.default_rng(1).random((5, 7))
    assert coefficient_of_variation(rates) == pytest.approx(stats.variation(rates, axis=1, ddof=1))


def test_a_value_that_never_occurs_has_no_variation():
    assert np.isnan(coefficient_of_variation(np.zeros((1, 4)))).all()


def test_expected_variation_is_what_shuffled_contexts_give():
    rng = np.random.default_rng(4)
    context = np.repeat(np.arange(5), [20, 40, 60, 80, 100])
    for count in (30, 150):
        has = np.arange(300) < count
        draws = [
            coefficient_of_variation(np.array([[has[shuffled == c].mean() for c in range(5)]]))[0]
            for shuffled in (rng.permutation(context) for _ in range(600))
        ]
        expected = expected_variation(np.array([float(count)]), np.array([20.0, 40, 60, 80, 100]))[0]
        assert expected == pytest.approx(np.sqrt(np.mean(np.square(draws))), rel=0.06)


def test_a_single_occurrence_varies_by_the_root_of_the_number_of_contexts():
    sizes = np.full(9, 10.0)
    assert expected_variation(np.array([1.0]), sizes)[0] == pytest.approx(3.0)
    assert coefficient_of_variation(np.array([[0.1] + [0.0] * 8]))[0] == pytest.approx(3.0)


def rates_of(seed: int, n: int = 200) -> tuple[sparse.csr_array, sparse.csr_array]:
    rng = np.random.default_rng(seed)
    values = (rng.random((n, 6)) < [0.02, 0.1, 0.2, 0.4, 0.6, 0.9]).astype(np.int64)
    return sparse.csr_array(values), sparse.csr_array(np.eye(4, dtype=np.int64)[rng.integers(0, 4, n)])


def test_variation_interval_holds_the_estimate_and_stays_in_its_range():
    values, contexts = rates_of(2)
    cv = coefficient_of_variation(context_rates(values, contexts))
    low, high = variation_interval(values, contexts, np.arange(200))
    assert ((low >= 0) & (low <= cv) & (cv <= high) & (high <= 2.0 + 1e-9)).all()


def test_error_of_variation_is_that_of_leaving_out_one_user_after_the_other():
    values, contexts = rates_of(3, 600)
    values = sparse.csr_array(values[:, 2:])
    users = np.random.default_rng(3).integers(0, 90, 600)
    cv = coefficient_of_variation(context_rates(values, contexts))
    left = np.array(
        [coefficient_of_variation(context_rates(values, contexts, (users != user).astype(float))) for user in range(90)]
    )
    jackknife = np.sqrt(((left - left.mean(axis=0)) ** 2).sum(axis=0) * 89 / 90)
    _, high = variation_interval(values, contexts, users)
    assert (high - cv) / stats.norm.isf(0.025) == pytest.approx(jackknife, rel=0.1)


def test_corrected_variation_is_that_of_the_true_rates_however_small_the_contexts():
    rng = np.random.default_rng(5)
    true = np.array([0.1, 0.2, 0.3, 0.4])
    cv = float(stats.variation(true, ddof=1))
    for size in (20, 200):
        sizes = np.full(4, float(size))
        observed = rng.binomial(size, true, (4_000, 4)) / size
        found = corrected_variation(observed, sizes)
        # Squares are unbiased; those cut at 0 push the small contexts up a little.
        assert np.sqrt(np.mean(found**2)) == pytest.approx(cv, rel=0.08)
        assert np.sqrt(np.mean(coefficient_of_variation(observed) ** 2)) > cv
    chance = corrected_variation(rng.binomial(50, 0.1, (4_000, 4)) / 50, np.full(4, 50.0))
    assert np.median(chance) < 0.1


def test_mentions_of_single_conversations_have_wilsons_interval_and_lumped_ones_a_wider():
    one_each = sparse.csr_array((np.arange(400) < 100).astype(int)[:, None])
    low, high = ratio_interval(one_each, np.ones(400))
    assert (float(low[0]), float(high[0])) == pytest.approx(proportion_confint(100, 400, method="wilson"), rel=0.01)
    # The same mentions by a tenth of the people: a tenth of the evidence.
    lumped = sparse.csr_array((np.arange(40) < 10).astype(int)[:, None] * 10)
    wide_low, wide_high = ratio_interval(lumped, np.full(40, 10))
    assert (float(wide_low[0]), float(wide_high[0])) == pytest.approx(
        proportion_confint(10, 40, method="wilson"), rel=0.05
    )


def test_shares_of_mentions_are_covered_as_often_as_stated():
    rng = np.random.default_rng(6)
    covered = []
    for _ in range(300):
        # Users differ in how much they say and in how often it is this value.
        said = rng.integers(1, 6, 150)
        held = rng.binomial(said, rng.beta(1, 4, 150))
        low, high = ratio_interval(sparse.csr_array(held[:, None]), said)
        covered.append(low[0] <= 0.2 <= high[0])
    assert 0.91 <= np.mean(covered) <= 0.99


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_variance_of_shuffled_matches_is_that_over_all_permutations(seed):
    rng = np.random.default_rng(seed)
    ai, human = (
        [set(rng.choice(4, size=rng.integers(0, 3), replace=False).tolist()) for _ in range(5)] for _ in range(2)
    )
    group = rng.random((5, 2)) < [0.5, 1.0]
    each = np.array([[bool(a & h) for h in human] for a in ai])
    orders = np.array(list(itertools.permutations(range(5))))
    counts = np.array([[each[np.arange(5), order][group[:, g]].sum() for g in range(2)] for order in orders])
    chance, variance = shuffled_matches(as_matrix(ai), as_matrix(human), group, np.zeros(5, dtype=np.int64))
    assert chance @ group == pytest.approx(counts.mean(axis=0))
    assert variance == pytest.approx(counts.var(axis=0), abs=1e-9)


labels = st.lists(st.sets(st.integers(0, 3), max_size=3), min_size=2, max_size=5)


def as_matrix(sides: list[set[int]]) -> sparse.csr_array:
    return sparse.csr_array(np.array([[int(label in side) for label in range(4)] for side in sides]))


@settings(deadline=None)
@given(st.integers(0, 10**6), labels)
def test_chance_of_mirroring_is_the_mean_over_all_permutations(seed, ai):
    rng = np.random.default_rng(seed)
    human = [set(rng.choice(4, size=rng.integers(0, 3), replace=False).tolist()) for _ in ai]
    permutations = list(itertools.permutations(range(len(ai))))
    expected = [np.mean([bool(side & human[order[index]]) for order in permutations]) for index, side in enumerate(ai)]
    found = chance_of_match(as_matrix(ai), as_matrix(human), np.zeros(len(ai), dtype=np.int64))
    assert found == pytest.approx(expected)
    assert matches(as_matrix(ai), as_matrix(human)).tolist() == [bool(a & h) for a, h in zip(ai, human, strict=True)]


def test_human_sides_are_shuffled_within_their_stratum_only():
    ai, human = as_matrix([{0}, {0}, {1}, {1}]), as_matrix([{0}, {2}, {1}, {1}])
    assert chance_of_match(ai, human, np.array([0, 0, 1, 1])).tolist() == [0.5, 0.5, 1.0, 1.0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=40))
def test_kappa_and_macro_f1_are_scikit_learns(pairs):
    gold, found = zip(*pairs, strict=True)
    table = agreement.confusion(gold, found, 3).sum(axis=0).astype(float)
    assert agreement.macro_f1(table) == pytest.approx(f1_score(gold, found, average="macro", zero_division=0))
    if len(set(gold)) > 1 or len(set(found)) > 1:
        assert agreement.cohen_kappa(table) == pytest.approx(cohen_kappa_score(gold, found), nan_ok=True)


def test_kappa_is_not_defined_where_both_sides_know_one_label():
    assert np.isnan(agreement.cohen_kappa(np.array([[9.0, 0.0], [0.0, 0.0]])))


def test_interval_of_accuracy_comes_near_the_binomial_one():
    each = agreement.confusion(np.zeros(300, int), (np.arange(300) < 60).astype(int), 2)
    found = agreement.estimate(agreement.accuracy, each, draws=2_000, seed=1)
    low, high = proportion_confint(240, 300)
    assert (found.value, found.low, found.high) == pytest.approx((0.8, low, high), abs=0.01)


def test_nothing_to_compare_gives_no_number():
    nothing = agreement.estimate(agreement.accuracy, np.zeros((0, 2, 2)), draws=10, seed=1)
    assert (nothing.value, nothing.low, nothing.high) == (None, None, None)
