"""Modes of a log density, where chains start around them, and how they pass between them."""

from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, islice
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.optimize import minimize

from dirimix._arrays import Floats
from dirimix.sampling.target import Jump

_NEGLIGIBLE = 7.0  # nats: a mode of a thousandth of the mass
_SAME = 1.0  # standard deviations: modes that are no further apart are one
_HALVINGS = 40  # of the way from a mode to a start
_BELOW_MODE, _BELOW_A_LATENT = 10.0, 3.0  # nats: how far below a mode chains may start


class Peak(NamedTuple):
    """A mode of the latents and the covariance there, (d,) and (d, d)."""

    mode: np.ndarray
    covariance: np.ndarray


def find_peaks(
    slope: Callable[[Floats], tuple[float, Floats]],
    curvature: Callable[[Floats], Floats],
    starts: Iterable[Floats],
    bounds: Sequence[tuple[float, float]],
) -> list[Peak]:
    """The peaks where searches end, those left out that have next to no mass.

    Masses are those of Laplace's approximation. Of searches that end on plateaus, as of useless
    weights, or in hollows of the landscape no chain should begin, for it would not come away.

    Args:
        slope: Minus the log density of d latents, and its gradient.
        curvature: Its second derivatives, (d, d).
        starts: Where the searches begin, (d,) each.
        bounds: Of every latent.

    Returns:
        Peaks that are apart, that of the largest mass first.
    """
    found = [minimize(slope, q, jac=True, method="L-BFGS-B", bounds=bounds) for q in starts]
    peaks: list[Peak] = []
    masses: list[float] = []
    for end in sorted(found, key=lambda r: r.fun):
        if all(_distance(end.x, peak) > _SAME for peak in peaks):
            peaks.append(Peak(end.x, _inverse(curvature(end.x))))
            masses.append(-end.fun + np.linalg.slogdet(peaks[-1].covariance)[1] / 2)
    order = np.argsort(masses)[::-1]
    return [peaks[i] for i in order if masses[i] > max(masses) - _NEGLIGIBLE]


def _distance(q: Floats, peak: Peak) -> float:
    """Standard deviations from a mode."""
    away = q - peak.mode
    return float(np.sqrt(away @ np.linalg.solve(peak.covariance, away)))


def starts_around(
    peaks: Sequence[Peak],
    count: int,
    density: Callable[[Floats], float],
    rng: np.random.Generator,
    inside: Callable[[Floats], bool] = lambda _: True,
) -> Floats:
    """Start positions, (count, d), around the peaks in turn; arguments as those of `around`."""
    return np.stack([around(p, density, rng, inside) for p in islice(cycle(peaks), count)])


def around(
    peak: Peak,
    density: Callable[[Floats], float],
    rng: np.random.Generator,
    inside: Callable[[Floats], bool] = lambda _: True,
) -> Floats:
    """A start near a peak, (d,), from twice its covariance.

    Models that nearly agree leave a ridge that no chain finds from afar, and a straight step leaves
    it: the step is halved until it ends where the chain may well be.

    Args:
        peak: The peak.
        density: Log density of the latents.
        rng: Source of randomness.
        inside: Whether latents are within their bounds.
    """
    size = len(peak.mode)
    step = rng.multivariate_normal(np.zeros(size), 2 * peak.covariance)
    least = density(peak.mode) - _below(size)
    for _ in range(_HALVINGS):
        if inside(peak.mode + step) and density(peak.mode + step) > least:
            return peak.mode + step
        step = step / 2
    return peak.mode


def between(peaks: Sequence[Peak]) -> list[Jump]:
    """A move from one of several peaks to another; none where there is but one.

    As many standard deviations of the one away as before of the other, peak and direction drawn at
    random: trajectories hardly cross what lies between two peaks, and the chains' shares of them
    would be those of their starts.

    Args:
        peaks: Peaks that are apart.
    """
    if len(peaks) < 2:
        return []
    # in double precision wherever it is called
    modes = np.array([p.mode for p in peaks])
    factors = np.linalg.cholesky(np.array([p.covariance for p in peaks]))
    sizes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    whitening = np.linalg.inv(factors)

    def jump(key: Array, q: Array) -> tuple[Array, Array]:
        tops, roots, inverses, volumes = map(jnp.asarray, (modes, factors, whitening, sizes))
        here, there = jax.random.choice(key, len(peaks), (2,), replace=False)
        moved = tops[there] + roots[there] @ (inverses[here] @ (q - tops[here]))
        return moved, volumes[there] - volumes[here]

    return [jump]


def _below(size: int) -> float:
    return _BELOW_MODE + _BELOW_A_LATENT * size


def _inverse(curvature: Floats) -> Floats:
    """The covariance of a peak, no direction wider than the prior of a latent."""
    values, vectors = np.linalg.eigh(curvature)
    return (vectors / np.maximum(np.abs(values), 1.0)) @ vectors.T
