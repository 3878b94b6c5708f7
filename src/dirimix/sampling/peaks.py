"""Modes of a log density, and where chains start around them."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from dirimix._arrays import Floats

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
    """Where a search from every start ends, the highest first.

    Args:
        slope: Minus the log density of d latents, and its gradient.
        curvature: Its second derivatives, (d, d).
        starts: Where the searches begin, (d,) each.
        bounds: Of every latent.
    """
    found = [minimize(slope, q, jac=True, method="L-BFGS-B", bounds=bounds) for q in starts]
    found.sort(key=lambda result: result.fun)
    # a search that ended on a plateau, as of useless weights, has found nothing
    depth = found[0].fun + _below(len(found[0].x))
    modes = [r.x if r.fun < depth else found[0].x for r in found]
    return [Peak(q, _inverse(curvature(q))) for q in modes]


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
