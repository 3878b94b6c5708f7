"""R-hat and effective sample sizes, against ArviZ's one quantity at a time."""

from typing import Any

import numpy as np
import pytest
from arviz_stats.base.array import array_stats

from dirimix.sampling.convergence import faults, summarise
from dirimix.sampling.rhat_ess import check_chains, ess_bulk


def correlated(chains: int, draws: int, p: int) -> np.ndarray:
    """Autoregressive draws, (chains, draws, p), from antithetic to very slow ones."""
    rng = np.random.default_rng(0)
    slowness, draw = np.linspace(-0.9, 0.995, p), rng.normal(size=(chains, p))
    found = []
    for _ in range(draws):
        draw = slowness * draw + rng.normal(size=(chains, p))
        found.append(draw)
    return np.stack(found, axis=1)


def one_at_a_time(draws: np.ndarray) -> tuple[np.ndarray, ...]:
    """Bulk and tail effective sample sizes and R-hat by ArviZ, (p,) each."""
    axes: dict[str, Any] = {"chain_axis": 0, "draw_axis": 1}
    return (
        np.asarray(array_stats.ess(draws, method="bulk", **axes)),
        np.asarray(array_stats.ess(draws, method="tail", prob=(0.05, 0.95), **axes)),
        np.asarray(array_stats.rhat(draws, method="rank", **axes)),
    )


@pytest.mark.parametrize(
    ("chains", "count"), [(4, 500), (3, 251), (1, 100), (2, 4), (2, 5), (4, 7), (2, 11), (2, 12)]
)
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
def test_equals_arviz(chains: int, count: int) -> None:
    draws = correlated(chains, count, 230)
    draws[..., 1] = np.round(draws[..., 1])  # ties
    draws[..., 2] = draws[..., 2] > 1.5
    draws[0, :, 3] += 2.0
    draws[..., 4] = np.arange(chains)[:, None] % 2  # each chain constant, not the same
    draws[..., 5] = np.arange(count) % 5 > 0  # four of five, in the others one of five
    draws[1::2, :, 5] = 1 - draws[1::2, :, 5]
    for found, expected in zip(check_chains(draws), one_at_a_time(draws), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(ess_bulk(draws), check_chains(draws).ess_bulk)


def test_what_never_varies_has_no_rhat() -> None:
    found = check_chains(np.ones((4, 50, 2)))
    assert np.isnan(found.rhat).all()
    assert (found.ess_bulk == 200).all()


def test_single_precision_is_judged_in_double() -> None:
    draws = correlated(4, 100, 5).astype(np.float32)
    np.testing.assert_array_equal(check_chains(draws), check_chains(draws.astype(float)))


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_chain_that_lies_apart_is_seen(shift: float) -> None:
    draws = np.random.default_rng(0).normal(size=(4, 500, 20))
    draws[0] += shift
    found = check_chains(draws)
    assert (found.rhat > 1.01).all() == (shift > 0)
    assert (found.ess_bulk < 400).all() == (shift > 0)


def test_a_draw_that_is_no_number_is_a_fault() -> None:
    draws = np.random.default_rng(1).normal(size=(4, 500, 2))
    assert faults(summarise(draws, ["p", "q"])) == ()
    draws[1, 7, 1] = np.nan
    (told,) = faults(summarise(draws, ["p", "q"]))
    assert told.words == "draws of 1 quantity are no finite number (first q)"
