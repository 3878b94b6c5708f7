"""The log joint of the local Dirichlet mixtures (LBMM+GLD and LBMM+GPD).

    log alpha_k(x)  ~ field
    w(x_i)          ~ Dirichlet(alpha(x_i))
    y_i             ~ Normal(w(x_i) . f(x_i), sigma^2 + u_i^2)
    sigma / y_scale ~ Gamma(shape, rate)

Kejzlar, Neufcourt, Nazarewicz (2023), doi 10.1038/s41598-023-46568-0. The weights enter in the
non-centred form of `dirichlet`, so every latent is close to N(0, 1) a priori.
"""

from dataclasses import dataclass
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix import dirichlet
from dirimix.field import AbstractField, Params
from dirimix.noise import GammaNoise
from dirimix.sampler import Target
from dirimix.table import Table

LOG_ALPHA_BOUND = 15.0  # concentrations beyond exp(+-15) are not told apart
_STANDARD = ("z", "v", "b")  # latents whose posterior scale is close to 1 by construction


@dataclass(frozen=True)
class LocalModel:
    """Data, field and noise prior of a local mixture.

    Attributes:
        table: n training sites with y.
        field: Law of log alpha.
        noise: Prior of sigma.
    """

    table: Table
    field: AbstractField
    noise: GammaNoise

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every latent; those of the field first."""
        sites = self.table.f.shape
        return {**self.field.shapes(), "log_sigma": (), "v": sites, "b": sites}

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

    def log_alpha(self, p: Params) -> Float[Array, "n K"]:
        """Log concentrations at the training sites."""
        return jnp.clip(self.field.log_alpha(p), -LOG_ALPHA_BOUND, LOG_ALPHA_BOUND)

    def log_joint(self, p: Params) -> Float[Array, ""]:
        """Log density of the latents and the observations, up to a constant."""
        alpha = jnp.exp(self.log_alpha(p))
        w = dirichlet.weights(alpha, p["v"], p["b"], self.table.known)
        latent = jnp.sum(dirichlet.latent_log_density(alpha, p["v"], p["b"]))
        likelihood = jnp.sum(self.site_log_likelihood(w, p["log_sigma"]))
        return self.field.log_prior(p) + self.log_prior_sigma(p["log_sigma"]) + latent + likelihood

    def site_log_likelihood(self, w: Array, log_sigma: Array) -> Float[Array, " n"]:
        """Log Normal(y_i; w_i . f_i, sigma^2 + u_i^2) given the site weights."""
        assert self.table.y is not None
        # weights sum to one, so distances to y serve as well as values and lose no digits
        d = np.where(self.table.known, self.table.f - self.table.y[:, None], 0.0)
        variance = jnp.exp(2 * log_sigma) + self.table.y_err**2
        return -0.5 * (jnp.sum(w * d, axis=-1) ** 2 / variance + jnp.log(2 * jnp.pi * variance))

    def log_prior_sigma(self, log_sigma: Array) -> Float[Array, ""]:
        """Log prior density of log sigma, up to a constant."""
        sigma = jnp.exp(log_sigma) / self.noise.scale
        return self.noise.shape * log_sigma - self.noise.rate * sigma

    def target(self) -> Target:
        """What the sampler needs."""
        marked = {n: np.full(s, n in _STANDARD) for n, s in self.shapes().items()}
        gaussian = {n: np.full(s, n == "z") for n, s in self.shapes().items()}
        return Target(
            log_density=lambda q: self.log_joint(self.unravel(q)),
            collect=self._collect,
            scale=np.ones(self.size()),
            adapt=~self.ravel(marked).astype(bool),
            gaussian=self.ravel(gaussian).astype(bool),
            monitor="hyper",
        )

    def _collect(self, q: Array) -> dict[str, Array]:
        p = self.unravel(q)
        log_alpha = self.log_alpha(p)
        named = (*self.field.shapes(), "log_sigma")
        w = dirichlet.weights(jnp.exp(log_alpha), p["v"], p["b"], self.table.known)
        return {
            **{f"latent_{n}": p[n] for n in named},
            "hyper": jnp.concatenate([jnp.ravel(p[n]) for n in named if n != "z"]),
            "field_weight": jax.nn.softmax(jnp.where(self.table.known, log_alpha, -jnp.inf)),
            "log_alpha": log_alpha,
            "site_weight": w,
        }

    def start(self, chains: int, sigma: float, rng: np.random.Generator) -> np.ndarray:
        """Start positions, (chains, size), scattered around the prior centre."""
        q = 0.5 * rng.standard_normal((chains, self.size()))
        at = sum(prod(s) for s in self.field.shapes().values())
        q[:, at] = np.log(sigma) + 0.1 * q[:, at]
        return q
