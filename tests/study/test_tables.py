"""Tables of an output folder come back as they were written: CSV or, where large, Parquet."""

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dirimix.assess.schema import read_table
from dirimix.cli.main import main
from dirimix.study import folder as folders
from dirimix.study.folder import write_tables
from dirimix.table.csv_text import guarded, unguarded
from dirimix.table.files import read_frame, write_frame
from stand_ins import train_frame, write_study

FORMULAS = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "'=1", "''=1"]
PLAIN = ["a", "", "-12.5", "+3e4", "-", "a=b", "'tis", "-inf", "é", "x,y", 'q"r']


def test_no_word_is_a_formula_and_every_word_comes_back():
    for word in FORMULAS:
        assert guarded(word) == "'" + word
    for word in PLAIN:
        assert guarded(word) == word
    assert [unguarded(guarded(w)) for w in FORMULAS + PLAIN] == FORMULAS + PLAIN


@settings(derandomize=True, database=None)
@given(st.text(alphabet="'=+-@\t\r1ea. ", max_size=6))
def test_every_text_comes_back(text):
    assert unguarded(guarded(text)) == text
    written = guarded(text)
    if written.startswith(("=", "+", "-", "@", "\t", "\r")) and len(written) > 1:
        float(written)  # a number is no formula


def weights(rows: int, model: str = "=a") -> pd.DataFrame:
    """A table of weights, one of its models and one of its coordinates named like a formula."""
    rng = np.random.default_rng(rows)
    mean = rng.random(rows)
    known = {"mean": mean, "sd": mean / 3, "q05": mean / 2, "q95": mean * 2}
    names = {"method": "m", "split": "train", "model": [model, "b"] * (rows // 2)}
    return pd.DataFrame({"@x": rng.normal(size=rows), **names, **known})


@pytest.mark.parametrize("large", [1, 10**6])
def test_large_tables_are_parquet_files_and_read_alike(large, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "LARGE", large)
    table = weights(8)
    write_tables({"weights": table}, tmp_path)
    ending = "parquet" if large == 1 else "csv"
    assert [p.name for p in tmp_path.iterdir()] == [f"weights.{ending}"]
    pd.testing.assert_frame_equal(read_table(tmp_path, "weights"), table, check_dtype=False)
    if ending == "csv":
        with (tmp_path / "weights.csv").open(newline="") as stream:
            header, first, *_ = csv.reader(stream)
        assert header[0] == "'@x"
        assert first[3] == "'=a"


def test_a_report_is_made_of_large_tables_and_formulas_stay_names(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "LARGE", 20)
    text = (
        '[data]\ntable="t.csv"\ntarget="y"\ncoords=["x"]\nmodels=["=a","@b"]\n'
        '[methods]\nrun=["simplex-ls"]\n[scores]\nn_boot=5\n'
    )
    path = write_study(tmp_path, text)
    frame = train_frame().rename(columns={"a": "=a", "b": "@b"})
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert main(["run", str(path), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert (tmp_path / "out" / "predictions.parquet").is_file()
    assert not (tmp_path / "out" / "predictions.csv").exists()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&#39;=a" not in page
    assert "'=a" not in page
    argv = ["--out", str(tmp_path / "out"), "--quiet", "--resume"]
    assert main(["run", str(path), *argv]) == 0  # a folder with Parquet files is ours


CELLS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**15), 10**15).map(float),
)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(
    columns=st.lists(
        st.from_regex(r"[a-zé]([A-Z_é0 -]{0,6}[a-z])?", fullmatch=True),
        min_size=1, max_size=4, unique=True,
    ),
    rows=st.lists(st.lists(CELLS, min_size=4, max_size=4), min_size=1, max_size=6),
    ending=st.sampled_from([".csv", ".parquet", ".nc"]),
)  # fmt: skip
def test_numbers_come_back_to_the_last_bit_from_every_kind_of_file(
    columns, rows, ending, tmp_path_factory
):
    frame = pd.DataFrame([row[: len(columns)] for row in rows], columns=columns)
    path = tmp_path_factory.mktemp("t") / f"t{ending}"
    write_frame(frame, path)
    found = read_frame(path)
    path.unlink()
    path.parent.rmdir()
    values = found[columns].to_numpy(dtype=float)
    np.testing.assert_array_equal(values.view(np.int64), frame.to_numpy().view(np.int64))
