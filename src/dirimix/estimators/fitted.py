"""A method fitted to a table: one estimator, or one a model, behind an optional correction."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dirimix.errors import DroppedRowsWarning, InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.correction import GPCorrection
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.methods import Choice
from dirimix.sampling.progress import Listener
from dirimix.table.split import SplitTable

_SIBLINGS = ("projected", "unprojected")  # fitted relatives that some estimators offer


@dataclass(frozen=True)
class FittedMethod:
    """A fitted method.

    Attributes:
        name: The method's name.
        coords: Columns of the coordinates.
        models: Columns of the models.
        target: Column of the observations.
        correction: The correction in front of it, if any.
        members: Fitted estimators by the model that they use; '' for a mixture of all.
    """

    name: str
    coords: tuple[str, ...]
    models: tuple[str, ...]
    target: str
    correction: GPCorrection | None
    members: Mapping[str, AbstractMixture]

    def prepared(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with corrected models, if the method corrects them."""
        return frame if self.correction is None else self.correction.transform(frame)

    def reasons(self) -> tuple[str, ...]:
        """Why the result has not converged; nothing if it has."""
        found = [
            reason
            for member in self.members.values()
            if not getattr(member, "converged_", True)
            for reason in getattr(member, "sampling_", {}).get("reasons", ())
            or ("no reason given",)
        ]
        return tuple(found)


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
    law: NormalMixture


def fit_method(
    choice: Choice,
    data: SplitTable,
    options: Mapping[str, object],
    seed: int,
    listener: Listener | None = None,
) -> FittedMethod:
    """Fit a method to the training rows of a data."""
    rows = data.parts["train"]
    members = choice.method.build(data.coords, data.models, options, seed)
    correction = _correction(data, options, seed) if choice.corrected else None
    fitted = FittedMethod(choice.name, data.coords, data.models, data.target, correction, members)
    if correction is not None:
        correction.fit(rows.frame, rows.y, rows.y_err)
    frame = fitted.prepared(rows.frame)
    for member in members.values():
        # what listens to this run is no part of the result
        if hasattr(member, "progress"):
            member.progress = listener
        member.fit(frame, rows.y, rows.y_err)
        if hasattr(member, "progress"):
            member.progress = None
    return fitted


def _correction(data: SplitTable, options: Mapping[str, object], seed: int) -> GPCorrection:
    y_scale = options.get("y_scale", 1.0)
    assert isinstance(y_scale, float | int)
    return GPCorrection(data.coords, data.models, y_scale=y_scale, random_state=seed)


def views(fitted: FittedMethod, data: SplitTable, split: str) -> Iterator[View]:
    """Every law that a fitted method offers at the rows of a split.

    A single model predicts the rows where it has a value; a mixture predicts all.
    """
    rows = data.parts[split]
    frame = fitted.prepared(rows.frame)
    for model, member in fitted.members.items():
        known = rows.frame[model].notna().to_numpy() if model else np.ones(len(frame), dtype=bool)
        index = np.flatnonzero(known)
        if not len(index):
            continue
        y_err = None if rows.y_err is None else rows.y_err[index]
        kept = frame.iloc[index]
        yield View(model, "field", index, member.predictive(kept, y_err))
        for label, sibling in _siblings(member):
            yield View(model, label, index, sibling.predictive(kept, y_err))
        if split == "train" and hasattr(member, "site_predictive"):
            yield View(model, "site", index, member.site_predictive())


def _siblings(member: AbstractMixture) -> Iterator[tuple[str, AbstractMixture]]:
    for label in _SIBLINGS:
        if hasattr(member, label):
            try:
                yield label, getattr(member, label)()
            except InputError as error:
                warnings.warn(
                    f"no {label} weights are scored: {error}", DroppedRowsWarning, stacklevel=2
                )
