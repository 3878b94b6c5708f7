"""Numbers that mark a missing value, such as -9999: noticed, and made missing where declared."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from dirimix._arrays import Floats
from dirimix.table.values import is_text, number_text, parsed, precision

_NINES = [s * float("9" * digits) for digits in range(2, 9) for s in (-1, 1)]
_POWERS = [s * 10.0**p for p in (10, 15, 20, 30, 35, 36, 37, 38) for s in (-1, 1)]
_KNOWN = np.array(
    [*_NINES, *_POWERS, *(s * 32768.0 for s in (-1, 1)), -32767.0, 32767.0, -2147483648.0]
    + [-999.25, -999.9, -99.9, -9999.9, 9.969209968386869e36, 1.7976931348623157e308, -9998.0]
)
_FARTHEST = 1e3  # median deviations from the median, beyond which a value may be broken
_WHOLE = 2.0**53  # below which double precision holds every whole number
_MOST = 3  # different marks in one column
_FAR = 10.0  # ranges of the others, beyond which any number that repeats is noticed


def suspects(values: Floats) -> dict[float, int]:
    """Numbers that look like marks of missing values, with how often each is there.

    A mark is the least or the greatest value, repeated or one of the usual marks, and lies
    farther from all the others than these lie from one another; a number that is no usual mark
    must lie ten times as far.

    Args:
        values: A column, (n,), NaN where it is empty.

    >>> suspects(np.array([3.0, 4.0, -9999.0, 5.0, -9999.0]))
    {-9999.0: 2}
    """
    rest, found = np.sort(values[np.isfinite(values)]), dict[float, int]()
    for _ in range(_MOST):
        for value in (rest[0], rest[-1]) if len(rest) else ():
            same = rest == value
            others, count = rest[~same], int(same.sum())
            if len(others) < 2:
                continue
            spread, gap = np.ptp(others), np.abs(others - value).min()
            usual = bool(np.isclose(value, _KNOWN, rtol=1e-6).any())
            if spread > 0 and gap > spread * (1 if usual else _FAR) and (usual or count > 1):
                found[float(value)] = count
                rest = others
                break
        else:
            break
    return found


def remarks(columns: Iterable[tuple[str, Floats]]) -> list[str]:
    """A sentence a mark found in columns (n,), each with its role and name."""
    return [
        f"{what} is {number_text(mark)} at {count} of {len(values)} rows, far outside its other "
        f"values ({_span(values, marks)}): if that marks a missing value, declare it with "
        f"missing = [{number_text(mark)}] in [data], --missing {number_text(mark)} or NaN in Python"
        for what, values in columns
        for marks in [suspects(values)]
        for mark, count in marks.items()
    ]


def farthest(columns: Mapping[str, Floats], rows: Sequence[int]) -> str:
    """A clause that names the value far outside all others of its column, '' if there is none.

    Args:
        columns: Columns, (n,) each, by what they are called.
        rows: Numbers of the rows, (n,).

    >>> farthest({"model 'a'": np.array([1.0, 2.0, 1e9, 3.0])}, [1, 2, 3, 4])
    "the value farthest from the others is 1000000000 of model 'a' at row 3"
    """
    found, most = "", _FARTHEST
    known = {what: values for what, values in columns.items() if not np.isnan(values).all()}
    for what, values in known.items():
        off = np.abs(values - np.nanmedian(values))
        spread = float(np.nanmedian(off))
        k = int(np.nanargmax(off))
        if spread > 0 and off[k] > most * spread:
            most = float(off[k]) / spread
            found = f"{number_text(float(values[k]))} of {what} at row {rows[k]}"
    return f"the value farthest from the others is {found}" if found else ""


def made_missing(
    frame: pd.DataFrame, columns: Sequence[str], marks: Sequence[float]
) -> pd.DataFrame:
    """The frame with every mark in the columns missing."""
    found = frame.copy(deep=False)
    for name in set(columns) & set(frame.columns):
        found[name] = _without(cast(pd.Series, frame[name]), marks)
    return found


def _without(column: pd.Series, marks: Sequence[float]) -> pd.Series:
    if pd.api.types.is_bool_dtype(column.dtype):
        return column
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.astype(float)
        marked = np.isin(numbers.to_numpy(), _as_held(marks, precision(column)))
        return numbers.mask(marked) if marked.any() else column
    if is_text(column):
        return column.mask([parsed(v) in marks for v in column.astype(object).to_list()])
    return column


def _as_held(marks: Sequence[float], kind: "np.dtype[Any]") -> list[float]:
    """Marks, and the numbers that a column of a type has in place of those it cannot hold.

    In double precision that is a fraction or a huge number that came from single precision.
    """
    narrow, wide = (np.float32, True) if kind == np.float64 else (kind.type, False)
    near = [m for m in marks if not wide or m % 1 or abs(m) >= _WHOLE]
    with np.errstate(over="ignore"):
        return [*marks, *(v for v in map(float, map(narrow, near)) if np.isfinite(v))]


def _span(values: Floats, marks: dict[float, int]) -> str:
    others = values[np.isfinite(values) & ~np.isin(values, list(marks))]
    return f"{others.min():.6g} to {others.max():.6g}"
