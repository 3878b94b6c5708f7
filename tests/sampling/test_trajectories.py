"""Moves of Hamiltonian Monte Carlo leave the law as it is, second trajectories included."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blackjax.mcmc.hmc import HMCState

from dirimix.sampling import trajectories
from dirimix.sampling.target import Target, Tuning
from dirimix.sampling.trajectories import default_metric, make_move
from monte_carlo import LIMIT

_COUNT, _SLOPE = 40_000, 1.2


def funnel(share: float = 1.0) -> Target:
    """v ~ Normal(0, 1), x ~ Normal(0, exp(slope v)^2): stiff where v is small.

    `share` of the force in x is followed.
    """

    def log_density(q):
        return -0.5 * q[0] ** 2 - 0.5 * (q[1] * jnp.exp(-_SLOPE * q[0])) ** 2 - _SLOPE * q[0]

    return Target(
        log_density=log_density,
        force=lambda q: jax.grad(log_density)(q) * jnp.array([1.0, share]),
        collect=lambda q: {"q": q},
        scale=np.ones(2),
        adapt=np.ones(2, dtype=bool),
        gaussian=np.zeros(2, dtype=bool),
        monitor="q",
    )


def moved(target: Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Independent exact draws of the funnel, each moved once, and the forces that took."""
    rng = np.random.default_rng(7)
    v, unit = rng.standard_normal((2, _COUNT))
    begin = np.column_stack([v, np.exp(_SLOPE * v) * unit])
    tuning = Tuning(jnp.asarray(0.5), jnp.ones(2), jnp.asarray(2.0))
    move = make_move(target, target.log_density)

    def once(key, q):
        begin = HMCState(q, target.log_density(q), q)  # pyright: ignore[reportArgumentType]
        state, _, steps = move(key, begin, tuning)
        return state.position, steps

    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(3), _COUNT)
        end, steps = jax.jit(jax.vmap(once))(keys, jnp.asarray(begin))
    return begin, np.asarray(end), np.asarray(steps)


def largest_z(begin: np.ndarray, end: np.ndarray) -> float:
    """Of what moments change by, in standard errors: 0 on average if the law is the same."""

    def moments(q):
        v, unit = q[:, 0], q[:, 1] * np.exp(-_SLOPE * q[:, 0])
        return np.stack([v, v**2, v**3, unit**2, v * unit**2, v < -1, v < -2])

    change = moments(end) - moments(begin)
    return float(np.max(np.abs(change.mean(axis=1)) / change.std(axis=1) * np.sqrt(_COUNT)))


@pytest.mark.parametrize("share", [pytest.param(1.0, marks=pytest.mark.slow), 0.8])
def test_moves_leave_the_law_as_it_is(share):
    begin, end, steps = moved(funnel(share))
    assert largest_z(begin, end) < LIMIT
    # many had a second trajectory, and it brought some of them on
    second = steps > np.max(steps) / 3
    assert second.mean() > 0.1
    assert np.mean(np.any(begin != end, axis=1)[second]) > 0.2


def test_a_second_trajectory_accepted_like_a_first_would_change_the_law(monkeypatch):
    monkeypatch.setattr(trajectories, "_second_rate", lambda found, *_: found)
    begin, end, _ = moved(funnel())
    assert largest_z(begin, end) > LIMIT


def test_a_momentum_that_overflows_is_never_accepted():
    """The energy that a metric with correlations makes of it may be minus infinity."""
    pulls = 1e170 * np.random.default_rng(1).standard_normal((50, 2))
    inverse_mass = np.array([[1.0, 0.9], [0.9, 1.0]])

    def once(key, pull):
        target = replace(funnel(), log_density=lambda q: 0.0 * q[0], force=lambda q: pull + 0 * q)
        begin = HMCState(jnp.zeros(2), jnp.zeros(()), jnp.zeros(2))  # pyright: ignore[reportArgumentType]
        tuning = Tuning(jnp.asarray(1.0), jnp.asarray(inverse_mass), jnp.asarray(1.0))
        state, info, _ = make_move(target, target.log_density)(key, begin, tuning)
        return state.position, info.is_divergent

    with jax.enable_x64(True):
        energies = jax.vmap(default_metric(jnp.asarray(inverse_mass)).kinetic_energy)(pulls)
        assert int(jnp.sum(energies == -jnp.inf)) > 0
        keys = jax.random.split(jax.random.key(0), 50)
        end, diverged = jax.jit(jax.vmap(once))(keys, jnp.asarray(pulls))
    assert bool(diverged.all())
    assert not np.asarray(end).any()
