"""The jobs of a study: one fit each, known by what it is made from."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dirimix._version import __version__
from dirimix.folds import make_folds
from dirimix.methods import Choice
from dirimix.outputs import Scoring
from dirimix.problem import Problem, frame_sha256
from dirimix.storage import read_json
from dirimix.study import Study
from dirimix.tasks import AbstractTask, Fewer, HeldOut, Whole


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
        task: What it is fitted to, and what is measured.
    """

    choice: Choice
    options: Mapping[str, object]
    seed: int
    scoring: Scoring
    folder: Path
    key: str
    task: AbstractTask

    @property
    def home(self) -> Path:
        """The job's own folder."""
        return self.folder / self.task.place / self.choice.name

    @property
    def title(self) -> str:
        """What a user reads of it."""
        return self.task.title(self.choice.name)

    @property
    def is_whole(self) -> bool:
        """Whether it is the fit to all training rows."""
        return isinstance(self.task, Whole)


def make_jobs(
    study: Study, problem: Problem, folder: Path, kept: tuple[str, ...] = ()
) -> tuple[Job, ...]:
    """One job a method on all training rows, then those of the validation schemes.

    Args:
        study: What is to be run.
        problem: What it is run on.
        folder: The output folder.
        kept: The models that a preselection kept; methods that confirm it are run with them.
    """
    content = _content(problem)
    scoring = Scoring(study.n_boot, study.seed)
    jobs = []
    for choice, task, more in _work(study, problem, kept):
        options = study.options_of(choice) | dict(more)
        made_from = [
            __version__, choice.name, options, study.seed, study.n_boot, content, task.content(),
        ]  # fmt: skip
        key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        jobs.append(Job(choice, options, study.seed, scoring, folder, key, task))
    return tuple(jobs)


def is_done(job: Job) -> bool:
    """Whether the job's folder holds this very result."""
    facts = job.home / "facts.json"
    return facts.is_file() and read_json(facts)["key"] == job.key


def _work(
    study: Study, problem: Problem, kept: tuple[str, ...]
) -> Iterator[tuple[Choice, AbstractTask, Mapping[str, object]]]:
    """Method, task and options over those of the study, of every job."""
    for choice in study.choices():
        yield choice, Whole(), {}
    for scheme in study.validation:
        folds = make_folds(scheme, problem, study.seed)
        for choice in study.validated(scheme):
            known = choice.method.options()
            more = {k: v for k, v in scheme.options.items() if k in known}
            for fold in folds:
                yield choice, HeldOut(fold), more
    if kept and study.preselection is not None:
        for choice in study.choices():
            if choice.name in study.preselection.confirm:
                yield choice, Fewer(kept), {}


def _content(problem: Problem) -> list[object]:
    """What of a problem decides a result."""
    parts = {
        split: frame_sha256(rows.frame.assign(__y=rows.y, __y_err=rows.y_err))
        for split, rows in problem.parts.items()
    }
    return [problem.coords, problem.models, problem.target, problem.error, parts]
