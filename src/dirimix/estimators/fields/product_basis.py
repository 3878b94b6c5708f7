"""Processes whose basis functions are products, one factor a coordinate: sums axis by axis."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property, lru_cache, reduce
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import ndtri

from dirimix.estimators.fields.field import Params
from dirimix.estimators.fields.gaussian_process import AbstractProcess
from dirimix.estimators.fields.pathwise import PriorDraw
from dirimix.laws.sites import row_product

# inverse length scales beyond which a squared-exponential process has 0.1 % of its variance
CUTOFF = float(ndtri(0.9995))
_PLANE = 20  # so many times the sites, a plane of all their distinct values is the shorter way


class AbstractTensor(AbstractProcess):
    """A process sum_g z_g prod_j phi_jg(x_j), z independent standard normals."""

    @abstractmethod
    def bases(self, length: Float[Array, " q"]) -> list[Array]:
        """The factors at the sites' distinct values, (u, g) for each axis.

        Args:
            length: Latents of the length scales.
        """

    @abstractmethod
    def basis_at(self, axis: int, x: np.ndarray, length: float) -> np.ndarray:
        """The factors of one axis at values `x`, (m,), for a length scale, (m, g)."""

    @property
    @abstractmethod
    def node_axes(self) -> tuple[np.ndarray, ...]:
        """Nodes along each coordinate, from which the field goes on to new sites, q arrays."""

    @property
    @abstractmethod
    def node_noise(self) -> float:
        """Variance added to the kernel of each axis of nodes."""

    @abstractmethod
    def white_values(
        self,
        z: np.ndarray,
        length: np.ndarray,
        inverse: Sequence[np.ndarray],
        size: np.ndarray,
    ) -> np.ndarray:
        """The values at the nodes that latents `z` say, whitened: standard normals, (K, nodes).

        Args:
            z: (K, ...), one draw.
            length: Its length scales, (q,).
            inverse: For each axis its kernel's eigenvectors, in rows.
            size: Products of the eigenvalues, (nodes).
        """

    @cached_property
    def columns(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Those of the training sites, as `distinct` gives them."""
        return distinct(self.x)

    def unit_field(self, p: Params) -> Float[Array, "n K"]:
        # all in the latents' precision, whatever that of the forms' constants
        bases = [basis.astype(p["z"].dtype) for basis in self.bases(p["length"])]
        return _contract(jnp, p["z"], bases, [index for _, index in self.columns])

    def gram(self, length: Float[Array, " q"]) -> Float[Array, "n n"]:
        factors = zip(self.bases(length), self.columns, strict=True)
        parts = [(basis @ basis.T)[index][:, index] for basis, (_, index) in factors]
        return prod(parts[1:], start=parts[0])

    def rough_log_alpha(self, p: Params) -> Float[Array, "n K"]:
        """`log_alpha` in single precision: half the cost of the sums."""
        single = {name: jnp.asarray(v, jnp.float32) for name, v in p.items()}
        return self.log_alpha(single).astype(jnp.float64)

    def rough_unit_field(self, p: Params) -> Float[Array, "n K"]:
        single = {name: jnp.asarray(p[name], jnp.float32) for name in ("z", "length")}
        return self.unit_field(single).astype(jnp.float64)

    def unit_field_at(self, p: Params, x_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = distinct(x_new)
        indices = [index for _, index in columns]
        fields, shares = [], []
        for z, length in zip(p["z"], self.lengths(p), strict=True):
            bases = [self.basis_at(j, values, length[j]) for j, (values, _) in enumerate(columns)]
            fields.append(_contract(np, z, bases, indices))
            parts = [np.sum(b**2, axis=1)[i] for b, i in zip(bases, indices, strict=True)]
            shares.append(np.prod(parts, axis=0))
        return np.stack(fields), np.stack(shares)

    def node_weights(
        self, z: np.ndarray, length: np.ndarray, prior: PriorDraw, rng: np.random.Generator
    ) -> np.ndarray:
        axes = self.node_axes
        found = [
            spectrum(axis.tobytes(), float(rho), self.node_noise)
            for axis, rho in zip(axes, length, strict=True)
        ]
        vectors, inverse = [v for _, v in found], [v.T for _, v in found]
        size = _outer([values for values, _ in found])
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        drawn = prior.at(nodes).T.reshape(-1, *size.shape)
        # what the nodes' own noise adds to a draw of the process
        noise = 1 - _outer([values - self.node_noise for values, _ in found]) / size
        white = along(inverse, drawn) / np.sqrt(size)
        white += np.sqrt(np.clip(noise, 0, None)) * rng.standard_normal(white.shape)
        known = self.white_values(z, length, inverse, size)
        return along(vectors, (known - white) / np.sqrt(size))

    def places(self, x_new: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        return distinct(x_new)

    def kernel_sums(
        self,
        places: list[tuple[np.ndarray, np.ndarray]],
        length: np.ndarray,
        weights: np.ndarray,
    ) -> np.ndarray:
        rows = [
            gram(values, axis, rho)
            for (values, _), axis, rho in zip(places, self.node_axes, length, strict=True)
        ]
        k, first = len(weights), places[0][1]
        sums = row_product(rows[0], np.moveaxis(weights, 1, 0).reshape(len(weights[0]), -1))
        at_sites = sums.reshape(len(sums), k, *weights.shape[2:])[first]
        for row, (_, index) in zip(rows[1:], places[1:], strict=True):
            at_sites = np.einsum("nkb...,nb->nk...", at_sites, row[index])
        return at_sites


def gram(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
    """exp(-(a - b)^2 / (2 length^2)) of values `a`, (m,), and `b`, (g,), (m, g)."""
    return np.exp(-0.5 * ((a[:, None] - b[None, :]) / length) ** 2)


@lru_cache(maxsize=16)
def spectrum(nodes: bytes, length: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and vectors of the kernel of an axis of nodes; draws at a mode share them."""
    axis = np.frombuffer(nodes)
    return np.linalg.eigh(gram(axis, axis, length) + noise * np.eye(len(axis)))


def _outer(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The outer product of vectors."""
    return reduce(np.multiply.outer, parts)


def along(matrices: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
    """Values (K, a, b, ...) with each axis but the first multiplied by a matrix."""
    for matrix in matrices:  # the axis comes out last, and all in their order in the end
        values = np.tensordot(values, matrix, axes=(1, 1))
    return values


def distinct(x: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each coordinate of sites `x`, (n, q), its distinct values and which each site has."""
    return [np.unique(column, return_inverse=True) for column in x.T]


def _contract(library: Any, z: Any, bases: Sequence[Any], indices: list) -> Any:
    """Sum over nodes of z times the basis functions, axis by axis (sum factorisation), (n, K).

    Args:
        library: NumPy or JAX's.
        z: (K, nodes of each axis).
        bases: The factors at distinct values, (u, g) for each axis.
        indices: Which of them each site has, (n,) for each axis.
    """
    if prod(len(basis) for basis in bases) <= _PLANE * len(indices[0]):
        # from the nodes of an axis to its values, the last first and the models beside it: then all
        # products, and those of a gradient, are of plain matrices
        plane = library.moveaxis(z, 0, -2) @ bases[-1].T
        shape = [len(basis) for basis in bases[:-1]] + [*plane.shape[-2:]]
        for axis, basis in reversed(list(enumerate(bases[:-1]))):
            plane = basis @ plane.reshape(-1, basis.shape[1], prod(shape[axis + 1 :]))
        at = plane.reshape(shape)[*indices[:-1], :, indices[-1]]
        return at if len(bases) > 1 else at.T
    rows = library.tensordot(bases[0][indices[0]], z, axes=(1, 1))
    for basis, index in zip(bases[1:], indices[1:], strict=True):
        rows = library.einsum("nkb...,nb->nk...", rows, basis[index])
    return rows
