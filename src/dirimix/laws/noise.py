"""The noise level sigma: its likelihood and its posterior given residuals.

Everywhere residual d_i = y_i - mean_i ~ Normal(0, sigma^2 + u_i^2), where u_i is the known
standard deviation of the measurement error. Residuals, errors and sigma are in one unit.
"""

# pyright: strict, reportMissingTypeStubs=false

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from dirimix._arrays import Floats
from dirimix.errors import InputError
from dirimix.laws.noise_prior import AbstractNoisePrior

_REACH = 30.0  # half width of the search for log sigma, around the scales of data and prior
_STEP = 0.25  # of that search
_TAIL = 45.0  # nats below the peak at which an integrand is cut: 3e-20 of it
_NEGLIGIBLE = 1e-14  # probability of a node of sigma
_BLOCK = 4_000_000  # array elements held at once
_special: Any = special  # SciPy types neither the arguments nor the results of these
_optimize: Any = optimize


def log_likelihood(
    sigma: Floats, residual: Floats, error: Floats, discrepancy: float | None = None
) -> Floats:
    """Log density of the residuals for each value of sigma.

    d ~ Normal(0, diag(sigma^2 + u_i^2) + (sigma^2 / discrepancy) 1 1^T), where the last term,
    a constant shift with its own prior, is absent when `discrepancy` is None.

    Args:
        sigma: Noise levels, (s,).
        residual: Residuals d, (n,), in the unit of y.
        error: Measurement errors u, (n,), in the unit of y.
        discrepancy: Prior precision of the shift in units of the noise precision.

    Returns:
        (s,).

    >>> log_likelihood(np.array([1.0]), np.zeros(2), np.zeros(2)).round(4)
    array([-1.8379])
    """
    sigma = np.asarray(sigma, dtype=float)
    blocks = np.array_split(sigma, 1 + len(sigma) * len(residual) // _BLOCK)
    parts = [_log_likelihood(block, residual, error, discrepancy) for block in blocks]
    return np.concatenate(parts)


def _log_likelihood(
    sigma: Floats, residual: Floats, error: Floats, discrepancy: float | None
) -> Floats:
    variance = sigma[:, None] ** 2 + error**2
    spread = np.sum(np.log(2 * np.pi * variance), axis=1)
    misfit = np.sum(residual**2 / variance, axis=1)
    if discrepancy is not None:
        # Sherman-Morrison: the shift is a rank-one term of the covariance
        shift = sigma**2 / discrepancy
        excess = 1 + shift * np.sum(1 / variance, axis=1)
        spread += np.log(excess)
        misfit -= shift * np.sum(residual / variance, axis=1) ** 2 / excess
    return -0.5 * (spread + misfit)


def log_target(
    residual: Floats,
    error: Floats,
    prior: AbstractNoisePrior,
    discrepancy: float | None = None,
) -> Callable[[Floats], Floats]:
    """The log joint density of the residuals and log sigma, a function of log sigma (s,).

    Args:
        residual: d, (n,), in the unit of y.
        error: Measurement errors, (n,), in the unit of y.
        prior: Prior of sigma.
        discrepancy: As in `log_likelihood`.
    """

    def target(t: Floats) -> Floats:
        sigma = np.exp(t)
        return log_likelihood(sigma, residual, error, discrepancy) + prior.log_density(sigma) + t

    return target


@dataclass(frozen=True)
class Peak:
    """Where a function of log sigma has its maximum, and where it has fallen to nothing."""

    mode: float
    lower: float
    upper: float


def find_peak(
    target: Callable[[Floats], Floats], residual: Floats, prior: AbstractNoisePrior
) -> Peak:
    """Bracket the mass of a log target in log sigma, many modes allowed.

    Args:
        target: Function of log sigma, (s,), as `log_target` gives it.
        residual: d, (n,), in the unit of y.
        prior: Prior of sigma.

    Raises:
        InputError: If the target has no maximum: some model reproduces the data exactly.
    """
    data = np.sqrt(np.mean(residual**2)) if np.any(residual) else prior.scale
    centres = np.log([data, prior.scale])
    grid = np.arange(centres.min() - _REACH, centres.max() + _REACH, _STEP)
    value = target(grid)
    top = int(np.argmax(value))
    if top in (0, len(grid) - 1):
        raise InputError(
            f"the noise level has no posterior under {prior}: {len(residual)} residuals leave it "
            "without a scale (is a model equal to the observations?); remove that model, or give "
            "measurement errors (y_err)"
        )
    return _refine(target, grid, value, top)


def _refine(target: Callable[[Floats], Floats], grid: Floats, value: Floats, top: int) -> Peak:
    def loss(t: float) -> float:
        return -float(target(np.array([t]))[0])

    bounds = (grid[top - 1], grid[top + 1])
    found = _optimize.minimize_scalar(
        loss, bounds=bounds, method="bounded", options={"xatol": 1e-10}
    )
    mode, floor = float(found.x), -float(found.fun) - _TAIL

    def above(t: float) -> float:
        return -loss(t) - floor

    # a peak narrower than the grid leaves only the top
    alive = np.append(np.flatnonzero(value > floor), top)
    first, last = int(alive.min()), int(alive.max())

    def edge(outside: int, inside: int) -> float:
        if not 0 <= outside < len(grid):
            return float(grid[inside])
        start = mode if value[inside] <= floor else grid[inside]
        bracket = (grid[outside], start)
        return float(_optimize.root_scalar(above, bracket=bracket, xtol=1e-3).root)

    return Peak(mode, edge(first - 1, first), edge(last + 1, last))


def sigma_posterior(
    residual: Floats,
    error: Floats,
    prior: AbstractNoisePrior,
    discrepancy: float | None = None,
    n_nodes: int = 65,
) -> tuple[Floats, Floats]:
    """The posterior of sigma as weighted nodes, equally spaced in log sigma.

    Args:
        residual: (n,), in the unit of y.
        error: Measurement errors, (n,), in the unit of y.
        prior: Prior of sigma.
        discrepancy: As in `log_likelihood`.
        n_nodes: Number of nodes laid out; those without mass are left out.

    Returns:
        Nodes (c,) in the unit of y, and their weights (c,), which sum to 1.
    """
    target = log_target(residual, error, prior, discrepancy)
    peak = find_peak(target, residual, prior)
    nodes = np.linspace(peak.lower, peak.upper, n_nodes)
    value = target(nodes)
    weights = np.exp(value - _special.logsumexp(value))
    kept = weights > _NEGLIGIBLE
    return np.exp(nodes[kept]), weights[kept] / weights[kept].sum()


def maximum_likelihood_sigma(residual: Floats, error: Floats, floor: float = 0.0) -> float:
    """The sigma that maximises the likelihood of the residuals, at least `floor`.

    Args:
        residual: (n,), in the unit of y.
        error: Measurement errors, (n,), in the unit of y.
        floor: Smallest sigma allowed; an exact fit would leave a law without width.

    >>> maximum_likelihood_sigma(np.array([2.0, -2.0]), np.zeros(2))
    2.0
    """
    if not np.any(error):
        return float(max(np.sqrt(np.mean(residual**2)), floor))

    def slope(variance: float) -> float:
        total = variance + error**2
        return float(np.sum((residual**2 - total) / total**2))

    # above the largest residual every term of the slope is negative
    top = float(np.max(residual**2))
    low = max(floor, 1e-9 * float(np.sqrt(top))) ** 2
    if top <= low:
        return floor
    grid = np.geomspace(low, top, 200)
    return max(floor, _best_root(slope, grid, residual, error))


def _best_root(
    slope: Callable[[float], float], grid: Floats, residual: Floats, error: Floats
) -> float:
    """The most likely sigma among the lowest grid point and the slope's downward crossings."""
    signs = np.array([slope(v) for v in grid])
    falls = np.flatnonzero((signs[:-1] > 0) & (signs[1:] <= 0))
    roots = [
        float(_optimize.root_scalar(slope, bracket=(grid[i], grid[i + 1]), xtol=1e-300).root)
        for i in falls
    ]
    candidates = np.sqrt([grid[0], *roots])
    likely = log_likelihood(candidates, residual, error)
    return float(candidates[np.argmax(likely)])
