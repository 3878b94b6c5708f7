"""What passes as converged: faults are found, named with what to try, and no check is skipped."""

import numpy as np
import pytest
from scipy.stats import binom

from dirimix.sampling import modes
from dirimix.sampling.convergence import ADVICE, MAX_DIVERGENT_SHARE, judge, summarise
from pages import ROOT

RNG = np.random.default_rng(0)
GOOD = RNG.standard_normal((4, 1000, 3))
CALM = {"diverging": np.zeros((4, 1000)), "energy": GOOD[..., 0]}
NAMES = ["a", "b", "c"]


def causes(draws: np.ndarray, stats=CALM) -> set[str]:
    told = modes.apart({n: draws[..., i] for i, n in enumerate(NAMES)})
    return {fault.cause for fault in judge(summarise(draws, NAMES), stats, told).faults}


def with_first(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[..., None], GOOD[..., 1:]], axis=-1)


def slow(share: float) -> np.ndarray:
    """Draws that follow each other, each chain a process of first order."""
    found = GOOD[..., 0].copy()
    for i in range(1, found.shape[1]):
        found[:, i] = share * found[:, i - 1] + np.sqrt(1 - share**2) * found[:, i]
    return found


def test_good_draws_pass():
    assert causes(GOOD) == set()


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (slow(0.9), "size"),
        (slow(0.995), "mixing"),
        (GOOD[..., 0] + np.array([0, 0, 9, 0])[:, None], "modes"),
        (np.where(np.arange(1000) == 7, np.nan, GOOD[..., 0]), "values"),
    ],
    ids=["size", "mixing", "modes", "values"],
)
def test_each_fault_has_its_cause(first, expected):
    assert expected in causes(with_first(first))


def test_chains_that_stand_apart_are_not_told_to_mix_longer():
    assert causes(with_first(GOOD[..., 0] + np.array([0, 0, 9, 0])[:, None])) == {"modes"}


def test_one_chain_has_not_been_checked():
    stats = {name: values[:1] for name, values in CALM.items()}
    found = judge(summarise(GOOD[:1], NAMES), stats)
    assert not found.converged
    assert found.reasons == ("rhat cannot be computed for 3 of 3 quantities (try chains = 4)",)


def test_a_missing_energy_is_a_fault_unless_the_kernel_has_none():
    gone = np.full((4, 1000), np.nan)
    assert causes(GOOD, CALM | {"energy": gone}) == set()
    gone[0] = GOOD[0, :, 0]
    assert causes(GOOD, CALM | {"energy": gone}) == {"energy"}


def test_a_quantity_that_varies_by_rounding_alone_is_passed():
    still = 1e9 + 1e-7 * np.repeat(RNG.integers(0, 2, (4, 10)), 100, axis=1)
    assert causes(with_first(still)) == set()
    assert causes(with_first(1e9 + 1e-3 * np.repeat(RNG.integers(0, 2, (4, 10)), 100, axis=1)))


def test_a_constant_is_passed_whatever_its_size_and_the_number_of_draws():
    """The prediction at a site where one model alone is known, say: sums of it are rounded."""
    size = 10.0 ** RNG.uniform(-28, 12, 100) * RNG.choice([-1, 1], 100)
    names = [f"q{i}" for i in range(103)]
    for draws in (4, 1000):
        still = np.concatenate([np.broadcast_to(size, (4, draws, 100)), GOOD[:, :draws]], axis=-1)
        found = summarise(still, names)
        assert (found["sd"][:100] == 0).all()
        unmade = [f for f in judge(found, CALM).faults if f.cause == "unmade"]
        assert unmade == []
    # what was taken for the spread of a constant before
    assert (still[..., :100].reshape(-1, 100).std(axis=0) > 4e-16 * np.abs(size)).any()


@pytest.mark.parametrize("chains", [1, 4])
def test_chains_that_have_not_moved_are_no_answer(chains):
    stats = {name: values[:chains] for name, values in CALM.items()}
    found = judge(summarise(0 * GOOD[:chains] + 3, NAMES), stats)
    words = "no quantity varied: the chains have not moved (try a longer warmup, then more draws)"
    assert found.reasons == (words,)


@pytest.mark.parametrize("n", [400, 1000, 4000, 20_000])
def test_divergences_are_judged_with_the_uncertainty_of_their_count(n):
    def failed(count: int) -> bool:
        stats = {"diverging": np.arange(n) < count, "energy": CALM["energy"]}
        return "divergences" in causes(GOOD, stats)

    first = next(count for count in range(n) if failed(count))
    # a sampler at the limit fails once in twenty times at most, one at five times the limit nearly
    # always where the draws are many
    assert binom.sf(first - 1, n, MAX_DIVERGENT_SHARE) < 0.05
    assert binom.sf(first - 2, n, MAX_DIVERGENT_SHARE) >= 0.05
    if n >= 4000:
        assert binom.sf(first - 1, n, 5 * MAX_DIVERGENT_SHARE) > 0.99
    assert not failed(0)


def test_an_advice_is_given_once_and_described():
    short = GOOD[:, :40]
    stats = {name: values[:, :40] for name, values in CALM.items()}
    reasons = judge(summarise(short, NAMES), stats).reasons
    assert sum(ADVICE["size"] in reason for reason in reasons) == 1
    timed = judge(summarise(short, NAMES), stats, timed=True).reasons
    assert len(timed) == len(reasons)
    assert sum("(try a larger max_seconds, or none)" in reason for reason in timed) == 1
    assert not any(ADVICE["size"] in reason for reason in timed)
    text = (ROOT / "docs/not-converged.md").read_text()
    for cause in ADVICE:
        assert f"## {cause.capitalize()}" in text


def test_chains_in_two_modes_are_named_with_what_tells_them_apart():
    lift = np.array([0, 8, 0, 8])[:, None]
    draws = {"weight[a]": GOOD[..., 0] + lift, "weight[b]": GOOD[..., 1] - lift}
    told = modes.apart(draws | {"sigma": GOOD[..., 2]})
    assert told is not None
    assert told.startswith("chains 1, 3 and 2, 4 are in modes of their own (weight[")
    assert "weight[a]" in told
    assert "weight[b]" in told
    assert "sigma" not in told
    each = modes.apart({"weight[a]": GOOD[..., 0] + 8 * np.arange(4)[:, None]})
    assert each is not None
    assert each.startswith("every chain is in a mode of its own (weight[a] ")


def test_chains_that_wander_or_agree_are_in_no_modes_of_their_own():
    assert modes.apart({"a": GOOD[..., 0]}) is None
    wandering = np.cumsum(GOOD[..., 0], axis=1)
    assert modes.apart({"a": wandering}) is None
    assert modes.apart({"a": GOOD[:1, :, 0]}) is None
    stuck = np.array([0, 0, 9, 0])[:, None] + GOOD[..., 0] * np.array([1, 1, 0, 1])[:, None]
    assert modes.apart({"a": stuck}) is None
