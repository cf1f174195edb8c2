"""Groups compared within strata: against statsmodels, by the laws of matched designs, and where users recur."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from statsmodels.stats.contingency_tables import StratifiedTable, cochrans_q, mcnemar

from wildvalues.statistics.clusters import sum_of_squares
from wildvalues.statistics.matched import MANTEL_FLEISS, general_association, mantel_haenszel
from wildvalues.statistics.regression import adjusted_differences


def study(seed: int, n: int = 300, strata: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return group, outcomes (three of rising frequency, the last tied to the group) and strata of members."""
    rng = np.random.default_rng(seed)
    stratum = rng.integers(0, strata, n)
    group = rng.random(n) < 0.3 + 0.1 * stratum / strata
    rate = np.array([0.1, 0.3, 0.4]) + 0.1 * stratum[:, None] / strata + np.outer(group, [0, 0, 0.2])
    return group, (rng.random((n, 3)) < rate).astype(np.int64), stratum


def tables(group: np.ndarray, outcome: np.ndarray, stratum: np.ndarray) -> list[np.ndarray]:
    return [
        np.histogram2d(~group[stratum == k], 1 - outcome[stratum == k], bins=2, range=((0, 1), (0, 1)))[0]
        for k in np.unique(stratum)
    ]


def alone(n: int) -> np.ndarray:
    return np.arange(n)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_common_odds_ratio_interval_and_tests_are_statsmodels(seed):
    group, outcomes, stratum = study(seed)
    found = mantel_haenszel(group, sparse.csr_array(outcomes), stratum, alone(len(group)))
    for index in range(3):
        reference = StratifiedTable(tables(group, outcomes[:, index], stratum))
        low, high = reference.oddsratio_pooled_confint()
        assert [found.odds_ratio[index], found.low[index], found.high[index]] == pytest.approx(
            [reference.oddsratio_pooled, low, high]
        )
        null = reference.test_null_odds()
        assert (found.chi2[index], found.p[index]) == pytest.approx((null.statistic, null.pvalue))
        assert found.p_homogeneity[index] == pytest.approx(reference.test_equal_odds(adjust=True).pvalue)


def test_pairs_are_mcnemars_test_and_the_ratio_of_discordant_pairs():
    rng = np.random.default_rng(2)
    first, second = rng.random(120) < 0.6, rng.random(120) < 0.4
    group, stratum = np.repeat([True, False], 120), np.tile(np.arange(120), 2)
    found = mantel_haenszel(
        group, sparse.csr_array(np.concatenate([first, second]).astype(int)[:, None]), stratum, alone(240)
    )
    table = np.histogram2d(~first, ~second, bins=2)[0]
    assert found.chi2[0] == pytest.approx(mcnemar(table, exact=False, correction=False).statistic)
    assert found.odds_ratio[0] == pytest.approx(table[0, 1] / table[1, 0])


def test_all_models_on_every_prompt_is_cochrans_q():
    rng = np.random.default_rng(3)
    outcomes = (rng.random((50, 6, 4)) < [0.2, 0.3, 0.5, 0.9]).astype(np.int64)
    groups, prompts = np.tile(np.arange(6), 50), np.repeat(np.arange(50), 6)
    found = general_association(groups, sparse.csr_array(outcomes.reshape(300, 4)), prompts, 6)
    for index in range(4):
        reference = cochrans_q(outcomes[:, :, index])
        assert (found.chi2[index], found.p[index]) == pytest.approx((reference.statistic, reference.pvalue))
    assert found.dof.tolist() == [5] * 4


def test_with_two_groups_the_test_of_all_is_the_test_of_the_pair():
    group, outcomes, stratum = study(4)
    pair = mantel_haenszel(group, sparse.csr_array(outcomes), stratum, alone(300))
    found = general_association(group.astype(np.int64), sparse.csr_array(outcomes), stratum, 2)
    assert found.chi2 == pytest.approx(pair.chi2)


def test_matching_undoes_a_confounder():
    # Within each task both models do the same; the second gets the task in which the value is at home.
    rng = np.random.default_rng(5)
    task = rng.integers(0, 2, 4_000)
    group = rng.random(4_000) < np.where(task, 0.8, 0.2)
    outcome = sparse.csr_array((rng.random((4_000, 1)) < np.where(task, 0.6, 0.1)[:, None]).astype(int))
    crude = mantel_haenszel(group, outcome, np.zeros(4_000, int), alone(4_000))
    matched = mantel_haenszel(group, outcome, task, alone(4_000))
    assert crude.low[0] > 2
    assert matched.low[0] < 1 < matched.high[0]


def test_members_in_any_order_and_swapped_groups_tell_the_same():
    group, outcomes, stratum = study(6)
    units = np.random.default_rng(6).integers(0, 80, 300)
    found = mantel_haenszel(group, sparse.csr_array(outcomes), stratum, units)
    order = np.random.default_rng(7).permutation(300)
    again = mantel_haenszel(group[order], sparse.csr_array(outcomes[order]), stratum[order], units[order])
    other = mantel_haenszel(~group, sparse.csr_array(outcomes), stratum, units)
    assert again.low == pytest.approx(found.low)
    assert np.stack([other.odds_ratio, other.low, other.high]) == pytest.approx(
        1 / np.stack([found.odds_ratio, found.high, found.low])
    )


def test_a_stratum_of_one_group_changes_nothing():
    group, outcomes, stratum = study(8)
    more = [np.concatenate(pair) for pair in ((group, [True] * 20), (stratum, [9] * 20))]
    both = np.concatenate([outcomes, np.ones((20, 3), int)])
    found = mantel_haenszel(more[0], sparse.csr_array(both), more[1], alone(320))
    assert found.odds_ratio == pytest.approx(
        mantel_haenszel(group, sparse.csr_array(outcomes), stratum, alone(300)).odds_ratio
    )


def test_a_test_that_the_counts_are_too_small_for_has_no_p():
    group, stratum = np.arange(40) < 20, np.zeros(40, int)
    outcome = sparse.csr_array((np.arange(40) < 4).astype(int)[:, None])
    found = mantel_haenszel(group, outcome, stratum, alone(40))
    assert found.room[0] < MANTEL_FLEISS
    assert np.isnan(found.p[0])


def test_conversations_of_the_same_user_widen_the_interval_and_copies_add_nothing():
    group, outcomes, stratum = study(9, 200)
    once = mantel_haenszel(group, sparse.csr_array(outcomes), stratum, alone(200))
    thrice = mantel_haenszel(
        np.tile(group, 3), sparse.csr_array(np.tile(outcomes, (3, 1))), np.tile(stratum, 3), np.tile(alone(200), 3)
    )
    # What is copied is worth one: near the interval of the single conversations, far from that of three times as many.
    assert np.log(thrice.high / thrice.low) == pytest.approx(np.log(once.high / once.low), rel=0.05)


def test_clustered_error_is_that_of_leaving_out_one_user_after_the_other():
    group, outcomes, stratum = study(10)
    users = np.random.default_rng(10).integers(0, 60, 300)
    found = mantel_haenszel(group, sparse.csr_array(outcomes), stratum, users)
    left = np.log(
        [
            mantel_haenszel(group[kept], sparse.csr_array(outcomes[kept]), stratum[kept], users[kept]).odds_ratio
            for kept in (users != user for user in range(60))
        ]
    )
    jackknife = np.sqrt(((left - left.mean(axis=0)) ** 2).sum(axis=0) * 59 / 60)
    error = np.log(found.high / found.low) / 2 / stats.t.isf(0.025, 59)
    assert error == pytest.approx(jackknife, rel=0.05)


def test_p_within_strata_is_uniform_under_the_null_also_where_users_recur():
    rng = np.random.default_rng(11)
    stratum, user = rng.integers(0, 5, 900), rng.integers(0, 300, 900)
    group = rng.random(900) < 0.4
    # A user's conversations lean the same way; models are dealt out at random.
    lean = rng.beta(2, 3, (300, 400))[user]
    outcomes = sparse.csr_array((rng.random((900, 400)) < lean).astype(np.int64))
    p = mantel_haenszel(group, outcomes, stratum, user).p
    assert stats.kstest(p, "uniform").pvalue > 0.01


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_adjusted_difference_is_statsmodels_regression_with_clustered_errors(seed):
    group, outcomes, stratum = study(seed, 150)
    rng = np.random.default_rng(seed)
    covariates, users = (rng.random((150, 2)) < 0.4).astype(float), rng.integers(0, 50, 150)
    found = adjusted_differences(group, sparse.csr_array(outcomes), stratum, covariates, users)
    design = np.column_stack([group, covariates, np.eye(4)[stratum]]).astype(float)
    for index in range(3):
        reference = sm.OLS(outcomes[:, index], design).fit(cov_type="cluster", cov_kwds={"groups": users}, use_t=True)
        low, high = reference.conf_int()[0]
        assert [found.difference[index], found.low[index], found.high[index], found.p[index]] == pytest.approx(
            [reference.params[0], low, high, reference.pvalues[0]], rel=1e-6, abs=1e-12
        )


def test_a_covariate_that_strata_explain_is_left_out():
    group, outcomes, stratum = study(12)
    explained = np.column_stack([stratum == 1, stratum > 1]).astype(float)
    found = adjusted_differences(group, sparse.csr_array(outcomes), stratum, explained, alone(300))
    bare = adjusted_differences(group, sparse.csr_array(outcomes), stratum, np.zeros((300, 0)), alone(300))
    assert found.low == pytest.approx(bare.low)


def test_a_group_in_strata_of_its_own_cannot_be_compared():
    stratum = np.arange(40) // 20
    outcome = sparse.csr_array(np.ones((40, 1), int))
    assert np.isnan(mantel_haenszel(stratum == 0, outcome, stratum, alone(40)).odds_ratio).all()
    assert np.isnan(adjusted_differences(stratum == 0, outcome, stratum, np.zeros((40, 0)), alone(40)).difference).all()


def test_sums_of_squares_by_cluster_are_those_of_the_dense_table():
    rng = np.random.default_rng(13)
    own, shared = rng.random((30, 5)) * (rng.random((30, 5)) < 0.3), rng.random((30, 4)) * (rng.random((30, 4)) < 0.5)
    weights = rng.normal(size=(4, 5))
    found = sum_of_squares(sparse.csr_array(own), sparse.csr_array(shared), weights)
    assert found == pytest.approx(((own + shared @ weights) ** 2).sum(axis=0))
