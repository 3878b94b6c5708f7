"""The jobs of a study: one fit each, known by what it is made from."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dirimix._version import __version__
from dirimix.assess.folds import make_folds
from dirimix.assess.options import Scheme
from dirimix.laws.bands import Bootstrap
from dirimix.methods import Choice
from dirimix.study.folder import read_json
from dirimix.study.load import frame_sha256
from dirimix.study.preselection import Selection
from dirimix.study.spec import Study
from dirimix.study.tasks import AbstractTask, FoldFit, FullFit, OtherTableFit, ReducedFit
from dirimix.table.split import SplitTable


@dataclass(frozen=True)
class Job:
    """One method to run.

    Attributes:
        choice: The method.
        options: Its options.
        seed: Its seed.
        bootstrap: Of the bands of its scores.
        folder: The study's output folder.
        key: Says from what the result is made: the same key, the same result.
        task: What it is fitted to, and what is measured.
    """

    choice: Choice
    options: Mapping[str, object]
    seed: int
    bootstrap: Bootstrap
    folder: Path
    key: str
    task: AbstractTask

    @property
    def home(self) -> Path:
        """The job's own folder."""
        return self.folder / self.task.place / self.choice.name

    @property
    def posterior(self) -> Path:
        """Where its posterior lies, if it keeps one."""
        return self.folder / f"posterior-{self.choice.name}.nc"

    @property
    def title(self) -> str:
        """What a user reads of it."""
        return self.task.title(self.choice.name)

    @property
    def is_whole(self) -> bool:
        """Whether it is the fit to all training rows."""
        return isinstance(self.task, FullFit)


@dataclass(frozen=True)
class ResolvedStudy:
    """All that is known before the first fit.

    Attributes:
        study: What is to be run.
        data: On what.
        others: Other tables of the same sites, by the name that [threshold.along] gives them.
        selection: The models that a preselection kept, if one was asked for.
    """

    study: Study
    data: SplitTable
    others: Mapping[str, SplitTable] = field(default_factory=dict)
    selection: Selection | None = None


def make_jobs(setup: ResolvedStudy, folder: Path) -> tuple[Job, ...]:
    """One job a method on all training rows, then all that the optional sections ask for."""
    study, content = setup.study, content_of(setup.data)
    bootstrap = Bootstrap(study.seed, study.n_boot)
    jobs = []
    for choice, task, more in _fits(setup):
        options = study.options_of(choice) | dict(more)
        made_from = [
            __version__, choice.name, options, study.seed, study.n_boot, content, task.content(),
        ]  # fmt: skip
        key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        jobs.append(Job(choice, options, study.seed, bootstrap, folder, key, task))
    return tuple(jobs)


def is_done(job: Job) -> bool:
    """Whether the job's folder holds this very result, and its posterior is there if it has one."""
    path = job.home / "facts.json"
    if not path.is_file():
        return False
    facts = read_json(path)
    return facts["key"] == job.key and (not facts["posterior"] or job.posterior.is_file())


Fits = Iterator[tuple[Choice, AbstractTask, Mapping[str, object]]]


def _fits(setup: ResolvedStudy) -> Fits:
    """Method, task and options over those of the study, of every job."""
    study = setup.study
    for choice in study.choices():
        yield choice, _whole(choice, study), {}
    for scheme in study.validation:
        yield from _held_out(scheme, setup)
    if setup.selection is not None and study.preselection is not None:
        for choice in study.choices():
            if choice.name in study.preselection.confirm:
                yield choice, ReducedFit(setup.selection.kept), {}
    yield from _elsewhere(setup)


def _whole(choice: Choice, study: Study) -> FullFit:
    wanted = study.threshold
    if wanted is None or choice.name not in wanted.methods:
        return FullFit(study.reversion)
    return FullFit(study.reversion, wanted, wanted.along[study.data.table])


def _held_out(scheme: Scheme, setup: ResolvedStudy) -> Fits:
    folds = make_folds(scheme, setup.data, setup.study.seed)
    for choice in setup.study.validated(scheme):
        known = choice.method.options()
        more = {k: v for k, v in scheme.options.items() if k in known}
        for fold in folds:
            yield choice, FoldFit(fold), more


def _elsewhere(setup: ResolvedStudy) -> Fits:
    wanted = setup.study.threshold
    for table, other in setup.others.items():
        assert wanted is not None
        digest = json.dumps(content_of(other))
        for choice in setup.study.choices():
            if choice.name in wanted.methods:
                yield choice, OtherTableFit(other, wanted, wanted.along[table], digest), {}


def content_of(data: SplitTable) -> list[object]:
    """What of a table decides a result, as plain values."""
    parts = {
        split: frame_sha256(rows.frame.assign(__y=rows.y, __y_err=rows.y_err))
        for split, rows in data.parts.items()
    }
    parts["everywhere"] = frame_sha256(data.everywhere)
    return [data.coords, data.models, data.target, data.error, parts]
