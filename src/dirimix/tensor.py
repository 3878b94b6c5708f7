"""Processes whose basis functions are products, one factor a coordinate: sums axis by axis."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import ndtri

from dirimix.field import Params
from dirimix.process import AbstractProcess

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
        """The factors of one axis at any values, (m, g), for a length scale."""

    @cached_property
    def columns(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Distinct values of each coordinate of the sites, and which of them each site has."""
        return [np.unique(column, return_inverse=True) for column in self.x.T]

    def unit_field(self, p: Params) -> Float[Array, "n K"]:
        # all in the latents' precision, whatever that of the forms' constants
        bases = [basis.astype(p["z"].dtype) for basis in self.bases(p["length"])]
        return _contract(p["z"], bases, [index for _, index in self.columns])

    def rough_log_alpha(self, p: Params) -> Float[Array, "n K"]:
        """`log_alpha` in single precision: half the cost of the sums."""
        single = {name: jnp.asarray(v, jnp.float32) for name, v in p.items()}
        return self.log_alpha(single).astype(jnp.float64)

    def unit_field_at(self, p: Params, x_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fields, shares = [], []
        for z, length in zip(p["z"], self.lengths(p), strict=True):
            bases = [self.basis_at(j, x_new[:, j], length[j]) for j in range(len(length))]
            letters = "abcdef"[: len(bases)]
            sums = f"k{letters}," + ",".join(f"m{c}" for c in letters) + "->mk"
            fields.append(np.einsum(sums, z, *bases, optimize=True))
            shares.append(np.prod([np.sum(b**2, axis=1) for b in bases], axis=0))
        return np.stack(fields), np.stack(shares)


def _contract(z: Array, bases: Sequence[Array], indices: list) -> Float[Array, "n K"]:
    """Sum over nodes of z times the basis functions, axis by axis (sum factorisation)."""
    if len(bases) == 1:
        return (bases[0] @ z.T)[indices[0]]
    first, second = bases
    i, j = indices
    if len(first) * len(second) <= _PLANE * len(i):
        plane = jnp.einsum("ua,kab,vb->uvk", first, z, second, optimize="optimal")
        return plane[i, j]
    rows = jnp.einsum("na,kab->nkb", first[i], z)
    return jnp.einsum("nkb,nb->nk", rows, second[j])
