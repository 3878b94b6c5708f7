"""Means of Dirichlet weights from log concentrations, however small those are."""

# pyright: strict, reportMissingTypeStubs=false

from typing import Any

import numpy as np

from dirimix._arrays import Floats

LOG_ALPHA_BOUND = 15.0  # the largest concentration of a site lies within exp(+-15)
_DRAWS = 16  # whose weights are held at once


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
