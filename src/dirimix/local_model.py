"""The log joint of the local Dirichlet mixtures (LBMM+GLD and LBMM+GPD).

    log alpha_k(x)  ~ field
    w(x_i)          ~ Dirichlet(alpha(x_i))
    y_i             ~ Normal(w(x_i) . f(x_i), sigma^2 + u_i^2)
    sigma / y_scale ~ Gamma(shape, rate)

Kejzlar, Neufcourt, Nazarewicz (2023), doi 10.1038/s41598-023-46568-0. Two forms of the same
posterior: `IntegratedModel` has the site weights integrated out (`integrated`), `AugmentedModel`
samples them in non-centred form (`dirichlet`). The first is the default; the second is slower,
free of quadrature, and the proof of the first.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix import dirichlet, integrated
from dirimix.field import AbstractField, Params
from dirimix.noise import GammaNoise
from dirimix.sampler import Target
from dirimix.table import Table

LOG_ALPHA_BOUND = 15.0  # concentrations beyond exp(+-15) are not told apart
_RETABLE = 0.04  # drift of log sigma that asks for new nodes


@dataclass(frozen=True)
class AbstractLocalModel(ABC):
    """Data, field and noise prior of a local mixture.

    Attributes:
        table: n training sites with y.
        field: Law of log alpha.
        noise: Prior of sigma.
    """

    table: Table
    field: AbstractField
    noise: GammaNoise

    @abstractmethod
    def site_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the latents of the sites."""

    @abstractmethod
    def log_sites(self, p: Params, data: Any) -> Float[Array, ""]:
        """Log density of observations and site latents given log alpha and sigma."""

    @abstractmethod
    def data(self, sigma: float) -> Any:
        """Arrays that `log_sites` needs when sigma is near the given value."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every latent; those of the field first."""
        return {**self.field.shapes(), "log_sigma": (), **self.site_shapes()}

    def size(self) -> int:
        """Number of scalar latents."""
        return sum(prod(s) for s in self.shapes().values())

    def unravel(self, q: Array) -> Params:
        """The latents by name from one flat vector."""
        parts, at = {}, 0
        for name, shape in self.shapes().items():
            parts[name] = q[at : at + prod(shape)].reshape(shape)
            at += prod(shape)
        return parts

    def ravel(self, p: Params) -> np.ndarray:
        """One flat vector from the latents by name."""
        return np.concatenate([np.ravel(p[name]) for name in self.shapes()])

    def distances(self) -> np.ndarray:
        """f - y, (n, K), 0 where a model is not known: weights sum to one, so nothing is lost."""
        assert self.table.y is not None
        return np.where(self.table.known, self.table.f - self.table.y[:, None], 0.0)

    def log_alpha(self, p: Params) -> Float[Array, "n K"]:
        """Log concentrations at the training sites."""
        return jnp.clip(self.field.log_alpha(p), -LOG_ALPHA_BOUND, LOG_ALPHA_BOUND)

    def site_noise(self, p: Params) -> Float[Array, " n"]:
        """sqrt(sigma^2 + u_i^2)."""
        return jnp.sqrt(jnp.exp(2 * p["log_sigma"]) + self.table.y_err**2)

    def log_joint(self, p: Params, data: Any) -> Float[Array, ""]:
        """Log density of the latents and the observations, up to a constant."""
        sigma = jnp.exp(p["log_sigma"]) / self.noise.scale
        prior_sigma = self.noise.shape * p["log_sigma"] - self.noise.rate * sigma
        return self.field.log_prior(p) + prior_sigma + self.log_sites(p, data)

    def target(self, sigma: float) -> Target:
        """What the sampler needs, from a first guess of sigma."""
        gaussian = {n: np.full(s, n in self.field.gaussian()) for n, s in self.shapes().items()}
        standard = {n: np.full(s, n in ("z", "v", "b")) for n, s in self.shapes().items()}
        return Target(
            log_density=lambda q, data: self.log_joint(self.unravel(q), data),
            collect=self._collect,
            data=self.data(sigma),
            refresh=self._refresh,
            scale=np.ones(self.size()),
            adapt=~self.ravel(standard).astype(bool),
            gaussian=(self.ravel(gaussian) * self.ravel(standard)).astype(bool),
            monitor="hyper",
        )

    def _refresh(self, collected: dict[str, np.ndarray], data: Any) -> Any:
        """New data where sigma has drifted from the value that they were made for."""
        del collected
        return data

    def _collect(self, q: Array, data: Any) -> dict[str, Array]:
        del data
        p = self.unravel(q)
        log_alpha = self.log_alpha(p)
        named = (*self.field.shapes(), "log_sigma")
        return {
            **{f"latent_{n}": p[n] for n in named},
            "hyper": jnp.concatenate([jnp.ravel(p[n]) for n in named if n != "z"]),
            "field_weight": jax.nn.softmax(jnp.where(self.table.known, log_alpha, -jnp.inf)),
        }

    def start(self, chains: int, sigma: float, rng: np.random.Generator) -> np.ndarray:
        """Start positions, (chains, size), scattered around the prior centre."""
        q = 0.5 * rng.standard_normal((chains, self.size()))
        at = sum(prod(s) for s in self.field.shapes().values())
        q[:, at] = np.log(sigma) + 0.1 * q[:, at]
        return q


@dataclass(frozen=True)
class AugmentedModel(AbstractLocalModel):
    """The site weights are latents, in non-centred form; no quadrature anywhere."""

    def site_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"v": self.table.f.shape, "b": self.table.f.shape}

    def data(self, sigma: float) -> Any:
        del sigma
        return ()

    def log_sites(self, p: Params, data: Any) -> Float[Array, ""]:
        del data
        alpha = jnp.exp(self.log_alpha(p))
        w = dirichlet.weights(alpha, p["v"], p["b"], self.table.known)
        variance = self.site_noise(p) ** 2
        residual = jnp.sum(w * self.distances(), axis=-1)
        likelihood = -0.5 * (residual**2 / variance + jnp.log(2 * jnp.pi * variance))
        return jnp.sum(dirichlet.latent_log_density(alpha, p["v"], p["b"])) + jnp.sum(likelihood)


@dataclass(frozen=True)
class IntegratedModel(AbstractLocalModel):
    """The site weights are integrated out by quadrature on precomputed nodes."""

    rule: integrated.Rule = integrated.Rule()

    def site_shapes(self) -> dict[str, tuple[int, ...]]:
        return {}

    def data(self, sigma: float) -> Any:
        scale = np.sqrt(sigma**2 + self.table.y_err**2)
        return integrated.make_tables(self.distances(), self.table.known, scale, self.rule)

    def site_log_likelihood(self, p: Params, data: Any) -> Float[Array, " n"]:
        """log p(y_i | alpha_i, sigma), the weights integrated out."""
        alpha = jnp.where(self.table.known, jnp.exp(self.log_alpha(p)), 0.0)
        return integrated.log_likelihood(data, alpha, self.site_noise(p))

    def log_sites(self, p: Params, data: Any) -> Float[Array, ""]:
        return jnp.sum(self.site_log_likelihood(p, data))

    def _collect(self, q: Array, data: Any) -> dict[str, Array]:
        p = self.unravel(q)
        return {
            **super()._collect(q, data),
            "log_likelihood": self.site_log_likelihood(p, data),
        }

    def _refresh(self, collected: dict[str, np.ndarray], data: Any) -> Any:
        sigma = float(np.exp(np.mean(collected["latent_log_sigma"])))
        precise = np.argmin(self.table.y_err)
        used = np.sqrt(max(data.scale[precise] ** 2 - self.table.y_err[precise] ** 2, 1e-300))
        return data if abs(np.log(sigma / used)) < _RETABLE else self.data(sigma)


def site_weights(
    table: Table,
    log_alpha: np.ndarray,
    noise: np.ndarray,
    rng: np.random.Generator,
    tries: int = 20_000,
) -> np.ndarray:
    """Draws of w(x_i) given alpha(x_i), sigma and y_i, one for each posterior draw.

    Exact by rejection: Dirichlet draws are accepted with probability
    exp(-(y - w . f)^2 / (2 s^2)). A site still waiting after `tries` proposals takes one of its
    last 100 by importance weight.

    Args:
        table: n training sites with y.
        log_alpha: (s, n, K).
        noise: sqrt(sigma^2 + u^2), (s, n).
        rng: Randomness.
        tries: Proposals for a site and draw before importance resampling.

    Returns:
        (s, n, K), 0 where a model is not known.
    """
    assert table.y is not None
    d = np.where(table.known, table.f - table.y[:, None], 0.0)
    draws, sites = (a.ravel() for a in np.indices(noise.shape))
    out = np.zeros(log_alpha.shape)
    batch, tried = 1, 0
    while len(draws):
        last = tried >= tries
        batch = 100 if last else min(2 * batch, 256, max(1, 200_000 // len(draws)))
        waiting = np.repeat(log_alpha[draws, sites][:, None], batch, axis=1)
        w = dirichlet.sample(waiting, rng, table.known[sites][:, None])
        z = np.einsum("rbk,rk->rb", w, d[sites]) / noise[draws, sites][:, None]
        log_u = np.zeros(z.shape[0])[:, None] - rng.standard_exponential(z.shape)
        accepted = log_u < -0.5 * z**2
        if last:  # Gumbel maxima pick one by importance weight
            accepted = z == z
            first = np.argmax(-0.5 * z**2 + rng.gumbel(size=z.shape), axis=1)
        else:
            first = np.argmax(accepted, axis=1)
        done = accepted.any(axis=1)
        out[draws[done], sites[done]] = w[done, first[done]]
        draws, sites, tried = draws[~done], sites[~done], tried + batch
    return out
