"""One fit: made, scored and written to its folder."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dirimix.errors import ExtrapolationWarning, TableWarning
from dirimix.estimators.fitted import FittedMethod, fit_method
from dirimix.estimators.transforms.choice import in_words
from dirimix.laws.transform_names import NO_TRANSFORM
from dirimix.sampling.progress import Listener
from dirimix.study.disk.draw_files import draws_kept, folder_of_draws
from dirimix.study.disk.parts import write_facts
from dirimix.study.failures import with_the_value_to_blame
from dirimix.study.folder import POSTERIOR_FILE, remove, write_tables
from dirimix.study.jobs import Job
from dirimix.study.work.said import collected_warnings
from dirimix.table.netcdf import write_netcdf
from dirimix.table.split import SplitTable

if TYPE_CHECKING:
    from dirimix.estimators.latent.folds import FoldFits


class Reporter(Protocol):
    """Writes progress for a user; must survive being sent to another process."""

    def say(self, text: str) -> None:
        """Write one line."""

    def listener(self, method: str) -> Listener | None:
        """A callback for the progress of a method's chains, None to be quiet."""


def run_job(
    job: Job,
    data: SplitTable,
    reporter: Reporter,
    draws: Path | None = None,
    fits: "FoldFits | None" = None,
) -> FittedMethod:
    """Fit a method, score it and write its folder, whole or not at all.

    Args:
        job: What to fit.
        data: The table of the study.
        reporter: Is told how it goes.
        draws: Where draws lie while it is under way, which stay; beside its folder if not given.
        fits: Makes the fit of a job that shares what is compiled with others.
    """
    begun, kept = time.perf_counter(), draws or folder_of_draws(job.home)
    reporter.say(f"{job.title}: {job.choice.words}" if job.is_whole else job.title)
    # what a fit to fewer rows warns of, that to all rows has said
    say: Callable[[str], None] = reporter.say if job.is_whole else lambda _: None
    with collected_warnings(say, job.title) as lines:
        for said in (ExtrapolationWarning, TableWarning):  # by the table's notes
            warnings.simplefilter("ignore", said)
        own = job.task.data(data)
        with with_the_value_to_blame(own):
            listener = reporter.listener(job.title)
            # not those of its tables: what fails after the fit does not cost its draws
            with draws_kept(kept, job.key, lambda text: reporter.say(f"{job.title}: {text}")):
                if fits is None or job.task.fold is None:
                    fitted = fit_method(job.choice, own, job.options, job.seed, listener)
                else:
                    fitted = fits.fit(job.task.fold.held, own)
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
    if draws is None:
        remove(kept)
    return fitted


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
