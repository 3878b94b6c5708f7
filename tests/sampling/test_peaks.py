"""Chains start at peaks that have mass, near their tops."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dirimix.sampling.peaks import Peak, around, between, find_peaks

WIDTHS = np.array([0.1, 0.7])  # of the higher peak, at 3, and of the lower one, at -3


def landscape(depth: float):
    """Two normal peaks in two latents, the tops of which are `depth` nats apart."""
    tops, heights = np.array([[3.0, 3.0], [-3.0, -3.0]]), np.array([0.0, -depth])

    def parts(q):
        away = (q - tops) / WIDTHS[:, None]
        log = heights - 0.5 * np.sum(away**2, axis=1)
        share = np.exp(log - np.logaddexp(*log))
        return np.logaddexp(*log), share, away / WIDTHS[:, None]

    def slope(q):
        value, share, pull = parts(q)
        return -value, share @ pull

    def curvature(q):
        _, share, pull = parts(q)
        mean = share @ pull
        inner = np.einsum("i,ij,ik->jk", share, pull, pull) - np.outer(mean, mean)
        return np.eye(2) * (share @ WIDTHS**-2.0) - inner

    return slope, curvature


@pytest.mark.parametrize(
    ("depth", "tops"),
    [
        (1.0, [-3, 3]),  # the lower one is wider, and so has more mass
        (10.0, [3, -3]),
        (50.0, [3]),
    ],
)
def test_a_start_is_given_to_peaks_that_have_mass(depth, tops):
    slope, curvature = landscape(depth)
    starts = np.array([[3.1, 2.95], [-2.5, -2.0], [-3.5, -3.0]])
    peaks = find_peaks(slope, curvature, starts, [(-9, 9)] * 2)
    assert [round(p.mode[0]) for p in peaks] == tops


def test_peaks_of_what_is_about_right_are_moved_to_those_of_what_is():
    slope, curvature = landscape(1.0)
    moved = np.array([0.05, -0.2])  # half a width and a quarter
    starts = np.array([[3.1, 2.95], [-2.5, -2.0], [-3.5, -3.0]])
    options = (slope, curvature, starts, [(-9, 9)] * 2)
    about = find_peaks(*options)
    peaks = find_peaks(*options, exact=lambda q: slope(q - moved))
    assert len(peaks) == len(about) == 2
    for peak, near in zip(peaks, about, strict=True):
        np.testing.assert_allclose(peak.mode, near.mode + moved, atol=1e-3)
        np.testing.assert_array_equal(peak.covariance, near.covariance)


def test_four_peaks_at_most_are_moved():
    tops = 10.0 * np.arange(6)

    def slope(q, away=0.0):  # parabolas side by side, each a little lower than the one before
        nearest = np.abs(q - tops).argmin()
        gap = q - tops[nearest] - away
        return float(0.5 * gap @ gap + nearest), gap

    starts = tops[:, None] + 0.3
    find = partial(find_peaks, slope, lambda _: np.eye(1), starts, [(-9.0, 99.0)])
    assert [peak.mode[0] for peak in find()] == pytest.approx(tops, abs=1e-3)
    moved = find(exact=partial(slope, away=0.25))
    assert [peak.mode[0] for peak in moved] == pytest.approx(tops[:4] + 0.25, abs=1e-3)


def test_chains_start_about_their_peak_and_not_far_below_it():
    slope, _ = landscape(10.0)
    peak = Peak(np.array([3.0, 3.0]), 100 * np.eye(2))  # far too wide
    rng = np.random.default_rng(0)
    starts = np.array([around(peak, lambda q: -slope(q)[0], rng) for _ in range(50)])
    lost = np.array([slope(q)[0] - slope(peak.mode)[0] for q in starts])
    assert lost.max() < 16
    far = [slope(3 + 10 * rng.normal(size=2))[0] for _ in range(50)]  # the control
    assert 0 < np.median(lost) < np.median(far)


def test_there_is_a_move_where_there_are_several_peaks():
    peaks = [Peak(np.full(3, at), np.eye(3)) for at in (0.0, 5.0)]
    assert between([]) == between(peaks[:1]) == []
    assert len(between(peaks)) == 1


def test_a_move_and_its_way_back_end_where_they_began():
    rng = np.random.default_rng(2)
    roots = [np.linalg.qr(rng.normal(size=(4, 4)))[0] * 10.0 ** rng.uniform(-3, 0, 4) for _ in "ab"]
    (move,) = between([Peak(rng.normal(size=4), root @ root.T) for root in roots])
    q = rng.normal(size=4)
    with jax.enable_x64(True):
        there, stretch = move(jax.random.key(0), jnp.asarray(q))
        keys = [jax.random.key(k) for k in range(8)]  # half of them lead the other way
        back = [move(key, there) for key in keys]
    least = min(np.abs(np.asarray(end) - q).max() for end, _ in back)
    assert least < 1e-10
    assert min(abs(float(stretch + other)) for _, other in back) < 1e-12 < abs(float(stretch))
