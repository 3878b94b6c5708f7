"""One column of a table as numbers, or an error that names the first bad value."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dirimix._arrays import Floats, Mask
from dirimix.errors import InputError

_NESTED = (list, tuple, dict, set, np.ndarray)  # what a cell holds that is no single value
_MEASURED = re.compile(r"[-+\u2212]?\d+([.,]\d+)?(\s*[%\u00b0]\s*\w*|\s+\D+|[^\W\d_]{2,})")  # 5 km
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
# numbers and dates in forms that are not read
_MEANT = re.compile(
    r"[-+\u2212]?\d{1,3}([ ,.'\u2019\u00a0\u202f]\d{3})*([.,]\d+)?"  # 1,234.5
    r"|[-+]?\d+(\.\d*)?d[-+]?\d+"  # 1.5D+03
    r"|[-+]?\d+([.,]\d+)?\s*(\u00b1|\+/?-|\().*"  # 1.5(2)
    r"|\d+([.,]\d+)?\s*\u00b0?(\s*[\d.]+['\u2032](\s*[\d.]+(\"|''|\u2033))?)?\s*[nsew]"  # 45N
    r"|\d{1,2}(?P<mark>[-./])\d{1,2}(?P=mark)\d{2}|\d{1,2}:\d{2}(:\d{2})?"  # 31.12.99, 12:30
    r"|\d{4}[- ]?(q[1-4]|w\d{2}|\d{3})|\d{8}t\d{4,6}z?"  # 2013Q1, 2013-W05
    rf"|(\d{{1,2}})?[ .-]?{_MONTH}[ .,-]*\d{{2,4}}|\d{{4}}[ .-]?{_MONTH}",
    re.IGNORECASE,
)
_LARGEST = 1e100  # size of a number whose square, and the sum of many such, is one too


def plain(column: pd.Series) -> pd.Series:
    """A column with bytes as the text that they are, and a dictionary of Arrow's as a category.

    >>> plain(pd.Series([b"north", "south"])).to_list()
    ['north', 'south']
    """
    kind = column.dtype
    if isinstance(kind, pd.ArrowDtype) and str(kind).startswith("dictionary"):
        return column.astype(object).astype("category")
    if kind == np.object_ and any(isinstance(v, bytes) for v in column.to_list()):
        texts = [_text(v) if isinstance(v, bytes) else v for v in column.to_list()]
        return pd.Series(texts, column.index, dtype=object, name=column.name)
    return column


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def numbers(column: pd.Series, what: str, gap: str = "leave out the row") -> Floats:
    """The column as floats, (n,), NaN where empty; text counts if all of it reads as numbers.

    Args:
        column: The values, (n,).
        what: What messages call it.
        gap: What to do where a value is not known.

    Raises:
        InputError: If some value is no real number, or too large to be squared, with its row.
    """
    values = _floats(plain(column), what, gap)
    large = np.isfinite(values) & (np.abs(values) > _LARGEST)
    remedy = f"correct it, {gap}, or take a larger unit"
    refuse(large, values, what, f"at most {_LARGEST:g} in size", remedy)
    return values


def _floats(column: pd.Series, what: str, gap: str) -> Floats:
    if pd.api.types.is_bool_dtype(column.dtype) or not (
        pd.api.types.is_numeric_dtype(column.dtype) or is_text(column)
    ):
        raise InputError(f"{what} holds {column.dtype} values and not numbers; convert it")
    if np.iscomplexobj(column.to_numpy()):
        raise InputError(f"{what} holds complex numbers; give real ones")
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=float, na_value=np.nan)
    values: list[Any] = column.astype(object).to_list()
    found = np.array([parsed(v) for v in values], dtype=object)
    bad = np.flatnonzero([p is None for p in found])
    if len(bad):
        raise InputError(
            f"{what} has {'the text ' if isinstance(values[bad[0]], str) else ''}"
            f"{_short(values[bad[0]])} at row {bad[0] + 1}{_others(len(bad))}; numbers are needed: "
            f"correct it, or {gap}"
        )
    return found.astype(float)


def precision(column: pd.Series) -> "np.dtype[Any]":
    """The type of a column's numbers: half or single precision, double for all others."""
    kind = getattr(column.dtype, "numpy_dtype", column.dtype)
    return np.dtype(kind if kind in (np.float16, np.float32) else np.float64)


def number_text(value: float) -> str:
    """A number as the shortest text that reads as the same number.

    >>> number_text(2460000.50023148), number_text(3.0)
    ('2460000.50023148', '3')
    """
    return repr(float(value)).removesuffix(".0")


def unknown(column: pd.Series) -> Mask:
    """Where a column is empty, (n,)."""
    empty = column.isna().to_numpy(dtype=bool)
    if not is_text(column):
        return empty
    blank = [isinstance(v, str) and not v.strip() for v in column.astype(object).to_list()]
    return empty | np.array(blank, dtype=bool)


def quantity_text(value: float, decimals: int = 3) -> str:
    """A number of any unit: so many decimals, or digits where decimals would show only zeros.

    >>> quantity_text(0.31234), quantity_text(9.381e-29), quantity_text(-123456789.0)
    ('0.312', '9.38e-29', '-1.23e+08')
    """
    seen = value == 0 or 0.5 * 10.0**-decimals <= abs(value) < 1e6
    return f"{value:.{decimals}{'f' if seen else 'g'}}"


def plain_name(name: str) -> str:
    """A name without what people add to it: case and a unit in brackets."""
    return re.sub(r"[\s_]*[\[(].*[\])]\s*$", "", name).strip().lower()


def is_text(column: pd.Series) -> bool:
    """Whether a column may hold text."""
    return (
        pd.api.types.is_object_dtype(column.dtype)
        or pd.api.types.is_string_dtype(column.dtype)
        or isinstance(column.dtype, pd.CategoricalDtype)
    )


def is_empty(value: Any) -> bool:
    """Whether a value stands for none."""
    if isinstance(value, str):
        return value == ""
    if isinstance(value, _NESTED):
        return False
    return value is None or value is pd.NA or value is pd.NaT or bool(value != value)


def holds_lists(column: pd.Series) -> bool:
    """Whether a column has lists, arrays or the like in place of single values."""
    if isinstance(column.dtype, pd.ArrowDtype):
        return column.dtype.type in _NESTED
    return column.dtype == object and any(isinstance(v, _NESTED) for v in column.to_list())


def parsed(value: Any) -> float | None:
    """The number that a value is or reads as, NaN for an empty one, None for any other."""
    if is_empty(value):
        return np.nan
    if isinstance(value, (bool, np.bool_, complex, *_NESTED)):
        return None
    if isinstance(value, str) and "_" in value:
        return None  # Python would read 1_000, no other program does
    try:
        return float(value)
    except OverflowError:  # a whole number beyond all floats
        return -np.inf if str(value).startswith("-") else np.inf
    except (TypeError, ValueError):
        return None


def mostly_numbers(column: pd.Series) -> Floats | None:
    """A column as numbers, (n,), NaN where it has none; None where fewer than half are any."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return None
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=float, na_value=np.nan)
    if isinstance(column.dtype, pd.CategoricalDtype) or not is_text(column):
        return None
    read = [parsed(v) for v in column.astype(object).where(column.notna(), None).to_list()]
    found = np.array([np.nan if v is None else v for v in read], dtype=float)
    return found if read.count(None) < np.isfinite(found).sum() else None


def looks_meant(texts: Sequence[str]) -> str | None:
    """A text that looks like a number or a date in a form that is not read, where all look so.

    >>> looks_meant(["1,234.5", "999"]), looks_meant(["5 km", "12 km"]), looks_meant(["1/31/13"])
    ('1,234.5', '5 km', '1/31/13')
    >>> looks_meant(["01", "US"]), looks_meant(["S1", "S2"]), looks_meant(["12A", "9B"])
    (None, None, None)
    """
    odd = [text for text in texts if parsed(text) is None]
    units = {m[2].strip() if m else "" for m in map(_MEASURED.fullmatch, odd)}
    one_unit = len(units) == 1 and "" not in units and len(odd) == len(texts) > 1
    return odd[0] if odd and (one_unit or all(map(_MEANT.fullmatch, odd))) else None


def strays(column: pd.Series, name: str, *, used: bool = True) -> list[str]:
    """A line on the texts in a column of numbers that is used, or where all look like numbers."""
    if not is_text(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return []
    if mostly_numbers(column) is None:
        odd = looks_meant([v for v in column.dropna().to_list() if isinstance(v, str)])
        form = "write numbers as 1234.5 and dates as 2013-01-31 if they are meant as such"
        return [] if odd is None else [f"{name} has texts such as {odd!r}: {form}"]
    if not used:
        return []
    values: list[Any] = column.astype(object).where(column.notna(), None).to_list()
    bad = [r for r, v in enumerate(values) if parsed(v) is None]
    return [
        f"{name} has {_short(values[r])} at row {r + 1}{_others(len(bad))}, which is no "
        "number: correct it, or leave out the row (a model's value may be empty)"
        for r in bad[:1]
    ]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _others(count: int) -> str:
    return f" and {count - 1} more" if count > 1 else ""


def refuse(bad: Mask, values: Floats, what: str, wanted: str, remedy: str) -> None:
    """Refuse a column with a bad row, naming the first.

    Args:
        bad: Which rows are, (n,).
        values: The column, (n,).
        what: The column in words.
        wanted: What its values must be.
        remedy: What the user can do.

    Raises:
        InputError: If a row is bad.
    """
    rows = np.flatnonzero(bad)
    if len(rows):
        first = number_text(float(values[rows[0]]))
        raise InputError(
            f"{what} must be {wanted}, and is {first} at row {rows[0] + 1}{_others(len(rows))}; "
            f"{remedy}"
        )


def shape_of(values: Any, what: str) -> tuple[int, ...]:
    """The shape of numbers or nested lists.

    Raises:
        InputError: If the lists are of different lengths.
    """
    try:
        return np.shape(values)
    except ValueError as error:
        raise InputError(
            f"{what} has lists of different lengths; give one value a row, or lists of one length"
        ) from error


def lined_up(values: Any, n: int, what: str) -> Floats:
    """Values beside a table of n rows, one a row, copied as floats, (n,).

    Raises:
        InputError: If there are more or fewer, or some value is no real number.
    """
    shape = shape_of(values, what)
    if len(shape) != 1 or shape[0] != n:
        column = "its one column, such as y.ravel() or frame['y']"
        remedy = column if shape == (n, 1) else "as many values as the table has rows"
        raise InputError(
            f"{what} needs one value a row, shape ({n},), and has shape {shape}; give {remedy}"
        )
    return np.array(numbers(pd.Series(values, dtype=getattr(values, "dtype", None)), what))
