"""Dirichlet weights and their means from log concentrations, however small those are.

A Gamma(a) variable is a Gamma(a + 1) variable times U^(1/a) (Stuart 1962), and weights are the
softmax of the logarithms of Gamma variables: nothing underflows.
"""

# pyright: strict, reportMissingTypeStubs=false

from typing import Any

import numpy as np

from dirimix._arrays import Floats, Mask

LOG_ALPHA_BOUND = 15.0  # the largest concentration of a site lies within exp(+-15)
_DRAWS = 16  # whose weights are held at once
_LEAST = -690.0  # log concentrations below this are as good as this: exp(690) is near the largest


def sample(log_alpha: Floats, rng: np.random.Generator, known: Mask | None = None) -> Floats:
    """Draw Dirichlet(exp(log_alpha)) weights, (..., K), safe for tiny concentrations.

    Args:
        log_alpha: Log concentrations, (..., K).
        rng: Generator.
        known: Which models take part, broadcast to (..., K); the others get 0.

    >>> sample(np.log([[1e-9, 1e-9, 1.0]]), np.random.default_rng(0)).round(3)
    array([[0., 0., 1.]])
    """
    alpha = np.exp(np.maximum(log_alpha, _LEAST))
    log_g = np.log(rng.standard_gamma(alpha + 1)) - rng.standard_exponential(alpha.shape) / alpha
    if known is not None:
        log_g = np.where(known, log_g, -np.inf)
    log_g -= log_g.max(axis=-1, keepdims=True)
    g = np.exp(log_g)
    return g / g.sum(axis=-1, keepdims=True)


def saturated(log_alpha: Any, xp: Any = np) -> Any:
    """Log concentrations (..., K) shifted so that the largest lies within +-LOG_ALPHA_BOUND.

    Ratios stay, and with them the mean weights; only how far single weights scatter about these
    no longer changes. Within the bounds nothing is touched.

    Args:
        log_alpha: (..., K); -inf for a model that takes no part.
        xp: NumPy, or JAX's NumPy.

    >>> saturated(np.array([[20.0, 18.0, -np.inf], [3.0, 1.0, -40.0]]))
    array([[ 15.,  13., -inf],
           [  3.,   1., -40.]])
    """
    top = xp.max(log_alpha, axis=-1, keepdims=True)
    over = xp.maximum(top - LOG_ALPHA_BOUND, 0.0) + xp.minimum(top + LOG_ALPHA_BOUND, 0.0)
    if xp is np and not over.any():
        return log_alpha
    return log_alpha - over


def mean_over_draws(log_alpha: Floats) -> Floats:
    """Means (m, K) over the draws of mean weights, from log concentrations (s, m, K).

    Those of `mean(log_alpha).mean(axis=0)`, by few draws at a time, which stay in the cache.
    """
    total = np.zeros(log_alpha.shape[1:])
    for at in range(0, len(log_alpha), _DRAWS):
        for weights in mean(log_alpha[at : at + _DRAWS]):
            total += weights
    return total / len(log_alpha)


def mean(log_alpha: Floats) -> Floats:
    """Mean weights alpha_k / alpha_0, (..., K), from log concentrations `log_alpha`, (..., K)."""
    alpha = np.exp(log_alpha - log_alpha.max(axis=-1, keepdims=True))
    return alpha / alpha.sum(axis=-1, keepdims=True)
