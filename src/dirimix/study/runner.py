"""Run the methods of a study, one folder of results a method, then bring the results together."""

import importlib
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import joblib

from dirimix.errors import (
    ConvergenceWarning,
    CorrectionOverlapWarning,
    DroppedRowsWarning,
    InputError,
)
from dirimix.estimators.fitted import FittedMethod, fit_method
from dirimix.sampling.progress import Listener
from dirimix.study.folder import remove, write_json, write_tables
from dirimix.study.jobs import Job
from dirimix.table.split import SplitTable

_TOLD = (CorrectionOverlapWarning, DroppedRowsWarning)


class Reporter(Protocol):
    """Tells a user how the work goes; must survive being sent to another process."""

    def say(self, text: str) -> None:
        """One line."""

    def listener(self, method: str) -> Listener | None:
        """What follows the chains of a method, None to be quiet."""


class _Silent:
    """Says nothing."""

    def say(self, text: str) -> None:
        """Not a line."""

    def listener(self, method: str) -> Listener | None:
        """Follow no chain."""


@dataclass
class CollectedWarnings:
    """Warnings about a result, in the order in which they came."""

    lines: list[str] = field(default_factory=list)


def run_job(job: Job, data: SplitTable, reporter: Reporter) -> FittedMethod:
    """Fit a method, score it and write its folder, whole or not at all."""
    begun = time.perf_counter()
    reporter.say(f"{job.title}: {job.choice.words}" if job.is_whole else job.title)
    # what a fit to fewer rows warns of, that to all rows has said
    with collected_warnings(reporter if job.is_whole else _Silent(), job.title) as told:
        own = job.task.data(data)
        fitted = fit_method(job.choice, own, job.options, job.seed, reporter.listener(job.title))
        tables = job.task.tables(fitted, own, job.bootstrap)
    scratch = job.home.with_name(f".{job.choice.name}.part")
    remove(scratch)
    scratch.mkdir(parents=True)
    try:
        write_tables(tables, scratch)
        posterior = _write_posterior(fitted, scratch) if job.task.keeps_posterior else None
        facts = _facts(job, fitted, told, time.perf_counter() - begun)
        write_json({**facts, "posterior": posterior is not None}, scratch / "facts.json")
        remove(job.home)
        if posterior is not None:
            posterior.replace(job.posterior)
        scratch.replace(job.home)
    finally:
        remove(scratch)
    return fitted


def run_jobs(
    jobs: Iterable[Job], data: SplitTable, reporter: Reporter, *, processes: int = 1
) -> None:
    """Run every job, some at a time in processes of this machine."""
    work = (joblib.delayed(_run_quietly)(job, data, reporter) for job in jobs)
    joblib.Parallel(n_jobs=processes)(work)


def dask_client(address: str) -> Any:
    """A client of the Dask scheduler at an address.

    Raises:
        InputError: If dask.distributed is not installed or nobody answers.
    """
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise InputError(
            "--dask needs the package 'distributed', which is not installed; "
            "pip install 'dirimix[dask]'"
        ) from error
    try:
        return distributed.Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address!r} ({error}); start one, or use --jobs"
        ) from error


def run_jobs_on_dask(
    jobs: Iterable[Job], data: SplitTable, reporter: Reporter, client: Any
) -> None:
    """Run every job on the workers of a Dask scheduler, which share this machine's files."""
    client.gather([client.submit(_run_quietly, job, data, reporter) for job in jobs])


def _run_quietly(job: Job, data: SplitTable, reporter: Reporter) -> None:
    """Run a job; its result lies in its folder and need not travel back."""
    run_job(job, data, reporter)


@contextmanager
def collected_warnings(reporter: Reporter, name: str) -> Iterator[CollectedWarnings]:
    """Collect the warnings about a result, each once, and say them; pass the others on."""
    told = CollectedWarnings()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield told
    for w in caught:
        if issubclass(w.category, ConvergenceWarning):
            continue  # the estimator's own verdict says it, and why
        if not issubclass(w.category, _TOLD):
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
        elif str(w.message) not in told.lines:
            told.lines.append(str(w.message))
            reporter.say(f"{name}: warning: {w.message}")


def _facts(
    job: Job, fitted: FittedMethod, told: CollectedWarnings, seconds: float
) -> dict[str, object]:
    reasons = fitted.reasons()
    reports = {m: e.fit_report() for m, e in fitted.members.items()}
    priors = {m: dict(r.priors) for m, r in reports.items()}
    return {
        "method": job.choice.name,
        "title": job.title,
        "words": job.choice.words,
        "options": dict(job.options),
        "sigma": {m: r.sigma for m, r in reports.items() if r.sigma is not None},
        "priors": priors.get("") or next(iter(priors.values()), {}),
        "converged": not reasons,
        "reasons": list(reasons),
        "warnings": told.lines,
        "seconds": round(seconds, 3),
        "key": job.key,
    }


def _write_posterior(fitted: FittedMethod, folder: Path) -> Path | None:
    tree = None if fitted.mixture is None else fitted.mixture.fit_report().posterior
    if tree is None:
        return None
    path = folder / "posterior.nc"
    tree.to_netcdf(path, engine="h5netcdf")
    return path
