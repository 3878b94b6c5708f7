"""The same table from every library gives the same numbers, whatever the order of its columns."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray as xr

from dirimix.errors import DroppedRowsWarning, InputError
from dirimix.estimators.baselines import SimplexLeastSquares
from dirimix.table.frames import as_frame
from dirimix.table.table import make_table

COORDS, MODELS = ["x", "z"], ["a", "b"]


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    columns = {c: rng.normal(size=12) for c in ("b", "z", "other", "a", "x")}
    table = pd.DataFrame(columns)
    table.loc[4, "a"] = np.nan
    return table


def polars_frame(table: pd.DataFrame):
    polars = pytest.importorskip("polars", reason="polars is not installed")
    return polars.DataFrame(table.to_dict("list"))


def dask_frame(table: pd.DataFrame):
    dask = pytest.importorskip("dask.dataframe", reason="Dask is not installed")
    return dask.from_pandas(table, npartitions=2)


LIBRARIES = {
    "pandas": lambda t: t,
    "pandas, nullable": lambda t: t.convert_dtypes(),
    "polars": polars_frame,
    "polars, lazy": lambda t: polars_frame(t).lazy(),
    "pyarrow": lambda t: pa.Table.from_pandas(t, preserve_index=False),
    "pyarrow batch": lambda t: pa.RecordBatch.from_pandas(t, preserve_index=False),
    "Dask": dask_frame,
    "dict": lambda t: t.to_dict("list"),
    "dict of masked arrays": lambda t: {k: np.ma.masked_invalid(v) for k, v in t.items()},
    "structured array": lambda t: t.to_records(index=False),
    "Dataset": lambda t: t.to_xarray(),
    "DataArray": lambda t: xr.DataArray(t, dims=("row", "name")),
    "DataArray, transposed": lambda t: xr.DataArray(t, dims=("row", "name")).T,
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_columns_are_read_by_name_from_every_library(library):
    table = frame()
    found = make_table(LIBRARIES[library](table), COORDS, MODELS)
    np.testing.assert_array_equal(found.x, table[COORDS])
    np.testing.assert_array_equal(found.f, table[MODELS])


@pytest.mark.filterwarnings("ignore:.*rows to predict lack")
@pytest.mark.parametrize("library", LIBRARIES)
def test_an_estimator_takes_all_of_them_to_fit_and_to_predict(library):
    table = frame()
    y = pd.Series(0.3 * table["a"].fillna(0.0) + 0.7 * table["b"] + 0.01 * np.arange(12))
    plain = SimplexLeastSquares(COORDS, MODELS)
    other = SimplexLeastSquares(COORDS, MODELS)
    with pytest.warns(DroppedRowsWarning, match="fitting on 11 of 12 rows"):
        plain.fit(table, y)
    with pytest.warns(DroppedRowsWarning, match="fitting on 11 of 12 rows"):
        other.fit(LIBRARIES[library](table), y.to_numpy())
    np.testing.assert_array_equal(other.weights_, plain.weights_)
    turned = table.reindex(columns=["other", "a", "z", "b", "x"])
    np.testing.assert_array_equal(other.predict(LIBRARIES[library](turned)), plain.predict(turned))
    assert other.n_features_in_ >= 4
    assert set(other.feature_names_in_) >= {*COORDS, *MODELS}


TARGETS = {
    "masked": lambda y: np.ma.array(y),
    "polars": lambda y: polars_frame(pd.DataFrame({"y": y}))["y"],
    "pyarrow": lambda y: pa.array(y),
    "pyarrow, chunked": lambda y: pa.chunked_array([y[:5], y[5:]]),
    "xarray": lambda y: xr.DataArray(y, dims="row"),
    "Dask": lambda y: dask_frame(pd.DataFrame({"y": y}))["y"],
}


@pytest.mark.parametrize("library", TARGETS)
def test_targets_come_from_every_library(library):
    y = np.arange(12.0)
    found = make_table(frame(), COORDS, MODELS, TARGETS[library](y), TARGETS[library](y + 1))
    np.testing.assert_array_equal(found.y, y)
    np.testing.assert_array_equal(found.y_err, y + 1)


def test_masked_values_are_missing_and_never_numbers():
    values = np.ma.masked_equal([[0, 1, 7], [1, -9999, 8], [2, 3, 9]], -9999)
    np.testing.assert_array_equal(
        make_table(values, ["x"], MODELS).f, [[1, 7], [np.nan, 8], [3, 9]]
    )
    with pytest.raises(InputError, match="target must be finite everywhere, and is nan at row 2"):
        make_table(frame(), COORDS, MODELS, np.ma.masked_equal(np.arange(12), 1))
    with pytest.raises(InputError, match="error must be finite and not negative, and is nan"):
        make_table(frame(), COORDS, MODELS, None, np.ma.masked_equal(np.arange(12.0), 1))


def grid(dims: tuple[str, ...]) -> xr.Dataset:
    rng = np.random.default_rng(1)
    sizes = {"day": 3, "lat": 2, "lon": 4}
    place = {d: 10.0 * np.arange(sizes[d]) for d in dims}
    shape = tuple(sizes[d] for d in dims)
    columns = {name: (dims, rng.normal(size=shape)) for name in (*MODELS, "y")}
    return xr.Dataset(columns, place).assign(height=(dims[-1], np.arange(sizes[dims[-1]])))


@pytest.mark.parametrize("dims", [("day",), ("day", "lat"), ("lon", "day", "lat")])
def test_a_dataset_has_a_row_a_cell_of_any_number_of_dimensions(dims):
    data = grid(dims)
    coords = [*dims, "height"]
    found = make_table(data, coords, MODELS, data["y"].transpose(*reversed(dims)))
    for row in range(len(found.x)):
        cell = data.sel(dict(zip(dims, found.x[row], strict=False)))
        assert found.f[row].tolist() == [float(cell["a"]), float(cell["b"])]
        assert found.y is not None
        assert found.y[row] == float(cell["y"])
        assert found.x[row, -1] == float(cell["height"])
    assert len(found.x) == data["a"].size


def test_a_data_array_of_models_over_a_grid_is_read_by_its_labels():
    data = grid(("day", "lat"))
    array = data[["b", "a"]].to_dataarray("model")
    found = make_table(array.transpose("lat", "model", "day"), ["day", "lat"], MODELS)
    alike = make_table(data, ["day", "lat"], MODELS)
    order = np.lexsort(found.x.T), np.lexsort(alike.x.T)
    np.testing.assert_array_equal(found.f[order[0]], alike.f[order[1]])
    with pytest.raises(InputError, match="none of the dimensions 'p', 'q' of the DataArray is"):
        make_table(xr.DataArray(np.ones((3, 4)), dims=("p", "q")), COORDS, MODELS)


def test_a_variable_that_does_not_fit_the_grid_is_named():
    data = grid(("day", "lat")).assign(bounds=(("day", "side"), np.ones((3, 2))))
    assert len(make_table(data, ["day", "lat"], MODELS).x) == 6
    with (
        pytest.warns(DroppedRowsWarning, match="'bounds' lie on other dimensions than day, lat"),
        pytest.raises(InputError, match="no column 'c'"),
    ):
        make_table(data, ["day", "lat"], ["a", "c"])


def test_a_target_whose_labels_are_in_another_order_is_refused():
    table = frame()
    shuffled = pd.Series(np.arange(12.0)).sample(frac=1, random_state=0)
    with pytest.raises(InputError, match="the target bears the labels of the table's rows in"):
        make_table(table, COORDS, MODELS, shuffled)
    other_labels = pd.Series(np.arange(12.0), index=np.arange(12) + 100)
    assert make_table(table, COORDS, MODELS, other_labels).y is not None


def test_a_target_of_other_rows_of_the_same_table_is_refused():
    every = frame()
    table, y = every.iloc[[1, 3, 4, 7, 9]], pd.Series(np.arange(12.0))
    said = "the target bears labels of which 2 of 5 are none of the table's: give it of the same"
    for values in (y.iloc[[1, 3, 4, 8, 10]], y.iloc[[1, 3, 4, 8, 10]].rename("y")):
        with pytest.raises(InputError, match=said):
            make_table(table, COORDS, MODELS, values)
    for rows, values in ((table, y.iloc[:5]), (table.reset_index(drop=True), y.iloc[3:8])):
        assert make_table(rows, COORDS, MODELS, values).y is not None  # numbered anew


def test_a_target_of_dask_is_held_against_the_labels_of_its_table():
    table = dask_frame(frame())
    shuffled = pd.Series(np.arange(12.0)).sample(frac=1, random_state=0)
    with pytest.raises(InputError, match="the target bears the labels of the table's rows in"):
        make_table(table, COORDS, MODELS, shuffled)


class UnknownFrame:
    """A table of some library, its columns in another order than they are asked for."""

    columns = ("b", "z", "x", "a")

    def __array__(self, dtype=None, copy=None):
        return np.arange(12.0, dtype=dtype or float).reshape(3, 4)


def test_a_table_whose_names_cannot_be_read_is_not_read_by_the_order_of_its_columns():
    with pytest.raises(InputError, match="UnknownFrame of .* whose names cannot be read; give a"):
        make_table(UnknownFrame(), COORDS, MODELS)
    rows = list(frame()[["b", "z", "x", "a"]].itertuples(index=False))
    with pytest.raises(InputError, match="named tuples would be read by the order of their values"):
        make_table(rows, COORDS, MODELS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pd.Series([1.0, 2.0]), r"an array needs 4 columns, .* has shape \(2,\)"),
        (pa.array([1.0, 2.0]), r"an array needs 4 columns, .* has shape \(2,\)"),
        ([1.0, 2.0], r"an array needs 4 columns, .* has shape \(2,\)"),
        ("text", r"an array needs 4 columns, .* has shape \(\)"),
        (None, r"an array needs 4 columns, .* has shape \(\)"),
        ({"x": 1.0, "z": 2.0}, r"a dict of columns needs lists of one length, and 'x' has shape"),
        ({"x": [1.0], "z": [2.0, 3.0]}, r"lists of one length, and 'z' has shape \(2,\)"),
        (
            {"x": [1.0, [2.0, 3.0]]},
            r"the column 'x' has lists of different lengths; give one value",
        ),
        ([[1.0, 2.0], [3.0]], r"the array has lists of different lengths"),
        ({}, r"the table has no column 'x'"),
    ],
)
def test_what_is_no_table_is_refused(data, message):
    with pytest.raises(InputError, match=message):
        make_table(data, COORDS, MODELS)


def test_labelled_targets_go_to_their_rows_by_their_labels():
    data = grid(("day", "lat"))
    expected = make_table(data, ["day", "lat"], MODELS, data["y"]).y
    for y in (data["y"][::-1], data["y"][:, ::-1].T, data["y"].drop_vars(["day", "lat"])):
        found = make_table(data, ["day", "lat"], MODELS, y, data["y"].isel(day=0) * 0)
        np.testing.assert_array_equal(found.y, expected)
    turned = data[["b"]].transpose("lat", "day").assign(a=data["a"], y=data["y"])
    found = make_table(turned, ["day", "lat"], ["b", "a"], data["y"])
    assert found.y is not None
    for row, (day, lat) in enumerate(found.x):
        assert found.y[row] == float(data["y"].sel(day=day, lat=lat))
    array = data[["b", "a"]].to_dataarray("model")
    found = make_table(array, ["day", "lat"], MODELS, data["y"][::-1])
    np.testing.assert_array_equal(found.y, make_table(array, ["day", "lat"], MODELS, data["y"]).y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            grid(("day", "lat"))["y"][:2],
            "target has no value at 1 of the 3 labels of the table along 'day', the first 2",
        ),
        (
            grid(("day", "lat", "lon"))["y"],
            "target lies on 'lon', too, and the table on 'day', 'la",
        ),
        (
            xr.DataArray(np.ones((4, 2)), dims=("day", "lat")),
            "target does not fit the table's grid",
        ),
        (grid(("day", "lat"))[["y"]], "target needs one variable, and is a Dataset of 'y'"),
        ("y", r"target needs one value a row, and is the text 'y'; give the values, such as tab"),
    ],
)
def test_targets_that_do_not_fit_the_grid_are_refused(y, message):
    with pytest.raises(InputError, match=message):
        make_table(grid(("day", "lat")), ["day", "lat"], MODELS, y)


def test_names_that_are_no_list_and_numbers_beyond_all_floats_are_refused():
    with pytest.raises(InputError, match="coords must be a list of column names, not None"):
        make_table(frame(), None, MODELS)  # pyright: ignore[reportArgumentType]
    huge = pd.Series([-(10**400)] * 12, dtype=object)
    with pytest.raises(InputError, match="model 'a' must be finite or empty, and is -inf at row 1"):
        make_table(frame().assign(a=huge), COORDS, MODELS)


def test_a_long_table_that_was_not_said_to_be_one_is_refused_with_what_reads_it():
    long = pd.DataFrame({"day": [1, 1], "model": ["a", "b"], "value": [0.5, 0.6]})
    with pytest.raises(InputError, match="no column 'a'.*; such a table, .* is read with --long"):
        as_frame(long, ["day", "a", "b"])
    with pytest.raises(InputError, match="the columns are 'day', 'model'$"):  # the control
        as_frame(long.drop(columns="value"), ["a"])


def test_an_index_of_pandas_in_an_arrow_table_stays_a_column():
    table = frame()
    for index in ("x", ["x", "z"]):
        found = make_table(pa.Table.from_pandas(table.set_index(index)), COORDS, MODELS)
        np.testing.assert_array_equal(found.x, table[COORDS])
        with pytest.raises(InputError, match=r"'x' is no column of the table but of its index; g"):
            make_table(table.set_index(index), COORDS, MODELS)


def test_bytes_and_dictionaries_of_arrow_are_the_labels_that_they_stand_for():
    table = frame().assign(place=["north", "south", "s\u00fcd"] * 4)
    words = table.assign(place=[word.encode("latin-1") for word in table["place"]])
    coded = pa.table({"place": pa.array(table["place"]).dictionary_encode()})
    arrow = table.assign(place=coded.to_pandas(types_mapper=pd.ArrowDtype)["place"])
    binary = table.assign(place=[word.encode() for word in table["place"]])
    for other in (words, arrow, binary):
        found = make_table(other, ["place"], MODELS)
        assert found.levels["place"] == ("north", "south", "s\u00fcd")
        np.testing.assert_array_equal(found.x[:, 0], [0, 1, 2] * 4)
    numbers = pa.table({"a": pa.array(table["a"]).dictionary_encode()})
    arrow = table.assign(a=numbers.to_pandas(types_mapper=pd.ArrowDtype)["a"])
    np.testing.assert_array_equal(make_table(arrow, COORDS, MODELS).f[:, 0], table["a"])


def test_a_series_beside_a_grid_goes_to_its_rows_by_its_labels():
    rng = np.random.default_rng(2)
    grid: Any = xr.Dataset(
        {name: (("day", "z"), rng.normal(size=(4, 3))) for name in (*MODELS, "y")},
        {"day": pd.date_range("2024-01-01", periods=4), "z": [1.0, 2.0, 3.0]},
    )
    series = grid["y"].to_series()
    straight = SimplexLeastSquares(["day", "z"], MODELS).fit(grid, grid["y"])
    for other in (series.sample(frac=1, random_state=1), series.swaplevel().sort_index()):
        mixture = SimplexLeastSquares(["day", "z"], MODELS).fit(grid, other)
        np.testing.assert_array_equal(mixture.weights_, straight.weights_)


def test_what_has_no_rows_or_kinds_that_pandas_lacks_is_refused():
    data = xr.Dataset({name: ("x", np.arange(3.0)) for name in MODELS}, {"x": [1.0, 2.0, 3.0]})
    for other, kind in ((xr.DataTree(data), "DataTree"), (data.groupby("x"), "DatasetGroupBy")):
        with pytest.raises(InputError, match=f"a {kind} of xarray is no table; give a Dataset"):
            make_table(other, ["x"], MODELS)
    with pytest.raises(InputError, match="a list of dicts is no table; give pandas.DataFrame"):
        make_table(frame().to_dict("records"), COORDS, MODELS)
    polars = pytest.importorskip("polars", reason="polars is not installed")
    if hasattr(polars, "Int128"):
        wide = polars_frame(frame()).with_columns(polars.lit(1).cast(polars.Int128).alias("n"))
        with pytest.raises(
            InputError, match=r"the DataFrame of polars cannot be read \(.*; convert"
        ):
            make_table(wide, COORDS, MODELS)
