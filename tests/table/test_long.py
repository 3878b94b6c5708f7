"""Long tables made wide, against pandas' own pivot and by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from dirimix.errors import InputError
from dirimix.table.frames import UNITS
from dirimix.table.long import pivot_long, with_observations


def hub(kinds: dict[str, list[tuple[str, object]]]) -> pd.DataFrame:
    """Rows as a forecast hub has them: of each model, output types and their ids."""
    rows = [
        {
            "model_id": model,
            "location": place,
            "horizon": horizon,
            "output_type": kind,
            "output_type_id": level,
            "value": 100 * ord(model[0])
            + 10 * horizon
            + (level if isinstance(level, float) else 0),
        }
        for model, place, horizon in itertools.product(kinds, ["US", "01"], range(3))
        for kind, level in kinds[model]
    ]
    return pd.DataFrame(rows)


def test_any_order_of_rows_gives_the_pivot():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(30, 4)), columns=["a", "b", "null", "$"])
    wide.insert(0, "t", np.arange(30))
    wide.insert(1, "y", rng.normal(size=30))
    long = wide.melt(["t", "y"], var_name="model", value_name="value")
    long = long.sample(frac=1, random_state=0)
    found = pivot_long(long).sort_values("t").reset_index(drop=True)
    pd.testing.assert_frame_equal(found.reindex(columns=wide.columns), wide)


def test_gaps_are_missing_and_sites_keep_their_order():
    long = pd.DataFrame({"t": [3, 1, 1], "model": ["a", "a", "b"], "value": [1.0, 2.0, 3.0]})
    found = pivot_long(long)
    assert found["t"].tolist() == [3, 1]
    np.testing.assert_array_equal(found["b"], [np.nan, 3.0])


@pytest.mark.parametrize(
    ("kinds", "stands"),
    [
        ([("quantile", 0.1), ("quantile", 0.5), ("mean", "NA")], "quantile 0.5"),
        ([("quantile", 0.1), ("median", "NA"), ("mean", "NA")], "median"),
        ([("mean", "NA"), ("point", "NA"), ("sample", 1.0)], "mean"),
        ([("point", "NA")], "point"),
    ],
)
def test_the_best_centre_stands_for_a_forecast(kinds, stands):
    found = pivot_long(hub({"Alpha": kinds, "Beta": [("median", "NA")]}))
    assert found.attrs["forecasts"] == {"Alpha": stands, "Beta": "median"}
    assert list(found.columns) == ["location", "horizon", "Alpha", "Beta"]
    assert len(found) == 6
    half = 0.5 if stands.startswith("quantile") else 0.0
    np.testing.assert_array_equal(found["Alpha"], 6500 + 10 * found["horizon"] + half)


def test_a_column_of_levels_alone_tells_quantiles():
    rows = {"t": [1, 1, 1, 1], "model": list("aaab"), "quantile": [0.1, 0.5, None, None]}
    found = pivot_long(pd.DataFrame(rows | {"value": [1.0, 2.0, 3.0, 4.0]}))
    assert found.to_dict("list") == {"t": [1], "a": [2.0], "b": [4.0]}


def test_columns_of_other_names_and_those_that_only_describe_a_model():
    long = pd.DataFrame(
        {
            "day": [1, 1, 2, 2],
            "team": list("abab"),
            "forecast": [1.0, 2, 3, 4],
            "town": list("xyxy"),
        }
    )
    found = pivot_long(long, model="team", value="forecast")
    assert found.to_dict("list") == {"day": [1, 2], "a": [1.0, 3.0], "b": [2.0, 4.0]}


OBSERVED = {"day": [1, 1, 1, 2, 2, 2], "model": list("abcabc"), "value": np.arange(6.0)}


@pytest.mark.parametrize(
    "options",
    [{}, {"keys": ["day", "obs"]}, {"keys": ["day"], "carried": ["obs"]}, {"carried": ["obs"]}],
)
@pytest.mark.parametrize("obs", [[5, None, 5, None, None, None], [None, 5, 5, None, 6, None]])
def test_an_observation_on_some_rows_of_a_site_is_that_of_the_site(options, obs):
    found = pivot_long(OBSERVED | {"obs": obs}, **options)
    assert found["day"].tolist() == [1, 2]
    np.testing.assert_array_equal(found["obs"], [5, obs[4] or np.nan])
    np.testing.assert_array_equal(found[["a", "b", "c"]], [[0, 1, 2], [3, 4, 5]])


def test_repeated_observations_tell_their_rows_apart():
    rows = {
        "day": [1, 1, 1, 1, 2, 2],
        "model": list("ababab"),
        "value": np.arange(6.0),
        "obs": [5, 5, 6, 6, 7, None],
        "part": ["train", "train", "test", "test", "", "train"],
    }
    found = pivot_long(rows, ["day"], carried=["obs", "part"])
    assert found.to_dict("list") == {
        "day": [1, 1, 2],
        "obs": [5.0, 6.0, 7.0],
        "part": ["train", "test", "train"],
        "a": [0.0, 2.0, 4.0],
        "b": [1.0, 3.0, 5.0],
    }


def test_a_number_that_some_rows_lack_tells_sites_apart_where_it_differs():
    """A station without a number is a place beside the numbered ones of the same day."""
    place = pd.Series([None, None, None, 3.0, 3.0, 3.0])
    rows = pd.DataFrame(OBSERVED | {"day": 1, "place": place})
    assert pivot_long(rows)["a"].tolist() == [0.0, 3.0]
    apart = pd.DataFrame(OBSERVED | {"obs": [5, 5.5, None, 6, 6, 6]})
    assert len(pivot_long(apart)) == 4
    with pytest.raises(InputError, match=r"two values of 'obs' .* 5\.0 at row 1 and 5\.5 at row 2"):
        pivot_long(apart, ["day"], carried=["obs"])


def test_columns_of_lists_stay_out_of_a_wide_table():
    rows = pd.DataFrame(OBSERVED | {"members": [[1.0, 2.0]] * 6})
    assert list(pivot_long(rows).columns) == ["day", "a", "b", "c"]
    with pytest.raises(InputError, match="the long table has no column 'members' of single values"):
        pivot_long(rows, ["day", "members"])


def test_a_model_may_have_the_name_of_a_parameter_of_pandas():
    found = pivot_long(
        {"self": list("abab"), "value": [1, 2, 3, 4], "t": [1, 1, 2, 2]}, model="self"
    )
    assert found.to_dict("list") == {"t": [1, 2], "a": [1, 3], "b": [2, 4]}
    found = pivot_long({"model": ["self", "b"], "value": [1, 2], "t": [1, 1]})
    assert found.to_dict("list") == {"t": [1], "self": [1], "b": [2]}


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"model": ["a", "a"], "value": [1, 2], "t": [1, 1]}, {}, r"rows 1 and 2 .* are both of"),
        (
            {"model": ["a", "a"], "value": [1, 2], "t": [1, 1], "h": [0, 1]},
            {"keys": ["t"]},
            r"model 'a' at the same site; they differ in 'h', so keep one of them, or name more",
        ),
        ({"modle": ["a"], "value": [1]}, {}, r"no column 'model_id' or 'model' for the model"),
        ({"model": ["a"], "valeu": [1]}, {}, r"no column 'value' for the value \(did you mean"),
        ({"model": ["a"], "value": [1]}, {"model": "team"}, r"no column 'team' for the model"),
        ({"model": ["a", None], "value": [1, 2]}, {}, r"'model' names no model at row 2; give"),
        ({"model": ["t"], "value": [1], "t": [1]}, {}, r"a model 't' and a column of that name"),
        ({"model": ["a"], "value": [1]}, {"keys": ["value"]}, r"'value' of the long table holds"),
        (
            {"model": ["a"], "value": [1], "output_type": ["pmf"], "output_type_id": ["low"]},
            {},
            r"no medians, means or points to stand for the models' forecasts, only pmf",
        ),
        (
            {"model": ["a", "b"], "value": [1, 1], "output_type": ["mean", "cdf"]},
            {},
            r"model 'b' of the long table has no median, mean or point",
        ),
        (
            {"model": ["a", "b"], "value": [1, 2], "t": [1, 1], "y": [0.5, 0.6]},
            {"keys": ["t", "y"]},
            r"no two models .* at the same site, as they never agree in 'y': correct it",
        ),
    ],
)
def test_what_is_no_long_table_is_refused(columns, options, message):
    with pytest.raises(InputError, match=message):
        pivot_long(pd.DataFrame(columns), **options)


def test_observations_join_by_what_both_tables_have():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(itertools.product(["2024-01-01", "2024-01-08"], ["01", "36"], [1, 2]))
    table.columns = ["end", "place", "horizon"]
    table = table.assign(a=rng.normal(size=8)).sample(frac=1, random_state=0)
    truth = table[["end", "place"]].drop_duplicates().assign(y=[3.0, 1.0, 4.0, 1.5], u=0.1)
    expected = table.merge(truth, on=["end", "place"], how="left")
    written = truth.assign(end=pd.to_datetime(truth["end"]), score=1).iloc[::-1]
    found = with_observations(table, written, "y", "u")
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, check_dtype=False)
    part = with_observations(table, written.iloc[:1], "y")
    assert part["y"].notna().sum() == 2  # both horizons of one date and place


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"t": [1.0, 1.0], "y": [1, 2]}, r"two rows at t=1\.0; keep one"),
        (
            {"t": [1.0, 1.0], "day": [1, 2], "y": [1, 2]},
            "them apart, such as 'day', as in the table, which has t",
        ),
        ({"t": [8.0], "y": [1]}, r"no row of the table has the 't' of an observation"),
        ({"place": [1.0], "y": [1]}, r"no column in common"),
        ({"t": [1.0], "z": [1]}, r"'y' is not in the file of the observations, which has t, z"),
    ],
)
def test_observations_that_do_not_fit_are_refused(other, message):
    with pytest.raises(InputError, match=message):
        with_observations(pd.DataFrame({"t": [1, 2], "a": [0.5, 0.6]}), pd.DataFrame(other), "y")


@pytest.mark.parametrize("kinds", [("f4", "f8"), ("f8", "f4"), ("f4", "f4"), ("Float32", "f8")])
def test_numbers_are_matched_in_the_shorter_precision(kinds):
    places = [50.1, 50.5, 50.25]
    table = pd.DataFrame({"lat": pd.Series(places, dtype=kinds[0]), "a": [1.0, 2.0, 3.0]})
    truth = pd.DataFrame({"lat": pd.Series(places, dtype=kinds[1]), "y": [5.0, 6.0, 7.0]})
    assert with_observations(table, truth.iloc[::-1], "y")["y"].tolist() == [5, 6, 7]
    near = truth.assign(lat=[50.1 + 1e-9, 50.5, 50.25])  # the control: in double another place
    doubles = with_observations(table.assign(lat=places), near, "y")["y"]
    assert doubles.isna().tolist() == [True, False, False]


def test_numbers_are_matched_as_numbers_however_they_are_written():
    table = pd.DataFrame({"place": ["01", "06", "36"], "a": [1.0, 2.0, 3.0]})
    truth = pd.DataFrame({"place": [36, 1], "y": [36.0, 1.0]})
    np.testing.assert_array_equal(with_observations(table, truth, "y")["y"], [1, np.nan, 36])


def test_models_have_the_unit_of_the_values():
    rows = hub({"A": [("median", None)], "B": [("median", None)]}).assign(obs=1.0)
    rows.attrs[UNITS] = {"value": "K", "obs": "degC", "horizon": "week"}
    wide = pivot_long(rows, ["location", "horizon"], carried=["obs"])
    assert wide.attrs[UNITS] == {"horizon": "week", "obs": "degC", "A": "K", "B": "K"}
