"""Draws of Gaussian processes as functions of place, known everywhere once they are drawn.

A process that is known at nodes goes on at any x as (Matheron's rule)

    f(x) = f_0(x) + k(x, nodes) K^-1 (values - f_0(nodes)),

with f_0 a draw from the prior: what is said at one site depends on no other site, and all sites
together have the joint law of the process given its values at the nodes.

f_0 is a sum of waves with random frequencies (random Fourier features): normal with the right
variance at every site, and with the right covariance between any two over the draws, each of which
has frequencies of its own. Only the joint law's fourth moments differ from those of a normal law,
by about 3 / M for M waves.

References: Wilson et al. (2021), arXiv:2011.04026; Rahimi and Recht (2007).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from dirimix.laws.sites import row_product

WAVES = 64  # cosines and as many sines


@dataclass(frozen=True)
class PriorDraw:
    """K independent unit processes with covariance exp(-sum_j dx_j^2 / (2 rho_j^2)).

    Attributes:
        frequency: Of the waves, (M, q), in turns a unit of the coordinates.
        amplitude: Standard normals over sqrt(M), (2 M, K), of the cosines and then of the sines.
        centre: Where all phases are 0, (q,).
    """

    frequency: np.ndarray
    amplitude: np.ndarray
    centre: np.ndarray

    @classmethod
    def make(
        cls, length: np.ndarray, count: int, centre: np.ndarray, rng: np.random.Generator
    ) -> "PriorDraw":
        """A draw of `count` processes with length scales `length`, (q,)."""
        # a lattice of points with a random shift: each is uniform, together they are even
        shifted = np.arange(WAVES)[:, None] * _steps(len(length)) + rng.random(len(length))
        frequency = ndtri(np.clip(shifted % 1, 1e-12, 1 - 1e-12)) / (2 * np.pi * length)
        amplitude = rng.standard_normal((2 * WAVES, count)) / np.sqrt(WAVES)
        return cls(frequency, amplitude, centre)

    def at(self, x: np.ndarray) -> np.ndarray:
        """The processes at sites `x`, (m, q), (m, K)."""
        turns = np.zeros((len(x), len(self.frequency)))
        for column, wave in zip((x - self.centre).T, self.frequency.T, strict=True):
            turns += np.multiply.outer(column, wave)
        # single precision, thirty times quicker: an error of 1e-7 in a draw that is random anyway
        phase = (2 * np.pi * (turns - np.rint(turns))).astype(np.float32)
        waves = np.empty((len(x), 2 * WAVES))
        waves[:, :WAVES], waves[:, WAVES:] = np.cos(phase), np.sin(phase)
        return row_product(waves, self.amplitude)


@dataclass(frozen=True)
class Path:
    """One draw of K processes that are known at nodes, as a function of place.

    Attributes:
        prior: f_0.
        length: Length scales, one a straight coordinate, (p,).
        weights: K^-1 (values - f_0(nodes)), as the form has them.
    """

    prior: PriorDraw
    length: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class KeptPaths:
    """All draws of a posterior, and what they were made from."""

    z: np.ndarray
    lengths: np.ndarray
    seed: list[int]
    paths: list[Path]

    def is_of(self, p: Mapping[str, np.ndarray], seed: list[int]) -> bool:
        """Whether they are those of these latents and this seed."""
        same = self.z is p["z"] and self.seed == list(seed)
        return same and np.array_equal(self.lengths, p["length"])


def _steps(q: int) -> np.ndarray:
    """Steps of an even sequence of points in q dimensions, (q,): powers of the golden ratio's kin.

    Reference: Roberts (2018), "The unreasonable effectiveness of quasirandom sequences".
    """
    if q == 1:
        return np.array([1 / WAVES])
    ratio = 2.0
    for _ in range(40):
        ratio = (1 + ratio) ** (1 / (q + 1))
    return ratio ** -np.arange(1.0, q + 1)
