"""Modes of a log density, and where chains start around them."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from dirimix._arrays import Floats

_NEGLIGIBLE = 7.0  # nats: a mode of a thousandth of the mass
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
    """A peak for every start: where its search ends, or the largest where that has no mass.

    Masses are those of Laplace's approximation. Of searches that end on plateaus, as of useless
    weights, or in hollows of the landscape no chain should begin, for it would not come away.

    Args:
        slope: Minus the log density of d latents, and its gradient.
        curvature: Its second derivatives, (d, d).
        starts: Where the searches begin, (d,) each.
        bounds: Of every latent.

    Returns:
        The peaks, the largest first.
    """
    found = [minimize(slope, q, jac=True, method="L-BFGS-B", bounds=bounds) for q in starts]
    peaks = [Peak(r.x, _inverse(curvature(r.x))) for r in found]
    mass = [
        -r.fun + np.linalg.slogdet(p.covariance)[1] / 2 for r, p in zip(found, peaks, strict=True)
    ]
    order = np.argsort(mass)[::-1]
    return [peaks[i if mass[i] > max(mass) - _NEGLIGIBLE else order[0]] for i in order]


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


def _below(size: int) -> float:
    return _BELOW_MODE + _BELOW_A_LATENT * size


def _inverse(curvature: Floats) -> Floats:
    """The covariance of a peak, no direction wider than the prior of a latent."""
    values, vectors = np.linalg.eigh(curvature)
    return (vectors / np.maximum(np.abs(values), 1.0)) @ vectors.T
