"""The roles of columns by their names, places and values."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import itertools
import re
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from dirimix._arrays import Floats
from dirimix.errors import InputError
from dirimix.table.dates import is_dated
from dirimix.table.split import SPLITS
from dirimix.table.values import mostly_numbers, plain_name, strays

_TARGETS = (
    "target", "y", "obs", "observed", "observation", "observations", "truth", "actual", "measured",
    "measurement", "experiment", "experimental", "exp", "expt", "reference", "oracle_value", "q",
    "discharge", "runoff", "streamflow", "qobs",
)  # fmt: skip
_MEASURED = frozenset(_TARGETS) - {  # words of a name, as in Q_obs_m3s
    "target", "y", "reference", "oracle_value", "q", "discharge", "runoff", "streamflow",
}  # fmt: skip
_ERRORS = ("error", "err", "sd", "std", "stdev", "sigma", "uncertainty", "unc", "y_err", "yerr")
_ERROR_WORDS = frozenset(  # of a name, as in err_low
    "error err uncertainty unc sd std stdev stddev stderr sigma σ spread".split()
)
_OF_TARGET = _ERROR_WORDS | {"se"}  # the same where the others are the target's
_NOT_MEASURED = frozenset(
    (*_ERRORS, *_OF_TARGET, *"n count number num id flag quality date time".split())
)
_TIMES = frozenset(
    "t time day doy hour week month year horizon lead lead_time".split()  # counted, not dated
)
COORDS = _TIMES | frozenset(
    "x z n date datetime lat latitude lon long lng longitude elevation elev altitude alt height "
    "depth level pressure temperature station site location region state country county fips id "
    "east north easting northing".split()
)
_SPLITS = frozenset(
    (*SPLITS, *"training tr fit calibration validation valid val holdout testing predict".split())
)
_ALMOST_ALL = 0.9  # of the rows have a value of a coordinate: that others lack one is a fault
_STANDS_OUT, _FEW = 10.0, 2  # times as far from the target as the last of more columns than two
_SKEWED = 5.0  # medians of observations below their 95 % quantile
_SMALL = 0.5  # of the target's median deviation, below which a column just after it is its error


def values_of(frame: pd.DataFrame, name: str) -> Floats | None:
    """The values as numbers, NaN where there is none; None for a column of text."""
    return mostly_numbers(cast(pd.Series, frame[name]))


def is_split(frame: pd.DataFrame, name: str) -> bool:
    """Whether a column says of its rows that they are for training, testing or prediction."""
    values = set(map(str, cast(Any, frame[name]).dropna().unique()))
    return "train" in values and values <= set(SPLITS)


def says_split(frame: pd.DataFrame, name: str) -> bool:
    """Whether a column is called split, or says what `is_split` looks for, maybe in other words."""
    column = cast(Any, frame[name])
    if plain_name(name) == "split":
        return column.nunique() > 1
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    values = {str(v).strip().lower() for v in column.dropna().unique()}
    both = any(v.startswith("train") for v in values) and any(v.startswith("test") for v in values)
    return len(values) > 1 and (both or values <= _SPLITS)


def find_target(frame: pd.DataFrame, *, elsewhere: bool = False) -> str:
    """The column of the observations, by its name or that of its error.

    Args:
        frame: The table.
        elsewhere: Whether this is a file of the observations alone.

    Raises:
        InputError: If none or several may be it.
    """
    numbers = [n for n in frame.columns if values_of(frame, n) is not None]
    meant = [n for n in frame.columns if n in numbers or strays(cast(Any, frame[n]), n)]
    named = [n for n in meant if plain_name(n) in _TARGETS]
    if not named:  # else what has a word in its name, or an error of its own
        named = [n for n in numbers if plain_name(n) not in COORDS and _own_error(frame, n)]
        said = [n for n in numbers if _says_measured(n)]
        named = [n for n in named if n in said] or said or named
    if not named:  # else what stands before a column of errors
        pairs = itertools.pairwise(numbers)
        named = [n for n, following in pairs if plain_name(following) in _ERRORS]
    named = named or (numbers if len(numbers) == 1 and elsewhere else [])
    if len(named) != 1:
        found = f"it may be {' or '.join(named)}" if named else "no name says so"
        what = " of their own file" if elsewhere else ""
        other = "" if elsewhere else ", or a file that holds them with --observations"
        raise InputError(
            f"which column{what} holds the observations: {found}; name it with --target, of "
            f"{', '.join(frame.columns) or 'no column that the table lacks'}{other}"
        )
    return named[0]


def _says_measured(name: str) -> bool:
    words = _words(name)
    return not words.isdisjoint(_MEASURED) and words.isdisjoint(_NOT_MEASURED)


def find_error(frame: pd.DataFrame, target: str) -> str | None:
    """The column of errors: named after the target, called an error, or small and just after it."""
    if own := _own_error(frame, target):
        return own
    others = [n for n in frame.columns if n != target]
    named = [n for n in others if _says_error_of(n, target)]
    for name in (*named, *(n for n in others if plain_name(n) in _ERRORS)):
        if is_positive(frame, name):
            return name
    for name in list(frame.columns)[list(frame.columns).index(target) + 1 :][:1]:
        values, y = values_of(frame, name), values_of(frame, target)
        if values is None or y is None or plain_name(name) in COORDS:
            continue
        if is_positive(frame, name) and np.nanmax(values) < _SMALL * np.nanmedian(
            np.abs(y - np.nanmedian(y))
        ):
            return name
    return None


def is_error(name: str, target: str) -> bool:
    """Whether a column has the name of the errors of the target or of any."""
    named = plain_name(name) in (*_ERRORS, *_own_errors(target)) or _says_error_of(name, target)
    return named or not _ERROR_WORDS.isdisjoint(_words(name))


def _says_error_of(name: str, target: str) -> bool:
    """Whether a name is of a word for errors and words of the target's, as no2_std of no2_obs."""
    words, measured = _words(name), _words(target) - _MEASURED
    return bool(words & _OF_TARGET) and words - _OF_TARGET - _MEASURED <= measured


def _words(name: str) -> frozenset[str]:
    return frozenset(re.split(r"[\W_]+", plain_name(name))) - {""}


def _own_error(frame: pd.DataFrame, target: str) -> str | None:
    known = _own_errors(target)
    found = (n for n in frame.columns if n != target and plain_name(n) in known)
    return next((n for n in found if is_positive(frame, n)), None)


def _own_errors(target: str) -> set[str]:
    plain = plain_name(target)
    known = {f"{plain}{mark}{e}" for e in _ERRORS for mark in ("_", " ", "")}
    return known | {
        f"{mark}{plain}" for mark in ("u", "u_", "d", "sigma_", "err_", "error_", "unc_")
    }


def is_positive(frame: pd.DataFrame, name: str) -> bool:
    """Whether a column holds numbers, none of them negative."""
    values = values_of(frame, name)
    return values is not None and bool(np.isfinite(values).any() and np.nanmin(values) >= 0)


def find_models(frame: pd.DataFrame, free: Sequence[str], target: str) -> list[str]:
    """Columns of numbers in the target's range; where those are too few, all but a first one.

    A first column that goes up or down all the way is a coordinate, whatever its range; so is one
    many times as far from the target as the others where no other column is.
    """
    numbers = [n for n in free if values_of(frame, n) is not None]
    first = cast(Any, frame.iloc[:, 0])
    ordered = first.is_monotonic_increasing or first.is_monotonic_decreasing
    if numbers[:1] == [frame.columns[0]] and (ordered or stands_out(frame, numbers, target)):
        numbers = numbers[1:]
    found = [n for n in numbers if in_range(frame, n, target)]
    return found if len(found) > 1 else numbers


def stands_out(frame: pd.DataFrame, numbers: Sequence[str], target: str) -> bool:
    """Whether the first of many columns is no model, and no name says what is a coordinate."""
    if any(plain_name(n) in COORDS for n in frame.columns) or len(numbers) <= _FEW:
        return False
    first, *others = (_distance(frame, n, target) for n in numbers)
    return first > _STANDS_OUT * max(others)


def _distance(frame: pd.DataFrame, name: str, target: str) -> float:
    """Of half of a column's numbers from the target, 0 where that cannot be told."""
    values, y = values_of(frame, name), values_of(frame, target)
    if values is None or y is None or not (both := np.isfinite(values) & np.isfinite(y)).any():
        return 0.0
    return float(np.median(np.abs(values[both] - y[both])))


def in_range(frame: pd.DataFrame, name: str, target: str) -> bool:
    """Whether half of a column's numbers lie no further from the target than it varies."""
    values, y = values_of(frame, name), values_of(frame, target)
    if values is None or y is None:
        return False
    both = np.isfinite(values) & np.isfinite(y)
    off = np.abs(values[both] - y[both])
    return bool(both.sum() > 1 and np.median(off) <= np.ptp(y[both]))


def is_coordinate(frame: pd.DataFrame, name: str, first: int) -> bool:
    """Whether a column tells rows apart: its name says so, or it stands before the models.

    Args:
        frame: The table.
        name: The column.
        first: Position of the first model.
    """
    column = cast(Any, frame[name])
    if column.nunique() < 2 or (plain_name(name) == "id" and column.is_unique):
        return False
    known = plain_name(name) in COORDS
    if values_of(frame, name) is None:
        return bool(is_dated(column) or (known and column.nunique() < len(column)))
    whole = column.notna().mean() > _ALMOST_ALL
    return bool(whole and (known or list(frame.columns).index(name) < first))


def says_no_more(frame: pd.DataFrame, name: str, coords: Sequence[str]) -> bool:
    """Whether a column of dates follows from coordinates that count days, hours or the like."""
    numbers = (n for n in coords if values_of(frame, n) is not None)
    times = [n for n in numbers if n != name and plain_name(n) in _TIMES]
    if not times or values_of(frame, name) is not None or not is_dated(cast(Any, frame[name])):
        return False
    known, both = (frame.duplicated(names) for names in (times, [*times, name]))
    return bool((known == both).all())


def logarithm_for(columns: Sequence[Floats | None]) -> str | None:
    """A logarithm that takes observations and models, the others, where the former are skewed."""
    numbers = [values for values in columns if values is not None]
    if len(numbers) < len(columns):
        return None
    least = min(np.nanmin(values, initial=np.inf) for values in numbers)
    y = numbers[0][np.isfinite(numbers[0])]
    if least < 0 or not len(y) or not np.quantile(y, 0.95) > _SKEWED * np.median(y) > 0:
        return None
    return "log" if least > 0 else "log1p"
