"""A table with its columns named and its rows sorted into training, test and landscape."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dirimix.errors import InputError, did_you_mean
from dirimix.study.spec import DataChoice
from dirimix.table.files import read_frame
from dirimix.table.split import DATASET, SPLITS, Part, SplitTable
from dirimix.table.table import make_table

_LOST = "lost"  # rows that no model knows


def load_split_table(choice: DataChoice, seed: int, data_dir: str | None = None) -> SplitTable:
    """Read a table, check every column that is used, and sort its rows.

    Args:
        choice: Which table, columns and rows.
        seed: Draws the test rows where a fraction is asked for.
        data_dir: Folder of downloaded datasets.

    Raises:
        InputError: If the table cannot be used; the message says why.
    """
    is_dataset = choice.table.startswith(DATASET)
    data, frame, split = _dataset(choice, data_dir) if is_dataset else _file(choice)
    marks = _marks(frame, split, choice.test_fraction, seed)
    _check_names(data)
    if choice.rows == "complete":
        data, marks = _known_to_some(data, frame, marks)
    _check_columns(data, frame, marks)
    parts = {s: _rows(data, frame.loc[marks == s], s) for s in SPLITS if np.any(marks == s)}
    every = pd.concat([rows.frame for rows in parts.values()], ignore_index=True)
    data = replace(data, parts=parts, everywhere=every)
    if choice.rows == "complete":
        data = _complete(data)
    if choice.n_train is not None:
        data = _fewer(data, choice.n_train, seed)
    _check_parts(data)
    return data


def read_table(table: str, data_dir: str | None = None) -> pd.DataFrame:
    """The frame of a file or, for 'data:NAME', of a dataset."""
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


def _dataset(
    choice: DataChoice, data_dir: str | None
) -> tuple[SplitTable, pd.DataFrame, str | None]:
    from dirimix import datasets

    found = datasets.load(choice.table.removeprefix(DATASET), data_dir=data_dir)
    target = choice.target or found.target
    data = SplitTable(
        source=choice.table,
        coords=tuple(choice.coords or found.coords),
        models=tuple(choice.models or found.models),
        target=target,
        # the dataset's errors are those of its own target
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


def _file(choice: DataChoice) -> tuple[SplitTable, pd.DataFrame, str | None]:
    for name in ("target", "coords", "models"):
        if not getattr(choice, name):
            raise InputError(
                f"the table {choice.table!r} is a file, so {name} must be given: name the "
                f"column{'' if name == 'target' else 's'}"
            )
    target = str(choice.target)
    data = SplitTable(
        source=Path(choice.table).name,
        coords=tuple(choice.coords or ()),
        models=tuple(choice.models or ()),
        target=target,
        error=choice.error,
        parts={},
        units={target: choice.unit} if choice.unit else {},
        label=choice.label or target,
    )
    frame = read_frame(choice.table)
    inputs = {data.source: file_sha256(Path(choice.table))}
    return replace(data, inputs=inputs), frame, choice.split


def _marks(frame: pd.DataFrame, split: str | None, fraction: float | None, seed: int) -> np.ndarray:
    """Which split every row belongs to, (n,) of text."""
    n = len(frame)
    if fraction is not None:
        order = np.random.default_rng(seed).permutation(n)
        return np.where(np.isin(np.arange(n), order[: round(fraction * n)]), "test", "train")
    if split is None:
        return np.full(n, "train")
    _need(frame, split, "split")
    marks = frame[split].astype(str).to_numpy(dtype=object)
    bad = np.flatnonzero(~np.isin(marks, SPLITS))
    if len(bad):
        raise InputError(
            f"the split column {split!r} must hold {', '.join(SPLITS)}, and has "
            f"{marks[bad[0]]!r} at row {bad[0] + 1}; mend it"
        )
    if not np.any(marks == "train"):
        raise InputError(f"the split column {split!r} has no row 'train'; mark the training rows")
    return marks


def _need(frame: pd.DataFrame, column: str, role: str) -> None:
    if column not in frame:
        known = list(map(str, frame.columns))
        raise InputError(
            f"the {role} column {column!r} is not in the table{did_you_mean(column, known)}; it "
            f"has {', '.join(known)}"
        )


def _check_columns(data: SplitTable, frame: pd.DataFrame, marks: np.ndarray) -> None:
    """Check all rows at once, so that messages count rows as the file does."""
    for column, role in ((data.target, "target"), (data.error, "error")):
        if column is not None:
            _need(frame, column, role)
    # landscape rows need no observation
    seen = ~np.isin(marks, ("landscape", _LOST))
    y = frame[data.target].where(seen, 0.0)
    y_err = None if data.error is None else frame[data.error].where(seen, 0.0)
    lost = {m: frame[m].where(marks != _LOST, 0.0) for m in data.models if m in frame}
    make_table(frame.assign(**lost), data.coords, data.models, y, y_err, min_models=2)


def _check_names(data: SplitTable) -> None:
    roles = {"target": [data.target], "error": [data.error] if data.error else []}
    for role, names in roles.items():
        for name in names:
            if name in (*data.coords, *data.models):
                raise InputError(
                    f"the {role} column {name!r} is also named as a coordinate or a model; "
                    "predicting a column from itself would say nothing: name another"
                )
    if data.error == data.target:
        raise InputError(f"the column {data.error!r} is both target and error; name another")


def _rows(data: SplitTable, frame: pd.DataFrame, split: str) -> Part:
    columns = [*data.coords, *data.models]
    known = split != "landscape"
    table = make_table(
        frame,
        data.coords,
        data.models,
        frame[data.target] if known else None,
        frame[data.error] if known and data.error else None,
    )
    numbers = pd.DataFrame(np.column_stack([table.x, table.f]), columns=pd.Index(columns))
    return Part(numbers, table.y, table.y_err if known and data.error else None)


def _known_to_some(
    data: SplitTable, frame: pd.DataFrame, marks: np.ndarray
) -> tuple[SplitTable, np.ndarray]:
    """Leave out the rows where no model has a value, of a table whose complete rows are wanted."""
    columns = [m for m in data.models if m in frame]
    lost = frame[columns].isna().all(axis=1).to_numpy()
    if not lost.any() or lost.all():
        return data, marks
    note = f"{lost.sum()} of {len(frame)} rows are left out, those where no model has a value"
    return replace(data, notes=(*data.notes, note)), np.where(lost, _LOST, marks)


def _complete(data: SplitTable) -> SplitTable:
    """Keep the rows where every model has a value, and say what that leaves out."""
    parts, notes = {}, list(data.notes)
    for split, rows in data.parts.items():
        known = rows.frame.loc[:, list(data.models)].notna()
        kept = known.all(axis=1).to_numpy()
        if kept.any():
            parts[split] = rows.keep(kept)
        if not kept.all():
            notes.append(_left_out(split, known, kept))
    if "train" not in parts:
        raise InputError(
            "no training row has a value of every model; set rows = 'all' or leave models out"
        )
    return replace(data, parts=parts, notes=tuple(notes))


def _left_out(split: str, known: pd.DataFrame, kept: np.ndarray) -> str:
    missing = (~known).sum()
    which = ", ".join(f"{m} at {c}" for m, c in missing.items() if c)
    return (
        f"{int((~kept).sum())} of {len(kept)} {split} rows are left out, those where some model "
        f"has no value ({which})"
    )


def _fewer(data: SplitTable, n: int, seed: int) -> SplitTable:
    """Keep some training rows, drawn with the seed; the others join the landscape, unseen."""
    rows = data.parts["train"]
    total = len(rows.frame)
    if n >= total:
        return data
    mask = np.isin(np.arange(total), np.random.default_rng(seed).permutation(total)[:n])
    known = data.parts.get("landscape")
    others = [] if known is None else [known.frame]
    landscape = Part(pd.concat([*others, rows.keep(~mask).frame], ignore_index=True), None, None)
    note = (
        f"{n} of {total} train rows are used, drawn with the seed; the others are predicted "
        "without their observations, as part of the landscape"
    )
    parts = {**data.parts, "train": rows.keep(mask), "landscape": landscape}
    return replace(data, parts=parts, notes=(*data.notes, note))


def _check_parts(data: SplitTable) -> None:
    """What only a fit and its scores need."""
    rows = data.parts["train"]
    make_table(rows.frame, data.coords, data.models, rows.y, rows.y_err, fitting=True, min_models=2)
