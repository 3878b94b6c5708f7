"""Differences of two methods on the same sites, which are resampled together."""

from dataclasses import dataclass

import numpy as np

from dirimix.errors import InputError
from dirimix.laws.bands import Bootstrap, band_of, bootstrap_band, check_count


@dataclass(frozen=True)
class Difference:
    """A score of method a minus that of method b on the same sites, with its band."""

    mean: float
    lo: float
    hi: float


def paired_difference(
    values_a: np.ndarray,
    values_b: np.ndarray,
    seed: int,
    n_boot: int = 2000,
    level: float = 0.9,
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
    err_a: np.ndarray,
    err_b: np.ndarray,
    seed: int,
    n_boot: int = 2000,
    level: float = 0.9,
) -> Difference:
    """The rms of errors a, (m,), minus that of errors b on the same sites, resampled together.

    Raises:
        InputError: If there are none, or their numbers differ.

    >>> paired_rms_difference(np.array([2.0, -2.0]), np.array([1.0, 1.0]), seed=0)
    Difference(mean=1.0, lo=1.0, hi=1.0)
    """
    deviations(err_a, err_b)
    squares = np.stack([np.asarray(err_a, float), np.asarray(err_b, float)], axis=1) ** 2
    resampled = np.sqrt(Bootstrap(seed, n_boot).means(squares))
    band = band_of(resampled[:, 0] - resampled[:, 1], level)
    first, second = np.sqrt(squares.mean(axis=0))
    return Difference(float(first - second), band.lo, band.hi)


def deviations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
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
