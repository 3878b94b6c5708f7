"""A sampler that was interrupted goes on from the blocks that are kept, with the same numbers."""

import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dirimix import _cores
from dirimix.sampling import blocks, chains
from dirimix.sampling.blocks import Block, Keeper, keep_blocks
from dirimix.sampling.convergence import summarise
from dirimix.sampling.hmc import make_advance, make_advances
from dirimix.sampling.sampler import sample
from dirimix.sampling.target import Settings, Target

# of each chain: windows of 10, 10, 10, 12, 15, 12 and 10 iterations, a trial of 10, and 45 draws
ITERATIONS, WARMUP, CHUNKS = 89 + 45, 8, 8 + 3


@dataclass(frozen=True)
class Normal:
    def target(self) -> Target:
        return Target(
            log_density=lambda q: -0.5 * jnp.sum(q**2 / jnp.array([4.0, 1.0])),
            force=None,
            collect=lambda q: {"q": q, "twice": 2 * q[0]},
            scale=np.ones(2),
            adapt=np.ones(2, dtype=bool),
            gaussian=np.zeros(2, dtype=bool),
            monitor="q",
        )


@dataclass
class Memory:
    """A journal that keeps blocks in a list."""

    kept: list[Block] = field(default_factory=list)
    seconds: float = 0.0
    written: int = 0

    def read(self):
        return list(self.kept)

    def write(self, blocks, seconds):
        self.kept = [*self.kept, *blocks]
        self.seconds = seconds
        self.written += 1


@cache
def advance(settings: Settings):
    return make_advance(Normal().target(), settings)


@cache
def advances(settings: Settings):
    return make_advances(Normal().target(), settings)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(blocks, "SECONDS", 0.0)
    # compiled once, not for every call
    monkeypatch.setattr(chains, "make_advance", lambda _, settings: advance(settings))
    monkeypatch.setattr(chains, "make_advances", lambda _, settings: advances(settings))


def drawn(
    journal: Memory | None = None,
    stop: int | None = None,
    kernel: str = "hmc",
    device="cpu",
    limit: float | None = None,
):
    events = []

    def listen(event):
        events.append(event)
        if len(events) == stop:
            raise KeyboardInterrupt

    settings = Settings(
        chains=2, draws=45, warmup=60, kernel=kernel, seed=4, min_ess=0, device=device,
        max_seconds=limit,
    )  # fmt: skip
    names = ["a", "b"]
    with keep_blocks(lambda _: journal) if journal else nullcontext():
        found = sample(
            Normal(), np.ones((2, 2)), settings, lambda d, _: summarise(d["q"], names), listen
        )
    return found, events


def alike(one, other) -> bool:
    pairs = [(one.draws, other.draws), (one.stats, other.stats)]
    same = all(np.array_equal(a[n], b[n]) for a, b in pairs for n in (*a, *b))
    return same and (one.gradients, one.step_size) == (other.gradients, other.step_size)


@pytest.fixture(scope="module", params=["hmc", "nuts"])
def whole(request):
    return drawn(kernel=request.param)[0], request.param


def test_an_interrupted_sampler_goes_on_with_the_same_numbers(whole):
    undisturbed, kernel = whole
    for stop in (1, 7, 13, 16, 20):
        journal = Memory()
        with pytest.raises(KeyboardInterrupt):
            drawn(journal, stop, kernel)
        assert journal.written == stop
        found, events = drawn(journal, kernel=kernel)
        assert alike(found, undisturbed)
        # nothing is drawn twice
        assert journal.written == len(events) == 2 * CHUNKS
        assert sum(b.length for b in journal.kept) == 2 * ITERATIONS


@pytest.fixture
def _the_processor_is_a_gpu(monkeypatch):
    monkeypatch.setattr(_cores, "jax_device", lambda _: jax.devices()[0])


@pytest.mark.usefixtures("_the_processor_is_a_gpu")
def test_chains_in_one_program_do_the_same_and_go_on_too():
    alone, _ = drawn()
    undisturbed, events = drawn(device="gpu")
    assert [e.chain for e in events] == [0, 1] * CHUNKS
    # but for rounding, which trajectories that follow a gradient let grow
    first = (slice(None), slice(0, 5))
    assert np.allclose(undisturbed.draws["q"][first], alone.draws["q"][first], rtol=1e-6)
    assert undisturbed.gradients == alone.gradients
    for stop in (1, 6, 17):
        journal = Memory()
        with pytest.raises(KeyboardInterrupt):
            drawn(journal, stop, device="gpu")
        kept = journal.kept[:-1] if stop == 17 else journal.kept  # one chain is behind the other
        assert alike(drawn(Memory(kept), device="gpu")[0], undisturbed)


@pytest.mark.parametrize("kept", [2, 4])
def test_time_that_is_over_takes_nothing_away_of_what_was_kept(kept):
    journal = Memory()
    with pytest.raises(KeyboardInterrupt):
        drawn(journal, 2 * WARMUP + kept)
    journal.seconds = 1e6
    found, _ = drawn(journal, limit=3600.0)
    assert found.ended == "time"
    # one chain may be ahead of the other: what both have is the result
    of_chains = Counter(b.chain for b in journal.kept if b.stage == WARMUP)
    assert found.draws["q"].shape[1] >= 20 * min(of_chains.values()) > 0
    first = drawn()[0].draws["q"][:, : found.draws["q"].shape[1]]
    np.testing.assert_array_equal(found.draws["q"], first)


def test_what_was_kept_does_not_say_how_long_the_rest_takes():
    journal = Memory()
    with pytest.raises(KeyboardInterrupt):
        drawn(journal, 2 * WARMUP + 2)
    events = [e for e in drawn(journal)[1] if e.phase == "draws"]
    assert [np.isnan(e.seconds_left) for e in events] == [True, True, False, False, False, False]
    assert events[-1].seconds_left == 0.0


def test_it_may_be_interrupted_again_and_again(whole):
    undisturbed, kernel = whole
    journal = Memory()
    for stop in range(3, 2 * CHUNKS + 1, 3):
        with pytest.raises(KeyboardInterrupt):
            drawn(journal, stop, kernel)
    assert alike(drawn(journal, kernel=kernel)[0], undisturbed)


def test_all_that_is_kept_decides_what_follows():
    journal = Memory()
    with pytest.raises(KeyboardInterrupt):
        drawn(journal, 2 * WARMUP + 1)
    whole, _ = drawn()
    assert alike(drawn(Memory(journal.kept))[0], whole)
    last = journal.kept[-1]
    # the controls: a chain that was moved leads elsewhere, and a block of another beginning is left
    moved = replace(last, end=last.end._replace(position=last.end.position + 1.0))
    assert not alike(drawn(Memory([*journal.kept[:-1], moved]))[0], whole)
    other = [replace(b, begin="another") for b in journal.kept]
    assert alike(drawn(Memory(other))[0], whole)
    without_the_first = Memory(journal.kept[1:])
    assert alike(drawn(without_the_first)[0], whole)


def test_little_is_not_kept(monkeypatch):
    monkeypatch.setattr(blocks, "SECONDS", 1e9)
    journal = Memory()
    drawn(journal)
    assert not journal.kept


def test_many_chunks_are_kept_as_one_block(monkeypatch, whole):
    undisturbed, kernel = whole
    clock = iter(range(10_000))
    monkeypatch.setattr(blocks.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(blocks, "SECONDS", 9.0)
    journal = Memory()
    with pytest.raises(KeyboardInterrupt):
        drawn(journal, 18, kernel)
    assert 0 < journal.written < len(journal.kept) < 18
    assert alike(drawn(journal, kernel=kernel)[0], undisturbed)


def test_the_time_of_a_fit_counts_from_its_begin_or_without_an_interruption():
    settings, start = Settings(chains=2, max_seconds=50.0), np.ones((2, 2))
    before = time.perf_counter()
    begun = before - 30
    assert Keeper(start, settings, begun).until == pytest.approx(begun + 50)
    assert Keeper(start, settings).until >= before + 50
    journal = Memory()
    with pytest.raises(KeyboardInterrupt):
        drawn(journal, 1)
    with keep_blocks(lambda _: journal):  # however long it stood still, and searched once more
        kept = Keeper(start, settings, begun)
    assert kept.until == pytest.approx(time.perf_counter() - journal.seconds + 50, abs=1)
    assert journal.seconds < 20
