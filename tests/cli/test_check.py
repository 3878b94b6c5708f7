"""`dirimix check`, and the same check before a run: in words, at once, and nothing is left."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dirimix.cli.main import main
from spoilt import held
from stand_ins import STUDY, frame, write_study

FULL = STUDY.replace('"simplex-ls+gp"]', '"simplex-ls+gp", "gbmm-d", "lbmm-gpd", "ridge-stacking"]')


def option(text, name=""):
    return FULL.replace("[scores]", f"[options{name}]\n{text}\n[scores]")


def section(text):
    return FULL + text


# a spoilt study, and what is said of it
REFUSED = {
    "scale": (option("y_scale = -0.3"), r"raw, equal, .*: y_scale must be a positive .*, not -0.3"),
    "infinite scale": (option("y_scale = inf"), r"y_scale' of raw is a finite number, not inf"),
    "chains": (option("chains = 0"), r"gbmm-d, lbmm-gpd: chains must be .* at least 1, not 0"),
    "draws": (option("draws = 2"), r"draws must be a whole number of at least 4, not 2"),
    "warm-up": (option("warmup = -5"), r"warmup must be a whole number of at least 20, not -5"),
    "least size": (option("min_ess = -1.0"), r"min_ess must be a positive number, not -1.0"),
    "seconds": (option("max_seconds = 0.0"), r"max_seconds must be a positive number, not 0.0"),
    "kernel": (option('kernel = "gibbs"'), r"kernel is one of .* not 'gibbs'"),
    "form": (option('form = "latice"'), r"form is one of .* \(did you mean 'lattice'"),
    "length scale": (option("length_scale = [[2, 1]]"), r"with 0 < low < high, not \[\[2, 1\]\]"),
    "length scales": (option("length_scale = [[1, 2]]"), r"\(low, high\) for each of x, z, not"),
    "evidence": (option("n_evidence = 7"), r"bma-closed-form: n_evidence must be an even number"),
    "much evidence": (option("n_evidence = 40"), r"40 evidence rows were asked for, but only 30"),
    "evidence row": (option("evidence_rows = [99]"), r"different indices from 0 to 29, not \[99\]"),
    "shift": (option("discrepancy = 0.0"), r"discrepancy must be a positive number, not 0.0"),
    "few draws": (option("n_draws = 6"), r"n_draws must be a whole number of at least 7, not 6"),
    "alpha": (option("alpha_scale = nan"), r"alpha_scale' of gbmm-d is a finite number, not nan"),
    "prior": (option('noise_prior = "flat"'), r"option 'noise_prior' of raw is one of weak, paper"),
    "transform": (option('y_transform = "log10"'), r"y_transform is one of .*, not 'log10'"),
    "pair of an unknown model": (
        FULL.replace('"raw:c"', '"raw:cc"'),
        r"\[compare\] pairs has 'raw:cc', and 'cc' is none of the models \(did you mean 'c'\?\)",
    ),
    "pair of a model of a mixture": (
        FULL.replace('"raw:c", "equal"', '"raw:c", "equal:a"'),
        r"'equal:a', and 'equal' mixes all models",
    ),
    "scheme outside": (
        section('[validation."../../victim"]\nscheme = "k-fold"\nfolds = 2\n'),
        r"a scheme of \[validation\] names a folder",
    ),
    "folds": (
        section('[validation.v]\nscheme = "k-fold"\nfolds = 31\n'),
        r"\[validation.v\] folds must not exceed the 30 training rows",
    ),
    "too small a part": (
        option("n_evidence = 28", '."bma-closed-form"')
        + '[validation.v]\nscheme = "k-fold"\nfolds = 3\n',
        r"\[validation.v\] bma-closed-form: 28 evidence rows were asked for, but only 20 rows",
    ),
    "options of folds": (
        section(
            '[validation.v]\nscheme = "k-fold"\nfolds = 3\nmethods = ["gbmm-d"]\n'
            "options = { draws = 1 }\n"
        ),
        r"\[validation.v\] gbmm-d: draws must be a whole number of at least 4, not 1",
    ),
    "line": (
        section('[threshold]\nmethods = ["equal"]\n[threshold.along]\n"table.csv" = "xx"\n'),
        r"\[threshold.along\] names 'xx', which is no coordinate of table.csv \(did you mean 'x'",
    ),
    "models to keep": (
        section(
            '[validation.v]\nscheme = "k-fold"\nfolds = 3\nmethods = ["equal"]\n'
            '[preselection]\nscheme = "v"\nkeep = 9\n'
        ),
        r"\[preselection\] keep is 9, and there are 3 models",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), REFUSED.values(), ids=list(REFUSED))
def test_check_and_run_refuse_it_in_one_sentence_and_leave_nothing(
    tmp_path, capsys, text, sentence
):
    study, out = str(write_study(tmp_path, text)), tmp_path / "deep" / "out"
    before = held(tmp_path)
    for argv in (["check", study], ["run", "--no-report", study, "--quiet"]):
        assert main([*argv, "--out", str(out)]) == 2
        shown = capsys.readouterr()
        assert re.fullmatch(r"dirimix: [^\n]+\n", shown.err)
        assert re.search(sentence, shown.err)
        assert "Traceback" not in shown.out
        assert held(tmp_path) == before
        assert not (tmp_path / "deep").exists()
    assert not (tmp_path.parent / "victim").exists()


def test_a_finished_run_outlives_a_bad_option(tmp_path, capsys):
    out = tmp_path / "out"
    only = ("--only", "equal,raw", "--out", str(out), "--quiet")
    assert main(["run", "--no-report", str(write_study(tmp_path)), *only]) == 0
    before = held(out)
    assert (
        main(["run", "--no-report", str(write_study(tmp_path, option("y_scale = 0.0"))), *only])
        == 2
    )
    assert "equal" in capsys.readouterr().err
    assert held(out) == before


def test_check_says_what_it_understood_and_makes_nothing(tmp_path, capsys):
    text = FULL + '[validation.v]\nscheme = "k-fold"\nfolds = 3\nmethods = ["equal"]\n'
    study = str(write_study(tmp_path, text))
    before = held(tmp_path)
    assert main(["check", study, "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    for line in (
        "table.csv: 30 train, 12 test, 8 landscape rows",
        "target: y, with errors u",
        "coordinates: x, z",
        "3 models: a, b, c",
        "9 methods:",
        "  gbmm-d: global Dirichlet mixing",
        "validation v: k-fold, of equal",
        "12 fits in all",
        f"nothing is refused; run it with: dirimix run {study}",
    ):
        assert f"{line}\n" in shown.out
    assert held(tmp_path) == before
    assert main(["check", study, "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_check_lists_all_that_is_refused_and_what_is_warned_of(tmp_path, capsys):
    text = option("draws = 1\nn_draws = 1\nlength_scale = [[2, 1]]")
    study = str(write_study(tmp_path, text))
    table = frame()
    table.loc[3, "b"] = None
    table.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    assert main(["check", study, "--out", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr()
    refused = re.findall(r"^refused: (.*)$", shown.out, re.MULTILINE)
    assert len(refused) == 3
    assert "is not empty and was not written by dirimix" in refused[-1]
    assert shown.err == f"dirimix: the study would be refused: {refused[0]} (and 2 more)\n"
    assert re.search(r"^warning: equal, ols, .*: fitting on 29 of 30 rows", shown.out, re.MULTILINE)
    assert "fits in all" not in shown.out


def test_a_tolerated_method_that_cannot_use_the_table_is_warned_of(tmp_path, capsys):
    text = option("length_scale = [[1, 2]]")
    only = ("--only", "equal,lbmm-gpd")
    tolerant = text.replace("[options", 'tolerated = ["lbmm-gpd"]\n[options', 1)
    assert main(["check", str(write_study(tmp_path, tolerant)), *only]) == 0
    assert "warning: lbmm-gpd: length_scale needs" in capsys.readouterr().out
    assert main(["check", str(write_study(tmp_path, text)), *only]) == 2
    assert "would be refused: lbmm-gpd: length_scale needs" in capsys.readouterr().err


def test_a_study_that_cannot_be_read_is_refused(tmp_path, capsys):
    assert main(["check", str(tmp_path / "none.toml")]) == 2
    assert "there is no study file" in capsys.readouterr().err
    (tmp_path / "s.toml").write_text(STUDY)
    assert main(["check", str(tmp_path / "s.toml")]) == 2
    assert "there is no file" in capsys.readouterr().err


def test_models_far_from_all_observations_are_pointed_out_once(tmp_path, capsys):
    far = frame()
    far[["a", "b", "c"]] += 273.15
    far.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY)
    assert main(["check", str(tmp_path / "study.toml")]) == 0
    assert capsys.readouterr().out.count("all models lie above the observations") == 1


def test_models_in_another_unit_than_the_observations_are_pointed_out(tmp_path, capsys):
    grid = xr.Dataset.from_dataframe(frame().rename_axis("row"))
    grid["y"].attrs["units"], grid["a"].attrs["units"] = "K", "degC"
    grid["b"].attrs["units"] = "K"
    grid.to_netcdf(tmp_path / "table.nc", engine="h5netcdf")
    (tmp_path / "study.toml").write_text(STUDY.replace("table.csv", "table.nc"))
    assert main(["check", str(tmp_path / "study.toml")]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "by the file" in line]
    assert [line.partition(":")[2].partition(":")[0] for line in said] == [
        " a is in 'degC' by the file and y in 'K'"
    ]


def test_maps_of_other_than_two_coordinates_are_warned_of(tmp_path, capsys):
    text = STUDY + '[exhibits]\nweights = "weight-maps"\nranking = "ranking"\n'
    assert main(["check", str(write_study(tmp_path, text)), "--only", "equal"]) == 0
    assert "will show nothing" not in capsys.readouterr().out
    line = text.replace('coords = ["x", "z"]', 'coords = ["x"]')
    assert line != text
    assert main(["check", str(write_study(tmp_path, line)), "--only", "equal"]) == 0
    said = [row for row in capsys.readouterr().out.splitlines() if "will show nothing" in row]
    assert said == [
        "warning: [exhibits] weights will show nothing: weight-maps is a map of two coordinates, "
        "and the table has x"
    ]


def test_what_coordinates_are_is_said(tmp_path, capsys):
    rows = frame()
    rows = rows.assign(lon=rows["x"], lat=rows["z"], place=np.where(rows["x"] > 0, "KSEA", "KPDX"))
    rows = rows.assign(when=pd.date_range("2024-01-01", periods=len(rows)).strftime("%Y-%m-%d"))
    rows.to_csv(tmp_path / "table.csv", index=False)
    text = STUDY.partition("[methods]")[0].replace(
        '["x", "z"]', '["when", "place", "lon", "lat", "x"]'
    )
    more = 'geo = ["lon", "lat"]\nperiodic = { x = 9 }\n[methods]\nrun = ["equal"]\n'
    (tmp_path / "study.toml").write_text(text + more)
    assert main(["check", str(tmp_path / "study.toml")]) == 0
    expected = (
        "when (dates), place (2 labels), lon (on the globe), lat (on the globe), x (periodic)"
    )
    assert f"coordinates: {expected}\n" in capsys.readouterr().out


def test_what_may_take_hours_is_said_before_it_begins(tmp_path, capsys):
    rng = np.random.default_rng(0)
    many = pd.DataFrame(rng.normal(0, 1, (2100, 4)), columns=["x", "a", "b", "y"])
    many.to_csv(tmp_path / "many.csv", index=False)
    text = """[data]
table = "many.csv"
target = "y"
coords = ["x"]
models = ["a", "b"]
{}
[methods]
run = {}
"""
    words = "2100 training rows may take lbmm-gpd and gbmm-d+delta hours: n_train = 1000 in [data]"
    local, plain = ["lbmm-gpd", "gbmm-d+delta"], ["equal", "lbmm-gld", "gbmm-d"]
    for entry, run, said in (
        ("", local, True),
        ("", plain, False),
        ("n_train = 1000", local, False),
    ):
        (tmp_path / "study.toml").write_text(text.format(entry, run))
        assert main(["check", str(tmp_path / "study.toml")]) == 0
        assert (words in capsys.readouterr().out) is said
    fit = ["fit", str(tmp_path / "many.csv"), "--target", "y", "--coords", "x", "--models", "a,b"]
    fit += ["--method", "stacked", "--option", 'candidates=["equal", "simplex-ls"]', "--out"]
    assert main([*fit, str(tmp_path / "all")]) == 0
    assert "note: 2100 training rows may take stacked hours" in capsys.readouterr().err
    assert main([*fit, str(tmp_path / "some"), "--n-train", "500"]) == 0
    said = capsys.readouterr().err
    assert "may take" not in said
    assert "500 of 2100 train rows are used, drawn with the seed" in said
    assert main([*fit, str(tmp_path / "none"), "--n-train", "1"]) == 2
    assert "--n-train must be at least 2, not 1" in capsys.readouterr().err


def test_the_part_with_the_fewest_whole_rows_is_looked_at(tmp_path, capsys):
    """All parts have ten rows; without the last block two of these have all models."""
    rng = np.random.default_rng(0)
    models = pd.DataFrame(rng.standard_normal((15, 3)), columns=["a", "b", "c"])
    table = models.assign(a=models["a"].where(models.index >= 8), x=range(15), y=models["b"] + 0.1)
    table.to_csv(tmp_path / "t.csv", index=False)
    study = tmp_path / "study.toml"
    study.write_text(
        '[data]\ntable = "t.csv"\ntarget = "y"\ncoords = ["x"]\nmodels = ["a", "b", "c"]\n'
        '[methods]\nrun = ["equal"]\n[validation.v]\nscheme = "blocks"\nsize = [5]\n'
    )
    for argv in (["check", str(study)], ["run", str(study), "--no-report", "--quiet"]):
        assert main([*argv, "--out", str(tmp_path / "out")]) == 2
        said = r"\[validation.v\] equal: only 2 of 10 rows have a value of every model"
        assert re.search(said, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()
