"""Fields of log concentrations: what alpha_k(x) may look like over the coordinates.

A field turns latents into log alpha at the training sites inside the log joint, and extends
posterior draws to new sites. Both forms are linear in independent standard normal latents.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import ndtri
from scipy.stats import gamma, norm

Params = dict[str, Any]

_JITTER = 1e-8  # relative to the unit variance of the kernel on the grid
_DEGREE = 32  # of the series in the length scale
_REACH = 3.0  # standard deviations of log length that the series covers; beyond, it stays put


class AbstractField(ABC):
    """log alpha_k(x) for K models over q coordinates.

    `shapes` names the latents; `log_prior` is their log density; `log_alpha` is at the training
    sites; `extend` draws log alpha at new sites given posterior draws.
    """

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every latent array."""

    @abstractmethod
    def of_models(self) -> tuple[str, ...]:
        """Names of the latents whose first axis runs over the models, which are exchangeable."""

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
    def log_priors(self, p: Params) -> dict[str, np.ndarray]:
        """Log prior density of each hyperparameter's array, from draws (leading axes kept)."""

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

    def of_models(self) -> tuple[str, ...]:
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

    def log_priors(self, p: Params) -> dict[str, np.ndarray]:
        return {"beta": norm.logpdf(p["beta"]).sum(axis=(-2, -1))}

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
        """Little mass below twice the sites' spacing and above a sixth of their extent.

        Shorter scales than that look alike between two sites, and a process of a longer one,
        whose waves are about 2 pi scales long, does not turn once over the sites.
        """
        sixth = np.ptp(x, axis=0) / 6
        return cls.between(np.minimum(2 * spacing(x), sixth / 2), sixth)

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


def axis_basis(x: np.ndarray, grid: np.ndarray, length: float) -> np.ndarray:
    """k(x, grid) k(grid, grid)^(-1/2), (n, g): a process at x from g standard normals.

    The symmetric root is about a Fourier multiplier: as the length scale changes, the field keeps
    its shape and changes its smoothness, which a Cholesky factor does not do. k is the
    squared-exponential kernel exp(-(a - b)^2 / (2 length^2)).
    """

    def gram(a: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * ((a[:, None] - grid[None, :]) / length) ** 2)

    values, vectors = np.linalg.eigh(gram(grid) + _JITTER * np.eye(len(grid)))
    return gram(x) @ (vectors / np.sqrt(values)) @ vectors.T


def basis_series(x: np.ndarray, grid: np.ndarray, low: float, high: float) -> np.ndarray:
    """Chebyshev coefficients of `axis_basis` in log length between two values, (c, n, g)."""
    nodes = np.cos(np.pi * (np.arange(_DEGREE) + 0.5) / _DEGREE)
    lengths = np.exp((low + high) / 2 + (high - low) / 2 * nodes)
    values = np.stack([axis_basis(x, grid, length) for length in lengths])
    vandermonde = np.polynomial.chebyshev.chebvander(nodes, _DEGREE - 1)
    return np.linalg.solve(vandermonde, values.reshape(_DEGREE, -1)).reshape(values.shape)


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

    def of_models(self) -> tuple[str, ...]:
        return ("amplitude", "gamma", "z")

    def log_prior(self, p: Params) -> Float[Array, ""]:
        # eta ~ Gamma(2, 2) through its square root, whose density vanishes at 0
        eta = p["amplitude"] ** 2
        gaussians = sum(jnp.sum(p[name] ** 2) for name in ("length", "gamma", "z"))
        return -0.5 * gaussians + jnp.sum(1.5 * jnp.log(eta) - 2 * eta)

    @cached_property
    def series(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """For each axis the series of the basis at the sites' distinct values, and each site's."""
        found = []
        for j, (column, axis) in enumerate(zip(self.x.T, self.axes, strict=True)):
            values, index = np.unique(column, return_inverse=True)
            centre, half = self.length_prior.location[j], _REACH * self.length_prior.spread[j]
            found.append((basis_series(values, axis, centre - half, centre + half), index))
        return tuple(found)

    def log_alpha(self, p: Params) -> Float[Array, "n K"]:
        # short of the ends, where arccos has no derivative
        at = jnp.clip(p["length"] / _REACH, -1 + 1e-9, 1 - 1e-9)
        order = jnp.arange(_DEGREE)
        bases = [
            jnp.einsum("c,cug->ug", jnp.cos(order * jnp.arccos(at[j])), jnp.asarray(series))
            for j, (series, _) in enumerate(self.series)
        ]
        field = _contract(p["z"], bases, [index for _, index in self.series])
        return p["gamma"] + p["amplitude"] ** 2 * field

    def extend(self, p: Params, x_new: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        field, share = self._unit_fields(p, x_new)
        left = np.sqrt(np.clip(1 - share, 0, None))[..., None]
        field = field + left * rng.standard_normal(field.shape)
        return p["gamma"][:, None, :] + p["amplitude"][:, None, :] ** 2 * field

    def deficit(self, p: Params) -> np.ndarray:
        return np.max(1 - self._unit_fields(p, self.x)[1], axis=1)

    def _unit_fields(self, p: Params, x_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Unit-variance fields (s, m, K) of draws and the share of variance they have (s, m)."""
        lengths = self.lengths(p)
        fields, shares = [], []
        for z, length in zip(p["z"], lengths, strict=True):
            bases = [
                axis_basis(c, a, h) for c, a, h in zip(x_new.T, self.axes, length, strict=True)
            ]
            letters = "abcdef"[: len(bases)]
            sums = f"k{letters}," + ",".join(f"m{c}" for c in letters) + "->mk"
            fields.append(np.einsum(sums, z, *bases, optimize=True))
            shares.append(np.prod([np.sum(b**2, axis=1) for b in bases], axis=0))
        return np.stack(fields), np.stack(shares)

    def lengths(self, p: Params) -> np.ndarray:
        """Length scales rho of draws, (s, q), in the coordinates' units."""
        scaled = np.clip(p["length"], -_REACH, _REACH)
        return np.exp(self.length_prior.location + self.length_prior.spread * scaled)

    def hyperparameters(self, p: Params) -> dict[str, np.ndarray]:
        return {"rho": self.lengths(p), "eta": p["amplitude"] ** 2, "gamma": p["gamma"]}

    def log_priors(self, p: Params) -> dict[str, np.ndarray]:
        return {
            "rho": norm.logpdf(p["length"]).sum(axis=-1),
            "eta": gamma.logpdf(p["amplitude"] ** 2, 2, scale=0.5).sum(axis=-1),
            "gamma": norm.logpdf(p["gamma"]).sum(axis=-1),
        }

    def priors(self) -> dict[str, str]:
        low, high = self.length_prior.quantile(0.01), self.length_prior.quantile(0.99)
        spans = ", ".join(f"{a:.3g} to {b:.3g}" for a, b in zip(low, high, strict=True))
        return {
            "rho": f"log-normal, 98 % of its mass from (a coordinate) {spans}",
            "eta": "Gamma(2, rate 2)",
            "gamma": "Normal(0, 1)",
        }


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
