"""Shares corrected for known errors: by the published formula, by law, and in simulated studies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildvalues.statistics.misclassification import corrected_shares

LABELS = 3


@given(st.integers(60, 99), st.integers(60, 99), st.integers(0, 500))
@settings(max_examples=40, deadline=None)
def test_for_two_labels_it_is_the_formula_of_rogan_and_gladen(sensitive: int, specific: int, positive: int) -> None:
    found = corrected_shares(
        [[sensitive, 100 - sensitive], [100 - specific, specific]], [positive, 500 - positive], draws=0, seed=1
    )
    rate = (positive / 500 + specific / 100 - 1) / (sensitive / 100 + specific / 100 - 1)
    assert found.shares[0] == pytest.approx(np.clip(rate, 0, 1), abs=1e-6)
    assert found.shares.sum() == pytest.approx(1)


def test_an_instrument_without_errors_is_left_alone() -> None:
    found = corrected_shares(np.diag([20, 30, 5]), [10, 60, 30], draws=50, seed=1)
    np.testing.assert_allclose(found.shares, [0.1, 0.6, 0.3], atol=1e-6)
    assert (found.low < found.shares).all()
    assert (found.high > found.shares).all()


def test_an_instrument_that_guesses_leaves_the_shares_open() -> None:
    found = corrected_shares([[30, 30], [25, 25]], [40, 60], draws=20, seed=1)
    assert np.isnan(found.shares).all()
    assert np.isnan(corrected_shares([[5, 1], [1, 5]], [0, 0], draws=20, seed=1).shares).all()


def test_a_label_without_gold_is_taken_as_called_rightly() -> None:
    found = corrected_shares([[40, 10, 0], [5, 45, 0], [0, 0, 0]], [30, 50, 20], draws=0, seed=1)
    assert found.shares[2] == pytest.approx(0.2, abs=1e-6)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    truth = np.array([0.6, 0.3, 0.1])
    errors = np.array([[0.7, 0.2, 0.1], [0.15, 0.75, 0.1], [0.1, 0.1, 0.8]])
    held, raw_error, error = [], [], []
    for draw in range(60):
        gold = np.stack([rng.multinomial(80, row) for row in errors])
        corpus = rng.multinomial(2_000, truth @ errors)
        found = corrected_shares(gold, corpus, draws=120, seed=draw)
        held.append((found.low <= truth) & (truth <= found.high))
        raw_error.append(np.abs(corpus / 2_000 - truth).mean())
        error.append(np.abs(found.shares - truth).mean())
    assert np.mean(held) > 0.88
    assert np.mean(error) < np.mean(raw_error)
