"""The continuous ranked probability score of a transformed mixture, in the unit of y.

crps(F, y) = integral from 0 to y of F(t)^2 dt + integral from y on of (1 - F(t))^2 dt. In the
scale of the mixture, t = g^-1(z), both integrands are smooth, and Gauss's rule on panels that the
narrowest component can be resolved on gives about 1e-8. It is 1e-4 where components are so
narrow beside the whole that more than a few hundred panels would be needed.
"""

# pyright: strict, reportMissingTypeStubs=false

from typing import Any

import numpy as np
from scipy.special import ndtr

from dirimix._arrays import Floats
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.laws.transformed_mixture import TransformedMixture

_REACH = 6.5  # standard deviations beyond which a component counts as nothing, 1e-10
_PANEL = 6.0  # standard deviations of the narrowest component
_MOST_PANELS = 400
_HELD = 1 << 20  # component values held at once
_gauss: tuple[Any, Any] = np.polynomial.legendre.leggauss(14)
_finer: tuple[Any, Any] = np.polynomial.legendre.leggauss(40)


def transformed_crps(law: TransformedMixture, y: Floats) -> Floats:
    """The score at each of m sites, (m,), for observations y, (m,)."""
    found = [_at_site(law.at(slice(i, i + 1)), float(y[i])) for i in range(law.n_sites)]
    return np.array(found)


def _at_site(law: TransformedMixture, y: float) -> float:
    """Of a law at one site."""
    latent, transform = law.latent, law.transform
    real = latent.site_weight[:, 0] > 0
    loc, scale = latent.loc[real, 0], latent.scale[real, 0]
    low = float(max(transform.floor, np.min(loc - _REACH * scale)))
    high = float(np.max(loc + (_REACH + transform.reach(loc, scale)) * scale))
    panel = _PANEL * float(np.min(scale))
    ends = [float(v) for v in transform.back(np.array([low, high]))]
    if low >= high:  # all of it is at 0
        return abs(y)
    z = float(transform.to(np.array(y))) if ends[0] < y < ends[1] else low if y <= ends[0] else high
    beyond = max(ends[0] - y, y - ends[1], 0.0)
    below = _integral(law, low, z, panel, upper=False)
    return beyond + below + _integral(law, z, high, panel, upper=True)


def _integral(
    law: TransformedMixture, low: float, high: float, panel: float, *, upper: bool
) -> float:
    """The integral of F^2, or of (1 - F)^2, over t whose z lies between low and high."""
    if high <= low:
        return 0.0
    count = min(int(np.ceil((high - low) / panel)), _MOST_PANELS)
    z, share = _nodes(low, (high - low) / count, count, at_floor=low == law.transform.floor)
    sign = -1.0 if upper else 1.0
    with np.errstate(over="ignore"):
        stretch = law.transform.stretch(z)
    values = _probability(law.latent, z, sign) ** 2 * stretch
    return float(share @ values)


def _nodes(low: float, width: float, count: int, *, at_floor: bool) -> tuple[Floats, Floats]:
    """Nodes and their shares on so many panels of a width from `low` on, (k,) each."""
    x, share = _unit(_gauss)
    nodes = (low + width * (np.arange(count)[:, None] + x)).ravel()
    shares = np.tile(width * share, count)
    if not at_floor:
        return nodes, shares
    # dy/dz may be a root of the distance to the floor, which a power of it makes smooth
    x, share = _unit(_finer)
    kept = slice(len(_gauss[0]), None)
    return (
        np.concatenate([low + width * x**4, nodes[kept]]),
        np.concatenate([width * share * 4 * x**3, shares[kept]]),
    )


def _unit(rule: tuple[Any, Any]) -> tuple[Any, Any]:
    """A rule on (-1, 1) as one on (0, 1)."""
    return (1 + rule[0]) / 2, rule[1] / 2


def _probability(law: NormalMixture, z: Floats, sign: float) -> Floats:
    """P(Z <= z), or with the sign -1 P(Z > z), of a law at one site, (k,)."""
    weight = law.site_weight[:, 0]
    width = max(1, _HELD // len(weight))
    parts = [
        weight @ ndtr(sign * (z[at : at + width] - law.loc) / law.scale)
        for at in range(0, len(z), width)
    ]
    return np.concatenate(parts)
