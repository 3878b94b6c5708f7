"""Bands of scores: percentile bootstraps of rows or of whole clusters, and binomial bands.

Sites that err alike must be resampled together: whole clusters of them, not sites. The percentile
band of few clusters (about 10) is too narrow: their count is always reported with it.

Reference: Davison and Hinkley (1997), doi 10.1017/CBO9780511802843, section 3.8.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, binomtest

from dirimix.errors import InputError

_BLOCK = 1 << 20  # resampled values held at once: 8 MB


@dataclass(frozen=True)
class Band:
    """Where a number may well lie; not a number where one observation cannot tell."""

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

    def means(self, values: np.ndarray, clusters: np.ndarray | None = None) -> np.ndarray:
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
            found = [_row_means(values.T, rows) for rows in self.rows(len(values))]
            means = np.concatenate(found)
            return means if len(values) > 1 else np.full_like(means, np.nan)
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

    def rows(self, n: int) -> Iterator[np.ndarray]:
        """Row numbers of every resample of n rows, blocks of resamples (b, n)."""
        rng, width = np.random.default_rng(self.seed), max(1, _BLOCK // n)
        for start in range(0, self.n_boot, width):
            yield rng.integers(n, size=(min(width, self.n_boot - start), n))


def band_of(resamples: np.ndarray, level: float = 0.9) -> Band:
    """The percentile band of a statistic's resamples, (n_boot,)."""
    if np.isnan(resamples).any():
        return Band(np.nan, np.nan)
    lo, hi = np.quantile(resamples, [(1 - level) / 2, (1 + level) / 2])
    return Band(float(lo), float(hi))


def bootstrap_band(
    values: np.ndarray,
    statistic: Callable[..., np.ndarray],
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
    interval = binomtest(hits, n).proportion_ci(level, method="wilson")
    return Band(float(interval.low), float(interval.high))


def nominal_band(level: float, n: int, confidence: float = 0.95) -> Band:
    """Where the coverage of n sites lies, with the confidence, if the true one is the level.

    Raises:
        InputError: If there is no site.

    >>> nominal_band(0.5, 100)
    Band(lo=0.4, hi=0.6)
    """
    check_count(n)
    lo, hi = binom.interval(confidence, n, level)
    return Band(float(lo) / n, float(hi) / n)


def _row_means(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Means (b, c) of columns (c, n) over the rows of each resample, (b, n)."""
    return np.stack([column[rows].mean(axis=1) for column in columns], axis=1)


def check_count(n: int) -> None:
    """Raise an InputError if there is no observation."""
    if n < 1:
        raise InputError("a score needs at least one observation, and there is none")
