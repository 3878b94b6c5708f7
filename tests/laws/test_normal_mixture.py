"""The predictive law against scipy for one component and against samples for many."""

import time
import warnings

import numpy as np
import pytest
from scipy import stats

from dirimix.errors import InputError
from dirimix.laws.normal_mixture import NormalMixture

QS = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)


def one_component() -> NormalMixture:
    return NormalMixture(np.array([[0.0, 5.0]]), np.array([[1.0, 0.3]]), np.array([1.0]))


def many_components(shared: bool, seed: int = 3) -> NormalMixture:
    rng = np.random.default_rng(seed)
    c, m = 6, 4
    weight = rng.dirichlet(np.ones(c)) if shared else rng.dirichlet(np.ones(c), m).T
    return NormalMixture(rng.normal(0, 2, (c, m)), rng.uniform(0.1, 1.0, (c, m)), weight)


def brute_samples(law: NormalMixture, site: int, n: int, seed: int) -> np.ndarray:
    """Draws of one site's mixture, written without the law's own code."""
    rng = np.random.default_rng(seed)
    weight = law.site_weight[:, site]
    c = rng.choice(len(weight), size=n, p=weight / weight.sum())
    return rng.normal(law.loc[c, site], law.scale[c, site])


def test_one_component_is_the_normal_law():
    law, normal = one_component(), stats.norm([0.0, 5.0], [1.0, 0.3])
    y = np.array([0.7, 4.1])
    np.testing.assert_allclose(law.cdf(y), normal.cdf(y), rtol=1e-13)
    np.testing.assert_allclose(law.logpdf(y), normal.logpdf(y), rtol=1e-13)
    np.testing.assert_allclose(law.mean(), normal.mean(), rtol=1e-13)
    np.testing.assert_allclose(law.std(), normal.std(), rtol=1e-13)
    expected = np.stack([normal.ppf(q) for q in QS], axis=1)
    np.testing.assert_allclose(law.quantiles(QS), expected, atol=1e-12)


@pytest.mark.parametrize("shared", [True, False])
def test_many_components_agree_with_brute_force_samples(shared):
    law, n = many_components(shared), 200_000
    t = law.quantiles(QS)
    for site in range(law.loc.shape[1]):
        draws = brute_samples(law, site, n, seed=site)
        error = law.std()[site] / np.sqrt(n)
        assert abs(draws.mean() - law.mean()[site]) < 4 * error
        for q, value in zip(QS, t[site], strict=True):
            assert abs(np.mean(draws <= value) - q) < 4 * np.sqrt(q * (1 - q) / n)


def test_a_quantile_that_is_shifted_by_a_tenth_is_found_out():
    law, n = many_components(True), 200_000
    wrong = law.ppf(0.5) + 0.1 * law.std()
    below = np.mean(brute_samples(law, 0, n, seed=0) <= wrong[0])
    assert abs(below - 0.5) > 4 * np.sqrt(0.25 / n)


@pytest.mark.parametrize("shared", [True, False])
def test_samples_follow_the_distribution_function(shared):
    law = many_components(shared)
    draws = law.sample(2000, np.random.default_rng(0))
    assert draws.shape == (2000, 4)
    u = np.array([law.cdf(row) for row in draws])
    shifted = np.array([law.cdf(row + 0.3 * law.std()) for row in draws])
    for site in range(4):
        assert stats.kstest(u[:, site], "uniform").pvalue > 1e-3
        assert stats.kstest(shifted[:, site], "uniform").pvalue < 1e-6


def test_a_draw_keeps_its_component_at_all_sites():
    mean = np.array([[0.0, 10.0], [100.0, 110.0]])
    law = NormalMixture(mean, np.full((2, 2), 1e-3), np.array([0.5, 0.5]))
    draws = law.sample(500, np.random.default_rng(1))
    np.testing.assert_allclose(draws[:, 1] - draws[:, 0], 10.0, atol=0.02)
    assert 0.4 < np.mean(draws[:, 0] > 50) < 0.6


def test_shared_weights_and_the_same_weights_at_every_site_draw_alike():
    law = many_components(True)
    spread = NormalMixture(law.loc, law.scale, np.array(law.site_weight))
    found, same = (one.sample(100, np.random.default_rng(2)) for one in (law, spread))
    np.testing.assert_array_equal(found, same)


def test_components_without_weight_are_never_drawn_and_never_matter():
    mean = np.array([[-1e6], [0.0], [1e6]])
    law = NormalMixture(mean, np.ones((3, 1)), np.array([0.0, 1.0, 0.0]))
    assert np.abs(law.sample(2000, np.random.default_rng(0))).max() < 10
    np.testing.assert_allclose(law.quantiles(QS)[0], stats.norm.ppf(QS), atol=1e-12)


def test_quantiles_invert_the_distribution_function_of_awkward_mixtures():
    rng = np.random.default_rng(1)
    for _ in range(60):
        c, m = rng.integers(1, 8), 5
        mean = rng.normal(size=(c, m)) * 10 ** rng.uniform(-3, 3)
        sd = 10 ** rng.uniform(-3, 2, size=(c, m))
        law = NormalMixture(mean, sd, rng.dirichlet(np.full(c, 0.3), m).T)
        for q in (1e-4, 0.025, 0.5, 0.9, 0.999):
            np.testing.assert_allclose(law.cdf(law.ppf(q)), q, atol=1e-9)


def test_quantiles_in_a_gap_and_far_from_zero():
    two = NormalMixture(np.array([[0.0], [1e3]]), np.ones((2, 1)), np.array([0.3, 0.7]))
    expected = stats.norm.ppf(0.2 / 0.3), 1e3 + stats.norm.ppf(0.1 / 0.7)
    np.testing.assert_allclose(two.quantiles((0.2, 0.4))[0], expected, atol=1e-8)
    far = NormalMixture(np.array([[1e9]]), np.array([[1e-3]]), np.array([1.0]))
    np.testing.assert_allclose(far.ppf(0.9), 1e9 + 1e-3 * stats.norm.ppf(0.9), atol=1e-6)


def test_blocks_do_not_change_an_answer(monkeypatch):
    law = many_components(False)
    whole = law.quantiles(QS), law.std(), law.logpdf(np.zeros(4))
    monkeypatch.setattr("dirimix.laws.normal_mixture._BLOCK", 1)
    parts = law.quantiles(QS), law.std(), law.logpdf(np.zeros(4))
    assert len(list(law.blocks())) == 4
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_posterior_of_usual_size_takes_seconds():
    rng = np.random.default_rng(0)
    c, m = 4000, 160
    law = NormalMixture.of_draws(rng.normal(0, 0.3, (c, m)), rng.uniform(0.2, 0.3, (c, 1)))
    start = time.perf_counter()
    law.quantiles(QS)
    law.sample(1000, rng)
    assert time.perf_counter() - start < 10


def test_no_site_and_no_quantile_are_fine():
    law = NormalMixture(np.empty((3, 0)), np.empty((3, 0)), np.full(3, 1 / 3))
    assert law.quantiles(QS).shape == (0, 7)
    assert law.logpdf(np.empty(0)).shape == (0,)
    assert one_component().quantiles(()).shape == (2, 0)


@pytest.mark.parametrize("q", [0.0, 1.0, -0.1, np.nan])
def test_a_quantile_outside_the_unit_interval_is_refused(q):
    with pytest.raises(InputError, match=r"a quantile lies strictly between 0 and 1"):
        one_component().ppf(q)


@pytest.mark.parametrize(
    ("mean", "sd", "weight", "message"),
    [
        (np.zeros((2, 3)), np.ones((2, 2)), np.ones(2) / 2, r"one shape \(c, m\)"),
        (np.zeros((2, 3)), np.ones((2, 3)), np.ones(3) / 3, r"one shape \(c, m\)"),
        (np.array([[0.0, np.nan]]), np.ones((1, 2)), np.ones(1), "finite means .* row 2"),
        (np.zeros((1, 2)), np.array([[0.0, 1.0]]), np.ones(1), "positive standard .* row 1"),
        (np.zeros((2, 1)), np.ones((2, 1)), np.ones(2), "sum to 1; found sums from 2"),
        (np.zeros((2, 1)), np.ones((2, 1)), np.array([1.5, -0.5]), "least weight of -0.5"),
    ],
)
def test_a_law_that_is_none_is_refused(mean, sd, weight, message):
    with pytest.raises(InputError, match=message):
        NormalMixture(mean, sd, weight)


def test_hopeless_tails_raise_no_warning():
    law = NormalMixture(np.array([[0.0], [1e8]]), np.array([[1e-6], [1.0]]), np.array([0.5, 0.5]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert law.logpdf(np.array([-1e12]))[0] < -1e20
        assert np.isfinite(law.quantiles((1e-12, 1 - 1e-12))).all()
