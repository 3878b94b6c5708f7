"""Bring together what the jobs predicted of rows that they had not seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from dirimix.assess.comparison import Resampling, pair_rows, score_row, score_rows
from dirimix.assess.folds import clusters, predicted_part
from dirimix.assess.options import Scheme
from dirimix.study.folder import read_json
from dirimix.study.jobs import Job
from dirimix.study.spec import Study
from dirimix.study.tasks import FoldFit, ReducedFit
from dirimix.table.split import SplitTable

LEAVE_ONE_OUT = "psis-loo"
_KEPT = ", kept models"
FOLD_COLUMNS = ("split", "fold", "method", "model", "n", "rms", "crps", "log_score", "converged")
_COLUMNS = (
    "method", "model", "split", "weights", "row", "cluster", "error", "log_score", "crps", "pit",
)  # fmt: skip


@dataclass(frozen=True)
class Validation:
    """What the validation schemes say.

    Attributes:
        points: One line a method and row, of every split: the schemes', train, test and
            leave-one-out.
        scores: Scores of the schemes.
        folds: Scores of each fold by itself.
    """

    points: pd.DataFrame
    scores: pd.DataFrame
    folds: pd.DataFrame


def validate(study: Study, data: SplitTable, jobs: Sequence[Job]) -> Validation:
    """Collect the points of all jobs and score those of the schemes."""
    resampling = Resampling(study.seed, study.n_boot)
    whole = _own_points(job for job in jobs if job.is_whole)
    parts, folds = [whole, _leave_one_out(job for job in jobs if job.is_whole)], []
    for scheme in study.validation:
        held = [job for job in jobs if _scheme_of(job) == scheme.name]
        found = _of_split(scheme, whole, study) if scheme.kind == "split" else _of_folds(held)
        labels = clusters(scheme, data)
        parts.append(found.assign(cluster=labels[found["row"].to_numpy(dtype=int)]))
        folds += [row for job in held for row in _fold_rows(job, resampling)]
    names = [scheme.name for scheme in study.validation]
    points = _joined(parts)
    scored = points.loc[points["split"].isin(names)]
    return Validation(
        points,
        score_rows(scored, resampling),
        pd.DataFrame(folds, columns=pd.Index(FOLD_COLUMNS)),
    )


def confirmed(study: Study, jobs: Sequence[Job], points: pd.DataFrame) -> pd.DataFrame:
    """What each method that confirms a preselection loses: all models less the kept ones.

    Paired differences on the test rows and, of sampled methods, by leave-one-out.
    """
    fewer = [job for job in jobs if isinstance(job.task, ReducedFit)]
    found = _joined([_joined(_read(job, "pointwise") for job in fewer), _leave_one_out(fewer)])
    found["method"] = found["method"].astype(str) + _KEPT
    pairs = [(job.choice.name, job.choice.name + _KEPT) for job in fewer]
    unseen = points.loc[points["split"].isin(["test", LEAVE_ONE_OUT])]
    both = _joined([unseen, found])
    return pair_rows(pairs, both, Resampling(study.seed, study.n_boot))


def _scheme_of(job: Job) -> str:
    return job.task.fold.scheme if isinstance(job.task, FoldFit) else ""


def _read(job: Job, name: str) -> pd.DataFrame:
    """A job's table of rows, model '' where the method mixes all; empty if there is none."""
    path = job.home / f"{name}.csv"
    if not path.is_file():
        return pd.DataFrame()
    table = pd.read_csv(path, dtype={"model": str})
    return table.fillna({"model": ""}) if "model" in table else table


def _joined(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The columns of points, from those tables that have rows."""
    found = [table for table in tables if len(table)]
    whole = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    return whole.reindex(columns=list(_COLUMNS))


def _own_points(jobs: Iterable[Job]) -> pd.DataFrame:
    """The points of the fits to all training rows, each row its own cluster."""
    points = _joined(_read(job, "pointwise") for job in jobs)
    return points.assign(cluster=points["row"])


def _leave_one_out(jobs: Iterable[Job]) -> pd.DataFrame:
    """The log scores of PSIS-LOO as points; it knows no other score."""
    found = _joined(
        table.rename(columns={"elpd": "log_score"})
        for job in jobs
        if len(table := _read(job, "loo_pointwise"))
    )
    return found.assign(model="", split=LEAVE_ONE_OUT, weights="field", cluster=found["row"])


def _of_split(scheme: Scheme, whole: pd.DataFrame, study: Study) -> pd.DataFrame:
    names = [choice.name for choice in study.validated(scheme)]
    kept = (whole["split"] == predicted_part(scheme)) & (whole["weights"] == "field")
    return whole.loc[kept & whole["method"].isin(names)].assign(split=scheme.name)


def _of_folds(jobs: Iterable[Job]) -> pd.DataFrame:
    return _joined(_read(job, "pointwise").assign(split=_scheme_of(job)) for job in jobs)


def _fold_rows(job: Job, resampling: Resampling) -> Iterable[dict[str, object]]:
    """The scores of one fold, without bands: its rows are too few and too much alike."""
    assert isinstance(job.task, FoldFit)
    converged = read_json(job.home / "facts.json")["converged"]
    points = _read(job, "pointwise").assign(cluster=0)
    for model, rows in points.groupby("model", sort=False):
        scores = score_row(rows, resampling)
        where = {"split": job.task.fold.scheme, "fold": job.task.fold.label}
        found = {k: scores[k] for k in ("n", "rms", "crps", "log_score")}
        yield {**where, "method": job.choice.name, "model": model, **found, "converged": converged}
