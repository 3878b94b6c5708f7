"""Comparisons in Monte Carlo standard errors, which come from effective sample sizes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from arviz_stats.base.array import array_stats

LIMIT = 4.5  # a |z| that chance exceeds in 7 of a million comparisons


def ess(draws: np.ndarray) -> float:
    """Effective sample size for the mean of (chains, draws)."""
    return float(np.asarray(array_stats.ess(draws, chain_axis=0, draw_axis=1, method="mean")))


def scalars(posterior: xr.DataTree) -> dict[str, np.ndarray]:
    """Draws of every scalar of a posterior by name, such as 'alpha[a]', (chains, draws) each."""
    found = {}
    for name, array in posterior["posterior"].to_dataset().data_vars.items():
        labels = array["model"].to_numpy() if "model" in array.dims else [""]
        columns = np.moveaxis(array.to_numpy().reshape(*array.shape[:2], -1), -1, 0)
        for label, column in zip(labels, columns, strict=True):
            found[f"{name}[{label}]" if label else name] = column
    return found


@dataclass(frozen=True)
class Law:
    """Mean, variance and fourth central moment of a scalar."""

    mean: float
    variance: float
    fourth: float

    @classmethod
    def of_grid(cls, mass: np.ndarray, value: np.ndarray) -> "Law":
        """From unnormalised masses at values."""
        mass = mass / mass.sum()
        mean = float(mass @ value)
        return cls(mean, *(float(mass @ (value - mean) ** power) for power in (2, 4)))

    def largest_z(self, draws: np.ndarray) -> float:
        """Of the mean and of the variance around the exact mean, with the law's own errors."""
        square = (draws - self.mean) ** 2
        of_mean = (draws.mean() - self.mean) * np.sqrt(ess(draws) / self.variance)
        error = np.sqrt((self.fourth - self.variance**2) / ess(square))
        return max(abs(of_mean), abs(square.mean() - self.variance) / error)


def far_from(found: Mapping[str, np.ndarray], laws: Mapping[str, Law]) -> float:
    """Largest |z| of draws against exact laws."""
    return max(law.largest_z(found[name]) for name, law in laws.items())


def apart(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> float:
    """Largest |z| between the means of two samples, over the names of the first."""
    return max(_z(draws, second[name]) for name, draws in first.items())


def _z(first: np.ndarray, second: np.ndarray) -> float:
    error = np.sqrt(first.var() / ess(first) + second.var() / ess(second))
    return abs(first.mean() - second.mean()) / error
