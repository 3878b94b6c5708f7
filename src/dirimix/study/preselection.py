"""Which models can be left out: backward elimination at a known cost in log score.

Starting from all models, one is removed at a time: the one without which a fast method predicts
left-out rows best. Every candidate is refitted on every fold, so the others may take over its
weight. A global method serves as the criterion because hundreds of fits are needed; what it
cannot see, a model that is good in one region only, is what `confirm` is for: slow methods are
refitted once with the models that were kept, and compared with themselves on all models.

The fewest models are kept that are within one standard error of the best set on the way.

Reference: Hastie, Tibshirani, Friedman (2009), doi 10.1007/978-0-387-84858-7, section 7.10.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from dirimix.assess.folds import clusters, make_folds
from dirimix.assess.schema import TABLES
from dirimix.errors import InputError, TableWarning
from dirimix.estimators.fitted import fit_method
from dirimix.laws.bands import less
from dirimix.laws.bootstrap import Bootstrap
from dirimix.methods import parse_method
from dirimix.study.spec import Study
from dirimix.table.split import SplitTable

_FEWEST = 2  # models that a mixture needs
_ROUNDING = 1e-9  # a loss of log score that is none
Models = tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """A set of models, the one that was removed to make it, and the log score of every row."""

    removed: str
    kept: Models
    points: np.ndarray


@dataclass(frozen=True)
class Selection:
    """The elimination and where it was stopped.

    Attributes:
        path: One row a number of models, from all to two; `cost` is the mean log score lost
            against all models, with a band that resamples clusters, `behind_best` that lost
            against the best set of the path, with its standard error.
        kept: The models of the chosen row.
    """

    path: pd.DataFrame
    kept: Models


def preselect(study: Study, data: SplitTable) -> Selection | None:
    """The elimination that a study asks for, None if it asks for none.

    Raises:
        InputError: If the folds of its scheme do not suit the table.
    """
    wanted = study.preselection
    if wanted is None:
        return None
    scheme = next(s for s in study.validation if s.name == wanted.scheme)
    folds = make_folds(scheme, data, study.seed)
    choice = parse_method(wanted.method)
    held = np.sort(np.concatenate([fold.held for fold in folds]))

    def score(models: Models) -> np.ndarray:
        found = np.full(len(data.parts["train"].frame), np.nan)
        for fold in folds:
            part = replace(fold.data(data), models=models)
            fitted = fit_method(choice, part, study.options_of(choice), study.seed)
            rows = part.parts[fold.scheme]
            assert rows.y is not None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TableWarning)  # of fits that only score
                law = fitted.the_mixture().predictive(fitted.prepared(rows.frame), rows.y_err)
            found[fold.held] = law.logpdf(rows.y)
        return found[held]

    rows = data.parts["train"].frame

    def usable(models: Models) -> bool:
        return bool(cast(pd.DataFrame, rows.loc[:, list(models)]).notna().any(axis=1).all())

    steps = eliminate(data.models, score, usable)
    if wanted.keep is not None and wanted.keep < len(steps[-1].kept):
        raise InputError(
            f"[preselection] keep is {wanted.keep}, but without any of "
            f"{', '.join(steps[-1].kept)} some training row has no value of a model; keep more, or "
            'take rows = "complete" in [data]'
        )
    rows = _path(steps, clusters(scheme, data)[held], study)
    # the row with the asked number of models, or the last within one error of the best
    near = pd.Series(rows["behind_best"] <= rows["behind_best_se"].fillna(0.0) + _ROUNDING)
    last, asked = np.flatnonzero(near)[-1], np.argmax(pd.Series(rows["models"] == wanted.keep))
    chosen = int(last if wanted.keep is None else asked)
    rows = rows.assign(method=wanted.method, split=scheme.name, chosen=rows.index == chosen)
    return Selection(rows.reindex(columns=TABLES["preselection"].columns()), steps[chosen].kept)


def eliminate(
    models: Models,
    score: Callable[[Models], np.ndarray],
    usable: Callable[[Models], bool] = lambda _: True,
) -> list[Step]:
    """Remove one model at a time, that without which the mean score is highest, down to two.

    It ends before where no smaller set is usable.

    >>> worth = {"a": 1.0, "b": 3.0, "c": 2.0}
    >>> steps = eliminate(("a", "b", "c"), lambda kept: np.array([sum(worth[m] for m in kept)]))
    >>> [step.removed for step in steps]
    ['', 'a']
    """
    steps = [Step("", models, score(models))]
    while len(steps[-1].kept) > _FEWEST:
        smaller = {m: tuple(k for k in steps[-1].kept if k != m) for m in steps[-1].kept}
        tried = [Step(m, kept, score(kept)) for m, kept in smaller.items() if usable(kept)]
        if not tried:
            break
        steps.append(max(tried, key=lambda step: step.points.mean()))
    return steps


def _path(steps: Sequence[Step], labels: np.ndarray, study: Study) -> pd.DataFrame:
    """One row a step, with what it loses against the first and against the best."""
    points = np.stack([step.points for step in steps], axis=1)
    best = points[:, [int(np.argmax(points.mean(axis=0)))]]
    lost, behind = _lost(points[:, [0]], points), _lost(best, points)
    bootstrap = Bootstrap(study.seed, study.n_boot)
    against_all, against_best = (bootstrap.resample(each, labels) for each in (lost, behind))
    low, high = against_all.band()
    return pd.DataFrame(
        {
            "models": [len(step.kept) for step in steps],
            "removed": [step.removed for step in steps],
            "kept": [" ".join(step.kept) for step in steps],
            "log_score": points.mean(axis=0),
            "n": len(points),
            "clusters": len(np.unique(labels)),
            "cost": against_all.mean,
            "cost_lo": low,
            "cost_hi": high,
            "behind_best": against_best.mean,
            "behind_best_se": against_best.error,
        }
    )


def _lost(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """What rows lose from the first to the second, nothing where both have the density 0."""
    return np.where(first == second, 0.0, less(first, second))
