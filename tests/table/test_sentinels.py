"""Marks of missing values: noticed where they are, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

from dirimix.errors import TableWarning
from dirimix.estimators.baselines import EqualWeights
from dirimix.table.selection import suspicions
from dirimix.table.sentinels import farthest, made_missing, suspects
from dirimix.table.table import make_table


@pytest.mark.parametrize("mark", [-9999.0, -999.0, 1e20, -1e30, 9.969209968386869e36, 99999.0])
@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize("count", [1, 3])
def test_the_usual_marks_are_noticed_at_every_scale(mark, scale, count):
    values = scale * np.random.default_rng(0).normal(size=50)
    values[:count] = mark
    assert suspects(values) == {mark: count}


def test_a_number_of_their_own_is_noticed_where_it_repeats_and_two_marks_together():
    values = np.random.default_rng(0).normal(size=50)
    values[:3], values[10:12] = -777.0, 5e5
    assert suspects(values) == {-777.0: 3, 5e5: 2}


def test_single_precision_marks_are_the_same_marks():
    values = np.array([1, 2, 3, 1e20], dtype=np.float32).astype(float)
    assert list(suspects(values)) == [float(np.float32(1e20))]
    frame = made_missing(pd.DataFrame({"v": values}), ["v"], [1e20])
    np.testing.assert_array_equal(frame["v"], [1, 2, 3, np.nan])


@pytest.mark.parametrize(
    ("values", "kind", "mark", "missing"),
    [
        ([9999990, 9999999, 10000008, 5], "f8", 9999999, [1]),
        ([9999990, 9999999, 10000008, 5], "i8", 9999999, [1]),
        ([99999999, 100000000, 5], "f8", 99999999, [0]),
        ([-999.9, -999.9001, 5], "f4", -999.9, [0]),
        ([-999.9, -999.9001, 5], "Float32", -999.9, [0]),
        ([-999.9, float(np.float32(-999.9)), -999.9001], "f8", -999.9, [0, 1]),
        ([99999999, 5], "f4", 99999999, [0]),
        ([np.inf, 5], "f4", 1e300, []),
    ],
)
def test_a_mark_takes_no_number_beside_it(values, kind, mark, missing):
    frame = pd.DataFrame({"v": pd.Series(values, dtype=kind), "self": 1.0})
    found = made_missing(frame, ["v", "self"], [mark])
    assert np.flatnonzero(found["v"].isna()).tolist() == missing
    assert not frame["v"].isna().any()


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.normal(size=200),
        lambda rng: rng.lognormal(0, 2, size=200),
        lambda rng: rng.poisson(0.3, size=200).astype(float),
        lambda _: np.arange(-99.0, 100.0),
        lambda rng: np.where(np.arange(200) < 5, -1e19, rng.normal(size=200) * 1e18),
        lambda _: np.full(20, 9999.0),
        lambda _: np.array([1.0, -9999.0]),
    ],
)
def test_ordinary_columns_are_left_in_peace(draw):
    for seed in range(20):
        assert suspects(draw(np.random.default_rng(seed))) == {}


def test_the_door_of_the_estimators_warns_with_column_value_and_option():
    frame = pd.DataFrame({"x": np.arange(9.0), "a": np.arange(9.0), "b": 1.0})
    frame.loc[3, "a"] = -9999.0
    y = np.where(np.arange(9) == 4, 1e20, np.arange(9.0))
    with pytest.warns(TableWarning) as caught:
        EqualWeights(["x"], ["a", "b"]).fit(frame, y)
    first, second = (str(w.message) for w in caught)
    assert "model 'a' is -9999 at 1 of 9 rows, far outside its other values (0 to 8)" in first
    assert "missing = [-9999] in [data], --missing -9999 or NaN in Python" in first
    assert "the target is 1e+20 at 1 of 9 rows" in second


def test_numbers_that_are_dates_and_labels_of_single_rows_are_pointed_out():
    rows = pd.DataFrame(
        {"day": [20130130, 20130131, 20130201], "place": list("abc"), "m": [1.0, 2, 3]}
    )
    said = suspicions(make_table(rows, ["day", "place"], ["m"]))
    assert [s.partition(",")[0] for s in said] == [
        "coordinate 'day' has numbers such as 20130130",
        "coordinate 'place' has a label of its own at each of the 3 rows",
    ]
    others = rows.assign(day=[20130130, 20130132, 20130201], place=list("aba"))
    assert suspicions(make_table(others, ["day", "place"], ["m"])) == []


@pytest.mark.parametrize(
    "labels",
    [
        "31.12.99 1.1.00",
        "Jan-2013 Feb-2013",
        "2013Q1 2013Q2",
        "12:30 13:00",
        "1,234.5 2,345.6",
        "5km 7km",
    ],
)
def test_labels_that_look_like_numbers_or_dates_are_pointed_out(labels):
    rows = pd.DataFrame({"place": labels.split() * 2, "m": [1.0, 2, 3, 4]})
    (said,) = suspicions(make_table(rows, ["place"], ["m"]))
    assert "which look like numbers or dates and are taken for labels" in said
    for other in ("US 01", "S1 S2", "12A 9B", "DJF MAM", "H2O CO2", "US-Ha1 US-Ho1"):
        rows = pd.DataFrame({"place": other.split() * 2, "m": [1.0, 2, 3, 4]})
        assert suspicions(make_table(rows, ["place"], ["m"])) == []


def test_a_column_without_a_value_is_not_to_blame():
    columns = {"model 'a'": np.full(4, np.nan), "model 'b'": np.array([1.0, 2.0, 1e9, 3.0])}
    assert farthest(columns, [1, 2, 3, 4]).endswith("1000000000 of model 'b' at row 3")
    assert farthest({"model 'a'": np.full(4, np.nan)}, [1, 2, 3, 4]) == ""


def test_marks_in_rows_to_predict_are_noticed():
    x = np.arange(30.0)
    table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
    mixture = EqualWeights(["x"], ["a", "b"]).fit(table, np.sin(x))
    with pytest.warns(TableWarning, match="model 'b' is 1e[+]20 at 1 of 30 rows, far outside"):
        mixture.predict(table.assign(b=np.where(x == 4, 1e20, table["b"])))


@pytest.mark.parametrize("sign", [1, -1])
def test_models_that_are_all_far_on_one_side_of_the_observations_may_have_another_unit(sign):
    t = np.linspace(0, 30, 40)
    frame = pd.DataFrame({"day": t, "a": sign * (t + 273.15), "b": sign * (t + 274.15)})
    (said,) = suspicions(make_table(frame, ["day"], ["a", "b"], sign * t))
    assert said.startswith(f"all models lie {'above' if sign == 1 else 'below'} the observations")
    assert "by 9.1 times what these span" in said
    for other in (frame.assign(a=t), frame.assign(a=-sign * 1e3 * t)):
        (said,) = suspicions(make_table(other, ["day"], ["a", "b"], sign * t))
        assert said.startswith(f"model 'b' lies {'above' if sign == 1 else 'below'} the observ")
        assert "by 9.1 times what these span" in said
        few = other.iloc[5:12]  # whose span says little
        assert suspicions(make_table(few, ["day"], ["a", "b"], sign * t[5:12])) == []
    near = frame.assign(a=t, b=sign * (t + 1.0))
    assert suspicions(make_table(near, ["day"], ["a", "b"], sign * t)) == []
    assert suspicions(make_table(frame, ["day"], ["a", "b"], 0 * t)) == []
    assert suspicions(make_table(frame, ["day"], ["a", "b"])) == []
