"""Quantiles of mixtures of few and of many components, the latter by a compiled loop."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

from dirimix.laws.normal_mixture import NormalMixture
from dirimix.laws.quantiles import evaluate
from dirimix.laws.quantiles.loops import evaluate_rows

LEVELS = (1e-9, 2e-4, 0.025, 0.5, 0.7, 0.95, 1 - 1e-5)


def mixture(c: int, m: int, seed: int = 0, *, of_sites: bool = False) -> NormalMixture:
    """Components of many sizes, some without weight; units over many magnitudes."""
    rng = np.random.default_rng(seed)
    unit = 10.0 ** rng.uniform(-9, 9, m)
    loc = unit * (rng.normal(size=(c, m)) * 10.0 ** rng.uniform(-2, 2) + rng.normal(size=m))
    scale = unit * 10.0 ** rng.uniform(-2, 1, (c, m))
    weight = rng.dirichlet(np.full(c, 0.5), m).T if of_sites else rng.dirichlet(np.full(c, 0.5))
    weight[::7] = 0.0
    return NormalMixture(loc, scale, weight / weight.sum(axis=0))


@pytest.mark.parametrize("of_sites", [False, True])
@pytest.mark.parametrize("c", [3, 1500])
@pytest.mark.parametrize("seed", range(3))
def test_quantiles_are_where_the_distribution_is(c, seed, of_sites):
    law = mixture(c, 5, seed, of_sites=of_sites)
    found = law.quantiles(LEVELS)
    for i in range(5):
        weight, loc, scale = law.site_weight[:, i], law.loc[:, i], law.scale[:, i]
        unit = np.abs(scale).max() + np.abs(loc).max()
        for q, own in zip(LEVELS, found[i], strict=True):
            # from the side on which probabilities are small, and keep their digits
            sign, p = (1, q) if q < 0.5 else (-1, 1 - q)

            def above(t, law=(weight, loc, scale), sign=sign, p=p):
                return law[0] @ ndtr(sign * (t - law[1]) / law[2]) - p

            exact = brentq(above, -60 * unit, 60 * unit, xtol=1e-14 * unit, rtol=np.float64(1e-14))
            assert own == pytest.approx(exact, abs=1e-9 * law.std()[i])


def test_a_site_has_its_quantiles_in_any_call():
    law = mixture(1200, 21)
    whole = law.quantiles((0.05, 0.5))
    for some in ([0], [20], [3, 4, 5], np.arange(8), np.arange(20, 3, -1)):
        np.testing.assert_array_equal(law.at(np.array(some)).quantiles((0.05, 0.5)), whole[some])
    np.testing.assert_array_equal(law.ppf(0.05), whole[:, 0])


def test_many_components_are_evaluated_as_few_are():
    law = mixture(1500, 11, 4, of_sites=True)
    parts = law.loc, law.scale, law.weight
    plain, compiled = evaluate._plain(*parts), evaluate._quick(*parts)
    rounding = len(law.loc) * np.finfo(float).eps / 2  # of a sum of so many terms that make up 1
    for t in (law.mean(), law.mean() + 2 * law.std(), law.mean() - 9 * law.std()):
        everywhere = np.ones(11, dtype=bool)
        (below, density), (own_below, own_density) = plain(t, everywhere), compiled(t, everywhere)
        np.testing.assert_allclose(own_below, below, rtol=0, atol=rounding)
        np.testing.assert_allclose(own_density, density, rtol=1e-12)
    assert not np.any(compiled(law.mean(), np.zeros(11, dtype=bool)))  # nothing was asked for


def test_one_normal_is_evaluated_to_rounding():
    z = np.linspace(-12, 12, 4001)
    one = np.ones((1, 1))
    below, density = evaluate_rows(0 * one, one, one, z, np.ones(len(z), dtype=bool))
    np.testing.assert_allclose(below, ndtr(z), rtol=0, atol=4e-16)
    exact = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(density, exact, rtol=0, atol=2e-15)
    near = np.abs(z) < 5
    np.testing.assert_allclose(density[near], exact[near], rtol=1e-11)


def test_which_loop_is_taken_depends_on_components_and_level(monkeypatch):
    taken = []
    for name in ("_plain", "_quick"):
        own = getattr(evaluate, name)

        def note(*parts, name=name, own=own):
            taken.append(name)
            return own(*parts)

        monkeypatch.setattr(evaluate, name, note)
    many, few = np.ones((1500, 2)), np.ones((15, 2))
    list(evaluate.evaluators(many, many, many, (0.5, 0.9)))
    assert taken == ["_plain", "_quick"]
    taken.clear()
    list(evaluate.evaluators(many, many, many, (1e-5,)))
    list(evaluate.evaluators(few, few, few, (0.5,)))
    assert taken == ["_plain", "_plain"]


def test_no_levels_and_no_sites_give_empty_tables():
    law = mixture(3, 4)
    assert law.quantiles(()).shape == (4, 0)
    assert law.at(slice(0, 0)).quantiles((0.1, 0.5)).shape == (0, 2)


def test_moments_are_the_callers_own():
    law = mixture(3, 4)
    mean = law.mean()
    law.mean()[:] = 0
    law.std()[:] = 0
    np.testing.assert_array_equal(law.mean(), mean)
    assert np.all(law.std() > 0)
