"""Bands that respect dependence: whole clusters of sites are resampled, not sites.

Every statistic here is a function of column means, so that a resample needs only the sums over
each cluster. With one site a cluster it is the ordinary bootstrap. The percentile band of few
clusters (about 10) is too narrow: their count is always reported with it.

Reference: Davison and Hinkley (1997), doi 10.1017/CBO9780511802843, section 3.8.
"""

from collections.abc import Callable
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


def resampled_means(
    values: np.ndarray, clusters: np.ndarray, seed: int, n_boot: int = 2000
) -> np.ndarray:
    """Column means over resamples of whole clusters, each resample of as many as there are.

    Args:
        values: (n, c).
        clusters: Which cluster each row belongs to, (n,).
        seed: Of the resampling; the same seed and clusters, the same resamples.
        n_boot: Number of resamples.

    Returns:
        (n_boot, c); not a number where there is one cluster only.

    >>> resampled_means(np.ones((4, 2)), np.array([0, 0, 1, 2]), seed=0, n_boot=3)[0]
    array([1., 1.])
    """
    values, clusters = np.asarray(values, dtype=float), np.asarray(clusters)
    if values.ndim != 2 or clusters.shape != values.shape[:1] or not len(values):
        raise InputError(
            f"one cluster a row is needed, and the shapes are {values.shape} and {clusters.shape}"
        )
    names, place = np.unique(clusters, return_inverse=True)
    g = len(names)
    if g == 1:
        return np.full((n_boot, values.shape[1]), np.nan)
    sizes = np.bincount(place)
    sums = np.stack([np.bincount(place, weights=column) for column in values.T], axis=1)
    times = np.random.default_rng(seed).multinomial(g, np.full(g, 1 / g), size=n_boot)
    return (times @ sums) / (times @ sizes)[:, None]


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

    >>> bootstrap_band(np.array([1.0, 1.0, 1.0]), np.mean, seed=0)
    Band(lo=1.0, hi=1.0)
    """
    return _band((np.asarray(values, float),), statistic, seed, n_boot, level)


def binomial_band(hits: int, n: int, level: float = 0.9) -> Band:
    """Wilson's band of a probability of which `hits` of n trials were seen.

    Reference: Wilson (1927), doi 10.1080/01621459.1927.10502953.

    >>> band = binomial_band(50, 100)
    >>> round(band.lo, 3), round(band.hi, 3)
    (0.419, 0.581)
    """
    _check_count(n)
    interval = binomtest(hits, n).proportion_ci(level, method="wilson")
    return Band(float(interval.low), float(interval.high))


def nominal_band(level: float, n: int, confidence: float = 0.95) -> Band:
    """Where the coverage of n sites lies, with the confidence, if the true one is the level.

    >>> nominal_band(0.5, 100)
    Band(lo=0.4, hi=0.6)
    """
    _check_count(n)
    lo, hi = binom.interval(confidence, n, level)
    return Band(float(lo) / n, float(hi) / n)


def _band(
    data: tuple[np.ndarray, ...],
    statistic: Callable[..., np.ndarray],
    seed: int,
    n_boot: int,
    level: float,
) -> Band:
    """Percentile bootstrap of a statistic of columns that are resampled together."""
    n = len(data[0])
    _check_count(n)
    if n == 1:
        return Band(np.nan, np.nan)
    rng = np.random.default_rng(seed)
    width = max(1, _BLOCK // n)
    resampled = []
    for start in range(0, n_boot, width):
        rows = rng.integers(n, size=(min(width, n_boot - start), n))
        resampled.append(statistic(*(column[rows] for column in data), axis=-1))
    lo, hi = np.quantile(np.concatenate(resampled), [(1 - level) / 2, (1 + level) / 2])
    return Band(float(lo), float(hi))


def _check_count(n: int) -> None:
    if n < 1:
        raise InputError("a score needs at least one observation, and there is none")
