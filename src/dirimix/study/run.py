"""Run a study, or fit one method, into an output folder."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import importlib
import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from dirimix._cores import deal_cores
from dirimix.errors import (
    ConvergenceWarning,
    CorrectionOverlapWarning,
    DroppedRowsWarning,
    ExtrapolationWarning,
    InputError,
    ScaleWarning,
    SizeWarning,
    TableWarning,
)
from dirimix.estimators.fitted import FittedMethod, fit_method
from dirimix.estimators.transforms.choice import in_words
from dirimix.laws.transform_names import NO_TRANSFORM
from dirimix.sampling.progress import Listener
from dirimix.sampling.workers import WorkerPool
from dirimix.study.check.target import check_target
from dirimix.study.collate import Finished
from dirimix.study.disk.exclusive import exclusive, whole_folder
from dirimix.study.disk.fitted_file import read_fitted, write_fitted
from dirimix.study.disk.parts import leftovers_within, links_within, write_facts
from dirimix.study.failures import Failure, attempt, finished, refuse, with_the_value_to_blame
from dirimix.study.folder import (
    FIT_FILE,
    FIT_FOLDERS,
    MANIFEST_FILE,
    MARK,
    POSTERIOR_FILE,
    checksums,
    kind_of,
    mark,
    read_json,
    remove,
    write_tables,
)
from dirimix.study.jobs import Job, ResolvedStudy, make_jobs, scale_note
from dirimix.study.load import file_sha256
from dirimix.study.manifest import Outcome, finish
from dirimix.study.preselection import preselect
from dirimix.study.spec import Study
from dirimix.table.netcdf import write_netcdf
from dirimix.table.split import SplitTable

# warnings about a result, which are kept with it
_OF_ROWS = (CorrectionOverlapWarning, DroppedRowsWarning, ExtrapolationWarning, TableWarning)
_KEPT = (*_OF_ROWS, ScaleWarning, SizeWarning)


class Reporter(Protocol):
    """Writes progress for a user; must survive being sent to another process."""

    def say(self, text: str) -> None:
        """Write one line."""

    def listener(self, method: str) -> Listener | None:
        """A callback for the progress of a method's chains, None to be quiet."""


def run_study(
    setup: ResolvedStudy,
    folder: Path,
    reporter: Reporter,
    inputs: Mapping[str, str],
    *,
    processes: int = 1,
    dask: str | None = None,
    resume: bool = False,
) -> Outcome:
    """Run every method of a study and write its output folder.

    Methods that are finished stay in the folder if the run is interrupted, and are not fitted
    again with `resume`; the manifest is written last and says that the run is whole. It holds
    `inputs`, the sha256 of every file that the study was read from. So many `processes` fit at a
    time on this machine, or else the workers of the Dask scheduler whose address is `dask`.

    A method that cannot be fitted is left out of what is collected, and told with its reason.

    Raises:
        InputError: If the folder holds anything else, or no method can use the table.
        NotConverged: If the samplers of all methods failed.
    """
    begun = time.perf_counter()
    check_target(folder, "run")
    data = setup.data
    setup = replace(setup, selection=preselect(setup.study, data))
    jobs = make_jobs(setup, folder)
    reporter.say(scale_note(jobs, data))
    new = not folder.exists()
    with _dask_client(dask) if dask else nullcontext() as client, exclusive(folder):
        waiting = _prepare(folder, jobs, reporter, resume=resume)
        failures = run_jobs(waiting, data, reporter, processes=processes, client=client)
        done = Finished(setup, finished(jobs, failures), failures)
        if not done.whole:
            if new:
                remove(folder)
            refuse(failures, "no method is left to collect")
        seconds = time.perf_counter() - begun
        return finish(done, folder, command="run", seconds=seconds, inputs=inputs)


def fit_one(study: Study, data: SplitTable, folder: Path, reporter: Reporter) -> Outcome:
    """Fit the one method of a study and write its output folder, the model included."""
    begun = time.perf_counter()
    check_target(folder, "fit")
    setup = ResolvedStudy(study, data)
    with whole_folder(folder) as fresh:
        mark(fresh, "fit")
        (job,) = jobs = make_jobs(setup, fresh)
        reporter.say(scale_note(jobs, data))
        fitted = run_job(job, data, reporter)
        inputs = write_fitted(fitted, data, fresh)
        seconds = time.perf_counter() - begun
        done = Finished(setup, (job,))
        return finish(done, fresh, command="fit", seconds=seconds, inputs=inputs)


def load_fitted(folder: Path) -> FittedMethod:
    """The fitted method of a folder that `fit_one` wrote.

    Raises:
        InputError: If the folder holds no such method, or one that this version cannot read, or a
            file was changed.
    """
    if kind_of(folder) != "fit":
        raise InputError(f"the folder {str(folder)!r} holds no fitted method; make one with fit")
    known, path = checksums(read_json(folder / MANIFEST_FILE)), folder / FIT_FILE
    if not path.is_file() or file_sha256(path) != known.get(FIT_FILE):
        raise InputError(
            f"the file {str(path)!r} is missing, not the one that was written, or of an older "
            "version of dirimix; fit again"
        )
    return read_fitted(folder)


def run_job(job: Job, data: SplitTable, reporter: Reporter) -> FittedMethod:
    """Fit a method, score it and write its folder, whole or not at all."""
    begun = time.perf_counter()
    reporter.say(f"{job.title}: {job.choice.words}" if job.is_whole else job.title)
    # what a fit to fewer rows warns of, that to all rows has said
    say: Callable[[str], None] = reporter.say if job.is_whole else lambda _: None
    with collected_warnings(say, job.title) as lines:
        for said in (ExtrapolationWarning, TableWarning):  # by the table's notes
            warnings.simplefilter("ignore", said)
        own = job.task.data(data)
        with with_the_value_to_blame(own):
            listener = reporter.listener(job.title)
            fitted = fit_method(job.choice, own, job.options, job.seed, listener)
        tables = job.task.tables(fitted, own)
    scratch = job.home.with_name(f".{job.choice.name}.part")
    remove(scratch)
    scratch.mkdir(parents=True)
    try:
        write_tables(tables, scratch)
        tree = fitted.mixture.fit_report().posterior if job.is_whole and fitted.mixture else None
        posterior = scratch / POSTERIOR_FILE
        if tree is not None:
            write_netcdf(tree, posterior)
        facts = _facts(job, fitted, lines, time.perf_counter() - begun)
        write_facts({**facts, "posterior": tree is not None}, scratch)
        remove(job.home)
        if tree is not None:
            posterior.replace(job.posterior)
        scratch.replace(job.home)
    finally:
        remove(scratch)
    return fitted


def run_jobs(
    jobs: Sequence[Job],
    data: SplitTable,
    reporter: Reporter,
    *,
    processes: int = 1,
    client: Any = None,
) -> tuple[Failure, ...]:
    """Run every job, each in a process of its own with its share of the cores if there are several.

    The workers of a Dask client, which share this machine's files, run them instead if it is given.

    Returns:
        The jobs that failed, each told when it does.
    """
    found: list[Failure | None] = []

    def collect(job: Job, run: Callable[[], object]) -> None:
        found.append(failure := attempt(job, run))
        if failure is not None:
            reporter.say(f"{job.title}: failed: {failure.reason}")

    if client is not None:
        running = [client.submit(_run_for_files, job, data, reporter) for job in jobs]
        for job, future in zip(jobs, running, strict=True):
            collect(job, future.result)
    elif min(processes, len(jobs)) < 2:
        for job in jobs:
            collect(job, partial(run_job, job, data, reporter))
    else:
        with WorkerPool(deal_cores(min(processes, len(jobs)))) as pool:
            futures: dict[Future[None], Job] = {
                pool.submit(_run_for_files, job, data, reporter): job for job in jobs
            }
            for done in as_completed(futures):
                collect(futures[done], done.result)
    failed = {failure.job.home: failure for failure in found if failure is not None}
    return tuple(failed[job.home] for job in jobs if job.home in failed)


@contextmanager
def collected_warnings(say: Callable[[str], None], name: str) -> Generator[list[str]]:
    """Collect the warnings about a result, each once, and say them; pass the others on."""
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lines
    for w in caught:
        if issubclass(w.category, ConvergenceWarning):
            continue  # the estimator's own verdict says it, and why
        if not issubclass(w.category, _KEPT):
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
        elif str(w.message) not in lines:
            lines.append(str(w.message))
            say(f"{name}: warning: {w.message}")


def _prepare(
    folder: Path, jobs: Sequence[Job], reporter: Reporter, *, resume: bool
) -> tuple[Job, ...]:
    """Clear the folder; the jobs that are still to be done."""
    mark(folder, "run")
    for path in links_within(folder):
        reporter.say(f"{path} is a link: what lay there is made again")
        path.unlink()
    for path in leftovers_within(folder):
        remove(path)
    done = [job for job in jobs if resume and job.is_done()]
    keep = {MARK, *(job.posterior.name for job in done if job.facts()["posterior"])}
    keep |= set(FIT_FOLDERS) if resume else set()
    for path in folder.iterdir():
        if path.name not in keep:
            remove(path)
    for job in done:
        reporter.say(f"{job.title}: already there")
    return tuple(job for job in jobs if job not in done)


def _dask_client(address: str) -> Any:
    """A client of the Dask scheduler at an address.

    Raises:
        InputError: If dask.distributed is not installed or no scheduler answers.
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


def _run_for_files(job: Job, data: SplitTable, reporter: Reporter) -> None:
    """Run a job in another process; its result lies in its folder and need not travel back."""
    run_job(job, data, reporter)


def _facts(job: Job, fitted: FittedMethod, lines: list[str], seconds: float) -> dict[str, object]:
    reasons = fitted.reasons()
    reports = {m: e.fit_report() for m, e in fitted.members.items()}
    priors = {m: dict(r.priors) | _transform(fitted) for m, r in reports.items()}
    return {
        "method": job.choice.name,
        "title": job.title,
        "words": job.choice.words,
        "options": dict(job.options),
        "sigma": {m: r.sigma for m, r in reports.items() if r.sigma is not None},
        "priors": priors.get("") or next(iter(priors.values()), None) or {},
        "y_scale": next((str(r.y_scale) for r in reports.values() if r.y_scale), None),
        "rows": dict(fitted.rows),
        "converged": not reasons,
        "reasons": list(reasons),
        "warnings": lines,
        "seconds": round(seconds, 3),
        "key": job.key,
    }


def _transform(fitted: FittedMethod) -> dict[str, str]:
    """The transform in words, beside the priors; nothing where there is none."""
    if fitted.transform == NO_TRANSFORM:
        return {}
    return {"transform": in_words(next(iter(fitted.members.values())).transform_)}
