"""One chain of Hamiltonian Monte Carlo, a chunk of iterations at a time.

Three kernels. `hmc` (default) draws trajectories of jittered length (`trajectories`), about
`trajectory` posterior standard deviations long: with thousands of coordinates that the data
hardly touch, the no-U-turn rule stops when *they* turn, long before the hyperparameters have
moved. `nuts` is BlackJAX's no-U-turn sampler, with exact gradients. `metropolis` is its random
walk, many moves a draw, for comparison.

Where a target has walls, trajectories of `hmc` are reflected there (`trajectories`); the other
kernels walk in the density mirrored at every wall, and only what is kept of a draw is folded back:
a metric with correlations is no mirror image of itself.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from blackjax.mcmc.hmc import HMCState
from jaxtyping import Array

from dirimix._cores import on_device, process_of_jax
from dirimix.errors import NotConverged
from dirimix.sampling.quick_jit import quick_jit
from dirimix.sampling.target import FIRST_STEP, Chain, Chunk, Jump, Search, Settings, Target, Tuning
from dirimix.sampling.trajectories import make_move

CHUNK = 20  # iterations from one report of progress to the next
_WALK = 50  # moves of the random walk from one draw to the next: about the cost of a trajectory
_WALK_ACCEPT = 0.234  # the best acceptance of a random walk in many dimensions


def accept_aim(settings: Settings) -> float:
    """Mean acceptance that the step size is tuned for."""
    return _WALK_ACCEPT if settings.kernel == "metropolis" else settings.target_accept


process_of_jax()  # BlackJAX has JAX begin when it is imported

Advance = Callable[[Chain, Tuning, int, bool], tuple[Chain, Chunk]]
Advances = Callable[[Sequence[Chain], Tuning, Sequence[int], bool], list[tuple[Chain, Chunk]]]


class WalkInfo(NamedTuple):
    """Statistics of the random walk from one draw to the next; it cannot diverge."""

    acceptance_rate: Any
    is_divergent: Any
    energy: Any


def first_chain(position: np.ndarray, seed: int, number: int) -> Chain:
    """A chain before its first iteration."""
    key = np.asarray(jax.random.key_data(jax.random.fold_in(jax.random.key(seed), number)))
    return restart(Chain(np.asarray(position, dtype=float), key, None), FIRST_STEP)


def restart(chain: Chain, step: float) -> Chain:
    """The chain with its search begun anew at a step size."""
    log_step = np.log(np.asarray(step, dtype=float))
    return chain._replace(search=Search(log_step, log_step, np.zeros(())))


def make_advance(target: Target, settings: Settings) -> Advance:
    """A function that advances a chain, compiled at its first call.

    It takes the chain, the tuning, how many iterations (up to `CHUNK`) and whether they belong to
    the warm-up, and returns where the chain is then, and the chunk.
    """
    compiled = quick_jit(_loop(target, settings), fused=target.fused)

    def advance(chain: Chain, tuning: Tuning, count: int, warmup: bool) -> tuple[Chain, Chunk]:
        return _cut(_call(compiled, settings.device, chain, tuning, count, warmup), count)

    return advance


def make_advances(target: Target, settings: Settings) -> Advances:
    """The same for several chains in one program, which lasts as long as the longest of them.

    It takes a count for each, which may be 0. A GPU has room for all of them at a time.
    """
    compiled = jax.jit(jax.vmap(_loop(target, settings), in_axes=(0, None, 0, None)))

    def advance(
        chains: Sequence[Chain], tuning: Tuning, counts: Sequence[int], warmup: bool
    ) -> list[tuple[Chain, Chunk]]:
        together = jax.tree.map(lambda *own: np.stack(own), *chains)
        found = _call(compiled, settings.device, together, tuning, counts, warmup)
        each = [jax.tree.map(lambda a, n=n: a[n], found) for n in range(len(chains))]
        return [_cut(own, count) for own, count in zip(each, counts, strict=True)]

    return advance


def _call(compiled: Callable, device: str, *arguments: Any) -> Any:
    """Call a compiled program on a device with arrays from outside, and take its arrays out."""
    with on_device(device):
        chain, tuning, count, warmup = arguments
        chain, tuning = jax.tree.map(jnp.asarray, (chain, tuning))
        found = compiled(chain, tuning, jnp.asarray(count), jnp.asarray(warmup))
        return jax.tree.map(np.asarray, found)


def _cut(found: Any, count: int) -> tuple[Chain, Chunk]:
    """Where a chain is, and the chunk of so many iterations."""
    end, (draws, stats) = found
    chunk = Chunk(*({n: a[:count] for n, a in part.items()} for part in (draws, stats)))
    if not np.isfinite(chunk.stats["lp"]).all():
        raise NotConverged("the log density is not finite; check the scales of the columns")
    return end, chunk


def _loop(target: Target, settings: Settings) -> Callable:
    """The loop over up to `CHUNK` iterations, which searches the step size in the warm-up."""
    nuts, walks = settings.kernel == "nuts", settings.kernel == "metropolis"
    walls = target.walls
    fold = _folding(walls) if walls is not None and (nuts or walks) else None
    density = target.log_density if fold is None else _after(fold, target.log_density)
    aim = accept_aim(settings)
    # trajectories of `hmc` begin with a force of their own: no gradient is handed on
    gradient = jax.grad(density) if nuts else jnp.zeros_like
    travel = make_move(target, density)
    adapted = np.flatnonzero(target.adapt)

    def iterate(key: Array, state: HMCState, tuning: Tuning) -> tuple:
        if walks:
            return _random_walk(key, state, tuning, density)
        if nuts:
            state, info = blackjax.nuts.build_kernel()(
                key, state, density, tuning.step, tuning.inverse_mass
            )
            return state, info, info.num_integration_steps
        return travel(key, state, tuning)

    def keep(state: HMCState, info: Any, steps: Array) -> tuple:
        stats = {
            "acceptance_rate": info.acceptance_rate,
            "diverging": info.is_divergent,
            "energy": info.energy,
            "n_steps": steps,
            "lp": state.logdensity,
        }
        at = cast(Array, state.position)
        at = at if fold is None else fold(at)
        return {"position": at[adapted], **target.collect(at)}, stats

    def advance(chain: Chain, tuning: Tuning, count: Array, warmup: Array) -> Any:
        def body(i: Any, carry: Any) -> Any:
            state, key, search, kept = carry
            key, key_iterate, key_jump = jax.random.split(key, 3)
            step = jnp.where(warmup, jnp.exp(search.log_step), tuning.step)
            state, info, steps = iterate(key_iterate, state, tuning._replace(step=step))
            for number, jump in enumerate(() if walks else target.jumps):
                propose = partial(
                    _jump, key=key_jump, jump=jump, density=density, gradient=gradient
                )
                first = number * target.proposals
                state = jax.lax.fori_loop(first, first + target.proposals, propose, state)
            for number, update in enumerate(() if walks else target.updates):
                key_update = jax.random.fold_in(
                    key_jump, len(target.jumps) * target.proposals + number
                )
                at = update(key_update, cast(Array, state.position))
                state = HMCState(at, cast(Any, density(at)), gradient(at))
            search = _search(search, info.acceptance_rate, aim)
            found = keep(state, info, steps)
            kept = jax.tree.map(lambda buffer, v: buffer.at[i].set(v), kept, cast(Any, found))
            return state, key, search, kept

        at, key = chain.position, jax.random.wrap_key_data(chain.key)
        state = HMCState(at, cast(Any, density(at)), gradient(at))
        shapes = jax.eval_shape(lambda: keep(*iterate(key, state, tuning)))
        empty = jax.tree.map(lambda s: jnp.zeros((CHUNK, *s.shape), s.dtype), shapes)
        carry = (state, key, chain.search, empty)
        state, key, search, kept = jax.lax.fori_loop(0, count, body, carry)
        return Chain(state.position, jax.random.key_data(key), search), kept

    return advance


def _random_walk(key: Array, state: HMCState, tuning: Tuning, density: Callable) -> tuple:
    """Moves of a random-walk Metropolis chain, each normal with the scales of the metric."""
    mass = tuning.inverse_mass
    scale = jnp.linalg.cholesky(mass) if mass.ndim == 2 else jnp.sqrt(mass)
    move = blackjax.mcmc.random_walk.normal(tuning.step * scale)
    kernel = blackjax.mcmc.random_walk.build_additive_step()

    def once(i: Array, carry: tuple) -> tuple:
        at, share = carry
        at, info = kernel(jax.random.fold_in(key, i), at, density, move)
        return at, share + jnp.minimum(info.acceptance_rate, 1.0) / _WALK

    begin = blackjax.mcmc.random_walk.RWState(state.position, state.logdensity)
    end, share = jax.lax.fori_loop(0, _WALK, once, (begin, 0.0))
    after = HMCState(end.position, end.logdensity, state.logdensity_grad)
    return after, WalkInfo(share, jnp.asarray(False), jnp.asarray(jnp.nan)), jnp.asarray(_WALK)


def _jump(
    number: Array,
    state: HMCState,
    key: Array,
    jump: Jump,
    density: Callable,
    gradient: Callable,
) -> HMCState:
    """A Metropolis step with a proposal that is its own way back, the key by its number."""
    key_jump, key_accept = jax.random.split(jax.random.fold_in(key, number))
    position, stretch = jump(key_jump, cast(Array, state.position))
    log_density = density(position)
    rate = log_density - state.logdensity + stretch
    accepted = jnp.log(jax.random.uniform(key_accept)) < rate
    return jax.lax.cond(
        accepted,
        lambda: HMCState(position, log_density, gradient(position)),
        lambda: state,
    )


def _search(search: Search, acceptance: Array, target: float) -> Search:
    """Robbins-Monro steps on the log step size; bounded, as acceptance is often all or nothing."""
    gain = jnp.maximum(3 / (4 + search.count), 0.03)
    log_step = search.log_step + gain * (acceptance - target)
    log_step = jnp.clip(log_step, np.log(FIRST_STEP / 20), np.log(FIRST_STEP * 20))
    # about the mean over the later half
    share = 2 / (2 + search.count)
    mean = (1 - share) * search.mean + share * log_step
    return Search(log_step, mean, search.count + 1)


def _folding(walls: np.ndarray) -> Callable[[Array], Array]:
    """Mirrors positions at the walls until they lie between them."""
    between = np.all(np.isfinite(walls), axis=1)
    low, high = np.where(np.stack([between, between], axis=1), walls, (0.0, 1.0)).T

    def fold(position: Array) -> Array:
        turns = jnp.mod((position - low) / (high - low), 2)
        return jnp.where(between, high - (high - low) * jnp.abs(1 - turns), position)

    return fold


def _after(first: Callable, then: Callable) -> Callable:
    return lambda position: then(first(position))
