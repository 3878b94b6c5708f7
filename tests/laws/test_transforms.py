"""The scales: there and back, slopes, errors and domains, against SciPy and finite differences."""

import numpy as np
import pytest
from scipy import stats

from dirimix.laws.transforms import BoxCox, Identity, Log, LogOnePlus, SquareRoot

EVERY = [
    Identity(), Log(), LogOnePlus(), SquareRoot(), BoxCox(0.0, 3.0), BoxCox(0.3, 2e-28),
    BoxCox(1.0, 5.0),
]  # fmt: skip
every_transform = pytest.mark.parametrize("transform", EVERY, ids=repr)


def values(transform) -> np.ndarray:
    return np.logspace(-3, 3, 40) * getattr(transform, "unit", 1.0)


@every_transform
def test_back_undoes_to_and_both_increase(transform):
    y = values(transform)
    z = transform.to(y)
    np.testing.assert_allclose(transform.back(z), y, rtol=1e-12)
    assert np.all(np.diff(z) > 0)


@every_transform
def test_the_stretch_is_the_slope_and_the_jacobian_its_inverse(transform):
    y = values(transform)
    z, h = transform.to(y), 1e-5
    slope = (transform.back(z + h) - transform.back(z - h)) / (2 * h)
    inside = z - h > transform.floor
    np.testing.assert_allclose(transform.stretch(z)[inside], slope[inside], rtol=1e-7)
    np.testing.assert_allclose(transform.log_jacobian(y), -np.log(transform.stretch(z)), rtol=1e-12)


@every_transform
def test_errors_go_by_the_delta_method_and_come_back(transform):
    y = values(transform)
    sd = 0.3 * y
    carried = transform.carry(y, sd)
    h = 1e-6 * y
    slope = (transform.to(y + h) - transform.to(y - h)) / (2 * h)
    np.testing.assert_allclose(carried, sd * slope, rtol=1e-7)
    np.testing.assert_allclose(transform.carry_back(transform.to(y), carried), sd, rtol=1e-9)


def test_the_error_of_a_zero_is_finite_in_the_square_root_and_comes_back():
    y, sd = np.array([0.0, 0.0, 1.0, 4.0]), np.array([0.0, 2.0, 5.0, 1.0])
    carried = SquareRoot().carry(y, sd)
    np.testing.assert_allclose(carried, [0, np.sqrt(2) / 2, np.sqrt(5) / 2, 0.25])
    np.testing.assert_allclose(SquareRoot().carry_back(np.sqrt(y), carried), sd)


@every_transform
def test_errors_below_the_floor_come_back(transform):
    floor = max(transform.floor, -4.0)
    z, sd = floor + np.array([-1.5, -0.5, 0.0, 0.5]), np.array([0.4, 0.2, 0.4, 0.4])
    y = transform.allowed(transform.back(z))
    np.testing.assert_allclose(transform.carry(y, transform.carry_back(z, sd)), sd, rtol=1e-6)
    at_floor = np.maximum(z, transform.floor)  # what lies below it stands for 0
    np.testing.assert_allclose(transform.carry_back(z, sd), transform.carry_back(at_floor, sd))


def test_box_cox_is_scipys_of_the_ratio_and_has_its_two_limits():
    y = np.logspace(-2, 2, 30)
    np.testing.assert_allclose(BoxCox(0.4, 2.0).to(y), stats.boxcox(y / 2, 0.4), rtol=1e-13)
    np.testing.assert_allclose(BoxCox(1.0, 1.0).to(y), y - 1, rtol=1e-12, atol=1e-15)
    near = np.abs(BoxCox(1e-8, 1.0).to(y) - np.log(y))
    assert near.max() < 1e-6
    assert np.abs(BoxCox(0.1, 1.0).to(y) - np.log(y)).max() > 0.1


def test_only_a_zero_that_has_a_place_is_an_atom():
    y = np.array([0.0, 1.0])
    for transform in (LogOnePlus(), SquareRoot(), BoxCox(0.5, 1.0)):
        assert transform.is_atom(y).tolist() == [True, False]
        assert transform.log_jacobian(y)[0] == 0
    for transform in (Identity(), Log(), BoxCox(0.0, 1.0)):
        assert not transform.is_atom(y).any()


EXACT = [Log(), BoxCox(0.0, 3.0), BoxCox(0.4, 3.0), BoxCox(1.0, 5.0)]


@pytest.mark.parametrize("transform", [*EXACT, LogOnePlus(), SquareRoot()], ids=repr)
@pytest.mark.parametrize(("loc", "scale"), [(1.0, 0.3), (2.0, 1.5), (4.0, 0.05)])
def test_the_reach_is_where_the_square_of_y_has_most_of_its_mean(transform, loc, scale):
    z = np.linspace(max(loc - 4 * scale, 0.01), loc + 20 * scale, 200_001)
    log_mass = 2 * np.log(transform.back(z)) - 0.5 * ((z - loc) / scale) ** 2
    exact = (z[np.argmax(log_mass)] - loc) / scale
    found = float(transform.reach(np.array([loc]), np.array([scale]))[0])
    assert found > 0.6 * exact
    if transform in EXACT:
        assert found == pytest.approx(exact, rel=0.01, abs=2e-3)


def test_box_cox_takes_a_zero_for_the_least_share_of_its_unit():
    np.testing.assert_allclose(BoxCox(0.3, 50.0).allowed(np.array([0.0, 2.0])), [5e-8, 2.0])
