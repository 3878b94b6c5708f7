"""Fits of a study that end in an error, while the others go on and are collected."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from dirimix.errors import InputError, NotConverged, WorkerLost, first_line
from dirimix.study.jobs import Job
from dirimix.table.selection import observed
from dirimix.table.sentinels import farthest
from dirimix.table.split import SplitTable

# what a fit raises on a table that it cannot use; faults of the program are not among them
_EXPECTED = (InputError, NotConverged, ArithmeticError, ValueError, MemoryError)


@dataclass(frozen=True)
class Failure:
    """A fit without a result.

    Attributes:
        job: What was to be fitted.
        reason: Why there is none, in a sentence.
        refused: Whether the table or an option was refused, and not a sampler lost its way.
    """

    job: Job
    reason: str
    refused: bool


def attempt(job: Job, run: Callable[[], object]) -> Failure | None:
    """Run a job; its failure if the fit cannot be made.

    Raises:
        WorkerLost: If the process that ran it ended.
    """
    try:
        run()
    except WorkerLost:
        raise  # nothing is wrong with the fit: the next run goes on from where it was
    except _EXPECTED as error:
        known = isinstance(error, InputError | NotConverged)
        reason = str(error) if known else f"{type(error).__name__}: {first_line(error)}"
        return Failure(job, reason, isinstance(error, InputError))
    return None


@contextmanager
def with_the_value_to_blame(data: SplitTable) -> Generator[None]:
    """Name the value that may be to blame where a sampler loses its way."""
    try:
        yield
    except NotConverged as error:
        rows = data.parts["train"]
        columns = {f"model {m!r}": np.asarray(rows.frame[m], dtype=float) for m in data.models}
        columns[f"target {data.target!r}"] = observed(rows)
        found = farthest(columns, [int(row) for row in rows.frame.index])
        raise NotConverged(f"{error}; {found}" if found else str(error)) from error


def finished(jobs: Sequence[Job], failures: Sequence[Failure]) -> tuple[Job, ...]:
    """The jobs with a result, without the folds of a method that has none of all training rows."""
    failed = {failure.job.home for failure in failures}
    without = {f.job.choice.name for f in failures if f.job.is_whole}
    return tuple(j for j in jobs if j.home not in failed and j.choice.name not in without)


def by_title(failures: Sequence[Failure]) -> dict[str, str]:
    """The reasons by what failed: a method, or a fold of one that is else there."""
    without = {f.job.choice.name for f in failures if f.job.is_whole}
    shown = (f for f in failures if f.job.is_whole or f.job.choice.name not in without)
    return {failure.job.title: failure.reason for failure in shown}


def refuse(failures: Sequence[Failure], rest: str) -> None:
    """Raise what the failures come to, if there are any; `rest` says what became of the others.

    Raises:
        InputError: If a table or an option was refused.
        NotConverged: If only samplers failed.
    """
    if failures:
        sentence = f"{said(by_title(failures))}; {rest}"
        if any(failure.refused for failure in failures):
            raise InputError(sentence)
        raise NotConverged(sentence)


def said(reasons: Mapping[str, str]) -> str:
    """The failures in a clause, each reason once.

    >>> said({"ols": "no value", "equal": "no value", "raw": "no noise"})
    'there is no result of ols, equal (no value), raw (no noise)'
    """
    titles: dict[str, list[str]] = {}
    for title, reason in reasons.items():
        titles.setdefault(reason, []).append(title)
    parts = (f"{', '.join(names)} ({reason})" for reason, names in titles.items())
    return f"there is no result of {', '.join(parts)}"
