"""The likelihood with the weights integrated out, against direct integration."""

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import norm

from dirimix import dirichlet
from dirimix.integrated import posterior_log_likelihood
from dirimix.table import Table


def table_of(d: np.ndarray, y_err: float = 0.0) -> Table:
    n, k = d.shape
    names = tuple(f"m{j}" for j in range(k))
    return Table(
        np.zeros((n, 0)), 5.0 + d, np.zeros((n, k)), np.full(n, 5.0), np.full(n, y_err), (), names
    )


def direct(d: np.ndarray, alpha: np.ndarray, sigma: float) -> float:
    """Two models: the trapezoid rule in the logit of the weight."""
    t = np.linspace(-400, 400, 400_001)
    log_beta = gammaln(alpha.sum()) - gammaln(alpha).sum()
    log_w = -np.logaddexp(0, -t), -np.logaddexp(0, t)
    log_density = log_beta + alpha[0] * log_w[0] + alpha[1] * log_w[1]
    mean = np.exp(log_w[0]) * d[0] + np.exp(log_w[1]) * d[1]
    return float(np.log(np.sum(np.exp(log_density) * norm.pdf(mean, 0, sigma)) * (t[1] - t[0])))


@pytest.fixture(scope="module")
def sites():
    rng = np.random.default_rng(3)
    d = np.sort(rng.normal(0, rng.choice([0.1, 0.4, 0.8], (80, 1)), (80, 2)), axis=1)
    total = np.exp(rng.uniform(np.log(0.2), np.log(60), 80))
    share = np.clip(rng.beta(0.8, 0.8, 80), 0.1, 0.9)
    return d, total[:, None] * np.stack([share, 1 - share], axis=1)


def error(sites, sigma: float, reference: float) -> np.ndarray:
    """Log likelihood minus the direct integral where that is above exp(-8)."""
    d, alpha = sites
    exact = np.array([direct(a, b, sigma) for a, b in zip(d, alpha, strict=True)])
    log_alpha = np.repeat(np.log(alpha)[None], 3, axis=0)
    # the median sets the nodes
    found = posterior_log_likelihood(
        table_of(d), log_alpha, np.array([sigma, reference, reference])
    )
    return (found[0] - exact)[exact > -8]


def test_two_models_agree_with_the_direct_integral(sites):
    gap = np.abs(error(sites, 0.2, 0.2))
    assert np.median(gap) < 1e-5
    assert np.max(gap) < 0.02  # the saddle point, just above where it takes over


def test_nodes_serve_neighbouring_noise_levels(sites):
    for reference in (0.18, 0.22):
        assert np.max(np.abs(error(sites, 0.2, reference))) < 0.05


def test_the_wrong_noise_level_is_seen(sites):
    d, alpha = sites
    exact = np.array([direct(a, b, 0.25) for a, b in zip(d, alpha, strict=True)])
    found = posterior_log_likelihood(table_of(d), np.log(alpha)[None], np.array([0.2]))[0]
    assert np.median(np.abs(found - exact)) > 0.01


def test_five_models_agree_with_monte_carlo():
    rng = np.random.default_rng(4)
    d = rng.normal(0, 0.5, (30, 5))
    log_alpha = rng.normal(0, 1, (30, 5))
    w = dirichlet.sample(np.repeat(log_alpha[None], 40_000, axis=0), rng)
    density = norm.pdf(np.einsum("snk,nk->sn", w, d), 0, np.hypot(0.2, 0.1))
    estimate, error = density.mean(axis=0), density.std(axis=0) / np.sqrt(len(density))
    found = posterior_log_likelihood(table_of(d, 0.1), log_alpha[None], np.array([0.2]))[0]
    z = (np.exp(found) - estimate) / np.hypot(error, 2e-3 * estimate)
    assert np.max(np.abs(z)) < 4.5


def test_a_model_that_is_not_known_takes_no_part():
    d = np.array([[0.3, -0.5, np.nan], [0.3, -0.5, np.nan]])
    three = posterior_log_likelihood(table_of(d), np.zeros((1, 2, 3)), np.array([0.2]))
    two = posterior_log_likelihood(table_of(d[:, :2]), np.zeros((1, 2, 2)), np.array([0.2]))
    assert three == pytest.approx(two, abs=1e-6)
