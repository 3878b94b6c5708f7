"""Fields of log concentrations: what alpha_k(x) may look like over the coordinates.

A field turns latents into log alpha at the training sites inside the log joint, and extends
posterior draws to new sites. Both forms are linear in independent standard normal latents.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import ndtri

Params = dict[str, Any]

_JITTER = 1e-8  # relative to the unit variance of the kernel on the grid


class AbstractField(ABC):
    """log alpha_k(x) for K models over q coordinates.

    `shapes` names the latents; `log_prior` is their log density; `log_alpha` is at the training
    sites; `extend` draws log alpha at new sites given posterior draws.
    """

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every latent array."""

    @abstractmethod
    def gaussian(self) -> tuple[str, ...]:
        """Names of the latents that `log_prior` takes as independent standard normals."""

    @abstractmethod
    def log_prior(self, p: Params) -> Float[Array, ""]:
        """Log prior density of the latents, up to a constant."""

    @abstractmethod
    def log_alpha(self, p: Params) -> Float[Array, "n K"]:
        """Log concentrations at the training sites."""

    @abstractmethod
    def extend(self, p: Params, x_new: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draws of log alpha at new sites, (s, m, K), given posterior draws of the latents."""

    @abstractmethod
    def hyperparameters(self, p: Params) -> dict[str, np.ndarray]:
        """The parameters a reader knows, by name, from draws of the latents (leading axes kept)."""

    @abstractmethod
    def deficit(self, p: Params) -> np.ndarray:
        """Largest share of the field's variance left out at a training site, a draw, (s,)."""

    @abstractmethod
    def priors(self) -> dict[str, str]:
        """The prior of every hyperparameter in words."""


@dataclass(frozen=True)
class LinearField(AbstractField):
    """log alpha_k(x) = beta_k0 + beta_k . s(x), s(x) the standardised coordinates (LBMM+GLD).

    Attributes:
        x: Training sites, (n, q).
        n_models: K.
        scale: Prior standard deviation of every beta (a default; the paper's is not known).
    """

    x: np.ndarray
    n_models: int
    scale: float = 1.0

    def design(self, x: np.ndarray) -> np.ndarray:
        """(1, s(x)) with the training sites' mean and standard deviation, (m, q + 1)."""
        s = (x - self.x.mean(axis=0)) / self.x.std(axis=0)
        return np.column_stack([np.ones(len(x)), s])

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"beta": (self.n_models, self.x.shape[1] + 1)}

    def gaussian(self) -> tuple[str, ...]:
        return ("beta",)

    def log_prior(self, p: Params) -> Float[Array, ""]:
        return -0.5 * jnp.sum(p["beta"] ** 2)

    def log_alpha(self, p: Params) -> Float[Array, "n K"]:
        return self.scale * self.design(self.x) @ p["beta"].T

    def extend(self, p: Params, x_new: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        del rng  # the line is known everywhere once beta is
        return self.scale * np.einsum("mj,skj->smk", self.design(x_new), p["beta"])

    def hyperparameters(self, p: Params) -> dict[str, np.ndarray]:
        return {"beta": self.scale * p["beta"]}

    def deficit(self, p: Params) -> np.ndarray:
        return np.zeros(len(p["beta"]))

    def priors(self) -> dict[str, str]:
        return {"beta": f"Normal(0, {self.scale:g}^2), coordinates standardised"}


@dataclass(frozen=True)
class LengthScalePrior:
    """log length scale ~ Normal(location, spread^2), one a coordinate.

    Attributes:
        location: (q,), log of the coordinate's unit.
        spread: (q,).
    """

    location: np.ndarray
    spread: np.ndarray

    @classmethod
    def between(cls, low: np.ndarray, high: np.ndarray) -> "LengthScalePrior":
        """1 % of the mass below `low` and 1 % above `high`, (q,) each."""
        location = (np.log(low) + np.log(high)) / 2
        return cls(location, (np.log(high) - np.log(low)) / (2 * ndtri(0.99)))

    @classmethod
    def of_sites(cls, x: np.ndarray) -> "LengthScalePrior":
        """Little mass below twice the sites' spacing and above their extent (Betancourt 2017)."""
        extent = np.ptp(x, axis=0)
        return cls.between(np.minimum(2 * spacing(x), extent / 4), extent)

    def quantile(self, q: float) -> np.ndarray:
        """The q-quantile, (q,)."""
        return np.exp(self.location + self.spread * ndtri(q))


def spacing(x: np.ndarray) -> np.ndarray:
    """Typical distance between neighbouring sites along each coordinate, (q,).

    The median gap between distinct values where the sites repeat them (a lattice), else the
    extent over n^(1/q).
    """
    n, q = x.shape
    gaps = np.array([float(np.median(np.diff(np.unique(column).astype(float)))) for column in x.T])
    return np.where(_on_lattice(x), gaps, np.ptp(x, axis=0) / n ** (1 / q))


def _on_lattice(x: np.ndarray) -> bool:
    """Whether the distinct values of all coordinates are few against the sites."""
    distinct = [len(np.unique(column)) for column in x.T]
    return x.shape[1] > 1 and np.prod(distinct, dtype=float) <= 20 * len(x)


def gram(a: Float[Array, " n"], b: Float[Array, " m"], length: Float[Array, ""]) -> Array:
    """Squared-exponential kernel of one coordinate, exp(-(a - b)^2 / (2 length^2)), (n, m)."""
    return jnp.exp(-0.5 * ((a[:, None] - b[None, :]) / length) ** 2)


def axis_basis(x: Array, grid: Array, length: Float[Array, ""]) -> Float[Array, "n g"]:
    """k(x, grid) L^-T with L L^T = k(grid, grid): a GP at x from g standard normals."""
    cholesky = jnp.linalg.cholesky(gram(grid, grid, length) + _JITTER * jnp.eye(len(grid)))
    return jax.scipy.linalg.solve_triangular(cholesky, gram(grid, x, length), lower=True).T


@dataclass(frozen=True)
class LatticeField(AbstractField):
    """log alpha_k ~ GP(gamma_k, eta_k^2 prod_j exp(-dx_j^2 / (2 rho_j^2))) (LBMM+GPD).

    The process lives on a regular lattice of nodes (one axis a coordinate, q = 1 or 2), where
    the kernel is a Kronecker product; at the sites it is the exact conditional mean given the
    nodes. What that leaves out is the conditional variance, `deficit`, which vanishes fast as
    the node spacing falls below the length scale.

    Attributes:
        x: Training sites, (n, q).
        n_models: K.
        axes: Nodes along each coordinate, q arrays.
        length_prior: Prior of rho.
    """

    x: np.ndarray
    n_models: int
    axes: tuple[np.ndarray, ...]
    length_prior: LengthScalePrior

    def shapes(self) -> dict[str, tuple[int, ...]]:
        nodes = tuple(len(axis) for axis in self.axes)
        k = self.n_models
        return {
            "length": (len(self.axes),),
            "amplitude": (k,),
            "gamma": (k,),
            "z": (k, *nodes),
        }

    def gaussian(self) -> tuple[str, ...]:
        return ("length", "gamma", "z")

    def log_prior(self, p: Params) -> Float[Array, ""]:
        # eta ~ Gamma(2, 2) through log eta
        log_eta = p["amplitude"]
        gaussians = sum(jnp.sum(p[name] ** 2) for name in ("length", "gamma", "z"))
        return -0.5 * gaussians + jnp.sum(2 * log_eta - 2 * jnp.exp(log_eta))

    def lengths(self, p: Params) -> Any:
        """Length scales rho, in the coordinates' units."""
        return jnp.exp(self.length_prior.location + self.length_prior.spread * p["length"])

    def log_alpha(self, p: Params) -> Float[Array, "n K"]:
        lengths = self.lengths(p)
        unique = [np.unique(column, return_inverse=True) for column in self.x.T]
        bases = [
            axis_basis(jnp.asarray(values), jnp.asarray(axis), lengths[j])
            for j, ((values, _), axis) in enumerate(zip(unique, self.axes, strict=True))
        ]
        field = _contract(p["z"], bases, [index for _, index in unique])
        return p["gamma"] + jnp.exp(p["amplitude"]) * field

    def extend(self, p: Params, x_new: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        unique = [np.unique(column, return_inverse=True) for column in x_new.T]
        values = [jnp.asarray(v) for v, _ in unique]
        draw = jax.jit(partial(_unit_field, self, values, [i for _, i in unique]))
        fields, shares = zip(
            *(draw({n: a[s] for n, a in p.items()}) for s in range(len(p["z"]))), strict=True
        )
        field, share = np.stack(fields), np.stack(shares)
        left = np.sqrt(np.clip(1 - share, 0, None))[..., None]
        field = field + left * rng.standard_normal(field.shape)
        return p["gamma"][:, None, :] + np.exp(p["amplitude"])[:, None, :] * field

    def deficit(self, p: Params) -> np.ndarray:
        unique = [np.unique(column, return_inverse=True) for column in self.x.T]
        values = [jnp.asarray(v) for v, _ in unique]
        draw = jax.jit(partial(_unit_field, self, values, [i for _, i in unique]))
        return np.array(
            [
                float(np.max(1 - np.asarray(draw({n: a[s] for n, a in p.items()})[1])))
                for s in range(len(p["z"]))
            ]
        )

    def hyperparameters(self, p: Params) -> dict[str, np.ndarray]:
        lengths = np.exp(self.length_prior.location + self.length_prior.spread * p["length"])
        return {"rho": lengths, "eta": np.exp(p["amplitude"]), "gamma": p["gamma"]}

    def priors(self) -> dict[str, str]:
        low, high = self.length_prior.quantile(0.01), self.length_prior.quantile(0.99)
        spans = ", ".join(f"{a:.3g} to {b:.3g}" for a, b in zip(low, high, strict=True))
        return {
            "rho": f"log-normal, 98 % of its mass from (a coordinate) {spans}",
            "eta": "Gamma(2, rate 2)",
            "gamma": "Normal(0, 1)",
        }


def _unit_field(field: LatticeField, values: list, indices: list, p: Params) -> tuple:
    """The unit-variance field (m, K) at new sites and the share of variance it has there (m,)."""
    lengths = field.lengths(p)
    bases = [
        axis_basis(v, jnp.asarray(axis), lengths[j])
        for j, (v, axis) in enumerate(zip(values, field.axes, strict=True))
    ]
    share = jnp.prod(
        jnp.stack([jnp.sum(b**2, axis=1)[i] for b, i in zip(bases, indices, strict=True)]), axis=0
    )
    return _contract(p["z"], bases, indices), share


def _contract(z: Array, bases: list, indices: list) -> Float[Array, "n K"]:
    """Sum over nodes of z times the basis functions, axis by axis (sum factorisation)."""
    if len(bases) == 1:
        return (bases[0] @ z.T)[indices[0]]
    first, second = bases
    i, j = indices
    if len(first) * len(second) <= 20 * len(i):
        plane = jnp.einsum("ua,kab,vb->uvk", first, z, second, optimize="optimal")
        return plane[i, j]
    rows = jnp.einsum("na,kab->nkb", first[i], z)
    return jnp.einsum("nkb,nb->nk", rows, second[j])


def make_lattice_field(
    x: np.ndarray, n_models: int, length_prior: LengthScalePrior | None = None
) -> LatticeField:
    """A lattice over the sites, fine enough for all but the shortest 5 % of length scales."""
    prior = length_prior or LengthScalePrior.of_sites(x)
    # a unit squared-exponential process has 1 % of its variance beyond the Nyquist frequency
    # pi / step when step = pi rho / 2.58
    step = np.pi / ndtri(0.995) * prior.quantile(0.05)
    axes = tuple(_axis(column, h) for column, h in zip(x.T, step, strict=True))
    return LatticeField(x, n_models, axes, prior)


def _axis(values: np.ndarray, step: float) -> np.ndarray:
    """Equally spaced nodes from the smallest to the largest value, at most `step` apart."""
    count = int(np.ceil(np.ptp(values) / step)) + 1
    return np.linspace(values.min(), values.max(), max(count, 2))
