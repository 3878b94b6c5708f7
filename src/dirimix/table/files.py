"""Tables on disk: CSV, Parquet and netCDF files, and atomic writes."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import csv
import os
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from dirimix.errors import InputError, first_line
from dirimix.table.csv_text import check_names, read_csv, write_csv_text
from dirimix.table.dates import date_words

_ROW = "row"  # dimension of a table's rows in netCDF
# what the readers raise on files that are cut short or not of their kind
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    RuntimeError,
    ArithmeticError,
    MemoryError,
)


def read_frame(path: str | os.PathLike[str], labels: Collection[str] = ()) -> pd.DataFrame:
    """Read a table from a CSV (.csv), Parquet (.parquet) or netCDF (.nc) file.

    A CSV file is separated by commas, semicolons, tabs or bars, whichever its head and its first
    rows agree on. A netCDF file holds variables on one shared dimension, the rows, or on one shared
    grid, which is flattened to one row a cell; cells where every variable is empty are left out
    with a `DroppedRowsWarning`.

    Args:
        path: The file.
        labels: Columns of a CSV file whose values are labels, even if all of them are numbers.

    Raises:
        InputError: If the file is missing, unreadable, cut short, empty, of an unknown kind, or
            names a column twice.
    """
    path = Path(path)
    kind = file_kind(path)
    with _readable(path, kind):
        frame = read_csv(path, labels) if kind == "CSV" else _READERS[kind](path)
    check_names(path, [str(c) for c in frame.columns])
    _refuse_no_rows(path, len(frame))
    return frame


def read_parquet_batches(
    path: str | os.PathLike[str], rows: int
) -> tuple[int, Callable[[], Iterator[pd.DataFrame]]]:
    """The number of rows of a Parquet file, and what reads so many of them at a time.

    Raises:
        InputError: As `read_frame`; the later parts of the file are read when they are asked for.
    """
    import pyarrow.parquet as pq

    path = Path(path)
    with _readable(path, "Parquet"):
        about: Any = pq.ParquetFile(path)
        names, count = cast("list[str]", about.schema_arrow.names), int(about.metadata.num_rows)
    check_names(path, names)
    _refuse_no_rows(path, count)

    def read() -> Iterator[pd.DataFrame]:
        with _readable(path, "Parquet"), pq.ParquetFile(path) as file:
            for batch in cast("Iterator[Any]", file.iter_batches(batch_size=rows)):
                yield batch.to_pandas(ignore_metadata=True)

    return count, read


def read_parquet_texts(
    path: str | os.PathLike[str], column: str, *, different: bool = False
) -> Iterator[str | None]:
    """The texts of a column of a Parquet file, nothing if it holds no text or is not there.

    Args:
        path: The file.
        column: Name of the column.
        different: Leave out many of those that are there again.
    """
    import pyarrow.parquet as pq
    import pyarrow.types as types

    path, kinds = Path(path), cast("Any", types)
    with _readable(path, "Parquet"), pq.ParquetFile(path) as file:
        about = cast("Any", file.schema_arrow)
        if column not in about.names:
            return
        kind = about.field(column).type
        kind = kind.value_type if kinds.is_dictionary(kind) else kind
        if not (kinds.is_string(kind) or kinds.is_large_string(kind)):
            return
        for batch in cast("Iterator[Any]", file.iter_batches(columns=[column])):
            texts: Any = batch.column(0)
            yield from (texts.unique() if different else texts).to_pylist()


@contextmanager
def _readable(path: Path, kind: str) -> Generator[None]:
    """Refuse a file that is not there, and what a reader says of one that is no table."""
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}; check the path")
    if path.stat().st_size == 0:
        raise InputError(f"the file {str(path)!r} is empty; give a table with at least one row")
    try:
        yield
    except InputError:
        raise
    except (*_UNREADABLE, csv.Error) as error:
        raise InputError(
            f"the file {str(path)!r} cannot be read as {kind} ({first_line(error)}); it may be "
            "cut short or of another kind: write it again"
        ) from error


def _refuse_no_rows(path: Path, count: int) -> None:
    if not count:
        raise InputError(f"the file {str(path)!r} has no rows; give a table with at least one")


def write_frame(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table, without its index, to a CSV, Parquet or netCDF file, by the ending.

    The file appears under its name only when it is complete.

    Raises:
        InputError: If the ending is unknown, the folder is missing or a column is named twice.
    """
    path = Path(path)
    kind = file_kind(path)
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {str(path.parent)!r} to write to; create it first")
    check_names(path, [str(c) for c in frame.columns])
    with whole_file(path) as part:
        _WRITERS[kind](frame.reset_index(drop=True), part)


def write_frames(frames: Iterator[pd.DataFrame], path: str | os.PathLike[str]) -> None:
    """Write tables of the same columns, one after the other, as one file, as `write_frame` does.

    Those of a Parquet file are written as they come.

    Raises:
        InputError: As `write_frame`.
    """
    path = Path(path)
    if file_kind(path) != "Parquet":
        write_frame(pd.concat(frames, ignore_index=True), path)
        return
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {str(path.parent)!r} to write to; create it first")
    with whole_file(path) as part:
        _write_parquet_parts(frames, path, part)


def _write_parquet_parts(frames: Iterator[pd.DataFrame], path: Path, part: Path) -> None:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    arrow, open_writer = cast("Any", pa), cast("Any", ParquetWriter)
    writer: Any = None
    try:
        for frame in frames:
            check_names(path, [str(c) for c in frame.columns])
            # labels as text: each part may have others
            labels = frame.select_dtypes("category").columns
            plain = frame.rename(columns=str).astype(dict.fromkeys(labels, object))
            table: Any = arrow.Table.from_pandas(plain, preserve_index=False)
            writer = writer or open_writer(part, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Where to write a file, which gets its name only when the block ends without an error."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def file_kind(path: str | os.PathLike[str]) -> str:
    """The kind of table that a file's ending announces: 'CSV', 'Parquet' or 'netCDF'.

    >>> file_kind("table.csv")
    'CSV'

    Raises:
        InputError: If the ending is none of .csv, .parquet and .nc.
    """
    ending = Path(path).suffix.lower()
    if ending not in _ENDINGS:
        raise InputError(
            f"the file {str(path)!r} ends in {ending!r}, and only {', '.join(_ENDINGS)} are known; "
            "rename or convert it"
        )
    return _ENDINGS[ending]


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    # pandas reads no file that repeats a name, and does not say so
    check_names(path, cast("list[str]", pq.read_schema(path).names))
    frame = pd.read_parquet(path)
    return frame if frame.index.names == [None] else frame.reset_index()


def _read_netcdf(path: Path) -> pd.DataFrame:
    from dirimix.table.netcdf import read_netcdf  # xarray is slow to import

    return read_netcdf(path)


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    words = {c: date_words(cast(pd.Series, frame[c])) for c in frame.columns}
    write_csv_text(pd.DataFrame(words, columns=frame.columns), path)


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.rename(columns=str).to_parquet(path, index=False)


def _write_netcdf(frame: pd.DataFrame, path: Path) -> None:
    import xarray as xr

    from dirimix.table.netcdf import write_netcdf

    slashed = [str(c) for c in frame.columns if "/" in str(c)]
    if slashed:
        raise InputError(
            f"the column {slashed[0]!r} cannot be written to netCDF, whose names hold no '/'; "
            "rename it or write CSV or Parquet"
        )
    columns = {str(name): (_ROW, _plain(column)) for name, column in frame.items()}
    write_netcdf(xr.DataTree(xr.Dataset(columns)), path)


def _plain(column: pd.Series) -> np.ndarray:
    """Numbers as they are, everything else as text, '' where there is none."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        missing = column.isna().any()
        return column.to_numpy(dtype=float, na_value=np.nan) if missing else column.to_numpy()
    if pd.api.types.is_datetime64_dtype(column.dtype):
        return column.to_numpy()
    return column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)


_ENDINGS = {".csv": "CSV", ".parquet": "Parquet", ".nc": "netCDF"}
_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "Parquet": _read_parquet,
    "netCDF": _read_netcdf,
}
_WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "CSV": _write_csv,
    "Parquet": _write_parquet,
    "netCDF": _write_netcdf,
}
