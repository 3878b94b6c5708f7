"""Compiled draws of Dirichlet sums against scipy's laws, concentrations from 1e-8 to 1e8."""

import numpy as np
import pytest
from scipy import stats

from dirimix.likelihood.dirichlet_sums import dirichlet_sums
from monte_carlo import LIMIT

DRAWS = 40_000


def weights(alpha: np.ndarray, seed: int = 0) -> np.ndarray:
    """Draws of the weights themselves, (DRAWS, K)."""
    log_alpha = np.tile(np.log(alpha), (DRAWS // 4, 1))
    rng = np.random.Generator(np.random.SFC64(seed))
    return dirichlet_sums(log_alpha, np.eye(len(alpha)), 4, rng).T


def concentrations(seed: int) -> np.ndarray:
    """Three of one size, log-uniform, or each of a size of its own."""
    rng = np.random.default_rng(seed)
    size = 10 ** rng.uniform(-8, 8, 1 if seed % 2 else 3)
    return size * rng.uniform(0.5, 2, 3)


def furthest(draws: np.ndarray, alpha: np.ndarray) -> float:
    """Largest |z| of the marginals' means and variances, and of shares between their quantiles."""
    found = []
    for k, column in enumerate(draws.T):
        marginal = stats.beta(alpha[k], alpha.sum() - alpha[k])
        mean, variance, kurtosis = marginal.stats("mvk")
        found.append((column.mean() - mean) / np.sqrt(variance / DRAWS))
        seen = ((column - mean) ** 2).mean() / variance
        found.append((seen - 1) / np.sqrt((kurtosis + 2) / DRAWS))
        # few of these where nearly all of the law lies at 1, or at 0, as which exp(-200) counts
        points = np.unique(marginal.ppf([0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99]))
        p = marginal.cdf(points)
        inside = (points > 1e-80) & (points < 1) & (p * DRAWS > 100) & ((1 - p) * DRAWS > 100)
        share = (column[:, None] <= points[inside]).mean(axis=0)
        found += [*((share - p[inside]) / np.sqrt(p * (1 - p) / DRAWS)[inside])]
    return float(np.abs(found).max())


@pytest.mark.parametrize("seed", range(16))
def test_draws_follow_the_law_whatever_the_concentrations(seed):
    alpha = concentrations(seed)
    draws = weights(alpha, seed)
    np.testing.assert_allclose(draws.sum(axis=1), 1, atol=1e-14)
    assert furthest(draws, alpha) < LIMIT


@pytest.mark.parametrize("seed", range(1, 16, 2))
def test_one_concentration_fifth_off_is_noticed(seed):
    alpha = concentrations(seed)
    assert furthest(weights(alpha * [1.2, 1, 1], seed), alpha) > 1.5 * LIMIT


@pytest.mark.parametrize("size", [0.03, 1.0, 30.0])
def test_marginals_pass_kolmogorov_and_smirnov(size):
    alpha = size * np.array([1.0, 2.0, 4.0, 0.5])
    other = stats.beta(1.1 * alpha[1], 1.1 * (alpha.sum() - alpha[1]))
    column = weights(alpha)[:, 1]
    assert stats.kstest(column, stats.beta(alpha[1], alpha.sum() - alpha[1]).cdf).pvalue > 1e-4
    assert stats.kstest(column, other.cdf).pvalue < 1e-4  # the control


def test_sums_are_of_the_same_weights_in_every_row():
    log_alpha = np.random.default_rng(1).normal(0, 3, (50, 5))
    values = np.random.default_rng(2).normal(size=(2, 5))
    found, own = (
        dirichlet_sums(log_alpha, rows, 3, np.random.default_rng(7)) for rows in (values, np.eye(5))
    )
    np.testing.assert_allclose(found, values @ own, rtol=1e-12, atol=1e-13)
    assert found.shape == (2, 150)


def test_draws_are_in_the_order_of_the_concentrations():
    log_alpha = np.log([[1e6, 1.0], [1.0, 1e6]])
    first = dirichlet_sums(log_alpha, np.array([[1.0, 0.0]]), 2, np.random.default_rng(0))[0]
    np.testing.assert_allclose(first, [1, 1, 0, 0], atol=1e-3)


def test_the_law_is_that_of_another_sampler():
    log_alpha = np.random.default_rng(3).normal(-1, 2, (1, 6))
    plain = np.random.default_rng(4).dirichlet(np.exp(log_alpha[0]), DRAWS)
    quick = weights(np.exp(log_alpha[0]), 5)
    values = np.arange(6.0)
    assert stats.ks_2samp(plain @ values, quick @ values).pvalue > 1e-4
    assert stats.ks_2samp(plain @ values, quick @ values[::-1]).pvalue < 1e-4  # the control


def test_the_smallest_and_largest_concentrations_leave_weights():
    log_alpha = np.array([[15.0, -900.0, 14.0], [-700.0, -800.0, -15.0], [18.4, 18.4, -18.4]])
    rng = np.random.default_rng(0)
    draws = dirichlet_sums(log_alpha, np.eye(3), 50, rng).T.reshape(3, 50, 3)
    np.testing.assert_allclose(draws.sum(axis=-1), 1)
    np.testing.assert_allclose(draws[0, :, 0], 1 / (1 + np.exp(-1.0)), atol=0.01)
    np.testing.assert_array_equal(draws[1, :, 2], 1)
    np.testing.assert_allclose(draws[2, :, 0], 0.5, atol=1e-3)
