"""Gaussian processes of log concentrations, in the form that is exact at the sites."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.linalg import cho_solve, solve_triangular
from scipy.spatial.distance import cdist
from scipy.stats import gamma, norm

from dirimix.estimators.fields.exchange import everywhere
from dirimix.estimators.fields.field import AbstractField, Params
from dirimix.estimators.fields.length_scale import LengthScalePrior
from dirimix.estimators.fields.pathwise import KeptPaths, Path, PriorDraw
from dirimix.laws.sites import row_product

JITTER = 1e-8  # added to the unit variance of the kernel
_SITES = 512  # evaluated at once: more would leave the processor's cache
_PATHS = 0x66696C64  # sets these streams apart from others of the seed
_KEPT = "_kept_paths"
_MOST_KEPT = 1 << 26  # latents of all draws, 512 MB
REACH = 3.0  # standard deviations of log length up to which it moves; beyond, it stays put


@dataclass(frozen=True)
class AbstractProcess(AbstractField):
    """log alpha_k ~ GP(gamma_k, eta_k^2 prod_j exp(-dx_j^2 / (2 rho_j^2))) (LBMM+GPD).

    A form says what the standard normal latents z of a model are, and how they make a field.

    Attributes:
        x: Training sites in straight coordinates, (n, p).
        n_models: K.
        length_prior: Prior of rho, one scale an axis.
        axis_of: The axis of each straight coordinate, (p,).
    """

    x: np.ndarray
    n_models: int
    length_prior: LengthScalePrior
    axis_of: tuple[int, ...]

    @abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one model's latents z."""

    @abstractmethod
    def unit_field(self, p: Params) -> Float[Array, "n K"]:
        """The process of zero mean and unit variance at the training sites."""

    def rough_unit_field(self, p: Params) -> Float[Array, "n K"]:
        """About the same, for trajectories: cheaper where the form has a way."""
        return self.unit_field(p)

    @abstractmethod
    def unit_field_at(self, p: Params, x_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Its mean given z at sites `x_new` (m, q), (s, m, K), and the mean's variance, (s, m)."""

    @abstractmethod
    def node_weights(
        self, z: np.ndarray, length: np.ndarray, prior: PriorDraw, rng: np.random.Generator
    ) -> np.ndarray:
        """K^-1 (values - prior) at the form's nodes, the models' axis where `kernel_sums` has it.

        Args:
            z: One draw of the latents, (K, ...); they say the values.
            length: Its length scales, one a straight coordinate, (p,).
            prior: A draw of the unit process without data.
            rng: Source of the jitter's own noise.
        """

    @abstractmethod
    def places(self, x_new: np.ndarray) -> Any:
        """Sites (m, q) as `kernel_sums` takes them."""

    @abstractmethod
    def kernel_sums(self, places: Any, length: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sums over the nodes of kernel times weights at m places, (m, K).

        A site's sum must not depend on the other sites: see `laws.sites`.
        """

    @abstractmethod
    def gram(self, length: Float[Array, " q"]) -> Float[Array, "n n"]:
        """Covariance of `unit_field` between the training sites, given the lengths' latents."""

    def region(self, key: Array) -> Array:
        """Which latents of a process are about some places near each other, drawn at random."""
        return everywhere(key)

    @abstractmethod
    def form(self) -> str:
        """The form in a few words."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        k = self.n_models
        return {
            "length": self.length_prior.location.shape,
            "amplitude": (k,),
            "gamma": (k,),
            "z": (k, *self.latent_shape()),
        }

    def of_models(self) -> tuple[str, ...]:
        return ("amplitude", "gamma", "z")

    def log_prior(self, p: Params) -> Float[Array, ""]:
        # eta ~ Gamma(2, 2) through its square root, whose density vanishes at 0
        eta = p["amplitude"] ** 2
        gaussians = sum(jnp.sum(p[name] ** 2) for name in ("length", "gamma", "z"))
        return -0.5 * gaussians + jnp.sum(1.5 * jnp.log(eta) - 2 * eta)

    def log_alpha(self, p: Params) -> Float[Array, "n K"]:
        return p["gamma"] + p["amplitude"] ** 2 * self.unit_field(p)

    def extend(self, p: Params, x_new: np.ndarray, seed: int) -> np.ndarray:
        fields = self.unit_paths(p, x_new, [seed])
        for field, far, amplitude in zip(fields, p["gamma"], p["amplitude"], strict=True):
            field *= amplitude**2
            field += far
        return fields

    def unit_paths(self, p: Params, x_new: np.ndarray, seed: list[int]) -> np.ndarray:
        """Draws of the unit process at sites `x_new`, (m, q), (s, m, K).

        Each draw is one function of place, as `pathwise` explains.
        """
        unit = np.empty((len(p["z"]), len(x_new), self.n_models))
        parts = [slice(at, at + _SITES) for at in range(0, len(x_new), _SITES)]
        places = [self.places(x_new[part]) for part in parts]
        for draw, path in enumerate(self._paths(p, seed)):
            for part, place in zip(parts, places, strict=True):
                sums = self.kernel_sums(place, path.length, path.weights)
                unit[draw, part] = path.prior.at(x_new[part]) + sums
        return unit

    def _paths(self, p: Params, seed: list[int]) -> Iterable[Path]:
        """The draws as functions of place, kept for the next block of sites if they are small."""
        kept = vars(self).get(_KEPT)
        if kept is not None and kept.is_of(p, seed):
            return kept.paths
        made = self._make_paths(p, seed)
        if p["z"].size > _MOST_KEPT:
            return made
        kept = KeptPaths(p["z"], p["length"], list(seed), list(made))
        vars(self)[_KEPT] = kept
        return kept.paths

    def _make_paths(self, p: Params, seed: list[int]) -> Iterator[Path]:
        centre = self.x.mean(axis=0)
        scales = self.lengths(p)[:, list(self.axis_of)]
        for draw, (z, length) in enumerate(zip(p["z"], scales, strict=True)):
            rng = np.random.default_rng([*seed, _PATHS, draw])
            prior = PriorDraw.make(length, self.n_models, centre, rng)
            yield Path(prior, length, self.node_weights(z, length, prior, rng))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != _KEPT}

    def deficit(self, p: Params) -> np.ndarray:
        return np.max(1 - self.unit_field_at(p, self.x)[1], axis=1)

    def lengths(self, p: Params) -> np.ndarray:
        """Length scales rho of draws, (s, q), in the coordinates' units."""
        scaled = np.clip(p["length"], -REACH, REACH)
        return np.exp(self.length_prior.location + self.length_prior.spread * scaled)

    def rho(self, length: Float[Array, " q"]) -> Float[Array, " q"]:
        """Length scales from their latents, inside the log joint."""
        scaled = jnp.clip(length, -REACH, REACH)
        return jnp.exp(self.length_prior.location + self.length_prior.spread * scaled)

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
            "log alpha": f"Gaussian process, squared-exponential, {self.form()}",
            "rho": f"log-normal, 98 % of its mass from (a coordinate) {spans}",
            "eta": "Gamma(2, rate 2)",
            "gamma": "Normal(0, 1)",
        }


class AbstractPointProcess(AbstractProcess):
    """A process that its values at some points determine, or leave little of at the sites."""

    @property
    @abstractmethod
    def nodes(self) -> np.ndarray:
        """The points, (m, p)."""

    @property
    @abstractmethod
    def jitter(self) -> float:
        """Variance added to the unit variance at the points."""

    def latent_shape(self) -> tuple[int, ...]:
        return (len(self.nodes),)

    def unit_field_at(self, p: Params, x_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fields, shares = [], []
        for z, length in zip(p["z"], self.lengths(p)[:, list(self.axis_of)], strict=True):
            cross = _gaussian(self.nodes / length, x_new / length)
            seen = solve_triangular(self._root(length), cross, lower=True, check_finite=False)
            fields.append(seen.T @ z.T)
            shares.append(np.einsum("mn,mn->n", seen, seen))
        return np.stack(fields), np.stack(shares)

    def node_weights(
        self, z: np.ndarray, length: np.ndarray, prior: PriorDraw, rng: np.random.Generator
    ) -> np.ndarray:
        root = self._root(length)
        noise = np.sqrt(self.jitter) * rng.standard_normal((len(self.nodes), self.n_models))
        return cho_solve((root, True), root @ z.T - prior.at(self.nodes) - noise)

    def places(self, x_new: np.ndarray) -> np.ndarray:
        return x_new

    def kernel_sums(
        self, places: np.ndarray, length: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        return row_product(_gaussian(places / length, self.nodes / length), weights)

    def _root(self, length: np.ndarray) -> np.ndarray:
        own = _gaussian(self.nodes / length, self.nodes / length)
        return np.linalg.cholesky(own + self.jitter * np.eye(len(self.nodes)))


def _gaussian(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * cdist(a, b, "sqeuclidean"))


@dataclass(frozen=True)
class DenseField(AbstractPointProcess):
    """The process at the training sites themselves: exact, any p, of cost n^3 a gradient."""

    @property
    def nodes(self) -> np.ndarray:
        return self.x

    @property
    def jitter(self) -> float:
        return JITTER

    def form(self) -> str:
        return f"exact at the {len(self.x)} sites"

    def gram(self, length: Float[Array, " q"]) -> Float[Array, "n n"]:
        gap = (self.x[:, None] - self.x[None]) / self.rho(length)[jnp.array(self.axis_of)]
        return jnp.exp(-0.5 * jnp.sum(gap**2, axis=-1)) + JITTER * jnp.eye(len(self.x))

    def unit_field(self, p: Params) -> Float[Array, "n K"]:
        return jnp.linalg.cholesky(self.gram(p["length"])) @ p["z"].T
