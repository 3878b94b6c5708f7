"""Run a whole study, or fit one method, into an output folder."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import joblib

from dirimix.errors import InputError
from dirimix.estimators.fitted import FittedMethod
from dirimix.study.collate import Finished
from dirimix.study.folder import MARK, check_target, kind_of, mark, read_json, remove, whole_folder
from dirimix.study.jobs import Job, ResolvedStudy, is_done, make_jobs
from dirimix.study.load import file_sha256
from dirimix.study.manifest import Outcome, finish
from dirimix.study.preselection import preselect
from dirimix.study.runner import Reporter, dask_client, run_job, run_jobs, run_jobs_on_dask
from dirimix.study.spec import Study
from dirimix.study.tasks import FOLDERS
from dirimix.table.split import SplitTable

MODEL_FILE = "model.joblib"


@dataclass(frozen=True)
class Parallelism:
    """How the work is shared out.

    Attributes:
        processes: Fits at a time on this machine.
        dask: Address of a Dask scheduler that runs them instead.
        resume: Keep the fits whose results are already there.
    """

    processes: int = 1
    dask: str | None = None
    resume: bool = False


def run_study(
    setup: ResolvedStudy,
    folder: Path,
    reporter: Reporter,
    parallelism: Parallelism,
    inputs: Mapping[str, str],
) -> Outcome:
    """Run every method of a study and write its output folder.

    Methods that are finished stay in the folder if the run is interrupted; the manifest is
    written last and says that the run is whole.

    Raises:
        InputError: If the folder holds anything else, or a method cannot use the table.
    """
    begun = time.perf_counter()
    check_target(folder)
    data = setup.data
    setup = replace(setup, selection=preselect(setup.study, data))
    jobs = make_jobs(setup, folder)
    with dask_client(parallelism.dask) if parallelism.dask else nullcontext() as client:
        waiting = _prepare(folder, jobs, parallelism, reporter)
        if client is not None:
            run_jobs_on_dask(waiting, data, reporter, client)
        else:
            run_jobs(waiting, data, reporter, processes=parallelism.processes)
    seconds = time.perf_counter() - begun
    done = Finished(setup, jobs)
    return finish(done, folder, command="run", seconds=seconds, inputs=inputs)


def fit_one(study: Study, data: SplitTable, folder: Path, reporter: Reporter) -> Outcome:
    """Fit the one method of a study and write its output folder, the model included."""
    begun = time.perf_counter()
    with whole_folder(folder) as fresh:
        mark(fresh, "fit")
        setup = ResolvedStudy(study, data)
        (job,) = make_jobs(setup, fresh)
        fitted = run_job(job, data, reporter)
        joblib.dump(fitted, fresh / MODEL_FILE, compress=3)
        inputs = {MODEL_FILE: file_sha256(fresh / MODEL_FILE)}
        seconds = time.perf_counter() - begun
        done = Finished(setup, (job,))
        return finish(done, fresh, command="fit", seconds=seconds, inputs=inputs)


def load_fitted(folder: Path) -> FittedMethod:
    """The fitted method of a folder that `fit_one` wrote.

    A model file is a pickle, so only a file that its own manifest vouches for is opened.

    Raises:
        InputError: If the folder holds no such model or the file was changed.
    """
    if kind_of(folder) != "fit":
        raise InputError(f"the folder {str(folder)!r} holds no fitted method; make one with fit")
    expected = read_json(folder / "manifest.json")["sha256"].get(MODEL_FILE)
    path = folder / MODEL_FILE
    if not path.is_file() or file_sha256(path) != expected:
        raise InputError(
            f"the model file {str(path)!r} is missing or not the one that was written; fit again"
        )
    return joblib.load(path)


def _prepare(
    folder: Path, jobs: tuple[Job, ...], parallelism: Parallelism, reporter: Reporter
) -> tuple[Job, ...]:
    """Make or clear the folder; the jobs that are still to be done."""
    if parallelism.resume and kind_of(folder) not in (None, "run"):
        raise InputError(f"the folder {str(folder)!r} is not of a run; there is nothing to resume")
    done = [job for job in jobs if parallelism.resume and is_done(job)]
    folder.mkdir(parents=True, exist_ok=True)
    keep = {MARK, *(job.posterior.name for job in done)}
    keep |= set(FOLDERS) if parallelism.resume else set()
    for path in folder.iterdir():
        if path.name not in keep:
            remove(path)
    mark(folder, "run")
    for job in done:
        reporter.say(f"{job.title}: already there")
    return tuple(job for job in jobs if job not in done)


def training_only(data: SplitTable) -> SplitTable:
    """The data with its training rows alone, and a line that says so."""
    others = {split: len(rows.frame) for split, rows in data.parts.items() if split != "train"}
    rows = data.parts["train"]
    if not others:
        return data
    unused = " and ".join(f"{n} {split} rows" for split, n in others.items())
    note = (
        f"fitted on the {len(rows.frame)} training rows of {data.source}; its {unused} are not used"
    )
    return replace(data, parts={"train": rows}, notes=(*data.notes, note))
