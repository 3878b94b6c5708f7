"""Given hyperparameters and noise: the mode of the mean's fields, and the Gaussian law around it.

The fields u enter the mean through J = d mean / d u only, site by site. Gauss-Newton steps and
the law around the mode therefore need matrices of the n sites alone: Q = cov(sum_l J_l u_l).
Rasmussen, Williams (2006), Gaussian Processes for Machine Learning, section 3.4, has the
algebra.
"""

import itertools
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float

from dirimix.estimators.fields.field import Params
from dirimix.estimators.latent import spd
from dirimix.estimators.latent.posterior import LatentPosterior
from dirimix.table.selection import observed

_MAX_STEPS = 60
_MAX_HALVINGS = 12
_ROUNDING = 1e-9  # nats that a step may lose
UNSEEN = 1e8  # in units of the residuals' scale: weighs 1e-16 of what a row weighs
_TOGETHER = 8  # draws that are made at once


class Around(NamedTuple):
    """The linearised problem at some fields.

    Attributes:
        pull: a, (n, L): the fields are their prior covariance times a.
        slope: J, (n, L).
        root: Roots of the noise's precisions, (n,).
        inner: I + root Q root, (n, n).
        log_likelihood: Of all observations.
        energy: u' cov^-1 u.
    """

    pull: Array
    slope: Array
    root: Array
    inner: Array
    log_likelihood: Array
    energy: Array


@dataclass(frozen=True)
class Conditional:
    """The fields of a posterior given its hyperparameters, `p`.

    Attributes:
        posterior: Of the table; a row whose measurement error is `UNSEEN` is as if it were not
            there.
    """

    posterior: LatentPosterior

    def variance(self, p: Params) -> Float[Array, " n"]:
        """Of the noise, at every row."""
        return self.posterior.noise.variance(p, self.posterior.table.y_err)

    def covariances(self, p: Params) -> list[Array | None]:
        """Of each group's process of unit variance."""
        return [None if g.process is None else g.covariance(p) for g in self.posterior.groups]

    def fields(self, p: Params, units: list[Array | None], pull: Array) -> Float[Array, "n L"]:
        """Prior covariance times `pull`."""
        parts = self._split(pull)
        spread = [
            g.covaried(p, r, a) for g, r, a in zip(self.posterior.groups, units, parts, strict=True)
        ]
        return jnp.concatenate([pull[:, :0], *spread], axis=1)

    def projected(self, p: Params, units: list[Array | None], slope: Array) -> Float[Array, "n n"]:
        """Q."""
        parts = zip(self.posterior.groups, units, self._split(slope), strict=True)
        n = len(slope)
        return sum((g.projected(p, r, j) for g, r, j in parts), jnp.zeros((n, n)))

    def _split(self, a: Array) -> list[Array]:
        ends = np.cumsum([0, *(g.count for g in self.posterior.groups)])
        return [a[:, start:end] for start, end in itertools.pairwise(ends)]

    def zero(self) -> np.ndarray:
        """The pull of fields that are 0."""
        return np.zeros((len(self.posterior.table.x), sum(g.count for g in self.posterior.groups)))

    def settle(self, p: Params, pull: Array, gain: float = 1e-8) -> Array:
        """The pull at the mode of the fields, by damped Gauss-Newton steps.

        Args:
            p: Hyperparameters.
            pull: Where to begin.
            gain: In nats; after a step that gains less there is no other.
        """
        post, units = self.posterior, self.covariances(p)
        y, variance = jnp.asarray(observed(post.table)), self.variance(p)

        def height(pull: Array) -> tuple[Array, Array]:
            u = self.fields(p, units, pull)
            fit = post.noise.log_likelihood(y - post.mean(u), variance)
            return jnp.sum(fit) - 0.5 * jnp.sum(pull * u), u

        def target(u: Array) -> Array:
            residual, slope = y - post.mean(u), post.slope(u)
            root = jnp.sqrt(post.noise.precision(residual, variance))
            aim = residual + jnp.sum(slope * u, axis=1)
            solved = spd.solve(self.inner(p, units, slope, root), root * aim)
            return slope * (root * solved)[:, None]

        def step(state: tuple) -> tuple:
            pull, top, u, _, count = state
            aim = target(u)

            def at(share: Array) -> tuple:
                trial = pull + share * (aim - pull)
                return trial, *height(trial)

            def worse(inner: tuple) -> Array:
                return ~(inner[3] >= top - _ROUNDING) & (inner[1] < _MAX_HALVINGS)

            def shorten(inner: tuple) -> tuple:
                share = inner[0] * 0.4
                return share, inner[1] + 1, *at(share)

            _, _, trial, value, moved = jax.lax.while_loop(
                worse, shorten, (jnp.ones(()), 0, *at(jnp.ones(())))
            )
            better = value >= top - _ROUNDING  # rounding may lose some
            pull = jnp.where(better, trial, pull)
            gain = jnp.where(better, value - top, 0.0)
            return pull, jnp.where(better, value, top), jnp.where(better, moved, u), gain, count + 1

        def unsettled(state: tuple) -> Array:
            return (state[3] > gain) & (state[4] < _MAX_STEPS)

        top, u = height(pull)
        begin = (pull, top, u, jnp.asarray(jnp.inf), 0)
        return jax.lax.while_loop(unsettled, step, begin)[0]

    def inner(self, p: Params, units: list[Array | None], slope: Array, root: Array) -> Array:
        """I + root Q root, (n, n), its diagonal larger by what rounding may take from it."""
        found = jnp.eye(len(root)) + self.projected(p, units, root[:, None] * slope)
        # where a model is 1e7 noise levels away Q is all that is left, and no inverse is
        rounding = len(root) * np.finfo(float).eps
        return found + jnp.diag(rounding * jnp.diag(found))

    def around(self, p: Params, pull: Array) -> Around:
        """The law around a settled pull; a last step makes it a function of `p`."""
        post, units = self.posterior, self.covariances(p)
        y, variance = jnp.asarray(observed(post.table)), self.variance(p)
        u = self.fields(p, units, pull)
        residual, slope = y - post.mean(u), post.slope(u)
        root = jnp.sqrt(post.noise.precision(residual, variance))
        aim = residual + jnp.sum(slope * u, axis=1)
        solved = spd.solve(self.inner(p, units, slope, root), root * aim)
        pull = slope * (root * solved)[:, None]
        u = self.fields(p, units, pull)
        slope = post.slope(u)
        root = jnp.sqrt(post.noise.information(variance))
        inner = self.inner(p, units, slope, root)
        fit = jnp.sum(post.noise.log_likelihood(y - post.mean(u), variance))
        return Around(pull, slope, root, inner, fit, jnp.sum(pull * u))

    def log_marginal(self, p: Params, pull: Array) -> Array:
        """Laplace's log density of the observations and the hyperparameters."""
        law = self.around(p, pull)
        spread = spd.log_determinant(law.inner)
        fit = law.log_likelihood - 0.5 * (law.energy + spread)
        return fit + self.posterior.log_prior_hyper(p)

    def draw(self, key: Array, p: Params, pull: Array, count: int) -> tuple[Array, Array]:
        """Draws of the normal latents from the law around the mode, and their log ratios.

        Args:
            key: Random key.
            p: Hyperparameters.
            pull: The settled pull.
            count: Number of draws, s.

        Returns:
            (s, size of the normal latents), flat, and the log of the joint density over that of
            the law, each given the hyperparameters, (s,).
        """
        post, law = self.posterior, self.around(p, pull)
        size = sum(prod(s) for s in post.normal_shapes().values())

        def fields(z: Array) -> Array:
            return post.normal_fields(p, z)

        adjoint = post.adjoint(p)
        y, variance = jnp.asarray(observed(post.table)), self.variance(p)
        n, factor = len(y), jnp.linalg.cholesky(law.inner)
        # the data of a linear problem whose mean is the mode: pull = slope * weights
        norm = jnp.sum(law.slope**2, axis=1)
        weights = jnp.sum(law.pull * law.slope, axis=1) / jnp.where(norm == 0, 1.0, norm)
        centre = adjoint(law.slope * weights[:, None])
        spread = jnp.sum(law.slope * fields(centre), axis=1)
        data = spread + weights / law.root**2
        constant = (
            0.5 * n * jnp.log(2 * jnp.pi)
            + jnp.sum(jnp.log(jnp.diag(factor)))
            - jnp.sum(jnp.log(law.root))
            + 0.5 * weights @ data
        )

        def one(key: Array) -> tuple[Array, Array]:
            key_latent, key_noise = jax.random.split(key)
            prior = jax.random.normal(key_latent, (size,))
            noise = jax.random.normal(key_noise, (n,)) / law.root
            off = jnp.sum(law.slope * fields(prior), axis=1) + noise
            back = law.root * cho_solve((factor, True), law.root * off)
            z = centre + prior - adjoint(law.slope * back[:, None])
            u = fields(z)
            gap = (data - jnp.sum(law.slope * u, axis=1)) * law.root
            linear = jnp.sum(jnp.log(law.root)) - 0.5 * (n * jnp.log(2 * jnp.pi) + gap @ gap)
            exact = jnp.sum(post.noise.log_likelihood(y - post.mean(u), variance))
            return z, exact - linear - constant

        blocks = -(-count // _TOGETHER)
        keys = jax.random.split(key, blocks * _TOGETHER).reshape(blocks, _TOGETHER)
        z, ratio = jax.lax.map(jax.vmap(one), keys)
        return z.reshape(len(keys) * _TOGETHER, size)[:count], ratio.ravel()[:count]
