"""The prior of a Gaussian process's length scales, by default from where the sites lie."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from dirimix.table.space import Space


@dataclass(frozen=True)
class LengthScalePrior:
    """log length scale ~ Normal(location, spread^2), one an axis of the coordinates' space.

    Attributes:
        location: (q,), log of the coordinate's unit.
        spread: (q,).
    """

    location: np.ndarray
    spread: np.ndarray

    @classmethod
    def between(cls, low: np.ndarray, high: np.ndarray) -> "LengthScalePrior":
        """1 % of the mass below `low` and 1 % above `high`, (q,) each."""
        location = (np.log(low) + np.log(high)) / 2
        return cls(location, (np.log(high) - np.log(low)) / (2 * ndtri(0.99)))

    @classmethod
    def of_sites(
        cls, x: np.ndarray, space: Space, spacings: float = 2.0, share: float = 1 / 6
    ) -> "LengthScalePrior":
        """Little mass below so many spacings of sites `x` (n, p) and above a share of their span.

        Shorter scales than two spacings look alike between two sites, and a process of a longer
        one than a sixth of the span, whose waves are about 2 pi scales long, does not turn once
        over the sites. Where sites lie so far apart that both cannot be, as in many coordinates,
        two spacings are the longest: a shorter process would say nothing of a site that it has
        not seen.
        """
        near = spacing(x, space)
        longest = np.maximum(share * space.extent(x), 2 * near)
        return cls.between(np.minimum(spacings * near, longest / 2), longest)

    def times(self, factor: float) -> "LengthScalePrior":
        """The prior of scales that are longer by a factor."""
        return LengthScalePrior(self.location + np.log(factor), self.spread)

    def quantile(self, q: float) -> np.ndarray:
        """The q-quantile, (q,)."""
        return np.exp(self.location + self.spread * ndtri(q))


def spacing(x: np.ndarray, space: Space) -> np.ndarray:
    """Typical distance between neighbours of sites in straight coordinates, (n, p), by axis.

    The median gap between distinct values where the sites repeat them (a lattice), else the
    extent over n^(1/d), d the number of dimensions.
    """
    if space.is_flat and _on_lattice(x):
        gaps = [np.median(np.diff(np.unique(column).astype(float))) for column in x.T]
        return np.array(gaps, dtype=float)
    return space.extent(x) / len(x) ** (1 / sum(space.dimensions))


def _on_lattice(x: np.ndarray) -> bool:
    """Whether the distinct values of all coordinates are few against the sites, and repeat."""
    distinct = [len(np.unique(column)) for column in x.T]
    few = np.prod(distinct, dtype=float) <= 20 * len(x)
    return len(distinct) > 1 and few and min(distinct) <= len(x) / 2
