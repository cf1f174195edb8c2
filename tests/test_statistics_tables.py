"""Residuals, exact tests, odds ratios and corrections: against SciPy and statsmodels, and by their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from scipy.optimize import brentq
from statsmodels.stats.contingency_tables import Table, Table2x2
from statsmodels.stats.multitest import multipletests

from wildvalues.statistics import chisquare
from wildvalues.statistics.chisquare import ChiSquare, Side, corrected_v
from wildvalues.statistics.corrections import benjamini_hochberg, bonferroni, bonferroni_threshold
from wildvalues.statistics.exact import fisher_two_sided
from wildvalues.statistics.odds import odds_ratios
from wildvalues.statistics.residuals import adjusted_residuals, residual_tests, smallest_expected
from wildvalues.statistics.tails import two_sided

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


def tails(a: int, row: int, column: int, n: int) -> float:
    exact = stats.hypergeom(n, row, column)
    return float(min(1, 2 * min(exact.cdf(a), exact.sf(a - 1))))


def test_p_is_fishers_where_an_expected_count_is_small_and_twice_the_tail_elsewhere():
    n = 200
    found = residual_tests([8, 40], [10, 100], [40, 60], n)
    assert found.p[0] == pytest.approx(stats.fisher_exact([[8, 2], [32, 158]]).pvalue)
    assert found.p[1] == pytest.approx(tails(40, 100, 60, n), rel=0.01)
    assert found.expected.tolist() == [2.0, 30.0]


@settings(max_examples=100, deadline=None)
@given(st.integers(100, 400_000), st.floats(0.001, 0.9), st.floats(0.001, 0.9), st.floats(-7, 12))
def test_twice_the_tail_is_scipys_hypergeometric_far_out_as_well(n, row_share, column_share, residual):
    row, column = max(1, round(n * row_share)), max(1, round(n * column_share))
    expected = row * column / n
    spread = np.sqrt(expected * (1 - row / n) * (1 - column / n))
    a = int(np.clip(round(expected + residual * spread), max(0, row + column - n), min(row, column)))
    if min(a, row - a, column - a, n - row - column + a, smallest_expected(row, column, n)) < 5:
        return
    assert float(two_sided(a, row, column, n)) == pytest.approx(tails(a, row, column, n), rel=0.15, abs=1e-250)


def test_the_normal_p_of_the_residual_would_be_a_fraction_of_the_true_one():
    # Expected 5, observed 15: a residual of 4.5.
    a, row, column, n = 15, 1_000, 500, 100_000
    normal = 2 * stats.norm.sf(float(adjusted_residuals(a, row, column, n)))
    assert normal < tails(a, row, column, n) / 40
    assert residual_tests(a, row, column, n).p == pytest.approx(tails(a, row, column, n), rel=0.01)


def test_p_under_independence_is_uniform():
    rng = np.random.default_rng(7)
    n, row, column = 20_000, 8_000, 6_000
    observed = rng.hypergeometric(column, n - column, row, size=2_000)
    p = residual_tests(observed, np.full(2_000, row), np.full(2_000, column), n).p
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize(("rarest", "commonest"), [(20, 100), (60, 200), (200, 2_000), (2_000, 20_000)])
def test_bonferroni_keeps_the_family_wise_error_at_its_level_from_rare_to_common_values(rarest, commonest):
    # 1,000 studies of 100 independent values: expected counts from 1 to 1,000 in a context of 5 %.
    rng = np.random.default_rng(3)
    n, context, row = 100_000, 5_000, np.geomspace(rarest, commonest, 100).astype(int)
    observed = rng.hypergeometric(context, n - context, row, size=(1_000, 100))
    p = residual_tests(observed, row, context, n).p
    assert (bonferroni(p, 100) <= 0.05).any(axis=1).mean() <= 0.05


@pytest.mark.parametrize(("wanted", "n_tests"), [(0.8, 1), (0.8, 3_307), (0.5, 3_307)])
def test_a_planted_effect_is_found_at_the_stated_power(wanted, n_tests):
    # A value of 20 % outside a context of 2,000 of 10,000 conversations; inside, as much more as the formula for two
    # proportions says is found with the wanted power (Fleiss, Levin and Paik 2003, 4.3).
    n, context, outside = 10_000, 2_000, 0.2

    def power(inside: float) -> float:
        pooled = (context * inside + (n - context) * outside) / n
        null = np.sqrt(pooled * (1 - pooled) * (1 / context + 1 / (n - context)))
        true = np.sqrt(inside * (1 - inside) / context + outside * (1 - outside) / (n - context))
        return float(stats.norm.cdf((inside - outside - bonferroni_threshold(0.05, n_tests) * null) / true))

    inside = brentq(lambda share: power(share) - wanted, outside + 0.001, 0.5)
    rng = np.random.default_rng(8)
    observed, elsewhere = rng.binomial(context, inside, 2_000), rng.binomial(n - context, outside, 2_000)
    found = bonferroni(residual_tests(observed, observed + elsewhere, context, n).p, n_tests) <= 0.05
    assert found.mean() == pytest.approx(wanted, abs=0.05)


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


def table_test(rows: sparse.csr_array, columns: sparse.csr_array) -> ChiSquare:
    return chisquare.table_test(Side(rows), Side(columns))


def test_whole_table_of_exclusive_sides_is_pearsons_chi_square_and_cramers_v():
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    counts = np.histogram2d(rows, columns, bins=(3, 4))[0]
    reference = stats.chi2_contingency(counts, correction=False)
    found = table_test(one_hot(rows, 3), one_hot(columns, 4))
    assert (found.chi2, found.dof, found.p) == pytest.approx((reference.statistic, reference.dof, reference.pvalue))
    assert found.cramers_v == pytest.approx(stats.contingency.association(counts.astype(int), method="cramer"))


def test_corrected_v_is_bergsmas_and_nears_nothing_where_there_is_nothing():
    # By hand from Bergsma (2013): phi2 = 30 / 200 - 6 / 199 over min(3 - 4 / 199, 4 - 9 / 199) - 1.
    assert corrected_v(30.0, 3, 4, 200) == pytest.approx(np.sqrt((0.15 - 6 / 199) / (2 - 4 / 199)))
    rng = np.random.default_rng(4)
    plain, corrected = np.transpose(
        [
            (found.cramers_v**2, found.cramers_v_corrected**2)
            for found in (
                table_test(one_hot(rng.integers(0, 6, 120), 6), one_hot(rng.integers(0, 6, 120), 6)) for _ in range(60)
            )
        ]
    )
    assert plain.mean() > 0.03
    assert np.median(corrected) < plain.mean() / 4


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
