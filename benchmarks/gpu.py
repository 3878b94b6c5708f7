"""Many chains of LBMM+GPD at once on a GPU, on the 513 nuclei and nine models of `problems`.

The target, its parametrisation, the start and the leapfrog that rotates the normal latents are
those of the package; the likelihood is that of `vectorised`. In an iteration all chains take the
same number of steps. One step size for all is searched in the warm-up by the mean acceptance of
the chains, and the scales of the hyperparameters are their variances over chains and iterations.
The Metropolis test has the fine accuracy, the trajectories follow the coarse one.

Writes gpu.csv. Its smallest bulk ESS and largest R-hat are over all hyperparameters and over the
field weights of all models at every eighth training site, all chains and draws. So short chains
cannot have an R-hat near 1: it is about sqrt(1 + 1 / e), e the effective draws of half a chain.
The first iteration, with compilation, is timed apart; the seconds are those of the warm-up and the
draws. The disagreement is the largest with the package's own log density of an observation.

This is a program of its own: `device = "gpu"` of the package serves mixtures of latent fields, and
has not been timed.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import measurements
import numpy as np
import vectorised
from jaxtyping import Array, Float

from dirimix.estimators.fields.lattice import make_lattice_field
from dirimix.estimators.fields.length_scale import LengthScalePrior
from dirimix.estimators.latent.noise import NoiseModel
from dirimix.estimators.local_mixture import _constant_mixture
from dirimix.estimators.local_posterior import LocalPosterior
from dirimix.laws.noise_prior import GammaNoise
from dirimix.likelihood import routes
from dirimix.sampling.rhat_ess import check_chains
from dirimix.sampling.sampler import WINDOWS
from dirimix.sampling.target import FIRST_STEP
from dirimix.sampling.trajectories import FULL_STEPS, MAX_STEPS
from dirimix.table.selection import observed
from dirimix.table.space import Space
from dirimix.table.table import Table

FILE = Path(__file__).with_suffix(".csv")
COLUMNS = (
    "device", "chains", "warmup", "draws", "first_seconds", "seconds", "gradients",
    "gradients_per_second", "step_size", "acceptance", "divergences", "rhat", "ess_min",
    "ess_min_per_second", "disagreement",
)  # fmt: skip
# nodes and terms of the contour: enough for noise down to 0.05, the fine ones for the faintest
# densities too
FINE, COARSE = (144, 26), (80, 18)
TRAJECTORY, ACCEPT = 4.0, 0.85
DIVERGENT = 1000.0  # error of the energy
EVERY = 8  # sites between two whose weights are looked at
COMPARED = 4  # chains whose last likelihoods are compared with the package's


class State(NamedTuple):
    """Where the chains are.

    Attributes:
        position: (c, size).
        log_density: Of the posterior there, (c,).
        log_likelihood: Of every observation, (c, n).
    """

    position: Array
    log_density: Array
    log_likelihood: Array


class Tuning(NamedTuple):
    """Step size, mean trajectory length and diagonal of the inverse mass matrix, (size,)."""

    step: Array
    length: Array
    inverse_mass: Array


class Moved(NamedTuple):
    """What an iteration tells: two numbers a chain, and how many steps all chains took."""

    acceptance: Array
    diverging: Array
    steps: Array


class Kept(NamedTuple):
    """What is kept of an iteration: hyperparameters' latents, (c, h), and weights, (c, w)."""

    hyper: Array
    weights: Array


class Run(NamedTuple):
    """Iterations of all chains; the arrays of `moved` and `kept` have the iterations in front."""

    state: State
    moved: Moved
    kept: Kept
    log_steps: list[float]


def make_model(table: Table) -> LocalPosterior:
    """The posterior that `LocalDirichletMixture` samples by default."""
    prior = LengthScalePrior.of_sites(table.x, Space(table.coords))
    field = make_lattice_field(table.x, table.f.shape[1], prior)
    return LocalPosterior(
        table, field, NoiseModel(GammaNoise(), np.ones(len(table.x))), *_constant_mixture(table)
    )


def concentrations(model: LocalPosterior, q: Array) -> tuple[Array, Array]:
    """Concentrations, (c, n, K), and noise standard deviations, (c, n), at positions."""
    p = jax.vmap(model.unravel)(q)
    alpha = jnp.exp(jax.vmap(model.log_alpha)(p))
    return alpha, jnp.sqrt(jnp.exp(2 * p["log_sigma"])[:, None] + model.table.y_err**2)


def posterior(model: LocalPosterior, accuracy: routes.Accuracy, nodes: int, terms: int) -> Callable:
    """From positions, (c, size), to `State`."""
    d = model.table.f - observed(model.table)[:, None]
    likelihood = vectorised.Likelihood(d, accuracy, nodes, terms)

    def at(q: Float[Array, "c size"]) -> State:
        p = jax.vmap(model.unravel)(q)
        prior = jax.vmap(model.field.log_prior)(p) + jax.vmap(model.noise.log_prior)(p)
        fit = likelihood(*concentrations(model, q))
        return State(q, prior + fit.sum(axis=1), fit)

    return at


class Sampler:
    """All chains of one posterior, advanced an iteration at a time."""

    def __init__(self, model: LocalPosterior, chains: int) -> None:
        self.model, self.target = model, model.target()
        self.adapted = np.flatnonzero(self.target.adapt)
        self.speed = np.asarray(self.target.speed)[self.adapted]
        shapes = model.shapes().items()
        self.amplitudes = model.ravel({n: np.full(s, n == "amplitude") for n, s in shapes})
        coarse = posterior(model, routes.COARSE, *COARSE)
        self.force = jax.grad(lambda q: coarse(q).log_density.sum())
        self.at = jax.jit(posterior(model, routes.FINE._replace(line=0.17), *FINE))
        self.travel = jax.jit(self._travel)
        (exchange,) = self.target.jumps
        self.jump = jax.jit(jax.vmap(lambda key, q: exchange(key, q)[0]))
        self.keep = jax.jit(self._keep)
        self.guess = np.asarray(self.target.scale, dtype=float) ** 2
        self.start = jnp.asarray(model.start(chains, np.random.default_rng(chains))[1])
        begun = time.perf_counter()
        short = _tuned(FIRST_STEP, FIRST_STEP, self.guess)
        jax.block_until_ready(self.advance(jax.random.key(0), self.at(self.start), short))
        self.first_seconds = time.perf_counter() - begun

    def advance(self, key: Array, state: State, tuning: Tuning) -> tuple[State, Moved, Kept]:
        """One iteration: a trajectory, then the exchange of two models, each with its test."""
        keys = jax.random.split(key, 4)
        chains = len(state.position)
        position, heat, steps = self.travel(keys[0], state.position, tuning)
        proposed = self.at(position)
        gain = jnp.nan_to_num(proposed.log_density - state.log_density - heat, nan=-jnp.inf)
        state = _accept(keys[1], gain, state, proposed)
        moved = Moved(jnp.exp(jnp.minimum(gain, 0.0)), -gain > DIVERGENT, steps)
        jumped = self.at(self.jump(jax.random.split(keys[2], chains), state.position))
        state = _accept(keys[3], jumped.log_density - state.log_density, state, jumped)
        return state, moved, self.keep(state.position)

    def run(self, key: Array, state: State, tuning: Tuning, count: int, *, search: bool) -> Run:
        """Advance by `count` iterations, searching a step size if asked."""
        moved, kept, log_steps = [], [], []
        log_step = float(jnp.log(tuning.step))
        for i in range(count):
            state, told, keep = self.advance(jax.random.fold_in(key, i), state, tuning)
            moved.append(told)
            kept.append(keep)
            if search:
                gain = max(1 / (2 + i), 0.03)
                log_step += gain * (float(told.acceptance.mean()) - ACCEPT)
                log_steps.append(log_step)
                tuning = tuning._replace(step=jnp.exp(jnp.asarray(log_step)))
        all_moved, all_kept = (jax.tree.map(lambda *v: np.stack(v), *p) for p in (moved, kept))
        return Run(state, all_moved, all_kept, log_steps)

    def warm_up(self, key: Array, iterations: int) -> tuple[State, Tuning, int]:
        """From the start to the bulk: where the chains are, their tuning and the steps taken."""
        state, steps = self.at(self.start), 0
        tuning = _tuned(FIRST_STEP, TRAJECTORY, self.guess)
        for n, (share, reach) in enumerate(WINDOWS):
            count = max(2, round(share * iterations))
            tuning = tuning._replace(length=jnp.asarray(reach * TRAJECTORY))
            window = self.run(jax.random.fold_in(key, n), state, tuning, count, search=True)
            state, steps = window.state, steps + int(window.moved.steps.sum())
            flat = window.kept.hyper.reshape(-1, len(self.adapted))
            learnt, guess = self.guess.copy(), self.guess[self.adapted]
            variance = flat.var(axis=0) * self.speed**2
            learnt[self.adapted] = (len(flat) * variance + 10 * guess) / (len(flat) + 10)
            step = float(np.exp(np.mean(window.log_steps[count // 2 :])))
            tuning = _tuned(step, TRAJECTORY, learnt)
        return state, tuning, steps

    def _travel(self, key: Array, start: Array, tuning: Tuning) -> tuple[Array, Array, Array]:
        """Ends of trajectories, (c, size), the kinetic energy gained, (c,), and the steps.

        A leapfrog with the standard normal part of the density as an exact rotation.
        """
        keys, gaussian = jax.random.split(key, 3), self.target.gaussian
        length = jax.random.uniform(keys[0], minval=0.5, maxval=1.5) * tuning.length
        steps = jnp.clip(jnp.ceil(length / tuning.step), 1, MAX_STEPS).astype(int)
        halvings = jax.random.geometric(keys[1], FULL_STEPS, (len(start), 1)) - 1
        size = tuning.step * 0.5**halvings
        cos, sin = jnp.cos(size), jnp.sin(size)

        def kick_and_drift(i: Array, at: tuple[Array, Array]) -> tuple[Array, Array]:
            q, p = at
            last = i == steps
            pull = self.force(q) + gaussian * q
            p = p + jnp.where((i == 0) | last, 0.5, 1.0) * size * pull
            moved = jnp.where(gaussian, q * cos + p * sin, q + size * p * tuning.inverse_mass)
            turned = jnp.where(gaussian, p * cos - q * sin, p)
            return jnp.where(last, q, moved), jnp.where(last, p, turned)

        first = jax.random.normal(keys[2], start.shape) / jnp.sqrt(tuning.inverse_mass)
        end, momentum = jax.lax.fori_loop(0, steps + 1, kick_and_drift, (start, first))
        heat = 0.5 * jnp.sum((momentum**2 - first**2) * tuning.inverse_mass, axis=1)
        return end, heat, steps

    def _keep(self, position: Array) -> Kept:
        alpha = concentrations(self.model, position)[0][:, ::EVERY]
        weights = (alpha / alpha.sum(axis=-1, keepdims=True)).astype(jnp.float32)
        return Kept(position[:, self.adapted], weights.reshape(len(position), -1))


def _tuned(step: float, length: float, inverse_mass: np.ndarray) -> Tuning:
    """The three as arrays."""
    return Tuning(*map(jnp.asarray, (step, length, inverse_mass)))


@jax.jit
def _accept(key: Array, gain: Array, state: State, proposed: State) -> State:
    """The Metropolis test of every chain."""
    accepted = jnp.log(jax.random.uniform(key, gain.shape)) < gain
    return jax.tree.map(
        lambda new, old: jnp.where(jnp.expand_dims(accepted, range(1, new.ndim)), new, old),
        proposed,
        state,
    )


def disagreement(model: LocalPosterior, state: State) -> float:
    """Largest difference from the package's log densities of an observation, in nat."""
    package, alpha_and_noise = model.likelihood, concentrations(model, state.position)
    pairs = zip(*map(np.array, alpha_and_noise), strict=True)
    theirs = np.stack([package.evaluate(*pair)[0] for pair in pairs])
    return float(np.max(np.abs(np.array(state.log_likelihood) - theirs)))


def measure(model: LocalPosterior, chains: int, warmup: int, draws: int, seed: int) -> dict:
    """One row of the table."""
    sampler = Sampler(model, chains)
    key = jax.random.key(seed)
    begun = time.perf_counter()
    state, tuning, steps = sampler.warm_up(jax.random.fold_in(key, 0), warmup)
    run = sampler.run(jax.random.fold_in(key, 1), state, tuning, draws, search=False)
    seconds = time.perf_counter() - begun
    gradients = chains * (steps + int(run.moved.steps.sum()))
    # eta is the square of an amplitude, whose sign is free
    signless = sampler.amplitudes[sampler.adapted]
    hyper = np.where(signless, run.kept.hyper**2, run.kept.hyper)
    everything = np.concatenate([hyper, run.kept.weights], axis=2).swapaxes(0, 1)
    summary = check_chains(everything)
    ess = float(summary.ess_bulk.min())
    numbers = (
        sampler.first_seconds, seconds, gradients, gradients / seconds, float(tuning.step),
        float(run.moved.acceptance.mean()), int(run.moved.diverging.sum()),
        float(summary.rhat.max()), ess, ess / seconds,
        disagreement(model, jax.tree.map(lambda v: v[:COMPARED], run.state)),
    )  # fmt: skip
    device = jax.devices()[0].device_kind
    return dict(zip(COLUMNS, (device, chains, warmup, draws, *numbers), strict=True))


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--draws", type=int, nargs="+", default=[200, 200, 100])
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if jax.default_backend() != "gpu":
        sys.exit("JAX sees no GPU here; install JAX for your GPU (pip install 'jax[cuda13]').")
    jax.config.update("jax_enable_x64", True)
    from problems import paper

    model, rows = make_model(paper()), []
    for chains, draws in zip(options.chains, options.draws, strict=True):
        rows.append(measure(model, chains, options.warmup, draws, options.seed))
        print(rows[-1], file=sys.stderr)
        measurements.write(FILE, COLUMNS, rows)


if __name__ == "__main__":
    main()
