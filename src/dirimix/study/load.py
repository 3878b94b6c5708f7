"""The table of a study: read, checked, and its rows sorted into training, test and landscape."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from dirimix._arrays import Mask
from dirimix.errors import InputError, did_you_mean
from dirimix.estimators.transforms.domain import refuse_outside
from dirimix.laws.transform_names import NO_TRANSFORM
from dirimix.study.spec import DataChoice
from dirimix.table.files import read_frame
from dirimix.table.space import make_space
from dirimix.table.split import DATASET, SPLITS, Part, SplitTable
from dirimix.table.table import make_table

_UNUSABLE = "unusable"  # mark of a row where no model has a value


# where a table came from and what its columns are, all its rows, and its split column if any
_Source = tuple[SplitTable, pd.DataFrame, str | None]


def load_split_table(choice: DataChoice, seed: int, data_dir: str | None = None) -> SplitTable:
    """Read a table, check every column that is used, and sort its rows.

    Args:
        choice: Which table, columns and rows.
        seed: Draws the test rows where a fraction is asked for, and the training rows where fewer
            than all are.
        data_dir: Folder of downloaded data sets.

    Raises:
        InputError: If the table cannot be used; the message says why.
    """
    is_dataset = choice.table.startswith(DATASET)
    data, frame, split = _from_dataset(choice, data_dir) if is_dataset else _from_file(choice)
    data = replace(data, geo=choice.geo, periodic=choice.periodic)
    marks = _marks(frame, split, choice.test_fraction, seed)
    if choice.rows == "complete":
        data, marks = _mark_unusable(data, frame, marks)
    _check_columns(data, frame, marks, choice.transform)
    rows = {s: cast(pd.DataFrame, frame.loc[marks == s]) for s in SPLITS}
    parts = {s: _part(data, rows[s], s) for s in SPLITS if len(rows[s])}
    everywhere = pd.concat([part.frame for part in parts.values()], ignore_index=True)
    data = replace(data, parts=parts, everywhere=everywhere)
    if choice.rows == "complete":
        data = _complete(data)
    if choice.n_train is not None:
        data = _fewer(data, choice.n_train, seed)
    train = data.parts["train"]
    make_table(
        train.frame, data.coords, data.models, train.y, train.y_err, fitting=True, min_models=2
    )
    return data


def read_table(table: str, data_dir: str | None = None) -> pd.DataFrame:
    """The rows of a file or, for 'data:NAME', of a data set.

    Raises:
        InputError: If the file or the data set cannot be read.
    """
    if not table.startswith(DATASET):
        return read_frame(table)
    from dirimix import datasets

    return datasets.load(table.removeprefix(DATASET), data_dir=data_dir).frame


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def frame_sha256(frame: pd.DataFrame) -> str:
    """The sha256 of a frame written as CSV, in hexadecimal."""
    return hashlib.sha256(frame.to_csv(index=False, lineterminator="\n").encode()).hexdigest()


def _from_dataset(choice: DataChoice, data_dir: str | None) -> _Source:
    from dirimix import datasets

    found = datasets.load(choice.table.removeprefix(DATASET), data_dir=data_dir)
    target = choice.target or found.target
    data = SplitTable(
        source=choice.table,
        coords=choice.coords or found.coords,
        models=choice.models or found.models,
        target=target,
        # the data set's errors are those of its own target
        error=choice.error or (found.error if target == found.target else None),
        parts={},
        remarks=tuple(found.notes),
        inputs={choice.table: frame_sha256(found.frame), **found.sha256},
        labels=dict(found.labels),
        units=dict(found.units) | ({target: choice.unit} if choice.unit else {}),
        label=choice.label or found.labels.get(target, target),
        citation=found.citation,
    )
    own_split = None if choice.test_fraction else found.split
    return data, found.frame, choice.split or own_split


def _from_file(choice: DataChoice) -> _Source:
    target, coords, models = choice.target, choice.coords, choice.models
    if not target or not coords or not models:
        name = "target" if not target else "models" if coords else "coords"
        raise InputError(
            f"the table {choice.table!r} is a file, so {name} must be given: name the "
            f"column{'' if name == 'target' else 's'}"
        )
    path = Path(choice.table)
    frame = read_frame(path)
    data = SplitTable(
        source=path.name,
        coords=coords,
        models=models,
        target=target,
        error=choice.error,
        parts={},
        inputs={path.name: file_sha256(path)},
        units={target: choice.unit} if choice.unit else {},
        label=choice.label or target,
    )
    return data, frame, choice.split


def _marks(frame: pd.DataFrame, split: str | None, fraction: float | None, seed: int) -> np.ndarray:
    """Which part every row belongs to, (n,) of text.

    Raises:
        InputError: If the split column holds anything but the names of the parts, or no 'train'.
    """
    n = len(frame)
    if fraction is not None:
        order = np.random.default_rng(seed).permutation(n)
        return np.where(np.isin(np.arange(n), order[: round(fraction * n)]), "test", "train")
    if split is None:
        return np.full(n, "train")
    _check_there(frame, split, "split")
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


def _check_there(frame: pd.DataFrame, column: str, role: str) -> None:
    if column not in frame:
        known = list(map(str, frame.columns))
        raise InputError(
            f"the {role} column {column!r} is not in the table{did_you_mean(column, known)}; it "
            f"has {', '.join(known)}"
        )


def _check_columns(
    data: SplitTable, frame: pd.DataFrame, marks: np.ndarray, transform: str | None
) -> None:
    """Check all rows, (n,) marks, at once, so that messages count rows as the file does.

    Raises:
        InputError: If a column is missing, has two roles or holds a value that cannot be used.
    """
    for role, name in (("target", data.target), ("error", data.error)):
        if name in (*data.coords, *data.models):
            raise InputError(
                f"the {role} column {name!r} is also named as a coordinate or a model; "
                "predicting a column from itself would say nothing: name another"
            )
    if data.error == data.target:
        raise InputError(f"the column {data.error!r} is both target and error; name another")
    for role, column in (("target", data.target), ("error", data.error)):
        if column is not None:
            _check_there(frame, column, role)
    # a landscape row needs no observation, an unusable one no model either
    observed, usable = ~np.isin(marks, ("landscape", _UNUSABLE)), marks != _UNUSABLE
    y = pd.Series(frame[data.target]).where(observed, 1.0)
    y_err = None if data.error is None else pd.Series(frame[data.error]).where(observed, 1.0)
    models = {m: pd.Series(frame[m]).where(usable, 1.0) for m in data.models if m in frame}
    table = make_table(frame.assign(**models), data.coords, data.models, y, y_err, min_models=2)
    refuse_outside(table, transform or NO_TRANSFORM, data.target)
    make_space(data.coords, data.geo, data.periodic, tuple(table.levels)).check(table.x)


def _part(data: SplitTable, frame: pd.DataFrame, split: str) -> Part:
    """The rows of one part, as numbers."""
    observed = split != "landscape"
    table = make_table(
        frame,
        data.coords,
        data.models,
        pd.Series(frame[data.target]) if observed else None,
        pd.Series(frame[data.error]) if observed and data.error else None,
    )
    columns = pd.Index([*data.coords, *data.models])
    numbers = pd.DataFrame(np.column_stack([table.x, table.f]), columns=columns)
    return Part(numbers, table.y, table.y_err if observed and data.error else None)


def _mark_unusable(
    data: SplitTable, frame: pd.DataFrame, marks: np.ndarray
) -> tuple[SplitTable, np.ndarray]:
    """Mark the rows where no model has a value, with a note, in marks (n,) of the rows' parts."""
    columns = [m for m in data.models if m in frame]
    unusable = cast(Mask, frame[columns].isna().to_numpy()).all(axis=1)
    if not unusable.any() or unusable.all():
        return data, marks
    note = f"{unusable.sum()} of {len(frame)} rows are left out, those where no model has a value"
    return replace(data, notes=(*data.notes, note)), np.where(unusable, _UNUSABLE, marks)


def _complete(data: SplitTable) -> SplitTable:
    """Keep the rows where every model has a value, with a note on those left out.

    Raises:
        InputError: If no training row is kept.
    """
    parts, notes = dict[str, Part](), list(data.notes)
    for split, part in data.parts.items():
        missing = cast(Mask, part.frame[list(data.models)].isna().to_numpy())
        kept = ~np.asarray(missing.any(axis=1))
        if kept.any():
            parts[split] = part.keep(kept)
        if not kept.all():
            counts = zip(data.models, missing.sum(axis=0), strict=True)
            which = ", ".join(f"{m} at {c}" for m, c in counts if c)
            notes.append(
                f"{(~kept).sum()} of {len(kept)} {split} rows are left out, those where some "
                f"model has no value ({which})"
            )
    if "train" not in parts:
        raise InputError(
            "no training row has a value of every model; set rows = 'all' or leave models out"
        )
    return replace(data, parts=parts, notes=tuple(notes))


def _fewer(data: SplitTable, n: int, seed: int) -> SplitTable:
    """Keep n training rows, drawn with the seed; the others join the landscape, unobserved."""
    train = data.parts["train"]
    total = len(train.frame)
    if n >= total:
        return data
    kept = np.isin(np.arange(total), np.random.default_rng(seed).permutation(total)[:n])
    frames = [data.parts["landscape"].frame] if "landscape" in data.parts else []
    frame = pd.concat([*frames, train.keep(~kept).frame], ignore_index=True)
    note = (
        f"{n} of {total} train rows are used, drawn with the seed; the others are predicted "
        "without their observations, as part of the landscape"
    )
    parts = {**data.parts, "train": train.keep(kept), "landscape": Part(frame, None, None)}
    return replace(data, parts=parts, notes=(*data.notes, note))
