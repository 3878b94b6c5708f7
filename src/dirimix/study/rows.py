"""Which rows of a study's table train, test or are only predicted, and which are left out."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd

from dirimix._arrays import Mask
from dirimix.errors import InputError, counted, did_you_mean
from dirimix.study.spec import DataChoice
from dirimix.table.files import read_frame
from dirimix.table.frames import FILE_ROW, UNITS
from dirimix.table.long import OWN, pivot_long, with_observations
from dirimix.table.sentinels import made_missing
from dirimix.table.split import SPLITS, Part, SplitTable
from dirimix.table.values import number_text, unknown

LANDSCAPE = "landscape"
UNUSABLE, NOWHERE = "unusable", "nowhere"  # no model has a value, a coordinate is missing


def joined_words(frame: pd.DataFrame, observations: pd.DataFrame, target: str) -> str:
    """How many rows of a table have found an observation in another, and how many are there."""
    here, there = (int((~unknown(pd.Series(f[target]))).sum()) for f in (frame, observations))
    return f"{here} of {len(frame)} rows have one of the {there} observations in the other file"


def as_meant(
    frame: pd.DataFrame, choice: DataChoice, columns: Iterable[str | None]
) -> tuple[pd.DataFrame, list[str]]:
    """A table as it was read, with long rows made wide and marks of missing values taken out.

    Args:
        frame: The table.
        choice: How it is to be read.
        columns: Those that are used, and None.

    Returns:
        The table, and a line for everything that was changed in it, or is in another unit than
        the observations.

    Raises:
        InputError: If the table is not long, or has two rows of one model and site.
    """
    used, notes = [c for c in columns if c is not None], list[str]()
    observations = None if choice.observations is None else read_frame(choice.observations)
    if choice.long is not None:
        own = {*OWN, *vars(choice.long).values()}
        given = [] if observations is None else list(map(str, observations.columns))
        # what stands in the other file may have the name of the models' values here
        roles = [c for c in (choice.target, choice.error, choice.split) if c in frame.columns]
        named = [choice.names] if choice.names is not None else []
        carried = [c for c in roles if c is not None and not (c in given and c in own)]
        shared = [c for c in given if c not in own]
        keys = [c for c in (*used, *named, *shared) if c in frame.columns and c not in roles]
        wide = pivot_long(frame, list(dict.fromkeys(keys)), carried=carried, **vars(choice.long))
        forecasts = cast("dict[str, str]", wide.attrs["forecasts"])
        which = ", ".join(f"the {f} of {m}" for m, f in forecasts.items() if m in used)
        notes.append(
            f"{len(frame)} rows, one a model, are {len(wide)} rows, one a site"
            f"{'; models are ' if which else ''}{which}"
        )
        frame = wide
    if observations is not None and choice.target is not None and choice.target in used:
        frame = with_observations(frame, observations, choice.target, choice.error)
        notes.append(joined_words(frame, observations, choice.target))
    notes += _other_units(frame, choice)
    if choice.missing:
        there = [c for c in used if c in frame.columns]
        found = made_missing(frame, there, choice.missing)
        for name in there:
            before, after = (int(unknown(pd.Series(f[name])).sum()) for f in (frame, found))
            if after > before:
                notes.append(
                    f"{name} holds a mark of missing values at {counted(after - before, 'row')}"
                )
        frame = found
    return frame, notes


def _other_units(frame: pd.DataFrame, choice: DataChoice) -> list[str]:
    """A line on every model and the error, where the file gives them another unit."""
    units: dict[str, str] = frame.attrs.get(UNITS, {})
    own = units.get(choice.target or "", "")
    return [
        f"{name} is in {units[name]!r} by the file and {choice.target} in {own!r}: nothing is "
        "converted; convert one, if these are not the same unit"
        for name in (*(choice.models or ()), choice.error or "")
        if own and units.get(name, own) != own
    ]


def mark_rows(
    frame: pd.DataFrame, data: SplitTable, choice: DataChoice, split: str | None, seed: int
) -> tuple[np.ndarray, list[str]]:
    """Which part every row belongs to, (n,) of text, and a line on every row out of its place.

    Args:
        frame: The table.
        data: What its columns are.
        choice: Which rows are wanted.
        split: The column that says so, if any.
        seed: Draws the test rows where a fraction is asked for.

    Raises:
        InputError: If the split column holds anything but the names of the parts, or no 'train',
            or no training row has an observation.
    """
    notes, empty = list[str](), np.asarray(_unknown(frame, data.models).all(axis=1))
    usable = ~empty if not empty.all() else np.ones_like(empty)
    marks = _given(frame, split, choice.test_fraction, usable, seed)
    if not usable.all():
        notes.append(_left_out(empty, "no model has a value"))
        for part in np.unique(marks[empty & (marks != UNUSABLE)]):
            if part not in marks[usable]:
                whole = f"all {np.sum(marks == part)} {part} rows lack a value of every model"
                if part == "train":
                    raise InputError(f"{whole}; give some, or mark other rows for training")
                notes.append(f"{whole}: none is left")
        marks = np.where(empty, UNUSABLE, marks)
    if choice.missing:
        empty = np.asarray(_unknown(frame, data.coords).any(axis=1))
        if empty.any() and not empty.all():
            marks = np.where(empty, NOWHERE, marks)
            notes.append(_left_out(empty, "a coordinate is missing"))
    if data.target not in frame:
        return marks, notes
    empty = unknown(pd.Series(frame[data.target]))
    if np.all(empty[marks == "train"]):
        raise InputError(f"the target {data.target!r} is empty at every training row; give some")
    for part in ("train", "test"):
        count, size = int((empty & (marks == part)).sum()), int((marks == part).sum())
        if count:
            notes.append(
                f"{count} of {size} {part} rows have no {data.target}: they are predicted, as "
                "part of the landscape"
            )
    return np.where(empty & np.isin(marks, ("train", "test")), LANDSCAPE, marks), notes


def row_names(frame: pd.DataFrame, data: SplitTable, repeats: str) -> pd.Series | None:
    """The text that names each row, indexed as the rows of parts are; None where nothing does.

    Raises:
        InputError: If the table lacks the column, a row has no name, two have the same, the column
            is something else, too, or rows are pooled.
    """
    column = data.names
    if column is None:
        return None
    if column in (*data.coords, *data.models, data.target, data.error):
        raise InputError(
            f"the names column {column!r} is also a coordinate, a model, the target or its error; "
            "name another"
        )
    if repeats == "pool":
        raise InputError("pooled rows have no names of their own; leave out names, or the pooling")
    check_there(frame, column, "names")
    given = pd.Series(frame[column])
    empty = unknown(given)
    if empty.any():
        row = int(np.argmax(empty)) + 1
        raise InputError(f"the names column {column!r} is empty at row {row}; give every row one")
    numbers = pd.api.types.is_float_dtype(given.dtype)
    text = [number_text(v) if numbers else str(v).strip() for v in given.to_list()]
    found = pd.Series(text, pd.RangeIndex(1, len(text) + 1, name=FILE_ROW), name=column)
    twice = found.duplicated().to_numpy()
    if twice.any():
        name = text[int(np.argmax(twice))]
        rows = [row for row, other in enumerate(text, 1) if other == name]
        raise InputError(
            f"the names column {column!r} has {name!r} at rows {rows[0]} and {rows[1]}; names "
            "must tell the rows apart"
        )
    return found


def named(part: Part, names: pd.Series | None) -> Part:
    """The rows of a part with the column of their names, if there is one."""
    if names is None:
        return part
    frame = part.frame.copy(deep=False)
    frame[str(names.name)] = names.loc[frame.index].to_numpy()
    return replace(part, frame=frame)


def check_there(frame: pd.DataFrame, column: str, role: str) -> None:
    """Raise an InputError if the table lacks a column."""
    if column not in frame:
        known = list(map(str, frame.columns))
        raise InputError(
            f"the {role} column {column!r} is not in the table{did_you_mean(column, known)}; it "
            f"has {', '.join(known)}"
        )


def _given(
    frame: pd.DataFrame, split: str | None, fraction: float | None, usable: Mask, seed: int
) -> np.ndarray:
    n = len(frame)
    if fraction is not None:  # of the rows that can be used
        order = np.random.default_rng(seed).permutation(np.flatnonzero(usable))
        test = np.isin(np.arange(n), order[: round(fraction * len(order))])
        return np.where(test, "test", np.where(usable, "train", UNUSABLE))
    if split is None:
        return np.full(n, "train")
    check_there(frame, split, "split")
    marks = pd.Series(frame[split]).astype(str).to_numpy(dtype=object)
    bad = np.flatnonzero(~np.isin(marks, SPLITS))
    if len(bad):
        raise InputError(
            f"the split column {split!r} must hold {', '.join(SPLITS)}, and has "
            f"{marks[bad[0]]!r} at row {bad[0] + 1}; correct it"
        )
    if not np.any(marks == "train"):
        raise InputError(f"the split column {split!r} has no row 'train'; mark the training rows")
    return marks


def _unknown(frame: pd.DataFrame, names: Iterable[str]) -> Mask:
    """Where columns are empty, (n, columns); those that are not there are for others to miss."""
    there = [unknown(pd.Series(frame[name])) for name in names if name in frame]
    return np.column_stack([np.zeros(len(frame), dtype=bool), *there])[:, 1:]


def _left_out(rows: Mask, why: str) -> str:
    return f"{rows.sum()} of {len(rows)} rows are left out, those where {why}"
