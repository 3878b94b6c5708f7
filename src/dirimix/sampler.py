"""The single seam to the sampling library: chains of Hamiltonian Monte Carlo.

Two kernels, both BlackJAX's. `hmc` (default) draws trajectories of jittered length, about
`trajectory` posterior standard deviations long: with thousands of coordinates that the data
hardly touch, the no-U-turn rule stops when *they* turn, long before the hyperparameters have
moved. `nuts` is the no-U-turn sampler.

Chains run in threads, one compiled single-threaded program shared by all. Warm-up pools the
chains: one step size and one diagonal metric, adapted at the end of each window.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from blackjax.adaptation.step_size import dual_averaging_adaptation
from blackjax.mcmc.dynamic_hmc import DynamicHMCState
from blackjax.mcmc.hmc import HMCState
from blackjax.mcmc.integrators import IntegratorState
from jaxtyping import Array, Float

from dirimix import convergence
from dirimix.errors import InputError, NotConverged
from dirimix.progress import ChainProgress, Listener

_CHUNK = 20  # iterations between two looks at the clock
_WINDOWS = (0.02, 0.03, 0.05, 0.1, 0.2, 0.25, 0.35)  # shares of the warm-up
_REACH = (
    0.15,
    0.25,
    0.4,
    0.6,
    1.0,
    1.0,
    1.0,
)  # trajectory lengths in them, as shares of the full one
_MAX_STEPS = 4096
# one thread a chain: the arrays are too small for XLA's own threads to pay
_COMPILE = {"xla_cpu_multi_thread_eigen": False}


@dataclass(frozen=True)
class Settings:
    """How to sample.

    Attributes:
        chains: Independent chains.
        draws: Draws kept from each.
        warmup: Iterations before them, not kept.
        kernel: 'hmc' or 'nuts'.
        trajectory: Mean length of an `hmc` trajectory in posterior standard deviations.
        target_accept: Acceptance that the step size is tuned for.
        seed: Same seed, same draws.
    """

    chains: int = 4
    draws: int = 1000
    warmup: int = 1000
    kernel: str = "hmc"
    trajectory: float = 6.0
    target_accept: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kernel not in ("hmc", "nuts"):
            raise InputError(f"kernel is 'hmc' or 'nuts', not {self.kernel!r}")
        for name, least in (("chains", 1), ("draws", 4), ("warmup", 20)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, not {getattr(self, name)}")


@dataclass(frozen=True)
class Target:
    """What to sample.

    Attributes:
        log_density: Log density of a flat vector of latents, up to a constant.
        collect: What to keep of a draw, a dict of arrays.
        scale: First guess of the posterior standard deviations, (d,).
        adapt: Coordinates whose scale is learnt in the warm-up, (d,) booleans; the others are
            standardised by construction.
        gaussian: Coordinates that enter the log density as independent standard normals, (d,)
            booleans, apart from the rest: the integrator follows that part exactly.
        monitor: Name of the collected array that the progress line shows the ESS of.
        dense: Learn all covariances, not only the scales; for few coordinates, all of them in
            `adapt`.
    """

    log_density: Callable[[Array], Array]
    collect: Callable[[Array], dict[str, Array]]
    scale: np.ndarray
    adapt: np.ndarray
    gaussian: np.ndarray
    monitor: str
    dense: bool = False


@dataclass(frozen=True)
class Sample:
    """Draws and how they were made; every array starts with (chains, draws).

    Attributes:
        draws: What `Target.collect` kept.
        stats: `acceptance_rate`, `diverging`, `energy`, `n_steps`, `lp`.
        step_size: Mean step size of the draws.
        gradients: Gradient evaluations, warm-up included.
        seconds: Wall time, warm-up and compilation included.
    """

    draws: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    step_size: float
    gradients: int
    seconds: float


class _Tuning(NamedTuple):
    """Step size, inverse mass matrix or its diagonal, mean trajectory length."""

    step: Any
    inverse_mass: Any
    length: Any


class _Chain(NamedTuple):
    """One chain between two chunks: sampler state, key, dual-averaging state."""

    state: Any
    key: Any
    averaging: Any


def sample(target: Target, start: np.ndarray, settings: Settings, listener: Listener | None = None):
    """Run all chains.

    Args:
        target: What to sample.
        start: Start positions, (chains, d).
        settings: How.
        listener: Told of every chunk of every chain.

    Returns:
        A `Sample`.
    """
    begun = time.perf_counter()
    with jax.enable_x64(True):
        advance = _compile(target, settings)
        keys = jax.random.split(jax.random.key(settings.seed), settings.chains)
        mass = np.diag(target.scale**2) if target.dense else target.scale**2
        tuning = _Tuning(jnp.asarray(0.1), jnp.asarray(mass), jnp.asarray(1.0))
        chains = [_first(settings, q, key) for q, key in zip(start, keys, strict=True)]
    board = _Board(settings, listener, target.monitor)
    gradients = 0
    for share, reach in zip(_WINDOWS, _REACH, strict=True):
        count = max(10, round(share * settings.warmup))
        tuning = tuning._replace(length=np.asarray(reach * settings.trajectory))
        results = _run(advance, chains, tuning, count, settings, board, warmup=True)
        chains = [r[0] for r in results]
        tuning = _retune(target, tuning, chains, np.stack([r[1]["position"] for r in results]))
        chains = [_average(settings, c, tuning.step) for c in chains]
        gradients += sum(int(r[2]["n_steps"].sum()) for r in results)
    board.start_draws()
    results = _run(advance, chains, tuning, settings.draws, settings, board, warmup=False)
    draws = {n: np.stack([r[1][n] for r in results]) for n in results[0][1] if n != "position"}
    stats = {n: np.stack([r[2][n] for r in results]) for n in results[0][2]}
    gradients += int(stats["n_steps"].sum())
    return Sample(draws, stats, float(tuning.step), gradients, time.perf_counter() - begun)


def _steps(key: Array, length: Array, step: Array) -> Array:
    """Number of leapfrog steps, uniform on (0.5, 1.5) times length / step."""
    steps = jnp.ceil(jax.random.uniform(key, minval=0.5, maxval=1.5) * length / step)
    return jnp.clip(steps, 1, _MAX_STEPS).astype(int)


def _integrator(gaussian: np.ndarray) -> Callable:
    """Leapfrog with the standard normal part of the density as an exact rotation.

    The kick has the gradient of the rest; the drift rotates (position, momentum) of the
    `gaussian` coordinates, whose mass is 1, and moves the others straight (Shahbaba et al. 2014,
    doi 10.1007/s11222-012-9373-1).
    """

    def build(log_density: Callable, kinetic_energy: Callable) -> Callable:
        value_and_grad, velocity = jax.value_and_grad(log_density), jax.grad(kinetic_energy)

        def step(state: Any, size: Array) -> IntegratorState:
            position, momentum, _, gradient = state
            momentum = momentum + size / 2 * (gradient + gaussian * position)
            cos, sin = jnp.cos(size), jnp.sin(size)
            moved = position + size * velocity(momentum)
            turned = position * cos + momentum * sin
            momentum = jnp.where(gaussian, momentum * cos - position * sin, momentum)
            position = jnp.where(gaussian, turned, moved)
            value, gradient = value_and_grad(position)
            momentum = momentum + size / 2 * (gradient + gaussian * position)
            return IntegratorState(position, momentum, value, gradient)

        return step

    return build


def _compile(target: Target, settings: Settings) -> Callable:
    """The chunk: up to `_CHUNK` iterations, adapting the step size if asked."""
    _, update, _ = dual_averaging_adaptation(settings.target_accept)
    integrator = _integrator(target.gaussian)
    hmc = blackjax.dynamic_hmc.build_kernel(integrator, integration_steps_fn=_steps)
    nuts = blackjax.nuts.build_kernel(integrator)

    def iterate(key, state, tuning):
        density = target.log_density
        if settings.kernel == "nuts":
            return nuts(key, state, density, tuning.step, tuning.inverse_mass)
        lengths = (tuning.length, tuning.step)
        return hmc(key, state, density, tuning.step, tuning.inverse_mass, lengths)

    def advance(chain: _Chain, tuning: _Tuning, count: Array, warmup: Array):
        def body(i, carry):
            chain, kept = carry
            key, this = jax.random.split(chain.key)
            step = jnp.where(warmup, jnp.exp(chain.averaging.log_step_size), tuning.step)
            state, info = iterate(this, chain.state, tuning._replace(step=step))
            averaging = jax.tree.map(
                lambda new, old: jnp.where(warmup, new, old),
                update(chain.averaging, info.acceptance_rate),
                chain.averaging,
            )
            kept = jax.tree.map(lambda buffer, v: buffer.at[i].set(v), kept, keep(state, info))
            return _Chain(state, key, averaging), kept

        # the start of a chain comes without its density
        density, gradient = jax.value_and_grad(target.log_density)(chain.state.position)
        state = chain.state._replace(logdensity=density, logdensity_grad=gradient)
        chain = chain._replace(state=state)
        shapes = jax.eval_shape(lambda c: keep(*iterate(c.key, c.state, tuning)), chain)
        empty = jax.tree.map(lambda s: jnp.zeros((_CHUNK, *s.shape), s.dtype), shapes)

        return jax.lax.fori_loop(0, count, body, (chain, empty))

    adapted = np.flatnonzero(target.adapt)

    def keep(state, info):
        stats = {
            "acceptance_rate": info.acceptance_rate,
            "diverging": info.is_divergent,
            "energy": info.energy,
            "n_steps": info.num_integration_steps,
            "lp": state.logdensity,
        }
        return {"position": state.position[adapted], **target.collect(state.position)}, stats

    return jax.jit(advance, compiler_options=_COMPILE)


def _first(settings: Settings, position: np.ndarray, key: Array) -> _Chain:
    """A chain whose density is not known yet; `advance` finds it at the start of a chunk."""
    at, zero = jnp.asarray(position), cast(Any, jnp.zeros(()))
    if settings.kernel == "nuts":
        state = HMCState(at, zero, at)
    else:
        state = DynamicHMCState(at, zero, at, jax.random.fold_in(key, 1))
    return _average(settings, _Chain(state, key, None), 0.1)


def _average(settings: Settings, chain: _Chain, step: Any) -> _Chain:
    init, _, _ = dual_averaging_adaptation(settings.target_accept)
    with jax.enable_x64(True):
        # averaging starts from ten times the step that it is given
        return chain._replace(averaging=jax.tree.map(jnp.asarray, init(jnp.asarray(step / 4))))


def _retune(target: Target, tuning: _Tuning, chains: Sequence[_Chain], positions: Any) -> _Tuning:
    """One step size and one metric from all chains, the metric shrunk a little."""
    step = np.exp(np.mean([float(c.averaging.log_step_size_avg) for c in chains]))
    flat = positions.reshape(-1, positions.shape[-1])
    n, guess = len(flat), target.scale[target.adapt] ** 2
    if target.dense:
        inverse_mass = (n * np.cov(flat.T) + 10 * np.diag(guess) * 1e-2) / (n + 10)
    else:
        inverse_mass = np.array(target.scale**2)
        inverse_mass[target.adapt] = (n * flat.var(axis=0) + 10 * guess) / (n + 10)
    return tuning._replace(step=step, inverse_mass=inverse_mass)


def _run(advance, chains, tuning, count, settings, board, *, warmup: bool) -> list:
    """Advance every chain by `count` iterations, as many at a time as there are cores."""

    def run(number: int):
        chain, kept = chains[number], []
        with jax.enable_x64(True):
            for done in range(0, count, _CHUNK):
                now = min(_CHUNK, count - done)
                chain, chunk = advance(chain, tuning, jnp.asarray(now), phase)
                chain = _typed(chain)
                kept.append(jax.tree.map(lambda a, now=now: np.asarray(a)[:now], chunk))
                board.tell(number, *kept[-1])
        if not np.isfinite(kept[-1][1]["lp"]).all():
            raise NotConverged("the log density is not finite; check the scales of the columns")
        draws, stats = jax.tree.map(lambda *parts: np.concatenate(parts), *kept)
        return chain, draws, stats

    with jax.enable_x64(True):
        tuning = _typed(tuning)
        chains = [_typed(c) for c in chains]
        phase = jnp.asarray(warmup)
        # once, before the threads: each would compile by itself
        advance(chains[0], tuning, jnp.asarray(0), phase)
    with ThreadPoolExecutor(min(settings.chains, os.cpu_count() or 1)) as pool:
        return list(pool.map(run, range(settings.chains)))


def _typed(tree: Any) -> Any:
    """The same arrays with settled types, so that one compiled program serves every call."""
    keep = lambda a: jnp.issubdtype(a.dtype, jax.dtypes.prng_key)  # noqa: E731
    settle = lambda a: a if keep(a) else jnp.asarray(a, dtype=a.dtype)  # noqa: E731
    return jax.tree.map(settle, tree)


class _Board:
    """Counts what the chains have done and tells the listener."""

    def __init__(self, settings: Settings, listener: Listener | None, monitor: str):
        self.settings, self.listener, self.monitor = settings, listener, monitor
        self.lock = threading.Lock()
        self.total = sum(max(10, round(share * settings.warmup)) for share in _WINDOWS)
        self._clear("warmup")

    def _clear(self, phase: str) -> None:
        self.phase, self.begun = phase, time.perf_counter()
        self.done = [0] * self.settings.chains
        self.divergences = [0] * self.settings.chains
        self.seen: list[list] = [[] for _ in range(self.settings.chains)]

    def start_draws(self) -> None:
        self.total = self.settings.draws
        self._clear("draws")

    def tell(self, chain: int, draws: dict, stats: dict) -> None:
        """Count one chunk of one chain."""
        if self.listener is None:
            return
        with self.lock:
            self.done[chain] += len(stats["lp"])
            self.divergences[chain] += int(stats["diverging"].sum())
            if self.phase == "draws":
                self.seen[chain].append(draws[self.monitor])
            share = sum(self.done) / (self.total * self.settings.chains)
            left = (time.perf_counter() - self.begun) * (1 / share - 1)
            event = ChainProgress(
                chain, self.phase, self.done[chain], self.total, self.divergences[chain],
                self._ess(), left,
            )  # fmt: skip
            self.listener(event)

    def _ess(self) -> float:
        """Smallest bulk ESS of the monitored array over what all chains have drawn so far."""
        shortest = min(sum(map(len, s)) for s in self.seen)
        if shortest < 4:
            return float("nan")
        drawn = np.stack([np.concatenate(s)[:shortest].reshape(shortest, -1) for s in self.seen])
        return float(np.min(convergence.ess_bulk(drawn)))


def standard_start(d: int, settings: Settings, spread: float = 0.5) -> Float[np.ndarray, "c d"]:
    """Start positions scattered around the prior centre, (chains, d)."""
    return spread * np.random.default_rng(settings.seed).standard_normal((settings.chains, d))
