"""Means of rows, resampled, and bands of them that hold what they say for few rows, too.

Sites that err alike must be resampled together: whole clusters of them, not sites. The spread of
the resampled means themselves is too small where rows are few and skewed, as squared errors are: of
ten rows a band from it holds the truth in 77 of 100 cases where it says 90. So every resampled mean
is divided by its own standard error (the studentised bootstrap), and the band is nowhere narrower
than Student's.

Reference: Davison and Hinkley (1997), doi 10.1017/CBO9780511802843, sections 2.4, 3.8 and 5.2.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from dirimix._arguments import check_room, check_seed, check_share, check_whole
from dirimix._arrays import Floats
from dirimix.errors import InputError

FEWEST = 5  # rows, or clusters of them, that a band of a mean needs
_BLOCK = 1 << 20  # counts held at once: 8 MB
_NOTHING = 1e-6  # a standard error this much smaller than that of all rows is rounding
_stats: Any = stats  # SciPy types neither the arguments nor the results of these


@dataclass(frozen=True)
class Resamples:
    """Column means of rows in so many groups (rows, or clusters of them), and resamples of them.

    Attributes:
        groups: Number of groups that are resampled.
        mean: Of all rows, (c,).
        error: Its standard error, (c,); not a number for one group.
        means: Of the resamples, (n_boot, c).
        errors: Their standard errors, (n_boot, c).
    """

    groups: int
    mean: Floats
    error: Floats
    means: Floats
    errors: Floats

    def band(self, level: float = 0.9) -> Floats:
        """Lower and upper ends of a band of every mean, (2, c); not a number for too few groups."""
        check_share(level, "level")
        if self.groups < FEWEST:
            return np.full((2, len(self.mean)), np.nan)
        tail, shift = (1 - level) / 2, self.means - self.mean
        alike = self.errors <= _NOTHING * self.error
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(alike, np.copysign(np.inf, shift), shift / self.errors)
        ratio[alike & (np.abs(shift) <= _NOTHING * self.error)] = 0.0
        low, less = np.quantile([ratio, -ratio], tail, axis=1, method="inverted_cdf")
        student = _stats.t.ppf(1 - tail, self.groups - 1)
        reach = np.stack([np.minimum(less, -student), np.maximum(-low, student)])
        with np.errstate(invalid="ignore", over="ignore"):
            found = self.mean + reach * self.error
        # an end that many resamples leave open is not known, and the band says nothing
        return np.where(np.isfinite(found).all(axis=0), found, np.nan)


@dataclass(frozen=True)
class Bootstrap:
    """How rows are resampled.

    Attributes:
        seed: The same seed and number of rows or clusters, the same resamples.
        n_boot: Number of resamples.
    """

    seed: int
    n_boot: int = 2000

    def __post_init__(self) -> None:
        check_seed(self.seed, "seed")
        check_whole(self.n_boot, "n_boot", 1)
        check_room(6 * self.n_boot, f"{self.n_boot} resamples; ask for a smaller n_boot")

    def resample(self, values: Floats, clusters: ArrayLike | None = None) -> Resamples:
        """Column means over resamples, all columns resampled together.

        Args:
            values: (n, c).
            clusters: Which cluster each row belongs to, (n,); each resample has as many whole
                clusters as there are. None if rows are independent.

        Raises:
            InputError: If there is no row, or not one cluster a row.

        >>> values = np.array([[1.0], [2.0], [4.0], [5.0], [8.0]])
        >>> found = Bootstrap(seed=0).resample(values)
        >>> found.mean, found.band().round(1).ravel()
        (array([4.]), array([1.4, 7. ]))
        """
        with np.errstate(invalid="ignore", over="ignore"):  # a score may be infinite
            mean, sums, sizes = grouped(values, clusters)
            own = np.ones((1, len(sizes)))
            error = _moments(own, sums, sizes)[1][0]
            blocks = [_moments(times, sums, sizes) for times in self._times(len(sizes))]
        shift, errors = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return Resamples(len(sizes), mean, error, mean + shift, errors)

    def _times(self, groups: int) -> Iterator[Floats]:
        """How often each group is drawn, blocks of resamples (b, groups)."""
        rng, width = np.random.default_rng(self.seed), max(1, _BLOCK // groups)
        for start in range(0, self.n_boot, width):
            b = min(width, self.n_boot - start)
            drawn = rng.integers(groups, size=(b, groups)) + groups * np.arange(b)[:, None]
            yield np.bincount(drawn.ravel(), minlength=b * groups).reshape(b, groups).astype(float)


def grouped(values: Floats, clusters: ArrayLike | None = None) -> tuple[Floats, Floats, Floats]:
    """Column means (c,) of rows; by group, sums (g, c) of deviations from them, and sizes (g,).

    Raises:
        InputError: If there is no row, or not one cluster a row.
    """
    values = np.asarray(values, dtype=float)
    labels = np.arange(len(values)) if clusters is None else np.asarray(clusters)
    if values.ndim != 2 or labels.shape != values.shape[:1]:
        raise InputError(
            f"one cluster a row is needed, and the shapes are {values.shape} and {labels.shape}"
        )
    check_count(len(values))
    mean = values.mean(axis=0)
    place = np.asarray(np.unique(labels, return_inverse=True)[1])
    sums = np.stack([np.bincount(place, weights=column) for column in (values - mean).T], axis=1)
    return mean, sums.astype(float), np.bincount(place).astype(float)


def _moments(times: Floats, sums: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """Shift of the means and their standard errors, (b, c) each, of groups drawn so many times."""
    groups, total = len(sizes), (times @ sizes)[:, None]
    shift = times @ sums / total
    # the sum over the groups drawn of (sum - size * shift)^2
    squares = times @ sums**2 - 2 * shift * (times @ (sums * sizes[:, None]))
    squares += shift**2 * (times @ sizes**2)[:, None]
    factor = groups / (groups - 1) if groups > 1 else np.nan
    return shift, np.sqrt(factor * np.maximum(squares, 0.0)) / total


def check_count(n: int) -> None:
    """Raise an InputError if there is no observation."""
    if n < 1:
        raise InputError("a score needs at least one observation, and there is none")
