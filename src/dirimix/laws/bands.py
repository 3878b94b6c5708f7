"""Bands of scores and of their differences: studentised bootstraps, and exact binomial bands.

A score that is a curved function of a mean (rms) has the band of that mean, and a difference of
two such scores that of what each row adds to it to first order.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from dirimix._arguments import check_share
from dirimix._arrays import Floats
from dirimix.errors import InputError
from dirimix.laws.bootstrap import Bootstrap, check_count, grouped

_stats: Any = stats  # SciPy types neither the arguments nor the results of these


@dataclass(frozen=True)
class Band:
    """Interval in which a number may well lie; NaN where the rows are too few to say."""

    lo: float
    hi: float


@dataclass(frozen=True)
class Difference:
    """A score of method a minus that of method b on the same sites, with its band."""

    mean: float
    lo: float
    hi: float


def bootstrap_band(
    values: Floats,
    statistic: Callable[..., Floats],
    seed: int,
    n_boot: int = 2000,
    level: float = 0.9,
) -> Band:
    """Studentised bootstrap band of a smooth statistic of independent values.

    Args:
        values: One value a site, (n,); below five sites the band is not a number.
        statistic: Called as statistic(values, axis=-1) on (b, n - 1) values, all but one.
        seed: Of the resampling; bands with one seed and n share their resamples.
        n_boot: Number of resamples.
        level: Central probability of the band.

    Raises:
        InputError: If there is no value.

    >>> bootstrap_band(np.ones(8), np.mean, seed=0)
    Band(lo=1.0, hi=1.0)
    """
    values = np.asarray(values, dtype=float)
    check_count(n := len(values))
    if n == 1:
        return Band(np.nan, np.nan)
    whole = float(statistic(values, axis=-1))
    others = (np.delete(values, i)[None] for i in range(n))
    without = np.concatenate([statistic(rows, axis=-1) for rows in others])
    # what each value adds, by the jackknife: exact for a mean
    return _band_about(whole, n * whole - (n - 1) * without, Bootstrap(seed, n_boot), level)


def _band_about(
    centre: float,
    adds: Floats,
    bootstrap: Bootstrap,
    level: float,
    clusters: ArrayLike | None = None,
) -> Band:
    """The band of the mean of what each row adds, (n,), put about a centre."""
    found = bootstrap.resample(adds[:, None], clusters)
    lo, hi = centre + (found.band(level) - found.mean)[:, 0]
    return Band(float(lo), float(hi))


def difference_of(
    values: Floats,
    of_mean: Callable[[Floats], Floats],
    slope: Callable[[Floats], Floats],
    bootstrap: Bootstrap,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.9,
) -> Difference:
    """A score of one column minus that of another, (n, 2), given the score of column means.

    Args:
        values: What each row adds to the two means, (n, 2).
        of_mean: The score, given the mean.
        slope: Its derivative.
        bootstrap: How rows are resampled.
        clusters: Which cluster each row belongs to, (n,); None if rows are independent.
        level: Central probability of the band.
    """
    mean = values.mean(axis=0)
    first, second = of_mean(mean)
    adds = values * slope(mean)
    centre = float(less(first, second))
    band = _band_about(centre, less(adds[:, 0], adds[:, 1]), bootstrap, level, clusters)
    return Difference(centre, band.lo, band.hi)


def less(a: ArrayLike, b: ArrayLike) -> Floats:
    """The differences a - b, NaN where both are the same infinity, which has none.

    Two log scores of minus infinity are such: each method gives some observation the density 0.

    >>> less([1.0, -np.inf, -np.inf], [3.0, 0.0, -np.inf])
    array([ -2., -inf,  nan])
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(a, dtype=float) - np.asarray(b, dtype=float)


def paired_difference(
    values_a: Floats, values_b: Floats, seed: int, n_boot: int = 2000, level: float = 0.9
) -> Difference:
    """Mean of a - b, per-site scores (m,) of two methods on the same sites, with a bootstrap band.

    Raises:
        InputError: If there are none, or their numbers differ.

    >>> paired_difference(np.arange(6) + 0.5, np.arange(6), seed=0)
    Difference(mean=0.5, lo=0.5, hi=0.5)
    """
    each = deviations(values_a, values_b)
    mean = float(np.mean(each))
    band = _band_about(mean, each, Bootstrap(seed, n_boot), level)
    return Difference(mean, band.lo, band.hi)


def paired_rms_difference(
    err_a: Floats, err_b: Floats, seed: int, n_boot: int = 2000, level: float = 0.9
) -> Difference:
    """The rms of errors a, (m,), minus that of errors b on the same sites, resampled together.

    Raises:
        InputError: If there are none, or their numbers differ.

    >>> paired_rms_difference(np.full(6, 2.0), np.full(6, 1.0), seed=0)
    Difference(mean=1.0, lo=1.0, hi=1.0)
    """
    deviations(err_a, err_b)
    squares = np.stack([np.asarray(err_a, float), np.asarray(err_b, float)], axis=1) ** 2
    return difference_of(squares, root, slope_of_root, Bootstrap(seed, n_boot), level=level)


def root(mean: ArrayLike) -> Floats:
    """The square root of a mean of squares, 0 where a band reaches below 0."""
    return np.sqrt(np.maximum(mean, 0.0))


def slope_of_root(mean: Floats) -> Floats:
    """The derivative of the root; 0 where the mean is 0, as squares that are all 0 do not vary."""
    return np.where(mean > 0, 0.5 / np.sqrt(np.where(mean > 0, mean, 1.0)), 0.0)


def deviations(a: Floats, b: Floats) -> Floats:
    """The differences a - b, (m,), of two columns of one length.

    Raises:
        InputError: If their lengths differ or are 0, or a value is not a number.

    >>> deviations(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    array([0., 2.])
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(
            f"two columns of one length are compared, and their shapes are {a.shape} and {b.shape}"
        )
    check_count(len(a))
    for i in np.flatnonzero(np.isnan(a) | np.isnan(b))[:1]:
        raise InputError(
            f"the values at row {i + 1} are {a[i]:g} and {b[i]:g}; leave such rows out"
        )
    return a - b


def binomial_band(hits: float, n: float, level: float = 0.9) -> Band:
    """Exact band of a probability of which `hits` of n trials were seen.

    It holds the truth at least as often as it says, whatever the truth and n are. Both may be
    fractions, as those of clusters are.

    Reference: Clopper and Pearson (1934), doi 10.1093/biomet/26.4.404.

    Raises:
        InputError: If there is no trial.

    >>> band = binomial_band(50, 100)
    >>> round(band.lo, 3), round(band.hi, 3)
    (0.414, 0.586)
    """
    check_share(level, "level")
    if not n > 0:
        check_count(0)
    tail, misses = (1 - level) / 2, n - hits
    lo = _stats.beta.ppf(tail, hits, misses + 1) if hits > 0 else 0.0
    hi = _stats.beta.ppf(1 - tail, hits + 1, misses) if misses > 0 else 1.0
    return Band(float(lo), float(hi))


def share_band(hits: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.9) -> Band:
    """Band of the probability of a hit, of which some of n rows (n,) are.

    Rows of a cluster may be hits together, and count as fewer independent ones: as many as would
    vary as the share does between clusters, and no fewer than if all rows of a cluster were one.
    So many are also taken where all rows are hits, or none, which tell nothing of it.

    Reference: Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Raises:
        InputError: If there is no row, or not one cluster a row.

    >>> share_band(np.ones(20, dtype=bool)).lo.__round__(3)
    0.861
    >>> share_band(np.ones(20, dtype=bool), np.arange(20) // 4).lo.__round__(3)
    0.549
    """
    (share,), sums, sizes = grouped(np.asarray(hits, dtype=float)[:, None], clusters)
    n, groups = sizes.sum(), len(sizes)
    as_one = n**2 / np.sum(sizes**2)
    effective = as_one
    if groups > 1 and 0 < share < 1:
        between = groups / (groups - 1) * np.sum(sums**2) / n**2
        # how well few clusters know the spread between them
        known = (_stats.norm.ppf(level / 2 + 0.5) / _stats.t.ppf(level / 2 + 0.5, groups - 1)) ** 2
        alone = share * (1 - share) / (n - 1)
        effective = n * known * alone / between if between > 0 else n
    effective = float(np.clip(effective, as_one, n))
    return binomial_band(share * effective, effective, level)


def nominal_band(level: float, n: int, confidence: float = 0.95) -> Band:
    """Where the coverage of n sites lies, with the confidence, if the true one is the level.

    Raises:
        InputError: If there is no site, or a level is not a number between 0 and 1.

    >>> nominal_band(0.5, 100)
    Band(lo=0.4, hi=0.6)
    """
    check_count(n)
    check_share(level, "level")
    check_share(confidence, "confidence")
    lo, hi = _stats.binom.interval(confidence, n, level)
    return Band(float(lo) / n, float(hi) / n)
