"""A method fitted to a table: one estimator, or one a model, behind an optional correction."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dirimix.errors import DroppedRowsWarning, InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.correction import GPCorrection
from dirimix.estimators.fit_report import FitReport
from dirimix.estimators.transforms.choice import choose_transform
from dirimix.estimators.transforms.domain import refuse_outside
from dirimix.estimators.transforms.scaled import to_scale
from dirimix.laws.noise_scale import NoiseScale, noise_scale
from dirimix.laws.transformed_mixture import PredictiveLaw
from dirimix.laws.transforms import AbstractTransform
from dirimix.methods import Choice
from dirimix.sampling.progress import Listener
from dirimix.table.selection import fitted_rows, observed
from dirimix.table.split import SplitTable
from dirimix.table.table import Table, make_table


@dataclass(frozen=True)
class FittedMethod:
    """A fitted method.

    Attributes:
        name: The method's name.
        coords: Columns of the coordinates.
        models: Columns of the models.
        target: Column of the observations.
        correction: The correction in front of it, if any.
        mixture: The fitted estimator of all models, None for a method that mixes nothing.
        singles: Of such a method, the fitted estimators by their models.
        rows: How many training rows were used, by what tables call the model.
    """

    name: str
    coords: tuple[str, ...]
    models: tuple[str, ...]
    target: str
    correction: GPCorrection | None
    mixture: AbstractMixture | None = None
    singles: Mapping[str, AbstractMixture] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def members(self) -> Mapping[str, AbstractMixture]:
        """All fitted estimators by what tables call their model: '' for the mixture of all."""
        return self.singles if self.mixture is None else {"": self.mixture}

    @property
    def transform(self) -> str:
        """The name of the transform, that of all its estimators."""
        return str(next(iter(self.members.values())).transform_)

    def the_mixture(self) -> AbstractMixture:
        """The fitted estimator of all models.

        Raises:
            InputError: If the method mixes nothing.
        """
        if self.mixture is None:
            raise InputError(f"{self.name} mixes nothing; name a mixture")
        return self.mixture

    def table(self, frame: object) -> Table:
        """Rows to predict, their coordinates read as those of the fit were."""
        one = next(iter(self.members.values()))
        return make_table(frame, self.coords, self.models, kinds=one.kinds_, levels=one.levels_)

    def outside(self, frame: pd.DataFrame) -> np.ndarray:
        """Which rows of a frame, m of them, lie outside the training sites, (m,)."""
        return next(iter(self.members.values())).reach_.outside(self.table(frame).x)

    def prepared(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with corrected models, if the method corrects them."""
        return frame if self.correction is None else self.correction.transform(frame)

    def reasons(self) -> tuple[str, ...]:
        """Why the result has not converged; nothing if it has."""
        found: dict[str, list[str]] = {}
        for model, member in self.members.items():
            for reason in member.fit_report().reasons:
                found.setdefault(reason, []).append(model)
        every = len(self.members)
        return tuple(r if len(m) == every else f"{', '.join(m)}: {r}" for r, m in found.items())


@dataclass(frozen=True)
class View:
    """One predictive law of a fitted method, at the rows of one split.

    Attributes:
        model: The model that it uses, '' for a mixture of all.
        weights: 'field', 'site', 'projected' or 'unprojected'.
        rows: Indices of the rows that it predicts, (r,).
        law: The law there.
    """

    model: str
    weights: str
    rows: np.ndarray
    law: PredictiveLaw


def fit_method(
    choice: Choice,
    data: SplitTable,
    options: Mapping[str, object],
    seed: int,
    listener: Listener | None = None,
) -> FittedMethod:
    """Fit a method to the training rows of a table.

    Raises:
        InputError: If the table or an option is not usable.
    """
    fitted, rows = unfitted(choice, data, options, seed), data.parts["train"]
    y = observed(rows)
    if fitted.correction is not None:
        fitted.correction.fit(rows.frame, y, rows.y_err)
    frame = fitted.prepared(rows.frame)
    for member in fitted.members.values():
        member.progress = listener
        member.fit(frame, y, rows.y_err)
        member.progress = None  # what listens to this run is no part of the result
    return fitted


def unfitted(
    choice: Choice, data: SplitTable, options: Mapping[str, object], seed: int
) -> FittedMethod:
    """What `fit_method` fits: estimators with the transform and the scale of the training rows."""
    options = {**options, "y_transform": transform_of(data, options)}
    rows, scale = data.parts["train"], scale_of(data, options)
    given = {**options, "y_scale": scale}
    built = choice.method.build(data.coords, data.models, given, seed, data.places)
    mixture, singles = (None, built) if choice.method.each_model else (built[""], {})
    correction = _correction(data, options, scale, seed) if choice.corrected else None
    used = {model: _rows_used(member, rows.frame) for model, member in built.items()}
    return FittedMethod(
        *(choice.name, data.coords, data.models, data.target),
        *(correction, mixture, singles, used),
    )


def check_parameters(
    choice: Choice, data: SplitTable, options: Mapping[str, object], seed: int
) -> None:
    """Refuse options of a method that no table could serve.

    Raises:
        InputError: If one is not usable.
    """
    given: Any = options.get("y_scale")
    if choice.corrected:
        _correction(data, options, given, seed).check_parameters()
    built = choice.method.build(data.coords, data.models, options, seed, data.places)
    for member in built.values():
        member.check_parameters()


def check_method(
    choice: Choice, data: SplitTable, options: Mapping[str, object], seed: int
) -> None:
    """Refuse, and warn of, what `fit_method` would, before it begins to work.

    Raises:
        InputError: If the table or an option is not usable.
    """
    options = {**options, "y_transform": transform_of(data, options)}
    rows, scale = data.parts["train"], scale_of(data, options)
    given = {**options, "y_scale": scale}
    built = choice.method.build(data.coords, data.models, given, seed, data.places)
    for member in built.values():
        member.check(rows.frame, observed(rows), rows.y_err)


def transform_of(data: SplitTable, options: Mapping[str, object]) -> AbstractTransform:
    """The scale of every method fitted to a table: one for all of its models.

    Raises:
        InputError: If it is not known, or has no place for a value, of training rows or others.
    """
    given: Any = options.get("y_transform")
    tables = {
        split: make_table(rows.frame, data.coords, data.models, rows.y)
        for split, rows in data.parts.items()
    }
    transform = choose_transform(given, tables["train"], data.target)
    for table in tables.values():
        refuse_outside(table, str(transform), data.target)
    return transform


def _rows_used(member: AbstractMixture, frame: pd.DataFrame) -> int:
    """How many rows of a frame an estimator is fitted to: it may need a value of every model."""
    known = frame[list(member.models)].notna().to_numpy()
    return int(fitted_rows(known, complete=member.complete_only).sum())


def scale_of(data: SplitTable, options: Mapping[str, object]) -> NoiseScale:
    """The scale of the noise for every method fitted to a table: one for all, as are its models.

    So single models are measured in one unit, and corrected ones in that of the models as given.

    Raises:
        InputError: If the options give one that is no positive number.
    """
    rows = data.parts["train"]
    given: Any = options.get("y_scale")
    table = make_table(rows.frame, data.coords, data.models, rows.y)
    scaled = to_scale(table, transform_of(data, options))
    return noise_scale(given, scaled.f, observed(scaled))


def _correction(
    data: SplitTable, options: Mapping[str, object], scale: NoiseScale, seed: int
) -> GPCorrection:
    transform: Any = options.get("y_transform")
    return GPCorrection(
        data.coords,
        data.models,
        geo=data.geo,
        periodic=data.periodic,
        y_scale=scale,
        y_transform=transform,
        random_state=seed,
    )


def predicted_rows(model: str, frame: pd.DataFrame) -> np.ndarray:
    """Indices of the rows of a frame that a single model predicts, those where it has a value.

    A mixture, '' for its model, predicts all.
    """
    known = frame[model].notna() if model else np.ones(len(frame), dtype=bool)
    return np.flatnonzero(known)


def views(fitted: FittedMethod, data: SplitTable, split: str) -> Iterator[View]:
    """Every law that a fitted method offers at the rows of a split."""
    rows = data.parts[split]
    frame = fitted.prepared(rows.frame)
    for model, member in fitted.members.items():
        index = predicted_rows(model, rows.frame)
        if not len(index):
            continue
        y_err = None if rows.y_err is None else rows.y_err[index]
        kept = frame.iloc[index]
        report = member.fit_report()
        yield View(model, "field", index, member.predictive(kept, y_err))
        for label, sibling in _siblings(report):
            yield View(model, label, index, sibling.predictive(kept, y_err))
        if split == "train" and report.site_law is not None:
            yield View(model, "site", index, report.site_law())


def _siblings(report: FitReport) -> Iterator[tuple[str, AbstractMixture]]:
    for label, make in report.siblings.items():
        try:
            yield label, make()
        except InputError as error:
            warnings.warn(
                f"no {label} weights are scored: {error}", DroppedRowsWarning, stacklevel=2
            )
