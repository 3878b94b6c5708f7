"""The jobs of a study: what is fitted to what, and whether its result is there already.

A task makes the table to fit from the study's (`data`) and the tables of results from the fitted
method (`tables`). It knows the folder inside the study's that holds one folder a method (`place`),
the job in a few words (`title`), and what of itself decides the result (`content`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dirimix._version import __version__
from dirimix.assess.folds import Fold, make_folds
from dirimix.assess.loo import loo_tables
from dirimix.assess.method_tables import Tables, method_tables, of_method, point_table
from dirimix.assess.options import Reversion, Scheme, Threshold
from dirimix.assess.threshold import threshold_tables
from dirimix.estimators.fitted import FittedMethod
from dirimix.laws.bands import Bootstrap
from dirimix.methods import Choice
from dirimix.study.folder import (
    FACTS_FILE,
    FOLD_FOLDER,
    METHOD_FOLDER,
    OTHER_TABLE_FOLDER,
    REDUCED_FOLDER,
    posterior_file,
    read_json,
)
from dirimix.study.load import frame_sha256
from dirimix.study.preselection import Selection
from dirimix.study.spec import Study
from dirimix.table.split import SplitTable


@dataclass(frozen=True)
class FullFit:
    """The method on all training rows: everything that the output folder shows.

    Attributes:
        bootstrap: Of the bands of its scores.
        reversion: When a local weight has gone back to its far field.
        threshold: The level that its predictions are followed above, if any.
        along: The coordinate of the lines on which they are.
    """

    bootstrap: Bootstrap
    reversion: Reversion
    threshold: Threshold | None = None
    along: str = ""

    @property
    def place(self) -> str:
        return METHOD_FOLDER

    def title(self, method: str) -> str:
        return method

    def content(self) -> object:
        return ["whole", asdict(self.reversion), self.threshold and asdict(self.threshold)]

    def data(self, data: SplitTable) -> SplitTable:
        return data

    def tables(self, fitted: FittedMethod, data: SplitTable) -> Tables:
        return method_tables(
            fitted,
            data,
            self.bootstrap,
            reversion=self.reversion,
            threshold=self.threshold,
            along=self.along,
        )


@dataclass(frozen=True)
class FoldFit:
    """The method without the rows of a fold, which it then predicts."""

    fold: Fold

    @property
    def place(self) -> str:
        return f"{FOLD_FOLDER}/{self.fold.scheme}/{self.fold.label}"

    def title(self, method: str) -> str:
        return f"{method} without {self.fold.scheme} {self.fold.label}"

    def content(self) -> object:
        return [self.fold.scheme, self.fold.label, self.fold.held.tolist()]

    def data(self, data: SplitTable) -> SplitTable:
        return self.fold.data(data)

    def tables(self, fitted: FittedMethod, data: SplitTable) -> Tables:
        points = point_table(fitted, data, self.fold.scheme)
        rows = self.fold.held[points["row"].to_numpy()]
        return of_method(fitted, {"pointwise": points.assign(row=rows)})


@dataclass(frozen=True)
class ReducedFit:
    """The method with some of the models: what it predicts, and its leave-one-out scores."""

    models: tuple[str, ...]

    @property
    def place(self) -> str:
        return REDUCED_FOLDER

    def title(self, method: str) -> str:
        return f"{method} with {len(self.models)} models"

    def content(self) -> object:
        return ["fewer", *self.models]

    def data(self, data: SplitTable) -> SplitTable:
        return replace(data, models=self.models)

    def tables(self, fitted: FittedMethod, data: SplitTable) -> Tables:
        tables = loo_tables(fitted, data)
        if "test" in data.parts:
            tables["pointwise"] = point_table(fitted, data, "test")
        return of_method(fitted, tables)


@dataclass(frozen=True)
class OtherTableFit:
    """The method on another table of the same sites, only to see where that is above a level.

    Attributes:
        other: The other table.
        threshold: The level.
        along: The coordinate of the lines there.
        digest: Says what the other table holds.
    """

    other: SplitTable
    threshold: Threshold
    along: str
    digest: str

    @property
    def place(self) -> str:
        return f"{OTHER_TABLE_FOLDER}/{self.other.target}"

    def title(self, method: str) -> str:
        return f"{method} of {self.other.target}"

    def content(self) -> object:
        return ["elsewhere", asdict(self.threshold), self.digest]

    def data(self, data: SplitTable) -> SplitTable:
        del data
        return self.other

    def tables(self, fitted: FittedMethod, data: SplitTable) -> Tables:
        return of_method(fitted, threshold_tables(fitted, data, self.threshold, self.along))


Task = FullFit | FoldFit | ReducedFit | OtherTableFit


@dataclass(frozen=True)
class Job:
    """One method to fit.

    Attributes:
        choice: The method.
        options: Its options.
        seed: Its seed.
        folder: The study's output folder.
        key: Says from what the result is made: the same key, the same result.
        task: What it is fitted to, and what is measured.
    """

    choice: Choice
    options: Mapping[str, object]
    seed: int
    folder: Path
    key: str
    task: Task

    @property
    def home(self) -> Path:
        """The job's own folder."""
        return self.folder / self.task.place / self.choice.name

    @property
    def posterior(self) -> Path:
        """Where its posterior lies, if it keeps one."""
        return self.folder / posterior_file(self.choice.name)

    @property
    def title(self) -> str:
        """What a user reads of it."""
        return self.task.title(self.choice.name)

    @property
    def is_whole(self) -> bool:
        """Whether it is the fit to all training rows."""
        return isinstance(self.task, FullFit)

    def facts(self) -> dict[str, Any]:
        """What the finished job says of itself."""
        return read_json(self.home / FACTS_FILE)

    def is_done(self) -> bool:
        """Whether its folder holds this very result, and its posterior is there if it has one."""
        if not (self.home / FACTS_FILE).is_file():
            return False
        facts = self.facts()
        return facts["key"] == self.key and (not facts["posterior"] or self.posterior.is_file())


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
    jobs = []
    for choice, task, more in _fits(setup):
        options = study.options_of(choice) | dict(more)
        made_from = [
            __version__, choice.name, options, study.seed, study.n_boot, content, task.content(),
        ]  # fmt: skip
        key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        jobs.append(Job(choice, options, study.seed, folder, key, task))
    return tuple(jobs)


_Fits = Iterator[tuple[Choice, Task, Mapping[str, object]]]


def _fits(setup: ResolvedStudy) -> _Fits:
    """Method, task and options over those of the study, of every job."""
    study = setup.study
    for choice in study.choices():
        yield choice, _full_fit(choice, study), {}
    for scheme in study.validation:
        yield from _fold_fits(scheme, setup)
    if setup.selection is not None and study.preselection is not None:
        for choice in study.choices():
            if choice.name in study.preselection.confirm:
                yield choice, ReducedFit(setup.selection.kept), {}
    yield from _other_table_fits(setup)


def _full_fit(choice: Choice, study: Study) -> FullFit:
    bootstrap, wanted = Bootstrap(study.seed, study.n_boot), study.threshold
    if wanted is None or choice.name not in wanted.methods:
        return FullFit(bootstrap, study.reversion)
    return FullFit(bootstrap, study.reversion, wanted, wanted.along[study.data.table])


def _fold_fits(scheme: Scheme, setup: ResolvedStudy) -> _Fits:
    folds = make_folds(scheme, setup.data, setup.study.seed)
    for choice in setup.study.validated(scheme):
        known = choice.method.options()
        more = {k: v for k, v in scheme.options.items() if k in known}
        for fold in folds:
            yield choice, FoldFit(fold), more


def _other_table_fits(setup: ResolvedStudy) -> _Fits:
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
