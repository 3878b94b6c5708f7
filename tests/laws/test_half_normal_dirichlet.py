"""Dirichlet weights with half-normal concentrations against direct draws and against quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import gammainc, gammaincc, gammaln

from dirimix.laws.half_normal_dirichlet import HalfNormalDirichlet

DRAWS = 4000
SCALES = [1e-3, 0.1, 1.0, 30.0, 300.0]
LEVEL = 1e-4  # of a test of Kolmogorov and Smirnov that must pass
every_scale = pytest.mark.parametrize("scale", SCALES)


def log_g_of(law: HalfNormalDirichlet, z: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(law.log_g(jnp.asarray(z)))


def direct(scale: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws of alpha and of log g, by Gamma(alpha) = Gamma(alpha + 1) U^(1 / alpha)."""
    rng = np.random.default_rng(seed)
    alpha = stats.halfnorm(scale=scale).rvs(DRAWS, random_state=rng)
    return alpha, np.log(rng.standard_gamma(alpha + 1)) - rng.standard_exponential(DRAWS) / alpha


@every_scale
@pytest.mark.parametrize("z", [-6.0, -2.5, -1.0, 0.0, 0.7, 2.0, 6.0])
def test_the_distribution_function_is_that_of_quadrature(scale, z):
    t = float(log_g_of(HalfNormalDirichlet(scale), np.array([z]))[0])
    lower = z < 0

    def integrand(log_alpha: float) -> float:
        alpha = np.exp(log_alpha)
        power = alpha * t - gammaln(alpha + 1)
        if t < -50:  # the first term of the series is all
            share = np.exp(power) if lower else -np.expm1(power)
        else:
            share = (gammainc if lower else gammaincc)(alpha, np.exp(t))
        return stats.halfnorm.pdf(alpha, scale=scale) * alpha * share

    points = np.linspace(-42, 3, 60) + np.log(scale)
    found = sum(
        integrate.quad(integrand, a, b)[0] for a, b in zip(points, points[1:], strict=False)
    )
    expected = stats.norm.cdf(-abs(z))
    assert found == pytest.approx(expected, rel=1e-3)


@every_scale
def test_direct_draws_are_standard_normal_in_z(scale):
    _, log_g = direct(scale, 1)
    grid = np.linspace(-7.5, 7.5, 3001)

    def z_of(law: HalfNormalDirichlet) -> np.ndarray:
        return np.interp(np.arcsinh(log_g), np.arcsinh(log_g_of(law, grid)), grid)

    law, other = HalfNormalDirichlet(scale), HalfNormalDirichlet(1.3 * scale)
    assert stats.kstest(z_of(law), "norm").pvalue > LEVEL
    assert stats.kstest(z_of(other), "norm").pvalue < LEVEL


# beyond, weights fix alpha whatever its prior
@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, pytest.param(30.0, marks=pytest.mark.slow)])
def test_concentrations_are_those_that_made_the_weights(scale):
    alpha, log_g = direct(scale, 2)
    rng = np.random.default_rng(3)
    law, other = HalfNormalDirichlet(scale), HalfNormalDirichlet(1.3 * scale)
    below = sum(law.concentrations(log_g, rng) < alpha for _ in range(19))
    # the rank of what was drawn first among further draws is uniform
    assert stats.chisquare(np.bincount(below, minlength=20)).pvalue > LEVEL
    below = sum(other.concentrations(log_g, rng) < alpha for _ in range(19))
    assert stats.chisquare(np.bincount(below, minlength=20)).pvalue < LEVEL


def test_weights_far_out_are_finite_and_have_slopes():
    law = HalfNormalDirichlet()
    far = np.random.default_rng(0).normal(0, 8, (500, 4))
    with jax.enable_x64(True):
        weights = np.asarray(jax.jit(jax.vmap(law.weights))(jnp.asarray(far)))
        slopes = np.asarray(jax.jit(jax.vmap(jax.jacobian(law.weights)))(jnp.asarray(far)))
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert np.isfinite(slopes).all()
