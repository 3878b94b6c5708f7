"""`dirimix init`: a table becomes a study that reads and runs as it stands."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dirimix.cli.main import main
from dirimix.study.parse import read_study
from dirimix.study.spec import LongColumns


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.linspace(0.0, 4.0, 60)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": x, "flat": 1.0, "line": 1 - x / 2, "late": x * np.exp(-x)})
    frame.assign(y=np.exp(-x) + 0.02 * rng.standard_normal(60)).to_csv("a b.csv", index=False)
    return tmp_path


def test_init_writes_a_study_that_runs(table, capsys):
    assert main(["init", "a b.csv"]) == 0
    said = capsys.readouterr().out
    assert "coordinates: x" in said
    assert "3 models: flat, line, late" in said
    study = read_study(table / "a b.toml")
    assert study.data.target == "y"
    assert study.data.test_fraction == 0.25
    assert "lbmm-gpd" in study.run
    cheap = [
        "run",
        "--no-report",
        "a b.toml",
        "--only",
        "equal,simplex-ls",
        "--out",
        "out",
        "--quiet",
    ]
    assert main(cheap) == 0
    assert (table / "out" / "scores.csv").is_file()


def test_of_many_observations_a_study_takes_some_and_says_so(table, capsys):
    rng = np.random.default_rng(0)
    many = pd.DataFrame(rng.normal(0, 1, (2100, 4)), columns=["x", "a", "b", "y"])
    for rows, wanted in ((2100, 1000), (1900, None)):
        many.head(rows).to_csv("many.csv", index=False)
        command = ["init", "many.csv", "--target", "y", "--coords", "x", "--models", "a,b"]
        assert main([*command, "--out", f"{rows}.toml"]) == 0
        said = "training rows: 1000, drawn with the seed (n_train)" in capsys.readouterr().out
        assert said is (wanted is not None)
        assert read_study(table / f"{rows}.toml").data.n_train == wanted


def test_init_refuses_to_overwrite_and_writes_nothing_it_cannot(table, capsys):
    (table / "mine.toml").write_text("title = 'mine'\n")
    assert main(["init", "a b.csv", "--out", "mine.toml"]) == 2
    assert "'mine.toml' is there already" in capsys.readouterr().err
    assert (table / "mine.toml").read_text() == "title = 'mine'\n"
    assert main(["init", "a b.csv", "--out", "study.txt"]) == 2
    assert main(["init", "a b.csv", "--out", "no/study.toml"]) == 2
    assert main(["init", "a b.csv", "--target", "z"]) == 2
    assert sorted(p.name for p in table.iterdir()) == ["a b.csv", "mine.toml"]


def test_any_name_survives_the_study(table):
    names = {"flat": 'a"b', "line": "tab\there", "late": "\\back ünï 模型"}
    pd.read_csv("a b.csv").rename(columns=names).to_parquet("hostile.parquet")
    assert main(["init", "hostile.parquet", "--quiet"]) == 0
    assert read_study(table / "hostile.toml").data.models == tuple(names.values())


def test_a_model_may_have_the_name_of_a_parameter_of_pandas_in_a_study(table):
    frame = pd.read_csv("a b.csv").rename(columns={"flat": "self", "line": "copy"})
    frame.loc[3, "self"] = -9999.0
    frame.to_csv(table / "self.csv", index=False)
    assert main(["init", "self.csv", "--quiet"]) == 0
    text = (table / "self.toml").read_text().replace("[data]", "[data]\nmissing = [-9999]")
    (table / "self.toml").write_text(text)
    run = ["run", "--no-report", "self.toml", "--only", "equal", "--out", "out", "--quiet"]
    assert main(run) == 0


def test_a_study_in_another_folder_finds_its_table(table):
    (table / "studies").mkdir()
    assert main(["init", "a b.csv", "--out", "studies/s.toml", "--quiet"]) == 0
    found = read_study(table / "studies" / "s.toml")
    assert (table / "studies" / found.data.table).resolve() == (table / "a b.csv").resolve()


def test_the_documentation_shows_what_init_prints(tmp_path, monkeypatch, capsys):
    docs = Path(__file__).parents[2] / "docs"
    monkeypatch.chdir(tmp_path)
    shutil.copy(docs / "example" / "table.csv", tmp_path)
    assert main(["init", "table.csv"]) == 0
    page = (docs / "own-table.md").read_text(encoding="utf-8")
    shown = page.split("```text\n")[1].split("```")[0]
    assert capsys.readouterr().out.startswith(shown)


@pytest.mark.parametrize("name", ["member", "number", "model"])
@pytest.mark.parametrize("labels", [[0, 1, 2], ["ifs", "gfs, old", "icon"]])
def test_members_along_a_dimension_are_models(table, capsys, name, labels):
    t, values = np.arange(40.0), np.arange(120.0).reshape(40, 3)
    grid = xr.Dataset(
        {"t2m": (("day", name), values), "obs": ("day", values.mean(axis=1) + np.sin(t))},
        coords={"day": t, name: labels},
    )
    grid.to_netcdf("grid.nc", engine="h5netcdf")
    assert main(["init", "grid.nc"]) == 0
    assert "40 rows" in capsys.readouterr().out
    assert read_study(table / "grid.toml").data.models == tuple(map(str, labels))
    assert main(["check", "grid.toml"]) == 0


@pytest.mark.usefixtures("table")
def test_counts_that_do_not_repeat_are_no_members(capsys):
    t = np.arange(40.0)
    frame = pd.DataFrame({"x": t, "number": np.resize([1, 2, 3], 40), "a": t + 1, "b": t, "y": t})
    frame.to_csv("few.csv", index=False)
    assert main(["init", "few.csv"]) == 0
    assert "3 models: number, a, b" in capsys.readouterr().out


def test_a_few_whole_rows_have_methods_that_need_such_rows(table):
    t = np.arange(3.0)
    frame = pd.DataFrame({"x": t, "a": t + 1, "b": 2 - t, "y": t**2})
    frame.to_csv("three.csv", index=False)
    assert main(["init", "three.csv"]) == 0
    assert "gbmm-d" in read_study(table / "three.toml").run
    frame.assign(a=[np.nan, 1.0, np.nan]).to_csv("gaps.csv", index=False)
    assert main(["init", "gaps.csv"]) == 0
    assert "gbmm-d" not in read_study(table / "gaps.toml").run


@pytest.mark.usefixtures("table")
def test_observations_that_find_no_row_are_counted(capsys):
    t = np.arange(40.0)
    pd.DataFrame({"x": t, "a": t + 1, "b": t - 1}).to_csv("models.csv", index=False)
    pd.DataFrame({"x": t + 30, "truth": t}).to_csv("truth.csv", index=False)
    assert main(["init", "models.csv", "--observations", "truth.csv"]) == 0
    said = "10 of 40 rows have one of the 40 observations in the other file"
    assert said in capsys.readouterr().out


def test_a_suggested_transform_is_a_line_to_uncomment(table):
    x = np.linspace(0.1, 6.0, 60)
    frame = pd.DataFrame({"x": x, "one": np.exp(x), "two": 1 + x**3, "y": np.exp(x) * 1.1})
    frame.to_csv("flow.csv", index=False)
    assert main(["init", "flow.csv", "--quiet"]) == 0
    text = (table / "flow.toml").read_text()
    assert read_study(table / "flow.toml").data.transform is None
    (table / "flow.toml").write_text(text.replace("# transform", "transform"))
    assert read_study(table / "flow.toml").data.transform == "log"


def test_a_long_table_with_observations_elsewhere_becomes_a_study_that_is_valid(table, capsys):
    days = [f"2024-{m:02}-{d:02}" for m in (1, 2) for d in range(1, 21)]
    rows = [(d, m, 3.0 + k + i) for i, d in enumerate(days) for k, m in enumerate(["a", "b, c"])]
    pd.DataFrame(rows, columns=["day", "team", "value"]).to_csv("long.csv", index=False)
    pd.DataFrame({"day": days, "truth": 3.5 + np.arange(40.0)}).to_csv("truth.csv", index=False)
    words = ["init", "long.csv", "--long-model", "team", "--observations", "truth.csv"]
    assert main(words) == 0
    assert '2 models: a, "b, c"' in capsys.readouterr().out
    study = read_study(table / "long.toml")
    assert (study.data.models, study.data.coords) == (("a", "b, c"), ("day",))
    assert main(["check", "long.toml"]) == 0
    assert main([*words, "--models", 'a,"b, c"', "--out", "again.toml", "--quiet"]) == 0
    assert read_study(table / "again.toml").data.models == ("a", "b, c")


def test_a_table_without_coordinates_becomes_a_study_that_is_valid(table):
    pd.read_csv("a b.csv").drop(columns="x").to_csv("none.csv", index=False)
    assert main(["init", "none.csv", "--quiet"]) == 0
    assert read_study(table / "none.toml").data.coords == ()
    assert main(["check", "none.toml", "--quiet"]) == 0


def test_what_a_netcdf_file_says_of_its_target_is_in_the_study(table):
    frame = pd.read_csv("a b.csv").set_index("x")
    for group in (None, "run/one"):
        grid = frame.to_xarray()
        grid["y"].attrs = {"long_name": '2 m "air" temperature', "units": "K"}
        grid["late"].attrs = {"units": "K"}
        grid.to_netcdf("grid.nc", group=group, engine="h5netcdf")
        assert main(["init", "grid.nc", "--target", "y", "--out", "study.toml", "--quiet"]) == 0
        data = read_study(table / "study.toml").data
        assert (data.label, data.unit) == ('2 m "air" temperature', "K")
        (table / "study.toml").unlink()
    frame.to_xarray().to_netcdf("plain.nc", engine="h5netcdf")
    assert main(["init", "plain.nc", "--target", "y", "--quiet"]) == 0
    data = read_study(table / "plain.toml").data
    assert (data.label, data.unit) == (None, None)


@pytest.mark.parametrize(
    ("place", "placed"),
    [(list("pqrs") * 15, False), ([True, False] * 30, False), (np.arange(60) % 4, True)],
)
def test_a_process_is_proposed_where_coordinates_have_distances(table, place, placed):
    pd.read_csv("a b.csv").assign(site=place).to_csv("sites.csv", index=False)
    assert main(["init", "sites.csv", "--coords", "site,x", "--quiet"]) == 0
    study = read_study(table / "sites.toml")
    assert {"lbmm-gld", "bma-closed-form"} <= set(study.run)
    assert ("lbmm-gpd" in study.run) == placed
    assert main(["check", "sites.toml", "--quiet"]) == 0


def test_methods_that_need_complete_rows_are_left_out_where_there_are_none(table):
    frame = pd.read_csv("a b.csv")
    frame.loc[::2, "flat"] = np.nan
    frame.loc[1::2, "late"] = np.nan
    frame.to_csv("gaps.csv", index=False)
    assert main(["init", "gaps.csv", "--quiet"]) == 0
    study = read_study(table / "gaps.toml")
    assert study.run == ("raw", "lbmm-gld", "lbmm-gpd", "lbmm-lgp")
    assert main(["check", "gaps.toml", "--quiet"]) == 0
    long = pd.concat([frame.ffill().bfill().head(7), frame], ignore_index=True)
    long.assign(x=range(len(long))).to_csv("few.csv", index=False)  # 7 of 67 rows are whole
    assert main(["init", "few.csv", "--quiet"]) == 0
    assert "gbmm-d" in read_study(table / "few.toml").run
    longer = pd.concat([long, frame.head(10)], ignore_index=True)  # 7 of 77
    longer.assign(x=range(len(longer))).to_csv("fewer.csv", index=False)
    assert main(["init", "fewer.csv", "--quiet"]) == 0
    assert "gbmm-d" not in read_study(table / "fewer.toml").run
    assert "where every model has a value, and there are 0" in (table / "gaps.toml").read_text()
    frame.assign(site=list("pqrs") * 15).to_csv("labels.csv", index=False)
    assert main(["init", "labels.csv", "--coords", "site,x", "--quiet"]) == 0
    assert main(["check", "labels.toml", "--quiet"]) == 0


def test_labels_alone_choose_no_evidence_rows(table):
    frame = pd.read_csv("a b.csv").drop(columns="x").assign(site=list("pqrs") * 15)
    frame.to_csv("sites.csv", index=False)
    assert main(["init", "sites.csv", "--coords", "site", "--quiet"]) == 0
    assert not {"lbmm-gpd", "bma-closed-form"} & set(read_study(table / "sites.toml").run)
    assert main(["check", "sites.toml", "--quiet"]) == 0


@pytest.mark.parametrize("apart", [False, True])
def test_a_grid_of_models_is_known_by_their_dimension(table, apart):
    wide = pd.read_csv("a b.csv")
    runs = wide[["x", "flat", "late"]].melt("x", var_name="model", value_name="tas")
    grid = runs.set_index(["model", "x"]).to_xarray()
    observed = wide.set_index("x")["y"].to_xarray()
    words = ["init", "grid.nc", "--quiet"]
    if apart:
        observed.to_netcdf("truth.nc", engine="h5netcdf")
        words += ["--observations", "truth.nc"]
    else:
        grid["y"] = observed
    grid.to_netcdf("grid.nc", engine="h5netcdf")
    assert main(words) == 0
    study = read_study(table / "grid.toml")
    assert (study.data.coords, study.data.models) == (("x",), ("flat", "late"))
    assert study.data.long == LongColumns("model", "tas")
    assert main(["check", "grid.toml", "--quiet"]) == 0


@pytest.mark.parametrize("error", [[], ["--error", "value_sd"]])
def test_observations_may_have_the_name_of_the_models_values(table, error):
    """As the target data of forecast hubs have."""
    wide = pd.read_csv("a b.csv")
    long = wide[["x", "flat", "late"]].melt("x", var_name="model")
    long.to_csv(table / "hub.csv", index=False)
    truth = pd.DataFrame({"x": wide["x"], "value": wide["y"]})
    (truth.assign(value_sd=0.02) if error else truth).to_csv("truth.csv", index=False)
    words = ["init", "hub.csv", "--observations", "truth.csv", "--target", "value", *error]
    assert main([*words, "--quiet"]) == 0
    assert main(["check", "hub.toml", "--quiet"]) == 0
    run = ["run", "--no-report", "hub.toml", "--only", "simplex-ls", "--out", "out", "--quiet"]
    assert main(run) == 0
    observed = pd.read_csv("out/predictions.csv")["observed"]
    np.testing.assert_allclose(sorted(observed), sorted(wide["y"]))


@pytest.mark.usefixtures("table")
def test_the_only_numbers_in_a_file_of_observations_are_those(capsys):
    """As the older target data of forecast hubs have them."""
    wide = pd.read_csv("a b.csv")
    wide[["x", "flat", "late"]].melt("x", var_name="model").to_csv("hub.csv", index=False)
    truth = pd.DataFrame({"x": wide["x"], "note": "final", "value": wide["y"]})
    truth.to_csv("truth.csv", index=False)
    words = ["init", "hub.csv", "--observations", "truth.csv"]
    assert main(words) == 0
    assert "observations: value" in capsys.readouterr().out
    truth.assign(cases=1).to_csv("truth.csv", index=False)
    assert main([*words, "--out", "other.toml"]) == 2
    said = capsys.readouterr().err
    assert "of their own file holds the observations: no name says so" in said
    assert said.strip().endswith("name it with --target, of note, value, cases")


@pytest.mark.usefixtures("table")
def test_codes_that_count_as_numbers_are_pointed_out(capsys):
    frame = pd.read_csv("a b.csv").assign(location=["01", "02", "36"] * 20)
    said = "location counts as a number, 01 as 1: if it is a code"
    for name, codes in (("codes", ""), ("labels", "L"), ("plain", None)):
        place = frame["location"].astype(int) if codes is None else codes + frame["location"]
        frame.assign(location=place).to_csv(f"{name}.csv", index=False)
        assert main(["init", f"{name}.csv"]) == 0
        assert (said in capsys.readouterr().out) is (name == "codes")
