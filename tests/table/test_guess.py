"""Which column is what: tables of many shapes, names and orders."""

import numpy as np
import pandas as pd
import pytest

from dirimix.errors import InputError
from dirimix.table.frames import looks_long
from dirimix.table.guessing.guess import guess


def table(n: int = 40, **columns) -> pd.DataFrame:
    """x, three models and y, with other columns in front, beside or behind."""
    x = np.linspace(0.0, 4.0, n)
    y = np.exp(-x)
    made = {
        "x": x, "flat": np.ones(n), "line": 1 - x / 2, "late": x * np.exp(-x), "y": y,
    }  # fmt: skip
    return pd.DataFrame({**made, **columns})


def test_names_and_places_say_what_columns_are():
    found = guess(table(err=np.full(40, 0.01), part=["train"] * 30 + ["test"] * 10))
    assert (found.target, found.error, found.split) == ("y", "err", "part")
    assert found.coords == ("x",)
    assert found.models == ("flat", "line", "late")
    assert (found.rows, found.observed, found.whole) == (40, 40, 40)


@pytest.mark.parametrize(
    "name", ["observation", "Observed", "obs", "Actual", "truth [m]", "Q", "Qobs"]
)
def test_observations_go_by_many_names(name):
    assert guess(table().rename(columns={"y": name})).target == name


@pytest.mark.parametrize("error", ["uS", "S_err", "S error", "sigma_S", "S_sd"])
def test_an_error_named_after_its_column_tells_the_target(error):
    frame = table().rename(columns={"y": "S"}).assign(**{error: 0.01})
    found = guess(frame)
    assert (found.target, found.error) == ("S", error)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("no2_obs", "no2_std"),
        ("no2_obs", "sigma_no2"),
        ("obs", "sd_obs"),
        ("obs", "obs_stderr"),
        ("obs", "obs_se"),
        ("PM2.5 obs (µg/m³)", "σ obs (µg/m³)"),
    ],
)
def test_an_error_of_the_same_words_as_the_target_is_its_own(target, error):
    noise = 0.4 + 0.3 * np.sin(np.arange(40.0))  # in the range of the observations
    frame = table(late_std=0.5).rename(columns={"y": target}).assign(**{error: noise})
    found = guess(frame)
    assert (found.target, found.error) == (target, error)
    assert (found.models, found.unused) == (("flat", "line", "late"), ("late_std",))


def test_small_positive_numbers_just_after_the_target_are_its_error():
    assert guess(table(e=np.full(40, 0.02))).error == "e"
    # the control: as large as the target itself
    assert guess(table(e=np.full(40, 0.8))).error is None


def test_a_first_column_that_goes_up_is_a_coordinate_in_any_unit():
    for scale in (1e-9, 1.0, 1e9):
        frame = table().assign(x=lambda t, s=scale: s * t["x"]).rename(columns={"x": "log Re"})
        assert guess(frame).coords == ("log Re",)


def test_a_first_column_far_from_all_others_is_a_coordinate_where_no_name_says_one():
    rng = np.random.default_rng(0)
    energy = rng.uniform(1, 60, 40)
    y = 5 / np.sqrt(energy)
    models = {n: y + rng.normal(0, 0.1, 40) for n in ("endf", "jeff", "optical")}
    table = pd.DataFrame({"energy": energy, **models, "obs": y})
    assert (guess(table).coords, len(guess(table).models)) == (("energy",), 3)
    assert "energy is taken for a coordinate, as it is much further" in guess(table).doubts[0]
    near = table.assign(energy=y + rng.normal(0, 0.5, 40))  # the control
    assert (guess(near).coords, len(guess(near).models)) == ((), 4)


def test_a_target_that_no_model_goes_with_is_doubted():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1, (2, 40))
    values = {n: np.sin(5 * x) + rng.normal(0, 0.1, 40) for n in ("wx0", "wx1", "temp")}
    table = pd.DataFrame({"x": x, "y": y, **values})
    assert any(
        "if that holds the observations, say --target temp" in d for d in guess(table).doubts
    )
    assert not any("--target" in d for d in guess(table, target="temp", coords=["x", "y"]).doubts)


def test_a_model_that_is_far_off_somewhere_is_still_a_model():
    x = np.linspace(0.01, 4, 40)
    frame = pd.DataFrame({"g": x, "small": 1 - x, "large": -1e19 / x, "y": np.exp(-x)})
    assert guess(frame).models == ("small", "large")


def test_models_with_gaps_and_rows_without_observation_are_counted():
    frame = table()
    frame.loc[3:9, "late"] = np.nan
    frame.loc[35:, "y"] = np.nan
    found = guess(frame)
    assert (found.observed, found.whole) == (35, 33)
    assert "40 rows, 35 of them observed" in found.words()


def test_what_is_given_is_not_guessed():
    found = guess(table(w=np.arange(40.0)), coords=["w"], models=["flat", "late"], target="y")
    assert (found.coords, found.models) == (("w",), ("flat", "late"))
    assert found.unused == ("x", "line")


def test_text_and_dates_that_tell_sites_apart_are_coordinates():
    days = pd.date_range("2020-01-01", periods=40)
    frame = table().assign(station=["north", "south"] * 20, when=days)
    assert set(guess(frame).coords) == {"x", "station", "when"}


def test_what_cannot_be_guessed_is_refused_with_the_option_that_says_it():
    with pytest.raises(InputError, match="no name says so; name it with --target, of x, flat"):
        guess(table().rename(columns={"y": "v"}))
    with pytest.raises(InputError, match="it may be y or obs; name it with --target"):
        guess(table(obs=np.arange(40.0)))
    with pytest.raises(InputError, match="1 columns look like models of 'y'.*--models"):
        guess(table().drop(columns=["flat", "late"]))
    with pytest.raises(InputError, match="no column 'flatt' .did you mean 'flat'"):
        guess(table(), models=["flatt", "line"])
    assert looks_long(["x", "Model_ID", "value"])
    assert not looks_long(["x", "model", "y"])


def test_longitude_and_latitude_are_known_as_the_globe():
    frame = table().assign(Longitude=np.arange(40.0), lat=np.arange(40.0))
    assert guess(frame).geo == ("Longitude", "lat")
    assert guess(frame.drop(columns="lat")).geo is None


def test_a_logarithm_is_suggested_for_skewed_observations_that_it_takes():
    skewed = table(y=np.exp(np.linspace(-2, 4, 40)), flat=1.0, line=2.0)
    assert guess(skewed.assign(late=0.5)).transform == "log"
    assert guess(skewed.assign(late=0.0)).transform == "log1p"
    assert guess(skewed.assign(late=-0.1)).transform is None
    assert guess(skewed.assign(late=0.5, y=np.linspace(5, 9, 40))).transform is None
    said = guess(skewed.assign(late=0.5)).words()
    assert "the observations are positive and skewed: transform = 'log' may suit" in said


def test_columns_of_numbers_stay_so_with_a_fault_which_is_named():
    frame = table().astype({"flat": object, "x": object, "y": object})
    frame.loc[3, ["flat", "y"]] = ["***", "<0.1"]
    frame.loc[0, "x"] = "\u22120.1"
    found = guess(frame)
    assert (found.target, found.coords, found.models) == ("y", ("x",), ("flat", "line", "late"))
    assert found.observed == 40
    said = "\n".join(found.words())
    for words in ("flat has '***' at row 4, which is no number", "y has '<0.1' at row 4", "x has "):
        assert words in said


@pytest.mark.parametrize("name", ["column 1", "Unnamed: 0"])
def test_an_index_without_a_name_is_no_coordinate(name):
    frame = table()
    frame.insert(0, name, np.arange(1, 41))
    found = guess(frame)
    assert (found.coords, found.unused) == (("x",), (name,))
    assert guess(frame.assign(**{name: np.arange(40) ** 2})).coords == (name, "x")


def test_dates_in_words_are_coordinates_though_every_row_has_its_own():
    dates = pd.date_range("2001-01-01", periods=40).strftime("%d %b %Y").astype(object)
    assert guess(table().rename(columns={"x": "when"}).assign(when=dates)).coords == ("when",)


def test_dates_that_follow_from_counted_times_are_no_coordinates_beside_them():
    dates = pd.date_range("2001-01-01", periods=20).strftime("%Y-%m-%d").astype(object)
    day, horizon = np.repeat(np.arange(20), 2), np.tile([0, 1], 20)
    frame = table().assign(day=day, horizon=horizon, made=np.repeat(dates, 2))
    found = guess(frame.loc[:, ["made", "day", "horizon", "flat", "line", "late", "y"]])
    assert (found.coords, found.unused) == (("day", "horizon"), ("made",))
    other = frame.assign(made=np.tile(dates, 2))
    assert guess(other.loc[:, ["made", "day", "flat", "line", "late", "y"]]).coords == (
        "made",
        "day",
    )


@pytest.mark.parametrize("cell", [[1.0, 2.0], np.ones(2), {"mean": 1.0}, (1.0, 2.0)])
@pytest.mark.parametrize("name", ["ens", "x", "obs"])
def test_columns_of_lists_are_not_used(cell, name):
    frame = table().rename(columns={"x": "time"})
    frame.insert(1, name, pd.Series([cell] * 40))
    found = guess(frame)
    assert found.unused == (name,)
    assert (found.target, found.models) == ("y", ("flat", "line", "late"))
    with pytest.raises(InputError, match=f"the column '{name}' holds lists and no single values"):
        guess(frame, coords=[name])


def test_text_that_tells_all_rows_apart_is_their_names():
    who = [f"molecule {k}" for k in range(40)]
    found = guess(table(who=who, kind=["a", "b"] * 20))
    assert (found.names, found.unused) == ("who", ("kind",))
    assert "names of the rows: who" in found.words()
    assert guess(table(who=[*who[:-1], who[0]])).names is None
    assert guess(table(who=[*who[:-1], None])).names is None
    assert guess(table(who=np.arange(40) * 7.0), coords=["x"]).names is None
    assert guess(table(who=who, kind=who), names="kind").unused == ("who",)


@pytest.mark.parametrize("name", ["tas_obs", "Q_obs_m3s", "Ef exp", "snow.depth.measured"])
def test_a_word_in_a_name_tells_the_observations_where_nothing_else_does(name):
    frame = table(n_obs=np.full(40, 3.0), obs_id=np.arange(40.0)).rename(columns={"y": name})
    assert guess(frame).target == name
    # the controls: a name that is the word itself comes first, and two that hold it tell nothing
    assert guess(frame.assign(truth=frame[name])).target == "truth"
    with pytest.raises(InputError, match=f"it may be {name} or pr_obs"):
        guess(frame.assign(pr_obs=frame[name]))


def test_models_with_errors_of_their_own_are_told_from_what_was_measured():
    errors = {"flat_err": 0.01, "line_err": 0.02}
    frame = table().rename(columns={"y": "E_exp"}).assign(E_exp_err=0.01, **errors)
    assert guess(frame).target == "E_exp"


def test_a_date_that_is_the_same_at_every_row_is_no_coordinate():
    frame = table(issued="2022-10-01", day=pd.date_range("2022-10-08", periods=40).astype(str))
    found = guess(frame)
    assert "day" in found.coords
    assert found.unused == ("issued",)


@pytest.mark.parametrize("form", ["{:.2f} \u00b1 0.1", "{:.3f}(12)", "{:.1f} m"])
def test_observations_with_more_than_a_number_in_a_cell_are_still_the_observations(form):
    frame = table().assign(y=[form.format(v) for v in table()["y"]])
    found = guess(frame.assign(error=0.1))
    assert (found.target, found.names) == ("y", None)
    assert f"y has texts such as {frame['y'][0]!r}: write numbers as 1234.5" in found.words()[-1]


def test_codes_beside_text_are_labels_and_no_fault():
    frame = table(location=["01", "36", "06", "US"] * 10)
    frame.insert(0, "location", frame.pop("location"))
    found = guess(frame)
    assert (found.coords, found.labels, found.doubts) == (("location", "x"), ("location",), ())


def test_models_with_signs_for_thousands_are_named_and_not_left_out_without_a_word():
    frame = table().assign(line=[f"{1e4 + v:,.1f}" for v in table()["y"]])
    frame = frame.assign(other=frame["late"] + 0.1)
    assert "line has texts such as '10,0" in guess(frame).words()[-1]


def test_columns_that_may_be_something_else_are_pointed_out():
    rng = np.random.default_rng(2)
    clean = table(60)
    assert guess(clean).doubts == ()
    share = clean.copy()
    share.insert(1, "share", rng.uniform(0.0, 0.9, 60))  # a composition, in the target's range
    (line,) = guess(share).doubts
    assert line.startswith("share hardly goes with y (rank correlation 0.")
    given = guess(share, models=["flat", "line", "late"])
    assert (given.doubts, given.coords) == ((), ("x", "share"))
    far = table(60, y=np.exp(-np.linspace(0, 4, 60)))
    far.insert(1, "decades", 1e6 * far["y"] ** 3)  # a model out of the range
    found = guess(far)
    assert "decades" in found.coords
    assert found.doubts[0].startswith("decades is taken for a coordinate and goes with y (rank ")


def test_what_is_no_model_or_no_observation_is_pointed_out():
    assert guess(table()).doubts == ()
    (line,) = guess(table(qc=1.05, half=0.5)).doubts
    assert line.startswith("qc is 1.05 at every row, beyond all of y")
    (line,) = guess(table(again=table()["late"])).doubts
    assert line.startswith("late and again are equal at every row")
    kelvin = table().assign(flat=300.0, line=table()["line"] + 273, late=table()["late"] + 273)
    assert "no model comes as near to y as it varies" in " ".join(guess(kelvin).doubts)


def test_an_id_that_no_two_rows_share_is_no_coordinate():
    assert guess(table(id=np.arange(40))).coords == ("x",)
    assert guess(table(id=np.arange(40) % 5)).coords == ("x", "id")


def test_a_negative_error_is_neither_taken_nor_a_coordinate():
    err = np.full(40, 0.01)
    err[6] = -1.0
    columns = ["x", "err", "flat", "line", "late", "y"]
    found = guess(table(err=err).reindex(columns=columns))
    assert (found.error, found.coords, found.unused) == (None, ("x",), ("err",))
    (line,) = found.doubts
    assert line.startswith("err is not taken for the observations' standard deviations, as it")
    assert "holds -1 at row 7: correct it, then give --error err" in line
    assert guess(table(err=np.abs(err))).doubts == ()


def test_a_model_in_another_unit_and_two_columns_of_errors_are_told_apart():
    frame = table(60)
    several = frame.assign(kmh=1e4 + 3.6e3 * frame["y"], err_low=0.1, err_high=0.3)
    found = guess(several)
    assert (found.models, found.error) == (("flat", "line", "late"), None)
    assert found.unused == ("kmh", "err_low", "err_high")
    (line,) = found.doubts
    assert line.startswith("kmh is not used and goes with y (rank correlation 1.00): if it is a m")
    assert guess(frame).doubts == ()


def test_what_a_fit_would_refuse_is_pointed_out():
    frame = table()
    dated = frame.assign(date=[f"{1 + i % 12:02}/{1 + i // 12:02}/2013" for i in range(40)])
    found = guess(dated)
    assert "date" in found.coords
    assert "in which day and month cannot be told apart" in found.doubts[0]
    told = dated.assign(date=[f"{13 + i % 12}/{1 + i // 12:02}/2013" for i in range(40)])
    assert guess(told).doubts == ()
    late = frame["late"].where(frame.index != 6, np.inf)
    (line,) = guess(frame.assign(late=late)).doubts
    assert line == "late is infinite at row 7: correct it, or leave out the row"


def test_a_coordinate_that_some_row_lacks_is_one_all_the_same():
    frame = table().assign(x=table()["x"].where(table().index != 4))
    found = guess(frame)
    assert found.coords == ("x",)
    assert found.doubts[0].startswith("x is empty at 1 row, first at row 5: give the coordinate")
    seldom = table()
    seldom.insert(0, "note", np.where(np.arange(40) < 3, 7.5 + np.arange(40), np.nan))
    assert guess(seldom).coords == ("x",)


def test_observations_without_a_number_are_refused():
    with pytest.raises(InputError, match="'y' of the observations holds no number; name another"):
        guess(table(y=np.full(40, np.nan)))


def test_names_are_listed_as_options_take_them():
    frame = table().rename(columns={"line": "line, 2", "late": 'a "b"'})
    assert '3 models: flat, "line, 2", "a ""b"""' in guess(frame).words()


def test_splits_in_other_words_are_pointed_out():
    words = np.where(np.arange(40) % 4 == 0, "Validation", "Training")
    (line,) = guess(table(set=words)).doubts
    assert line.startswith("set has Training, Validation and is not used: write train, test and")
    before = table()
    before.insert(0, "set", words)
    assert guess(before).coords == ("x",)
    assert guess(table(set=np.where(words == "Training", "train", "test"))).split == "set"
    assert guess(table(set=np.where(words == "Training", "dry", "wet"))).doubts == ()
    for others in (["train", "test", "forecast"], ["training", "tested", "new"]):
        (line,) = guess(table(set=np.resize(others, 40))).doubts
        assert "and is not used: write train, test and landscape" in line
    (line,) = guess(table(split=np.resize(list("abcde"), 40))).doubts
    assert line.startswith("split has a, b, c, others and is not used")
