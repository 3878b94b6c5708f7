"""Random numbers and products that belong to a site, not to the call."""

import numpy as np
import pytest
from scipy import stats

from dirimix.laws.sites import by_rows, quick_streams, row_product, site_normals, streams

SITES = [bytes(f"site {i}", "ascii") for i in range(2000)]


def test_a_stream_belongs_to_its_site():
    whole = site_normals(SITES[:40], 3, 1, "noise")
    order = np.random.default_rng(0).permutation(40)
    again = site_normals([SITES[i] for i in order], 3, 1, "noise")
    np.testing.assert_array_equal(again, whole[:, order])
    np.testing.assert_array_equal(site_normals(SITES[7:8] * 2, 3, 1, "noise"), whole[:, [7, 7]])
    np.testing.assert_array_equal(site_normals(SITES[:40], 2, 1, "noise"), whole[:2])
    # the control: one generator for the call gives a site what its place in the call is
    shared = np.random.default_rng(1).standard_normal((3, 40))
    assert not np.array_equal(np.random.default_rng(1).standard_normal((3, 40))[:, order], shared)


def test_a_quick_stream_belongs_to_its_site():
    whole = quick_normals(SITES[:9], 3, 1, "weights")
    np.testing.assert_array_equal(quick_normals(SITES[8:2:-1], 3, 1, "weights"), whole[:, 8:2:-1])
    for other in ((2, "weights"), (1, "noise")):
        assert np.all(quick_normals(SITES[:9], 3, *other) != whole)


@pytest.mark.parametrize("other", [(2, "noise"), (1, "weights"), (12, "noise"), (1, "2 noise")])
def test_seeds_and_purposes_have_streams_of_their_own(other: tuple[int, str]):
    seed, purpose = other
    found, different = (
        site_normals(SITES[:40], 3, *key) for key in ((1, "noise"), (seed, purpose))
    )
    assert np.all(found != different)


def quick_normals(sites: list[bytes], count: int, seed: int, purpose: str) -> np.ndarray:
    """As `site_normals`, from the quicker streams."""
    own = quick_streams(sites, seed, purpose)
    return np.stack([rng.standard_normal(count) for rng in own], axis=1)


@pytest.mark.parametrize("draw", [site_normals, quick_normals])
def test_numbers_of_all_sites_are_standard_normal_and_independent(draw):
    found = draw(SITES, 50, 3, "noise")
    assert len(np.unique(found)) == found.size
    assert stats.kstest(found.ravel(), "norm").pvalue > 1e-3
    assert stats.kstest(1.05 * found.ravel(), "norm").pvalue < 1e-3  # the control
    neighbours = np.mean(found[:, 1:] * found[:, :-1]) * np.sqrt(found[:, 1:].size)
    draws = np.mean(found[1:] * found[:-1]) * np.sqrt(found[1:].size)
    sums = stats.kstest(found.sum(axis=0) / np.sqrt(50), "norm").pvalue
    assert max(abs(neighbours), abs(draws)) < 4.5
    assert sums > 1e-3


def test_every_distribution_may_be_drawn_from_a_stream():
    shapes = [g.standard_gamma(0.5, 400) for g in streams(SITES[:50], 0, "weights")]
    assert stats.kstest(np.ravel(shapes), stats.gamma(0.5).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("g", "r"), [(1, 1), (3, 2), (40, 1), (26, 360), (513, 9)])
def test_a_row_of_a_product_depends_on_that_row_alone(g, r):
    rng = np.random.default_rng(0)
    rows, matrix = rng.normal(size=(300, g)), rng.normal(size=(g, r))
    whole = row_product(rows, matrix)
    np.testing.assert_allclose(whole, np.einsum("mg,gr->mr", rows, matrix), rtol=1e-9, atol=1e-9)
    for some in ([0], [299], [5, 5, 80], rng.permutation(300), np.arange(63, 65)):
        np.testing.assert_array_equal(row_product(rows[some], matrix), whole[some])
        found = by_rows(lambda a: a @ matrix, rows[some])
        np.testing.assert_array_equal(found, whole[some])
