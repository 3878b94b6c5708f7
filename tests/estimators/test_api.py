"""What every estimator owes to scikit-learn, and that bad parameters get one sentence each."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import dirimix
from dirimix.errors import ConvergenceWarning, InputError
from dirimix.laws.normal_mixture import NormalMixture
from short_fits import OPTIONS

COORDS, MODELS = ["x", "z"], ["a", "b"]
MIXTURES = list(OPTIONS)
EVERY = [*MIXTURES, "GPCorrection"]
SAMPLED = ("LinearMixture", "DirichletMixture", "LocalDirichletMixture", "LatentMixture")
UNCONVERGED = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
every_mixture = pytest.mark.parametrize("name", MIXTURES)
every_estimator = pytest.mark.parametrize("name", EVERY)
# what is sampled in the long tests only
quick_mixture = pytest.mark.parametrize(
    "name", [pytest.param(m, marks=[pytest.mark.slow] * (m in SAMPLED)) for m in MIXTURES]
)
pytestmark = UNCONVERGED


def table(n: int = 16) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x, z = np.arange(n) / 4, rng.uniform(0, 2, n)
    y = np.sin(x) + z
    models = {"a": y + rng.normal(0, 0.3, n), "b": y + rng.normal(0, 0.5, n)}
    return pd.DataFrame({"x": x, "z": z, **models, "y": y})


def made(name: str, **more):
    return getattr(dirimix, name)(COORDS, MODELS, **OPTIONS.get(name, {}), **more)


_FITTED = {}


def fitted(name: str):
    if name not in _FITTED:
        _FITTED[name] = made(name, random_state=3).fit(table(), table()["y"])
    return _FITTED[name]


def test_the_table_names_all_estimators():
    assert sorted(EVERY) == sorted(dirimix._HOME)
    public = {*dirimix._HOME, *dirimix._FUNCTIONS, *dirimix._MODULES, "__version__", "test"}
    assert sorted(public) == dir(dirimix) == sorted(dirimix.__all__)


@every_estimator
def test_seed_is_another_name_of_random_state(name):
    estimator = made(name, seed=7)
    assert estimator.get_params()["random_state"] == 7
    assert "seed" not in estimator.get_params()
    with pytest.raises(InputError, match="seed is another name of random_state; give one"):
        made(name, seed=7, random_state=7)
    with pytest.raises(AttributeError):
        _ = estimator.seed


@every_estimator
def test_a_clone_has_the_parameters_and_nothing_fitted(name):
    copy = clone(fitted(name))
    assert copy.get_params() == fitted(name).get_params()
    assert not [a for a in vars(copy) if a.endswith("_")]


@every_mixture
@pytest.mark.parametrize("method", ["predict", "predictive", "predict_interval", "predict_weights"])
def test_what_is_not_fitted_says_so(name, method):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        getattr(made(name), method)(table())


@every_estimator
def test_the_columns_of_a_fit_are_kept(name):
    assert list(fitted(name).feature_names_in_) == list(table().columns)
    assert fitted(name).n_features_in_ == table().shape[1]


@quick_mixture
def test_an_array_has_no_names_of_columns(name):
    array = table()[COORDS + MODELS].to_numpy()
    estimator = made(name).fit(array, table()["y"])
    assert estimator.n_features_in_ == 4
    assert not hasattr(estimator, "feature_names_in_")
    assert estimator.predict(array).shape == (16,)


@every_estimator
def test_missing_values_are_said_to_be_allowed(name):
    assert made(name).__sklearn_tags__().input_tags.allow_nan


@every_mixture
def test_draws_of_observations_belong_to_a_seed(name):
    draws = fitted(name).sample_y(table(), 5)
    assert draws.shape == (16, 5)
    np.testing.assert_array_equal(draws, fitted(name).sample_y(table(), 5))
    np.testing.assert_array_equal(draws, fitted(name).sample_y(table(), 5, random_state=3))
    assert np.all(draws != fitted(name).sample_y(table(), 5, random_state=4))
    with pytest.raises(
        InputError, match="random_state must be a whole number of 0 or more, not -1"
    ):
        fitted(name).sample_y(table(), random_state=-1)


@pytest.mark.parametrize("count", [0, -3, 1.5, True, None])
def test_a_number_of_draws_that_is_none_is_refused(count):
    with pytest.raises(InputError, match="n_samples must be a whole number of at least 1, not"):
        fitted("EqualWeights").sample_y(table(), count)


@quick_mixture
def test_a_nested_list_is_read_as_an_array_is(name):
    array = table()[COORDS + MODELS].to_numpy()
    estimator = made(name).fit(array.tolist(), list(table()["y"]))
    found = estimator.predict_weights(array.tolist())
    np.testing.assert_array_equal(found, estimator.predict_weights(array))
    assert list(found.columns) == MODELS


@every_estimator
def test_names_that_are_no_text_are_refused(name):
    frame = table().set_axis(range(5), axis=1)
    estimator = getattr(dirimix, name)([0, 1], [2, 3], **OPTIONS.get(name, {}))
    with pytest.raises(InputError, match="^coords must name columns by text, and 0 is none; ren"):
        estimator.fit(frame, table()["y"])
    tuples = pd.MultiIndex.from_product([["c"], range(5)])
    estimator = getattr(dirimix, name)([("c", 0)], [("c", 2)], **OPTIONS.get(name, {}))
    with pytest.raises(InputError, match='as by frame.columns = \\["_".join') as refused:
        estimator.fit(frame.set_axis(tuples, axis=1), table()["y"])
    way = str(refused.value).split(" = ")[1]
    assert eval(way, {"frame": frame.set_axis(tuples, axis=1)})[1] == "c_1"


def test_a_correction_takes_arrays_and_checks_the_observations():
    array, y = table()[COORDS + MODELS].to_numpy(), table()["y"]
    corrected = made("GPCorrection").fit(array, y).transform(array)
    named = made("GPCorrection").fit(table(), y).transform(table())
    np.testing.assert_array_equal(corrected[MODELS], named[MODELS])
    with pytest.raises(InputError, match="target 'y' needs one value a row"):
        made("GPCorrection").cross_fitted(table(), y[:-1])


@every_mixture
def test_a_renamed_method_is_refused_with_its_new_name(name):
    message = f"{name}.sample_weights is now called 'draw_weights'; use that name"
    with pytest.raises(AttributeError, match=message):
        fitted(name).sample_weights(table())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("average", "mean"),
        ("standard_deviation", "std"),
        ("quantile", "ppf"),
        ("log_density", "logpdf"),
        ("sd", "scale"),
    ],
)
def test_a_renamed_part_of_a_law_is_refused_with_its_new_name(old, new):
    law = NormalMixture.of_draws(np.zeros((1, 1)), 1.0)
    assert hasattr(law, new)
    with pytest.raises(AttributeError, match=f"NormalMixture.{old} is now called '{new}'; use"):
        getattr(law, old)
    with pytest.raises(AttributeError, match="'NormalMixture' object has no attribute 'mode'"):
        law.mode  # noqa: B018


@pytest.mark.parametrize(
    ("seed", "shown"),
    [
        (None, "None: a result that cannot be repeated is not made; give one, such as 0"),
        (-1, "-1; give one"),
        (1.5, "1.5; give one"),
        ("a", "'a'; give one"),
    ],
)
@every_estimator
def test_what_is_no_seed_is_refused(name, seed, shown):
    message = f"^random_state must be a whole number of 0 or more, not {shown}"
    with pytest.raises(InputError, match=message):
        made(name, random_state=seed).fit(table(), table()["y"])


@pytest.mark.parametrize("y_scale", [0, -2.0, np.inf, np.nan, "1"])
@every_estimator
def test_a_scale_that_is_not_positive_is_refused(name, y_scale):
    message = f"^y_scale must be a positive finite number or None, not {y_scale!r}$"
    with pytest.raises(InputError, match=message):
        made(name, y_scale=y_scale).fit(table(), table()["y"])


@pytest.mark.parametrize("coverage", [0, 1, 1.5, -0.5, np.nan, [0.5, 0.9], "0.9"])
def test_a_coverage_that_is_none_is_refused(coverage):
    with pytest.raises(InputError, match="coverage must be a single number strictly between 0 and"):
        fitted("EqualWeights").predict_interval(table(), coverage)


@pytest.mark.filterwarnings("ignore:mixing corrected models on")
@quick_mixture
def test_works_behind_a_correction_and_in_cross_validation(name):
    columns = table()[COORDS + MODELS]
    pipeline = make_pipeline(made("GPCorrection", seed=1), made(name))
    # scikit-learn's inferred type knows only the default, nan
    scores = cross_val_score(
        pipeline,
        columns,
        table()["y"],
        cv=2,
        error_score="raise",  # pyright: ignore[reportArgumentType]
    )
    assert np.isfinite(scores).all()
