"""Coordinates of every kind: numbers, dates in all their spellings, categories."""

import datetime

import numpy as np
import pandas as pd
import pytest

from dirimix.errors import InputError, TableWarning
from dirimix.table.coordinates import place_text, read_coordinate
from dirimix.table.dates import as_dates, day_text
from dirimix.table.table import make_table
from dirimix.table.values import number_text

DAYS = [15706.0, 15707.0, 16071.0]  # 1 and 2 January 2013, 1 January 2014
SPELLINGS = {
    "ISO": ["2013-01-01", "2013-01-02", "2014-01-01"],
    "slashes": ["2013/01/01", "2013/01/02", "2014/01/01"],
    "ISO with time and zone": ["2013-01-01T00:00Z", "2013-01-02 01:00+01:00", "2014-01-01"],
    "dots": ["01.01.2013", "02.01.2013", "01.01.2014"],
    "names of months": ["1 Jan 2013", "02-January-2013", "Jan 1, 2014"],
    "times of some": ["1/1/2013", "1/2/2013 12:00 AM", "1/1/2014", "1/31/2013"],
    "hours alone": ["2013-01-01T00", "2013-01-02 00Z", "2014-01-01T02+02"],
    "spaces around": [" 2013-01-01", "2013-01-02 ", "2014-01-01"],
    "dates of Python": [
        datetime.date(2013, 1, 1),
        datetime.date(2013, 1, 2),
        datetime.date(2014, 1, 1),
    ],
    "moments": list(pd.to_datetime(["2013-01-01", "2013-01-02", "2014-01-01"])),
    "seconds": np.array(["2013-01-01", "2013-01-02", "2014-01-01"], dtype="datetime64[s]"),
    "zoned": pd.to_datetime(["2013-01-01", "2013-01-02", "2014-01-01"]).tz_localize("UTC"),
    "periods": pd.PeriodIndex(["2013-01-01", "2013-01-02", "2014-01-01"], freq="D"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_dates_are_days_of_one_epoch_however_they_are_written(spelling):
    found = read_coordinate(pd.Series(SPELLINGS[spelling]), "time")
    np.testing.assert_array_equal(found.values[:3], DAYS)
    assert found.kind == "date"


def test_day_and_month_are_told_apart_or_refused():
    first, then = (pd.Series([f"{d} 06:30" for d in dates]) for dates in
                   (["31/1/2013", "1/2/2013"], ["1/31/2013", "2/1/2013"]))  # fmt: skip
    expected = [15736 + 6.5 / 24, 15737 + 6.5 / 24]
    for column in (first, then):
        np.testing.assert_allclose(read_coordinate(column, "t").values, expected, rtol=1e-15)
    with pytest.raises(InputError, match=r"such as '1/2/2013', in which day and month cannot"):
        read_coordinate(pd.Series(["1/2/2013", "2/3/2013"]), "t")


def test_day_and_month_that_are_one_number_need_not_be_told_apart():
    found = read_coordinate(pd.Series(["1/1/2010", "1/1/2011", "2/2/2011"]), "t")
    np.testing.assert_array_equal(found.values, [14610, 14975, 15007])


def test_dates_survive_the_way_to_days_and_back():
    rng = np.random.default_rng(0)
    moments = rng.integers(-5 * 10**15, 5 * 10**15, 2000).astype("datetime64[us]")  # 1811 to 2128
    values = read_coordinate(pd.Series(moments), "t").values
    away = np.abs(as_dates(values) - moments)
    # days are doubles: their spacing in 2100 is about half a microsecond
    assert away.max() <= np.timedelta64(1, "us")
    whole = moments.astype("datetime64[s]")
    values = read_coordinate(pd.Series(whole), "t").values
    texts = pd.Series([day_text(v) for v in values])
    assert (pd.to_datetime(texts, format="ISO8601").to_numpy() == whole).all()


def test_text_that_is_no_number_and_no_date_is_a_category():
    found = read_coordinate(pd.Series(["b", "a", "b", "NA"]), "state")
    assert (found.kind, found.levels) == ("category", ("NA", "a", "b"))
    np.testing.assert_array_equal(found.values, [2, 1, 2, 0])


def test_what_pandas_calls_categorical_is_a_category_in_its_own_order():
    numbered = read_coordinate(pd.Series([3, 1, 3]).astype("category"), "fips")
    assert (numbered.kind, numbered.levels) == ("category", ("1", "3"))
    ranked = pd.Categorical(["mid", "low"], categories=["low", "mid", "high"])
    assert read_coordinate(pd.Series(ranked), "rank").levels == ("low", "mid")
    assert read_coordinate(pd.Series([True, False]), "wet").levels == ("False", "True")


def test_levels_of_the_fit_come_first_and_new_ones_after():
    frame = pd.DataFrame({"s": ["n", "m", "n"], "a": [1.0, 2, 3]})
    fit = make_table(frame, ["s"], ["a"])
    new = make_table(
        pd.DataFrame({"s": ["a", "n", "b"], "a": 1.0}),
        *(["s"], ["a"]),
        kinds=fit.kinds,
        levels=fit.levels,
    )
    assert new.levels == {"s": ("m", "n", "a", "b")}
    np.testing.assert_array_equal(new.x[:, 0], [2, 1, 3])
    assert new.site(0) == "s=a"


def test_labels_of_numbers_are_found_however_the_numbers_are_written():
    fit = read_coordinate(pd.Series([1.0, 2.5, 3.0]).astype("category"), "s")
    assert fit.levels == ("1", "2.5", "3")
    new = read_coordinate(pd.Series(["1.0", "2.50", "01", "4.0"]), "s", "category", fit.levels)
    assert new.levels == (*fit.levels, "01", "4.0")
    np.testing.assert_array_equal(new.values, [0, 1, 3, 4])


def test_a_coordinate_keeps_the_kind_of_the_fit():
    with pytest.raises(InputError, match="'t' holds numbers here and held dates in the fit"):
        read_coordinate(pd.Series([1.0, 2.0]), "t", "date")
    with pytest.raises(InputError, match="'t' holds labels of a category here and held numbers"):
        read_coordinate(pd.Series(["a", "b"]), "t", "number")
    assert read_coordinate(pd.Series([1, 2]), "t", "category", ["2", "1"]).levels == ("2", "1")


def test_missing_places_are_refused():
    for column, words in (
        (pd.Series(["2013-01-01", None]), "a date everywhere, and is nan at row 2"),
        (pd.Series(["a", None, "b"]), "no label at row 2"),
        (pd.Series([1.0, np.nan]), "finite everywhere, and is nan at row 2"),
    ):
        with pytest.raises(InputError, match=words):
            read_coordinate(column, "c")


def test_numbers_in_words_read_as_the_same_numbers():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=500) * 10.0 ** rng.integers(-300, 300, 500), [0, 3]])
    assert all(float(number_text(v)) == v for v in values)
    assert place_text(2460000.5002314816) == "2460000.5002314816"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["2001-02-30", "2001-03-01", "2001-03-02"],
            "has dates, and '2001-02-30' at row 1 is none",
        ),
        (["2001-03-01", "2001-03-02", "NA"], "'NA' at row 3 is none"),
        (["31.2.2001", "1.3.2001", "2.3.2001"], "'31.2.2001' at row 1 is none"),
        (["1/31/2001 noon", "1/3/2001 noon", "2/3/2001"], "noon' at row 1 and 1 more is none"),
    ],
)
def test_a_fault_among_dates_makes_no_category_of_them(values, message):
    with pytest.raises(InputError, match=message):
        read_coordinate(pd.Series(values), "t")


def test_seasons_and_codes_among_which_some_are_no_number_are_categories():
    assert read_coordinate(pd.Series(["2019-20", "2020-21"]), "season").kind == "category"
    assert read_coordinate(pd.Series(["01", "06", "US"]), "place").levels == ("01", "06", "US")
    assert read_coordinate(pd.Series(["01", "06", "36"]), "place").kind == "number"


def test_dates_of_other_calendars_are_dates_where_there_are_such_and_else_numbers():
    xr = pytest.importorskip("xarray")
    pytest.importorskip("cftime")
    days = xr.date_range("2001-02-27", periods=4, calendar="noleap", use_cftime=True)
    found = read_coordinate(pd.Series(list(days)), "t")
    assert [day_text(v) for v in found.values[:3]] == ["2001-02-27", "2001-02-28", "2001-03-01"]
    for start in ("2001-02-29", "2002-02-29"):
        days = xr.date_range(start, periods=3, calendar="360_day", use_cftime=True)
        with pytest.warns(TableWarning, match="'t' are of the calendar '360_day'"):
            found = read_coordinate(pd.Series(list(days), name="t"), "t")
        own = 360 * (int(start[:4]) - 1970) + 58
        np.testing.assert_array_equal(found.values, own + np.arange(3.0))
        assert found.kind == "number"


@pytest.mark.parametrize(
    ("fit", "new"), [("True False", "TRUE FALSE"), ("true false", [True, False])]
)
def test_truth_values_are_the_same_labels_in_every_spelling(fit, new):
    known = tuple(fit.split())
    values = new.split() if isinstance(new, str) else new
    found = read_coordinate(pd.Series(values), "open", "category", known)
    assert found.levels == known
    np.testing.assert_array_equal(found.values, [0.0, 1.0])
