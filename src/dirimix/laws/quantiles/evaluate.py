"""Distribution and density of mixtures of normals, both at once.

Mixtures of many components, as draws of a posterior are, are evaluated by a compiled loop: both by
the Taylor series about the next of many tabulated points, where all derivatives are polynomials
times the density. It takes a twentieth of the time of NumPy's, and is exact to rounding, but knows
nothing of tails beyond 9 standard deviations.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy import special

from dirimix._arrays import Floats, Mask

_MANY = 1000  # components, from where compiling pays
_MIDDLE = 1e-4  # probabilities at least this far from 0 and 1
_special: Any = special  # SciPy types neither the arguments nor the results of these

# distribution and density, (m,) each, at the points (m,) of the sites of a mask (m,); the numbers
# of other sites mean nothing
Evaluate = Callable[[Floats, Mask], tuple[Floats, Floats]]


def evaluators(
    loc: Floats, scale: Floats, weight: Floats, qs: Sequence[float]
) -> Iterator[Evaluate]:
    """How to evaluate a mixture near each of some quantiles.

    Args:
        loc: Component means, (c, m).
        scale: Component standard deviations, (c, m).
        weight: Component weights, (c,) or (c, m).
        qs: Probabilities.
    """
    plain, quick = _plain(loc, scale, weight), None
    for q in qs:
        if len(loc) < _MANY or not _MIDDLE <= q <= 1 - _MIDDLE:
            yield plain
        else:
            quick = quick or _quick(loc, scale, weight)
            yield quick


def mix(weight: Floats, values: Floats) -> Floats:
    """Weighted sums over the components, added in one order whatever the number of sites."""
    # and however they lie in memory
    each = np.multiply(weight if weight.ndim == 2 else weight[:, None], values, order="C")
    m = each.shape[1]
    # NumPy adds a lone column in another order than one of several
    return np.sum(each if m > 1 else np.repeat(each, 2, axis=1), axis=0)[:m]


def _plain(loc: Floats, scale: Floats, weight: Floats) -> Evaluate:
    def evaluate(t: Floats, wanted: Mask) -> tuple[Floats, Floats]:
        del wanted
        z = (t - loc) / scale
        below: Floats = _special.ndtr(z)
        density = mix(weight, np.exp(-0.5 * z**2) / scale) / np.sqrt(2 * np.pi)
        return mix(weight, below), density

    return evaluate


def _quick(loc: Floats, scale: Floats, weight: Floats) -> Evaluate:
    from dirimix.laws.quantiles.loops import evaluate_rows  # Numba takes half a second

    rows = _by_site(loc), 1 / _by_site(scale), _by_site(weight)

    def evaluate(t: Floats, wanted: Mask) -> tuple[Floats, Floats]:
        below, density = evaluate_rows(*rows, t, wanted)
        return below, density

    return evaluate


def _by_site(each: Floats) -> Floats:
    """Numbers of components (c, m) or (c,), a row a site; one row if all sites have the same."""
    alike = each.ndim == 1 or (each.shape[1] > 1 and not each.strides[1])
    return np.ascontiguousarray(each.reshape(len(each), -1)[:, :1].T if alike else each.T)
