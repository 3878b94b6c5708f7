"""Tables on disk: a round trip in every kind, and a sentence for every file that is none."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dirimix.errors import DroppedRowsWarning, InputError
from dirimix.table import files
from dirimix.table.files import file_kind, read_frame, write_frame

ENDINGS = ["csv", "parquet", "nc"]


def some_frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    numbers = {"a": rng.normal(size=30), "b": np.arange(30), "c": rng.normal(size=30) * 1e-9}
    frame = pd.DataFrame(numbers | {"split": ["train", "test"] * 15})
    frame.loc[4, "a"] = np.nan
    return frame


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_written_is_read(tmp_path, ending):
    frame, path = some_frame(), tmp_path / f"table.{ending}"
    write_frame(frame, path)
    back = read_frame(path)
    pd.testing.assert_frame_equal(back.astype({"split": str}), frame.astype({"split": str}))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_index_is_not_written(tmp_path, ending):
    frame = some_frame().set_index(np.arange(30) + 100)
    write_frame(frame, tmp_path / f"table.{ending}")
    assert list(read_frame(tmp_path / f"table.{ending}").columns) == list(frame.columns)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_short_is_refused(tmp_path, ending, part):
    path = tmp_path / f"table.{ending}"
    write_frame(some_frame(), path)
    whole = path.read_bytes()
    rest = whole[: int(part * len(whole))]
    # a text that ends with a line is whole: take a value of the last line too
    path.write_bytes(rest.rpartition(b",")[0] if ending == "csv" else rest)
    with pytest.raises(InputError, match="cut short"):
        read_frame(path)


def test_a_classic_netcdf_file_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "table.nc"
    data = xr.Dataset({"a": ("r", np.arange(9.0)), "b": ("r", np.arange(9.0))})
    data.to_netcdf(path, engine="scipy")
    np.testing.assert_array_equal(read_frame(path)["b"], np.arange(9.0))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="cannot be read as netCDF .*; it may be cut short"):
        read_frame(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_another_kind_is_refused(tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    path.write_bytes(bytes(range(256)) * 9)
    text = "holds bytes that no text has"
    message = text if ending == "csv" else f"cannot be read as {file_kind(path)} "
    with pytest.raises(InputError, match=message):
        read_frame(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_missing_or_empty_file_is_refused(tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    with pytest.raises(InputError, match=r"there is no file '.*table.*'; check the path"):
        read_frame(path)
    path.touch()
    with pytest.raises(InputError, match=r"the file '.*' is empty; give a table"):
        read_frame(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_without_rows_is_refused(tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    write_frame(some_frame().iloc[:0], path)
    with pytest.raises(InputError, match="has no rows; give a table with at least one"):
        read_frame(path)


def test_an_unknown_ending_is_refused_before_anything_is_written(tmp_path):
    message = r"ends in '.xls', and only .csv, .parquet, .nc are known; rename or convert it"
    with pytest.raises(InputError, match=message):
        read_frame(tmp_path / "table.xls")
    with pytest.raises(InputError, match=message):
        write_frame(some_frame(), tmp_path / "table.xls")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,a\n1,2,3\n", r"names the column 'a' 2 times; give every column a name of its own"),
        ("a,b\n1,2\n# second part\n3,4\n", r"has '# second part' in place of data row 2, and comm"),
        ("a,b\n1,2\n3\n", r"has 2 columns but 1 values in data row 2; it may be cut short"),
        ("a,b\n1,2,3\n", r"has 2 columns but 3 values in data row 1"),
        ('a,b\n1,"2\n', r"cannot be read as CSV .*unexpected end of data"),
        ("\n\n", r"cannot be read as CSV .*No columns"),
    ],
)
def test_a_csv_file_that_pandas_would_mend_silently_is_refused(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_frame(path)


def test_a_byte_order_mark_and_blank_lines_are_no_matter(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes("\ufeffa,b\r\n1,2\r\n\r\n3,4\r\n".encode())
    assert read_frame(path).to_dict("list") == {"a": [1, 3], "b": [2, 4]}


def test_a_grid_becomes_rows_and_its_empty_cells_are_counted(tmp_path):
    values = np.array([[1.0, 2.0, np.nan], [4.0, 5.0, 6.0]])
    grid = xr.Dataset(
        {"f": (("p", "q"), values), "g": (("p", "q"), 10 * values)},
        {"p": [10, 20], "q": [1, 2, 3]},
    )
    grid.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    with pytest.warns(DroppedRowsWarning, match="1 of 6 grid cells of .* are left out"):
        frame = read_frame(tmp_path / "grid.nc")
    assert frame[["p", "q", "f", "g"]].to_numpy().tolist()[2] == [20, 1, 4, 40]
    assert len(frame) == 5


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, ending, monkeypatch):
    path = tmp_path / f"table.{ending}"
    write_frame(some_frame(), path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setitem(files._WRITERS, file_kind(path), fail)
    with pytest.raises(OSError, match="no space left"):
        write_frame(some_frame(), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_frames_that_cannot_be_written_are_refused(tmp_path):
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(InputError, match="names the column 'a' 2 times"):
        write_frame(twice, tmp_path / "table.csv")
    with pytest.raises(InputError, match="column 'a/b' cannot be written to netCDF"):
        write_frame(pd.DataFrame({"a/b": [1]}), tmp_path / "table.nc")
    with pytest.raises(InputError, match="there is no folder .*; create it first"):
        write_frame(some_frame(), tmp_path / "none" / "table.csv")
