"""One model by itself: the conjugate predictive is Student's t, and holes are named."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone

from dirimix.errors import DroppedRowsWarning, InputError
from dirimix.estimators.single_model import SingleModel
from dirimix.laws.noise_prior import GammaPrecision


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    x = np.arange(40.0)
    y = np.sin(x / 5)
    return pd.DataFrame({"x": x, "a": y + rng.normal(0, 0.3, 40), "b": y + 1, "y": y})


def test_predictive_is_students_t(frame):
    prior = GammaPrecision()
    fitted = SingleModel(["x"], ["a", "b"], "a", noise_prior=prior, y_scale=1).fit(frame, frame.y)
    shape = 0.252 + 20
    rate = 0.030 + np.sum((frame.y - frame.a) ** 2) / 2
    law = stats.t(2 * shape, frame.a, np.sqrt(rate / shape))
    np.testing.assert_allclose(
        fitted.predictive(frame).logpdf(frame.y.to_numpy()), law.logpdf(frame.y), atol=1e-9
    )
    np.testing.assert_allclose(
        fitted.predict_interval(frame, 0.9), np.column_stack(law.interval(0.9)), atol=1e-6
    )


def test_weights_are_one_for_the_model(frame):
    paper = {"noise_prior": "paper", "y_scale": 1}
    fitted = SingleModel(["x"], ["a", "b"], "b", **paper).fit(frame, frame.y)
    assert fitted.draw_weights(frame).shape == (1, 40, 2)
    np.testing.assert_array_equal(fitted.predict_weights(frame).iloc[0], [0.0, 1.0])
    assert fitted.priors_ == {"sigma": "sigma / 1 ~ Gamma(shape 5, rate 10)"}


def test_measurement_errors_lower_the_noise(frame):
    model = SingleModel(["x"], ["a", "b"], "a")
    plain = model.fit(frame, frame.y).sigma_
    assert clone(model).fit(frame, frame.y, 0.25).sigma_ < plain - 0.1


def test_measurement_errors_widen_the_law(frame):
    fitted = SingleModel(["x"], ["a", "b"], "a").fit(frame, frame.y)
    narrow, wide = (fitted.predictive(frame, e).std() for e in (None, 2.0))
    np.testing.assert_allclose(wide**2 - narrow**2, 4.0)


def test_coverage_is_nominal_and_a_wrong_law_is_found_out():
    rng = np.random.default_rng(4)
    y = rng.normal(0, 1, 4000)
    table = pd.DataFrame({"x": y, "a": y + rng.normal(0, 0.3, 4000), "b": y})
    fitted = SingleModel(["x"], ["a", "b"], "a").fit(table.iloc[:200], y[:200])
    band = 4 * np.sqrt(0.9 * 0.1 / 3800)

    def coverage(shift):
        low, high = fitted.predict_interval(table.iloc[200:], 0.9).T + shift
        return np.mean((low < y[200:]) & (y[200:] < high))

    slack = 2 * stats.norm.pdf(1.645) * 1.645 / np.sqrt(400) * 2  # sigma is known to 1/sqrt(2n)
    assert abs(coverage(0.0) - 0.9) < band + slack
    assert abs(coverage(0.3) - 0.9) > band + slack


def test_missing_rows_are_named(frame):
    holes = frame.copy()
    holes.loc[[3, 7], "a"] = np.nan
    with pytest.warns(
        DroppedRowsWarning, match=r"38 of 40 rows.*'a' has none at 2, first at row 4"
    ):
        fitted = SingleModel(["x"], ["a", "b"], "a").fit(holes, holes.y)
    with pytest.raises(InputError, match=r"'a' has no value at 2 of 40 .* first at row 4; leave"):
        fitted.predict(holes)


def test_holes_of_other_models_do_not_matter(frame):
    holes = frame.assign(b=frame.b.where(frame.x > 10))
    alone = SingleModel(["x"], ["a", "b"], "a", y_scale=0.3)
    whole = alone.fit(frame, frame.y).sigma_
    assert clone(alone).fit(holes, holes.y).sigma_ == whole


@pytest.mark.parametrize("name", [None, "c"])
def test_model_must_be_one_of_the_models(frame, name):
    with pytest.raises(InputError, match=rf"one of the models a, b, and model is {name!r}"):
        SingleModel(["x"], ["a", "b"], name).fit(frame, frame.y)
