"""Means of Dirichlet weights against scipy's, and concentrations brought within bounds."""

import numpy as np
from scipy import stats

from dirimix.laws import dirichlet


def test_means_need_no_draws_and_do_not_overflow():
    alpha = np.array([[0.4, 3.0, 1.5], [1e-6, 1e4, 1.0]])
    for row in alpha:
        np.testing.assert_allclose(dirichlet.mean(np.log(row)), stats.dirichlet(row).mean())
    log_alpha = np.array([-np.inf, 900.0, 900.0])
    np.testing.assert_array_equal(dirichlet.mean(log_alpha), [0, 0.5, 0.5])


def test_means_over_draws_are_those_of_all_at_once():
    log_alpha = np.random.default_rng(2).normal(0, 3, (41, 5, 4))
    log_alpha[:, 2, 1] = -np.inf
    expected = dirichlet.mean(log_alpha).mean(axis=0)
    np.testing.assert_array_equal(dirichlet.mean_over_draws(log_alpha), expected)


def test_saturated_concentrations_keep_their_ratios():
    rng = np.random.default_rng(4)
    log_alpha = rng.normal(0, 1, (2000, 4)) * 10 ** rng.uniform(-1, 3, (2000, 1))
    found = dirichlet.saturated(log_alpha)
    np.testing.assert_allclose(found - found[:, :1], log_alpha - log_alpha[:, :1], atol=1e-9)
    assert np.abs(found.max(axis=1)).max() <= dirichlet.LOG_ALPHA_BOUND + 1e-9
    inside = np.abs(log_alpha.max(axis=1)) < dirichlet.LOG_ALPHA_BOUND
    assert 0.2 < inside.mean() < 0.8
    np.testing.assert_array_equal(found[inside], log_alpha[inside])
    np.testing.assert_allclose(dirichlet.mean(found), dirichlet.mean(log_alpha), atol=1e-9)
    # the control: concentrations clipped one by one lose the ratios
    clipped = np.clip(log_alpha, -dirichlet.LOG_ALPHA_BOUND, dirichlet.LOG_ALPHA_BOUND)
    assert np.abs(dirichlet.mean(clipped) - dirichlet.mean(log_alpha)).max() > 0.4
