"""Least squares on the simplex, and normal posteriors of weights that leave it."""

# pyright: strict, reportMissingTypeStubs=false

from typing import Any

import numpy as np
from scipy import optimize

from dirimix._arrays import Floats

_optimize: Any = optimize  # SciPy types neither the arguments nor the results of nnls


def simplex_least_squares(f: Floats, y: Floats) -> Floats:
    """The weights w on the simplex that minimise |y - f w|^2, exactly.

    With g_k = f_k - y the objective is |g w|^2, the point of a convex hull nearest to the
    origin. Minimise |g v|^2 + (sum v - 1)^2 over v >= 0: for v = s w the best s leaves
    a / (a + 1), which grows with a = |g w|^2, so that v / sum v is the minimiser for any scale
    of g. One call of the active-set method for non-negative least squares does it.

    Args:
        f: Model values, (n, K).
        y: Observations, (n,).

    Returns:
        (K,).

    >>> simplex_least_squares(np.array([[0.0, 2.0], [0.0, 2.0]]), np.array([0.5, 0.5]))
    array([0.75, 0.25])
    """
    deviation = f - y[:, None]
    # units of the nearest model, or a far one would leave the others no digits
    sizes: Floats = np.sqrt(np.sum(deviation**2, axis=0))
    unit = np.min(sizes, where=sizes > 0, initial=np.inf) if sizes.any() else 1.0
    stacked = np.vstack([deviation / unit, np.ones(f.shape[1])])
    v: Floats = _optimize.nnls(stacked, np.append(np.zeros(len(y)), 1.0))[0]
    return v / v.sum()


def ridge_posterior(
    f: Floats, residual: Floats, error: Floats, sigma: float, tau: float
) -> tuple[float, Floats, Floats]:
    """Bayesian linear regression of residuals on f with coefficients Normal(0, tau^2).

    Args:
        f: Model values, (n, K).
        residual: Observations less the prior mean, (n,).
        error: Measurement errors, (n,).
        sigma: Noise level.
        tau: Prior standard deviation of a coefficient.

    Returns:
        Log marginal likelihood, posterior mean (K,), and a root L (K, K) of the posterior
        covariance L L^T, which keeps the digits of directions that the data know well.

    Reference: doi 10.7551/mitpress/3206.001.0001, chapter 2.
    """
    noise = np.sqrt(sigma**2 + error**2)
    # singular values, because duplicated models and tiny noise ruin a Cholesky factor
    few = len(f) < f.shape[1]
    left, size, right = np.linalg.svd(tau * f / noise[:, None], full_matrices=few)
    target = residual / noise
    seen = left.T @ target
    kept = 1 / (1 + size**2)
    misfit = np.sum((target - left @ seen) ** 2) + np.sum(kept * seen**2)
    log_det = np.sum(np.log(2 * np.pi * noise**2)) - np.sum(np.log(kept))
    mean = tau * right[: len(size)].T @ (size * kept * seen)
    spread = np.append(np.sqrt(kept), np.ones(len(right) - len(kept)))
    return float(-0.5 * (log_det + misfit)), mean, tau * right.T * spread
