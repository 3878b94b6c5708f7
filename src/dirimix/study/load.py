"""The table of a study: read, checked, and its rows sorted into training, test and landscape."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import hashlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from dirimix._arrays import Mask
from dirimix.assess.schema import COORDINATES, TABLES
from dirimix.errors import InputError, did_you_mean
from dirimix.estimators.transforms.domain import refuse_outside
from dirimix.laws.transform_names import NO_TRANSFORM
from dirimix.study.rows import (
    LANDSCAPE,
    NOWHERE,
    UNUSABLE,
    as_meant,
    check_there,
    mark_rows,
    named,
    row_names,
)
from dirimix.study.spec import DataChoice
from dirimix.table.files import read_frame
from dirimix.table.frames import FILE_ROW
from dirimix.table.selection import far_away, less_gaps, observed, suspicions
from dirimix.table.sentinels import remarks
from dirimix.table.sites import Reach, copies, pool_repeats, repeats_note
from dirimix.table.space import make_space
from dirimix.table.split import DATASET, SPLITS, Part, SplitTable
from dirimix.table.table import Table, make_table

TRAIN = "train"
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
    data = replace(data, geo=choice.geo, periodic=choice.periodic, names=choice.names)
    _check_roles(data)
    data = _with_map(data, choice)
    frame, changed = as_meant(frame, choice, (*data.coords, *data.models, data.target, data.error))
    names = row_names(frame, data, choice.repeats)
    marks, moved = mark_rows(frame, data, choice, split, seed)
    table = _checked(data, frame, marks, choice.transform)
    space = make_space(data.coords, data.geo, data.periodic, table.levels)
    parts = {s: named(_part(data, table, marks, s), names) for s in SPLITS if np.any(marks == s)}
    train, places = table.rows(marks == TRAIN), space.canonical(table.x[marks == TRAIN])
    if choice.repeats == "pool":
        pooled = pool_repeats(train, places)
        parts[TRAIN] = _part(data, pooled, np.full(len(pooled.x), TRAIN), TRAIN)
    where = [*copies(train), *repeats_note(places, train.f, choice.repeats == "pool")]
    everywhere = pd.concat([part.frame for part in parts.values()], ignore_index=True)
    notes = (*data.notes, *changed, *moved, *_suspicions(data, table, marks), *where)
    data = replace(
        data,
        parts=parts,
        everywhere=everywhere,
        notes=notes,
        kinds=dict(table.kinds),
        levels=dict(table.levels),
    )
    if choice.rows == "complete":
        data = _complete(data)
    if choice.n_train is not None:
        data = _fewer(data, choice.n_train, seed)
    rows = data.parts[TRAIN]
    train = make_table(
        rows.frame, data.coords, data.models, rows.y, rows.y_err, fitting=True, min_models=2
    )
    return replace(data, notes=(*data.notes, *_beyond(data, train)))


def read_table(
    table: str, data_dir: str | None = None, labels: Collection[str] = ()
) -> pd.DataFrame:
    """The rows of a file or, for 'data:NAME', of a data set.

    Args:
        table: The file or the data set.
        data_dir: Folder of downloaded data sets.
        labels: Columns of a file whose values are labels, even if all of them are numbers.

    Raises:
        InputError: If the file or the data set cannot be read.
    """
    if not table.startswith(DATASET):
        return read_frame(table, labels)
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
        coords=found.coords if choice.coords is None else choice.coords,
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
        map_axes=found.map_axes,
        lines=found.lines,
    )
    own_split = None if choice.test_fraction else found.split
    return data, found.frame, choice.split or own_split


def _from_file(choice: DataChoice) -> _Source:
    target, models = choice.target, choice.models
    if not target or not models:
        name = "models" if target else "target"
        raise InputError(
            f"the table {choice.table!r} is a file, so {name} must be given: name the "
            f"column{'' if name == 'target' else 's'}; `dirimix init {choice.table}` would guess"
        )
    path = Path(choice.table)
    frame = read_frame(path, [choice.names] if choice.names else ())
    files = [path, *([Path(choice.observations)] if choice.observations is not None else [])]
    alike = len({p.name for p in files}) < len(files)
    data = SplitTable(
        source=path.name,
        coords=choice.coords or (),
        models=models,
        target=target,
        error=choice.error,
        parts={},
        inputs={str(p) if alike else p.name: file_sha256(p) for p in files if p.is_file()},
        units={target: choice.unit} if choice.unit else {},
        label=choice.label or target,
    )
    return data, frame, choice.split


def _check_roles(data: SplitTable) -> None:
    """Raise an InputError if a column has two roles, or a name that the outputs need."""
    for role, name in (("target", data.target), ("error", data.error)):
        if name in (*data.coords, *data.models):
            raise InputError(
                f"the {role} column {name!r} is also named as a coordinate or a model; "
                "predicting a column from itself would say nothing: name another"
            )
    if data.error == data.target:
        raise InputError(f"the column {data.error!r} is both target and error; name another")
    taken = {c for table in TABLES.values() for c in table.columns() if COORDINATES in table.names}
    for name in data.site_columns:
        if name in taken:
            role = "names column" if name == data.names else "coordinate"
            raise InputError(
                f"the {role} {name!r} has the name of a column of the output tables, where "
                f"{role}s stand beside it; rename it, to '{name}_' for example"
            )


def _with_map(data: SplitTable, choice: DataChoice) -> SplitTable:
    """The table with what the choice says of maps; what a data set says of others is left out.

    Raises:
        InputError: If the choice names what is no coordinate.
    """
    for option, names in (("map_axes", choice.map_axes), ("lines", choice.lines)):
        for name in names or ():
            if name not in data.coords:
                raise InputError(
                    f"{option} names {name!r}, which is no coordinate"
                    f"{did_you_mean(name, data.coords)}; the coordinates are "
                    f"{', '.join(data.coords) or 'none'}"
                )
    own = data.map_axes if set(data.map_axes) <= set(data.coords) else ()
    lines = {c: places for c, places in data.lines.items() if c in data.coords}
    return replace(data, map_axes=choice.map_axes or own, lines=lines | dict(choice.lines or {}))


def _checked(
    data: SplitTable, frame: pd.DataFrame, marks: np.ndarray, transform: str | None
) -> Table:
    """All rows, of marks (n,), checked at once, so that messages count rows as the file does.

    Raises:
        InputError: If a column is missing or holds a value that cannot be used.
    """
    for role, column in (("target", data.target), ("error", data.error)):
        if column is not None:
            check_there(frame, column, role)
    # a landscape row needs no observation, an unusable one no model either
    usable, nowhere = ~np.isin(marks, (UNUSABLE, NOWHERE)), marks == NOWHERE
    seen = usable & (marks != LANDSCAPE)
    y = pd.Series(frame[data.target]).where(seen, 1.0)
    y_err = None if data.error is None else pd.Series(frame[data.error]).where(seen, 1.0)
    used = {m: pd.Series(frame[m]).where(usable, 1.0) for m in data.models if m in frame}
    if nowhere.any():
        somewhere = int(np.argmin(nowhere))
        places = {c: pd.Series(frame[c]) for c in data.coords if c in frame}
        used |= {c: v.mask(nowhere, cast(Any, v.iloc[somewhere])) for c, v in places.items()}
    frame = frame.copy(deep=False)
    for name, column in used.items():
        frame[name] = column
    table = make_table(frame, data.coords, data.models, y, y_err, min_models=2)
    refuse_outside(table, transform or NO_TRANSFORM, data.target)
    make_space(data.coords, data.geo, data.periodic, table.levels).check(table.x)
    return table


def _suspicions(data: SplitTable, table: Table, marks: np.ndarray) -> list[str]:
    """Sentences on values that may be meant otherwise, in rows of marks (n,)."""
    seen = ~np.isin(marks, (UNUSABLE, NOWHERE, LANDSCAPE))
    columns = {f"target {data.target!r}": observed(table)[seen]}
    columns |= {f"error {data.error!r}": table.y_err[seen]} if data.error else {}
    found = [*remarks(columns.items()), *far_away(table.rows(marks == TRAIN))]
    return [*suspicions(replace(table.rows(seen | (marks == LANDSCAPE)), y=None)), *found]


def _beyond(data: SplitTable, table: Table) -> list[str]:
    """Sentences on rows outside the training rows, which are a table."""
    space = make_space(data.coords, data.geo, data.periodic, table.levels)
    reach, said = Reach(space, table.x, table.kinds), list[str]()
    for split, part in data.parts.items():
        if split != TRAIN and data.coords:
            kinds, levels = table.kinds, table.levels
            rows = make_table(part.frame, data.coords, data.models, kinds=kinds, levels=levels)
            said.append(reach.sentence(rows.x, f"{split} rows"))
    return [sentence for sentence in said if sentence]


def _part(data: SplitTable, table: Table, marks: np.ndarray, split: str) -> Part:
    """The rows of one part of a table with marks (n,)."""
    rows = marks == split
    frame = table.frame()
    frame.index = pd.RangeIndex(1, len(frame) + 1, name=FILE_ROW)
    frame = cast(pd.DataFrame, frame.loc[rows])
    if split == LANDSCAPE:
        return Part(frame, None, None)
    return Part(frame, observed(table)[rows], table.y_err[rows] if data.error else None)


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
            more = less_gaps(~missing, data.models)
            notes.append(
                f"{(~kept).sum()} of {len(kept)} {split} rows are left out, those where some "
                f"model has no value ({which}){'; ' if more else ''}{more}"
            )
    if "train" not in parts:
        known = ~cast(Mask, data.parts["train"].frame[list(data.models)].isna().to_numpy())
        raise InputError(
            "no training row has a value of every model; set rows = 'all', or leave models out: "
            f"{less_gaps(known, data.models) or 'none alone is to blame'}"
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
    frame = pd.concat([*frames, train.keep(~kept).frame])
    note = (
        f"{n} of {total} train rows are used, drawn with the seed; the others are predicted "
        "without their observations, as part of the landscape"
    )
    parts = {**data.parts, "train": train.keep(kept), "landscape": Part(frame, None, None)}
    return replace(data, parts=parts, notes=(*data.notes, note))
