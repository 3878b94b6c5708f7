"""The jobs of a study: what is fitted to what, and whether its result is there already."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from dirimix._version import __version__
from dirimix.assess.folds import Fold, make_folds
from dirimix.assess.loo import loo_tables
from dirimix.assess.method_tables import Tables, method_tables, of_method, point_table
from dirimix.assess.options import Threshold
from dirimix.assess.threshold import threshold_tables
from dirimix.errors import InputError, ScaleWarning
from dirimix.estimators.fitted import FittedMethod, scale_of
from dirimix.laws.bootstrap import Bootstrap
from dirimix.methods import Choice
from dirimix.study.disk.parts import is_whole
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
class Task:
    """What one or several methods are fitted to, and what is measured; it can be pickled.

    Attributes:
        place: The folder inside the study's that holds one folder a method.
        content: What of it decides the result, as plain values.
        tables: Makes the tables of results from a fitted method and what it was fitted to.
        data: Makes what is fitted to from the study's data, by default the same.
        words: What a user reads of it, after the method's name.
        fold: The rows that are left out, if it is for them.
    """

    place: str
    content: Sequence[object]
    tables: Callable[[FittedMethod, SplitTable], Tables]
    data: Callable[[SplitTable], SplitTable] = replace
    words: str = ""
    fold: Fold | None = None


@dataclass(frozen=True)
class Job:
    """One method to fit for a task; two jobs with the same `key` have the same result.

    `folder` is the output folder of the whole study.
    """

    choice: Choice
    options: Mapping[str, object]
    seed: int
    folder: Path
    key: str
    task: Task

    @property
    def home(self) -> Path:
        return self.folder / self.task.place / self.choice.name

    @property
    def posterior(self) -> Path:
        """Where its posterior lies, if it keeps one."""
        return self.folder / posterior_file(self.choice.name)

    @property
    def title(self) -> str:
        return self.choice.name + self.task.words

    @property
    def is_whole(self) -> bool:
        """Whether it is the fit to all training rows."""
        return self.task.place == METHOD_FOLDER

    def facts(self) -> dict[str, Any]:
        """What the finished job says of itself."""
        return read_json(self.home / FACTS_FILE)

    def is_done(self) -> bool:
        """Whether its folder holds this very result, as it was written."""
        return is_whole(self.home, self.posterior, self.key)


@dataclass(frozen=True)
class ResolvedStudy:
    """All that is known before the first fit.

    Attributes:
        others: Other tables of the same sites, by the name that [threshold.along] gives them.
        selection: The models that a preselection kept, if one was asked for.

    Raises:
        InputError: If two of the other tables have the same target.
    """

    study: Study
    data: SplitTable
    others: Mapping[str, SplitTable] = field(default_factory=dict[str, SplitTable])
    selection: Selection | None = None

    def __post_init__(self) -> None:
        targets = [other.target for other in self.others.values()]
        if len(set(targets)) < len(targets):
            raise InputError(
                "the tables of [threshold.along] beside the study's own must differ in their "
                f"targets, which are {', '.join(targets)}; keep one table a target"
            )


def make_jobs(setup: ResolvedStudy, folder: Path) -> tuple[Job, ...]:
    """One job a method on all training rows, then all that the optional sections ask for."""
    study, content = setup.study, _content_of(setup.data)
    jobs: list[Job] = []
    for choice, task, more in _fits(setup):
        options = study.options_of(choice) | dict(more)
        made_from = [
            __version__, choice.name, options, study.seed, study.n_boot, content, task.content,
        ]  # fmt: skip
        key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        jobs.append(Job(choice, options, study.seed, folder, key, task))
    return tuple(jobs)


def scale_note(jobs: Sequence[Job], data: SplitTable) -> str:
    """Which scale of the noise the methods have, whether it was found from the data or given."""
    unit = data.units.get(data.target, "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScaleWarning)  # the fit warns, and keeps it with the result
        scales = dict.fromkeys(scale_of(data, job.options) for job in jobs if job.is_whole)
    words = "; ".join(f"{s.value:.3g} {unit}".strip() + f", {s.words}" for s in scales)
    return f"noise scale of {data.target}: {words}"


def _fits(setup: ResolvedStudy) -> Iterator[tuple[Choice, Task, Mapping[str, object]]]:
    """Method, task and options over those of the study, of every job."""
    study, wanted = setup.study, setup.study.threshold
    followed = () if wanted is None else wanted.methods
    for choice in study.choices():
        yield choice, _whole(study, followed=choice.name in followed), {}
    for scheme in study.validation:
        tasks = [_without(fold) for fold in make_folds(scheme, setup.data, study.seed)]
        for choice in study.validated(scheme):
            known = choice.method.options()
            more = {k: v for k, v in scheme.options.items() if k in known}
            yield from ((choice, task, more) for task in tasks)
    if setup.selection is not None and study.preselection is not None:
        task = _reduced(setup.selection.kept)
        confirm = study.preselection.confirm
        yield from ((choice, task, {}) for choice in study.choices() if choice.name in confirm)
    for table, other in setup.others.items():
        # a target of the study's own name is told apart by its table
        own = other.target == setup.data.target
        target = f"{other.target} of {Path(table).name}" if own else other.target
        task = _elsewhere(study, table, other, target)
        yield from ((choice, task, {}) for choice in study.choices() if choice.name in followed)


def _whole(study: Study, *, followed: bool) -> Task:
    """All training rows, and every table that the output folder shows."""
    threshold = study.threshold if followed else None
    tables = partial(
        method_tables,
        bootstrap=Bootstrap(study.seed, study.n_boot),
        reversion=study.reversion,
        threshold=threshold,
        along=threshold.along[study.data.table] if threshold else "",
    )
    content = ["whole", asdict(study.reversion), threshold and asdict(threshold)]
    return Task(METHOD_FOLDER, content, tables)


def _without(fold: Fold) -> Task:
    """All training rows but those of a fold, which are then predicted."""
    return Task(
        f"{FOLD_FOLDER}/{fold.scheme}/{fold.label}",
        [fold.scheme, fold.label, fold.held.tolist()],
        partial(_fold_tables, fold),
        fold.data,
        f" without {fold.scheme} {fold.label}",
        fold,
    )


def _fold_tables(fold: Fold, fitted: FittedMethod, data: SplitTable) -> Tables:
    points = point_table(fitted, data, fold.scheme)
    rows = fold.held[points["row"].to_numpy()]
    return of_method(fitted, {"pointwise": points.assign(row=rows)})


def _reduced(models: tuple[str, ...]) -> Task:
    """Some of the models: what they predict, and their leave-one-out scores."""
    words, content = f" with {len(models)} models", ["fewer", *models]
    data = partial(replace, models=models)
    return Task(REDUCED_FOLDER, content, _reduced_tables, data, words)


def _reduced_tables(fitted: FittedMethod, data: SplitTable) -> Tables:
    tables = loo_tables(fitted, data)
    if "test" in data.parts:
        tables["pointwise"] = point_table(fitted, data, "test")
    return of_method(fitted, tables)


def _elsewhere(study: Study, table: str, other: SplitTable, target: str) -> Task:
    """Another table of the same sites, only to see where its target is above a level."""
    wanted = study.threshold
    assert wanted is not None
    place, words = f"{OTHER_TABLE_FOLDER}/{other.target}", f" of {target}"
    content = ["elsewhere", asdict(wanted), json.dumps(_content_of(other))]
    along = wanted.along[table]
    tables = partial(_threshold_tables, wanted=wanted, along=along, target=target)
    return Task(place, content, tables, partial(_instead, other), words)


def _instead(other: SplitTable, data: SplitTable) -> SplitTable:
    del data
    return other


def _threshold_tables(
    fitted: FittedMethod, data: SplitTable, wanted: Threshold, along: str, target: str
) -> Tables:
    return of_method(fitted, threshold_tables(fitted, data, wanted, along, target))


def _content_of(data: SplitTable) -> list[object]:
    """What of a table decides a result, as plain values."""
    parts = {
        split: frame_sha256(rows.frame.assign(__y=rows.y, __y_err=rows.y_err))
        for split, rows in data.parts.items()
    }
    parts["everywhere"] = frame_sha256(data.everywhere)
    return [data.coords, data.models, data.target, data.error, parts, data.places]
