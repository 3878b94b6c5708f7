"""A table with its columns named and its rows sorted into training, test and landscape."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from dirimix.errors import InputError
from dirimix.methods import did_you_mean
from dirimix.study.spec import DataChoice
from dirimix.table.files import read_frame
from dirimix.table.table import make_table

SPLITS = ("train", "test", "landscape")
_LOST = "lost"  # rows that no model knows
DATASET = "data:"  # a table with this prefix is a dataset's name


@dataclass(frozen=True)
class Rows:
    """Some rows of a table.

    Attributes:
        frame: Coordinate and model columns, n rows.
        y: Observations, (n,), or None where there are none.
        y_err: Measurement errors, (n,), or None where none are given.
    """

    frame: pd.DataFrame
    y: np.ndarray | None
    y_err: np.ndarray | None

    def keep(self, mask: np.ndarray) -> "Rows":
        """The rows where a mask (n,) is true."""
        y, y_err = (None if v is None else v[mask] for v in (self.y, self.y_err))
        return Rows(self.frame.loc[mask].reset_index(drop=True), y, y_err)


@dataclass(frozen=True)
class Problem:
    """What methods are fitted to and scored on.

    Attributes:
        source: Where the table came from.
        coords: Columns of the coordinates.
        models: Columns of the models.
        target: Column of the observations.
        error: Column of the measurement errors, if any.
        parts: The rows by split; 'train' is always there.
        everywhere: Coordinates and models of every row of the table, used or not.
        notes: What was left out or chosen here, line by line.
        remarks: What the dataset says of itself, line by line.
        inputs: sha256 of every input, by name.
        labels: Display names of columns, where they have others.
        units: Units of columns.
        label: What the target is.
        citation: What to cite for the data.
    """

    source: str
    coords: tuple[str, ...]
    models: tuple[str, ...]
    target: str
    error: str | None
    parts: dict[str, Rows]
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    inputs: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    label: str = ""
    citation: str = ""
    everywhere: pd.DataFrame = field(default_factory=pd.DataFrame)


def load_problem(choice: DataChoice, seed: int, data_dir: str | None = None) -> Problem:
    """Read a table, check every column that is used, and sort its rows.

    Args:
        choice: Which table, columns and rows.
        seed: Draws the test rows where a fraction is asked for.
        data_dir: Folder of downloaded datasets.

    Raises:
        InputError: If the table cannot be used; the message says why.
    """
    is_dataset = choice.table.startswith(DATASET)
    problem, frame, split = _dataset(choice, data_dir) if is_dataset else _file(choice)
    marks = _marks(frame, split, choice.test_fraction, seed)
    _check_names(problem)
    if choice.rows == "complete":
        problem, marks = _known_to_some(problem, frame, marks)
    _check_columns(problem, frame, marks)
    parts = {s: _rows(problem, frame.loc[marks == s], s) for s in SPLITS if np.any(marks == s)}
    every = pd.concat([rows.frame for rows in parts.values()], ignore_index=True)
    problem = replace(problem, parts=parts, everywhere=every)
    if choice.rows == "complete":
        problem = _complete(problem)
    if choice.n_train is not None:
        problem = _fewer(problem, choice.n_train, seed)
    _check_parts(problem)
    return problem


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


def _dataset(choice: DataChoice, data_dir: str | None) -> tuple[Problem, pd.DataFrame, str | None]:
    from dirimix import datasets

    data = datasets.load(choice.table.removeprefix(DATASET), data_dir=data_dir)
    target = choice.target or data.target
    problem = Problem(
        source=choice.table,
        coords=tuple(choice.coords or data.coords),
        models=tuple(choice.models or data.models),
        target=target,
        # the dataset's errors are those of its own target
        error=choice.error or (data.error if target == data.target else None),
        parts={},
        remarks=tuple(data.notes),
        inputs={choice.table: frame_sha256(data.frame), **data.sha256},
        labels=dict(data.labels),
        units=dict(data.units) | ({target: choice.unit} if choice.unit else {}),
        label=choice.label or data.labels.get(target, target),
        citation=data.citation,
    )
    own_split = None if choice.test_fraction else data.split
    return problem, data.frame, choice.split or own_split


def _file(choice: DataChoice) -> tuple[Problem, pd.DataFrame, str | None]:
    for name in ("target", "coords", "models"):
        if not getattr(choice, name):
            raise InputError(
                f"the table {choice.table!r} is a file, so {name} must be given: name the "
                f"column{'' if name == 'target' else 's'}"
            )
    target = str(choice.target)
    problem = Problem(
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
    inputs = {problem.source: file_sha256(Path(choice.table))}
    return replace(problem, inputs=inputs), frame, choice.split


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


def _check_columns(problem: Problem, frame: pd.DataFrame, marks: np.ndarray) -> None:
    """Check all rows at once, so that messages count rows as the file does."""
    for column, role in ((problem.target, "target"), (problem.error, "error")):
        if column is not None:
            _need(frame, column, role)
    # landscape rows need no observation
    seen = ~np.isin(marks, ("landscape", _LOST))
    y = frame[problem.target].where(seen, 0.0)
    y_err = None if problem.error is None else frame[problem.error].where(seen, 0.0)
    lost = {m: frame[m].where(marks != _LOST, 0.0) for m in problem.models if m in frame}
    make_table(frame.assign(**lost), problem.coords, problem.models, y, y_err, min_models=2)


def _check_names(problem: Problem) -> None:
    roles = {"target": [problem.target], "error": [problem.error] if problem.error else []}
    for role, names in roles.items():
        for name in names:
            if name in (*problem.coords, *problem.models):
                raise InputError(
                    f"the {role} column {name!r} is also named as a coordinate or a model; "
                    "predicting a column from itself would say nothing: name another"
                )
    if problem.error == problem.target:
        raise InputError(f"the column {problem.error!r} is both target and error; name another")


def _rows(problem: Problem, frame: pd.DataFrame, split: str) -> Rows:
    columns = [*problem.coords, *problem.models]
    known = split != "landscape"
    table = make_table(
        frame,
        problem.coords,
        problem.models,
        frame[problem.target] if known else None,
        frame[problem.error] if known and problem.error else None,
    )
    numbers = pd.DataFrame(np.column_stack([table.x, table.f]), columns=pd.Index(columns))
    return Rows(numbers, table.y, table.y_err if known and problem.error else None)


def _known_to_some(
    problem: Problem, frame: pd.DataFrame, marks: np.ndarray
) -> tuple[Problem, np.ndarray]:
    """Leave out the rows where no model has a value, of a table whose complete rows are wanted."""
    columns = [m for m in problem.models if m in frame]
    lost = frame[columns].isna().all(axis=1).to_numpy()
    if not lost.any() or lost.all():
        return problem, marks
    note = f"{lost.sum()} of {len(frame)} rows are left out, those where no model has a value"
    return replace(problem, notes=(*problem.notes, note)), np.where(lost, _LOST, marks)


def _complete(problem: Problem) -> Problem:
    """Keep the rows where every model has a value, and say what that leaves out."""
    parts, notes = {}, list(problem.notes)
    for split, rows in problem.parts.items():
        known = rows.frame.loc[:, list(problem.models)].notna()
        kept = known.all(axis=1).to_numpy()
        if kept.any():
            parts[split] = rows.keep(kept)
        if not kept.all():
            notes.append(_left_out(split, known, kept))
    if "train" not in parts:
        raise InputError(
            "no training row has a value of every model; set rows = 'all' or leave models out"
        )
    return replace(problem, parts=parts, notes=tuple(notes))


def _left_out(split: str, known: pd.DataFrame, kept: np.ndarray) -> str:
    missing = (~known).sum()
    which = ", ".join(f"{m} at {c}" for m, c in missing.items() if c)
    return (
        f"{int((~kept).sum())} of {len(kept)} {split} rows are left out, those where some model "
        f"has no value ({which})"
    )


def _fewer(problem: Problem, n: int, seed: int) -> Problem:
    """Keep some training rows, drawn with the seed; the others join the landscape, unseen."""
    rows = problem.parts["train"]
    total = len(rows.frame)
    if n >= total:
        return problem
    mask = np.isin(np.arange(total), np.random.default_rng(seed).permutation(total)[:n])
    known = problem.parts.get("landscape")
    others = [] if known is None else [known.frame]
    landscape = Rows(pd.concat([*others, rows.keep(~mask).frame], ignore_index=True), None, None)
    note = (
        f"{n} of {total} train rows are used, drawn with the seed; the others are predicted "
        "without their observations, as part of the landscape"
    )
    parts = {**problem.parts, "train": rows.keep(mask), "landscape": landscape}
    return replace(problem, parts=parts, notes=(*problem.notes, note))


def _check_parts(problem: Problem) -> None:
    """What only a fit and its scores need."""
    rows = problem.parts["train"]
    make_table(
        rows.frame, problem.coords, problem.models, rows.y, rows.y_err, fitting=True, min_models=2
    )
