"""Which column of a table is what, guessed from names, places and values."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from dirimix.errors import InputError, counted, did_you_mean
from dirimix.table.coordinates import is_category, names_rows
from dirimix.table.csv_text import counts_rows
from dirimix.table.guessing.doubts import doubts
from dirimix.table.guessing.roles import (
    COORDS,
    find_error,
    find_models,
    find_target,
    is_coordinate,
    is_error,
    is_split,
    logarithm_for,
    says_no_more,
    says_split,
    values_of,
)
from dirimix.table.values import holds_lists, plain_name, strays

_LON, _LAT = ("lon", "long", "lng", "longitude"), ("lat", "latitude")


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
        names: Column whose text names each row, if any.
        doubts: Lines on columns that may be something else, or hold what they should not.
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
    names: str | None = None
    doubts: tuple[str, ...] = ()

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
            f"coordinates: {_listed(self.coords) or 'none'}",
            f"{counted(len(self.models), 'model')}: {_listed(self.models)}{gaps}",
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
        return (*rows, *self.doubts)


def _listed(names: Sequence[str]) -> str:
    """Names as options take them: those with a comma or a quote in quotes."""
    quoted = [n if set(n).isdisjoint(',"') else '"' + n.replace('"', '""') + '"' for n in names]
    return ", ".join(quoted)


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
    y = values_of(frame, target)
    if y is not None and not np.isfinite(y).any():
        raise InputError(
            f"the column {target!r} of the observations holds no number; name another with "
            "--target, or a file that holds them with --observations"
        )
    split = next((n for n in columns if n != target and is_split(frame, n)), None)
    error = error or find_error(frame, target)
    taken = {target, split, error, names, *(coords or ()), *(models or ())}
    free = [n for n in columns if n not in taken and not counts_rows(values_of(frame, n), n)]
    free = [n for n in free if not is_error(n, target) and not says_split(frame, n)]
    if models is None:
        models = find_models(frame, [n for n in free if plain_name(n) not in COORDS], target)
    if coords is None:
        first = min((columns.index(m) for m in models), default=len(columns))
        coords = [n for n in free if n not in models and is_coordinate(frame, n, first)]
        coords = [n for n in coords if not says_no_more(frame, n, coords)]
    if len(models) < 2:
        texts = [f"; {s}" for n in free for s in strays(cast(pd.Series, frame[n]), n)][:1]
        raise InputError(
            f"{len(models)} columns look like models of {target!r} (numbers in its range"
            f"{''.join(texts)}); name "
            f"at least two with --models, of {', '.join(free) or 'no other column'}, or say with "
            "--long-model and --long-value which columns hold models, a row each, and values"
        )
    used = {target, split, error, *coords, *models}
    free = [n for n in columns if n not in used]
    names = names or next((n for n in free if names_rows(cast(Any, frame[n]), n)), None)
    labels = tuple(n for n in coords if is_category(cast(pd.Series, frame[n]), n))
    found = Guess(
        target,
        tuple(coords),
        tuple(models),
        error,
        split,
        (*(n for n in free if n != names), *lists),
        len(frame),
        int(cast(Any, frame[target]).notna().sum()),
        int(cast(Any, frame[list(models)]).notna().all(axis=1).sum()),
        logarithm_for([values_of(frame, n) for n in (target, *models)]),
        labels,
        names,
    )
    return replace(found, doubts=doubts(frame, found))
