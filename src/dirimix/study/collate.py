"""Bring the methods' results together: the files of an output folder and the report's numbers."""

import importlib.metadata
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dirimix._version import __version__
from dirimix.assess.comparison import Resampling, pair_rows, ranking
from dirimix.assess.threshold import joint
from dirimix.study.folder import (
    DIGITS,
    read_json,
    read_text_table,
    records,
    write_json,
    write_tables,
)
from dirimix.study.jobs import Job, ResolvedStudy
from dirimix.study.preselection import COLUMNS
from dirimix.study.tasks import FullFit, OtherTableFit
from dirimix.study.validation import confirmed, validate
from dirimix.study.variants import variant_pairs, weight_changes
from dirimix.table.split import SplitTable

# an output file that no method has rows for still has its header
_HEADERS = {
    "scores": "method,model,split,weights,n,rms,rms_lo,rms_hi",
    "predictions": "method,model,split",
    "weights": "method,split,model,mean,sd,q05,q95",
    "effective": "method,split,effective,q05,q95",
    "correlations": "method,model_a,model_b,of_mean,at_site",
    "loo": "method,n,elpd,se,p_loo,elpd_mean,high_k,share_high_k,max_k,note",
    "loo_pointwise": "method,row,elpd,pareto_k",
    "sensitivity": "method,prior,parameter,prior_sensitivity,likelihood_sensitivity,reading",
    "power_scaling": "method,prior,power,parameter,mean,scaled_mean,shift,pareto_k",
    "reversion": "method,model,far_field,at_gamma,tolerance,share,distance,farthest",
    "reversion_sites": "method,distance,standardised,model,weight,far_field,reverted",
    "coverage": "method,model,split,weights,n,level,coverage,nominal_lo,nominal_hi",
    "evidence": "method,model,log_evidence,std_error,probability",
    "diagnostics": "method,parameter,mean,sd,ess_bulk,ess_tail,rhat",
    "sampling": "method,chains,draws,warmup,divergences,gradients,seconds,converged",
}
# these come from fits to other tables, too
_ABOVE = {
    "threshold": "method,target,models,probability",
    "limits": "method,target,along,sites,mean,sd,q05,q50,q95,beyond,none",
    "above": "method,target,sites,mean,sd,q05,q95",
}
# whose rows stand in the report as they are
_SHOWN = (
    "scores", "coverage", "evidence", "pairs", "ranking", "folds", "loo", "correlations",
    "preselection", "preselection_confirmed", "sensitivity", "variants", "reversion", "above",
)  # fmt: skip
_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "jax", "blackjax", "arviz-stats")


@dataclass(frozen=True)
class Outcome:
    """What a finished run says of itself.

    Attributes:
        unconverged: Why, by method, of those that have not converged and are not tolerated.
        scores: The score table.
    """

    unconverged: dict[str, tuple[str, ...]]
    scores: pd.DataFrame


@dataclass(frozen=True)
class Finished:
    """A study whose jobs are done.

    Attributes:
        setup: What was run, and on what.
        jobs: Every job, each with its folder.
    """

    setup: ResolvedStudy
    jobs: Sequence[Job]

    @property
    def whole(self) -> list[Job]:
        """The fits to all training rows, one a method."""
        return [job for job in self.jobs if job.is_whole]

    @property
    def following(self) -> list[Job]:
        """The fits whose predictions may be followed to a threshold."""
        return [job for job in self.jobs if isinstance(job.task, FullFit | OtherTableFit)]

    def facts(self, jobs: Iterable[Job]) -> list[dict[str, Any]]:
        """What some of the jobs say of themselves."""
        return [read_json(job.home / "facts.json") for job in jobs]

    def unconverged(self, jobs: Iterable[Job]) -> dict[str, tuple[str, ...]]:
        """Why, by title, of those of the jobs that have not converged."""
        return {f["title"]: tuple(f["reasons"]) for f in self.facts(jobs) if not f["converged"]}


def finish(
    done: Finished, folder: Path, *, command: str, seconds: float, inputs: Mapping[str, str]
) -> Outcome:
    """Write the folder's own files from those of its jobs, the manifest last."""
    tables = {name: _collated(name, done.whole) for name in _HEADERS} | _compared(done)
    tables |= {name: _collated(name, done.following) for name in _ABOVE}
    tables["scores"] = _appended(tables["scores"], tables.pop("scheme_scores"))
    write_tables(tables, folder)
    as_text: Any = {"model": object}  # a column without any model would read as numbers
    numbers = {name: pd.read_csv(folder / f"{name}.csv", dtype=as_text) for name in tables}
    derived = _derived(done, numbers)
    write_tables(derived, folder)
    numbers |= derived
    write_json(_report_numbers(done, numbers), folder / "scores.json")
    manifest = _manifest(done, command=command, seconds=seconds, inputs=inputs)
    write_json(manifest, folder / "manifest.json")
    deciding = [j for j in done.jobs if j.choice.name not in done.setup.study.tolerated]
    return Outcome(done.unconverged(deciding), numbers["scores"])


def weight_summary(weights: pd.DataFrame) -> pd.DataFrame:
    """Mean field weight of every model, over the sites of a split, with the sites' range."""
    groups = weights.groupby(["method", "split", "model"], sort=False)
    summary = groups.agg(
        mean=("mean", "mean"),
        least=("mean", "min"),
        most=("mean", "max"),
        q05=("q05", "mean"),
        q95=("q95", "mean"),
        sites=("mean", "size"),
    )
    return summary.reset_index()


def overall(effective: pd.DataFrame, coords: Sequence[str]) -> pd.DataFrame:
    """The rows that speak of all sites of a split at once."""
    return effective.loc[effective.reindex(columns=list(coords)).isna().all(axis=1)]


def worst_diagnostics(diagnostics: pd.DataFrame) -> pd.DataFrame:
    """How many quantities each method's checks looked at, and the worst of each check."""
    groups = diagnostics.groupby("method", sort=False)
    summary = groups.agg(
        quantities=("parameter", "size"),
        rhat=("rhat", "max"),
        ess_bulk=("ess_bulk", "min"),
        ess_tail=("ess_tail", "min"),
    )
    return summary.reset_index()


def _collated(name: str, jobs: Iterable[Job]) -> pd.DataFrame:
    """One table of all methods, every value as the text that the methods wrote."""
    paths = [job.home / f"{name}.csv" for job in jobs]
    tables = [read_text_table(path) for path in paths if path.is_file()]
    if not tables:
        return pd.DataFrame(columns=(_HEADERS | _ABOVE)[name].split(","))
    return pd.concat(tables, ignore_index=True).fillna("")


def _appended(table: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """A table of text with rows of numbers after it."""
    written = more.map(lambda v: DIGITS % v if isinstance(v, float) else str(v))
    return pd.concat([table, written], ignore_index=True).fillna("").replace("nan", "")


def _compared(done: Finished) -> dict[str, pd.DataFrame]:
    """Everything that looks at several jobs at once."""
    study, selection = done.setup.study, done.setup.selection
    resampling = Resampling(study.seed, study.n_boot)
    found = validate(study, done.setup.data, done.jobs)
    unseen = found.points.loc[found.points["split"] != "train"]
    pairs = tuple(dict.fromkeys((*study.pairs, *variant_pairs(study))))
    return {
        "scheme_scores": found.scores,
        "pairs": pair_rows(pairs, found.points, resampling),
        "ranking": ranking(unseen, resampling),
        "folds": found.folds,
        "preselection": selection.path if selection else pd.DataFrame(columns=pd.Index(COLUMNS)),
        "preselection_confirmed": confirmed(study, done.jobs, found.points),
    }


def _derived(done: Finished, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """What follows from other tables alone."""
    coords = list(done.setup.data.coords)
    wanted = done.setup.others and not tables["threshold"].empty
    both = joint(tables["threshold"], coords) if wanted else pd.DataFrame()
    pairs = variant_pairs(done.setup.study)
    return {
        "joint": both.reindex(columns=["method", *coords, "probability"]),
        "variants": weight_changes(pairs, tables["weights"], coords),
    }


def _report_numbers(done: Finished, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Every number that the report shows, except times, which differ from run to run."""
    known = ("method", "words", "options", "priors", "sigma", "converged", "reasons", "warnings")
    facts = done.facts(done.whole)
    return {
        "title": done.setup.study.title,
        "data": _described(done.setup.data),
        "methods": [{k: f[k] for k in known} for f in facts],
        "unconverged": done.unconverged(job for job in done.jobs if not job.is_whole),
        **{name: records(tables[name]) for name in _SHOWN},
        "sampling": records(tables["sampling"].drop(columns="seconds")),
        "convergence": records(worst_diagnostics(tables["diagnostics"])),
        "weights": records(weight_summary(tables["weights"])),
        "effective": records(overall(tables["effective"], done.setup.data.coords)),
    }


def _described(data: SplitTable) -> dict[str, Any]:
    return {
        "source": data.source,
        "target": data.target,
        "label": data.label,
        "unit": data.units.get(data.target, ""),
        "coords": list(data.coords),
        "models": list(data.models),
        "error": data.error,
        "rows": {split: len(rows.frame) for split, rows in data.parts.items()},
        "notes": list(data.notes),
        "remarks": list(data.remarks),
        "labels": data.labels,
        "units": data.units,
        "citation": data.citation,
    }


def _manifest(
    done: Finished, *, command: str, seconds: float, inputs: Mapping[str, str]
) -> dict[str, Any]:
    others = {k: v for other in done.setup.others.values() for k, v in other.inputs.items()}
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    shown = ("converged", "reasons", "warnings", "options", "priors", "seconds")
    return {
        "program": "dirimix",
        "command": command,
        "versions": {"dirimix": __version__, "python": platform.python_version(), **packages},
        "platform": platform.platform(),
        "seed": done.setup.study.seed,
        "study": asdict(done.setup.study),
        "data": _described(done.setup.data),
        "sha256": {**inputs, **others, **done.setup.data.inputs},
        "seconds": round(seconds, 3),
        "converged": all(f["converged"] for f in done.facts(done.jobs)),
        "methods": {f["method"]: {k: f[k] for k in shown} for f in done.facts(done.whole)},
    }
