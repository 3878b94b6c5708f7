r"""The log joints of the global mixtures (gBMM+L and gBMM+D): one weight vector for all sites.

    y_i ~ Normal(w . f(x_i), sigma^2 + u_i^2),   sigma / y_scale ~ the noise prior
    gBMM+L: w_k ~ Uniform(0, 1), independent
    gBMM+D: w ~ Dirichlet(alpha), alpha_k ~ HalfNormal(alpha_scale), alpha integrated out

Kejzlar, Neufcourt, Nazarewicz (2023), doi 10.1038/s41598-023-46568-0.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import lsq_linear

from dirimix._cores import on_device
from dirimix.laws.half_normal_dirichlet import HalfNormalDirichlet
from dirimix.laws.noise_prior import AbstractNoisePrior
from dirimix.laws.simplex import simplex_least_squares
from dirimix.sampling.peaks import Peak, find_peaks, starts_around
from dirimix.sampling.quick_jit import quick_jit
from dirimix.sampling.target import Target
from dirimix.table.selection import observed
from dirimix.table.table import Table

_STRETCHES, _STRETCH = 3, 0.6  # of free weights after a trajectory; sd of the log factor
_REACH, _REACH_RELATIVE, _FAR = 7.0, 25.0, 12.0  # of z, of relative log weights, of log sigma
_OPEN, _KNOWN = 3.0, 0.1  # sd of a log weight without data, and below which it is known well


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
    def peaks(self, count: int, rng: np.random.Generator) -> list[Peak]:
        """The peaks that so many searches find, that of the largest mass first."""

    @cached_property
    def constant_mixture(self) -> np.ndarray:
        """Weights of least squares on the simplex, (K,)."""
        return simplex_least_squares(self.table.f, observed(self.table))

    @property
    def few(self) -> bool:
        """Whether there are no more rows than weights, which then fit whatever was observed.

        The density of sigma and the weights grows without bound towards an exact fit, though
        little of its mass is there: no mode is worth a start.
        """
        return len(self.table.f) <= self.table.f.shape[1]

    def log_sigma_of(self, weights: np.ndarray) -> float:
        """Log rms of the residuals that `weights`, (K,), leave, bounded where they leave none."""
        residual = self._residual(weights)
        least = (1.0 if self.few else 1e-6) * self.noise.scale
        return float(np.log(max(np.sqrt(np.mean(residual**2)), least)))

    def _residual(self, weights: Any) -> Any:
        """What `weights`, (K,), leave of the observations, (n,)."""
        return observed(self.table) - self.table.f @ weights

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
        residual = self._residual(p["weights"])
        return jnp.asarray(-0.5 * (residual**2 / variance + jnp.log(2 * jnp.pi * variance)))

    @cached_property
    def peak(self) -> Peak:
        """A mode, whose covariance the metric begins with."""
        return self.peaks(1, np.random.default_rng(0))[0]

    def target(self) -> Target:
        """What the sampler needs."""
        return Target(
            log_density=self.log_joint,
            force=None,
            collect=self._collect,
            scale=self.peak.covariance,
            adapt=np.ones(self.size(), dtype=bool),
            gaussian=np.zeros(self.size(), dtype=bool),
            monitor="weights",
            dense=True,
        )

    def start(self, chains: int, rng: np.random.Generator) -> tuple[Self, np.ndarray]:
        """Itself and start positions, (chains, size), around the peaks in turn."""
        with on_device():
            compiled = quick_jit(self.log_joint)

            def density(q: np.ndarray) -> float:
                return float(compiled(jnp.asarray(q)))

            peaks = self.peaks(chains, rng)
            return self, starts_around(peaks, chains, density, rng, self.inside)

    def inside(self, q: np.ndarray) -> bool:
        """Whether the latents are between the walls of the target."""
        del q
        return True

    def _collect(self, q: Array) -> dict[str, Array]:
        p = self.parameters(q)
        return {**p, "log_likelihood": self.site_log_likelihood(p)}


@dataclass(frozen=True)
class LinearPosterior(AbstractGlobalPosterior):
    """gBMM+L: the weights themselves, between walls at 0 and 1.

    Where all models share a large value the weights have a sum that is known far better than
    they are; in the weights that ridge is straight.
    """

    def size(self) -> int:
        return self.table.f.shape[1] + 1

    def parameters(self, q: Array) -> dict[str, Array]:
        return {"weights": q[:-1], "sigma": jnp.exp(q[-1])}

    def log_prior_weights(self, q: Array) -> Float[Array, ""]:
        del q
        return jnp.zeros(())

    def peaks(self, count: int, rng: np.random.Generator) -> list[Peak]:
        """The one mode of the weights given the noise that they leave, the search not random."""
        del count, rng
        f, k = self.table.f, self.table.f.shape[1]
        weights = np.clip(lsq_linear(f, observed(self.table), (0, 1)).x, 0, 1)
        log_sigma = self.log_sigma_of(weights)
        sd = np.sqrt(np.exp(2 * log_sigma) + self.table.y_err**2)
        covariance = np.zeros((k + 1, k + 1))
        # singular values: the precision itself has no digits for what the data leave open
        _, size, right = np.linalg.svd(f / sd[:, None], full_matrices=len(f) < k)
        size = np.append(size, np.zeros(k - len(size)))
        covariance[:k, :k] = (right.T / (12 + size**2)) @ right  # 12 is the prior's precision
        covariance[k, k] = 1 / (2 + 2 * len(f))
        return [Peak(np.append(weights, log_sigma), covariance)]

    def inside(self, q: np.ndarray) -> bool:
        return bool(np.all((q[:-1] >= 0) & (q[:-1] <= 1)))

    def target(self) -> Target:
        walls = np.tile([[0.0, 1.0]], (self.size(), 1))
        walls[-1] = -np.inf, np.inf
        return replace(super().target(), walls=walls, jumps=[self.stretched], proposals=_STRETCHES)

    def stretched(self, key: Array, q: Array) -> tuple[Array, Array]:
        """All weights times a random factor, and sigma times what that makes of the residuals.

        The larger the sum of many weights is, the more of them have it: a poor fit with a large
        sigma may be as likely as a good one, and trajectories of one step size pass slowly between.
        """
        log_factor = _STRETCH * jax.random.normal(key)
        weights = jnp.exp(log_factor) * q[:-1]
        change = jnp.log(self._rms(weights)) - jnp.log(self._rms(q[:-1]))
        inside = jnp.all((weights >= 0) & (weights <= 1))
        moved = jnp.append(weights, q[-1] + change)
        return moved, jnp.where(inside, len(weights) * log_factor, -jnp.inf)

    def _rms(self, weights: Array) -> Float[Array, ""]:
        return jnp.sqrt(jnp.mean(self._residual(weights) ** 2))


@dataclass(frozen=True)
class DirichletPosterior(AbstractGlobalPosterior):
    """gBMM+D: the weights by independent standard normals, see `HalfNormalDirichlet`.

    Where the data know ratios of weights well these normals would lie on a thin, bent line: how
    large all g are together is left open. Then only that of one model, the reference, has its
    normal, and the others have the asinh of their log weight relative to it.

    Attributes:
        alpha_scale: Scale of the half-normal prior of every alpha.
    """

    alpha_scale: float = 1.0

    @property
    def law(self) -> HalfNormalDirichlet:
        """The law of the weights a priori."""
        return HalfNormalDirichlet(self.alpha_scale)

    @cached_property
    def reference(self) -> int:
        """The model of the largest weight."""
        return int(np.argmax(self._likely))

    @cached_property
    def known(self) -> np.ndarray:
        """The models whose ratio to the reference the data know well, indices."""
        if self.few:
            return np.empty(0, dtype=int)
        weights, r = self._likely, self.reference
        slope = (self.table.f - (self.table.f @ weights)[:, None]) * weights
        variance = np.exp(2 * self.log_sigma_of(weights)) + self.table.y_err**2
        # singular values: the precision itself has no digits for what the data leave open
        _, size, right = np.linalg.svd(slope / np.sqrt(variance)[:, None], full_matrices=False)
        relative = right - right[:, [r]]
        share = size**2 / (size**2 + 1 / _OPEN**2)
        spread = 2 * _OPEN**2 - _OPEN**2 * (share @ relative**2)
        return np.flatnonzero((spread < _KNOWN**2) & (np.arange(len(weights)) != r))

    def size(self) -> int:
        return self.table.f.shape[1] + 1

    def parameters(self, q: Array) -> dict[str, Array]:
        log_g = self._log_g(q)
        # the same to the last digit whatever g the reference has
        relative = log_g - log_g[self.reference]
        relative = relative.at[self.known].set(jnp.sinh(q[self.known]))
        return {"weights": jax.nn.softmax(relative), "sigma": jnp.exp(q[-1])}

    def _log_g(self, q: Array) -> Array:
        log_g = self.law.log_g(q[:-1])
        return log_g.at[self.known].set(log_g[self.reference] + jnp.sinh(q[self.known]))

    def log_prior_weights(self, q: Array) -> Float[Array, ""]:
        normal = np.delete(np.arange(self.size() - 1), self.known)
        a, log_g = q[self.known], self._log_g(q)[self.known]
        density = self.law.log_density_of_asinh(jnp.arcsinh(log_g))
        # that of asinh(log g) is one of the latents by its slope
        known = density + _log_cosh(a) - 0.5 * jnp.log1p(log_g**2)
        return jnp.sum(known) - 0.5 * jnp.sum(q[normal] ** 2)

    def _collect(self, q: Array) -> dict[str, Array]:
        return super()._collect(q) | {"log_g": self._log_g(q)}

    def peaks(self, count: int, rng: np.random.Generator) -> list[Peak]:
        start = self._first()
        if self.few:
            return [Peak(start, np.eye(self.size()))]
        scatter = 0.3 * np.sqrt(np.arange(count))[:, None]  # the first search is not random
        reach = np.full(self.size() - 1, _REACH)
        reach[self.known] = _REACH_RELATIVE
        bounds = [(-r, r) for r in reach] + [(start[-1] - _FAR, start[-1] + _FAR)]
        starts = start + scatter * rng.standard_normal((count, self.size()))
        slope, curvature = self._derivatives
        with on_device():
            return find_peaks(slope, lambda q: np.asarray(curvature(q)), starts, bounds)

    @cached_property
    def _derivatives(self) -> tuple[Callable, Callable]:
        """Minus the log density with its gradient, and its curvature: compiled once."""

        def loss(q: Array) -> Array:
            return -self.log_joint(q)

        return quick_jit(jax.value_and_grad(loss)), quick_jit(jax.hessian(loss))

    def __getstate__(self) -> dict[str, object]:
        # what is compiled stays in its process
        return {n: value for n, value in vars(self).items() if n != "_derivatives"}

    @cached_property
    def _likely(self) -> np.ndarray:
        """The best constant mixture, every model with a weight that the data do not mind, (K,)."""
        weights = self.constant_mixture
        sigma = np.exp(self.log_sigma_of(weights))
        away = np.sqrt(np.mean((self.table.f - observed(self.table)[:, None]) ** 2, axis=0))
        return np.maximum(weights, 0.1 / (10 + away / sigma))

    def _first(self) -> np.ndarray:
        log_weights = np.log(self._likely)
        latents = self.law.normal(log_weights)
        latents[self.known] = np.arcsinh(log_weights - log_weights[self.reference])[self.known]
        return np.append(latents, self.log_sigma_of(self.constant_mixture))


def _log_cosh(a: Array) -> Array:
    return jnp.logaddexp(a, -a) - np.log(2)
