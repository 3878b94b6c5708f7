"""The compiled loop over the components of mixtures of normals."""

from typing import Any

import numpy as np
from scipy.special import ndtr

from dirimix.compiled.inlining import PLAIN, SUMS, Kept, inlined

_REACH, _STEPS = 9, 64  # standard deviations to either side that are tabulated, points in one
_END, _MIDDLE, _GAP = _REACH - 1e-9, _REACH * _STEPS, 1 / _STEPS
_POINTS = np.arange(-_MIDDLE, _MIDDLE + 1) * _GAP
_BELOW, _DENSITY = ndtr(_POINTS), np.exp(-0.5 * _POINTS**2) / np.sqrt(2 * np.pi)


def evaluate_rows(
    loc: np.ndarray, inverse: np.ndarray, weight: np.ndarray, t: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """Distribution and density of mixtures at the points `t` of the wanted sites, (2, m).

    Args:
        loc: Component means, (m, c), or (1, c) where all sites have the same.
        inverse: One over their standard deviations, (m, c) or (1, c).
        weight: Their weights, (m, c) or (1, c).
        t: (m,).
        wanted: Sites that are asked for, (m,); what is said of others means nothing.
    """
    found = np.zeros((2, len(t)))
    _fill(found, loc, inverse, weight, t, wanted, _BELOW, _DENSITY)
    return found


@inlined(fastmath=PLAIN)
def _standard(z: Any, below: Any, density: Any) -> Any:
    """Distribution and density of the standard normal, to 1e-15, by Taylor's series about a point.

    The n-th derivative of the density is (-1)^n He_n times it, He_n a Hermite polynomial.
    """
    z = min(max(z, -_END), _END)
    i = np.int32(z * _STEPS + (_MIDDLE + 0.5))
    a = (i - _MIDDLE) * _GAP
    d = z - a
    square = a * a
    h2 = square - 1
    h3 = a * (square - 3)
    h4 = square * (square - 6) + 3
    h5 = a * (square * (square - 10) + 15)
    # products are quicker than quotients
    rest = h3 * (1 / 24) - d * (h4 * (1 / 120) - d * (h5 * (1 / 720)))
    whole = d * (1 - d * (a * 0.5 - d * (h2 * (1 / 6) - d * rest)))
    rest = h3 * (1 / 6) - d * (h4 * (1 / 24) - d * (h5 * (1 / 120)))
    slope = 1 - d * (a - d * (h2 * 0.5 - d * rest))
    return below[i] + density[i] * whole, density[i] * slope


def _loop(found, loc, inverse, weight, t, wanted, below, density):
    for i in range(len(t)):
        if not wanted[i]:
            continue
        own = loc[i if len(loc) > 1 else 0]
        per = inverse[i if len(inverse) > 1 else 0]
        share = weight[i if len(weight) > 1 else 0]
        total, slope = 0.0, 0.0
        for c in range(len(own)):
            p, q = _standard((t[i] - own[c]) * per[c], below, density)
            total += share[c] * p
            slope += share[c] * per[c] * q
        found[0, i], found[1, i] = total, slope


_fill = Kept(_loop, SUMS)
