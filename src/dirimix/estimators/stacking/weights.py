"""Weights of predictive densities: those that maximise the log score of their mixture.

Yao, Vehtari, Simpson, Gelman (2018), "Using stacking to average Bayesian predictive
distributions", doi 10.1214/17-BA1091.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any

import numpy as np
from scipy import special

from dirimix._arrays import Floats, Indices, Mask

_special: Any = special  # SciPy does not type the results of these
_STEPS = 100  # some twenty are enough
_GAP = 1e-16  # product of a weight and its slope, below which the smaller of both is 0
_ROUNDING = 1e-10  # of slopes
_NEARER = 0.1  # times the product of weights and slopes, the next step's
_SHORT = 0.9  # share of the way to where a weight or a slope is 0


def stacking_weights(log_density: Floats, counts: Floats | None = None) -> Floats:
    """Weights on the simplex that maximise sum_i c_i log sum_j w_j p_ij, (j,), or (b, j).

    The likelihood is concave, and its maximum is found by a primal-dual interior-point method
    (Nocedal and Wright 2006, chapter 19): Newton's steps for the weights and for the slopes that
    keep those of 0 there. A weight smaller than its slope ends at 0.

    Args:
        log_density: log p_ij of row i under candidate j, (n, j).
        counts: How often each row counts, (n,), or (b, n) for several problems; once each by
            default.

    >>> p = np.log(np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2]]))
    >>> stacking_weights(p).round(2)
    array([0.82, 0.18])
    """
    best = log_density.max(axis=1, keepdims=True)
    told = np.isfinite(best)  # a row that has no density under any of them is like to all
    density = np.where(told, np.exp(log_density - np.where(told, best, 0.0)), 1.0)
    several = np.atleast_2d(np.ones(len(density)) if counts is None else counts)
    share = several / several.sum(axis=1, keepdims=True)
    weights = np.full((len(share), density.shape[1]), 1 / density.shape[1])
    slopes, left = weights.copy(), np.arange(len(share))
    for _ in range(_STEPS):
        weights[left], slopes[left], there = _nearer(
            weights[left], slopes[left], share[left], density
        )
        left = left[~there]
        if not len(left):
            break
    weights[weights < slopes] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    return weights if counts is not None and counts.ndim == 2 else weights[0]


def _nearer(
    weights: Floats, slopes: Floats, share: Floats, density: Floats
) -> tuple[Floats, Floats, Mask]:
    """Weights and slopes, (b, j) each, after a step, and whether they are at the maximum, (b,).

    That of sum_i s_i log sum_j w_j p_ij - sum_j w_j, whose weights sum to one by themselves.
    """
    count = weights.shape[1]
    mixed = weights @ density.T
    excess = 1 - (share / mixed) @ density
    aim = _NEARER * np.mean(weights * slopes, axis=1, keepdims=True)
    products = (density[:, :, None] * density[:, None, :]).reshape(len(density), -1)
    curvature = ((share / mixed**2) @ products).reshape(-1, count, count)
    curvature[:, np.arange(count), np.arange(count)] += slopes / weights
    step = np.linalg.solve(curvature, (aim / weights - excess)[..., None])[..., 0]
    rise = (aim - slopes * step) / weights - slopes
    weights = weights + _within(weights, step) * step
    slopes = slopes + _within(slopes, rise) * rise
    excess = 1 - (share / (weights @ density.T)) @ density
    there = (np.abs(excess - slopes) < _ROUNDING) & (weights * slopes < _GAP)
    return weights, slopes, np.asarray(there.all(axis=1))


def _within(values: Floats, step: Floats) -> Floats:
    """The share of a step after which all values are above 0, (b, 1)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ends = np.where(step < 0, -values / step, np.inf)
    return np.minimum(1.0, _SHORT * ends.min(axis=1, keepdims=True))


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
