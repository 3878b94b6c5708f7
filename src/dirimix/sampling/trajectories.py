"""Trajectories of Hamiltonian Monte Carlo: how they move, and a second one where the first fails.

They are written here, since BlackJAX has no integrator with a surrogate force or an exact rotation;
both are worth their lines (docs/engine.md has the measurements). They may follow a cheaper vector
field than the gradient of the log density: every kick changes the momentum by a function of the
position alone, so the map keeps volume and can be reversed whatever that function is, and the
Metropolis test at the end, with the exact density, makes the chain exact.

Where a target has walls, trajectories are reflected there, which keeps volume and energy (Afshar
and Domke 2015, "Reflection, refraction, and Hamiltonian Monte Carlo").

Some posteriors are much stiffer in places than elsewhere, and no step size suits them all. Where a
trajectory is refused and had little chance, another is taken from the same place with the same
momentum, as long in steps of a quarter of the size (delayed rejection). Both maps are their own
inverses once the momentum is turned round, so the second is accepted with the probability

    min(1, pi(y) (1 - a(y)) / (pi(x) (1 - a(x)))),

a(x) the probability that the first trajectory from x is accepted, and 0 where that from y would not
have failed as well. References: Mira (2001), "On Metropolis-Hastings algorithms with delayed
rejection"; Modi, Barnett and Carpenter (2024), doi 10.1214/23-BA1360.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from blackjax.mcmc.hmc import HMCState
from blackjax.mcmc.metrics import default_metric
from jaxtyping import Array

from dirimix.sampling.target import Target, Tuning

MAX_STEPS = 250
# share of the trajectories with full steps; of the rest the same share has half steps, and so on:
# so a chain leaves places that are too stiff for the step size that suits the others
FULL_STEPS = 0.75
FINER = 4  # times as many steps has a second trajectory, of a size as much smaller
_FAILED = np.log(0.1)  # log acceptance below which there is a second
_DIVERGED = 1000.0  # nat of energy gained
_BOUNCES = 200  # off walls within one step; a position that is still outside is refused


class Place(NamedTuple):
    """Where a trajectory is, and the log density there."""

    position: Any
    momentum: Any
    log_density: Any


class MoveInfo(NamedTuple):
    """Statistics of one move.

    Attributes:
        acceptance_rate: Probability that its first trajectory is accepted.
        is_divergent: Whether its last trajectory gained energy beyond all bounds.
        energy: Where the chain is afterwards.
    """

    acceptance_rate: Any
    is_divergent: Any
    energy: Any


class _Tries(NamedTuple):
    """Trajectories of one move: the first, a finer one, and the first from where that one ended.

    `count` says how many there were, `end` where the last but the third ended, `falls` (3,) how the
    energy fell along each.
    """

    count: Any
    end: Place
    falls: Any


def make_move(target: Target, density: Callable) -> Callable:
    """A function of a random key, a state and the tuning that moves the chain once.

    It returns the state then, the `MoveInfo` and how many forces were evaluated.
    """
    force = target.force or jax.grad(density)

    def move(key: Array, state: HMCState, tuning: Tuning) -> tuple[HMCState, MoveInfo, Array]:
        keys = jax.random.split(key, 5)
        steps = _steps(keys[0], tuning.length, tuning.step)
        size = tuning.step * 0.5 ** (jax.random.geometric(keys[1], FULL_STEPS) - 1)
        metric = default_metric(tuning.inverse_mass)
        at = state.position
        start = Place(at, metric.sample_momentum(keys[2], at), state.logdensity)
        travel = _trajectory(target, density, force, tuning)

        def energy(place: Place) -> Array:
            return metric.kinetic_energy(place.momentum) - place.log_density

        def fall(begin: Place, end: Place) -> Array:
            # how the energy falls on the way: the log acceptance where it does not
            found = energy(begin) - energy(end)
            # the squares of momenta that are next to infinite may add up to less than nothing
            sound = metric.kinetic_energy(end.momentum) >= 0
            return jnp.where(sound & ~jnp.isnan(found), found, -jnp.inf)

        def goes_on(at: _Tries) -> Array:
            failed = (log_first >= at.falls[0]) & (at.falls[0] < _FAILED)
            return (at.count == 0) | ((at.count == 1) & failed) | (at.count == 2)

        def go(at: _Tries) -> _Tries:
            # in a loop, so that trajectories are compiled once
            fine, back = at.count == 1, at.count == 2
            begin = _either(back, at.end, start)
            times = jnp.where(fine, FINER, 1)
            end = travel(begin, size / times, times * steps)
            falls = at.falls.at[at.count].set(fall(begin, end))
            return _Tries(at.count + 1, _either(back, at.end, end), falls)

        log_first, log_second = (jnp.log(jax.random.uniform(k)) for k in keys[3:])
        falls = jnp.zeros(3, start.log_density.dtype)
        tries = jax.lax.while_loop(goes_on, go, _Tries(jnp.asarray(0), start, falls))
        rate, found, back = tries.falls
        again = tries.count == 3
        accepted = jnp.where(again, log_second < _second_rate(found, rate, back), log_first < rate)
        place = _either(accepted, tries.end, start)
        taken = jnp.where(again, (2 + FINER) * steps, steps)
        found = jnp.where(again, found, rate)
        acceptance = jnp.exp(jnp.minimum(rate, 0.0))
        info = MoveInfo(acceptance, found < -_DIVERGED, energy(place))
        return HMCState(place.position, place.log_density, state.logdensity_grad), info, taken

    return move


def _second_rate(found: Array, rate: Array, back: Array) -> Array:
    """Log acceptance of a second trajectory.

    Args:
        found: What the energy falls along it.
        rate: The same along the first.
        back: The same along what would have been the first from its end.
    """
    log_ratio = found + jnp.log1p(-jnp.exp(back)) - jnp.log1p(-jnp.exp(rate))
    return jnp.where(back < _FAILED, log_ratio, -jnp.inf)


def _either(first: Array, one: Place, other: Place) -> Place:
    return jax.tree.map(lambda a, b: jnp.where(first, a, b), one, other)


def _steps(key: Array, length: Array, step: Array) -> Array:
    """Number of leapfrog steps, uniform on (0.5, 1.5) times length / step."""
    steps = jnp.ceil(jax.random.uniform(key, minval=0.5, maxval=1.5) * length / step)
    return jnp.clip(steps, 1, MAX_STEPS).astype(int)


def _trajectory(target: Target, density: Callable, force: Callable, tuning: Tuning) -> Callable:
    """From a place, a step size and a count to the end, with the momentum turned round there.

    Leapfrog with the standard normal part of the density as an exact rotation: the kick has the
    gradient of the rest; the drift rotates (position, momentum) of the `gaussian` coordinates,
    whose mass is 1, and moves the others straight (Shahbaba et al. 2014,
    doi 10.1007/s11222-012-9373-1), from wall to wall where there are walls. The density is
    evaluated at the end only.
    """
    gaussian, walls, inverse_mass = target.gaussian, target.walls, tuning.inverse_mass
    velocity = jax.grad(default_metric(inverse_mass).kinetic_energy)

    def drift(size: Array, position: Array, momentum: Array) -> tuple[Array, Array]:
        if walls is not None:
            return _bounce(walls, inverse_mass, size, position, momentum)
        cos, sin = jnp.cos(size), jnp.sin(size)
        turned = position * cos + momentum * sin
        moved = jnp.where(gaussian, turned, position + size * velocity(momentum))
        return moved, jnp.where(gaussian, momentum * cos - position * sin, momentum)

    def travel(start: Place, size: Array, steps: Array) -> Place:
        # a half kick at either end, whole kicks and drifts between: one force a place
        def kick_and_drift(i: Array, at: tuple[Array, Array]) -> tuple[Array, Array]:
            position, momentum = at
            last = i == steps
            share = jnp.where((i == 0) | last, 0.5, 1.0)
            pull = force(position) + gaussian * position
            momentum = momentum + share * size * pull
            moved, turned = drift(size, position, momentum)
            return jnp.where(last, position, moved), jnp.where(last, momentum, turned)

        begin = start.position, start.momentum
        position, momentum = jax.lax.fori_loop(0, steps + 1, kick_and_drift, begin)
        return Place(position, -momentum, density(position))

    return travel


def _bounce(
    walls: np.ndarray, inverse_mass: Array, size: Array, position: Array, momentum: Array
) -> tuple[Array, Array]:
    """A straight drift between walls, (d, 2), the momentum reflected at each that is met."""
    low, high = walls.T
    dense = inverse_mass.ndim == 2
    own = jnp.diagonal(inverse_mass) if dense else inverse_mass

    def fly(carry: tuple) -> tuple:
        left, position, momentum, count = carry
        velocity = inverse_mass @ momentum if dense else inverse_mass * momentum
        ahead = jnp.where(velocity > 0, high, low)
        time = jnp.where(velocity == 0, jnp.inf, (ahead - position) / velocity)
        first = jnp.argmin(time)
        met = time[first] < left
        flown = jnp.where(met, jnp.maximum(time[first], 0.0), left)
        moved = position + flown * velocity
        moved = jnp.where(met, moved.at[first].set(ahead[first]), moved)
        turned = momentum.at[first].add(-2 * velocity[first] / own[first])
        return left - flown, moved, jnp.where(met, turned, momentum), count + 1

    def flying(carry: tuple) -> Array:
        return (carry[0] > 0) & (carry[3] < _BOUNCES)

    left, position, momentum, _ = jax.lax.while_loop(flying, fly, (size, position, momentum, 0))
    return jnp.where(left > 0, jnp.nan, position), momentum
