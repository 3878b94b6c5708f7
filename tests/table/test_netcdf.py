"""netCDF as instruments and models write it, against values that were put in by hand."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import xarray as xr

from dirimix.errors import InputError, TableWarning
from dirimix.table.files import read_frame

netCDF4 = pytest.importorskip("netCDF4", reason="netCDF4 is not installed")


def write(path, fill, dims=None):
    with netCDF4.Dataset(path, "w") as data:
        for name, size in (dims or {"row": 4}).items():
            data.createDimension(name, size)
        fill(data)
    return path


def variable(data, name, kind, values, *, fill_value=None, dims=("row",), **attrs):
    """A variable whose values are written as they are, packed or not."""
    made = data.createVariable(name, kind, dims, fill_value=fill_value)
    made.set_auto_maskandscale(False)
    made.setncatts(attrs)
    made[:] = values


def test_what_was_never_written_is_missing(tmp_path):
    def fill(data):
        for kind in ("f4", "f8", "i2", "i4", "i8", "u2", "u4", "u8"):
            made = data.createVariable(kind, kind, ("row",))
            made[:3] = [1, 2, 3]  # the last is the default fill

    frame = read_frame(write(tmp_path / "t.nc", fill))
    for name in frame.columns:
        assert frame[name].tolist()[:3] == [1, 2, 3], name
        assert np.isnan(frame[name].iloc[3]), name


def test_bytes_have_no_default_fill(tmp_path):
    path = write(tmp_path / "t.nc", lambda d: variable(d, "v", "i1", [-127, 0, 1, 127]))
    assert read_frame(path)["v"].tolist() == [-127, 0, 1, 127]


def test_marks_of_missing_values(tmp_path):
    def fill(data):
        variable(data, "filled", "f8", [1, -9999, 3, 4], fill_value=-9999.0)
        variable(data, "missing", "f4", [1, 2, 1e20, 4], missing_value=np.float32(1e20))
        variable(data, "range", "f8", [1, 2, 300, -5], valid_range=np.array([0.0, 100.0]))
        variable(data, "least", "i4", [1, -2, 3, 4], valid_min=np.int32(0))
        variable(data, "most", "f8", [1, 2, 3, 400], valid_max=100.0)

    frame = read_frame(write(tmp_path / "t.nc", fill))
    nan = np.nan
    for name, expected in {
        "filled": [1, nan, 3, 4],
        "missing": [1, 2, nan, 4],
        "range": [1, 2, nan, nan],
        "least": [1, nan, 3, 4],
        "most": [1, 2, 3, nan],
    }.items():
        np.testing.assert_array_equal(frame[name], expected, err_msg=name)


def test_packed_numbers_are_unpacked_and_their_range_is_that_of_the_file(tmp_path):
    def fill(data):
        packing = {"scale_factor": 0.5, "add_offset": 100.0}
        variable(data, "packed", "i2", [0, 10, -32768, 4], fill_value=-32768, **packing)
        variable(data, "ranged", "i2", [0, 10, 20, 4], valid_max=np.int16(10), **packing)
        attrs = {"_Unsigned": "true", "scale_factor": 2.0}
        variable(data, "bytes", "i1", [1, -1, -56, 127], fill_value=-1, **attrs)
        limits = np.array([0, -56], dtype="i1")  # up to 200
        variable(data, "limited", "i1", [1, -2, -56, 127], valid_range=limits, **attrs)

    frame = read_frame(write(tmp_path / "t.nc", fill))
    nan = np.nan
    np.testing.assert_array_equal(frame["packed"], [100, 105, nan, 102])
    np.testing.assert_array_equal(frame["ranged"], [100, 105, nan, 102])
    np.testing.assert_array_equal(frame["bytes"], [2, nan, 400, 254])
    np.testing.assert_array_equal(frame["limited"], [2, nan, 400, 254])


def test_limits_of_the_type_of_the_scale_factor_are_those_of_unpacked_values(tmp_path):
    """NetCDF User's Guide, attribute conventions: valid_range."""
    single = np.float32
    limits = np.array([10.0, 90.0], dtype=single)

    def fill(data):
        packed, hundredths = [999, 1000, 9000, 9001], {"scale_factor": single(0.01)}
        variable(data, "meant", "i2", packed, valid_range=limits, **hundredths)
        least = {"valid_min": single(10), "valid_max": single(90), "add_offset": single(0)}
        variable(data, "parts", "i4", packed, **least, **hundredths)
        turned = {"scale_factor": single(-0.01), "add_offset": single(273.15)}
        warm = np.array([183.15, 263.15], dtype=single)
        variable(data, "turned", "i2", packed, valid_range=warm, **turned)
        # in double precision beside a scale in single they are limits of the packed values
        variable(data, "held", "i2", packed, valid_range=np.array([1000.0, 9000.0]), **hundredths)

    frame = read_frame(write(tmp_path / "t.nc", fill))
    for name in frame.columns:
        assert frame[name].isna().tolist() == [True, False, False, True], name
    np.testing.assert_allclose(frame["meant"][1:3], [10, 90], rtol=1e-6)


def test_limits_and_marks_of_another_precision_take_nothing_from_their_edge(tmp_path):
    values = [0.1, 0.7, 0.9, -9999.9]

    def fill(data):
        limits = np.array([0.1, 0.7])
        variable(data, "single", "f4", values, valid_range=limits)
        variable(data, "double", "f8", values, valid_range=limits.astype("f4"))
        variable(data, "marked", "f4", values, missing_value=-9999.9)

    frame = read_frame(write(tmp_path / "t.nc", fill))
    assert frame["single"].isna().tolist() == [False, False, True, True]
    assert frame["double"].isna().tolist() == [False, False, True, True]
    assert frame["marked"].isna().tolist() == [False, False, False, True]

    def poles(data):
        variable(data, "row", "f4", [-89.9, -10, 10, 89.9], valid_min=-89.9, valid_max=89.9)
        variable(data, "v", "f8", [1, 2, 3, 4])

    assert len(read_frame(write(tmp_path / "poles.nc", poles))) == 4


@pytest.mark.parametrize(
    ("units", "calendar", "numbers"),
    [
        ("days since 2013-01-01", "standard", [0, 1, 31, 365]),
        ("hours since 2012-12-31 12:00", "proleptic_gregorian", [12, 36, 756, 8772]),
        ("days since 1850-01-01", "noleap", [59495, 59496, 59526, 59860]),
    ],
)
def test_times_of_every_epoch_are_the_same_dates(tmp_path, units, calendar, numbers):
    from dirimix.table.coordinates import read_coordinate

    def fill(data):
        variable(data, "time", "f8", numbers, units=units, calendar=calendar)
        variable(data, "v", "f8", [1, 2, 3, 4])

    frame = read_frame(write(tmp_path / "t.nc", fill))
    found = read_coordinate(pd.Series(frame["time"]), "time")
    assert found.kind == "date"
    np.testing.assert_array_equal(found.values, [15706, 15707, 15737, 16071])


CALENDARS = {"360_day": "number", "all_leap": "number", "noleap": "date", "julian": "date"}


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("days", [range(20), range(400)])
def test_the_calendar_says_whether_times_are_dates_and_not_the_days_that_are_there(
    tmp_path, calendar, days
):
    """A fit to a whole year and a prediction of its first days see one kind of coordinate."""
    from dirimix.table.coordinates import read_coordinate

    def fill(data):
        made = {"units": "days since 2000-01-01", "calendar": calendar}
        variable(data, "time", "f8", list(days), dims=("row",), **made)
        variable(data, "v", "f8", np.arange(len(days)))

    path = write(tmp_path / "t.nc", fill, {"row": len(days)})
    warned = CALENDARS[calendar] == "number"
    with pytest.warns(TableWarning, match="has days that") if warned else nullcontext():
        frame = read_frame(path)
    found = read_coordinate(pd.Series(frame["time"]), "time")
    assert found.kind == CALENDARS[calendar]
    if calendar == "julian":  # 13 days behind
        assert found.values[:2].tolist() == [10957 + 13, 10957 + 14]


def test_times_that_no_calendar_has_stay_numbers_and_are_named(tmp_path):
    def fill(data):
        variable(data, "t", "f8", [1, 2, 3, 4], units="fortnights since 2000-01-01")

    with pytest.warns(
        TableWarning, match="the times 't', in 'fortnights since 2000-01-01', are no dates"
    ):
        assert read_frame(write(tmp_path / "t.nc", fill))["t"].tolist() == [1, 2, 3, 4]


def test_groups_are_joined_on_the_coordinates_above_them(tmp_path):
    def fill(data):
        variable(data, "row", "f8", [10, 20, 30, 40])
        variable(data, "observed", "f8", [1, 2, 3, 4])
        for name in ("gfs", "ecmwf"):
            group = data.createGroup(name)
            variable(group, "t2m", "f8", np.arange(4) + len(name))
            variable(group, f"only_{name}", "f8", np.arange(4))

    frame = read_frame(write(tmp_path / "t.nc", fill))
    assert set(frame.columns) == {
        "row", "observed", "gfs/t2m", "ecmwf/t2m", "only_gfs", "only_ecmwf"
    }  # fmt: skip
    assert frame["gfs/t2m"].tolist() == [3, 4, 5, 6]
    assert frame["row"].tolist() == [10, 20, 30, 40]


def test_one_group_alone_is_the_table(tmp_path):
    def fill(data):
        group = data.createGroup("deep").createGroup("down")
        variable(group, "v", "f8", [1, 2, 3, 4])

    assert read_frame(write(tmp_path / "t.nc", fill)).to_dict("list") == {"v": [1, 2, 3, 4]}


def test_what_lies_on_part_of_the_grid_is_repeated(tmp_path):
    def fill(data):
        variable(data, "f", "f8", np.arange(6).reshape(3, 2), dims=("day", "gauge"))
        variable(data, "g", "f8", np.arange(6).reshape(3, 2), dims=("day", "gauge"))
        variable(data, "day", "i4", [5, 6, 7], dims=("day",))
        variable(data, "lat", "f8", [47.5, 48.5], dims=("gauge",))

    frame = read_frame(write(tmp_path / "t.nc", fill, {"day": 3, "gauge": 2}))
    assert frame["lat"].tolist() == [47.5, 48.5] * 3
    assert frame["day"].tolist() == [5, 5, 6, 6, 7, 7]
    assert frame["f"].tolist() == [0, 1, 2, 3, 4, 5]


def test_two_grids_are_refused(tmp_path):
    data = xr.Dataset({"f": (("p", "q"), np.ones((2, 3))), "g": (("p", "r"), np.ones((2, 4)))})
    data.to_netcdf(tmp_path / "odd.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="as many variables lie on the dimensions p, q as on p, r"):
        read_frame(tmp_path / "odd.nc")


def test_bounds_of_cells_are_no_columns(tmp_path):
    def fill(data):
        variable(data, "time", "f8", [0, 1, 2, 3], dims=("time",), units="days since 2000-01-01",
                 bounds="time_bnds")  # fmt: skip
        variable(data, "time_bnds", "f8", np.arange(8).reshape(4, 2), dims=("time", "nv"))
        variable(data, "v", "f8", [1, 2, 3, 4], dims=("time",))
        variable(data, "w", "f8", [1, -5, 3, 300], dims=("time",),
                 missing_value=np.array([-5.0, 300.0]))  # fmt: skip

    frame = read_frame(write(tmp_path / "t.nc", fill, {"time": 4, "nv": 2}))
    assert list(frame.columns) == ["time", "v", "w"]
    np.testing.assert_array_equal(frame["w"], [1, np.nan, 3, np.nan])


def test_groups_that_differ_are_refused(tmp_path):
    groups = {
        f"/{n}": xr.Dataset({"v": ("x", [1.0, 2.0])}, {"x": [k, 2]})
        for k, n in [(0, "a"), (1, "b")]
    }
    xr.DataTree.from_dict(groups).to_netcdf(tmp_path / "g.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="the groups of .* differ along 'x'; put what belongs"):
        read_frame(tmp_path / "g.nc")


@pytest.mark.parametrize("kind", ["NETCDF3_CLASSIC", "NETCDF4"])
@pytest.mark.parametrize("part", [1, 2])
def test_no_file_is_left_open_whole_or_cut_short(tmp_path, kind, part):
    path = tmp_path / "table.nc"
    with netCDF4.Dataset(path, "w", format=kind) as data:
        data.createDimension("row", 500)
        variable(data, "a", "f8", np.arange(500.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // part])
    if part == 1:
        frame = read_frame(path)
    else:
        with pytest.raises(InputError, match="cannot be read as netCDF"):
            read_frame(path)
    assert path not in {Path(file.path) for file in psutil.Process().open_files()}
    assert str(path) not in {area.path for area in psutil.Process().memory_maps()}
    assert part == 2 or frame["a"].tolist() == list(range(500))


def test_names_in_characters_are_text(tmp_path):
    def fill(data):
        variable(data, "v", "f8", [1, 2, 3, 4])
        names = np.array([b"north", b"south", b"east", b"north"], dtype="S5")
        variable(data, "name", "S1", names.view("S1").reshape(4, 5), dims=("row", "long"))

    frame = read_frame(write(tmp_path / "t.nc", fill, {"row": 4, "long": 5}))
    assert frame["name"].tolist() == ["north", "south", "east", "north"]


def test_a_time_that_was_never_written_is_missing(tmp_path):
    def fill(data):
        for kind in ("i4", "i8", "f4", "f8"):
            made = data.createVariable(kind, kind, ("row",))
            made.units = "days since 2000-01-01"
            made[:2], made[3:] = [0, 1], [3]
        variable(data, "v", "f8", [1, 2, 3, 4])

    frame = read_frame(write(tmp_path / "t.nc", fill))
    dates = pd.to_datetime(["2000-01-01", "2000-01-02", None, "2000-01-04"]).tolist()
    for kind in ("i4", "i8", "f4", "f8"):
        assert pd.to_datetime(frame[kind]).tolist() == dates, kind


def test_times_before_the_calendars_change_bring_no_words_of_libraries(tmp_path):
    def fill(data):
        variable(data, "day", "f8", [2, 3, 4, 5], units="days since 0001-01-01")
        variable(data, "v", "f8", [1, 2, 3, 4])

    # two days less: the calendar of old and the one of today are so far apart in the year 1
    assert read_frame(write(tmp_path / "t.nc", fill))["day"][0] == "0001-01-01T00:00:00"


def test_numbers_that_attributes_hold_as_text_are_numbers(tmp_path):
    def fill(data):
        variable(data, "v", "f8", [1, -999, 3, 4], missing_value="-999")
        variable(data, "packed", "i2", [1, 2, 3, 4], scale_factor="0.5", add_offset="10")

    frame = read_frame(write(tmp_path / "t.nc", fill))
    np.testing.assert_array_equal(frame["v"], [1, np.nan, 3, 4])
    assert frame["packed"].tolist() == [10.5, 11, 11.5, 12]
