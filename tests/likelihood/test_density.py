"""The likelihood with the weights integrated out, against direct integration."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from direct import log_expectation
from dirimix.likelihood.density import Likelihood
from dirimix.likelihood.routes import COARSE, FINE, Accuracy
from dirimix.likelihood.saddle import saddle_log_densities, saddle_points

CASES = [(-1.0, 1.0), (-1.0, 0.05), (-8.0, 6.0), (-30.0, 25.0), (-0.1, 0.1), (-2.9, -1.9),
         (-8.0, -4.0), (-30.0, -20.0)]  # fmt: skip


def evaluate(d: np.ndarray, alpha: np.ndarray, s: float) -> np.ndarray:
    return Likelihood(d).evaluate(alpha, np.full(len(d), s))[0]


@pytest.fixture(scope="module")
def two_models():
    """Errors of the log density for two models, with the total concentration of each case."""
    cases = [
        (d, total * np.array([share, 1 - share]))
        for total in (0.1, 0.3, 1.0, 4.0, 8.9, 9.1, 20.0, 40.0)
        for share in (0.3, 0.1)
        for d in CASES
    ]
    d, alpha = (np.array(column) for column in zip(*cases, strict=True))
    exact = np.array([log_expectation(a, b, 1.0) for a, b in zip(d, alpha, strict=True)])
    seen = exact > -12
    return (evaluate(d, alpha, 1.0) - exact)[seen], alpha.sum(axis=1)[seen]


def test_two_models_agree_with_the_direct_integral(two_models):
    error, total = two_models
    usual = total >= 0.3
    assert np.median(np.abs(error[usual])) < 1e-5
    assert np.max(np.abs(error[usual])) < 2e-3
    # models almost chosen outright: differences of large terms
    assert np.max(np.abs(error[~usual])) < 1e-2


def test_large_concentrations_agree_with_the_direct_integral():
    d = np.array([(-1.0, 1.0), (-1.0, 0.05), (-0.1, 0.1), (-3.0, -1.0), (-8.0, 6.0)])
    for total in (61.0, 300.0):
        alpha = np.tile(total * np.array([0.3, 0.7]), (len(d), 1))
        exact = np.array([log_expectation(a, b, 1.0) for a, b in zip(d, alpha, strict=True)])
        assert np.max(np.abs(evaluate(d, alpha, 1.0) - exact)) < 1e-4


@pytest.fixture(scope="module")
def anywhere():
    """Two models and an observation anywhere, up to 6 noise levels outside their hull."""
    rng, n = np.random.default_rng(11), 1200
    near = rng.uniform(-12, 6, n)
    d = np.column_stack([near, np.maximum(near, 0) + rng.gamma(1.0, 12.0, n)])
    total, share = np.exp(rng.uniform(np.log(0.3), np.log(99), n)), rng.beta(1.5, 1.0, n)
    alpha = np.column_stack([share * total, (1 - share) * total]) + 0.02
    exact = np.array([log_expectation(a, b, 1.0) for a, b in zip(d, alpha, strict=True)])
    seen = exact > -14
    return d[seen], alpha[seen], exact[seen]


def test_every_route_agrees_with_the_direct_integral(anywhere):
    d, alpha, exact = anywhere
    assert np.max(np.abs(evaluate(d, alpha, 1.0) - exact)) < 0.01
    assert np.max(np.abs(evaluate(d, alpha, 1.01) - exact)) > 0.01  # the control


def test_models_hundreds_of_noise_levels_apart_are_served():
    rng, n = np.random.default_rng(12), 400
    spread, place = np.exp(rng.uniform(np.log(30), np.log(300), n)), rng.uniform(0.05, 0.95, n)
    d = np.column_stack([-place * spread, (1 - place) * spread])
    total, share = rng.uniform(18, 99, n), np.clip(1 - place + rng.normal(0, 0.1, n), 0.02, 0.98)
    alpha = np.column_stack([share * total, (1 - share) * total])
    exact = np.array([log_expectation(a, b, 1.0) for a, b in zip(d, alpha, strict=True)])
    seen = exact > -12

    def error(accuracy: Accuracy) -> float:
        found = Likelihood(d, accuracy).evaluate(alpha, np.ones(n))[0]
        return np.max(np.abs(found - exact)[seen])

    assert error(FINE) < 1e-4
    assert error(COARSE) < 1e-3
    assert error(FINE._replace(line=0.6)) < 1e-4  # the step is halved
    assert error(FINE._replace(line=0.6, agree=np.inf)) > 5e-4  # the control: it is not


def test_the_force_is_near_the_gradient_everywhere(anywhere):
    d, alpha, exact = anywhere

    def gap(**changes: float) -> np.ndarray:
        fine, other = (
            Likelihood(d, a).evaluate(alpha, np.ones(len(d)))
            for a in (FINE, COARSE._replace(**changes))
        )
        slopes = np.column_stack([(other[1] - fine[1]) * alpha, other[2] - fine[2]])
        return np.max(np.abs(slopes), axis=1)[exact > -13]

    assert np.max(gap()) < 1.0
    assert np.max(gap(doubt=np.inf)) > 5.0  # the control: the saddle point wherever it may serve


def test_it_serves_every_noise_level():
    d, alpha = np.array([(-1.0, 1.0), (-4.0, 3.0)]), np.array([[0.5, 2.0], [1.0, 4.0]])
    for s in (0.4, 1.0, 2.5):
        exact = np.array([log_expectation(a, b, s) for a, b in zip(d, alpha, strict=True)])
        assert evaluate(d, alpha, s) == pytest.approx(exact, abs=1e-5)


def test_it_survives_a_trajectory_that_goes_astray():
    d, alpha = np.array([(-1.0, 1.0)] * 6), np.array([[0.5, 2.0]] * 6)
    alpha[4:] = np.nan, np.inf
    s = np.array([0.0, 1e-310, 1e-17, np.nan, 1.0, 1.0])
    for accuracy in (FINE, COARSE):
        value, by_alpha, by_s = Likelihood(d, accuracy).evaluate(alpha, s)
        assert (value == -np.inf).all()
        assert not np.column_stack([by_alpha, by_s]).any()
    assert np.isfinite(evaluate(d[:1], alpha[:1], 1e-12)).all()  # the control


def test_a_model_at_the_observation_with_almost_no_noise_does_not_disturb_other_rows():
    d, alpha, s = np.array([[0.0, 1e10], [1.0, 1e30]]), np.ones((2, 2)), np.array([1e-300, 1.0])
    for accuracy in (FINE, COARSE):
        value, by_alpha, by_s = Likelihood(d, accuracy).evaluate(alpha, s)
        alone = Likelihood(d[1:], accuracy).evaluate(alpha[1:], s[1:])
        assert value[0] == -np.inf
        assert not np.any([*by_alpha[0], by_s[0]])
        assert np.isfinite(value[1])
        np.testing.assert_allclose(
            [value[1], *by_alpha[1], by_s[1]], np.hstack([a.ravel() for a in alone])
        )


def test_a_site_is_the_same_whatever_stands_before_it():
    rng, n = np.random.default_rng(6), 6000
    d = rng.normal(0, 1, (n, 3)) * 10 ** rng.uniform(-1, 7, (n, 1))
    d += rng.choice([0, 1], (n, 1)) * 10 ** rng.uniform(0, 7, (n, 1))
    alpha, s = 10 ** rng.uniform(-6, 2, (n, 3)), np.ones(n)
    for accuracy in (FINE, COARSE):
        there = Likelihood(d, accuracy).evaluate(alpha, s)
        back = Likelihood(d[::-1].copy(), accuracy).evaluate(alpha[::-1].copy(), s)
        for one, other in zip(there, back, strict=True):
            np.testing.assert_allclose(one, other[::-1], rtol=1e-9, atol=1e-9)


def test_the_smallest_concentrations_keep_their_digits():
    steps = 1 + 3e-4 * np.arange(8)
    alpha = np.column_stack([1e-13 * steps, np.full(8, 1e-3)])
    # all but the tiny concentration's own term is the same: the density goes as alpha_1
    value, *_ = Likelihood(np.tile([0.0, 40.0], (8, 1)), FINE).evaluate(alpha, np.ones(8))
    np.testing.assert_allclose(np.diff(value), np.diff(np.log(steps)), rtol=1e-3)


def test_models_too_far_away_for_newtons_steps_give_no_density_above_its_bound():
    rng, n = np.random.default_rng(11), 40_000
    centre = rng.normal(size=(n, 1)) * 10 ** rng.uniform(3, 6.5, (n, 1))
    d = centre + rng.normal(size=(n, 3)) * 10 ** rng.uniform(-2, 6, (n, 1))
    alpha = np.exp(rng.uniform(-14, 0, (n, 3)))
    alpha[:, 0] += rng.uniform(20, 90, n)
    beyond = np.maximum(np.maximum(d.min(axis=1), -d.max(axis=1)), 0)
    for accuracy in (FINE, COARSE):
        value, by_alpha, by_s = Likelihood(d, accuracy).evaluate(alpha, np.ones(n))
        assert (value <= -0.5 * beyond**2 - 0.87).all()
        assert np.isfinite(np.column_stack([value, by_alpha, by_s])).all()


def test_a_saddle_point_that_was_not_found_is_not_trusted():
    # rounding leaves no minimum there, and parts of the correction below 0
    alpha = np.array([
        (2.0665545561703171e-07, 9.977025925425307), (1.6597130598713886e-07, 13.887799406354311),
    ])  # fmt: skip
    d = np.array([
        (-16.865517038011568, 2.723189607051654), (8.389429145756745, -2.924875507009667),
    ])  # fmt: skip
    exact = np.array([-4.626816, -5.196386])  # by quadrature over the logit of the weight
    for i in range(2):
        assert evaluate(d[i : i + 1], alpha[i : i + 1], 1.0) == pytest.approx(exact[i], abs=0.01)
    found, doubt = at_saddle_points(d, alpha)
    assert (np.abs(found - exact) < doubt).all()


def test_the_wrong_noise_level_is_seen():
    d, alpha = np.array([(-1.0, 1.0), (-4.0, 3.0)]), np.array([[0.5, 2.0], [1.0, 4.0]])
    exact = np.array([log_expectation(a, b, 1.1) for a, b in zip(d, alpha, strict=True)])
    assert np.min(np.abs(evaluate(d, alpha, 1.0) - exact)) > 1e-3


def test_nine_models_agree_with_monte_carlo():
    rng = np.random.default_rng(4)
    d, log_alpha = rng.normal(0, 0.5, (40, 9)), rng.normal(-0.5, 1.2, (40, 9))
    found = np.exp(evaluate(d, np.exp(log_alpha), 0.2))
    w = np.stack([rng.dirichlet(alpha, 40_000) for alpha in np.exp(log_alpha)], axis=1)
    density = norm.pdf(np.einsum("snk,nk->sn", w, d), 0, 0.2)
    error = density.std(axis=0) / np.sqrt(len(density))
    z = (found - density.mean(axis=0)) / error
    assert np.max(np.abs(z)) < 4.5
    assert np.max(np.abs((1.1 * found - density.mean(axis=0)) / error)) > 4.5  # the control


def test_finer_nodes_change_nothing():
    rng = np.random.default_rng(5)
    d, alpha = rng.normal(0, 2, (60, 6)), np.exp(rng.normal(0, 1.2, (60, 6)))
    finer = Likelihood(d, FINE._replace(step=0.06, line=0.1))
    gap = evaluate(d, alpha, 0.5) - finer.evaluate(alpha, np.full(60, 0.5))[0]
    assert np.sqrt(np.sum(gap**2)) < 1e-3


def test_gradients_are_those_of_the_value():
    d = np.array([[-1.0, 0.3, 2.0], [-5.0, 3.0, 8.0], [-0.2, 0.1, 0.05], [-3.0, -4.0, -2.5]])
    base = np.array([[0.3, 1.0, 2.0], [1.0, 2.0, 3.0], [0.1, 0.2, 5.0], [1.0, 1.0, 0.2]])
    d, alpha = np.tile(d, (3, 1)), np.concatenate([base, 4 * base, 20 * base])
    likelihood, step = Likelihood(d), 1e-5
    s = np.full(12, 0.7)
    _, by_alpha, by_s = likelihood.evaluate(alpha, s)
    for k in range(3):
        move = step * alpha[:, k : k + 1] * np.eye(3)[k]
        change = (likelihood.evaluate(alpha + move, s)[0]
                  - likelihood.evaluate(alpha - move, s)[0]) / (2 * step)  # fmt: skip
        assert by_alpha[:, k] * alpha[:, k] == pytest.approx(change, abs=1e-3)
    up, down = (likelihood.evaluate(alpha, s + x)[0] for x in (step, -step))
    assert by_s == pytest.approx((up - down) / (2 * step), rel=2e-4)


def test_the_gradient_that_jax_takes_is_the_same():
    rng = np.random.default_rng(7)
    d, alpha, s = rng.normal(0, 1, (5, 3)), np.exp(rng.normal(0, 1, (5, 3))), np.full(5, 0.4)
    likelihood = Likelihood(d)
    weight = np.arange(1.0, 6.0)
    with jax.enable_x64(True):
        slopes = jax.grad(lambda a, b: jnp.sum(weight * likelihood(a, b)), (0, 1))
        by_alpha, by_s = map(np.asarray, jax.jit(slopes)(alpha, s))
    _, expected_alpha, expected_s = likelihood.evaluate(alpha, s)
    assert by_alpha == pytest.approx(weight[:, None] * expected_alpha)
    assert by_s == pytest.approx(weight * expected_s)


def test_the_coarse_form_is_close():
    rng = np.random.default_rng(6)
    d, alpha = rng.normal(0, 1, (200, 5)), np.exp(rng.normal(0, 1, (200, 5)))
    coarse = Likelihood(d).coarse().evaluate(alpha, np.full(200, 0.3))[0]
    assert np.median(np.abs(coarse - evaluate(d, alpha, 0.3))) < 1e-5


@pytest.mark.parametrize("concentration", [1.0, 40.0])  # on a path, at the saddle point
def test_a_model_that_is_not_known_takes_no_part(concentration):
    d, s = np.array([[0.3, np.nan, -0.5], [-0.2, np.nan, 0.4]]), np.full(2, 0.2)
    alpha = concentration * np.array([[1.0, 7.0, 0.5], [0.3, 7.0, 1.2]])
    two = [0, 2]
    value, by_alpha, by_s = Likelihood(d).evaluate(alpha, s)
    expected = Likelihood(d[:, two]).evaluate(alpha[:, two], s)
    for found, other in zip((value, by_alpha[:, two], by_s), expected, strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-9, atol=1e-12)
    assert (by_alpha[:, 1] == 0).all()


def test_only_the_chosen_sites_are_filled_in():
    rng = np.random.default_rng(12)
    d, alpha, chosen = rng.normal(size=(9, 3)), rng.uniform(4, 9, (9, 3)), np.array([1, 4, 8])
    by_alpha, kept = np.full((9, 3), np.pi), np.full((4, 9), np.pi)
    value, by_log_s, doubt, tau = kept
    saddle_log_densities(d, alpha, np.ones(9), chosen, value, by_alpha, by_log_s, doubt, tau)
    whole, _ = at_saddle_points(d, alpha)
    np.testing.assert_allclose(value[chosen], whole[chosen], rtol=1e-12)
    left = np.delete(np.arange(9), chosen)
    for part in (by_alpha, *kept):
        assert (part[left] == np.pi).all()
        assert (part[chosen] != np.pi).all()


def test_the_saddle_point_improves_with_the_concentration():
    d = np.array([-1.0, 1.0])
    alpha = np.array([[10.0], [100.0]]) * [0.3, 0.7]
    exact = [log_expectation(d, a, 1.0) for a in alpha]
    first, second = np.abs(at_saddle_points(np.tile(d, (2, 1)), alpha)[0] - exact)
    assert second < first / 20


@pytest.mark.parametrize("n", [1, 16, 37])
def test_a_saddle_point_has_no_slope(n):
    rng = np.random.default_rng(10)
    d, alpha = rng.normal(0, 3, (n, 5)), rng.gamma(2.0, 3.0, (n, 5))
    d[rng.uniform(size=d.shape) < 0.2] = np.nan
    d[:, 0], s = 1.0, rng.uniform(0.5, 2.0, n)

    def slopes(p: np.ndarray, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = alpha / (p[:, None] - tau[:, None] * d / s[:, None])
        return np.nansum(share, axis=1) - 1, tau + np.nansum(share * d / s[:, None], axis=1)

    p, tau = saddle_points(d, alpha, s)
    for slope in slopes(p, tau):
        np.testing.assert_allclose(slope, 0, atol=1e-9)
    assert np.abs(slopes(p, tau + 1e-6)[1]).min() > 1e-9  # the control


def test_slopes_at_saddle_points_are_those_of_the_value_to_many_digits():
    """The second-order correction's part in them is small: tolerances for the density miss it."""
    rng, n, step = np.random.default_rng(14), 200, 1e-4
    alpha = 10 ** rng.uniform(0.5, 2.5, (n, 3))
    d, s = rng.normal(0, 2, (n, 3)), np.ones(n)
    _, by_alpha, by_log_s, doubt, _ = around_saddle_points(d, alpha, s)

    def slope(move: np.ndarray, by: float = 0.0) -> np.ndarray:
        far, near, back, farther = (
            around_saddle_points(d, alpha * np.exp(h * move), s * np.exp(h * by))[0]
            for h in (2 * step, step, -step, -2 * step)
        )
        return (8 * (near - back) - (far - farther)) / (12 * step)

    exact = np.column_stack([*(slope(unit) for unit in np.eye(3)), slope(np.zeros(3), 1.0)])
    good = doubt < COARSE.doubt
    assert good.sum() > 150
    found = np.column_stack([by_alpha * alpha, by_log_s])
    np.testing.assert_allclose(found[good], exact[good], atol=1e-7)


def around_saddle_points(d: np.ndarray, alpha: np.ndarray, s: np.ndarray) -> tuple:
    """Log densities in units of 1 / s, derivatives in alpha and log s, doubts and saddle points."""
    n = len(d)
    value, by_log_s, doubt, tau = np.empty((4, n))
    by_alpha = np.empty(d.shape)
    saddle_log_densities(d, alpha, s, np.arange(n), value, by_alpha, by_log_s, doubt, tau)
    return value, by_alpha, by_log_s, doubt, tau


def at_saddle_points(d: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log densities with noise 1, and the doubts in them."""
    value, _, _, doubt, _ = around_saddle_points(d, alpha, np.ones(len(d)))
    return value, doubt


@pytest.fixture(scope="module")
def scattered():
    """Models far apart, large concentrations: d, alpha, log density and its error by sampling."""
    rng, cases = np.random.default_rng(8), []
    while len(cases) < 80:
        d = rng.normal(0, 10 ** rng.uniform(0, 1.3), 4)
        alpha = rng.uniform(9, 60) * rng.dirichlet(np.full(4, 0.3)) + 0.02
        if norm.pdf(rng.dirichlet(alpha, 1000) @ d).mean() > 1e-4:
            density = norm.pdf(rng.dirichlet(alpha, 100_000) @ d)
            error = density.std() / density.mean() / np.sqrt(len(density))
            cases.append((d, alpha, np.log(density.mean()), error))
    return cases


def test_models_far_apart_agree_with_monte_carlo(scattered):
    d, alpha, expected, error = (np.array(c) for c in zip(*scattered, strict=True))
    found = evaluate(d, alpha, 1.0)
    allowed = 4.5 * error + 2e-3
    assert np.all(np.abs(found - expected) < allowed)
    assert np.any(np.abs(found + 0.05 - expected) > allowed)  # the control


def test_the_doubt_bounds_the_error_of_the_saddle_point():
    rng, n = np.random.default_rng(9), 2000
    d = rng.normal(0, 10 ** rng.uniform(0, 1.3, (n, 1)), (n, 4))
    alpha = rng.uniform(9, 90, (n, 1)) * rng.dirichlet(np.full(4, 0.3), n) + 0.02
    exact = Likelihood(d, FINE._replace(doubt=-1.0)).evaluate(alpha, np.ones(n))[0]
    seen = (exact > -12) & (d.min(axis=1) < 0) & (d.max(axis=1) > 0)
    found, doubt = at_saddle_points(d, alpha)
    error = np.abs(found - exact)[seen]
    assert np.all(error <= doubt[seen] + 1e-4)
    assert np.any(error > 0.1)  # there is something to bound
    assert np.any(error > rng.permutation(doubt[seen]) + 1e-4)  # the control


_DIGESTS = """
import hashlib
import numpy as np
from dirimix.likelihood.density import Likelihood

rng = np.random.default_rng(13)
d, alpha = rng.normal(0, 3, (500, 5)), np.exp(rng.normal(1, 1.5, (500, 5)))
for likelihood in (Likelihood(d), Likelihood(d).coarse()):
    parts = likelihood.evaluate(alpha, np.ones(500))
    print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""


@pytest.mark.slow  # the loops are compiled from nothing
def test_loops_just_compiled_give_the_same_bits_as_those_from_the_cache(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}

    def begin() -> subprocess.Popen:
        command = [sys.executable, "-c", _DIGESTS]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    together = [begin(), begin()]
    first, second = (process.communicate()[0] for process in together)
    third, _ = begin().communicate()
    assert first == second == third
    fine, coarse = first.split()
    assert fine != coarse  # the control
