"""Predictions at the rows of a table, batch by batch, so that memory has room for any number.

A Parquet file is read, and written, as it is needed; other files are read at once. Batches are
predicted side by side, one on each core that the process may use.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from dirimix._arrays import Floats
from dirimix._cores import cores
from dirimix.assess.forecast import forecast
from dirimix.errors import ExtrapolationWarning, InputError, TableWarning
from dirimix.estimators.fitted import FittedMethod
from dirimix.estimators.pooling import remarks_on_new
from dirimix.estimators.transforms.domain import refuse_outside
from dirimix.study.folder import MANIFEST_FILE
from dirimix.study.load import file_sha256, read_table
from dirimix.study.rows import as_meant
from dirimix.study.run import load_fitted
from dirimix.study.spec import DataChoice
from dirimix.table.coordinates import CATEGORY, DATE
from dirimix.table.dates import as_dates, days
from dirimix.table.files import read_parquet_batches, read_parquet_texts, write_frames
from dirimix.table.frames import FILE_ROW
from dirimix.table.split import DATASET
from dirimix.table.table import Table

_ROWS = 2048  # of a batch
Progress = Callable[[int, int], None]
Each = Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]


@dataclass(frozen=True)
class Source:
    """Rows to predict.

    Attributes:
        count: How many.
        batches: Begins to read them: frames of consecutive rows, numbered as in their file.
    """

    count: int
    batches: Callable[[], Iterator[pd.DataFrame]]


def open_rows(
    choice: DataChoice, fitted: FittedMethod, data_dir: str | None = None
) -> tuple[Source, list[str]]:
    """The rows of a table that a method is to predict, and a line for all that was changed in it.

    Raises:
        InputError: If the table cannot be read.
    """
    used = (*fitted.coords, *fitted.models)
    kinds = next(iter(fitted.members.values())).kinds_
    dated, labels = ([c for c, kind in kinds.items() if kind == k] for k in (DATE, CATEGORY))
    plain = choice.long is None and not choice.missing and not choice.table.startswith(DATASET)
    if plain and Path(choice.table).suffix.lower() == ".parquet" and fitted.mixture is not None:
        count, batches = read_parquet_batches(choice.table, _ROWS)
        known = {name: _dates_by_text(choice.table, name) for name in dated}
        return Source(count, lambda: _numbered(_dated(batches(), known))), []
    frame, notes = as_meant(read_table(choice.table, data_dir, labels), choice, used)
    frame = frame.copy(deep=False)
    absent = [m for m in fitted.models if m not in frame] if choice.long is not None else []
    for name in absent if len(absent) < len(fitted.models) else []:
        frame[name] = np.nan
        notes.append(f"model {name!r} has no row in the long table: it is missing everywhere")
    for name in set(dated) & set(frame.columns):
        # all rows tell the order of day and month, some of them may not
        found = days(pd.Series(frame[name]), f"coordinate {name!r}")
        frame[name] = frame[name] if found is None else as_dates(found)
    # single models predict one after the other, each all rows
    size = _ROWS if fitted.mixture is not None else len(frame)
    return Source(len(frame), lambda: _numbered(_parts(frame, size))), notes


def predict_rows(
    fitted: FittedMethod, rows: Source, out: Path, progress: Progress, each: Each | None = None
) -> None:
    """Predict every row, and write the file when all are predicted.

    All rows are looked at before the first is predicted.

    Args:
        fitted: The method.
        rows: What it predicts.
        out: CSV, Parquet or netCDF file, by its ending.
        progress: Called with the number of rows that are done, and that of all.
        each: Predicts batch after batch; in this process if not given.

    Raises:
        InputError: If a column is missing or a value has no place, or the file cannot be written.
    """
    _check(fitted, rows)
    each = each or partial(_side_by_side, partial(forecast, fitted))
    with _said_of_all():
        write_frames(_predicted(each, rows, progress), out)


def forecast_of_folder(folder: str, checksum: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Predict rows in another process, with the fitted method of a folder.

    Args:
        folder: Folder that `fit` wrote.
        checksum: That of its manifest.
        frame: Rows that can be predicted.
    """
    with _said_of_all():
        return forecast(_loaded(folder, checksum), frame)


@lru_cache(maxsize=1)
def _loaded(folder: str, checksum: str) -> FittedMethod:
    if file_sha256(Path(folder, MANIFEST_FILE)) != checksum:
        raise InputError(
            f"the folder {folder!r} holds another fit on this worker; share one folder"
        )
    return load_fitted(Path(folder))


@contextmanager
def _said_of_all() -> Generator[None]:
    """Batches say nothing of sites and marks in their rows: that is said of all rows at once."""
    with warnings.catch_warnings():
        for said in (ExtrapolationWarning, TableWarning):
            warnings.simplefilter("ignore", said)
        yield


def _side_by_side(
    predict: Callable[[pd.DataFrame], pd.DataFrame], frames: Iterator[pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    """Predictions of batches in their order, by threads that share a fitted method."""
    first = next(frames, None)
    if first is None:
        return
    yield predict(first)  # alone: what all share is made once, such as compiled loops
    at_once, running = len(cores()), deque[Future[pd.DataFrame]]()
    threads = ThreadPoolExecutor(at_once)
    try:
        # the products of matrices inside are small: more threads in each would be in the way
        with threadpool_limits(1, user_api="blas"):
            for frame in frames:
                running.append(threads.submit(predict, frame))
                if len(running) > at_once:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)


def _predicted(each: Each, rows: Source, progress: Progress) -> Iterator[pd.DataFrame]:
    sizes: deque[int] = deque()

    def counted() -> Iterator[pd.DataFrame]:
        for frame in rows.batches():
            sizes.append(len(frame))
            yield frame

    done = 0
    for found in each(counted()):
        yield found
        done += sizes.popleft()
        progress(done, rows.count)


def _check(fitted: FittedMethod, rows: Source) -> None:
    """Refuse rows that cannot be predicted, and warn of places and marks in the others."""
    places: list[np.ndarray] = []
    models: list[np.ndarray] = []
    for number, frame in enumerate(rows.batches()):
        try:
            table = _checked(fitted, frame)
        except InputError:
            # with the rows before it, so that the message counts rows as the file does
            _checked(fitted, pd.concat(islice(rows.batches(), number + 1)))
            raise
        places.append(table.x)
        models.append(table.f)
    for sentence in remarks_on_new(fitted.mixture, fitted.models, np.concatenate(models)):
        warnings.warn(sentence, TableWarning, stacklevel=3)
    members = [*fitted.members.values(), *([fitted.correction] if fitted.correction else [])]
    if any(member.uses_places for member in members):
        reach = next(iter(fitted.members.values())).reach_
        sentence = reach.sentence(np.concatenate(places), "rows")
        if sentence:
            warnings.warn(sentence, ExtrapolationWarning, stacklevel=3)


def _checked(fitted: FittedMethod, frame: pd.DataFrame) -> Table:
    """Rows that can be predicted."""
    table = fitted.table(frame)
    refuse_outside(table, fitted.transform)
    return table


def _dates_by_text(table: str, name: str) -> dict[str, np.datetime64]:
    """The dates of all different texts in a column of a Parquet file; none if it holds no text.

    Raises:
        InputError: If all its rows do not tell day and month apart, or a text is no date.
    """

    def as_days(texts: Iterable[str | None]) -> tuple[list[str], Floats | None]:
        given = [text or "" for text in texts]
        return given, days(pd.Series(given, dtype=object), f"coordinate {name!r}")

    try:
        texts, found = as_days(dict.fromkeys(read_parquet_texts(table, name, different=True)))
    except InputError:
        as_days(read_parquet_texts(table, name))  # a message counts all rows
        raise
    return {} if found is None else dict(zip(texts, as_dates(found), strict=True))


def _dated(
    frames: Iterator[pd.DataFrame], known: Mapping[str, dict[str, np.datetime64]]
) -> Iterator[pd.DataFrame]:
    """Frames with the texts of some columns as the dates that they are."""
    for frame in frames:
        for name, dates in known.items():
            if dates:
                frame[name] = pd.to_datetime(cast(Any, frame[name]).map(dates))
        yield frame


def _parts(frame: pd.DataFrame, size: int) -> Iterator[pd.DataFrame]:
    for at in range(0, len(frame), size):
        yield frame.iloc[at : at + size]


def _numbered(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Frames whose indices number all their rows from 1 on."""
    at = 1
    for frame in frames:
        index = pd.RangeIndex(at, at + len(frame), name=FILE_ROW)
        yield frame.set_axis(index, axis=0)
        at += len(frame)
