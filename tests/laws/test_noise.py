"""The noise level: densities against scipy, posteriors against the conjugate answer."""

import numpy as np
import pytest
from scipy import integrate, stats

from dirimix.errors import InputError
from dirimix.laws.noise import log_likelihood, maximum_likelihood_sigma, sigma_posterior
from dirimix.laws.noise_prior import (
    GammaNoise,
    GammaPrecision,
    HalfCauchyNoise,
)

PRIORS = {
    "noise": GammaNoise(),
    "precision": GammaPrecision(),
    "wide": GammaNoise(2.0, 1.0, scale=3.0),
    "weak": HalfCauchyNoise(scale=3.0),
}


@pytest.fixture
def residual():
    return np.random.default_rng(0).normal(0, 0.4, 12)


def test_gamma_noise_is_scipys_gamma():
    sigma = np.array([0.05, 0.4, 2.0])
    expected = stats.gamma.logpdf(sigma, 5, scale=3 / 10)
    np.testing.assert_allclose(GammaNoise().scaled(3.0).log_density(sigma), expected)


def test_gamma_precision_is_scipys_gamma_of_the_precision():
    sigma = np.array([0.05, 0.4, 2.0])
    expected = stats.gamma.logpdf(sigma**-2, 0.252, scale=1 / 0.03) + np.log(2 * sigma**-3)
    np.testing.assert_allclose(GammaPrecision().log_density(sigma), expected)
    of_three = GammaPrecision().scaled(3.0).log_density(3 * sigma)
    np.testing.assert_allclose(of_three, expected - np.log(3))


def test_paper_prior_has_the_stated_moments():
    draws = GammaNoise().sample(np.random.default_rng(1), 200_000)
    assert draws.mean() == pytest.approx(0.5, abs=4 * 0.2236 / np.sqrt(200_000))
    assert draws.std() == pytest.approx(0.2236, rel=0.01)


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_density_integrates_to_one(prior):
    def density(t):
        return np.exp(prior.log_density(np.exp(t)) + t)

    mass = integrate.quad(density, -30, 0, epsabs=1e-10)[0]
    mass += integrate.quad(density, 0, 60, epsabs=1e-10, limit=200)[0]
    assert mass == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_density_of_the_logarithm_is_that_of_sigma_up_to_a_constant(prior):
    t = np.linspace(-9, 3, 50)
    constant = prior.log_density_of_log(t) - (prior.log_density(np.exp(t)) + t)
    np.testing.assert_allclose(constant, constant[0], rtol=1e-9, atol=1e-9)
    assert np.ptp(constant + t) > 1  # the control: the Jacobian counts


def _fits(draws, prior):
    """P-value of draws of sigma against the integral of the prior's density."""
    t = np.linspace(-12, 60, 200_001)
    cdf = integrate.cumulative_trapezoid(np.exp(prior.log_density(np.exp(t)) + t), t, initial=0)
    return stats.kstest(np.log(draws), lambda v: np.interp(v, t, cdf)).pvalue


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_draws_follow_the_density(prior):
    assert _fits(prior.sample(np.random.default_rng(2), 4000), prior) > 0.01


def test_draws_of_another_scale_do_not_follow_the_density():
    prior = GammaNoise()
    assert _fits(prior.scaled(1.1).sample(np.random.default_rng(2), 4000), prior) < 1e-6


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_prior_derivatives_are_finite_differences(prior):
    t, step = np.array([-2.0, 0.0, 1.0]), 1e-4

    def density(t):
        return prior.log_density(np.exp(t)) + t

    first = (density(t + step) - density(t - step)) / (2 * step)
    second = (density(t + step) - 2 * density(t) + density(t - step)) / step**2
    np.testing.assert_allclose(prior.derivatives(np.exp(t))[0], first, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(prior.derivatives(np.exp(t))[1], second, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("discrepancy", [None, 0.7])
def test_likelihood_is_scipys_multivariate_normal(residual, discrepancy):
    error = np.linspace(0, 0.3, 12)
    covariance = np.diag(0.5**2 + error**2)
    if discrepancy is not None:
        covariance += 0.5**2 / discrepancy
    # the type inferred from SciPy's default covariance, 1, is int
    expected = stats.multivariate_normal.logpdf(residual, cov=covariance)  # pyright: ignore[reportArgumentType]
    found = log_likelihood(np.array([0.5]), residual, error, discrepancy)
    assert found[0] == pytest.approx(expected, abs=1e-10)


def test_posterior_of_the_precision_is_conjugate(residual):
    nodes, weights = sigma_posterior(residual, np.zeros(12), GammaPrecision())
    shape, rate = 0.252 + 6, 0.030 + residual @ residual / 2
    precision = nodes**-2
    assert weights.sum() == pytest.approx(1)
    assert weights @ precision == pytest.approx(shape / rate, rel=1e-9)
    variance = weights @ precision**2 - (weights @ precision) ** 2
    assert variance == pytest.approx(shape / rate**2, rel=1e-8)


def test_posterior_with_errors_agrees_with_dense_integration(residual):
    error = np.linspace(0.05, 0.6, 12)
    nodes, weights = sigma_posterior(residual, error, GammaNoise())
    grid = np.linspace(1e-4, 3, 40_001)
    log = log_likelihood(grid, residual, error) + GammaNoise().log_density(grid)
    density = np.exp(log - log.max())
    expected = integrate.simpson(grid * density, x=grid) / integrate.simpson(density, x=grid)
    assert weights @ nodes == pytest.approx(expected, rel=1e-8)
    without = sigma_posterior(residual, np.zeros(12), GammaNoise())
    assert abs(without[0] @ without[1] - expected) > 0.01  # ignoring the errors would show


def test_posterior_is_equivariant_under_a_change_of_unit(residual):
    error = np.full(12, 0.1)
    nodes, weights = sigma_posterior(residual, error, GammaNoise())
    kilo, same = sigma_posterior(1e3 * residual, 1e3 * error, GammaNoise().scaled(1e3))
    assert kilo @ same == pytest.approx(1e3 * nodes @ weights, rel=1e-8)


def test_posterior_of_many_rows_is_narrow_and_found():
    residual = np.random.default_rng(3).normal(0, 2.0, 20_000)
    nodes, weights = sigma_posterior(residual, np.zeros(20_000), GammaNoise())
    mean = nodes @ weights
    assert mean == pytest.approx(residual.std(), rel=1e-3)
    spread = np.sqrt(weights @ (nodes - mean) ** 2)
    assert spread == pytest.approx(2.0 / np.sqrt(40_000), rel=0.02)


def test_exact_model_has_no_noise_posterior():
    with pytest.raises(
        InputError, match=r"8 residuals leave it without a scale.*give measurement errors"
    ):
        sigma_posterior(np.zeros(8), np.zeros(8), GammaNoise())


def test_maximum_likelihood_subtracts_a_common_error(residual):
    found = maximum_likelihood_sigma(residual, np.full(12, 0.1))
    assert found**2 == pytest.approx(np.mean(residual**2) - 0.01, rel=1e-10)


def test_maximum_likelihood_beats_every_other_sigma(residual):
    error = np.linspace(0.0, 0.5, 12)
    found = maximum_likelihood_sigma(residual, error)
    others = np.geomspace(1e-3, 3, 2000)
    best = log_likelihood(np.array([found]), residual, error)[0]
    assert best >= log_likelihood(others, residual, error).max() - 1e-12


def test_maximum_likelihood_stays_at_the_floor_when_errors_explain_all(residual):
    assert maximum_likelihood_sigma(residual, np.full(12, 9.0), floor=1e-3) == pytest.approx(1e-3)
    assert maximum_likelihood_sigma(np.zeros(3), np.zeros(3), floor=1e-3) == 1e-3
