"""Draws of a latent posterior by nested Laplace approximations, and how far they may be trusted.

The fields of the mean are integrated out around their mode; the hyperparameters and the noise
have a normal law around the mode of what is left. Every draw has the exact ratio of its posterior
density to that of the approximation: Pareto-smoothed importance sampling (Vehtari et al. 2024,
JMLR 25:72) mends the draws with it, and its k says whether that is an answer.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy.optimize import minimize

from dirimix.estimators.latent.conditional import UNSEEN, Conditional
from dirimix.estimators.latent.posterior import Data, LatentPosterior
from dirimix.sampling.convergence import MIN_ESS, Fault, Verdict
from dirimix.sampling.importance import LARGEST_K, smoothed
from dirimix.sampling.quick_jit import quick_jit
from dirimix.sampling.target import Sample

_DIFFERENCE = 1e-2  # of the hyperparameters, for their curvature
_INFORMED = 0.1  # variance of the noise's field, summed over sites, below which data say nothing
_PER_HYPER = 8  # draws of the fields for each of the hyperparameters
_FLATTEST = 0.05  # smallest curvature taken from the mode; the priors' own is about 1
_MAX_RISE = 0.5  # nats: a mode that is further above is a standard deviation away
_ITERATIONS = 300
_GAIN = 1e-9  # of a step of the search, relative to the value, below which it ends
_ROUGH_GAIN = 1e-5  # the same where only the mode is wanted
_ROUNDING = 1e-9  # share of the draws' worth by which equal weights may miss it
_SETTLED = 1e-3  # nats, of the fields' mode: a last step comes on top


@dataclass(frozen=True)
class Approximation:
    """Draws from the approximation.

    Attributes:
        draws: All latents, (s, size).
        k: Pareto k of their importance ratios.
        weights: Smoothed importance weights of the draws before they were resampled, (s,).
        log_marginal: Laplace's log density of the observations, hyperparameters at their mode.
        mode: Hyperparameters at their mode, flat.
        pull: The fields' pull there.
        seconds: Wall time.
        gradients: Gradients taken.
        at_mode: Whether the hyperparameters are at their mode in every draw.
        rise: Nats that a Newton step, by differences of values, gains where the search ended;
            NaN where the mode alone is wanted.
    """

    draws: np.ndarray
    k: float
    weights: np.ndarray
    log_marginal: float
    mode: np.ndarray
    pull: np.ndarray
    seconds: float
    gradients: int
    at_mode: bool
    rise: float

    def verdict(self) -> Verdict:
        """Whether the approximation may be read as an answer."""
        if self.at_mode:
            words = "hyperparameters and noise are at their mode, as if they were known"
            return Verdict((Fault("approximation", words),))
        faults = []
        if not self.rise <= _MAX_RISE:
            rise = f"{self.rise:.1f} nats (limit {_MAX_RISE})"
            faults.append(f"the search for its mode ended about {rise} below it")
        if not self.k <= LARGEST_K:
            faults.append(
                f"Pareto k of Laplace's approximation is {self.k:.2f} (limit {LARGEST_K})"
            )
        if not self.ess >= MIN_ESS * (1 - _ROUNDING):  # as many draws of equal weights are enough
            faults.append(
                f"its draws are worth {self.ess:.0f} of the posterior (limit {MIN_ESS:.0f})"
            )
        if not faults:
            return Verdict(())
        words = f"{' and '.join(faults)}: it is not close enough to the posterior to be an answer"
        return Verdict((Fault("approximation", words),))

    @property
    def ess(self) -> float:
        """Draws of the posterior itself that the weighted ones are worth."""
        return float(1 / np.sum(self.weights**2))

    def record(self) -> dict[str, object]:
        """The row of sampling.csv."""
        nothing = dict.fromkeys(("step_size", "acceptance", "bfmi"), np.nan)
        verdict = self.verdict()
        return {
            "chains": 1,
            "draws": len(self.draws),
            "warmup": 0,
            "divergences": 0,
            "gradients": self.gradients,
            "seconds": self.seconds,
            "converged": verdict.converged,
            "kernel": "mode" if self.at_mode else "laplace",
            **nothing,
            "ended": "draws",
            "reasons": list(verdict.reasons),
            "k": self.k,
        }


def as_sample(
    posterior: LatentPosterior,
    found: Approximation,
    diagnose: Callable[[dict[str, np.ndarray]], pd.DataFrame],
) -> Sample:
    """The draws of an approximation as those of one chain."""
    with jax.enable_x64(True):
        collect, density = posterior.target().collect, posterior.log_posterior
        each = quick_jit(lambda q: jax.lax.map(lambda one: (collect(one), density(one)), q))
        kept = each(jnp.asarray(found.draws))
        draws, lp = jax.tree.map(lambda a: np.asarray(a)[None], kept)
    return Sample(
        draws,
        {"lp": lp, "diverging": np.zeros(lp.shape, dtype=bool)},
        np.nan,
        found.gradients,
        found.seconds,
        "draws",
        diagnose(draws),
    )


class Marginal:
    """The log marginal of the hyperparameters and its gradient, the fields' mode kept between."""

    def __init__(self, posterior: LatentPosterior) -> None:
        self.posterior, shapes = posterior, posterior.hyper_shapes()
        self.see(np.ones(len(posterior.table.x), dtype=bool))

        # the data are arguments: what is compiled serves whichever rows are seen, in any unit
        def settle(flat: jax.Array, pull: jax.Array, data: Data) -> jax.Array:
            given = Conditional(posterior.given(data))
            return given.settle(posterior.unravel(flat, shapes), pull, _SETTLED)

        def value(flat: jax.Array, pull: jax.Array, data: Data) -> jax.Array:
            given = Conditional(posterior.given(data))
            return given.log_marginal(posterior.unravel(flat, shapes), pull)

        def draw(key: jax.Array, flat: jax.Array, pull: jax.Array, data: Data, count: int) -> tuple:
            given, hyper = Conditional(posterior.given(data)), posterior.unravel(flat, shapes)
            z, ratio = given.draw(jax.random.wrap_key_data(key), hyper, pull, count)
            return z, ratio + posterior.log_prior_hyper(hyper)

        self._settle, self._draw = quick_jit(settle), quick_jit(draw, static_argnums=4)
        self._slope = quick_jit(jax.value_and_grad(value))

    def see(self, rows: np.ndarray, other: LatentPosterior | None = None) -> None:
        """Begin again with some rows alone.

        Args:
            rows: Which, (n,) booleans.
            other: Has the values there, if not this posterior: one of the same sites, parts and
                priors.
        """
        data = (other or self.posterior).data
        self.data = data._replace(y_err=np.where(rows, data.y_err, UNSEEN))
        unseen = np.full(int(np.sum(~rows)), UNSEEN**2)
        self.constant = self.posterior.noise.log_likelihood(0 * unseen, unseen, np).sum()
        self.pull = Conditional(self.posterior).zero()
        self.gradients = 0

    def settle(self, flat: jax.Array, pull: jax.Array) -> jax.Array:
        """The fields' pull at their mode, given hyperparameters."""
        return self._settle(flat, pull, self.data)

    def draw(self, key: jax.Array, flat: jax.Array, pull: jax.Array, count: int) -> tuple:
        """Draws of the fields' latents about it, and their log ratios, by the data of a key."""
        return self._draw(key, flat, pull, self.data, count)

    def loss(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log marginal of the rows seen and its gradient at hyperparameters `flat`."""
        pull = self.settle(jnp.asarray(flat), jnp.asarray(self.pull))
        value, slope = self._slope(jnp.asarray(flat), pull, self.data)
        self.gradients += 1
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            return np.inf, np.zeros_like(flat)
        self.pull = np.asarray(pull)
        return self.constant - float(value), -np.asarray(slope)


def approximate(
    posterior: LatentPosterior,
    draws: int,
    seed: int,
    *,
    at_mode: bool = False,
    marginal: Marginal | None = None,
) -> Approximation:
    """Draws of all latents, resampled by their importance weights where these can be trusted.

    Args:
        posterior: What is approximated.
        draws: Number of draws, s.
        seed: Same seed, same draws.
        at_mode: Whether the hyperparameters and the noise stay at their mode in every draw.
        marginal: That of the posterior, with the rows that it sees; of all rows by default.
    """
    began = time.perf_counter()
    with jax.enable_x64(True):
        marginal = marginal or Marginal(posterior)
        options = {"maxiter": _ITERATIONS, "ftol": _ROUGH_GAIN if at_mode else _GAIN}
        begin = posterior.start_hyper()
        found = minimize(marginal.loss, begin, jac=True, method="L-BFGS-B", options=options)
        if at_mode:
            root, rise = np.zeros((len(found.x), 0)), np.nan
        else:
            root, rise = _around_mode(marginal, found.x)
        latents, ratios = _draw(marginal, found.x, root, draws, seed)
    weights, k = smoothed(ratios)
    rng = np.random.default_rng([seed, 2])
    chosen = _resample(weights if k <= LARGEST_K else np.full(draws, 1 / draws), rng)
    return Approximation(
        latents[chosen],
        k,
        weights,
        -float(found.fun),
        found.x,
        marginal.pull,
        time.perf_counter() - began,
        marginal.gradients,
        at_mode,
        rise,
    )


def _around_mode(marginal: Marginal, mode: np.ndarray) -> tuple[np.ndarray, float]:
    """A root of the covariance of the hyperparameters, (d, d), and the nats still to rise.

    Where the fields jump from mode to mode, a gradient ends the search anywhere: the values tell.
    """
    informed, rest = _informed(marginal.posterior)
    curvature, slope = _differences(marginal, mode, informed)
    own = informed.T @ curvature
    values, vectors = np.linalg.eigh((own + own.T) / 2)
    scale = 1 / np.sqrt(np.maximum(values, _FLATTEST))
    rise = 0.5 * float(np.sum((scale * (vectors.T @ slope)) ** 2))
    # what no data inform keeps its prior, standard normal
    return np.hstack([informed @ (vectors * scale), rest]), rise


def _differences(
    marginal: Marginal, mode: np.ndarray, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of the loss's gradient, (d, r), and of its value, (r,), along orthonormal ones, (d, r)."""
    pull, columns, slopes = marginal.pull, [], []
    for direction in directions.T:
        sides = []
        for side in (1, -1):
            marginal.pull = pull
            sides.append(marginal.loss(mode + side * _DIFFERENCE * direction))
        (above, its_slope), (below, other_slope) = sides
        columns.append((its_slope - other_slope) / (2 * _DIFFERENCE))
        slopes.append((above - below) / (2 * _DIFFERENCE))
    marginal.pull = pull
    return np.column_stack(columns), np.nan_to_num(slopes, nan=np.inf)


def _informed(posterior: LatentPosterior) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal directions of the hyperparameters that data inform, (d, r), and the others."""
    shapes = posterior.hyper_shapes()
    size = sum(prod(s) for s in shapes.values())
    field = posterior.noise.field
    if field is None:
        return np.eye(size), np.zeros((size, 0))
    (name, shape), *_ = field.normal_shapes().items()
    count = prod(shape)  # the noise's field is the last of them

    def values(z: jax.Array) -> jax.Array:
        return field.values({name: z.reshape(shape)})[:, 0]

    with jax.enable_x64(True):
        basis = np.asarray(quick_jit(jax.jacobian(values))(jnp.zeros(count)))
    strength, right = np.linalg.eigh(basis.T @ basis)
    known = strength > _INFORMED
    others = np.eye(size)[:, : size - count]
    inside, outside = (
        np.vstack([np.zeros((size - count, int(kept.sum()))), right[:, kept]])
        for kept in (known, ~known)
    )
    return np.hstack([others, inside]), outside


def _draw(
    marginal: Marginal, mode: np.ndarray, root: np.ndarray, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Latents, (s, size), and the logs of their importance ratios, (s,)."""
    # at the mode all draws share their hyperparameters, and one factorisation
    each = _PER_HYPER if root.shape[1] else draws
    count = -(-draws // each)
    rng = np.random.default_rng([seed, 1])
    keys = np.asarray(jax.random.key_data(jax.random.split(jax.random.key(seed), count)))
    latents, ratios = [], []
    pull = jnp.asarray(marginal.pull)
    for key, normal in zip(keys, rng.standard_normal((count, root.shape[1])), strict=True):
        hyper = jnp.asarray(mode + root @ normal)
        settled = marginal.settle(hyper, pull)
        z, ratio = marginal.draw(key, hyper, settled, each)
        latents.append(np.hstack([np.tile(hyper, (each, 1)), np.asarray(z)]))
        ratios.append(np.asarray(ratio) + 0.5 * float(normal @ normal))
    return np.concatenate(latents)[:draws], np.concatenate(ratios)[:draws]


def _resample(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Indices, (s,), as many of each as its weight says (systematic resampling)."""
    places = (rng.random() + np.arange(len(weights))) / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)
