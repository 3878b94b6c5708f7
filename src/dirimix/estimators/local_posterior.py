"""The posterior of the local Dirichlet mixtures (LBMM+GLD and LBMM+GPD), site weights out.

    log alpha_k(x)  ~ field
    w(x_i)          ~ Dirichlet(alpha(x_i))
    y_i             ~ Normal(w(x_i) . f(x_i), s_i^2 / lambda_i)
    s_i^2           = sigma^2 exp(h(x_i)) + u_i^2,   sigma / y_scale ~ the noise prior

Kejzlar, Neufcourt, Nazarewicz (2023), doi 10.1038/s41598-023-46568-0. The weights w(x_i) are
integrated out exactly (`likelihood.density`), so that only the field and the noise are sampled;
they are drawn afterwards, given those (`likelihood.site_weights`). With constant noise h is 0, with
normal noise lambda_i is 1; Student's t has lambda_i ~ Gamma(nu / 2, nu / 2).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import prod
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix._cores import on_device
from dirimix.estimators.fields.field import AbstractField, Params
from dirimix.estimators.latent.noise import NoiseModel
from dirimix.estimators.latent.tails import GammaTails
from dirimix.laws import dirichlet
from dirimix.likelihood.density import Likelihood
from dirimix.sampling.peaks import Peak, Slope, between, find_peaks, starts_around
from dirimix.sampling.quick_jit import quick_jit
from dirimix.sampling.target import Target
from dirimix.table.selection import observed
from dirimix.table.table import Table

_DENSE = 100  # so many latents, without a field of normals, get all their covariances learnt
_SEARCHED = 20  # from so many on chains start at modes: a warm-up takes long to come there
_SEARCHES = 16  # for its modes: one that has a quarter of the mass ends few of them
_SEARCH_ROWS = 300  # rows that searches look at where there are twice as many
_REACH, _DIFFERENCE = 12.0, 1e-4  # how far modes are searched, and apart slopes for a curvature
_LENGTH_SPEED = 2.0  # of length scales, which mix slowest: narrow valleys given the field
_EQUAL = 0.1  # a model of this weight starts at a log concentration of 0
_LEAST = -30.0  # of log alpha: a site's largest is above -15, so this moves no weight by 1e-6


@dataclass(frozen=True)
class LocalPosterior:
    """Data, field and noise prior of a local mixture.

    Attributes:
        table: n training sites with y.
        field: Law of log alpha.
        noise: The noise, in the unit of y.
        sigma: Noise level of the best constant mixture, in the unit of y.
        weights: Its weights, (K,).
        peaks: Its largest peaks, as a search has found them; none before one.
    """

    table: Table
    field: AbstractField
    noise: NoiseModel
    sigma: float
    weights: np.ndarray
    peaks: tuple[Peak, ...] = ()

    @cached_property
    def likelihood(self) -> Likelihood:
        """Log density of the observations given concentrations and noise."""
        residual = self.table.f - observed(self.table)[:, None]
        return Likelihood(np.where(self.table.known, residual, np.nan))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every latent; those of the field first."""
        tails = {} if self.tails is None else {"tail": (len(self.table.x),)}
        return {**self.field.shapes(), **tails, **self.noise.shapes()}

    @cached_property
    def tails(self) -> GammaTails | None:
        """The precisions that make Student's t of normal noise; None where it is normal."""
        return None if self.noise.degrees is None else GammaTails(self.noise.degrees)

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
        return self._bounded(self.field.log_alpha(p))

    def log_posterior(self, q: Array) -> Float[Array, ""]:
        """Log density of the latents given the observations, up to a constant."""
        p = self.unravel(q)
        return self._joint(p, self.log_alpha(p), self.likelihood)

    def force(self, q: Array) -> Array:
        """About the gradient of `log_posterior`, from coarser nodes and a rougher field."""

        def rough(q: Array) -> Float[Array, ""]:
            p = self.unravel(q)
            log_alpha = self._bounded(self.field.rough_log_alpha(p))
            return self._joint(p, log_alpha, self.likelihood.coarse())

        return jax.grad(rough)(q)

    def _joint(self, p: Params, log_alpha: Array, likelihood: Likelihood) -> Float[Array, ""]:
        return self._log_prior(p) + jnp.sum(likelihood(jnp.exp(log_alpha), self.site_noise(p)))

    def _log_prior(self, p: Params) -> Float[Array, ""]:
        prior = self.field.log_prior(p) + self.noise.log_prior(p)
        return prior if self.tails is None else prior + jnp.sum(self.tails.log_density(p["tail"]))

    def site_noise(self, p: Params) -> Float[Array, " n"]:
        """Standard deviation of every observation given the latents, its precision among them."""
        variance = self.noise.variance(p, self.table.y_err)
        if self.tails is not None:
            variance = variance * jnp.exp(-self.tails.log_precision(p["tail"]))
        return jnp.sqrt(variance)

    def site_log_likelihood(self, p: Params, log_alpha: Array) -> Float[Array, " n"]:
        """Log density of every observation, its precision integrated out."""
        alpha, s = jnp.exp(log_alpha), jnp.sqrt(self.noise.variance(p, self.table.y_err))
        if self.tails is None:
            return self.likelihood(alpha, s)
        nodes, weights = self.tails.nodes()
        # one scale after the other: the foreign function serves one call at a time
        parts = [
            self.likelihood(alpha, s * c) + np.log(w) for c, w in zip(nodes, weights, strict=True)
        ]
        return jax.scipy.special.logsumexp(jnp.stack(parts), axis=0)

    def target(self) -> Target:
        """What the sampler needs."""
        standard = self._of(*self._standard()) == 1
        exchanges = [self.exchange] if self.field.n_models > 1 else []
        return Target(
            log_density=self.log_posterior,
            force=self.force,
            collect=self._collect,
            scale=np.where(standard, 1.0, 0.3),
            adapt=~standard,
            gaussian=standard,
            monitor="hyper",
            speed=1 + (_LENGTH_SPEED - 1) * self._of("length"),
            dense=self.dense,
            jumps=[*exchanges, *between(self.peaks)],
        )

    @property
    def dense(self) -> bool:
        """Whether all covariances of the latents are learnt."""
        return not self._of(*self._standard()).any() and self.size() <= _DENSE

    def _standard(self) -> set[str]:
        """Latents that are standard normal, or nearly so, a priori."""
        of_noise = {n for n in self.noise.shapes() if n != "log_sigma"}
        return {"z", "tail"} | of_noise

    def _of(self, *names: str) -> np.ndarray:
        """1 at the latents of these names, 0 elsewhere, (size,)."""
        return self.ravel({n: np.full(s, float(n in names)) for n, s in self.shapes().items()})

    def exchange(self, key: Array, q: Array) -> tuple[Array, float]:
        """The latents with those of two models, drawn at random, exchanged.

        Two models that nearly agree may bear each other's weight: the posterior then has a mode
        for each, and no trajectory passes from one to the other. The second number is the log of
        how the move stretches volumes.
        """
        p, count = self.unravel(q), self.field.n_models
        first, second = jax.random.choice(key, count, (2,), replace=False)
        order = jnp.arange(count).at[first].set(second).at[second].set(first)
        exchanged = p | {name: p[name][order] for name in self.field.of_models()}
        return jnp.concatenate([jnp.ravel(exchanged[name]) for name in self.shapes()]), 0.0

    def _collect(self, q: Array) -> dict[str, Array]:
        p = self.unravel(q)
        log_alpha = self.log_alpha(p)
        return {
            **{f"latent_{n}": p[n] for n in self.shapes()},
            "hyper": jnp.concatenate(
                [jnp.ravel(p[n]) for n in self.shapes() if n not in ("z", "tail", "noise_z")]
            ),
            "sigma": jnp.exp(p["log_sigma"]),
            "log_alpha": log_alpha.astype(jnp.float32),
            "noise": jnp.sqrt(self.noise.variance(p, np.zeros(len(self.table.x)))),
            "site_noise": self.site_noise(p),
            "log_likelihood": self.site_log_likelihood(p, log_alpha),
        }

    def start(self, chains: int, rng: np.random.Generator) -> tuple[Self, np.ndarray]:
        """Itself and start positions, (chains, size), around a constant mixture that fits.

        Where there are many latents, and few enough to look for modes, around these.
        """
        if self.dense and self.size() > _SEARCHED:
            return self._around_modes(chains, rng)
        return self, self._scattered(chains, rng)

    def _scattered(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Positions around the constant mixture, (count, size)."""
        q = 0.3 * rng.standard_normal((count, self.size()))
        places = self._places()
        q[:, places["log_sigma"]] += np.log(self.sigma)
        if "amplitude" in places:
            q[:, places["amplitude"]] += 1
            q[:, places["gamma"]] += np.log(_EQUAL + self.weights) - np.log(2 * _EQUAL)
        return q

    def _around_modes(self, chains: int, rng: np.random.Generator) -> tuple[Self, np.ndarray]:
        """Itself, with the peaks that searches find, and start positions around these."""
        starts = self._scattered(_SEARCHES, rng)
        slope, exact = _slope(self.log_posterior), None
        if len(self.table.x) >= 2 * _SEARCH_ROWS:
            some = rng.choice(len(self.table.x), _SEARCH_ROWS, replace=False)
            slope, exact = _slope(partial(self._by_some, rows=np.sort(some))), slope

        def curvature(q: np.ndarray) -> np.ndarray:
            rows = [slope(q + s)[1] - slope(q - s)[1] for s in _DIFFERENCE * np.eye(len(q))]
            return (np.array(rows) + np.array(rows).T) / (4 * _DIFFERENCE)

        bounds = [(v - _REACH, v + _REACH) for v in starts.mean(axis=0)]
        with on_device():
            peaks = find_peaks(slope, curvature, starts, bounds, exact)
            start = starts_around(peaks, chains, lambda at: -(exact or slope)(at)[0], rng)
        return replace(self, peaks=tuple(peaks)), start

    def _by_some(self, q: Array, rows: np.ndarray) -> Float[Array, ""]:
        """About `log_posterior`: some rows stand for all."""
        p, likelihood = self.unravel(q), Likelihood(self.likelihood.d[rows])
        seen = likelihood(jnp.exp(self.log_alpha(p)[rows]), self.site_noise(p)[rows])
        return self._log_prior(p) + len(self.table.x) / len(rows) * jnp.sum(seen)

    def _places(self) -> dict[str, slice]:
        """Where each latent lies in the flat vector."""
        ends = np.cumsum([prod(s) for s in self.shapes().values()])
        starts = [0, *ends[:-1]]
        return {n: slice(a, b) for n, a, b in zip(self.shapes(), starts, ends, strict=True)}

    def _bounded(self, log_alpha: Array) -> Array:
        """Within bounds that the likelihood serves, the models' ratios kept."""
        known = jnp.where(self.table.known, log_alpha, -jnp.inf)
        return jnp.maximum(dirichlet.saturated(known, jnp), _LEAST)


def _slope(log_density: Callable[[Array], Array]) -> Slope:
    """Minus a log density with its gradient, infinite and flat where it is not finite."""
    compiled = quick_jit(jax.value_and_grad(log_density))

    def slope(q: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = compiled(jnp.asarray(q))
        finite = np.isfinite(value) and np.isfinite(gradient).all()
        return (-float(value), -np.asarray(gradient)) if finite else (np.inf, np.zeros(len(q)))

    return slope
