"""Run a study, or fit one method, into an output folder."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from dirimix.errors import InputError
from dirimix.estimators.fitted import FittedMethod
from dirimix.study.check.target import check_target
from dirimix.study.collate import Finished
from dirimix.study.disk.draw_files import folder_of_draws
from dirimix.study.disk.exclusive import exclusive, whole_folder
from dirimix.study.disk.fitted_file import read_fitted, write_fitted
from dirimix.study.disk.parts import leftovers_within, links_within
from dirimix.study.failures import finished, refuse
from dirimix.study.folder import (
    FIT_FILE,
    FIT_FOLDERS,
    MANIFEST_FILE,
    MARK,
    checksums,
    kind_of,
    mark,
    posterior_file,
    read_json,
    remove,
)
from dirimix.study.jobs import Job, ResolvedStudy, make_jobs, scale_note
from dirimix.study.load import file_sha256
from dirimix.study.manifest import Outcome, finish
from dirimix.study.preselection import preselect
from dirimix.study.spec import Study
from dirimix.study.work.all_jobs import run_jobs
from dirimix.study.work.cluster import dask_cluster
from dirimix.study.work.one_job import Reporter, run_job
from dirimix.table.split import SplitTable


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
    with dask_cluster(dask) if dask else nullcontext() as cluster, exclusive(folder):
        unasked = setup.study.unasked
        waiting = _prepare(folder, jobs, reporter, resume=resume, unasked=unasked)
        failures = run_jobs(waiting, data, reporter, processes=processes, cluster=cluster)
        done = Finished(setup, finished(jobs, failures), failures)
        if not done.whole:
            if new:
                remove(folder)
            refuse(failures, "no method is left to collect")
        seconds = time.perf_counter() - begun
        return finish(done, folder, command="run", seconds=seconds, inputs=inputs)


def fit_one(
    study: Study, data: SplitTable, folder: Path, reporter: Reporter, *, resume: bool = False
) -> Outcome:
    """Fit the one method of a study and write its output folder, the model included.

    With `resume` it goes on from the draws of the same fit that were kept when it was interrupted.
    """
    begun = time.perf_counter()
    check_target(folder, "fit")
    setup = ResolvedStudy(study, data)
    with whole_folder(folder, resume=resume) as (fresh, draws):
        mark(fresh, "fit")
        (job,) = jobs = make_jobs(setup, fresh)
        reporter.say(scale_note(jobs, data))
        fitted = run_job(job, data, reporter, draws)
        inputs = write_fitted(fitted, data, fresh)
        seconds = time.perf_counter() - begun
        done = Finished(setup, (job,))
        found = finish(done, fresh, command="fit", seconds=seconds, inputs=inputs)
        check_target(folder, "fit")  # what has been put there meanwhile is somebody's
        return found


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


def _prepare(
    folder: Path,
    jobs: Sequence[Job],
    reporter: Reporter,
    *,
    resume: bool,
    unasked: Sequence[str] = (),
) -> tuple[Job, ...]:
    """Clear the folder; the jobs that are still to be done.

    With `resume` what is kept of the methods that are `unasked` for this time stays for the next.
    """
    mark(folder, "run")
    for path in links_within(folder):
        reporter.say(f"{path} is a link: what lay there is made again")
        path.unlink()
    done = [job for job in jobs if resume and job.is_done()]
    begun = {folder_of_draws(job.home) for job in jobs if job not in done}
    spared = unasked if resume else ()
    draws_spared = {folder_of_draws(Path(name)).name for name in spared}
    for path in leftovers_within(folder):
        if path not in begun and path.name not in draws_spared:
            remove(path)
    keep = {MARK, *(job.posterior.name for job in done if job.facts()["posterior"])}
    if resume:
        keep |= {*FIT_FOLDERS, *map(posterior_file, spared)}
    for path in folder.iterdir():
        if path.name not in keep:
            remove(path)
    for job in done:
        reporter.say(f"{job.title}: already there")
    return tuple(job for job in jobs if job not in done)
