"""The law of a transformed mixture against SciPy's lognormal, quadrature and Monte Carlo."""

import numpy as np
import pytest
import scoringrules
from scipy import stats

from dirimix.laws.crps import crps_values
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.laws.transformed_mixture import (
    TransformedMixture,
    predictive_law,
    side_by_side,
)
from dirimix.laws.transforms import BoxCox, Identity, Log, LogOnePlus, SquareRoot
from dirimix.scores import coverage, points_of

CENSORED = [LogOnePlus(), SquareRoot(), BoxCox(0.3, 2.0), BoxCox(0.9, 0.5)]
EVERY = [Log(), BoxCox(0.0, 3.0), *CENSORED]
every_transform = pytest.mark.parametrize("transform", EVERY, ids=repr)


def mixture(seed: int, sites: int = 6, components: int = 5) -> NormalMixture:
    """Components from far above the floor to astride it."""
    rng = np.random.default_rng(seed)
    loc = np.linspace(-0.5, 5, sites) + rng.normal(0, 0.3, (components, sites))
    scale = rng.uniform(0.1, 0.8, (components, sites))
    return NormalMixture(loc, scale, rng.dirichlet(np.ones(components)))


def law_of(transform, seed: int = 1) -> TransformedMixture:
    return TransformedMixture(mixture(seed), transform)


def by_quadrature(law: TransformedMixture, site: int, function, kink: float = 0.0) -> float:
    """The integral over positive y of function(law, y) dy, panel by panel in y = u^4."""
    one = law.at(slice(site, site + 1))
    inner = one.quantiles([1e-9, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-6, 1 - 1e-9])[0]
    edges = np.unique([0.0, kink, *inner, float(one.ppf(1 - 1e-14)[0])]) ** 0.25
    x, w = np.polynomial.legendre.leggauss(80)
    half = np.diff(edges)[:, None] / 2
    u = (edges[:-1, None] + half * (1 + x)).ravel()
    values = function(law.at(np.full(len(u), site)), u**4) * 4 * u**3
    return float((half * w).ravel() @ values)


@pytest.mark.parametrize("scale", [0.01, 0.5, 1.0, 2.5])
def test_a_single_log_component_is_scipys_lognormal(scale):
    law = TransformedMixture(NormalMixture.of_draws(np.array([[-3.0, 0.0, 7.0]]), scale), Log())
    known = stats.lognorm(scale, scale=np.exp([-3.0, 0.0, 7.0]))
    y = known.ppf([0.01, 0.6, 0.999])
    np.testing.assert_allclose(law.mean(), known.mean(), rtol=1e-10)
    np.testing.assert_allclose(law.std(), known.std(), rtol=1e-8)
    np.testing.assert_allclose(law.cdf(y), known.cdf(y), rtol=1e-12)
    np.testing.assert_allclose(law.logpdf(y), known.logpdf(y), rtol=1e-12)
    np.testing.assert_allclose(law.ppf(0.3), known.ppf(0.3), rtol=1e-12)
    exact = scoringrules.crps_lognormal(y, np.array([-3.0, 0.0, 7.0]), np.full(3, scale))
    np.testing.assert_allclose(crps_values(law, y), exact, rtol=1e-7)


@every_transform
def test_the_probability_of_zero_and_the_density_add_up_to_one(transform):
    law = law_of(transform)
    at_zero = law.probability_of_zero()
    assert (at_zero[0] > 0.01) == (transform in CENSORED and transform.floor > -2)
    for site in range(law.n_sites):
        density = by_quadrature(law, site, lambda one, y: np.exp(one.logpdf(y)))
        assert density + at_zero[site] == pytest.approx(1, abs=1e-9)
    # a control: the density of z in place of that of y does not
    without = by_quadrature(law, 3, lambda one, y: np.exp(one.latent.logpdf(transform.to(y))))
    assert abs(without + at_zero[3] - 1) > 0.1


@every_transform
def test_moments_and_crps_are_the_integrals_that_they_are_defined_by(transform):
    law = law_of(transform, seed=2)
    mean, sd = law.mean(), law.std()
    y = np.array([0.5, 0.0, 2.0, 3.0, 30.0, 1e3])[: law.n_sites]
    score = crps_values(law, y)

    def survival(one, t):
        return 1 - one.cdf(t)

    for site in range(law.n_sites):
        first = by_quadrature(law, site, survival)
        second = by_quadrature(law, site, lambda one, t: 2 * t * survival(one, t))
        assert mean[site] == pytest.approx(first, rel=1e-7)
        assert sd[site] == pytest.approx(np.sqrt(second - first**2), rel=1e-5)
        # E|Y - y| - E|Y - Y'| / 2
        spread = by_quadrature(law, site, lambda one, t: survival(one, t) * (1 - survival(one, t)))
        absolute = absolute_difference(law, site, y[site])
        assert score[site] == pytest.approx(absolute - spread, rel=1e-6)


def absolute_difference(law: TransformedMixture, site: int, y: float) -> float:
    """E|Y - y| from the density and the probability of zero."""

    def density(one, t):
        return np.abs(t - y) * np.exp(one.logpdf(t))

    from_density = by_quadrature(law, site, density, kink=y)
    return from_density + y * law.probability_of_zero()[site]


@every_transform
def test_draws_have_the_law(transform):
    law, n = law_of(transform, seed=3), 40_000
    draws = law.sample(n, np.random.default_rng(4))
    y = np.maximum(law.ppf(0.6), 1e-3)
    error = np.sqrt(law.cdf(y) * (1 - law.cdf(y)) / n)
    assert np.all(np.abs((draws <= y).mean(axis=0) - law.cdf(y)) < 4 * error)
    assert np.all(np.abs(draws.mean(axis=0) - law.mean()) < 4 * law.std() / np.sqrt(n))
    crps = np.abs(draws - y).mean(axis=0) - np.abs(draws[::2] - draws[1::2]).mean(axis=0) / 2
    assert np.all(np.abs(crps - crps_values(law, y)) < 4 * law.std() / np.sqrt(n / 2))
    # a control: to map the mean back is not the mean
    naive = transform.back(law.latent.mean())
    assert np.any(np.abs(draws.mean(axis=0) - naive) > 4 * law.std() / np.sqrt(n))


@every_transform
def test_quantiles_invert_the_distribution(transform):
    law = law_of(transform, seed=5)
    for q in (0.025, 0.5, 0.975):
        at = law.ppf(q)
        inside = at > 0
        np.testing.assert_allclose(law.cdf(at)[inside], q, atol=1e-9)
        assert np.all(law.cdf(at)[~inside] >= q)
        assert np.all(at >= 0)


def test_box_cox_of_power_one_is_the_normal_law_and_of_zero_that_of_the_log():
    rng = np.random.default_rng(6)
    y = np.array([900.0, 1000.0, 1200.0])
    plain = NormalMixture(1000 + rng.normal(0, 20, (4, 3)), np.full((4, 3), 50.0), np.full(4, 0.25))
    # z = y / unit - 1
    same = TransformedMixture(
        NormalMixture(plain.loc / 100 - 1, plain.scale / 100, plain.weight), BoxCox(1.0, 100.0)
    )
    np.testing.assert_allclose(same.mean(), plain.mean(), rtol=1e-10)
    np.testing.assert_allclose(same.std(), plain.std(), rtol=1e-8)
    np.testing.assert_allclose(same.logpdf(y), plain.logpdf(y), rtol=1e-10)
    np.testing.assert_allclose(crps_values(same, y), crps_values(plain, y), rtol=1e-6)
    np.testing.assert_allclose(same.quantiles([0.1, 0.9]), plain.quantiles([0.1, 0.9]), rtol=1e-10)
    of_log = TransformedMixture(mixture(7, sites=3), Log())
    shifted = NormalMixture(
        of_log.latent.loc - np.log(5.0), of_log.latent.scale, of_log.latent.weight
    )
    limit = TransformedMixture(shifted, BoxCox(0.0, 5.0))
    np.testing.assert_allclose(limit.logpdf(y), of_log.logpdf(y), rtol=1e-10)
    np.testing.assert_allclose(limit.mean(), of_log.mean(), rtol=1e-10)


def test_means_and_deviations_keep_their_digits_where_the_law_is_narrow():
    narrow = NormalMixture.of_draws(np.array([[20.0]]), 1e-9)
    law = TransformedMixture(narrow, Log())
    np.testing.assert_allclose(law.std(), np.exp(20) * 1e-9, rtol=1e-6)


def test_an_observation_of_zero_is_inside_an_interval_that_begins_at_zero():
    loc = np.array([[-3.0, -0.2, 0.5, 4.0]])  # P(Y = 0): 1, 0.58, 0.31, 0
    law = TransformedMixture(NormalMixture.of_draws(loc, 1.0), LogOnePlus())
    zero = np.zeros(4)
    at_zero = stats.norm.cdf(-loc[0])
    np.testing.assert_allclose(law.logpdf(zero), np.log(at_zero), rtol=1e-12)
    low = law.ppf(0.25)
    for site in range(4):
        one = law.at(slice(site, site + 1))
        assert coverage(one, zero[:1], (0.5,))[0] == (low[site] <= 0)
    assert np.all(np.isfinite(points_of(law, zero)["crps"]))


def test_the_log_probability_of_zero_is_a_number_where_the_probability_is_not():
    """An outlier of forty standard deviations had a log score of minus infinity."""
    loc, weight = np.array([[20.0, 38.0], [30.0, 50.0]]), np.array([0.75, 0.25])
    latent = NormalMixture(loc, np.array([[0.5, 1.0], [0.5, 1.0]]), weight)
    law = TransformedMixture(latent, LogOnePlus())
    exact = np.log(0.75) + stats.norm.logcdf([-40, -38])
    np.testing.assert_allclose(law.logpdf(np.zeros(2)), exact, rtol=1e-12)
    # a scale without a place for 0 gives it none
    assert np.all(TransformedMixture(latent, Log()).logpdf(np.zeros(2)) == -np.inf)


def test_what_lies_below_zero_has_no_density_and_its_distance_in_the_crps():
    law = law_of(SquareRoot())
    below = np.full(law.n_sites, -2.0)
    assert np.all(law.cdf(below) == 0)
    assert np.all(law.logpdf(below) == -np.inf)
    np.testing.assert_allclose(crps_values(law, below), 2 + crps_values(law, 0 * below), rtol=1e-9)


def test_a_component_far_below_the_floor_is_zero():
    law = TransformedMixture(NormalMixture.of_draws(np.array([[-50.0]]), 1.0), SquareRoot())
    assert law.mean() == law.std() == law.ppf(0.99) == 0
    assert crps_values(law, np.array([3.0])) == 3


def test_laws_join_side_by_side_and_no_transform_is_the_mixture_itself():
    law = law_of(Log())
    parts = [law.at(slice(0, 2)), law.at(np.array([2, 3, 4, 5]))]
    joined = side_by_side(parts)
    np.testing.assert_array_equal(joined.mean(), law.mean())
    assert isinstance(joined, TransformedMixture)
    assert predictive_law(law.latent, Identity()) is law.latent
    assert isinstance(side_by_side([law.latent, law.latent]), NormalMixture)
