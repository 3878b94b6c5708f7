"""The checked entrance: every bad table is refused with one sentence that says how to mend it."""

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dirimix.errors import InputError
from dirimix.table.table import Table, make_table

COORDS, MODELS = ["p", "q"], ["one", "two"]


def good(n: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns = {"p": np.arange(n), "q": np.arange(n) % 2}
    return pd.DataFrame(columns | {m: rng.normal(size=n) for m in MODELS})


def changed(column: str, row: int, value: object) -> pd.DataFrame:
    frame = good().astype({column: object})
    frame.loc[row, column] = value
    return frame


def fit_table(frame: pd.DataFrame, y: Any = None, y_err: Any = None, **more) -> Table:
    y = np.arange(len(frame), dtype=float) if y is None else y
    return make_table(frame, COORDS, MODELS, y, y_err, fitting=True, **more)


def test_a_good_table_keeps_every_number():
    frame = good()
    table = fit_table(frame, y_err=0.5)
    np.testing.assert_array_equal(table.x, frame[COORDS])
    np.testing.assert_array_equal(table.f, frame[MODELS])
    np.testing.assert_array_equal(table.y, np.arange(5.0))
    np.testing.assert_array_equal(table.y_err, np.full(5, 0.5))
    np.testing.assert_array_equal(table.f_sd, np.zeros((5, 2)))
    assert table.x.dtype == table.f.dtype == np.float64
    assert (table.coords, table.models) == (("p", "q"), ("one", "two"))


def test_the_input_is_left_as_it_was():
    frame, y = changed("one", 2, "1.5"), np.arange(5.0)
    before = frame.copy(deep=True)
    table = fit_table(frame, y, np.ones(5))
    table.y[:] = -1
    table.f[:] = -1
    pd.testing.assert_frame_equal(frame, before)
    np.testing.assert_array_equal(y, np.arange(5.0))


@pytest.mark.parametrize(
    "dtype", ["int64", "float32", "Int64", "Float64", "string", "object", "str"]
)
def test_every_kind_of_number_is_a_number(dtype):
    frame = good().astype({"p": dtype})
    np.testing.assert_array_equal(fit_table(frame).x[:, 0], np.arange(5.0))


def test_missing_model_values_are_unknown_however_they_are_written():
    for empty in (None, np.nan, pd.NA, "", "nan"):
        table = make_table(changed("one", 2, empty), COORDS, MODELS)
        np.testing.assert_array_equal(table.known[:, 0], [True, True, False, True, True])
    nullable = good().convert_dtypes()
    nullable.loc[1, "two"] = pd.NA
    assert not make_table(nullable, COORDS, MODELS).known[1, 1]


def test_an_array_has_the_coordinates_then_the_models():
    frame = good()
    table = make_table(frame[COORDS + MODELS].to_numpy(), COORDS, MODELS)
    np.testing.assert_array_equal(table.f, frame[MODELS])
    with pytest.raises(InputError, match=r"needs 4 columns, coords then models, .* \(5, 3\)"):
        make_table(frame.to_numpy()[:, :3], COORDS, MODELS)
    with pytest.raises(InputError, match=r"this one has shape \(5,\)"):
        make_table(np.arange(5.0), COORDS, MODELS)


def test_standard_deviations_of_models_are_read_and_checked():
    frame = good().assign(one__sd=0.1)
    frame.loc[2, ["one", "one__sd"]] = np.nan
    table = make_table(frame, COORDS, MODELS)
    np.testing.assert_allclose(table.f_sd[:, 0], [0.1, 0.1, 0, 0.1, 0.1])
    frame.loc[3, "one__sd"] = -1
    with pytest.raises(InputError, match=r"'one__sd' must be finite and not negative, .* row 4"):
        make_table(frame, COORDS, MODELS)


def test_rows_by_mask_and_by_index():
    table = fit_table(good())
    np.testing.assert_array_equal(table.rows(np.array([3, 1])).y, [3, 1])
    np.testing.assert_array_equal(table.rows(table.y > 2).x[:, 0], [3, 4])


def test_one_model_and_no_coordinates_are_allowed():
    table = make_table(good(), [], ["one"], np.arange(5.0), fitting=True)
    assert table.x.shape == (5, 0)


def test_what_only_a_fit_needs_is_not_asked_of_a_prediction():
    frame = good(1)
    frame.loc[0, "one"] = np.nan
    assert make_table(frame, COORDS, MODELS).known.tolist() == [[False, True]]
    twins = pd.concat([good(1)] * 3)
    assert len(make_table(twins, COORDS, MODELS).f) == 3


BAD_FRAMES = [
    (
        good().rename(columns={"one": "One"}),
        r"no column 'one' \(did you mean 'One'\?\); the columns",
    ),
    (
        good().rename(columns={"q": "zzz"}),
        r"no column 'q'; the columns are 'p', 'zzz', 'one', 'two'$",
    ),
    (
        pd.concat([good(), good()[["one"]]], axis=1),
        r"the table has 2 columns 'one'; keep one or rename them",
    ),
    (changed("p", 1, "7a"), r"coordinate 'p' has the text '7a' at row 2; numbers are needed"),
    (changed("two", 4, "n/a?"), r"model 'two' has the text 'n/a\?' at row 5; numbers are"),
    (changed("two", 4, "1_0"), r"model 'two' has the text '1_0' at row 5"),
    (changed("two", 4, True), r"model 'two' has True at row 5"),
    (good().assign(two=["a"] * 5), r"the text 'a' at row 1 and 4 more; numbers are needed"),
    (good().assign(two=True), r"model 'two' holds bool values and not numbers"),
    (
        good().assign(two=pd.date_range("2000-01-01", periods=5)),
        r"model 'two' holds datetime64.* values and not numbers",
    ),
    (good().assign(two=1j), r"model 'two' holds complex numbers; give real ones"),
    (changed("p", 3, np.nan), r"coordinate 'p' must be finite everywhere, and is nan at row 4"),
    (changed("q", 0, -np.inf), r"coordinate 'q' must be finite everywhere, and is -inf at row 1"),
    (
        changed("one", 2, np.inf),
        r"model 'one' must be finite or empty, and is inf at row 3; leave the value empty",
    ),
    (
        good().assign(one=np.nan, two=[1, 2, np.nan, 4, np.nan]),
        r"no model has a value at 2 of 5 rows, first at row 3; leave those rows out",
    ),
    (good().iloc[:0], r"the table has no rows; give at least one"),
]


@pytest.mark.parametrize(("frame", "message"), BAD_FRAMES)
def test_a_bad_frame_is_refused(frame, message):
    with pytest.raises(InputError, match=message):
        make_table(frame, COORDS, MODELS)


BAD_FITS = [
    (good().assign(two=np.nan), r"model 'two' has no value at any row; leave the model out"),
    (good().assign(p=3), r"coordinate 'p' is 3 at every row; leave it out of coords"),
    (
        good(1),
        r"one row shows nothing of what depends on 'p'; give at least two rows, or no coords",
    ),
]


@pytest.mark.parametrize(("frame", "message"), BAD_FITS)
def test_a_frame_that_cannot_be_fitted_is_refused(frame, message):
    make_table(frame, COORDS, MODELS)
    with pytest.raises(InputError, match=message):
        fit_table(frame)


BAD_VECTORS = [
    (np.arange(4.0), None, r"target needs one value a row, shape \(5,\), and has shape \(4,\)"),
    (
        np.zeros((5, 1)),
        None,
        r"target needs one value a row, .* has shape \(5, 1\); give its one column, such as "
        r"y.ravel\(\)",
    ),
    (3.0, None, r"target needs one value a row, .* has shape \(\)"),
    ([0, 1, np.nan, 3, 4], None, r"target must be finite everywhere, and is nan at row 3"),
    ([0, np.inf, 2, 3, 4], None, r"target must be finite everywhere, and is inf at row 2"),
    (
        pd.Series([0, 1, 2, "x", 4], name="mass"),
        None,
        r"target 'mass' has the text 'x' at row 4; numbers are needed",
    ),
    (None, [0.1, 0.1, -0.1, 0.1, -2], r"error must be finite and not negative, and is -0.1 at row"),
    (None, -1.0, r"error must be finite and not negative, and is -1 at row 1 and 4 more"),
    (
        None,
        pd.Series([1, np.nan, 1, 1, 1], name="u"),
        r"error 'u' must be finite and not negative, and is nan at row 2; give a standard",
    ),
    (None, [1, 1, 1, 1, np.inf], r"error must be finite and not negative, and is inf at row 5"),
    (None, [1, 1], r"error needs one value a row, shape \(5,\), and has shape \(2,\)"),
]


@pytest.mark.parametrize(("y", "y_err", "message"), BAD_VECTORS)
def test_a_bad_target_or_error_is_refused(y, y_err, message):
    with pytest.raises(InputError, match=message):
        fit_table(good(), y, y_err)


@pytest.mark.parametrize(
    ("coords", "models", "least", "message"),
    [
        (COORDS, ["one"], 2, r"at least 2 model columns are needed, and models names 1 \('one'\)"),
        (COORDS, [], 1, r"at least 1 model column is needed, and models names 0 \(none\)"),
        (COORDS, ["one", "one"], 1, r"the column 'one' is named 2 times; name it once"),
        (["p", "p"], MODELS, 1, r"the column 'p' is named 2 times; name it once"),
        (["p", "one"], MODELS, 1, r"'one' is named both in coords and in models; name it once"),
        (COORDS, "one", 1, r"models must be a list of column names, not the text 'one'"),
        ("p", MODELS, 1, r"coords must be a list of column names, not the text 'p'"),
    ],
)
def test_bad_names_are_refused(coords, models, least, message):
    with pytest.raises(InputError, match=message):
        make_table(good(), coords, models, min_models=least)


def test_a_fit_needs_observations():
    with pytest.raises(InputError, match="a fit needs observations, and y is None"):
        make_table(good(), COORDS, MODELS, fitting=True)


def test_a_lone_model_that_is_missing_is_for_its_estimator_to_report_when_fitted():
    frame = good()
    frame.loc[1, "one"] = np.nan
    table = make_table(frame, COORDS, ["one"], np.arange(5.0), fitting=True)
    assert not table.known[1, 0]
    with pytest.raises(InputError, match="model 'one' has no value at 1 of 5 rows, first at row 2"):
        make_table(frame, COORDS, ["one"])


def test_a_large_table_is_checked_in_milliseconds():
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(32)]
    frame = pd.DataFrame(rng.normal(size=(10_000, 32)), columns=names)
    start = time.perf_counter()
    make_table(frame, names[:2], names[2:], rng.normal(size=10_000), 0.1, fitting=True)
    assert time.perf_counter() - start < 0.5


LISTS = {
    "arrays": [np.array([1.0, 2.0]), np.array([1.0]), np.array([])],
    "lists": [[1.0], [1.0, 2.0], []],
    "structs": [{"a": 1.0}, {"a": 2.0}, None],
    "one array": [np.array([1.0]), 1.0, ""],
}


@pytest.mark.parametrize("kind", LISTS)
def test_lists_in_place_of_values_are_refused_by_name(kind):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "a": 1.0, "b": [2.0, 1.0, 0.0]})
    frame["ens"] = LISTS[kind]
    assert make_table(frame, ["x"], ["a", "b"]).x.shape == (3, 1)
    with pytest.raises(
        InputError, match=r"model 'ens' has (array|\[|\{).* at row 1.*; numbers are"
    ):
        make_table(frame, ["x"], ["a", "ens"])
    with pytest.raises(InputError, match="coordinate 'ens' holds lists and no single values"):
        make_table(frame, ["ens"], ["a", "b"])


@pytest.mark.parametrize("role", ["target", "error"])
def test_lists_of_different_lengths_beside_a_table_are_refused(role):
    frame = pd.DataFrame({"x": [1.0, 2.0], "a": 1.0})
    given = {"target": (np.ones(2), None), "error": (None, np.ones(2))}
    assert make_table(frame, ["x"], ["a"], *given[role])
    bad = {"target": ([1.0, [2.0, 3.0]], None), "error": (None, [1.0, [2.0, 3.0]])}
    with pytest.raises(InputError, match=f"{role} has lists of different lengths; give one value"):
        make_table(frame, ["x"], ["a"], *bad[role])
