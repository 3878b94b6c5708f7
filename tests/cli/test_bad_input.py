"""Bad input ends with exit code 2 and one sentence, and leaves nothing behind.

One table: what is wrong, how the input is made, what the sentence must say.
"""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pooch
import pytest

from dirimix.cli.main import main
from dirimix.datasets import files
from spoilt import (
    CSV,
    STUDY_OF_EQUAL,
    altered,
    classic_netcdf,
    cut_csv,
    cut_table,
    dataset,
    fit,
    fit_file,
    held,
    predict,
    published,
    run,
    text,
    twin_columns,
)
from stand_ins import frame, train_frame


def twin_sites() -> pd.DataFrame:
    """Test rows first, then training rows of which two are at one site."""
    table = frame()
    table = pd.concat([table.iloc[30:35], table.iloc[:30]], ignore_index=True)
    table.loc[13, ["x", "z"]] = table.loc[8, ["x", "z"]]
    return table


def gaps(**rows: range) -> pd.DataFrame:
    """The training rows, in some of which models have no value."""
    table = train_frame()
    for model, empty in rows.items():
        table.loc[list(empty), model] = np.nan
    return table


BAD = {
    # columns
    "missing model": (fit(train_frame().drop(columns="b")), r"no column 'b'"),
    "missing coordinate": (fit(train_frame().drop(columns="z")), r"no column 'z'"),
    "missing target": (
        fit(train_frame(), "--target", "yy"),
        r"'yy' is not in the table \(did you mean 'y'\?\)",
    ),
    "missing error": (
        fit(train_frame(), "--error", "du"),
        r"the error column 'du' is not in the table",
    ),
    "missing split": (
        run(STUDY_OF_EQUAL.replace('"part"', '"fold"')),
        r"the split column 'fold' is not in",
    ),
    "missing column in a prediction": (predict(train_frame().drop(columns="b")), r"no column 'b'"),
    "column twice in the header": (
        fit_file("t.csv", partial(text, CSV.replace("x,z,", "x,x,", 1))),
        r"names the column 'x' 2 times; give every column a name of its own",
    ),
    "column twice in Parquet": (
        fit_file("t.parquet", twin_columns),
        r"names the column 'a' 2 times",
    ),
    "model named twice": (
        fit(train_frame(), "--models", "a,a"),
        r"'a' is named 2 times; name it once",
    ),
    "coordinate among models": (
        fit(train_frame(), "--models", "a,x"),
        r"'x' is named both in coords and in models",
    ),
    "target among models": (
        fit(train_frame(), "--models", "a,y"),
        r"also named as a coordinate or a model",
    ),
    "empty name": (
        fit(train_frame(), "--models", "a,,b"),
        r"--models takes names separated by commas",
    ),
    "no columns named": (
        lambda folder: fit(train_frame())(folder)[:2] + ["--method", "equal"],
        r"is a file, so target must be given",
    ),
    # values
    "text in a model": (fit(altered("a", 2, "oops")), r"model 'a' has the text 'oops' at row 3"),
    "text in a coordinate": (fit(altered("x", 0, "?")), r"coordinate 'x' has the text '\?'"),
    "text in the target": (
        fit(altered("y", 29, "1,5")),
        r"target 'y' has the text '1,5' at row 30",
    ),
    "text in Parquet": (
        fit(train_frame().assign(a="one"), ending="parquet"),
        r"model 'a' has the text 'one' at row 1 and 29 more; numbers are needed",
    ),
    "text in a prediction": (predict(altered("a", 2, "oops")), r"has the text 'oops' at row 3"),
    "no observation at all": (
        fit(train_frame().assign(y=np.nan)),
        r"the target 'y' is empty at every training row; give some",
    ),
    "infinity in the target": (fit(altered("y", 4, np.inf)), r"target 'y' .* is inf at row 5"),
    "NaN in a coordinate": (
        fit(altered("x", 4, np.nan)),
        r"coordinate 'x' must be finite everywhere, and is nan at row",
    ),
    "infinity in a coordinate": (
        fit(altered("z", 4, -np.inf)),
        r"coordinate 'z' .* is -inf at row 5",
    ),
    "NaN in a coordinate of a prediction": (
        predict(altered("x", 4, np.nan)),
        r"coordinate 'x' must be finite",
    ),
    "infinity in a model": (fit(altered("a", 4, np.inf)), r"model 'a' must be finite or empty"),
    "a value that no square can hold": (
        fit(altered("b", 6, 1e300)),
        r"model 'b' must be at most 1e\+100 in size, and is 1e\+300 at row 7; correct it",
    ),
    "negative error": (
        fit(train_frame().assign(u=-0.1), "--error", "u"),
        r"error 'u' must be finite and not negative, and is -0.1 at row 1 and 29 more",
    ),
    "NaN in the error": (
        fit(altered("u", 1, np.nan), "--error", "u"),
        r"error 'u' must be .* is nan at row 2",
    ),
    "model missing everywhere": (
        fit(train_frame().assign(c=np.nan)),
        r"model 'c' has no value at any row; leave the model",
    ),
    # rows
    "one model": (
        fit(train_frame(), "--models", "a"),
        r"at least 2 model columns are needed, .* 1 \('a'\)",
    ),
    "duplicate rows": (
        fit(pd.concat([train_frame(), train_frame().iloc[[3]].assign(a=7.0)]), "--repeats", "pool"),
        r"rows 4 and 31 are at one site, x=.*, and model 'a' is .* and 7 there: .*'keep'",
    ),
    "constant coordinate": (
        fit(train_frame().assign(z=1.0)),
        r"coordinate 'z' is 1 at every row; leave it out",
    ),
    "empty file": (fit_file("t.csv", Path.touch), r"is empty; give a table with at least one row"),
    "no rows": (fit(train_frame().iloc[:0]), r"has no rows; give a table with at least one"),
    "no rows in Parquet": (fit(train_frame().iloc[:0], ending="parquet"), r"has no rows"),
    "no rows in netCDF": (fit(train_frame().iloc[:0], ending="nc"), r"has no rows"),
    "fewer rows than models": (
        fit(train_frame().iloc[:2], method="ols"),
        r"free weights of 3 models fit 2 rows exactly, .*; give more than 3 rows",
    ),
    # names of methods and options
    "unknown method": (fit(train_frame(), method="gbmm-x"), r"unknown method 'gbmm-x'"),
    "unknown corrected method": (fit(train_frame(), method="gbm-d+gp"), r"unknown method 'gbm-d"),
    "unknown method in a study": (
        run(STUDY_OF_EQUAL.replace('"equal"', '"equals"')),
        r"unknown method 'equals'",
    ),
    "unknown method in a choice": (
        run(STUDY_OF_EQUAL, "--only", "equals"),
        r"does not run 'equals' \(did you mean 'equal'\?\)",
    ),
    "unknown option": (fit(train_frame(), "--option", "n_draw=3"), r"equal has no option 'n_draw'"),
    "option without value": (
        fit(train_frame(), "--option", "n_draw"),
        r"--option takes NAME=VALUE",
    ),
    # words of the command line
    "number that is none": (
        fit(train_frame(), "--y-scale", "abc"),
        r"^dirimix: --y-scale must be a number, not 'abc'; `dirimix fit --help` lists",
    ),
    "whole number that is none": (
        fit(train_frame(), "--draws", "2.5"),
        r"--draws must be a whole number, not '2.5'",
    ),
    "no scale": (
        fit(train_frame(), "--y-scale", "nan"),
        r"--y-scale must be a finite number, not 'nan'",
    ),
    "negative seed": (fit(train_frame(), "--seed", "-1"), r"--seed must be .* 0 or more, not -1"),
    "unknown kernel": (
        fit(train_frame(), "--kernel", "gibbs"),
        r"--kernel: invalid choice: 'gibbs' \(choose from .*hmc",
    ),
    "unknown word": (fit(train_frame(), "--chians", "2"), r"unrecognized arguments: --chians 2"),
    "unknown command": (lambda _: ["runn", "s.toml"], r"invalid choice: 'runn'"),
    "bad value of an option": (
        fit(train_frame(), "--option", "n_draws=3", method="ridge-stacking"),
        r"n_draws must be a whole number of at least 7, not 3",
    ),
    # rows of a study are those of its file
    "sites twice in a study": (
        run(STUDY_OF_EQUAL.replace("[data]", '[data]\nrepeats = "pool"'), table=twin_sites()),
        r"rows 9 and 14 are at one site",
    ),
    "no complete row": (
        fit(gaps(a=range(0, 15), b=range(15, 27), c=range(27, 30))),
        r"no row has a value of every model \('a' has none at 15, first at row 1; .*leaving out "
        r"'a' would give 15 complete rows",
    ),
    "no draws": (fit(train_frame(), "--draws", "0"), r"--draws must be positive, not 0"),
    # files
    "no file": (
        fit_file("t.csv", lambda path: path),
        r"there is no file '.*t.csv'; check the path",
    ),
    "a folder for a file": (fit_file("t.csv", Path.mkdir), r"there is no file '.*t.csv'"),
    "unknown kind of file": (
        fit_file("t.xls", partial(text, CSV)),
        r"ends in '.xls', and only .csv, .parquet, .nc are",
    ),
    "bytes for a CSV": (
        fit_file("t.csv", lambda path: path.write_bytes(bytes(range(256)) * 9)),
        r"holds bytes that no text has, and may be UTF-16 .* or damaged; save it as UTF-8",
    ),
    "CSV for a Parquet": (
        fit_file("t.parquet", partial(text, CSV)),
        r"cannot be read as Parquet \(",
    ),
    "CSV for a netCDF": (fit_file("t.nc", partial(text, CSV)), r"cannot be read as netCDF \("),
    "CSV cut short": (
        fit_file("t.csv", cut_csv),
        r"\d values in data row \d+; it may be cut short: write it",
    ),
    "Parquet cut short": (fit_file("t.parquet", cut_table), r"cannot be read as Parquet \("),
    "netCDF cut short": (fit_file("t.nc", cut_table), r"cannot be read as netCDF \("),
    "classic netCDF cut short": (
        fit_file("t.nc", classic_netcdf),
        r"cannot be read as netCDF \(.*it may be cut short",
    ),
    "study that is no TOML": (run("run = ["), r"not valid TOML"),
    "no study": (
        lambda folder: ["run", "--no-report", str(folder / "none.toml")],
        r"there is no study file",
    ),
    "no fit": (lambda folder: ["predict", str(folder), "t.csv"], r"holds no fitted method"),
    "fitted model cut short": (
        predict(train_frame(), spoil="fit.nc"),
        r"missing or not the one that was written",
    ),
    "manifest cut short": (
        predict(train_frame(), spoil="manifest.json"),
        r"is no whole JSON; run the command again",
    ),
    # data sets
    "unknown data set": (
        lambda _: ["fit", "data:nuclear", "--method", "equal"],
        r"there is no data set 'nuclear'",
    ),
    "wrong sha256": (
        dataset(partial(published, b"altered" * 9)),
        r"\(63 bytes\) is not the published one: expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}",
    ),
    "data set cut short": (
        dataset(partial(published, b"1N-Z")),
        r"\(4 bytes\) is not the published one: .*; delete it and run `dirimix data fetch nuclear",
    ),
    "folder without the data set": (
        dataset(Path.exists),
        r"of data set 'nuclear-s2n' is not in the folder .*; run `dirimix data",
    ),
    "no network and no data folder": (
        lambda _: ["fit", "data:nuclear-s2n", "--method", "equal"],
        r"cannot download https://.* \(.*no route to host\); name a folder .* DIRIMIX_DATA_DIR or",
    ),
    "no network for a fetch": (
        lambda folder: ["data", "fetch", "nuclear-s2n", "--dir", str(folder)],
        r"cannot download https://.*no route to host",
    ),
}


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    def unreachable(*_arguments, **_options):
        raise OSError("no route to host")

    monkeypatch.delenv(files.VARIABLE, raising=False)
    monkeypatch.setattr(files, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", unreachable)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(("make", "sentence"), BAD.values(), ids=list(BAD))
def test_bad_input_ends_in_one_sentence_and_leaves_nothing(tmp_path, capsys, make, sentence):
    argv, out = list(make(tmp_path)), tmp_path / "out.csv"
    if argv[0] != "data":
        argv += ["--out", str(out if argv[0] == "predict" else out.with_suffix(""))]
    before = held(tmp_path)
    capsys.readouterr()
    assert main(argv) == 2
    shown = capsys.readouterr()
    assert re.fullmatch(r"dirimix: [^\n]+\n", shown.err)
    assert re.search(sentence, shown.err)
    assert shown.out == ""
    assert held(tmp_path) == before
    assert not list(tmp_path.glob("*out*"))


def test_a_prediction_does_not_take_the_place_of_its_table(tmp_path, capsys):
    argv = predict(train_frame())(tmp_path)
    before = held(tmp_path)
    for out, sentence in (("new.csv", "is the table itself"), ("no/p.csv", "there is no folder")):
        assert main([*argv, "--out", str(tmp_path / out)]) == 2
        assert sentence in capsys.readouterr().err
    assert held(tmp_path) == before


def test_a_quiet_download_that_fails_says_one_sentence(tmp_path):
    code = "import sys; from dirimix.cli.main import main; sys.exit(main(sys.argv[1:]))"
    argv = ["data", "fetch", "nuclear-s2n", "--dir", str(tmp_path), "--quiet"]
    nobody = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    ended = subprocess.run(
        [sys.executable, "-c", code, *argv],
        env=os.environ | nobody,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert re.fullmatch(r"dirimix: cannot download [^\n]+\n", ended.stderr)
    assert ended.stdout == ""


ENDINGS = ["csv", "nc", pytest.param("parquet", marks=pytest.mark.slow)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_commands_accept_good_input(tmp_path, ending):
    table = train_frame()
    argv = [*fit(table, "--error", "u", ending=ending)(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*argv, "--quiet"]) == 0
    assert main([*run(STUDY_OF_EQUAL)(tmp_path), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    assert main([*predict(table)(tmp_path), "--out", str(tmp_path / "p.csv")]) == 0
