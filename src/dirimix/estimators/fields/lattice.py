"""Gaussian processes of log concentrations on a lattice: no factorisation in a gradient."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix.estimators.fields.gaussian_process import JITTER, REACH
from dirimix.estimators.fields.length_scale import LengthScalePrior
from dirimix.estimators.fields.product_basis import CUTOFF, AbstractTensor, along, gram

_SMALLEST = 0.05  # half a region's extent along an axis, as a share of the lattice's
_TERMS = 32  # of the series in the length scale
_ROUGH_TERMS = 14  # in single precision: what they leave out is below 1e-4


@dataclass(frozen=True)
class LatticeField(AbstractTensor):
    """The process on a lattice of nodes, one axis a coordinate.

    There the kernel is a Kronecker product; at the sites the field is the exact conditional mean
    given the nodes. What that leaves out is the conditional variance, `deficit`, which vanishes
    fast as the node spacing falls below the length scale.

    Attributes:
        axes: Nodes along each coordinate, q arrays.
    """

    axes: tuple[np.ndarray, ...]

    def latent_shape(self) -> tuple[int, ...]:
        return tuple(len(axis) for axis in self.axes)

    def region(self, key: Array) -> Array:
        # the symmetric root leaves what a latent stands for near its node
        site, *size = jax.random.uniform(key, (1 + len(self.axes),))
        centre = jnp.asarray(self.x)[(site * len(self.x)).astype(int)]
        inside = jnp.ones((), bool)
        for axis, at, share in zip(self.axes, centre, size, strict=True):
            widest = np.max(np.diff(axis), initial=0.0)  # so that some node is inside
            reach = jnp.maximum(_SMALLEST**share * np.ptp(axis), widest)
            inside = inside[..., None] & (jnp.abs(axis - at) <= reach)
        return inside

    def form(self) -> str:
        return f"on {' x '.join(str(len(axis)) for axis in self.axes)} nodes"

    @cached_property
    def series(self) -> list[np.ndarray]:
        """For each axis the series of its factors at the sites' distinct values."""
        centre, half = self.length_prior.location, REACH * self.length_prior.spread
        low, high = centre - half, centre + half
        return [
            basis_series(values, self.axes[j], low[j], high[j])
            for j, (values, _) in enumerate(self.columns)
        ]

    def bases(self, length: Float[Array, " q"]) -> list[Array]:
        # short of the ends, where arccos has no derivative
        end = 1 - float(jnp.finfo(length.dtype).eps) ** 0.5
        at = jnp.clip(length / REACH, -end, end)
        terms = _TERMS if length.dtype == jnp.float64 else _ROUGH_TERMS
        waves = jnp.cos(jnp.arange(terms, dtype=length.dtype) * jnp.arccos(at)[:, None])
        return [
            jnp.einsum("c,cug->ug", waves[j], jnp.asarray(series[:terms], length.dtype))
            for j, series in enumerate(self.series)
        ]

    def basis_at(self, axis: int, x: np.ndarray, length: float) -> np.ndarray:
        return axis_basis(x, self.axes[axis], length)

    @property
    def node_axes(self) -> tuple[np.ndarray, ...]:
        return self.axes

    @property
    def node_noise(self) -> float:
        return JITTER

    def white_values(
        self,
        z: np.ndarray,
        length: np.ndarray,
        inverse: Sequence[np.ndarray],
        size: np.ndarray,
    ) -> np.ndarray:
        del length, size  # the latents are these values, but for a rotation
        return along(inverse, z)


def axis_basis(x: np.ndarray, grid: np.ndarray, length: float) -> np.ndarray:
    """k(x, grid) k(grid, grid)^(-1/2), (n, g): a process at `x` (n,) from g standard normals.

    The symmetric root is about a Fourier multiplier: as the length scale changes, the field keeps
    its shape and changes its smoothness, which a Cholesky factor does not do. k is the
    squared-exponential kernel exp(-(a - b)^2 / (2 length^2)).
    """
    values, vectors = np.linalg.eigh(gram(grid, grid, length) + JITTER * np.eye(len(grid)))
    return gram(x, grid, length) @ (vectors / np.sqrt(values)) @ vectors.T


def basis_series(x: np.ndarray, grid: np.ndarray, low: float, high: float) -> np.ndarray:
    """Chebyshev coefficients, (c, n, g), of `axis_basis` in log length, from `low` to `high`."""
    nodes = np.cos(np.pi * (np.arange(_TERMS) + 0.5) / _TERMS)
    lengths = np.exp((low + high) / 2 + (high - low) / 2 * nodes)
    values = np.stack([axis_basis(x, grid, length) for length in lengths])
    vandermonde = np.polynomial.chebyshev.chebvander(nodes, _TERMS - 1)
    return np.linalg.solve(vandermonde, values.reshape(_TERMS, -1)).reshape(values.shape)


def make_lattice_field(x: np.ndarray, n_models: int, prior: LengthScalePrior) -> LatticeField:
    """A lattice over sites `x`, (n, q), fine enough for all but the shortest 5 % of lengths."""
    axes = lattice_axes(x, prior)
    return LatticeField(x, n_models, prior, tuple(range(x.shape[1])), axes)


def lattice_axes(x: np.ndarray, prior: LengthScalePrior) -> tuple[np.ndarray, ...]:
    """Its nodes along each coordinate, q arrays: the sites' own values where these are as few."""
    # the Nyquist frequency of the nodes is pi / step
    step = np.pi / CUTOFF * prior.quantile(0.05)
    even = [_axis(column, h) for column, h in zip(x.T, step, strict=True)]
    own = [np.unique(column) for column in x.T]
    return tuple(a if len(a) <= len(b) else b for a, b in zip(own, even, strict=True))


def _axis(values: np.ndarray, step: float) -> np.ndarray:
    """Equally spaced nodes, at most `step` apart, from one before to one after the values."""
    count = max(int(np.ceil(np.ptp(values) / step)), 1)
    gap = np.ptp(values) / count
    return np.linspace(values.min() - gap, values.max() + gap, count + 3)
