"""Weights of predictive densities: those that maximise the log score of their mixture.

Yao, Vehtari, Simpson, Gelman (2018), "Using stacking to average Bayesian predictive
distributions", doi 10.1214/17-BA1091.
"""

# pyright: strict, reportMissingTypeStubs=false

from typing import Any

import numpy as np
from scipy import special

from dirimix._arrays import Floats, Indices

_special: Any = special  # SciPy does not type the results of these
_STEPS = 2000
_SETTLED = 1e-7  # largest change of a weight in a step, after which there is no other


def stacking_weights(log_density: Floats, counts: Floats | None = None) -> Floats:
    """Weights on the simplex that maximise sum_i c_i log sum_j w_j p_ij, (j,), or (b, j).

    The likelihood is concave; steps are those of expectation and maximisation, which never leave
    the simplex.

    Args:
        log_density: log p_ij of row i under candidate j, (n, j).
        counts: How often each row counts, (n,), or (b, n) for several problems; once each by
            default.

    >>> p = np.log(np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2]]))
    >>> stacking_weights(p).round(2)
    array([0.82, 0.18])
    """
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    several = np.atleast_2d(np.ones(len(density)) if counts is None else counts)
    share = several / several.sum(axis=1, keepdims=True)
    weights = np.full((len(share), density.shape[1]), 1 / density.shape[1])
    for _ in range(_STEPS):
        after = weights * ((share / (weights @ density.T)) @ density)
        change = float(np.max(np.abs(after - weights)))
        weights = after
        if change < _SETTLED:
            break
    return weights if counts is not None and counts.ndim == 2 else weights[0]


def resampled_weights(log_density: Floats, clusters: Indices, count: int, seed: int) -> Floats:
    """Weights under the Bayesian bootstrap of whole clusters of rows, (count, j).

    Rubin (1981), doi 10.1214/aos/1176345338: every cluster counts Dirichlet(1, ..., 1) times.
    """
    number = np.unique(clusters, return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    own = rng.dirichlet(np.ones(int(number.max()) + 1), size=count)
    return stacking_weights(log_density, own[:, number])


def stacked_log_score(log_density: Floats, regions: Indices) -> Floats:
    """Log density of each row under weights that the other regions gave, (n,)."""
    found = np.empty(len(log_density))
    for region in np.unique(regions):
        here = regions == region
        with np.errstate(divide="ignore"):  # a weight may be 0
            log_weights = np.log(stacking_weights(log_density[~here]))
        # in logs: the best candidate of a row may have next to no weight, the others no density
        found[here] = _special.logsumexp(log_density[here] + log_weights, axis=1)
    return found
