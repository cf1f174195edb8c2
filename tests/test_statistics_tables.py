"""Residuals, exact tests, odds ratios and corrections: against SciPy and statsmodels, and by their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from statsmodels.stats.contingency_tables import Table, Table2x2
from statsmodels.stats.multitest import multipletests

from wildvalues.statistics.chisquare import table_test
from wildvalues.statistics.corrections import benjamini_hochberg, bonferroni, bonferroni_threshold
from wildvalues.statistics.exact import fisher_two_sided
from wildvalues.statistics.odds import odds_ratios
from wildvalues.statistics.residuals import adjusted_residuals, residual_tests

cell = st.integers(0, 60)
two_by_two = st.tuples(cell, cell, cell, cell).filter(
    lambda t: min(t[0] + t[1], t[2] + t[3], t[0] + t[2], t[1] + t[3]) > 0
)


def margins(table: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    a, b, c, d = table
    return a, a + b, a + c, a + b + c + d


@given(two_by_two)
def test_residual_is_statsmodels_standardized_residual(table):
    expected = Table(np.reshape(table, (2, 2)), shift_zeros=False).standardized_resids[0, 0]
    assert adjusted_residuals(*margins(table)) == pytest.approx(expected)


@given(two_by_two)
def test_residuals_of_a_two_by_two_table_are_equal_in_size_and_alternate_in_sign(table):
    a, b, c, d = table
    here = float(adjusted_residuals(a, a + b, a + c, a + b + c + d))
    beside = float(adjusted_residuals(b, a + b, b + d, a + b + c + d))
    below = float(adjusted_residuals(c, c + d, a + c, a + b + c + d))
    across = float(adjusted_residuals(d, c + d, b + d, a + b + c + d))
    assert [beside, below, across] == pytest.approx([-here, -here, here])


def test_the_square_of_the_residual_is_pearsons_chi_square():
    chi2 = stats.chi2_contingency([[12, 5], [9, 30]], correction=False).statistic
    assert adjusted_residuals(12, 17, 21, 56) ** 2 == pytest.approx(chi2)


def test_an_empty_or_full_margin_has_no_residual():
    assert np.isnan(adjusted_residuals([0, 4], [0, 10], [5, 4], 10)).all()


@settings(max_examples=200)
@given(two_by_two)
def test_exact_p_is_scipys_fisher_test(table):
    a, row, column, n = margins(table)
    expected = stats.fisher_exact(np.reshape(table, (2, 2))).pvalue
    assert fisher_two_sided([a], [row], [column], n)[0] == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_exact_p_holds_for_a_rare_and_perfect_association_in_a_large_study():
    expected = stats.fisher_exact([[40, 0], [0, 308_170]]).pvalue
    assert fisher_two_sided([40], [40], [40], 308_210)[0] == pytest.approx(expected, rel=1e-6)


def test_p_is_exact_where_an_expected_count_is_small_and_normal_elsewhere():
    n = 200
    found = residual_tests([8, 40], [10, 100], [40, 60], n)
    assert found.p[0] == pytest.approx(stats.fisher_exact([[8, 2], [32, 158]]).pvalue)
    assert found.p[1] == pytest.approx(2 * stats.norm.sf(abs(found.residual[1])))
    assert found.expected.tolist() == [2.0, 30.0]


def test_p_under_independence_is_uniform():
    rng = np.random.default_rng(7)
    n, row, column = 20_000, 8_000, 6_000
    observed = rng.hypergeometric(column, n - column, row, size=2_000)
    p = residual_tests(observed, np.full(2_000, row), np.full(2_000, column), n).p
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_bonferroni_keeps_the_family_wise_error_under_its_level():
    rng = np.random.default_rng(3)
    n, row, column, tests = 5_000, 1_000, 800, 50
    observed = rng.hypergeometric(column, n - column, row, size=(1_000, tests))
    p = residual_tests(observed, np.full(observed.shape, row), np.full(observed.shape, column), n).p
    assert (bonferroni(p, tests) <= 0.05).any(axis=1).mean() <= 0.065


@given(two_by_two)
def test_odds_ratio_and_interval_are_statsmodels_with_halves_in_tables_with_an_empty_cell(table):
    # Given the halves, for its own shift_zeros adds them twice.
    reference = Table2x2(np.reshape(table, (2, 2)) + 0.5 * (0 in table), shift_zeros=False)
    found = odds_ratios(*margins(table))
    low, high = reference.oddsratio_confint()
    assert [float(found.ratio), float(found.low), float(found.high)] == pytest.approx([reference.oddsratio, low, high])


@given(two_by_two.filter(lambda t: min(t) > 0), st.integers(2, 9))
def test_merging_identical_contexts_keeps_the_odds_ratio(table, copies):
    a, row, column, n = margins(table)
    once = odds_ratios(a, row, column, n)
    merged = odds_ratios(a * copies, row * copies, column * copies, n * copies)
    assert float(merged.ratio) == pytest.approx(float(once.ratio))
    assert merged.low > once.low


def test_the_published_threshold_falls_out_of_the_formula():
    # Values in the Wild (arXiv 2504.15236): 3,307 AI values, |residual| > 4.33.
    assert round(bonferroni_threshold(0.05, 3_307), 2) == 4.33
    assert np.isnan(bonferroni_threshold(0.05, 0))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_corrections_are_statsmodels(p):
    assert bonferroni(p, len(p)) == pytest.approx(multipletests(p, method="bonferroni")[1])
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])


def one_hot(codes: np.ndarray, n_labels: int) -> sparse.csr_array:
    return sparse.csr_array(np.eye(n_labels, dtype=np.int64)[codes])


def test_whole_table_of_exclusive_sides_is_pearsons_chi_square_and_cramers_v():
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    counts = np.histogram2d(rows, columns, bins=(3, 4))[0]
    reference = stats.chi2_contingency(counts, correction=False)
    found = table_test(one_hot(rows, 3), one_hot(columns, 4))
    assert (found.chi2, found.dof, found.p) == pytest.approx((reference.statistic, reference.dof, reference.pvalue))
    assert found.cramers_v == pytest.approx(stats.contingency.association(counts.astype(int), method="cramer"))


def test_several_values_a_conversation_sum_the_chi_square_of_each_value():
    rng = np.random.default_rng(2)
    values, columns = rng.random((300, 5)) < 0.3, rng.integers(0, 3, 300)
    parts = [
        stats.chi2_contingency(np.histogram2d(value, columns, bins=(2, 3))[0], correction=False).statistic
        for value in values.T
    ]
    found = table_test(sparse.csr_array(values.astype(np.int64)), one_hot(columns, 3))
    assert found.chi2 == pytest.approx(sum(parts))
    assert (found.dof, found.cramers_v) == (10, pytest.approx(np.sqrt(sum(parts) / 1_500)))


@pytest.mark.parametrize("exclusive", [True, False])
def test_p_of_a_whole_table_is_uniform_although_values_come_together(exclusive):
    rng = np.random.default_rng(5)
    p = []
    for _ in range(300):
        shared = rng.random((400, 1)) < 0.5
        values = sparse.csr_array((shared & (rng.random((400, 4)) < 0.7)).astype(np.int64))
        contexts = (
            one_hot(rng.integers(0, 4, 400), 4)
            if exclusive
            else sparse.csr_array((rng.random((400, 3)) < 0.3).astype(np.int64))
        )
        p.append(table_test(values, contexts).p)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) < 0.05) < 0.1
