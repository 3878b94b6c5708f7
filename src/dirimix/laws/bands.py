"""Bands of scores and of their differences: percentile bootstraps, and binomial bands.

Sites that err alike must be resampled together: whole clusters of them, not sites. The percentile
band of few clusters (about 10) is too narrow: their count is always reported with it.

Reference: Davison and Hinkley (1997), doi 10.1017/CBO9780511802843, section 3.8.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from dirimix._arrays import Floats, Indices
from dirimix.errors import InputError

_BLOCK = 1 << 20  # resampled values held at once: 8 MB
_stats: Any = stats  # SciPy types neither the arguments nor the results of these


@dataclass(frozen=True)
class Band:
    """Interval in which a number may well lie; NaN where one observation gives none."""

    lo: float
    hi: float


@dataclass(frozen=True)
class Difference:
    """A score of method a minus that of method b on the same sites, with its band."""

    mean: float
    lo: float
    hi: float


@dataclass(frozen=True)
class Bootstrap:
    """How values are resampled.

    Attributes:
        seed: The same seed and number of rows or clusters, the same resamples.
        n_boot: Number of resamples.
    """

    seed: int
    n_boot: int = 2000

    def means(self, values: Floats, clusters: ArrayLike | None = None) -> Floats:
        """Column means over resamples, all columns resampled together.

        Args:
            values: (n, c).
            clusters: Which cluster each row belongs to, (n,); each resample has as many whole
                clusters as there are. None if rows are independent.

        Returns:
            (n_boot, c); not a number where there is one row or cluster only.

        Raises:
            InputError: If there is no row, or not one cluster a row.

        >>> Bootstrap(seed=0, n_boot=3).means(np.ones((4, 2)), np.array([0, 0, 1, 2]))[0]
        array([1., 1.])
        """
        values = np.asarray(values, dtype=float)
        # Rows are drawn by their numbers and clusters by how often each is drawn. The law is the
        # same; the random streams differ, and published bands rest on both.
        if clusters is None:
            check_count(len(values))
            if len(values) == 1:
                return np.full((self.n_boot, values.shape[1]), np.nan)
            found = [[v[rows].mean(axis=1) for v in values.T] for rows in self.rows(len(values))]
            return np.concatenate([np.stack(means, axis=1) for means in found])
        clusters = np.asarray(clusters)
        if values.ndim != 2 or clusters.shape != values.shape[:1] or not len(values):
            raise InputError(
                "one cluster a row is needed, and the shapes are "
                f"{values.shape} and {clusters.shape}"
            )
        names, place = np.unique(clusters, return_inverse=True)
        g = len(names)
        if g == 1:
            return np.full((self.n_boot, values.shape[1]), np.nan)
        sizes = np.bincount(place)
        sums = np.stack([np.bincount(place, weights=column) for column in values.T], axis=1)
        rng = np.random.default_rng(self.seed)
        times = rng.multinomial(g, np.full(g, 1 / g), size=self.n_boot)
        return (times @ sums) / (times @ sizes)[:, None]

    def rows(self, n: int) -> Iterator[Indices]:
        """Row numbers of every resample of n rows, blocks of resamples (b, n)."""
        rng, width = np.random.default_rng(self.seed), max(1, _BLOCK // n)
        for start in range(0, self.n_boot, width):
            yield rng.integers(n, size=(min(width, self.n_boot - start), n))


def band_of(resamples: Floats, level: float = 0.9) -> Band:
    """The percentile band of a statistic's resamples, (n_boot,)."""
    if np.isnan(resamples).any():
        return Band(np.nan, np.nan)
    lo, hi = np.quantile(resamples, [(1 - level) / 2, (1 + level) / 2])
    return Band(float(lo), float(hi))


def bootstrap_band(
    values: Floats,
    statistic: Callable[..., Floats],
    seed: int,
    n_boot: int = 2000,
    level: float = 0.9,
) -> Band:
    """Percentile bootstrap band of a statistic of independent values.

    Args:
        values: One value a site, (n,); with n = 1 the band is not a number.
        statistic: Called as statistic(values, axis=-1) on (b, n) resampled values.
        seed: Of the resampling; bands with one seed and n share their resamples.
        n_boot: Number of resamples.
        level: Central probability of the band.

    Raises:
        InputError: If there is no value.

    >>> bootstrap_band(np.array([1.0, 1.0, 1.0]), np.mean, seed=0)
    Band(lo=1.0, hi=1.0)
    """
    values = np.asarray(values, dtype=float)
    check_count(len(values))
    if len(values) == 1:
        return Band(np.nan, np.nan)
    drawn = Bootstrap(seed, n_boot).rows(len(values))
    return band_of(np.concatenate([statistic(values[rows], axis=-1) for rows in drawn]), level)


def difference_of(
    values: Floats,
    of_mean: Callable[[Floats], Floats],
    bootstrap: Bootstrap,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.9,
) -> Difference:
    """A score of one column minus that of another, (n, 2), given the score of column means."""
    resampled = of_mean(bootstrap.means(values, clusters))
    band = band_of(resampled[:, 0] - resampled[:, 1], level)
    first, second = of_mean(values.mean(axis=0))
    return Difference(float(first - second), band.lo, band.hi)


def paired_difference(
    values_a: Floats, values_b: Floats, seed: int, n_boot: int = 2000, level: float = 0.9
) -> Difference:
    """Mean of a - b, per-site scores (m,) of two methods on the same sites, with a bootstrap band.

    Raises:
        InputError: If there are none, or their numbers differ.

    >>> paired_difference(np.array([1.0, 2.0]), np.array([0.5, 1.5]), seed=0)
    Difference(mean=0.5, lo=0.5, hi=0.5)
    """
    each = deviations(values_a, values_b)
    band = bootstrap_band(each, np.mean, seed, n_boot, level)
    return Difference(float(np.mean(each)), band.lo, band.hi)


def paired_rms_difference(
    err_a: Floats, err_b: Floats, seed: int, n_boot: int = 2000, level: float = 0.9
) -> Difference:
    """The rms of errors a, (m,), minus that of errors b on the same sites, resampled together.

    Raises:
        InputError: If there are none, or their numbers differ.

    >>> paired_rms_difference(np.array([2.0, -2.0]), np.array([1.0, 1.0]), seed=0)
    Difference(mean=1.0, lo=1.0, hi=1.0)
    """
    deviations(err_a, err_b)
    squares = np.stack([np.asarray(err_a, float), np.asarray(err_b, float)], axis=1) ** 2
    return difference_of(squares, np.sqrt, Bootstrap(seed, n_boot), level=level)


def deviations(a: Floats, b: Floats) -> Floats:
    """The differences a - b, (m,), of two columns of one length.

    Raises:
        InputError: If their lengths differ or are 0.

    >>> deviations(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    array([0., 2.])
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(
            f"two columns of one length are compared, and their shapes are {a.shape} and {b.shape}"
        )
    check_count(len(a))
    return a - b


def binomial_band(hits: int, n: int, level: float = 0.9) -> Band:
    """Wilson's band of a probability of which `hits` of n trials were seen.

    Reference: Wilson (1927), doi 10.1080/01621459.1927.10502953.

    Raises:
        InputError: If there is no trial.

    >>> band = binomial_band(50, 100)
    >>> round(band.lo, 3), round(band.hi, 3)
    (0.419, 0.581)
    """
    check_count(n)
    interval = _stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    return Band(float(interval.low), float(interval.high))


def nominal_band(level: float, n: int, confidence: float = 0.95) -> Band:
    """Where the coverage of n sites lies, with the confidence, if the true one is the level.

    Raises:
        InputError: If there is no site.

    >>> nominal_band(0.5, 100)
    Band(lo=0.4, hi=0.6)
    """
    check_count(n)
    lo, hi = _stats.binom.interval(confidence, n, level)
    return Band(float(lo) / n, float(hi) / n)


def check_count(n: int) -> None:
    """Raise an InputError if there is no observation."""
    if n < 1:
        raise InputError("a score needs at least one observation, and there is none")
