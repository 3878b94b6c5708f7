from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from dirimix.assess.options import Threshold
from dirimix.assess.threshold import fill_ended, joint, limits, threshold_tables
from dirimix.errors import InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fitted import FittedMethod
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.laws.transforms import Identity, Log
from dirimix.study.parse import read_study
from dirimix.table.space import make_space
from dirimix.table.split import Part, SplitTable
from stand_ins import STUDY, run_study, write_study

SECTION = """
[threshold]
level = 0.5
methods = ["equal", "ols"]
draws = 200
[threshold.along]
"table.csv" = "x"
"""


class Falling:
    """y = mean of the known models, with one shift for the whole chart and noise a site."""

    random_state = 1
    coords, models = ("z", "x"), ("a", "b")
    kinds_, levels_, transform_ = {}, {}, Identity()
    space_ = make_space(coords)
    sample_law, _generator = AbstractMixture.sample_law, AbstractMixture._generator
    _new_table, _alike = AbstractMixture._new_table, AbstractMixture._alike

    def __init__(self, shift_sd=1e-9, noise=0.3, s=4000):
        self.shift = shift_sd * np.random.default_rng(0).standard_normal(s)
        self.noise = noise

    def predictive(self, frame):
        mean = frame[["a", "b"]].mean(axis=1).to_numpy()
        return NormalMixture.of_draws(mean + self.shift[:, None], self.noise)


def data(n=20):
    """Two lines, z = 0 and 1; both models fall along x, b's table ends at 0, at z = 1 before."""
    x, z = (v.ravel() for v in np.meshgrid(np.arange(float(n)), [0.0, 1.0]))
    value = 5.25 - 0.5 * x
    frame = pd.DataFrame({"z": z, "x": x, "a": value, "b": value})
    frame.loc[(value < 0) | ((z == 1) & (x >= n / 2)), "b"] = np.nan
    frame = frame.sample(frac=1, random_state=0).reset_index(drop=True)
    rows = Part(frame, np.zeros(len(frame)), None)
    return SplitTable("t", ("z", "x"), ("a", "b"), "y", None, {"train": rows}, everywhere=frame)


def tables(member, ended=False):
    wanted = Threshold(methods=("equal",), along={"t": "x"}, draws=2000, ended=ended)
    fitted = FittedMethod("equal", ("z", "x"), ("a", "b"), "y", None, member)
    return threshold_tables(fitted, data(), wanted, "x")


def test_the_probability_is_that_of_the_law():
    found = tables(Falling())["threshold"]
    expected = norm.cdf((5.25 - 0.5 * found["x"]) / 0.3)
    np.testing.assert_allclose(found["probability"], expected, atol=1e-6)
    assert found["probability"].between(0, 1).all()
    assert set(found["target"]) == {"y"}
    assert set(found["models"]) == {1, 2}


def test_without_noise_the_limit_is_the_last_site_above():
    found = tables(Falling(noise=1e-6))["limits"]
    assert list(found["z"]) == [0, 1]
    assert found["x"].isna().all()
    # 5.25 - 0.5 x is above 0 up to x = 10
    for name in ("mean", "q05", "q50", "q95"):
        np.testing.assert_allclose(found[name], 10)
    assert (found[["sd", "beyond", "none"]] == 0).to_numpy().all()


def test_a_shift_of_the_whole_chart_moves_all_limits_together():
    """The count of sites above is as uncertain as coherent limits make it, not less."""
    coherent = tables(Falling(shift_sd=1.0, noise=1e-6))
    limit = coherent["limits"].iloc[0]
    assert limit["sd"] == pytest.approx(2.0, rel=0.05)
    assert limit["mean"] == pytest.approx(10, abs=0.2)
    count = coherent["above"].iloc[0]
    assert count["sd"] == pytest.approx(2 * limit["sd"], rel=0.02)
    # the control: sites that err apart give nearly the same count in every draw
    apart = tables(Falling(noise=1.0))["above"].iloc[0]
    assert apart["sd"] < 0.6 * count["sd"]


def test_a_line_that_ends_above_says_so():
    short = np.tile([True, True, False], (100, 1))
    short[:30, 2] = True
    short[30:40] = False
    sites = pd.DataFrame({"z": 0.0, "x": [1.0, 2.0, 3.0]})
    row = limits(short, sites, "x").iloc[0]
    assert row["beyond"] == 0.3
    assert row["none"] == pytest.approx(0.1)
    assert row["mean"] == pytest.approx((30 * 3 + 60 * 2) / 90)
    dates = sites.assign(x=pd.to_datetime(["2024-02-28", "2024-02-29", "2024-03-01"]))
    dated = limits(short, dates, "x").iloc[0]
    assert str(dated["q50"]) == "2024-02-29 00:00:00"
    assert (dated["mean"] - dates["x"][0]) / pd.Timedelta("1D") == pytest.approx(row["mean"] - 1)
    assert dated["sd"] == pytest.approx(row["sd"])  # days
    never = limits(np.zeros((10, 3), dtype=bool), dates, "x").iloc[0]
    assert never[["mean", "q05", "q95"]].isna().all()
    nowhere = limits(np.zeros((10, 3), dtype=bool), sites, "x").iloc[0]
    assert nowhere["none"] == 1
    assert np.isnan(nowhere["mean"])


def test_lines_along_a_longitude_end_where_maps_cut_it():
    """A line over the date line, in the table's own numbers from -180 to 180."""
    east = np.array([170.0, 175.0, 180.0, 185.0, 190.0])
    sites = pd.DataFrame({"lat": 0.0, "lon": ((east + 180) % 360 - 180)[::-1]})
    above = np.tile(east[::-1] < 187, (40, 1))
    above[:10] = east[::-1] < 177
    parts = {"train": Part(sites.assign(a=1.0), None, None)}
    one = SplitTable("table", ("lon", "lat"), ("a",), "y", None, parts, geo=("lon", "lat"))
    row = limits(above, sites, "lon", one.rounds["lon"]).iloc[0]
    assert (row["q50"], row["q05"]) == (-175.0, 175.0)
    assert row["mean"] == pytest.approx(182.5 - 360)
    assert row["sd"] == pytest.approx(np.sqrt(0.75 * 0.25) * 10)
    assert row["beyond"] == 0
    # the control: in the order of the table's numbers the line would begin in its middle
    torn = limits(above, sites, "lon").iloc[0]
    assert torn["q50"] == 175.0
    ended = sites.assign(a=[np.nan, 1.0, 2.0, 3.0, 4.0])
    ended = pd.concat([ended, ended.assign(lat=5.0, a=5.0)], ignore_index=True)
    other = replace(one, parts={"train": Part(ended, None, None)})
    filled = fill_ended(ended, other, "lon", 0.5, Identity())["a"].to_numpy()
    assert filled[0] == 0.5
    assert list(filled[1:]) == list(ended["a"][1:])


def test_only_what_has_ended_above_the_level_is_filled():
    """Two lines: a ends on the first and reaches its table's last place on the second."""
    frame = pd.DataFrame(
        {
            "z": [0.0] * 5 + [1.0] * 2,
            "x": [3.0, 1, 0, 2, 4, 2, 3],
            "a": [np.nan, 2, np.nan, 1, np.nan, 5, 6],
        }
    ).assign(b=np.nan, c=lambda t: t["a"] - 9)
    one = SplitTable("t", ("z", "x"), ("a", "b", "c"), "y", None, {}, everywhere=frame)
    filled = fill_ended(frame, one, "x", -1.0, Identity()).sort_values(["z", "x"])
    # at the level where it ends, then falling by 1 a site as before
    np.testing.assert_array_equal(filled["a"], [np.nan, 2, 1, -1, -2, 5, 6])
    assert filled["b"].isna().all()
    # c goes on below the level: where its table ends says nothing
    assert filled["c"].isna().sum() == 3
    assert frame["a"].isna().sum() == 3


def test_a_model_that_has_ended_falls_in_the_scale_of_the_fit():
    frame = pd.DataFrame({"z": 0.0, "x": np.arange(5.0), "a": [8.0, 4, np.nan, np.nan, np.nan]})
    other = pd.DataFrame({"z": 1.0, "x": [4.0], "a": [5.0]})
    whole = pd.concat([frame, other], ignore_index=True)
    one = SplitTable("t", ("z", "x"), ("a",), "y", None, {}, everywhere=whole)
    filled = fill_ended(whole, one, "x", 3.0, Log())["a"]
    np.testing.assert_allclose(filled, [8, 4, 3, 1.5, 0.75, 5])
    # without a transform it soon has no place under the logarithm
    assert (fill_ended(whole, one, "x", 3.0, Identity())["a"] < 0).any()
    with pytest.raises(InputError, match="level 0 of .* has no place under the transform log"):
        fill_ended(whole, one, "x", 0.0, Log())


def test_a_table_that_ends_below_pulls_the_limit_in():
    """At z = 1 half of the models say 'below' from x = 10 on; left out, they would say nothing."""
    member = Falling(noise=0.3)
    free = tables(member)["limits"].set_index("z")
    told = tables(member, ended=True)["limits"].set_index("z")
    assert told.loc[0, "mean"] == free.loc[0, "mean"]
    filled = tables(member, ended=True)["threshold"].set_index(["z", "x"])["probability"]
    assert filled[1, 10] == pytest.approx(norm.cdf(0.125 / 0.3), abs=1e-6)
    assert filled[0, 10] == pytest.approx(norm.cdf(0.25 / 0.3), abs=1e-6)


def test_targets_that_are_all_above_multiply():
    table = pd.DataFrame(
        {
            "method": "m", "target": ["p", "p", "q"], "z": [0, 0, 0], "x": [1, 2, 1],
            "probability": [0.5, 0.9, 0.4],
        }
    )  # fmt: skip
    found = joint(table, ["z", "x"])
    assert len(found) == 1
    assert found["probability"].iloc[0] == pytest.approx(0.2)


def test_several_rows_at_a_site_count_once():
    table = pd.DataFrame(
        {
            "method": "m", "target": ["p", "p", "q", "p", "p"], "z": 0, "x": [1, 1, 1, 2, 2],
            "probability": [0.5, 0.5, 0.4, 0.5, 0.5],
        }
    )  # fmt: skip
    found = joint(table, ["z", "x"])
    assert found["x"].to_list() == [1]  # where one target alone has two rows nothing is joint
    assert found["probability"].iloc[0] == pytest.approx(0.2)


def test_a_run_writes_its_tables_of_both_targets(tmp_path):
    text = STUDY + SECTION + '"other.csv" = "z"\n'
    path = write_study(tmp_path, text)
    table = pd.read_csv(tmp_path / "table.csv")
    table.assign(y=-table["y"], **{m: -table[m] for m in "abc"}).to_csv(
        tmp_path / "other.csv", index=False
    )
    out = tmp_path / "out"
    only = ("--only", "raw,equal,ols")
    assert run_study(path, out, *only) == 0
    found = pd.read_csv(out / "threshold.csv")
    assert set(found["method"]) == {"equal", "ols"}
    assert len(found) == 2 * 50 * 2
    # the second table has the same target column: it is told apart by the table's name
    limits = pd.read_csv(out / "limits.csv")
    assert {tuple(p) for p in limits[["target", "along"]].drop_duplicates().to_numpy()} == {
        ("y", "x"), ("y of other.csv", "z"),
    }  # fmt: skip
    single = found.pivot_table(index=["method", "x", "z"], columns="target", values="probability")
    joint = pd.read_csv(out / "joint.csv").set_index(["method", "x", "z"])["probability"]
    np.testing.assert_allclose(single.prod(axis=1).loc[joint.index], joint, atol=1e-9)
    assert len(joint) == 2 * 50
    assert len(pd.read_csv(out / "above.csv")) == 4
    assert run_study(path, out, *only, "--resume") == 0
    assert run_study(path, tmp_path / "none", "--only", "raw") == 0
    assert pd.read_csv(tmp_path / "none" / "joint.csv").empty


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"table.csv" = "x"', '"tables.csv" = "x"', "needs a line for 'table.csv'"),
        ('["equal", "ols"]', '["raw"]', "methods are mixtures, and 'raw' mixes nothing"),
        ('["equal", "ols"]', '["olds"]', "run does not"),
        ("draws = 200", 'ended = "above"', "ended is 'below' or 'unknown', not 'above'"),
        ("draws = 200", "draws = 1", "draws must be a whole number of at least 100"),
        ("level = 0.5", 'level = "0"', "level must be a number"),
    ],
)
def test_a_bad_section_is_refused_in_words(tmp_path, old, new, message):
    assert old in SECTION
    with pytest.raises(InputError, match=message):
        read_study(write_study(tmp_path, STUDY + SECTION.replace(old, new)))
