"""The scale of the noise: right where it is known, whatever the outliers, the unit and the gaps."""

import numpy as np
import pytest

from dirimix.errors import InputError, ScaleWarning
from dirimix.laws.noise_scale import NoiseScale, noise_scale, residual_spread

WEIGHTS = np.array([0.5, 0.3, 0.2])
SIGMA = 0.1


def data(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    f = rng.normal(0, 1, (n, 3))
    return f, f @ WEIGHTS + rng.normal(0, SIGMA, n)


def found(f: np.ndarray, y: np.ndarray) -> float:
    scale = noise_scale(None, f, y)
    assert scale.found
    return scale.value


def spoilt(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The same rows with what tables of people have in them."""
    f, y = data()
    some = np.arange(len(y)) % 10 == 0
    if kind == "outliers":
        y = y + 10 * SIGMA * some
    elif kind == "one row dominates":
        y[7] = 1e9
    elif kind == "gross errors":
        y = y + 1e4 * some
    elif kind == "a far model":
        f = np.column_stack([f, 1e19 * np.random.default_rng(1).normal(size=len(y))])
    elif kind == "gaps":
        f = np.column_stack([f, np.where(some, y + 0.02, np.nan)])
    elif kind == "twins":
        f = np.column_stack([f, f, f[:, 0] + 1e-9])
    elif kind == "a row without a model":
        f = np.where(some[:, None], np.nan, f)
    return f, y


@pytest.mark.parametrize(
    "kind",
    ["nothing", "outliers", "one row dominates", "gross errors", "a far model", "gaps", "twins",
     "a row without a model"],
)  # fmt: skip
def test_it_is_that_of_the_residuals(kind):
    # a tenth of the rows far off moves the median by 13 %, the residuals of 400 rows by 6 %
    assert found(*spoilt(kind)) == pytest.approx(SIGMA, rel=0.3)


def test_without_discounting_outliers_would_decide():
    f, y = spoilt("one row dominates")
    assert residual_spread(f, y).rms > 1e6 * SIGMA
    assert np.sqrt(np.mean((y - f @ WEIGHTS) ** 2)) > 1e6 * SIGMA


@pytest.mark.parametrize("unit", [1e-28, 1e-3, 1e6, 1e12])
@pytest.mark.parametrize("kind", ["nothing", "outliers", "one row dominates", "gaps"])
def test_the_unit_is_that_of_the_data(unit, kind):
    f, y = spoilt(kind)
    assert found(unit * f, unit * y) == pytest.approx(unit * found(f, y), rel=1e-9)


def test_a_constant_added_to_all_does_not_matter():
    f, y = data()
    # numbers of 1e9 have steps of 1e-7
    assert found(f + 1e9, y + 1e9) == pytest.approx(found(f, y), rel=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_few_rows_give_a_scale_within_the_reach_of_the_prior(n):
    values = [found(*data(seed, n)) for seed in range(100)]
    assert min(values) > 0
    # the best constant mixture of three models may pass through two or three points
    assert SIGMA / 64 < np.median(values) < 64 * SIGMA


@pytest.mark.parametrize("unit", [1e-28, 1.0, 1e12])
def test_models_without_residual_leave_the_distance_of_the_best(unit):
    f, _ = data()
    y = f @ WEIGHTS
    spread = residual_spread(f, y)
    assert spread.is_exact
    assert found(unit * f, unit * y) == pytest.approx(unit * spread.alone)
    assert spread.alone == pytest.approx(np.median(np.abs(f[:, 0] - y)) * 1.4826)


def test_a_model_that_is_the_answer_leaves_the_spread_of_y():
    f, y = data()
    alike = np.column_stack([y, f])
    assert found(alike, y) == pytest.approx(np.median(np.abs(y - np.median(y))) * 1.4826)
    assert found(np.full((5, 2), 3.0), np.full(5, 3.0)) == pytest.approx(3 * 1.4826)
    assert found(np.zeros((5, 2)), np.zeros(5)) == 1


def test_rows_that_mostly_agree_leave_the_others():
    f, y = data()
    dry = np.arange(len(y)) % 3 > 0  # as in a river's, whose models all say 0
    f[dry], y[dry] = 0.0, 0.0
    assert found(f, y) == pytest.approx(SIGMA, rel=0.2)


@pytest.mark.parametrize("given", [0, -1.0, np.inf, np.nan, "1", True, [1.0]])
def test_what_is_no_scale_is_refused(given):
    with pytest.raises(InputError, match="y_scale must be a positive finite number or None, not"):
        noise_scale(given, *data())


@pytest.mark.parametrize("given", [1e308, 1e160, 1e-160, 5e-324])
def test_a_scale_whose_squares_are_no_numbers_is_refused(given):
    with pytest.raises(InputError, match="y_scale is .*, and the values of the training rows are"):
        noise_scale(given, *data())


@pytest.mark.parametrize(("given", "words"), [(4.0, "too large"), (0.003, "too small")])
def test_a_scale_that_is_far_off_is_warned_about(given, words):
    with pytest.warns(ScaleWarning, match=f"y_scale is {given:g}, .* about 0.1.*{words}"):
        assert noise_scale(given, *data()) == NoiseScale(given, found=False)


@pytest.mark.parametrize("given", [2.5, 0.1, 0.004, np.float32(0.2)])
def test_a_scale_within_thirty_times_is_not(given):
    assert noise_scale(given, *data()) == NoiseScale(float(given), found=False)


def test_a_scale_between_that_of_most_rows_and_the_rms_is_not_warned_about():
    f, y = spoilt("gross errors")
    assert noise_scale(100.0, f, y).value == 100
    with pytest.warns(ScaleWarning):
        noise_scale(1e6, f, y)


def test_a_scale_that_stands_is_kept():
    scale = NoiseScale(1e9, found=True)
    assert noise_scale(scale, *data()) is scale
