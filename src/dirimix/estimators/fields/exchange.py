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
_WITH_LEVELS = 0.5  # share of the steps that take levels and amplitudes


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
    """Latents, whose level and amplitude each field has, the fields, and how well they fit."""

    z: Any
    order: Any
    u: Any
    fit: Any


def exchanged(
    fields: Fields, fit: Callable[[Float[Array, "n K"]], Array], key: Array, steps: int
) -> tuple[Array, Array]:
    """Where steps of a Markov chain lead that leaves the posterior of the fields as it is.

    Args:
        fields: At least two; level and amplitude may have any prior that is the same for all.
        fit: Log likelihood of fields.
        key: Random.
        steps: So many.

    Returns:
        The latents, and the fields whose level and amplitude each field has then, (K,).
    """
    count = len(fields.eta)

    def field_of(z: Array, of: Array) -> Array:
        return fields.level[:, of] + fields.eta[of] * fields.unit(z)

    def step(number: Array, now: _State) -> _State:
        keys = jax.random.split(jax.random.fold_in(key, number), 5)
        pair = two_of(count, keys[0])
        z, of, u = now.z[pair], now.order[pair], now.u[:, pair]
        inside = fields.region(keys[1]) | jax.random.bernoulli(keys[2], _EVERYWHERE)
        other_z = jnp.where(inside, z[::-1], z)
        other_of = jnp.where(jax.random.bernoulli(keys[3], _WITH_LEVELS), of[::-1], of)
        other_u = field_of(other_z, other_of)
        then = fit(now.u.at[:, pair].set(other_u))
        taken = jnp.log(jax.random.uniform(keys[4])) < then - now.fit
        return _State(
            now.z.at[pair].set(jnp.where(taken, other_z, z)),
            now.order.at[pair].set(jnp.where(taken, other_of, of)),
            now.u.at[:, pair].set(jnp.where(taken, other_u, u)),
            jnp.where(taken, then, now.fit),
        )

    order = jnp.arange(count)
    u = field_of(fields.z, order)
    end = jax.lax.fori_loop(0, steps, step, _State(fields.z, order, u, fit(u)))
    return end.z, end.order


def everywhere(key: Array) -> Array:
    """All latents, where none is about a place of its own."""
    del key
    return jnp.ones((), bool)


def two_of(count: int, key: Array) -> Array:
    """Two different numbers below `count`, any as likely, (2,)."""
    first, other = jax.random.split(key)
    number = jax.random.randint(first, (), 0, count)
    return jnp.stack([number, (number + jax.random.randint(other, (), 1, count)) % count])
