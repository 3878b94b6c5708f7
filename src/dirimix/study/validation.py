"""Bring together what the jobs predicted of rows that they had not seen."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import pandas as pd

from dirimix.assess.comparison import columns_of, pair_rows, score_rows
from dirimix.assess.folds import clusters, predicted_part
from dirimix.assess.headline import LEAVE_ONE_OUT
from dirimix.assess.options import Scheme
from dirimix.assess.schema import TABLES, read_tables
from dirimix.assess.size import size_rows
from dirimix.laws.bootstrap import Bootstrap
from dirimix.scores import SCORES
from dirimix.study.folder import REDUCED_FOLDER
from dirimix.study.jobs import Job
from dirimix.study.spec import Study
from dirimix.table.split import SplitTable

_KEPT = ", kept models"
_POINTS = (*TABLES["pointwise"].columns(), "cluster")


def validate(
    study: Study, data: SplitTable, jobs: Sequence[Job]
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Collect the points of all jobs, which are done, and score those of the schemes.

    Returns:
        Points, one line a method and row of every split: the schemes', train, test and
        leave-one-out; the tables scores and coverage_by_size of the schemes, and folds, of each
        fold by itself.
    """
    full = [job for job in jobs if job.is_whole]
    whole, folds = _points(full), list[dict[str, object]]()
    parts = [whole, _leave_one_out(full)]
    for scheme in study.validation:
        held = [job for job in jobs if job.task.fold and job.task.fold.scheme == scheme.name]
        found = _of_split(scheme, whole, study) if scheme.kind == "split" else _points(held)
        labels = clusters(scheme, data)
        parts.append(found.assign(cluster=labels[found["row"].to_numpy(dtype=int)]))
        folds += [row for job in held for row in _fold_rows(job)]
    points = joined(parts)
    scored = _of_splits(points, [scheme.name for scheme in study.validation])
    return points, {
        "scores": score_rows(scored, Bootstrap(study.seed, study.n_boot)),
        "coverage_by_size": size_rows(scored),
        "folds": pd.DataFrame(folds, columns=pd.Index(TABLES["folds"].columns())),
    }


def confirmed(study: Study, jobs: Sequence[Job], points: pd.DataFrame) -> pd.DataFrame:
    """What each method that confirms a preselection loses: all models less the kept ones.

    Paired differences on the test rows and, of sampled methods, by leave-one-out.
    """
    fewer = [job for job in jobs if job.task.place == REDUCED_FOLDER]
    found = joined([_points(fewer), _leave_one_out(fewer)])
    found["method"] = found["method"].astype(str) + _KEPT
    pairs = [(job.choice.name, job.choice.name + _KEPT) for job in fewer]
    both = joined([_of_splits(points, ["test", LEAVE_ONE_OUT]), found])
    return pair_rows(pairs, both, Bootstrap(study.seed, study.n_boot))


def _of_splits(points: pd.DataFrame, splits: Sequence[str]) -> pd.DataFrame:
    return cast(pd.DataFrame, points.loc[points["split"].isin(splits)])


def joined(tables: Iterable[pd.DataFrame], columns: Sequence[str] = _POINTS) -> pd.DataFrame:
    """Some columns, by default those of points, of all tables that have rows."""
    found = [table for table in tables if len(table)]
    whole = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    return whole.reindex(columns=list(columns))


def _points(jobs: Iterable[Job]) -> pd.DataFrame:
    """The points that the jobs predicted, each row its own cluster."""
    points = joined(read_tables((job.home for job in jobs), "pointwise"))
    return points.assign(cluster=points["row"])


def _leave_one_out(jobs: Iterable[Job]) -> pd.DataFrame:
    """The log scores of PSIS-LOO as points; it gives no other score."""
    tables = read_tables((job.home for job in jobs), "loo_pointwise")
    named = {"method": "method", "row": "row", "elpd": "log_score"}
    found = joined(table.reindex(columns=list(named)).rename(columns=named) for table in tables)
    return found.assign(model="", split=LEAVE_ONE_OUT, weights="field", cluster=found["row"])


def _of_split(scheme: Scheme, whole: pd.DataFrame, study: Study) -> pd.DataFrame:
    names = [choice.name for choice in study.validated(scheme)]
    points = _of_splits(whole, [predicted_part(scheme)])
    kept = pd.Series(points["method"].isin(names) & (points["weights"] == "field"))
    return cast(pd.DataFrame, points.loc[kept]).assign(split=scheme.name)


def _fold_rows(job: Job) -> Iterator[dict[str, object]]:
    """The scores of one fold, without bands: its rows are too few and too much alike."""
    fold, converged = job.task.fold, job.facts()["converged"]
    assert fold is not None
    where = {"split": fold.scheme, "fold": fold.label}
    for points in read_tables([job.home], "pointwise"):
        for model, rows in points.groupby("model", sort=False):
            columns = columns_of(rows)
            found = {name: SCORES[name].value(columns) for name in ("rms", "crps", "log_score")}
            who = {"method": job.choice.name, "model": model, "n": len(rows)}
            yield {**where, **who, **found, "converged": converged}
