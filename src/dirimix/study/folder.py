"""Output folders: the names of their files, and how these are written and read."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import json
import math
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from dirimix._arrays import Floats
from dirimix.assess.schema import TABLES
from dirimix.errors import InputError
from dirimix.table.csv_text import write_csv_text
from dirimix.table.dates import date_words
from dirimix.table.files import whole_file
from dirimix.table.values import number_text

MARK = ".dirimix"  # a file with this name says that a folder is ours
METHOD_FOLDER, FOLD_FOLDER = "methods", "validation"
REDUCED_FOLDER, OTHER_TABLE_FOLDER = "preselection", "threshold"
FIT_FOLDERS = (METHOD_FOLDER, FOLD_FOLDER, REDUCED_FOLDER, OTHER_TABLE_FOLDER)
FIGURE_FOLDER = "figures"
FACTS_FILE = "facts.json"  # in the folder of every fit
POSTERIOR_FILE = "posterior.nc"  # there until it is whole
FIT_FILE, ARRAYS_FILE = "fit.json", "fit.nc"  # a fitted method
SCORES_FILE, MANIFEST_FILE, REPORT_FILE = "scores.json", "manifest.json", "report.html"


LARGE = 200_000  # rows of a table from where it is a Parquet file: CSV would take tens of MB


def posterior_file(method: str) -> str:
    """The name of the file that holds a method's posterior."""
    return f"posterior-{method}.nc"


_DIGITS = 10  # sums differ in the last digits of a double between machines
DIGITS = f"%.{_DIGITS}g"


def mark(folder: Path, kind: str) -> None:
    """Say that a folder is ours and of which kind: 'fit' or 'run'."""
    if kind_of(folder) != kind:
        (folder / MARK).write_text(kind + "\n", encoding="utf-8")


def kind_of(folder: Path) -> str | None:
    """Which kind of output a folder holds, None if it is not ours, '' if it was not marked yet."""
    path = folder / MARK
    if path.is_symlink() or not path.is_file():
        return None
    return path.read_text(encoding="utf-8", errors="replace").strip()


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """One file a table: CSV, in which coordinates and observations keep every digit, or Parquet.

    Tables of more than `LARGE` rows are Parquet files, in which every number keeps every digit.
    """
    for name, table in tables.items():
        given = set(table.columns) - set(TABLES[name].columns()) | {"observed"}
        if len(table) > LARGE:
            write_parquet(table, folder / f"{name}.parquet")
        else:
            write_csv(table, folder / f"{name}.csv", given)


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """A Parquet file that is there whole or not at all, with names and dates as text."""
    plain = {str(c): _numbers_or_text(date_words(cast(pd.Series, table[c]))) for c in table.columns}
    with whole_file(path) as part:
        pd.DataFrame(plain).to_parquet(part, index=False)


def _numbers_or_text(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return column.astype(object).where(column.notna(), "").astype(str)


def write_csv(table: pd.DataFrame, path: Path, given: Collection[str] = ()) -> None:
    """A CSV file that is there whole or not at all.

    Dates are written as such, the numbers of columns that are `given` with every digit, and other
    numbers with 10 digits, more where they are large beside their own spread.
    """
    text = {c: _in_words(cast(pd.Series, table[c]), c in given) for c in table.columns}
    with whole_file(path) as part:
        write_csv_text(pd.DataFrame(text, columns=table.columns), part)


def _in_words(column: pd.Series, exact: bool) -> pd.Series:
    if not pd.api.types.is_float_dtype(column.dtype):
        return date_words(column)
    numbers = column.to_numpy(dtype=float)
    word = number_text if exact else _form(numbers[np.isfinite(numbers)]).__mod__
    words = ["" if math.isnan(v) else word(v) for v in numbers.tolist()]
    return pd.Series(words, column.index, dtype=object)


def _form(numbers: Floats) -> str:
    """A format that tells numbers apart: digits by how large they are beside their spread."""
    spread = np.ptp(numbers) if len(numbers) else 0.0
    more = np.log10(np.abs(numbers).max() / spread) if spread > 0 else 0.0
    return f"%.{min(_DIGITS + max(int(more), 0), 17)}g"


def write_json(content: Any, path: Path) -> None:
    """A JSON file that is there whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json_text(content) + "\n", encoding="utf-8")


def json_text(content: Any) -> str:
    """The text of a JSON file."""
    plain = np.generic.item  # of a NumPy number
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=plain)


def read_json(path: Path) -> dict[str, Any]:
    """The content of a JSON file that holds an object.

    Raises:
        InputError: If it is missing, cut short or holds something else.
    """
    if path.exists() and not path.is_file():  # to read a pipe would be to wait for ever
        raise InputError(f"{str(path)!r} is no file, so dirimix did not write it; remove it")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no file {str(path)!r}; run the command again") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"the file {str(path)!r} is no whole JSON; run the command again"
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            f"the file {str(path)!r} holds no JSON object, so dirimix did not write it; run the "
            "command again"
        )
    return cast("dict[str, Any]", content)


def checksums(content: Mapping[str, Any]) -> dict[str, Any]:
    """The sha256 by file that a JSON file of dirimix holds; nothing where there are none."""
    sums = content.get("sha256")
    return cast("dict[str, Any]", sums) if isinstance(sums, dict) else {}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as plain records, None where a number is not known."""
    text = str(table.to_json(orient="records", double_precision=15))
    return json.loads(text, parse_float=lambda number: float(DIGITS % float(number)))


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
