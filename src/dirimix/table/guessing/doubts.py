"""What speaks against a guess: columns that may be something else than they were taken for."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from dirimix._arrays import Floats
from dirimix.errors import InputError, counted
from dirimix.table.dates import days
from dirimix.table.guessing.roles import (
    COORDS,
    in_range,
    is_error,
    says_split,
    stands_out,
    values_of,
)
from dirimix.table.values import number_text, plain_name, strays

if TYPE_CHECKING:
    from dirimix.table.guessing.guess import Guess

_ROWS = 8  # that a correlation of ranks needs
_FOLLOWS, _UNTOLD, _APART = 0.9, 0.6, 0.3  # such correlations with the observations, in size


def doubts(frame: pd.DataFrame, found: "Guess") -> tuple[str, ...]:
    """A line on each column that should be looked at.

    Args:
        frame: The table.
        found: What its columns were taken for.
    """
    target, coords, models = found.target, found.coords, found.models
    used = {target, found.error, *coords, *models}.difference(found.labels)
    unused = [n for n in found.unused if n in frame.columns]
    texts = (s for n in frame.columns for s in strays(cast(Any, frame[n]), n, used=n in used))
    return (
        *texts,
        *_codes(frame, coords),
        *_empty(frame, coords),
        *_dates(frame, coords),
        *_infinities(frame, (target, found.error, *coords, *models)),
        *_splits(frame, unused),
        *_negative_errors(frame, target, found.error),
        *_far_models(frame, target, models),
        *_other_targets(frame, target, models),
        *_constants(frame, target, models),
        *_copies(frame, models),
        *_strange_models(frame, target, models),
        *_likely_models(frame, target, coords),
        *_far_coordinate(frame, target, coords, models),
        *_left_out(frame, target, unused),
    )


def _codes(frame: pd.DataFrame, coords: Sequence[str]) -> Iterator[str]:
    """On coordinates whose digits look like a code and count as a number."""
    for name in coords:
        texts = {v for v in cast(Any, frame[name]).unique() if isinstance(v, str)}
        code = next((v for v in sorted(texts) if re.fullmatch("0[0-9]+", v)), None)
        if code and all(text.isdecimal() for text in texts):
            yield (
                f"{name} counts as a number, {code} as {int(code)}: if it is a code, without near "
                f"and far, put a letter before it, such as L{code}"
            )


def _empty(frame: pd.DataFrame, coords: Sequence[str]) -> Iterator[str]:
    """On coordinates that some rows lack, which every fit refuses."""
    for name in coords:
        rows = np.flatnonzero(cast(Any, frame[name]).isna())
        if len(rows):
            yield (
                f"{name} is empty at {counted(len(rows), 'row')}, first at row {rows[0] + 1}: give "
                "the coordinate there, or leave out the row"
            )


def _dates(frame: pd.DataFrame, coords: Sequence[str]) -> Iterator[str]:
    """On coordinates whose dates cannot be read."""
    for name in coords:
        try:
            days(cast(Any, frame[name]), f"coordinate {name!r}")
        except InputError as error:
            yield str(error)


def _infinities(frame: pd.DataFrame, used: Sequence[str | None]) -> Iterator[str]:
    """On infinite numbers, which every fit refuses."""
    for name in filter(None, used):
        values = values_of(frame, name)
        if values is not None and np.isinf(values).any():
            row = int(np.argmax(np.isinf(values))) + 1
            yield f"{name} is infinite at row {row}: correct it, or leave out the row"


def _splits(frame: pd.DataFrame, unused: Sequence[str]) -> Iterator[str]:
    """On a column that sorts the rows by other words than splits have."""
    for name in unused:
        if says_split(frame, name):
            words = sorted(map(str, cast(Any, frame[name]).dropna().unique()))
            few = [*words[:3], *(["others"] if len(words) > 3 else [])]
            yield (
                f"{name} has {', '.join(few)} and is not used: write train, test and landscape "
                "(to predict alone) there to fit, score and predict such rows"
            )


def _negative_errors(frame: pd.DataFrame, target: str, error: str | None) -> Iterator[str]:
    """On columns with the name of an error that hold what no standard deviation is."""
    for name in frame.columns:
        values = values_of(frame, name)
        if name in (target, error) or values is None or not is_error(name, target):
            continue
        for row in np.flatnonzero(values < 0)[:1]:
            yield (
                f"{name} is not taken for the observations' standard deviations, as it holds "
                f"{number_text(float(values[row]))} at row {row + 1}: correct it, then give "
                f"--error {name}, if they are meant"
            )


def _far_models(frame: pd.DataFrame, target: str, models: Sequence[str]) -> Iterator[str]:
    """On models that are further from the observations than these vary, all of them."""
    low, high = _ends(frame, target)
    if low < high and not any(in_range(frame, name, target) for name in models):
        yield (
            f"no model comes as near to {target} as it varies: if another column holds the "
            "observations, name it with --target; models need their unit"
        )


def _other_targets(frame: pd.DataFrame, target: str, models: Sequence[str]) -> Iterator[str]:
    """On a target that no model goes with, where a column taken for a model goes with all."""
    best = max((_correlation(frame, n, target) for n in models), default=1.0)
    if best >= _UNTOLD or len(models) <= 2:
        return
    for name in reversed(models):  # observations stand last more often
        least = min(_correlation(frame, name, m) for m in models if m != name)
        if least > _UNTOLD:
            yield (
                f"no model goes with {target}, and the others go with {name} (rank correlation "
                f"{least:.2f} and more): if that holds the observations, say --target {name}"
            )
            return


def _constants(frame: pd.DataFrame, target: str, models: Sequence[str]) -> Iterator[str]:
    """On models of one number alone, beyond all observations: an expansion may begin with one."""
    low, high = _ends(frame, target)
    for name in models:
        least, most = _ends(frame, name)
        if least == most and (least < low or least > high):
            yield (
                f"{name} is {number_text(least)} at every row, beyond all of {target}: if it is no "
                "model, name the models with --models"
            )


def _copies(frame: pd.DataFrame, models: Sequence[str]) -> Iterator[str]:
    """On models whose values are another's at every row."""
    values = {n: v for n in models if (v := values_of(frame, n)) is not None}
    for name, other in itertools.combinations(values, 2):
        known = np.isfinite(values[name]).any()
        if known and np.array_equal(values[name], values[other], equal_nan=True):
            yield f"{name} and {other} are equal at every row: name one of them with --models"


def _strange_models(frame: pd.DataFrame, target: str, models: Sequence[str]) -> Iterator[str]:
    """On models that vary less than the observations and not with them, where others do."""
    follow = {name: _correlation(frame, name, target) for name in models}
    best = max(follow.values(), default=0.0)
    for name, found in follow.items():
        if found < _APART and best > _FOLLOWS and _spread(frame, name) < _spread(frame, target):
            yield (
                f"{name} hardly goes with {target} (rank correlation {found:.2f}, of others up to "
                f"{best:.2f}): if it is no model, name the models with --models"
            )


def _likely_models(frame: pd.DataFrame, target: str, coords: Sequence[str]) -> Iterator[str]:
    """On coordinates beside others that go with the observations as models do."""
    for name in coords if len(coords) > 1 else ():
        found = _correlation(frame, name, target)
        if plain_name(name) not in COORDS and found > _FOLLOWS:
            yield (
                f"{name} is taken for a coordinate and goes with {target} (rank correlation "
                f"{found:.2f}): if it is a model, name it with the others with --models"
            )


def _far_coordinate(
    frame: pd.DataFrame, target: str, coords: Sequence[str], models: Sequence[str]
) -> Iterator[str]:
    """On a coordinate that is none by its name, but by how far it is from the observations."""
    if len(coords) == 1 and stands_out(frame, [*coords, *models], target):
        yield (
            f"{coords[0]} is taken for a coordinate, as it is much further from {target} than the "
            "models: if it is one, in another unit maybe, convert it"
        )


def _left_out(frame: pd.DataFrame, target: str, unused: Sequence[str]) -> Iterator[str]:
    """On columns that are not used and go with the observations, in another unit maybe."""
    for name in unused:
        found = _correlation(frame, name, target)
        if found > _FOLLOWS and not is_error(name, target):
            yield (
                f"{name} is not used and goes with {target} (rank correlation {found:.2f}): if it "
                "is a model, give it the observations' unit and name all models with --models"
            )


def _correlation(frame: pd.DataFrame, name: str, target: str) -> float:
    """That of the ranks of two columns, in size; between the limits where it cannot be told."""
    one, other = values_of(frame, name), values_of(frame, target)
    if one is None or other is None:
        return _UNTOLD
    known = np.isfinite(one) & np.isfinite(other)
    ranks = [pd.Series(values[known]).rank().to_numpy(dtype=float) for values in (one, other)]
    if known.sum() < _ROWS or min(np.ptp(r) for r in ranks) == 0:
        return _UNTOLD
    return abs(float(np.corrcoef(np.stack(ranks))[0, 1]))


def _ends(frame: pd.DataFrame, name: str) -> tuple[float, float]:
    """The lowest and the highest of a column's numbers, NaN where it has none."""
    known = _known(frame, name)
    return (float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan)


def _spread(frame: pd.DataFrame, name: str) -> float:
    """What nine tenths of a column's numbers span; 0 where it has none."""
    known = _known(frame, name)
    return float(np.ptp(np.quantile(known, [0.05, 0.95]))) if len(known) else 0.0


def _known(frame: pd.DataFrame, name: str) -> Floats:
    """A column's finite numbers, (m,)."""
    values = values_of(frame, name)
    return np.empty(0) if values is None else values[np.isfinite(values)]
