"""Many fits, one after the other, side by side, or on the workers of a Dask cluster."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from functools import partial

from dirimix._cores import deal_cores
from dirimix.sampling.workers import WorkerPool
from dirimix.study.failures import Failure, attempt
from dirimix.study.jobs import Job
from dirimix.study.work.cluster import Cluster
from dirimix.study.work.one_job import Reporter, run_job
from dirimix.table.split import SplitTable


def run_jobs(
    jobs: Sequence[Job],
    data: SplitTable,
    reporter: Reporter,
    *,
    processes: int = 1,
    cluster: Cluster | None = None,
) -> tuple[Failure, ...]:
    """Run every job, each in a process of its own with its share of the cores if there are several.

    The workers of a Dask cluster, which share this machine's files, run them if it is given.

    Returns:
        The jobs that failed, each told when it does.
    """
    found: list[Failure | None] = []

    def collect(job: Job, run: Callable[[], object]) -> None:
        found.append(failure := attempt(job, run))
        if failure is not None:
            reporter.say(f"{job.title}: failed: {failure.reason}")

    if cluster is not None:
        running = [cluster.submit(_run_for_files, job, data, reporter) for job in jobs]
        for job, result in zip(jobs, running, strict=True):
            collect(job, result)
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


def _run_for_files(job: Job, data: SplitTable, reporter: Reporter) -> None:
    """Run a job in another process; its result lies in its folder and need not travel back."""
    run_job(job, data, reporter)
