"""The trend of a share over ordered groups."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import Table

from wildvalues.statistics.trend import cochran_armitage


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_it_is_the_test_of_ordinal_association_up_to_its_finite_correction(groups: list[tuple[int, int]]) -> None:
    with_it, without = np.array(groups).T
    z, p = cochran_armitage(with_it, with_it + without)
    n = with_it.sum() + without.sum()
    theirs = Table(np.column_stack([without, with_it]), shift_zeros=False).test_ordinal_association()
    # theirs divides by the variance over n - 1
    assert z * math.sqrt((n - 1) / n) == pytest.approx(theirs.zscore, abs=1e-9)
    assert (z > 0) == (theirs.zscore > 0) or abs(z) < 1e-9
    assert 0 <= p <= 1


def test_a_share_that_cannot_differ_has_no_trend() -> None:
    for observed, totals in (([0, 0], [5, 5]), ([5, 5], [5, 5]), ([1], [4]), ([], [])):
        assert math.isnan(cochran_armitage(observed, totals)[0])


def test_p_is_uniform_where_there_is_no_trend() -> None:
    rng = np.random.default_rng(4)
    totals = np.array([60, 80, 70, 90])
    found = [cochran_armitage(rng.binomial(totals, 0.3), totals)[1] for _ in range(600)]
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.08
