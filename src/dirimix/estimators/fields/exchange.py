"""Metropolis steps that exchange what two models' fields are made of, everywhere or in a region.

Models that nearly agree may bear each other's weight, others elsewhere: the posterior has a mode
for each way, and no trajectory passes from one to another. What changes places is as likely a
priori as before, so that a step takes no more than the likelihood.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_EVERYWHERE = 0.25  # share of the steps that take the processes whole
_WITH_ETA, _WITH_LEVEL = 0.5, 0.25  # that take amplitudes, and that take levels


class Fields(NamedTuple):
    """K fields at n sites as a step takes them apart: level + eta * process.

    Attributes:
        level: What is added to each process, (n, K).
        eta: Its amplitude, (K,).
        z: Latents of each process, independent standard normals, (K, ...).
        unit: From latents of k processes, (k, ...), these at the sites, (n, k).
        region: From a random key which latents of a process to exchange, booleans.
    """

    level: Array
    eta: Array
    z: Array
    unit: Callable[[Array], Array]
    region: Callable[[Array], Array]


class _State(NamedTuple):
    """Latents, whose level and whose amplitude each field has, the fields, how well they fit."""

    z: Any
    levels: Any
    etas: Any
    u: Any
    fit: Any


def exchanged(
    fields: Fields, fit: Callable[[Float[Array, "n K"]], Array], key: Array, steps: int
) -> tuple[Array, Array, Array]:
    """Where steps of a Markov chain lead that leaves the posterior of the fields as it is.

    Args:
        fields: At least two; level and amplitude may have any prior that is the same for all.
        fit: Log likelihood of fields.
        key: Random.
        steps: So many.

    Returns:
        The latents, and the fields whose level each field has then, and whose amplitude, (K,).
    """
    count = len(fields.eta)

    # each random function is compiled into programs of its own: all numbers are drawn at once
    key_chances, key_regions = jax.random.split(key)
    chances = jax.random.uniform(key_chances, (steps, 6))
    regions = jax.vmap(fields.region)(jax.random.split(key_regions, steps))

    def field_of(z: Array, levels: Array, etas: Array) -> Array:
        return fields.level[:, levels] + fields.eta[etas] * fields.unit(z)

    def step(number: Array, now: _State) -> _State:
        chance = chances[number]
        pair = two_of(count, chance[:2])

        def exchanged_where(chosen: Array, own: Array) -> tuple[Array, Array]:
            return own[pair], jnp.where(chosen, own[pair][::-1], own[pair])

        z, other_z = exchanged_where(regions[number] | (chance[2] < _EVERYWHERE), now.z)
        levels, other_levels = exchanged_where(chance[3] < _WITH_LEVEL, now.levels)
        etas, other_etas = exchanged_where(chance[4] < _WITH_ETA, now.etas)
        other_u = field_of(other_z, other_levels, other_etas)
        then = fit(now.u.at[:, pair].set(other_u))
        taken = jnp.log(chance[5]) < then - now.fit
        return _State(
            now.z.at[pair].set(jnp.where(taken, other_z, z)),
            now.levels.at[pair].set(jnp.where(taken, other_levels, levels)),
            now.etas.at[pair].set(jnp.where(taken, other_etas, etas)),
            now.u.at[:, pair].set(jnp.where(taken, other_u, now.u[:, pair])),
            jnp.where(taken, then, now.fit),
        )

    order = jnp.arange(count)
    u = field_of(fields.z, order, order)
    end = jax.lax.fori_loop(0, steps, step, _State(fields.z, order, order, u, fit(u)))
    return end.z, end.levels, end.etas


def everywhere(key: Array) -> Array:
    """All latents, where none is about a place of its own."""
    del key
    return jnp.ones((), bool)


def two_of(count: int, chance: Array) -> Array:
    """Two different numbers below `count`, any as likely, (2,), from two on [0, 1), (2,)."""
    first = jnp.floor(chance[0] * count)
    other = first + 1 + jnp.floor(chance[1] * (count - 1))
    return (jnp.stack([first, other]) % count).astype(int)
