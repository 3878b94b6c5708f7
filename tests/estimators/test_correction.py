"""The correction finds a known discrepancy, knows how sure it is, and says when it is misused."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from dirimix.errors import CorrectionOverlapWarning, DroppedRowsWarning, InputError
from dirimix.estimators.correction import GPCorrection
from dirimix.estimators.correction_overlap import warn_if_overlapping
from dirimix.estimators.single_model import SingleModel
from dirimix.table.table import make_table

COORDS, MODELS = ["x", "z"], ["a", "b"]


def _truth(x, z):
    return 3 * np.sin(x / 2) + z


def _discrepancy(x, z):
    return np.cos(x) * (1 + z / 4)


def _frame(n, seed):
    rng = np.random.default_rng(seed)
    x, z = rng.uniform(0, 10, n), rng.uniform(0, 4, n)
    truth = _truth(x, z)
    y = truth + rng.normal(0, 0.1, n)
    return pd.DataFrame({"x": x, "z": z, "a": truth - _discrepancy(x, z), "b": truth + 1, "y": y})


@pytest.fixture(scope="module")
def train():
    return _frame(150, 0)


@pytest.fixture(scope="module")
def test():
    return _frame(400, 1)


@pytest.fixture(scope="module")
def fitted(train):
    return GPCorrection(COORDS, MODELS).fit(train, train.y)


def _rms(values):
    return float(np.sqrt(np.mean(np.asarray(values) ** 2)))


def test_known_discrepancy_is_recovered(fitted, test):
    corrected = fitted.transform(test)
    truth = _truth(test.x, test.z)
    assert _rms(test.a - truth) > 0.7
    assert _rms(corrected.a - truth) < 0.12
    assert fitted.hyperparameters_.noise[0] == pytest.approx(0.1, rel=0.25)
    shuffled = np.random.default_rng(0).permutation(len(test))
    wrong = test.assign(a=test.a + (corrected.a - test.a).to_numpy()[shuffled])
    assert _rms(wrong.a - truth) > 0.7  # the same corrections at other sites do not help


def test_standard_deviation_is_calibrated(fitted, test):
    corrected = fitted.transform(test)
    z = (corrected.a - _truth(test.x, test.z)) / corrected["a__sd"]
    # errors at neighbouring sites are alike: far fewer than 400 independent z-scores
    assert 0.75 < _rms(z) < 1.3
    assert not 0.75 < _rms(2 * z) < 1.3
    assert not 0.75 < _rms(z / 2) < 1.3


def test_doubt_grows_away_from_the_data(fitted):
    sites = pd.DataFrame({"x": [5.0, 60.0], "z": [2.0, 2.0], "a": [0.0, 0.0], "b": [0.0, 0.0]})
    sd = fitted.transform(sites)["a__sd"].to_numpy()
    assert sd[1] > 3 * sd[0]
    assert sd[1] == pytest.approx(fitted.hyperparameters_.amplitude[0], rel=0.01)


def test_process_is_conditioned_as_by_brute_force(fitted, train):
    process = fitted.processes_["a"]
    residual = (train.y - train.a).to_numpy() / fitted.y_scale_
    covariance = process.kernel(process.x) + process.noise**2 * np.eye(150)
    new = np.array([[0.3, -0.2], [1.0, 1.0]])
    cross = process.kernel(new, process.x)
    mean, sd = process.at(new)
    inverse = np.linalg.inv(covariance)
    np.testing.assert_allclose(mean, cross @ inverse @ residual, atol=1e-8)
    np.testing.assert_allclose(
        sd**2, process.kernel.diag(new) - np.sum(cross @ inverse * cross, axis=1), atol=1e-8
    )
    keep = np.arange(150) != 17
    alone = process.kernel(process.x[[17]], process.x[keep])
    cross_mean = alone @ np.linalg.solve(covariance[np.ix_(keep, keep)], residual[keep])
    assert process.left_out[17] == pytest.approx(residual[17] - cross_mean[0], abs=1e-8)
    in_sample = residual - process.at(process.x)[0]
    np.testing.assert_allclose(process.in_sample, in_sample, atol=1e-8)


def test_measurement_errors_are_not_noise(train):
    plain, told = (GPCorrection(COORDS, MODELS).fit(train, train.y, e) for e in (None, 0.09))
    expected = np.sqrt(plain.hyperparameters_.noise[0] ** 2 - 0.09**2)
    assert told.hyperparameters_.noise[0] == pytest.approx(expected, rel=0.05)


def test_frame_keeps_names_and_gains_deviations(fitted, test):
    before = test.copy()
    corrected = fitted.transform(test)
    pd.testing.assert_frame_equal(test, before)
    assert list(corrected) == ["x", "z", "a", "b", "y", "a__sd", "b__sd"]
    assert list(fitted.get_feature_names_out()) == list(corrected)
    pd.testing.assert_frame_equal(corrected[["x", "z", "y"]], test[["x", "z", "y"]])


def test_second_correction_adds_to_the_doubt(fitted, test):
    once = fitted.transform(test)
    doubtful = fitted.transform(test.assign(a__sd=0.3))
    np.testing.assert_allclose(doubtful["a__sd"], np.hypot(once["a__sd"], 0.3))


def test_missing_values_stay_missing_and_are_told(train):
    holes = train.copy()
    holes.loc[[4, 9], "b"] = np.nan
    with pytest.warns(DroppedRowsWarning, match=r"of 150 \('b' has none at 2, first at row 5\)"):
        fitted = GPCorrection(COORDS, MODELS).fit(holes, holes.y)
    assert fitted.hyperparameters_.rows.tolist() == [150, 148]
    corrected = fitted.transform(holes)
    assert corrected.b.isna().tolist() == holes.b.isna().tolist()
    assert corrected["b__sd"][4] == 0


def test_large_fits_take_their_hyperparameters_from_a_seeded_subset(train, monkeypatch):
    monkeypatch.setattr("dirimix.estimators.correction._MOST_ROWS", 100)
    fits = [GPCorrection(COORDS, ["a"], random_state=s).fit(train, train.y) for s in (0, 0, 1)]
    tables = [f.hyperparameters_ for f in fits]
    assert tables[0].rows.tolist() == [150]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert tables[0].noise[0] != tables[2].noise[0]
    assert tables[0].noise[0] == pytest.approx(tables[2].noise[0], rel=0.3)


def test_exact_model_needs_no_correction(train):
    fitted = GPCorrection(COORDS, ["b"]).fit(train.assign(b=train.y), train.y)
    assert _rms(fitted.transform(train.assign(b=train.y)).b - train.y) < 1e-6


def test_pipeline_carries_errors_and_clones(train, test):
    pipeline = make_pipeline(GPCorrection(COORDS, MODELS), SingleModel(COORDS, MODELS, "a"))
    pipeline = clone(pipeline)
    pipeline.fit(train, train.y, gpcorrection__y_err=0.09, singlemodel__y_err=0.09)
    assert pipeline[0].hyperparameters_.noise[0] < 0.09
    assert _rms(pipeline.predict(test) - _truth(test.x, test.z)) < 0.12
    law = pipeline[-1].predictive(pipeline[0].transform(test))
    assert np.all(law.std() > pipeline[0].transform(test)["a__sd"])


def test_overlap_is_told_with_its_reason(fitted, train, test):
    corrected = fitted.transform(pd.concat([train, test]))
    pattern = (
        r"on 150 of 550 rows that trained the correction: residuals there have rms 0\.\d+, "
        r"but 0\.\d+ when left out.*GPCorrection\.cross_fitted"
    )
    with pytest.warns(CorrectionOverlapWarning, match=pattern):
        warn_if_overlapping(corrected, make_table(corrected, COORDS, MODELS))
    with pytest.warns(CorrectionOverlapWarning, match="on 10 of 10 rows"):
        warn_if_overlapping(corrected.iloc[:10], make_table(corrected.iloc[:10], (), MODELS))


def test_no_overlap_no_warning(fitted, train, test):
    corrected, fresh = fitted.transform(train), fitted.transform(test)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_overlapping(train, make_table(train, COORDS, MODELS))
        warn_if_overlapping(fresh, make_table(fresh, COORDS, MODELS))
        warn_if_overlapping(corrected, make_table(corrected, COORDS, ["a"]))


def test_record_survives_what_pandas_does(fitted, train):
    corrected = fitted.transform(train)
    assert json.loads(json.dumps(corrected.attrs)) == corrected.attrs
    assert pd.concat([corrected.iloc[:5], corrected.iloc[5:]]).attrs == corrected.attrs


def test_left_out_residuals_are_larger_where_noise_was_fitted(fitted):
    table = fitted.hyperparameters_
    assert np.all(table.left_out_rms > table.in_sample_rms)


def test_cross_fitted_residuals_are_honest(test):
    found = []
    for seed in range(5, 9):
        few = _frame(50, seed)
        correction = GPCorrection(COORDS, ["a"]).fit(few, few.y)
        frames = correction.transform(few), correction.cross_fitted(few, few.y, folds=10)
        frames += (correction.transform(test),)
        found.append([_rms(frame.a - frame.y) for frame in frames])
    inside, honest, outside = np.mean(found, axis=0)
    assert honest == pytest.approx(outside, rel=0.2)
    assert inside < 0.7 * outside  # what it replaces is not honest


def test_cross_fitted_frame_is_the_table_without_a_record(fitted, train):
    crossed = fitted.cross_fitted(train, train.y, 0.01, folds=2)
    assert crossed.index.equals(train.index)
    pd.testing.assert_frame_equal(crossed[["x", "z", "y"]], train[["x", "z", "y"]])
    assert not crossed.attrs
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_overlapping(crossed, make_table(crossed, COORDS, MODELS))


def test_cross_fitted_columns_are_in_the_unit_of_y():
    rng = np.random.default_rng(0)
    x = np.linspace(0, 10, 40)
    truth = np.exp(x / 4 - 3)  # below 1 in part, where its log has no log
    table = pd.DataFrame({"x": x, "a": 1.5 * truth, "b": 0.7 * truth})
    y = truth * np.exp(rng.normal(0, 0.05, 40))
    correction = GPCorrection(["x"], ["a", "b"], y_transform="log")
    crossed = correction.cross_fitted(table, y)
    assert _rms(np.log(crossed.a / truth)) < 0.1
    assert _rms(np.log(table.a / truth)) > 0.4
    first = np.isin(np.arange(40), _fold_of_first_row(40))
    by_hand = clone(correction).fit(table[~first], y[~first]).transform(table.loc[first])
    pd.testing.assert_frame_equal(crossed.loc[first], by_hand)


def test_cross_fitted_leaves_whole_sites_out_where_they_are_pooled():
    x = np.linspace(0, 10, 20)
    truth = np.sin(x)
    once = pd.DataFrame({"x": x, "a": np.zeros(20)})
    twice = pd.concat([once, once], ignore_index=True)
    shift = np.random.default_rng(1).normal(0, 0.3, 20)
    y = np.concatenate([truth + shift, truth - shift])
    crossed = GPCorrection(["x"], ["a"], repeats="pool").cross_fitted(twice, y)
    assert crossed.index.equals(twice.index)
    np.testing.assert_array_equal(crossed.a[:20], crossed.a[20:])
    average = (y[:20] + y[20:]) / 2
    alone = GPCorrection(["x"], ["a"]).cross_fitted(once, average)
    np.testing.assert_allclose(crossed.a[:20], alone.a, rtol=1e-9)
    kept = GPCorrection(["x"], ["a"]).cross_fitted(twice, y)
    assert _rms(kept.a[:20].to_numpy() - alone.a.to_numpy()) > 0.01
    with pytest.raises(InputError, match="folds must be between 2 and the 20 sites, not 21"):
        GPCorrection(["x"], ["a"], repeats="pool").cross_fitted(twice, y, folds=21)


def _fold_of_first_row(n):
    splits = KFold(5, shuffle=True, random_state=0).split(np.arange(n))
    return next(left for _, left in splits if 0 in left)


def test_bad_use_is_named(train):
    with pytest.raises(InputError, match="function of coordinates and there are none"):
        GPCorrection((), MODELS).fit(train, train.y)
    with pytest.raises(InputError, match="folds must be between 2 and the 150 rows, not 1"):
        GPCorrection(COORDS, MODELS).cross_fitted(train, train.y, folds=1)
