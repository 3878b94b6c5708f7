"""Draws of the site weights against what the density's derivatives say of their law.

The derivative of the log density in alpha_k is E[log w_k] less its value a priori, and that in
log s is E[M^2 / s^2] - 1: both by the exact likelihood, which shares nothing with the draws.
"""

import numpy as np
import pytest
from scipy.special import digamma

from dirimix.likelihood import site_weights
from dirimix.likelihood.density import Likelihood
from dirimix.likelihood.site_moves import move_weights
from dirimix.likelihood.site_weights import sample_site_weights

DRAWS, SITES = 40, 25


def cases() -> list[tuple[np.ndarray, np.ndarray]]:
    """Distances in noise levels and concentrations, over the whole range that fits have."""
    rng = np.random.default_rng(3)
    found = [
        (np.array(d, dtype=float), total * np.array(share))
        for d, share in (
            ([-10, 10], [0.5, 0.5]), ([-30, 30], [0.3, 0.7]), ([-0.5, 200], [0.9, 0.1]),
            ([-30, 30, 5], [0.3, 0.2, 0.5]), ([-2, 1, 0.5, 3], [0.1, 0.2, 0.3, 0.4]),
        )
        for total in (0.05, 0.5, 5.0, 20.0)
    ]  # fmt: skip
    for spread in (3, 30, 200):
        total = 10 ** rng.uniform(-0.5, 1)
        found.append((rng.normal(0, spread, 9), total * rng.dirichlet(np.ones(9))))
    return found


def distances(d: np.ndarray, alpha: np.ndarray, draws: int = DRAWS) -> np.ndarray:
    """How far means of draws are from the exact ones, in standard errors."""
    sites = np.tile(d, (SITES, 1))
    log_alpha = np.broadcast_to(np.log(alpha), (draws, *sites.shape))
    w = sample_site_weights(
        log_alpha, np.ones((draws, SITES)), sites, np.isfinite(sites), np.random.default_rng(1)
    ).reshape(-1, len(d))
    np.testing.assert_allclose(w.sum(axis=1), 1)
    _, by_alpha, by_s = Likelihood(d[None]).evaluate(alpha[None], np.ones(1))
    mean = by_alpha[0] + digamma(alpha) - digamma(alpha.sum())
    square = (w @ d) ** 2
    # a weight below the smallest number has no logarithm; all of a case are above, or left out
    seen = (w > 0).all(axis=0)
    logs = np.log(w[:, seen])
    found = np.append(logs.mean(axis=0) - mean[seen], square.mean() - 1 - by_s[0])
    spread = np.append(logs.std(axis=0), square.std())
    return np.abs(found) / (spread / np.sqrt(len(w)))


@pytest.mark.parametrize(("d", "alpha"), cases())
def test_draws_have_the_law_that_the_density_says(d, alpha):
    assert distances(d, alpha).max() < 4.5


def test_proposals_alone_have_another_law(monkeypatch):
    """The control: models thirty noise levels apart, small concentrations."""
    monkeypatch.setattr(site_weights, "_SPREAD", np.inf)
    assert distances(np.array([-30.0, 30.0]), np.array([0.015, 0.035])).max() > 20


def test_a_model_that_is_not_known_keeps_no_weight():
    d = np.array([[-50.0, np.nan, 80.0], [-50.0, 20.0, 80.0]])
    w = sample_site_weights(
        np.zeros((5, 2, 3)), np.ones((5, 2)), d, np.isfinite(d), np.random.default_rng(0)
    )
    assert (w[:, 0, 1] == 0).all()
    assert (w[:, 1] > 0).all()


def test_moves_leave_a_law_as_it_is():
    """Weights drawn from the law itself, of two models a ratio of normal laws: share about 0."""
    rng, n = np.random.default_rng(5), 4000
    d, alpha = np.array([-3.0, 5.0]), np.array([0.4, 1.5])
    r = np.linspace(1e-7, 1 - 1e-7, 200_001)
    density = r ** (alpha[0] - 1) * (1 - r) ** (alpha[1] - 1)
    density *= np.exp(-0.5 * (d[0] * r + d[1] * (1 - r)) ** 2)
    edges = np.concatenate([[0], np.cumsum(density)])
    drawn = np.interp(rng.random(n), edges / edges[-1], np.append(r, 1))
    log_w = np.log(np.column_stack([drawn, 1 - drawn]))
    move_weights(log_w, np.tile(np.log(alpha), (n, 1)), np.tile(d, (n, 1)), 1, rng)
    moved = np.sort(np.exp(log_w[:, 0]))
    expected = np.interp(moved, np.append(r, 1), edges / edges[-1])
    gap = np.abs(expected - (np.arange(n) + 0.5) / n).max()
    assert gap < 1.95 / np.sqrt(n)  # Kolmogorov and Smirnov, one in a thousand
