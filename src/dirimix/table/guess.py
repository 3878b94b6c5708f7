"""Which column of a table is what, guessed from names, places and values."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from dirimix._arrays import Floats
from dirimix.errors import InputError, counted, did_you_mean
from dirimix.table.coordinates import is_category, names_rows
from dirimix.table.csv_text import counts_rows
from dirimix.table.dates import is_dated
from dirimix.table.split import SPLITS
from dirimix.table.values import holds_lists, logarithm_for, mostly_numbers, plain_name, strays

_TARGETS = (
    "target", "y", "obs", "observed", "observation", "observations", "truth", "actual", "measured",
    "measurement", "experiment", "experimental", "exp", "expt", "reference", "oracle_value", "q",
    "discharge", "runoff", "streamflow", "qobs",
)  # fmt: skip
_MEASURED = frozenset(_TARGETS) - {  # words of a name, as in Q_obs_m3s
    "target", "y", "reference", "oracle_value", "q", "discharge", "runoff", "streamflow",
}  # fmt: skip
_ERRORS = ("error", "err", "sd", "std", "stdev", "sigma", "uncertainty", "unc", "y_err", "yerr")
_NOT_MEASURED = frozenset((*_ERRORS, *"n count number num id flag quality date time".split()))
_TIMES = frozenset(
    "t time day doy hour week month year horizon lead lead_time".split()  # counted, not dated
)
COORDS = _TIMES | frozenset(
    "x z n date datetime lat latitude lon long lng longitude elevation elev altitude alt height "
    "depth level pressure temperature station site location region state country fips id east "
    "north easting northing".split()
)
_LON, _LAT = ("lon", "long", "lng", "longitude"), ("lat", "latitude")
_SMALL = 0.5  # of the target's median deviation, below which a column just after it is its error


@dataclass(frozen=True)
class Guess:
    """What the columns of a table seem to be.

    Attributes:
        target: Column of the observations.
        coords: Columns of the coordinates.
        models: Columns of the models.
        error: Column of the measurement errors, if any.
        split: Column that says train, test or landscape, if any.
        unused: Columns that are none of these.
        rows: Number of rows.
        observed: Number of rows with an observation.
        whole: Number of rows where every model has a value.
        transform: A scale that suits positive and skewed observations, if they are.
        labels: Coordinates that hold labels.
        strays: A line on every column of numbers in which some value is none.
        names: Column whose text names each row, if any.
    """

    target: str
    coords: tuple[str, ...]
    models: tuple[str, ...]
    error: str | None
    split: str | None
    unused: tuple[str, ...]
    rows: int
    observed: int
    whole: int
    transform: str | None = None
    labels: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()
    names: str | None = None

    @property
    def geo(self) -> tuple[str, str] | None:
        """Longitude and latitude among the coordinates, if both are there."""
        found = [
            next((c for c in self.coords if plain_name(c) in known), None) for known in (_LON, _LAT)
        ]
        lon, lat = found
        return (lon, lat) if lon and lat else None

    def words(self) -> tuple[str, ...]:
        """What was understood, line by line."""
        ending = "" if self.observed == self.rows else f", {self.observed} of them observed"
        gaps = "" if self.whole == self.rows else f"; all have a value in {self.whole} rows"
        rows = [
            f"{counted(self.rows, 'row')}{ending}",
            f"observations: {self.target}",
            f"their standard deviations: {self.error or 'none'}",
            f"coordinates: {', '.join(self.coords) or 'none'}",
            f"{counted(len(self.models), 'model')}: {', '.join(self.models)}{gaps}",
            f"train and test: {self.split or 'no column'}",
        ]
        if self.geo:
            rows.insert(4, f"places on the globe: {' and '.join(self.geo)}")
        if self.transform:
            rows.append(
                f"the observations are positive and skewed: transform = {self.transform!r} may suit"
            )
        if self.names:
            rows.append(f"names of the rows: {self.names}")
        if self.unused:
            rows.append(f"not used: {', '.join(self.unused)}")
        return (*rows, *self.strays)


def guess(
    frame: pd.DataFrame,
    *,
    target: str | None = None,
    coords: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
    error: str | None = None,
    names: str | None = None,
) -> Guess:
    """What the columns of a table seem to be; what is given is not guessed.

    The target, its error and coordinates are known by their names and places; a column of train
    and test by its values; other columns of numbers are models if they lie in the target's range.

    Args:
        frame: The table.
        target: Column of the observations.
        coords: Columns of the coordinates.
        models: Columns of the models.
        error: Column of the measurement errors.
        names: Column of the rows' names.

    Raises:
        InputError: If no target is found, fewer than two models are, or a name is not a column.

    >>> table = pd.DataFrame({"x": [1, 2, 3], "a": [1.0, 2, 3], "b": [1.5, 2, 2], "obs": [1, 2, 3]})
    >>> found = guess(table)
    >>> found.target, found.coords, found.models
    ('obs', ('x',), ('a', 'b'))
    """
    columns = [str(c) for c in frame.columns]
    frame = frame.set_axis(columns, axis=1)
    lists = [n for n in columns if holds_lists(cast(pd.Series, frame[n]))]
    for name in (target, error, names, *(coords or ()), *(models or ())):
        if name is not None and name not in columns:
            raise InputError(
                f"there is no column {name!r}{did_you_mean(name, columns)}; the table has "
                f"{', '.join(columns)}"
            )
        if name in lists:
            raise InputError(f"the column {name!r} holds lists and no single values; name another")
    frame = frame.drop(columns=lists)
    columns = [n for n in columns if n not in lists]
    target = target or find_target(frame)
    split = next((n for n in columns if n != target and _is_split(frame, n)), None)
    error = error or find_error(frame, target)
    taken = {target, split, error, names, *(coords or ()), *(models or ())}
    free = [n for n in columns if n not in taken and not counts_rows(_numbers(frame, n), n)]
    if models is None:
        models = _find_models(frame, [n for n in free if plain_name(n) not in COORDS], target)
    if coords is None:
        first = min((columns.index(m) for m in models), default=len(columns))
        coords = [n for n in free if n not in models and _is_coordinate(frame, n, first)]
        coords = [n for n in coords if not _says_no_more(frame, n, coords)]
    if len(models) < 2:
        raise InputError(
            f"{len(models)} columns look like models of {target!r} (numbers in its range); name "
            f"at least two with --models, of {', '.join(free) or 'no other column'}, or say with "
            "--long-model and --long-value which columns hold models, a row each, and values"
        )
    used = {target, split, error, *coords, *models}
    free = [n for n in columns if n not in used]
    names = names or next((n for n in free if names_rows(cast(Any, frame[n]), n)), None)
    labels = tuple(n for n in coords if is_category(cast(pd.Series, frame[n]), n))
    numbers = used - {*labels}
    return Guess(
        target,
        tuple(coords),
        tuple(models),
        error,
        split,
        (*(n for n in free if n != names), *lists),
        len(frame),
        int(cast(Any, frame[target]).notna().sum()),
        int(cast(Any, frame[list(models)]).notna().all(axis=1).sum()),
        logarithm_for([_numbers(frame, n) for n in (target, *models)]),
        labels,
        tuple(s for n in columns for s in strays(cast(Any, frame[n]), n, used=n in numbers)),
        names,
    )


def _numbers(frame: pd.DataFrame, name: str) -> Floats | None:
    """The values as numbers, NaN where there is none; None for a column of text."""
    return mostly_numbers(cast(pd.Series, frame[name]))


def _is_split(frame: pd.DataFrame, name: str) -> bool:
    values = set(map(str, cast(Any, frame[name]).dropna().unique()))
    return "train" in values and values <= set(SPLITS)


def find_target(frame: pd.DataFrame, *, elsewhere: bool = False) -> str:
    """The column of the observations, by its name or that of its error.

    Args:
        frame: The table.
        elsewhere: Whether this is a file of the observations alone.

    Raises:
        InputError: If none or several may be it.
    """
    numbers = [n for n in frame.columns if _numbers(frame, n) is not None]
    meant = [n for n in frame.columns if n in numbers or strays(cast(Any, frame[n]), n)]
    named = [n for n in meant if plain_name(n) in _TARGETS]
    if not named:  # else what has an error of its own, or a word in its name
        named = [n for n in numbers if plain_name(n) not in COORDS and _own_error(frame, n)]
        said = [n for n in numbers if _says_measured(n)]
        named = [n for n in named if n in said] or named or said
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
    words = set(re.split(r"[\W_]+", plain_name(name)))
    return not words.isdisjoint(_MEASURED) and words.isdisjoint(_NOT_MEASURED)


def find_error(frame: pd.DataFrame, target: str) -> str | None:
    """The column of errors: named after the target, called an error, or small and just after it."""
    if own := _own_error(frame, target):
        return own
    for name in frame.columns:
        if name != target and plain_name(name) in _ERRORS and _is_positive(frame, name):
            return name
    for name in list(frame.columns)[list(frame.columns).index(target) + 1 :][:1]:
        values, y = _numbers(frame, name), _numbers(frame, target)
        if values is None or y is None or plain_name(name) in COORDS:
            continue
        if _is_positive(frame, name) and np.nanmax(values) < _SMALL * np.nanmedian(
            np.abs(y - np.nanmedian(y))
        ):
            return name
    return None


def _own_error(frame: pd.DataFrame, target: str) -> str | None:
    plain = plain_name(target)
    known = {f"{plain}{mark}{e}" for e in _ERRORS for mark in ("_", " ", "")}
    known |= {f"{mark}{plain}" for mark in ("u", "u_", "d", "sigma_", "err_", "error_", "unc_")}
    found = (n for n in frame.columns if n != target and plain_name(n) in known)
    return next((n for n in found if _is_positive(frame, n)), None)


def _is_positive(frame: pd.DataFrame, name: str) -> bool:
    values = _numbers(frame, name)
    return values is not None and bool(np.isfinite(values).any() and np.nanmin(values) >= 0)


def _find_models(frame: pd.DataFrame, free: Sequence[str], target: str) -> list[str]:
    """Columns of numbers in the target's range; where those are too few, all but a first one.

    A first column that goes up or down all the way is a coordinate, whatever its range.
    """
    numbers = [n for n in free if _numbers(frame, n) is not None]
    first = cast(Any, frame.iloc[:, 0])
    ordered = first.is_monotonic_increasing or first.is_monotonic_decreasing
    if ordered and numbers[:1] == [frame.columns[0]]:
        numbers = numbers[1:]
    found = [n for n in numbers if _in_range(frame, n, target)]
    return found if len(found) > 1 else numbers


def _in_range(frame: pd.DataFrame, name: str, target: str) -> bool:
    """Whether half of a column's numbers lie no further from the target than it varies."""
    values, y = _numbers(frame, name), _numbers(frame, target)
    if values is None or y is None:
        return False
    both = np.isfinite(values) & np.isfinite(y)
    off = np.abs(values[both] - y[both])
    return bool(both.sum() > 1 and np.median(off) <= np.ptp(y[both]))


def _is_coordinate(frame: pd.DataFrame, name: str, first: int) -> bool:
    """Whether a column tells rows apart: its name says so, or it stands before the models.

    Args:
        frame: The table.
        name: The column.
        first: Position of the first model.
    """
    column = cast(Any, frame[name])
    if column.nunique() < 2:
        return False
    known = plain_name(name) in COORDS
    if _numbers(frame, name) is None:
        return bool(is_dated(column) or (known and column.nunique() < len(column)))
    return bool(column.notna().all() and (known or list(frame.columns).index(name) < first))


def _says_no_more(frame: pd.DataFrame, name: str, coords: Sequence[str]) -> bool:
    """Whether a column of dates follows from coordinates that count days, hours or the like."""
    numbers = (n for n in coords if _numbers(frame, n) is not None)
    times = [n for n in numbers if n != name and plain_name(n) in _TIMES]
    if not times or _numbers(frame, name) is not None or not is_dated(cast(Any, frame[name])):
        return False
    known, both = (frame.duplicated(names) for names in (times, [*times, name]))
    return bool((known == both).all())
