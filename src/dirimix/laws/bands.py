"""Bands that respect dependence: whole clusters of sites are resampled, not sites.

Every statistic here is a function of column means, so that a resample needs only the sums over
each cluster. With one site a cluster it is the ordinary bootstrap. The percentile band of few
clusters (about 10) is too narrow: their count is always reported with it.

Reference: Davison and Hinkley (1997), doi 10.1017/CBO9780511802843, section 3.8.
"""

import numpy as np

from dirimix.errors import InputError
from dirimix.scores import Band


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
