"""The log joints of the global mixtures (gBMM+L and gBMM+D): one weight vector for all sites.

    y_i ~ Normal(w . f(x_i), sigma^2 + u_i^2),   sigma / y_scale ~ the noise prior
    gBMM+L: w_k ~ Uniform(0, 1), independent
    gBMM+D: w ~ Dirichlet(alpha), alpha_k ~ HalfNormal(alpha_scale)

Kejzlar, Neufcourt, Nazarewicz (2023), doi 10.1038/s41598-023-46568-0.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize
from scipy.special import logit

from dirimix.laws import dirichlet
from dirimix.laws.noise_prior import AbstractNoisePrior
from dirimix.laws.simplex import simplex_least_squares
from dirimix.sampling.target import Target
from dirimix.table.selection import observed
from dirimix.table.table import Table

_FLATTEST = 0.1  # smallest curvature taken from a mode; a logistic latent has 0.3 a priori


@dataclass(frozen=True)
class AbstractGlobalPosterior(ABC):
    """Data and priors of a global mixture.

    Attributes:
        table: n training sites with y, all models known.
        noise: Prior of sigma.
    """

    table: Table
    noise: AbstractNoisePrior

    @abstractmethod
    def size(self) -> int:
        """Number of scalar latents, log sigma the last."""

    @abstractmethod
    def parameters(self, q: Array) -> dict[str, Array]:
        """The named parameters, among them `weights` (K,) and `sigma`."""

    @abstractmethod
    def log_prior_weights(self, q: Array) -> Float[Array, ""]:
        """Log prior density of the latents of the weights, Jacobian included."""

    @abstractmethod
    def start(self, chains: int, rng: np.random.Generator) -> np.ndarray:
        """Start positions, (chains, size)."""

    @property
    def constant_mixture(self) -> np.ndarray:
        """Weights of least squares on the simplex, (K,)."""
        return simplex_least_squares(self.table.f, observed(self.table))

    def log_sigma_of(self, weights: np.ndarray) -> float:
        """Log rms of the residuals that `weights`, (K,), leave, bounded where they leave none."""
        residual = observed(self.table) - self.table.f @ weights
        return float(np.log(max(np.sqrt(np.mean(residual**2)), 1e-6 * self.noise.scale)))

    def log_joint(self, q: Array) -> Float[Array, ""]:
        """Log density of the latents and the observations, up to a constant."""
        p = self.parameters(q)
        return (
            self.log_prior_weights(q)
            + self.noise.log_density_of_log(q[-1], jnp)
            + jnp.sum(self.site_log_likelihood(p))
        )

    def site_log_likelihood(self, p: dict[str, Array]) -> Float[Array, " n"]:
        """Log Normal(y_i; w . f_i, sigma^2 + u_i^2)."""
        variance = p["sigma"] ** 2 + self.table.y_err**2
        residual = observed(self.table) - self.table.f @ p["weights"]
        return jnp.asarray(-0.5 * (residual**2 / variance + jnp.log(2 * jnp.pi * variance)))

    def target(self) -> Target:
        """What the sampler needs."""
        return Target(
            log_density=self.log_joint,
            force=None,
            collect=self._collect,
            scale=np.ones(self.size()),
            adapt=np.ones(self.size(), dtype=bool),
            gaussian=np.zeros(self.size(), dtype=bool),
            monitor="weights",
            dense=True,
        )

    def _collect(self, q: Array) -> dict[str, Array]:
        p = self.parameters(q)
        return {**p, "log_likelihood": self.site_log_likelihood(p)}


@dataclass(frozen=True)
class LinearPosterior(AbstractGlobalPosterior):
    """gBMM+L: w = logistic(latents), the uniform prior as the logistic density of the latents."""

    def size(self) -> int:
        return self.table.f.shape[1] + 1

    def parameters(self, q: Array) -> dict[str, Array]:
        return {"weights": jax.nn.sigmoid(q[:-1]), "sigma": jnp.exp(q[-1])}

    def log_prior_weights(self, q: Array) -> Float[Array, ""]:
        u = q[:-1]
        return -jnp.sum(u + 2 * jax.nn.softplus(-u))

    @cached_property
    def laplace(self) -> tuple[np.ndarray, np.ndarray]:
        """The posterior mode of the latents and the covariance there, (d,) and (d, d).

        Models that nearly agree leave a ridge that no chain finds from afar.
        """
        weights = np.clip(self.constant_mixture, 0.01, 0.99)
        start = np.append(logit(weights), self.log_sigma_of(weights))
        with jax.enable_x64(True):
            loss = jax.jit(jax.value_and_grad(lambda q: -self.log_joint(q)))
            mode = minimize(loss, start, jac=True, method="BFGS").x
            curvature = np.asarray(jax.hessian(lambda q: -self.log_joint(q))(jnp.asarray(mode)))
        values, vectors = np.linalg.eigh(curvature)
        return mode, (vectors / np.maximum(values, _FLATTEST)) @ vectors.T

    def target(self) -> Target:
        return replace(super().target(), scale=self.laplace[1])

    def start(self, chains: int, rng: np.random.Generator) -> np.ndarray:
        mode, covariance = self.laplace
        return rng.multivariate_normal(mode, 2 * covariance, chains)


@dataclass(frozen=True)
class DirichletPosterior(AbstractGlobalPosterior):
    """gBMM+D: the weights in the non-centred form of `dirichlet`, alpha by its logarithm.

    Latents: K of log Gamma(alpha + 1), K of the boost, K of log alpha.

    Attributes:
        alpha_scale: Scale of the half-normal prior of every alpha.
    """

    alpha_scale: float = 1.0

    def size(self) -> int:
        return 3 * self.table.f.shape[1] + 1

    def parameters(self, q: Array) -> dict[str, Array]:
        v, b, log_alpha = jnp.split(q[:-1], 3)
        alpha = jnp.exp(log_alpha)
        return {"weights": dirichlet.weights(alpha, v, b), "alpha": alpha, "sigma": jnp.exp(q[-1])}

    def log_prior_weights(self, q: Array) -> Float[Array, ""]:
        v, b, log_alpha = jnp.split(q[:-1], 3)
        alpha = jnp.exp(log_alpha)
        half_normal = jnp.sum(log_alpha - 0.5 * (alpha / self.alpha_scale) ** 2)
        return jnp.sum(dirichlet.latent_log_density(alpha, v, b)) + half_normal

    def start(self, chains: int, rng: np.random.Generator) -> np.ndarray:
        q = 0.3 * rng.standard_normal((chains, self.size()))
        q[:, -1] += self.log_sigma_of(self.constant_mixture)
        return q
