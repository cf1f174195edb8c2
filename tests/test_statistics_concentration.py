"""Inequality of counts and the exponent of a tail: by their laws, by other formulas, and from simulated data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from wildvalues.statistics.concentration import (
    effective_number,
    entropy,
    gini,
    interval_around,
    power_law,
    top_share,
)

counts = st.lists(st.integers(1, 500), min_size=2, max_size=30)


@given(counts)
def test_gini_is_half_the_relative_mean_difference(values):
    x = np.array(values, dtype=float)
    assert gini(x) == pytest.approx(np.abs(x[:, None] - x[None, :]).mean() / (2 * x.mean()))


@given(counts)
def test_entropy_is_scipys_in_bits(values):
    assert entropy(values) == pytest.approx(stats.entropy(values, base=2))


@given(counts, st.integers(2, 9))
def test_measures_do_not_change_with_the_size_of_the_study_nor_the_order(values, times):
    for measure in (gini, entropy, lambda x: top_share(x, 2)):
        assert measure(np.array(values)[::-1] * times) == pytest.approx(measure(values))


def test_equal_values_are_as_many_as_they_are_and_one_alone_is_one():
    assert effective_number([7] * 12) == pytest.approx(12)
    assert (gini([7] * 12), float(top_share([7] * 12, 3))) == pytest.approx((0, 0.25))
    assert effective_number([9, 0, 0]) == pytest.approx(1)
    assert gini([9, 0, 0]) == pytest.approx(2 / 3)


def test_the_exponent_of_a_power_law_is_found_within_its_error():
    rng = np.random.default_rng(1)
    # A discrete power law by inversion over a long support, its tail from 3 on.
    support = np.arange(3, 200_000)
    weight = support**-2.3
    draws = rng.choice(support, size=3_000, p=weight / weight.sum())
    found = power_law(draws)
    assert found is not None
    assert found.exponent == pytest.approx(2.3, abs=3 * found.error)
    assert found.error == pytest.approx(1.3 / np.sqrt(found.n_tail), rel=0.3)
    assert found.distance < 0.03


def test_the_tail_starts_where_the_law_does():
    rng = np.random.default_rng(2)
    support = np.arange(20, 100_000)
    tail = rng.choice(support, size=1_500, p=support**-2.5 / (support**-2.5).sum())
    found = power_law(np.concatenate([tail, rng.integers(1, 20, 1_500)]))
    assert found is not None
    assert 15 <= found.least <= 40
    assert found.exponent == pytest.approx(2.5, abs=0.25)


def test_a_tail_too_short_is_not_fitted():
    assert power_law([5, 3, 1]) is None
    assert power_law([4] * 50) is None


def test_interval_of_resamples_is_centred_on_the_estimate():
    low, high = interval_around(0.5, np.random.default_rng(3).normal(0.4, 0.1, 5_000))
    assert ((low + high) / 2, (high - low) / 2) == pytest.approx((0.5, 0.196), rel=0.05)
    assert np.isnan(interval_around(0.5, np.zeros(0))).all()
