"""Run the methods of a study, one folder of results a method, then bring the results together."""

import hashlib
import importlib
import json
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import joblib

from dirimix._version import __version__
from dirimix.errors import (
    ConvergenceWarning,
    CorrectionOverlapWarning,
    DroppedRowsWarning,
    InputError,
)
from dirimix.fitted import FittedMethod, fit_method
from dirimix.methods import Choice
from dirimix.outputs import Scoring, method_tables
from dirimix.problem import Problem, frame_sha256
from dirimix.progress import Listener
from dirimix.storage import read_json, remove, write_json, write_tables
from dirimix.study import Study

METHOD_FOLDER = "methods"
_TOLD = (CorrectionOverlapWarning, DroppedRowsWarning)


class Reporter(Protocol):
    """Tells a user how the work goes; must survive being sent to another process."""

    def say(self, text: str) -> None:
        """One line."""

    def listener(self, method: str) -> Listener | None:
        """What follows the chains of a method, None to be quiet."""


@dataclass(frozen=True)
class Job:
    """One method to run.

    Attributes:
        choice: The method.
        options: Its options.
        seed: Its seed.
        scoring: How it is scored.
        folder: The study's output folder.
        key: Says from what the result is made: the same key, the same result.
    """

    choice: Choice
    options: Mapping[str, object]
    seed: int
    scoring: Scoring
    folder: Path
    key: str

    @property
    def home(self) -> Path:
        """The method's own folder."""
        return self.folder / METHOD_FOLDER / self.choice.name


@dataclass
class Told:
    """Warnings about a result, in the order in which they came."""

    lines: list[str] = field(default_factory=list)


def make_jobs(study: Study, problem: Problem, folder: Path) -> tuple[Job, ...]:
    """One job a method."""
    content = _content(problem)
    scoring = Scoring(study.n_boot, study.seed)
    jobs = []
    for choice in study.choices():
        options = study.options_of(choice)
        made_from = [__version__, choice.name, options, study.seed, study.n_boot, content]
        key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        jobs.append(Job(choice, options, study.seed, scoring, folder, key))
    return tuple(jobs)


def is_done(job: Job) -> bool:
    """Whether the method's folder holds this very result."""
    facts = job.home / "facts.json"
    return facts.is_file() and read_json(facts)["key"] == job.key


def run_job(job: Job, problem: Problem, reporter: Reporter) -> FittedMethod:
    """Fit a method, score it and write its folder, whole or not at all."""
    begun = time.perf_counter()
    name = job.choice.name
    reporter.say(f"{name}: {job.choice.words}")
    with warnings_told(reporter, name) as told:
        fitted = fit_method(job.choice, problem, job.options, job.seed, reporter.listener(name))
        tables = method_tables(fitted, problem, job.scoring)
    scratch = job.home.with_name(f".{name}.part")
    remove(scratch)
    scratch.mkdir(parents=True)
    try:
        write_tables(tables, scratch)
        posterior = _write_posterior(fitted, scratch)
        write_json(_facts(job, fitted, told, time.perf_counter() - begun), scratch / "facts.json")
        remove(job.home)
        if posterior is not None:
            posterior.replace(job.folder / f"posterior-{name}.nc")
        scratch.replace(job.home)
    finally:
        remove(scratch)
    return fitted


def run_jobs(
    jobs: Iterable[Job], problem: Problem, reporter: Reporter, *, processes: int = 1
) -> None:
    """Run every job, some at a time in processes of this machine."""
    work = (joblib.delayed(_run_quietly)(job, problem, reporter) for job in jobs)
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
    jobs: Iterable[Job], problem: Problem, reporter: Reporter, client: Any
) -> None:
    """Run every job on the workers of a Dask scheduler, which share this machine's files."""
    client.gather([client.submit(_run_quietly, job, problem, reporter) for job in jobs])


def _run_quietly(job: Job, problem: Problem, reporter: Reporter) -> None:
    """Run a job; its result lies in its folder and need not travel back."""
    run_job(job, problem, reporter)


@contextmanager
def warnings_told(reporter: Reporter, name: str) -> Iterator[Told]:
    """Collect the warnings about a result, each once, and say them; pass the others on."""
    told = Told()
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


def _facts(job: Job, fitted: FittedMethod, told: Told, seconds: float) -> dict[str, object]:
    reasons = fitted.reasons()
    members = fitted.members.items()
    priors = {m: dict(e.priors_) for m, e in members if hasattr(e, "priors_")}
    return {
        "method": job.choice.name,
        "words": job.choice.words,
        "options": dict(job.options),
        "priors": priors.get("") or next(iter(priors.values()), {}),
        "converged": not reasons,
        "reasons": list(reasons),
        "warnings": told.lines,
        "seconds": round(seconds, 3),
        "key": job.key,
    }


def _write_posterior(fitted: FittedMethod, folder: Path) -> Path | None:
    for member in fitted.members.values():
        if hasattr(member, "posterior_"):
            path = folder / "posterior.nc"
            member.posterior_.to_netcdf(path, engine="h5netcdf")
            return path
    return None


def _content(problem: Problem) -> list[object]:
    """What of a problem decides a result."""
    parts = {
        split: frame_sha256(rows.frame.assign(__y=rows.y, __y_err=rows.y_err))
        for split, rows in problem.parts.items()
    }
    return [problem.coords, problem.models, problem.target, problem.error, parts]
