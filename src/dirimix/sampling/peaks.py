"""Modes of a log density, where chains start around them, and how they pass between them."""

from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, islice
from operator import itemgetter
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
_MOVED = 4  # ends, at most, of searches that are only about right
_CLOSE = {"ftol": 1e-6}  # a search ends where a step gains less than this part of the log density
_HALVINGS = 40  # of the way from a mode to a start
_BELOW_MODE, _BELOW_A_LATENT = 10.0, 3.0  # nats: how far below a mode chains may start


# minus the log density of latents, (d,), and its gradient
Slope = Callable[[Floats], tuple[float, Floats]]


class Peak(NamedTuple):
    """A mode of the latents and the covariance there, (d,) and (d, d)."""

    mode: np.ndarray
    covariance: np.ndarray


def find_peaks(
    slope: Slope,
    curvature: Callable[[Floats], Floats],
    starts: Iterable[Floats],
    bounds: Sequence[tuple[float, float]],
    exact: Slope | None = None,
) -> list[Peak]:
    """The peaks where searches end, those left out that have next to no mass.

    Masses are those of Laplace's approximation. Of searches that end on plateaus, as of useless
    weights, or in hollows of the landscape no chain should begin, for it would not come away.

    Args:
        slope: Minus the log density of d latents, and its gradient.
        curvature: Its second derivatives, (d, d).
        starts: Where the searches begin, (d,) each.
        bounds: Of every latent.
        exact: Where `slope` is quicker and only about right, what it stands for: the four highest
            peaks are moved to the modes of this, with the covariances that they have.

    Returns:
        Peaks that are apart, that of the largest mass first.
    """
    how = {"jac": True, "method": "L-BFGS-B", "options": {} if exact is None else _CLOSE}
    found = [minimize(slope, q, bounds=bounds, **how) for q in starts]
    ends = _apart((r.fun, r.x, lambda r=r: _inverse(curvature(r.x))) for r in found)
    if exact is not None:
        ends = _apart(_moved(peak, exact) for _, peak in ends[:_MOVED])
    masses = [np.linalg.slogdet(peak.covariance)[1] / 2 - value for value, peak in ends]
    order = np.argsort(masses)[::-1]
    return [ends[i][1] for i in order if masses[i] > max(masses) - _NEGLIGIBLE]


def _apart(
    ends: Iterable[tuple[float, Floats, Callable[[], Floats]]],
) -> list[tuple[float, Peak]]:
    """Ends of searches as value, place and covariance, without those that are the same."""
    kept: list[tuple[float, Peak]] = []
    for value, place, covariance in sorted(ends, key=itemgetter(0)):
        if all(_distance(place, peak) > _SAME for _, peak in kept):
            kept.append((value, Peak(place, covariance())))
    return kept


def _moved(peak: Peak, slope: Slope) -> tuple[float, Floats, Callable[[], Floats]]:
    """The end of a search from a peak, in directions in which it is about round."""
    root = np.linalg.cholesky(peak.covariance)

    def along(z: Floats) -> tuple[float, Floats]:
        value, gradient = slope(peak.mode + root @ z)
        return value, root.T @ gradient

    end = minimize(along, np.zeros(len(root)), jac=True, method="L-BFGS-B", options=_CLOSE)
    return end.fun, peak.mode + root @ end.x, lambda: peak.covariance


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
