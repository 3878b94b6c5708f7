"""Processes whose basis functions are products, one factor a coordinate: sums axis by axis."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import ndtri

from dirimix.estimators.fields.field import Params
from dirimix.estimators.fields.gaussian_process import AbstractProcess

# inverse length scales beyond which a squared-exponential process has 0.1 % of its variance
CUTOFF = float(ndtri(0.9995))
_PLANE = 20  # so many times the sites, a plane of all their distinct values is the shorter way


class AbstractTensor(AbstractProcess):
    """A process sum_g z_g prod_j phi_jg(x_j), z independent standard normals (q = 1 or 2)."""

    @abstractmethod
    def bases(self, length: Float[Array, " q"]) -> list[Array]:
        """The factors at the sites' distinct values, (u, g) for each axis.

        Args:
            length: Latents of the length scales.
        """

    @abstractmethod
    def basis_at(self, axis: int, x: np.ndarray, length: float) -> np.ndarray:
        """The factors of one axis at values `x`, (m,), for a length scale, (m, g)."""

    @cached_property
    def columns(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Those of the training sites, as `distinct` gives them."""
        return distinct(self.x)

    def unit_field(self, p: Params) -> Float[Array, "n K"]:
        # all in the latents' precision, whatever that of the forms' constants
        bases = [basis.astype(p["z"].dtype) for basis in self.bases(p["length"])]
        return _contract(jnp.einsum, p["z"], bases, [index for _, index in self.columns])

    def rough_log_alpha(self, p: Params) -> Float[Array, "n K"]:
        """`log_alpha` in single precision: half the cost of the sums."""
        single = {name: jnp.asarray(v, jnp.float32) for name, v in p.items()}
        return self.log_alpha(single).astype(jnp.float64)

    def unit_field_at(self, p: Params, x_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = distinct(x_new)
        indices = [index for _, index in columns]
        fields, shares = [], []
        for z, length in zip(p["z"], self.lengths(p), strict=True):
            bases = [self.basis_at(j, values, length[j]) for j, (values, _) in enumerate(columns)]
            fields.append(_contract(np.einsum, z, bases, indices))
            parts = [np.sum(b**2, axis=1)[i] for b, i in zip(bases, indices, strict=True)]
            shares.append(np.prod(parts, axis=0))
        return np.stack(fields), np.stack(shares)


def distinct(x: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each coordinate of sites `x`, (n, q), its distinct values and which each site has."""
    return [np.unique(column, return_inverse=True) for column in x.T]


def _contract(einsum: Callable, z: Any, bases: Sequence[Any], indices: list) -> Any:
    """Sum over nodes of z times the basis functions, axis by axis (sum factorisation), (n, K).

    Args:
        einsum: That of NumPy or of JAX.
        z: (K, nodes of each axis).
        bases: The factors at distinct values, (u, g) for each axis.
        indices: Which of them each site has, (n,) for each axis.
    """
    if len(bases) == 1:
        return (bases[0] @ z.T)[indices[0]]
    first, second = bases
    i, j = indices
    if len(first) * len(second) <= _PLANE * len(i):
        plane = einsum("ua,kab,vb->uvk", first, z, second, optimize="optimal")
        return plane[i, j]
    rows = einsum("na,kab->nkb", first[i], z, optimize="optimal")
    return einsum("nkb,nb->nk", rows, second[j])
