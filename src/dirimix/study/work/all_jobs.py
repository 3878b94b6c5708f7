"""Many fits, one after the other, side by side, or on the workers of a Dask cluster."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from functools import partial

from dirimix._cores import deal_cores
from dirimix.sampling.workers import WorkerPool
from dirimix.study.failures import Failure, attempt
from dirimix.study.jobs import Job
from dirimix.study.work.cluster import Cluster
from dirimix.study.work.one_job import Reporter, run_job
from dirimix.table.coordinates import CATEGORY
from dirimix.table.split import SplitTable

Batch = tuple[Job, ...]


def run_jobs(
    jobs: Sequence[Job],
    data: SplitTable,
    reporter: Reporter,
    *,
    processes: int = 1,
    cluster: Cluster | None = None,
) -> tuple[Failure, ...]:
    """Run every job, each in a process of its own with its share of the cores if there are several.

    Jobs that can share what is compiled go to one process together, each with a result of its own.
    The workers of a Dask cluster, which share this machine's files, run them if it is given.

    Returns:
        The jobs that failed, each told when it does.
    """
    at_once = processes if cluster is None else cluster.workers
    batches = tuple(make_batches(jobs, data, at_once))
    run = partial(_run_batch, data=data, reporter=reporter)
    found: list[tuple[Failure, ...]] = []
    if cluster is not None:
        results = [cluster.submit(run, batch) for batch in batches]
        found += [result() for result in results]
    elif min(processes, len(batches)) < 2:
        found += [run(batch) for batch in batches]
    else:
        with WorkerPool(deal_cores(min(processes, len(batches)))) as pool:
            futures: list[Future[tuple[Failure, ...]]] = [
                pool.submit(run, batch) for batch in batches
            ]
            found += [done.result() for done in as_completed(futures)]
    failed = {failure.job.home: failure for failures in found for failure in failures}
    return tuple(failed[job.home] for job in jobs if job.home in failed)


def make_batches(jobs: Sequence[Job], data: SplitTable, processes: int) -> Iterator[Batch]:
    """The jobs in batches: those that share what is compiled, in as many as keep all at work.

    Of these the largest come first, so that none is left alone at the end.
    """
    alike: dict[str, list[Job]] = {}
    for job in jobs:
        if _shares(job, data):
            options = json.dumps(dict(job.options), sort_keys=True)
            alike.setdefault(f"{job.choice.name} {options}", []).append(job)
        else:
            yield (job,)
    parts = max(1, processes // max(1, len(alike)))
    shared = [tuple(b[k::parts]) for b in alike.values() for k in range(min(parts, len(b)))]

    def fits(batch: Batch) -> int:
        return len(batch) * (len(data.models) if batch[0].choice.method.each_model else 1)

    yield from sorted(shared, key=fits, reverse=True)


def _shares(job: Job, data: SplitTable) -> bool:
    """Whether the fits of a method without its folds can share what is compiled."""
    plain = job.choice.method.is_latent and not job.choice.corrected
    quick = job.options.get("inference") in ("laplace", "mode")
    return job.task.fold is not None and plain and quick and CATEGORY not in data.kinds.values()


def _run_batch(batch: Batch, data: SplitTable, reporter: Reporter) -> tuple[Failure, ...]:
    """Run some jobs, wherever it may be: results lie in their folders and need not travel back."""
    first, found = batch[0], list[Failure]()
    fits = None
    if _shares(first, data):
        from dirimix.estimators.latent.folds import FoldFits  # with it comes JAX

        fits = FoldFits(first.choice, data, first.options, first.seed)
    for job in batch:
        failure = attempt(job, partial(run_job, job, data, reporter, fits=fits))
        if failure is not None:
            reporter.say(f"{job.title}: failed: {failure.reason}")
            found.append(failure)
    return tuple(found)
