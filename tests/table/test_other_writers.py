"""Files that another program wrote hold for us what they hold for it."""

import datetime

import numpy as np
import pytest

from dirimix.table.coordinates import read_coordinate
from dirimix.table.files import read_frame, write_frame

polars = pytest.importorskip("polars", reason="polars is not installed")


def some_table(seed: int):
    """A frame of random numbers, whole numbers, gaps, dates, labels and hostile names."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    start = datetime.datetime(1990, 1, 1)
    numbers = rng.normal(size=n) * 10.0 ** rng.integers(-200, 200, n)
    gaps = [None if rng.random() < 0.3 else float(v) for v in rng.normal(size=n)]
    return polars.DataFrame(
        {
            "$x^": numbers,
            "n;ull": rng.integers(-(10**15), 10**15, n),
            'a "gap", b': polars.Series(gaps, dtype=polars.Float64),
            "day": [start + datetime.timedelta(seconds=int(s)) for s in rng.integers(0, 10**9, n)],
            "站": rng.choice(["north", "<b>", "a;b,c", 'say "so"', "模"], n),
        }
    )


def holds(frame, table) -> None:
    """Whether what was read has the numbers, gaps, dates and labels of the table."""
    assert list(frame.columns) == table.columns
    for name in ("$x^", "n;ull", 'a "gap", b'):
        expected = table[name].to_numpy().astype(float)
        np.testing.assert_array_equal(frame[name].to_numpy(dtype=float), expected)
    seconds = table["day"].dt.epoch("s").to_numpy()
    days = read_coordinate(frame["day"], "day")
    assert days.kind == "date"
    np.testing.assert_array_equal(np.round(days.values * 86400), seconds)
    assert frame["站"].tolist() == table["站"].to_list()


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("how", [",", ";", "\t", "|", "parquet"])
def test_files_of_polars_are_read_as_polars_wrote_them(tmp_path, seed, how):
    table = some_table(seed)
    if how == "parquet":
        path = tmp_path / "t.parquet"
        table.write_parquet(path)
    else:
        path = tmp_path / "t.csv"
        table.write_csv(path, separator=how, include_bom=seed % 2 == 0)
    holds(read_frame(path), table)


@pytest.mark.parametrize("seed", range(15))
def test_files_of_ours_are_read_by_polars_as_we_wrote_them(tmp_path, seed):
    table = some_table(seed)
    for ending, read in (("csv", polars.read_csv), ("parquet", polars.read_parquet)):
        write_frame(table.to_pandas(), tmp_path / f"t.{ending}")
        back = read(tmp_path / f"t.{ending}")
        back.columns = table.columns  # polars leaves the quotes of a header doubled
        holds(back.with_columns(polars.col("day").cast(str)).to_pandas(), table)
