"""Draws of the Dirichlet against scipy's in law, for concentrations from 1e-6 to 1e6.

Every comparison is in standard errors of the Monte Carlo estimate, which follow from the exact
law: |z| < 4.5 fails by chance in 7 of a million comparisons.
"""

import numpy as np
import pytest
from scipy import stats

from dirimix.laws import dirichlet

DRAWS = 200_000
LIMIT = 4.5
SHARES = np.array([1.0, 2.0, 3.0])
TOTALS = [1e-6, 1e-3, 0.1, 1.0, 10.0, 1e4, 1e6]  # the concentrations are these times SHARES
every_total = pytest.mark.parametrize("total", TOTALS)


def largest_z(draws: np.ndarray, alpha: np.ndarray) -> float:
    """Largest |z| of means, variances and cumulative probabilities, (s, K) draws."""
    z = [*_moments(draws, alpha), *(z for k in range(len(alpha)) for z in _cdf(draws, alpha, k))]
    return float(np.max(np.abs(z)))


def _moments(w: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Of means and variances; for three models the variances fix the covariances."""
    law = stats.dirichlet(alpha)
    mean, variance, root = law.mean(), law.var(), np.sqrt(DRAWS)
    kurtosis = np.asarray(stats.beta.stats(alpha, alpha.sum() - alpha, moments="k"))
    of_mean = (w.mean(axis=0) - mean) / np.sqrt(variance) * root
    found = ((w - mean) ** 2).mean(axis=0)
    return np.append(of_mean, (found - variance) / (variance * np.sqrt(kurtosis + 2)) * root)


def _cdf(w: np.ndarray, alpha: np.ndarray, k: int) -> list[float]:
    """Share of draws below quantiles of the marginal, and below points near 0 and 1."""
    marginal = stats.beta(alpha[k], alpha.sum() - alpha[k])
    points = [1e-9, 1e-3, 0.5, 1 - 1e-3, 1 - 1e-9, *marginal.ppf([0.05, 0.25, 0.5, 0.75, 0.95])]
    p = marginal.cdf(points)
    seen = (w[:, k, None] <= np.array(points)).mean(axis=0)
    # points beyond all draws say nothing: counts there are not normal
    told = (p * DRAWS > 100) & ((1 - p) * DRAWS > 100) & (np.array(points) > 0)
    return list((seen - p)[told] / np.sqrt(p * (1 - p) / DRAWS)[told])


def direct(alpha: np.ndarray, seed: int = 1) -> np.ndarray:
    log_alpha = np.broadcast_to(np.log(alpha), (DRAWS, len(alpha)))
    return dirichlet.sample(log_alpha, np.random.default_rng(seed))


@every_total
def test_draws_follow_the_law(total):
    draws = direct(total * SHARES)
    np.testing.assert_allclose(draws.sum(axis=1), 1, atol=1e-12)
    assert largest_z(draws, total * SHARES) < LIMIT


@every_total
def test_one_concentration_ten_per_cent_off_is_noticed(total):
    draws = direct(total * SHARES)
    assert largest_z(draws, total * SHARES * [1.1, 1, 1]) > 2 * LIMIT


@pytest.mark.parametrize("total", [0.1, 1.0, 10.0, 1e4])
def test_all_concentrations_ten_per_cent_off_are_noticed(total):
    # below that the law is a choice of one model, whatever the common size
    assert largest_z(direct(total * SHARES), 1.1 * total * SHARES) > 2 * LIMIT


def test_concentrations_of_very_different_size():
    alpha = np.array([1e-6, 3e-2, 1.0, 40.0])
    assert largest_z(direct(alpha), alpha) < LIMIT


def test_the_known_models_share_as_their_own_dirichlet():
    alpha, known = np.array([0.4, 3.0, 1.5]), np.array([True, False, True])
    log_alpha = np.broadcast_to(np.log(alpha), (DRAWS, 3))
    draws = dirichlet.sample(log_alpha, np.random.default_rng(1), known)
    assert np.all(draws[:, 1] == 0)
    assert largest_z(draws[:, known], alpha[known]) < LIMIT
    assert largest_z(draws[:, known], alpha[:2]) > 2 * LIMIT


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


def test_concentrations_beyond_those_of_a_double_draw_weights():
    log_alpha = np.array([[15.0, -900.0, 14.0], [-700.0, -800.0, -15.0]])
    draws = dirichlet.sample(np.repeat(log_alpha, 50, axis=0), np.random.default_rng(0))
    np.testing.assert_allclose(draws.sum(axis=1), 1)
    np.testing.assert_allclose(draws[:50, 0], 1 / (1 + np.exp(-1.0)), atol=0.01)
    np.testing.assert_array_equal(draws[50:, 2], 1)
