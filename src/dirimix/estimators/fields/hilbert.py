"""Gaussian processes of log concentrations in a reduced-rank Hilbert space.

Solin, Sarkka (2020), doi 10.1007/s11222-019-09886-w: on an interval of half width L around the
sites' centre c, with the sines phi_g(x) = sin(omega_g (x - c + L)) / sqrt(L), omega_g = pi g / 2 L,
g = 1, 2, ..., a process with spectral density S is about sum_g sqrt(S(omega_g)) z_g phi_g(x).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix.estimators.fields.lattice import lattice_axes
from dirimix.estimators.fields.length_scale import LengthScalePrior
from dirimix.estimators.fields.product_basis import CUTOFF, AbstractTensor, along

_NODE_NOISE = 1e-4  # sums of sines are no exact draws, and less would blow up what they are off
_BEYOND = 3.0  # largest length scales between the sites and the ends, where the process vanishes


@dataclass(frozen=True)
class HilbertField(AbstractTensor):
    """The process as a sum of products of sines (q = 1 or 2).

    Beyond the ends there is no sine: what is left out there is the whole variance.

    Attributes:
        centre: Of the sines' intervals, (q,).
        half_width: Of these, (q,).
        counts: Number of sines along each coordinate, q of them.
    """

    centre: np.ndarray
    half_width: np.ndarray
    counts: tuple[int, ...]

    def latent_shape(self) -> tuple[int, ...]:
        return self.counts

    def form(self) -> str:
        return f"of {' x '.join(map(str, self.counts))} sines"

    def sines(self, axis: int, x: np.ndarray) -> np.ndarray:
        """The basis functions at values `x`, (m,), of one coordinate, (m, g)."""
        half = self.half_width[axis]
        from_end = x - self.centre[axis] + half
        inside = (from_end > 0) & (from_end < 2 * half)
        waves = np.sin(from_end[:, None] * self.frequencies(axis)) / np.sqrt(half)
        return np.where(inside[:, None], waves, 0.0)

    def frequencies(self, axis: int) -> np.ndarray:
        """Their angular frequencies, (g,)."""
        return np.pi * np.arange(1, self.counts[axis] + 1) / (2 * self.half_width[axis])

    def bases(self, length: Float[Array, " q"]) -> list[Array]:
        rho = self.rho(length)
        return [
            _root_density(jnp.exp, rho[j], self.frequencies(j)) * self.sines(j, values)
            for j, (values, _) in enumerate(self.columns)
        ]

    def basis_at(self, axis: int, x: np.ndarray, length: float) -> np.ndarray:
        return _root_density(np.exp, length, self.frequencies(axis)) * self.sines(axis, x)

    @cached_property
    def node_axes(self) -> tuple[np.ndarray, ...]:
        # sines vanish at the ends: from the sites' own region the process goes on as it should
        return lattice_axes(self.x, self.length_prior)

    @property
    def node_noise(self) -> float:
        return _NODE_NOISE

    def white_values(
        self,
        z: np.ndarray,
        length: np.ndarray,
        inverse: Sequence[np.ndarray],
        size: np.ndarray,
    ) -> np.ndarray:
        bases = [self.basis_at(j, axis, length[j]) for j, axis in enumerate(self.node_axes)]
        return along(inverse, along(bases, z)) / np.sqrt(size)


def _root_density(exp: Callable, rho: Any, omega: np.ndarray) -> Any:
    """Root of the spectral density of exp(-x^2 / (2 rho^2)), with NumPy's or JAX's exponential."""
    return (2 * np.pi) ** 0.25 * rho**0.5 * exp(-0.25 * (rho * omega) ** 2)


def make_hilbert_field(x: np.ndarray, n_models: int, prior: LengthScalePrior) -> HilbertField:
    """Sines enough for sites `x`, (n, q), and all but the outer 5 % of length scales either way."""
    half_width = np.ptp(x, axis=0) / 2 + _BEYOND * prior.quantile(0.95)
    counts = np.ceil(CUTOFF * 2 * half_width / (np.pi * prior.quantile(0.05)))
    centre = (x.min(axis=0) + x.max(axis=0)) / 2
    axis_of, sines = tuple(range(x.shape[1])), tuple(int(c) for c in counts)
    return HilbertField(x, n_models, prior, axis_of, centre, half_width, sines)
