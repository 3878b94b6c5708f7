"""CSV as people write it: separators, decimal signs, encodings told apart, or refused in words."""

import csv

import numpy as np
import pytest

from dirimix.errors import DroppedRowsWarning, InputError, TableWarning
from dirimix.table.files import read_frame, write_frame

HOSTILE = ["null", "NA", "None", "mean", "<b>", "p$^$q", 'say "so"', "a,b", "a;b", "模型", "x\ty"]


def write(path, rows, separator=",", encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as stream:
        csv.writer(stream, delimiter=separator).writerows(rows)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_separators_and_decimal_signs_are_told_apart(tmp_path, separator, decimal):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 3)) * 10.0 ** rng.integers(-9, 9, (40, 3))
    rows = [[repr(float(v)).replace(".", decimal) for v in row] for row in values]
    path = write(tmp_path / "t.csv", [["x", "name, long", "b"], *rows], separator)
    frame = read_frame(path)
    assert list(frame.columns) == ["x", "name, long", "b"]
    if separator == "," and decimal == ",":
        assert frame["x"].tolist() == [row[0] for row in rows]  # quoted text, not numbers
    else:
        np.testing.assert_array_equal(frame.to_numpy(), values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x y z\n1 2 3\n4 5 6\n", r"neither commas, semicolons nor tabs, and probably by spaces"),
        ("a,b;c\n1,2;3\n", r"could be separated by commas or semicolons, probably by"),
        ("x;y\n1,234;5\n2,345;6\n", r"such as '1,234', in which the comma may be a decimal sign"),
        ("x;y\n1980;7.619\n1981;968\n", r"such as '7.619' in column 'y', .* as '968' says"),
        (
            "x;y\n0,5;7.619\n1,5;8.619\n",
            r"'7.619' in column 'y', and others such as '0,5': the point",
        ),
        ("x;y\n1;2.247,6\n2;947,5\n", r"such as '2.247,6' in column 'y', .* thousands"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_guess(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_frame(tmp_path / "t.csv")


@pytest.mark.parametrize("rows", [[["1980", "7.619"], ["1981", "8.251"]], [["5", "2.5"]]])
def test_three_decimals_at_every_row_are_decimals(tmp_path, rows):
    path = write(tmp_path / "t.csv", [["x", "y"], *rows], ";")
    assert read_frame(path)["y"].tolist() == [float(y) for _, y in rows]


def test_decimal_points_keep_their_meaning_beside_commas(tmp_path):
    path = write(tmp_path / "t.csv", [["x", "y"], ["1.5", "1,234"], ["2.5", "5"]], ";")
    assert read_frame(path)["y"].tolist() == ["1,234", "5"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_with_a_mark_or_without(tmp_path, encoding):
    path = write(tmp_path / "t.csv", [["größe", "模型"], ["1", "2"]], encoding=encoding)
    assert read_frame(path).to_dict("list") == {"größe": [1], "模型": [2]}


def test_an_old_encoding_is_read_and_said(tmp_path):
    path = write(tmp_path / "t.csv", [["größe"], ["1"]], encoding="latin-1")
    with pytest.warns(TableWarning, match="is not UTF-8 and is read as Windows-1252"):
        assert list(read_frame(path).columns) == ["größe"]


def test_the_line_that_spreadsheets_write_names_the_separator(tmp_path):
    (tmp_path / "t.csv").write_text("sep=;\na;b\n1;2\n")
    assert read_frame(tmp_path / "t.csv").to_dict("list") == {"a": [1], "b": [2]}


def test_no_digit_is_lost(tmp_path):
    rng = np.random.default_rng(1)
    values = np.concatenate(
        [
            rng.normal(size=3000) * 10.0 ** rng.integers(-300, 300, 3000),
            2460000.5 + np.arange(1000) / 86400,
            429228004229874.0 + rng.normal(size=1000),
        ]
    )
    path = write(tmp_path / "t.csv", [["v", "n"], *([repr(float(v)), "1"] for v in values)])
    np.testing.assert_array_equal(read_frame(path)["v"], values)
    write_frame(read_frame(path), tmp_path / "again.csv")
    np.testing.assert_array_equal(read_frame(tmp_path / "again.csv")["v"], values)


def test_words_for_missing_numbers_are_missing_and_names_stay_names(tmp_path):
    rows = [["f", "state", "code"], ["1.5", "NA", "01"], ["NA", "OH", "02"], ["", "", "10"]]
    frame = read_frame(write(tmp_path / "t.csv", rows))
    assert frame["f"].isna().tolist() == [False, True, True]
    assert frame["state"].tolist()[:2] == ["NA", "OH"]
    assert frame["state"].isna().tolist() == [False, False, True]
    assert frame["code"].tolist() == ["01", "02", "10"]


@pytest.mark.parametrize("ending", ["csv", "parquet", "nc"])
def test_names_are_free_text_in_every_kind_of_file(tmp_path, ending):
    from pandas import DataFrame

    frame = DataFrame({name: [k, k + 0.5] for k, name in enumerate(HOSTILE)})
    write_frame(frame, tmp_path / f"t.{ending}")
    back = read_frame(tmp_path / f"t.{ending}")
    assert {k: list(v) for k, v in back.items()} == {k: list(v) for k, v in frame.items()}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# of mine\nx,a\n1,2\n", "begins with '# of mine' where the names of the columns are"),
        ("x,a\n1,2\n".encode("utf-16-le"), "holds bytes that no text has, and may be UTF-16"),
        (
            "x,a\n1,2\n".encode("utf-32"),
            "holds bytes that no text has, and may be UTF-16 or UTF-32",
        ),
    ],
)
def test_what_is_no_table_of_text_is_said(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_frame(tmp_path / "t.csv")


def test_one_empty_row_at_the_end_is_one(tmp_path):
    (tmp_path / "t.csv").write_text("x,a\n1,2\n3,4\n,\n")
    with pytest.warns(DroppedRowsWarning, match="^1 row at the end of .* is left out"):
        assert len(read_frame(tmp_path / "t.csv")) == 2


def test_empty_rows_at_the_end_are_left_out_and_said(tmp_path):
    (tmp_path / "t.csv").write_text("x,a\n1,2\n,\n3,4\n,\n , \n")
    with pytest.warns(DroppedRowsWarning, match="2 rows at the end of .* are left out"):
        frame = read_frame(tmp_path / "t.csv")
    np.testing.assert_array_equal(frame["a"], [2, np.nan, 4])
