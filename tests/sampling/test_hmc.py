"""The sampler's kernels: they draw from the target whatever the force, and jumps join modes."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from dirimix.sampling import chains, sampler
from dirimix.sampling.convergence import summarise
from dirimix.sampling.peaks import Peak, between
from dirimix.sampling.progress import ChainProgress
from dirimix.sampling.sampler import _ended, sample
from dirimix.sampling.target import Settings, Target
from monte_carlo import LIMIT, Law


def plain(log_density, size: int, **others: Any) -> Target:
    """A target whose coordinates all have their scales learnt, and which keeps its positions."""
    usual: dict[str, Any] = {"force": None, "scale": np.ones(size), "monitor": "q"}
    masks: dict[str, Any] = {
        "adapt": np.ones(size, dtype=bool),
        "gaussian": np.zeros(size, dtype=bool),
    }
    return Target(log_density, collect=lambda q: {"q": q}, **usual | masks | others)


@dataclass(frozen=True)
class Normal:
    """Independent normals: the first of variance 4, the others standard and rotated exactly."""

    share: float = 1.0

    def target(self) -> Target:
        gaussian = np.array([False, True, True])
        variance = jnp.array([4.0, 1.0, 1.0])
        return Target(
            log_density=lambda q: -0.5 * jnp.sum(q**2 / variance),
            # right for the standard part, which the integrator takes apart
            force=lambda q: jnp.where(gaussian, -q, -self.share * q / variance),
            collect=lambda q: {"q": q},
            scale=np.ones(3),
            adapt=~gaussian,
            gaussian=gaussian,
            monitor="q",
        )


@dataclass(frozen=True)
class TwoModes:
    """Three quarters of the mass around -6, one around 6; a jump changes the sign."""

    jumps: bool

    def target(self) -> Target:
        return plain(
            log_density=lambda q: jnp.logaddexp(
                -0.5 * jnp.sum((q - 6) ** 2), np.log(3) - 0.5 * jnp.sum((q + 6) ** 2)
            ),
            size=1,
            jumps=[lambda _, q: (-q, 0.0)] if self.jumps else [],
        )


@dataclass(frozen=True)
class TwoSides:
    """One mass on either side, which an update draws anew."""

    updates: bool

    def target(self) -> Target:
        def side(key, q):
            return jnp.where(jax.random.bernoulli(key), q, -q)

        target = plain(log_density=lambda q: -0.5 * jnp.sum((jnp.abs(q) - 8) ** 2), size=1)
        return replace(target, updates=[side] if self.updates else [])


@dataclass(frozen=True)
class TwoPeaks:
    """Three quarters of the mass in a wide peak, one in a narrow one; moves lead between them."""

    stretched: bool = True

    def target(self) -> Target:
        peaks = [
            Peak(np.full(4, -9.0), WIDE),
            Peak(np.full(4, 9.0), NARROW),
        ]
        (move,) = between(peaks)

        def careless(key, q):
            return move(key, q)[0], 0.0

        def log_normal(q, peak):
            away = q - peak.mode
            log_volume = 0.5 * np.linalg.slogdet(peak.covariance)[1]
            return -0.5 * away @ np.linalg.inv(peak.covariance) @ away - log_volume

        return plain(
            log_density=lambda q: jnp.logaddexp(
                np.log(3) + log_normal(q, peaks[0]), log_normal(q, peaks[1])
            ),
            size=4,
            jumps=[move if self.stretched else careless],
        )


WIDE, NARROW = np.eye(4) + 0.5, 0.2 * np.eye(4) - 0.02


@dataclass(frozen=True)
class Walled:
    """A normal with a correlation of 0.9 around (0.1, 0.8), cut off at the unit square."""

    bounce: bool = True

    def target(self) -> Target:
        precision = np.linalg.inv(COVARIANCE)
        return plain(
            log_density=lambda q: -0.5 * (q - CENTRE) @ precision @ (q - CENTRE),
            size=2,
            scale=COVARIANCE,
            dense=True,
            walls=np.array([[0.0, 1.0], [0.0, 1.0]]) if self.bounce else None,
        )


CENTRE, COVARIANCE = np.array([0.1, 0.8]), np.array([[0.09, 0.081], [0.081, 0.09]])


def drawn(model, start: np.ndarray, kernel: str = "hmc") -> np.ndarray:
    settings = Settings(chains=len(start), draws=2000, warmup=300, kernel=kernel, seed=4)
    names = [str(j) for j in range(start.shape[1])]
    return sample(model, start, settings, lambda draws, _: summarise(draws["q"], names)).draws["q"]


@pytest.mark.parametrize("model", [Normal(), Normal(share=0.7)])
def test_the_law_does_not_depend_on_the_force(model):
    q = drawn(model, np.zeros((2, 3)))
    for j, variance in enumerate((4.0, 1.0, 1.0)):
        assert Law(0, variance, 3 * variance**2).largest_z(q[..., j]) < LIMIT
    wrong = 1.4 * 4.0
    assert Law(0, wrong, 3 * wrong**2).largest_z(q[..., 0]) > LIMIT


@pytest.mark.parametrize("kernel", ["nuts", "metropolis"])
def test_other_kernels_draw_from_the_same_law(kernel):
    q = drawn(Normal(), np.zeros((2, 3)), kernel)
    for j, variance in enumerate((4.0, 1.0, 1.0)):
        assert Law(0, variance, 3 * variance**2).largest_z(q[..., j]) < LIMIT


@pytest.mark.parametrize(
    "kernel",
    ["hmc", *(pytest.param(k, marks=pytest.mark.slow) for k in ("nuts", "metropolis"))],
)
def test_walls_cut_a_density_off_without_bending_it(kernel):
    q = drawn(Walled(), np.full((2, 2), 0.5), kernel)
    assert np.all((q >= 0) & (q <= 1))
    nodes = (np.arange(400) + 0.5) / 400
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1) - CENTRE
    mass = np.exp(-0.5 * np.einsum("...i,ij,...j", grid, np.linalg.inv(COVARIANCE), grid))
    for j in range(2):
        law = Law.of_grid(mass.sum(axis=1 - j), nodes)
        assert law.largest_z(q[..., j]) < LIMIT
    # the control: with nothing done at the walls
    open_ended = drawn(Walled(bounce=False), np.full((2, 2), 0.5), kernel)
    assert Law.of_grid(mass.sum(axis=1), nodes).largest_z(open_ended[..., 0]) > LIMIT


def test_updates_are_made_after_every_trajectory():
    start = np.full((4, 1), 8.0)
    left = drawn(TwoSides(updates=True), start) < 0
    # one chain's sides are drawn independently
    assert np.mean(left) == pytest.approx(0.5, abs=LIMIT * 0.5 / np.sqrt(left.size))
    assert np.mean(left[:, 1:] != left[:, :-1]) > 0.4
    assert not np.any(drawn(TwoSides(updates=False), start) < 0)


def test_jumps_join_modes():
    start = np.full((2, 1), 6.0)
    left = drawn(TwoModes(jumps=True), start) < 0
    assert Law.of_grid(np.array([0.25, 0.75]), np.array([0.0, 1.0])).largest_z(left[..., 0]) < LIMIT
    assert not np.any(drawn(TwoModes(jumps=False), start) < 0)


def test_moves_between_peaks_give_each_its_mass():
    start = np.concatenate([np.full((1, 4), -9.0), np.full((1, 4), 9.0)])
    narrow = drawn(TwoPeaks(), start)[..., 0] > 0
    law = Law.of_grid(np.array([0.75, 0.25]), np.array([0.0, 1.0]))
    assert law.largest_z(narrow) < LIMIT
    careless = drawn(TwoPeaks(stretched=False), start)[..., 0] > 0
    assert law.largest_z(careless) > LIMIT


@dataclass(frozen=True)
class Correlated:
    """Normals with correlations of all signs, their scales over two decades."""

    size: int = 40

    def target(self) -> Target:
        rng = np.random.default_rng(5)
        basis, _ = np.linalg.qr(rng.normal(size=(self.size, self.size)))
        precision = (basis * np.logspace(-2, 2, self.size)) @ basis.T
        return plain(
            log_density=lambda q: -0.5 * q @ precision @ q,
            size=self.size,
            scale=np.full(self.size, 0.3),
            dense=True,
        )


def test_covariances_of_many_latents_are_learnt(monkeypatch):
    settings = Settings(chains=4, draws=200, warmup=150, seed=1, min_ess=0)
    start = np.random.default_rng(3).normal(0, 0.3, (4, 40))
    names = [str(j) for j in range(40)]

    def smallest_ess() -> float:
        found = sample(Correlated(), start, settings, lambda draws, _: summarise(draws["q"], names))
        return float(np.min(found.summary["ess_bulk"]))

    assert smallest_ess() > 400
    monkeypatch.setattr(sampler, "_PER_LATENT", 0)
    assert smallest_ess() < 200  # the control: a warm-up that does not know how many there are


def test_only_the_worst_quantities_are_looked_at_until_they_pass(monkeypatch):
    settings = Settings(chains=4, draws=50, warmup=60, seed=1)
    start = np.random.default_rng(3).normal(0, 0.3, (4, 40))
    names = [str(j) for j in range(40)]

    def found():
        looks = []

        def diagnose(draws, rows):
            looks.append(40 if rows is None else len(rows))
            return summarise(draws["q"], names).iloc[slice(None) if rows is None else rows]

        ended = sample(Correlated(), start, settings, diagnose)
        return looks, ended.stats["lp"].shape[1], ended.summary

    monkeypatch.setattr(sampler, "_WORST", 2)
    looks, drawn, summary = found()
    assert looks[0] == looks[-1] == len(summary) == 40
    assert len(looks) > 4
    assert set(looks[1:-1]) <= {2, 3, 4, 5, 6, 40}
    monkeypatch.setattr(sampler, "_worst", lambda _: None)
    whole, others, _ = found()
    assert (others, set(whole)) == (drawn, {40})


@dataclass(frozen=True)
class Apart:
    """Two normal laws a hundred standard deviations apart."""

    def target(self) -> Target:
        def log_density(q):
            return jnp.logaddexp(-0.5 * (q[0] - 50) ** 2, -0.5 * (q[0] + 50) ** 2)

        return plain(log_density=log_density, size=1)


@dataclass(frozen=True)
class OneOfMany:
    """One coordinate of eight, whichever, is ten standard deviations above the others."""

    proposals: int

    def target(self) -> Target:
        def log_density(q):
            return jax.nn.logsumexp(-0.5 * jnp.sum((q - 10 * jnp.eye(8)) ** 2, axis=1))

        def exchange(key, q):
            first, second = jax.random.choice(key, 8, (2,), replace=False)
            return q.at[first].set(q[second]).at[second].set(q[first]), 0.0

        target = plain(log_density=log_density, size=8)
        return replace(target, jumps=[exchange], proposals=self.proposals)


def test_jumps_that_are_proposed_often_mix_what_exchanges():
    settings = Settings(chains=4, draws=250, warmup=60, seed=1, min_ess=0)
    start, names = 10.0 * np.eye(8)[:4], list("abcdefgh")

    def summary(proposals: int) -> pd.DataFrame:
        def looked_at(draws, _):
            return summarise(draws["q"], names)

        return sample(OneOfMany(proposals), start, settings, looked_at).summary

    often, once = summary(16), summary(1)
    error = often["sd"] / np.sqrt(often["ess_bulk"])
    assert (np.abs(often["mean"] - 10 / 8) < 4.5 * error).all()
    assert often["ess_bulk"].min() > 500
    assert once["ess_bulk"].min() < 250  # the control


@pytest.mark.parametrize(
    ("asked", "times"), [(None, 1), pytest.param(60.0, 24, marks=pytest.mark.slow)]
)
def test_chains_in_modes_of_their_own_do_not_draw_for_ever(asked, times):
    """16 x 60 draws is 24 x 40."""
    settings = Settings(chains=2, draws=40, warmup=60, seed=1, min_ess=asked)
    start = np.array([[50.0], [-50.0]])
    found = sample(Apart(), start, settings, lambda draws, _: summarise(draws["q"], ["q"]))
    assert found.ended == "draws"
    assert times * 40 <= found.stats["lp"].shape[1] < (times + 1) * 40
    assert found.summary["rhat"].max() > 1.5


@pytest.mark.parametrize(
    ("asked", "drawn", "ess", "ended"),
    [
        (None, 100, 30.0, None),
        (None, 100, 17.0, None),
        (None, 100, 16.0, "draws"),  # six times the most that are drawn would not be enough
        (None, 400, 199.0, "draws"),  # twice as many would not be enough
        (None, 400, 201.0, None),
        (None, 600, 299.0, "draws"),  # nor are they any more
        (None, 800, 399.0, "draws"),
        (None, 400, 400.0, "ess"),
        (100.0, 400, 20.0, None),
        (100.0, 1600, 99.0, "draws"),
        (None, 400, np.nan, "draws"),
    ],
)
def test_draws_go_on_while_they_may_become_enough(asked, drawn, ess, ended):
    found = {"parameter": ["q", "still"], "mean": 0.0, "sd": [1.0, 0.0], "rhat": [1.02, np.nan]}
    sizes = [ess, np.nan]
    summary = pd.DataFrame(found | {"ess_bulk": sizes, "ess_tail": [2000.0, np.nan]})
    if ended == "ess":
        summary["rhat"] = 1.0
    elif np.isnan(ess):
        summary["ess_tail"] = np.nan
    settings = Settings(draws=100, min_ess=asked)
    assert _ended(summary, settings, drawn, until=np.inf) == ended


@pytest.mark.parametrize(("model", "size", "drawn"), [(Normal(), 3, 300), (Apart(), 1, 600)])
def test_the_first_draws_are_enough_where_the_checks_pass_after_them(model, size, drawn):
    settings = Settings(draws=600, first=300, warmup=100, seed=2)
    start = np.array([[50.0], [-50.0], [50.0], [-50.0]]) * np.ones(size)
    names = [f"q{j}" for j in range(size)]
    found = sample(model, start, settings, lambda draws, _: summarise(draws["q"], names))
    assert found.draws["q"].shape[1] == drawn


@pytest.mark.parametrize("limit", [None, 1e-9])
def test_trajectories_are_short_where_the_time_was_over_before_the_draws(limit):
    settings = Settings(
        chains=2, draws=20, warmup=100, trajectory=1000.0, min_ess=0, max_seconds=limit
    )
    drawn = sample(Normal(), np.zeros((2, 3)), settings, lambda d, _: summarise(d["q"], ["q"] * 3))
    assert bool(np.median(drawn.stats["n_steps"]) < 100) is (limit is not None)


@pytest.mark.parametrize(("limit", "iterations"), [(None, 1000), (1e-9, 1)])
def test_the_warm_up_is_broken_off_when_the_time_is_over(limit, iterations):
    """One iteration is left of it, from which chains draw what a fit has at least: 20 each."""
    settings = Settings(chains=2, draws=100, warmup=1000, min_ess=0, max_seconds=limit)
    events: list[ChainProgress] = []
    start = np.zeros((2, 3))
    drawn = sample(
        Normal(), start, settings, lambda d, _: summarise(d["q"], ["q"] * 3), events.append
    )
    warmed = max(e.done for e in events if e.phase == "warmup")
    assert (warmed >= iterations) if limit is None else (warmed == iterations)
    assert drawn.ended == ("draws" if limit is None else "time")
    assert drawn.draws["q"].shape[1] == (100 if limit is None else 20)


@pytest.mark.parametrize(("limit", "size"), [(1e9, 1), (None, chains.CHUNK)])
def test_chunks_are_short_where_they_take_long_and_time_is_limited(monkeypatch, limit, size):
    monkeypatch.setattr(chains, "_LONG", 1e-9)
    settings = Settings(chains=2, draws=40, warmup=40, min_ess=0, max_seconds=limit)
    done = [0]

    def note(event: ChainProgress) -> None:
        if event.phase == "draws" and event.chain == 0:
            done.append(event.done)

    sample(Normal(), np.zeros((2, 3)), settings, lambda d, _: summarise(d["q"], ["q"] * 3), note)
    assert set(np.diff(done)) == {size}
