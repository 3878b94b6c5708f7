"""Tables on disk: CSV, Parquet and netCDF files, and atomic writes."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import csv
import os
import warnings
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from dirimix._arrays import Mask
from dirimix.errors import DroppedRowsWarning, InputError

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


def read_frame(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table from a CSV (.csv), Parquet (.parquet) or netCDF (.nc) file.

    A netCDF file holds variables on one shared dimension, the rows, or on one shared grid, which
    is flattened to one row a cell; cells where every variable is empty are left out with a
    `DroppedRowsWarning`.

    Raises:
        InputError: If the file is missing, unreadable, cut short, empty, of an unknown kind, or
            names a column twice.
    """
    path = Path(path)
    kind = file_kind(path)
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}; check the path")
    if path.stat().st_size == 0:
        raise InputError(f"the file {str(path)!r} is empty; give a table with at least one row")
    try:
        frame = _READERS[kind](path)
    except InputError:
        raise
    except (*_UNREADABLE, csv.Error) as error:
        raise InputError(
            f"the file {str(path)!r} cannot be read as {kind} ({_first_line(error)}); it may be "
            "cut short or of another kind: write it again"
        ) from error
    _check_names(path, [str(c) for c in frame.columns])
    if frame.empty:
        raise InputError(f"the file {str(path)!r} has no rows; give a table with at least one")
    return frame


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
    _check_names(path, [str(c) for c in frame.columns])
    with whole_file(path) as part:
        _WRITERS[kind](frame.reset_index(drop=True), part)


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


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _check_names(path: Path, names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(
            f"the file {str(path)!r} names the column {twice[0]!r} {names.count(twice[0])} times; "
            "give every column a name of its own"
        )


def _read_csv(path: Path) -> pd.DataFrame:
    # pandas renames repeated columns and fills up short rows silently: check first
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.reader(stream, strict=True)
        header = next((row for row in rows if row), list[str]())
        _check_names(path, header)
        for number, row in enumerate((row for row in rows if row), start=1):
            if len(row) != len(header):
                raise InputError(
                    f"the file {str(path)!r} has {len(header)} columns but {len(row)} values in "
                    f"data row {number}; it may be cut short: write it again"
                )
    return pd.read_csv(path, encoding="utf-8-sig", index_col=False)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    # pandas reads no file that repeats a name, and does not say so
    _check_names(path, cast("list[str]", pq.read_schema(path).names))
    frame = pd.read_parquet(path)
    return frame if frame.index.names == [None] else frame.reset_index()


def _read_netcdf(path: Path) -> pd.DataFrame:
    import xarray as xr

    with path.open("rb") as stream:
        engine = "scipy" if stream.read(3) == b"CDF" else "h5netcdf"
    # numbers stay numbers: dates cannot be coordinates here
    with xr.open_dataset(path, engine=engine, decode_times=False) as dataset:
        dataset = dataset.load()
    dims = {name: set(map(str, v.dims)) for name, v in dataset.data_vars.items()}
    shared = set[str]().union(*dims.values())
    odd = [str(name) for name, own in dims.items() if own != shared]
    if odd:
        raise InputError(
            f"the file {str(path)!r} has variables on different dimensions ({odd[0]!r} lacks some "
            f"of {', '.join(sorted(shared))}); put all of them on one dimension or one grid"
        )
    if not shared:
        return pd.DataFrame()
    frame = pd.DataFrame(dataset.to_dataframe().reset_index())
    frame = frame.drop(columns=[d for d in map(str, shared) if d not in dataset.coords])
    return frame if len(shared) == 1 else _known_cells(frame, list(map(str, dims)), path)


def _known_cells(frame: pd.DataFrame, variables: list[str], path: Path) -> pd.DataFrame:
    empty = cast(Mask, frame[variables].isna().to_numpy()).all(axis=1)
    if empty.any():
        warnings.warn(
            f"{int(empty.sum())} of {len(frame)} grid cells of {str(path)!r} are left out: every "
            "variable is empty there",
            DroppedRowsWarning,
            stacklevel=4,
        )
    return cast(pd.DataFrame, frame.loc[~empty]).reset_index(drop=True)


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False, lineterminator="\n")


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.rename(columns=str).to_parquet(path, index=False)


def _write_netcdf(frame: pd.DataFrame, path: Path) -> None:
    import xarray as xr

    slashed = [str(c) for c in frame.columns if "/" in str(c)]
    if slashed:
        raise InputError(
            f"the column {slashed[0]!r} cannot be written to netCDF, whose names hold no '/'; "
            "rename it or write CSV or Parquet"
        )
    columns = {str(name): (_ROW, _plain(column)) for name, column in frame.items()}
    xr.Dataset(columns).to_netcdf(path, engine="h5netcdf")


def _plain(column: pd.Series) -> np.ndarray:
    """Numbers as they are, everything else as text, '' where there is none."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        missing = column.isna().any()
        return column.to_numpy(dtype=float, na_value=np.nan) if missing else column.to_numpy()
    return column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)


_ENDINGS = {".csv": "CSV", ".parquet": "Parquet", ".nc": "netCDF"}
_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "CSV": _read_csv,
    "Parquet": _read_parquet,
    "netCDF": _read_netcdf,
}
_WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "CSV": _write_csv,
    "Parquet": _write_parquet,
    "netCDF": _write_netcdf,
}
