"""The likelihood over all that it serves: every concentration, every distance, every route."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import trapezoid

from dirimix.likelihood.density import Likelihood
from dirimix.likelihood.routes import COARSE, FINE, Accuracy
from weight_integral import along, between_two, log_density

MATTERS = 30.0  # nats below the best that any concentrations would give
NEAR = {FINE: 0.01, COARSE: 0.02}  # nat; the force trusts the saddle point up to that doubt
MOST = 40  # models


def evaluate(d: np.ndarray, alpha: np.ndarray, accuracy: Accuracy = FINE) -> tuple:
    """Log density, its derivatives in log alpha, and in log s, of one site with noise 1."""
    value, by_alpha, by_s = of_sites([d], [alpha], accuracy)
    return value[0], by_alpha[0, : len(d)] * alpha, by_s[0]


def of_sites(d: list[np.ndarray], alpha: list[np.ndarray], accuracy: Accuracy = FINE) -> tuple:
    """What the likelihood gives for sites with noise 1 that each have their number of models."""
    gaps, rest = np.full((len(d), MOST), np.nan), np.ones((len(d), MOST))
    for i, (places, concentrations) in enumerate(zip(d, alpha, strict=True)):
        gaps[i, : len(places)], rest[i, : len(places)] = places, concentrations
    return Likelihood(gaps, accuracy).evaluate(rest, np.ones(len(d)))


def best(d: np.ndarray) -> float:
    return -0.5 * max(d.min(), -d.max(), 0.0) ** 2 - 0.5 * np.log(2 * np.pi)


def draw(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-uniform A, shares and distances; y predicted by the models, outside, or near one."""
    share = 10 ** rng.uniform(rng.uniform(-8, 0), 0, count)
    alpha = 10 ** rng.uniform(-6, 6) * share / share.sum()
    top = rng.uniform(-2, 12)
    f = 10 ** rng.uniform(top - rng.uniform(0, 14), top, count) * rng.choice([-1, 1], count)
    place = rng.integers(4)
    if place == 0:
        return (f - f.min() + 10 ** rng.uniform(-2, 3)) * rng.choice([-1, 1]), alpha
    if place == 1:
        return f - f[rng.integers(count)] - 3 * rng.normal(), alpha
    logs = np.log(rng.gamma(alpha + 1)) + np.log(rng.random(count)) / alpha
    w = np.exp(logs - logs.max())
    return f - (w / w.sum()) @ f - rng.normal() * rng.choice([1, 3]), alpha


@pytest.fixture(scope="module")
def of_two():
    """Two models anywhere, with the log density by quadrature over the weight."""
    rng, cases = np.random.default_rng(31), []
    while len(cases) < 250:
        d, alpha = draw(rng, 2)
        exact = between_two(d, alpha)
        if exact > best(d) - MATTERS:
            cases.append((d, alpha, exact))
    return tuple(map(np.array, zip(*cases, strict=True)))


@pytest.mark.parametrize("accuracy", list(NEAR))
def test_two_models_agree_with_quadrature_over_the_weight(of_two, accuracy):
    d, alpha, exact = of_two
    found = Likelihood(d, accuracy).evaluate(alpha, np.ones(len(d)))[0]
    assert np.max(np.abs(found - exact)) < NEAR[accuracy]


def test_the_saddle_point_alone_would_not_do(of_two):
    d, alpha, exact = of_two
    alone = FINE._replace(doubt=np.inf)
    assert np.max(np.abs(Likelihood(d, alone).evaluate(alpha, np.ones(len(d)))[0] - exact)) > 0.5


@pytest.fixture(scope="module")
def anywhere():
    """Sites with all that a search for modes may try, and the best that is possible at each."""
    rng, cases = np.random.default_rng(1), []
    for _ in range(16):
        count, sites = int(rng.integers(2, 12)), 500
        middle, spread = rng.uniform(-10, 15, (sites, 1)), rng.uniform(0.1, 12)
        log_alpha = np.clip(middle + spread * rng.standard_normal((sites, count)), -30, 15)
        d = 10 ** rng.uniform(-2, 8, (sites, 1)) * rng.standard_normal((sites, count))
        cases.append((d, np.exp(log_alpha), np.array([best(row) for row in d])))
    return cases


def above(anywhere: list, accuracy: Accuracy) -> np.ndarray:
    """How much higher log densities are than is possible."""
    found = [
        Likelihood(d, accuracy).evaluate(alpha, np.ones(len(d)))[0] - most
        for d, alpha, most in anywhere
    ]
    return np.concatenate(found)


@pytest.mark.parametrize("accuracy", list(NEAR))
def test_no_density_is_above_that_of_the_best_weights(anywhere, accuracy):
    assert np.max(above(anywhere, accuracy)) < NEAR[accuracy]


def test_saddle_points_that_were_not_found_would_be_far_above(anywhere):
    assert np.max(above(anywhere, FINE._replace(doubt=np.inf))) > 1e6


@pytest.mark.parametrize(
    ("alpha", "d", "exact"),
    [
        ((0.024, 51.04), (45.3, -1.71), -2.339),
        ((0.022, 77.52), (287.0, -0.25), -0.966),
        ((0.062, 72.64), (23.3, -2.71), -4.497),
        ((0.05, 20.0), (260.0, -1.0), -1.431),
    ],
)
def test_a_far_model_of_small_concentration(alpha, d, exact):
    d, alpha = np.array(d), np.array(alpha)
    assert evaluate(d, alpha)[0] == pytest.approx(exact, abs=5e-4)
    assert between_two(d, alpha) == pytest.approx(exact, abs=5e-4)
    weight = np.random.default_rng(0).beta(alpha[0], alpha[1], 400_000)
    density = np.exp(-0.5 * (weight * d[0] + (1 - weight) * d[1]) ** 2) / np.sqrt(2 * np.pi)
    error = density.std() / density.mean() / np.sqrt(len(density))
    assert np.log(density.mean()) == pytest.approx(exact, abs=4 * error + 5e-4)


@pytest.fixture(scope="module")
def of_many():
    """3 to 40 models, with what the double integral gives: value and two derivatives."""
    rng, cases = np.random.default_rng(32), []
    while len(cases) < 40:
        d, alpha = draw(rng, round(10 ** rng.uniform(0.45, 1.6)))
        with np.errstate(all="ignore"):
            value, unsure, path, step = log_density(d, alpha)
            if not (value > best(d) - MATTERS and unsure < 1e-6):
                continue
            turn = rng.normal(size=len(d)) * min(1, 10 / np.sqrt(alpha.sum()))

            def slope(move: Callable[[float], tuple], path=path, step=step) -> float:
                up, down = (along(path, *move(x), step=step)[0] for x in (1e-4, -1e-4))
                return (up - down) / 2e-4

            by_log_s = slope(lambda x, d=d, alpha=alpha: (d * np.exp(-x), alpha))
            by_alpha = slope(lambda x, d=d, alpha=alpha, t=turn: (d, alpha * np.exp(x * t)))
        cases.append((d, alpha, value, by_log_s, by_alpha, turn))
    return cases


@pytest.mark.parametrize("accuracy", list(NEAR))
def test_many_models_agree_with_the_double_integral(of_many, accuracy):
    for d, alpha, value, by_log_s, by_alpha, turn in of_many:
        found, slopes, by_s = evaluate(d, alpha, accuracy)
        near = NEAR[accuracy]
        assert found == pytest.approx(value, abs=near)
        assert by_s + 1 == pytest.approx(by_log_s, rel=near, abs=2 * near)
        assert slopes @ turn == pytest.approx(by_alpha, rel=near, abs=2 * near)


def test_wrong_concentrations_are_seen(of_many):
    off = [abs(evaluate(d, 1.1 * alpha)[0] - value) for d, alpha, value, *_ in of_many]
    assert np.max(off) > 0.01


def test_models_at_the_same_place_count_as_one(of_two):
    rng = np.random.default_rng(33)
    for d, alpha, exact in list(zip(*of_two, strict=True))[:30]:
        parts = [rng.dirichlet(np.full(n, 0.3)) + 1e-9 for n in rng.integers(1, 20, 2)]
        many = np.concatenate([a * p / p.sum() for a, p in zip(alpha, parts, strict=True)])
        places = np.concatenate([np.full(len(p), x) for x, p in zip(d, parts, strict=True)])
        assert evaluate(places, many)[0] == pytest.approx(exact, abs=0.01)


def walks() -> list[tuple[np.ndarray, np.ndarray]]:
    """Lines of sites that cross every boundary between routes, (m, K) distances and the same of
    concentrations, a hundred thousandth from one side to the other."""
    rng, lines = np.random.default_rng(34), []
    close = 1 + 1e-5 * np.array([-1.0, 1.0])
    for _ in range(150):
        count = int(rng.integers(2, 12))
        d, alpha = draw(rng, count)
        share = alpha / alpha.sum()
        # total concentrations at which the route changes
        lines += [
            (np.tile(d, (2, 1)), total * close[:, None] * share) for total in (0.02, 0.4, 5, 9)
        ]
        # the line outside the hull
        near = np.abs(d) - np.abs(d).min() + 2.0
        lines += [(near + close[:, None] - 1, np.tile(0.7 * share, (2, 1)))]
    return lines


def test_the_density_is_continuous_where_totals_and_the_hull_change_the_route():
    lines = walks()
    d_of, alpha_of = ([side for line in lines for side in line[part]] for part in (0, 1))

    def jumps(accuracy: Accuracy) -> list[float]:
        found, (by_site, by_alpha, _) = [], of_sites(d_of, alpha_of, accuracy)
        for i, (d, alpha) in enumerate(lines):
            values = by_site[2 * i : 2 * i + 2]
            slopes = by_alpha[2 * i : 2 * i + 2, : d.shape[1]]
            moves = [np.diff(alpha, axis=0)[0], np.diff(d, axis=0)[0]]
            if values.min() > max(best(d[0]), best(d[1])) - MATTERS and not moves[1].any():
                expected = slopes.mean(axis=0) @ moves[0]
                found.append(abs(np.diff(values)[0] - expected))
            elif values.min() > best(d[0]) - MATTERS:
                found.append(abs(np.diff(values)[0] - (best(d[1]) - best(d[0]))))
        return found

    fine = jumps(FINE)
    assert len(fine) > 300
    assert np.max(fine) < 0.002
    assert np.max(jumps(COARSE)) < 0.02
    assert np.max(jumps(FINE._replace(doubt=np.inf))) > 0.1  # the control


def test_it_is_continuous_where_doubts_and_faintness_change_the_route():
    # a model moves away, and a concentration grows, in steps so small that nothing else changes
    t = np.linspace(0, 1, 4001)

    def jumps(accuracy: Accuracy) -> float:
        most = 0.0
        for base, far in ((0.03, 40.0), (0.3, 40.0), (1.0, 12.0), (0.02, 3.0), (0.5, 0.3)):
            d = np.column_stack([np.geomspace(1, 1e4, len(t)), np.full(len(t), -1.0)])
            alpha = np.tile([base, far - 0.5 * base], (len(t), 1))
            for moved in (d, np.column_stack([np.full(len(t), 62.0), -8 * t])):
                values = Likelihood(moved, accuracy).evaluate(alpha, np.ones(len(t)))[0]
                bend = np.abs(np.diff(values, 2))
                most = max(most, float(bend[values[1:-1] > -20].max()))
        return most

    assert jumps(FINE) < 0.005
    assert jumps(COARSE) < 0.05
    assert jumps(FINE._replace(doubt=0.5)) > 0.05  # the control


def test_it_is_finite_wherever_the_truth_is():
    rng, n = np.random.default_rng(35), 2000
    d, alpha = np.empty((2, n, 5))
    for i in range(n):
        d[i], alpha[i] = draw(rng, 5)
    for accuracy in (FINE, COARSE):
        parts = Likelihood(d, accuracy).evaluate(alpha, np.ones(n))
        assert all(np.isfinite(part).all() for part in parts)
        bound = [best(x) for x in d]
        assert (parts[0] <= np.array(bound) + NEAR[accuracy]).all()


def test_a_model_that_is_too_far_for_digits_counts_by_its_power_law():
    # alpha = (1, a): the far weight has the density a w^(a - 1); from a = 1 on it matters to none
    rng = np.random.default_rng(5)
    for _ in range(30):
        near, far, a = rng.normal(), 10 ** rng.uniform(11, 90), 10 ** rng.uniform(-2, 0)
        log_t = np.linspace(-40 / a, np.log(20), 200_001)
        rest = trapezoid(a * np.exp(a * log_t - 0.5 * (np.exp(log_t) - near) ** 2), log_t)
        exact = np.log(rest / np.sqrt(2 * np.pi)) - a * np.log(far)
        d, alpha = np.array([near, -far]), np.array([1.0, a])
        value, by_log_alpha, by_s = evaluate(d, alpha)
        assert abs(value - exact) < 1e-4
        step = 1e-4
        more, less = (
            evaluate(d, alpha * np.array([1.0, np.exp(sign * step)]))[0] for sign in (1, -1)
        )
        assert abs((more - less) / (2 * step) - by_log_alpha[1]) < 1e-4 * (1 + abs(exact))
        wider, closer = (
            Likelihood(d[None]).evaluate(alpha[None], np.full(1, np.exp(sign * step)))[0][0]
            for sign in (1, -1)
        )
        assert abs((wider - closer) / (2 * step) - by_s) < 1e-4
