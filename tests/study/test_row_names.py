"""Rows that go by the text of a column."""

import pandas as pd
import pytest

from dirimix.cli.main import main
from dirimix.errors import InputError
from dirimix.study.load import load_split_table
from dirimix.study.spec import DataChoice, LongColumns
from stand_ins import frame

ROWS = ["1", "é<b>", *(f"12E{k}" for k in range(48))]
PLAIN = {"target": "y", "coords": (), "models": ("a", "b", "c"), "split": "part"}


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    frame().assign(who=ROWS).to_csv(path, index=False)
    return path


def test_every_part_has_its_names_as_they_were_written(table):
    found = load_split_table(DataChoice(str(table), names="who", **PLAIN), 0)
    assert found.site_columns == ["who"]
    named = pd.concat([part.frame["who"] for part in found.parts.values()])
    assert named.sort_index().to_list() == ROWS
    assert found.everywhere["who"].to_list() == named.to_list()


def test_tables_of_sites_have_them(table, tmp_path):
    argv = ["fit", str(table), "--target", "y", "--models", "a,b,c", "--names", "who", "--quiet"]
    assert main([*argv, "--method", "equal", "--out", str(tmp_path / "out")]) == 0
    text = {"dtype": {"who": str}, "keep_default_na": False}
    sites = pd.read_csv(tmp_path / "out/sites.csv", **text)
    assert sites["who"].to_list() == ROWS
    law = pd.read_csv(tmp_path / "out/predictions.csv", **text)
    assert law["who"].to_list() == ROWS
    values = pd.read_csv(tmp_path / "out/model_values.csv", **text)
    assert values["who"].to_list() == [name for name in ROWS for _ in "abc"]
    weights = pd.read_csv(tmp_path / "out/weights.csv", **text)  # the same everywhere
    assert set(weights["who"]) == {""}


@pytest.mark.parametrize("tails", ["normal", pytest.param("student", marks=pytest.mark.slow)])
def test_diagnostics_without_coordinates_have_the_rows_of_the_table(tmp_path, tails):
    gaps = frame().assign(b=lambda t: t["b"].where(~t.index.isin([0, 3])))
    gaps.to_csv(tmp_path / "t.csv", index=False)
    argv = ["fit", str(tmp_path / "t.csv"), "--target", "y", "--models", "a,b,c", "--quiet"]
    argv += ["--method", "gbmm-d", "--option", f"tails={tails}", "--chains", "1", "--draws", "20"]
    argv += ["--warmup", "20", "--min-ess", "0", "--allow-unconverged"]
    assert main([*argv, "--out", str(tmp_path / "out")]) == 0
    names = pd.read_csv(tmp_path / "out/diagnostics.csv")["parameter"]
    found = [name for name in names if name.startswith("prediction")]
    sites = pd.read_csv(tmp_path / "out/sites.csv")
    used = sites.loc[(sites["split"] == "train") & ~sites["row"].isin([1, 4]), "row"]
    assert found == [f"prediction[{row}]" for row in used]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predictions_without_coordinates_have_the_numbers_of_their_rows(table, tmp_path, ending):
    argv = ["fit", str(table), "--target", "y", "--models", "a,b,c", "--quiet", "--out"]
    assert main([*argv, str(tmp_path / "one"), "--method", "equal"]) == 0
    new = frame().assign(b=lambda t: t["b"].where(t.index != 1))
    if ending == "csv":
        new.to_csv(tmp_path / "new.csv", index=False)
    else:
        new.to_parquet(tmp_path / "new.parquet", index=False)
    rows = str(tmp_path / f"new.{ending}")
    out = tmp_path / "predicted.csv"
    assert main(["predict", str(tmp_path / "one"), rows, "--quiet", "--out", str(out)]) == 0
    found = pd.read_csv(out)
    assert list(found)[:3] == ["row", "mean", "sd"]
    assert found["row"].to_list() == list(range(1, len(new) + 1))
    assert main([*argv, str(tmp_path / "raw"), "--method", "raw"]) == 0
    assert main(["predict", str(tmp_path / "raw"), rows, "--quiet", "--out", str(out)]) == 0
    found = pd.read_csv(out)
    of_b = found.loc[found["model"] == "b", "row"]
    assert of_b.to_list() == [1, *range(3, len(new) + 1)]  # row 2 has no value of it


def test_names_tell_the_rows_of_a_long_table_apart(tmp_path):
    rows = frame()[["y", "a", "b", "c"]].dropna().assign(who=lambda t: [f"s{i}" for i in t.index])
    long = rows.melt(["who", "y"], var_name="model")
    long.to_csv(tmp_path / "long.csv", index=False)
    choice = DataChoice(
        str(tmp_path / "long.csv"), target="y", models=("a", "b", "c"), names="who",
        long=LongColumns(),
    )  # fmt: skip
    part = load_split_table(choice, 0).parts["train"]
    assert part.frame["who"].to_list() == rows["who"].to_list()
    assert part.y is not None
    assert part.y.tolist() == rows["y"].to_list()


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        ({}, {"names": "whom"}, r"'whom' is not in the table \(did you mean 'who'"),
        ({"who": ["", *ROWS[1:]]}, {}, "'who' is empty at row 1; give every row one"),
        ({"who": [*ROWS[:-1], "1"]}, {}, "'who' has '1' at rows 1 and 50"),
        ({}, {"coords": ("who",)}, "'who' is also a coordinate"),
        ({}, {"repeats": "pool"}, "leave out names"),
        ({"row": ROWS}, {"names": "row"}, "the names column 'row' has the name of a column of"),
    ],
)  # fmt: skip
def test_what_names_no_rows_is_refused(tmp_path, change, more, message):
    frame().assign(**{"who": ROWS, **change}).to_csv(tmp_path / "table.csv", index=False)
    choice = DataChoice(str(tmp_path / "table.csv"), **{"names": "who", **PLAIN, **more})
    with pytest.raises(InputError, match=message):
        load_split_table(choice, 0)
