"""Finish an output folder: its tables, `scores.json` for the report, and the manifest."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from dirimix._version import __version__
from dirimix.study.collate import Collated, Finished, collate
from dirimix.study.failures import Failure, by_title
from dirimix.study.folder import MANIFEST_FILE, SCORES_FILE, records, write_json, write_tables
from dirimix.table.split import SplitTable

# whose rows stand in the report as they are
_SHOWN = (
    "scores", "coverage", "coverage_by_size", "evidence", "pairs", "ranking", "differences",
    "regions", "folds", "loo", "correlations", "preselection", "preselection_confirmed",
    "sensitivity", "variants", "reversion", "above",
)  # fmt: skip
_DESCRIBED = (
    "source", "target", "label", "unit", "coords", "models", "error", "rows", "notes", "remarks",
    "labels", "units", "citation", "kinds", "levels", "map_axes", "lines", "geo",
    "periodic", "names",
)  # fmt: skip
_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "jax", "blackjax", "arviz-stats")


@dataclass(frozen=True)
class Outcome:
    """What a finished run says of itself.

    Attributes:
        unconverged: Why, by method, of those that have not converged and are not tolerated.
        scores: The score table.
        notes: What a reader of the scores must know, line by line.
        failures: Fits without a result, of methods that are not tolerated.
    """

    unconverged: dict[str, tuple[str, ...]]
    scores: pd.DataFrame
    notes: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


def finish(
    done: Finished, folder: Path, *, command: str, seconds: float, inputs: Mapping[str, str]
) -> Outcome:
    """Write the folder's own files from those of its jobs, the manifest last."""
    found = collate(done)
    write_tables(found.tables, folder)
    write_json(_report_numbers(done, found), folder / SCORES_FILE)
    manifest = _manifest(done, command=command, seconds=seconds, inputs=inputs)
    write_json(manifest | {"notes": list(found.notes)}, folder / MANIFEST_FILE)
    tolerated = done.setup.study.tolerated
    deciding = [j for j in done.jobs if j.choice.name not in tolerated]
    failures = tuple(f for f in done.failures if f.job.choice.name not in tolerated)
    return Outcome(done.unconverged(deciding), found.tables["scores"], found.notes, failures)


def weight_summary(weights: pd.DataFrame) -> pd.DataFrame:
    """Mean field weight of every model, over the sites of a split, with the sites' range."""
    groups = weights.groupby(["method", "split", "model"], sort=False)
    return groups.agg(
        mean=("mean", "mean"),
        least=("mean", "min"),
        most=("mean", "max"),
        q05=("q05", "mean"),
        q95=("q95", "mean"),
        sites=("mean", "size"),
    ).reset_index()


def half_widths(predictions: pd.DataFrame) -> pd.DataFrame:
    """Half the width of the 90 % interval by method, model and split, the median over the rows."""
    lower, upper = (np.asarray(predictions[q], float) for q in ("q05", "q95"))
    keys = ["method", "model", "split"]
    groups = predictions.assign(half_width=(upper - lower) / 2).groupby(keys, sort=False)
    return groups["half_width"].median().reset_index()


def worst_diagnostics(diagnostics: pd.DataFrame) -> pd.DataFrame:
    """How many quantities each method's checks looked at, and the worst of each check."""
    groups = diagnostics.groupby("method", sort=False)
    return groups.agg(
        quantities=("parameter", "size"),
        rhat=("rhat", "max"),
        ess_bulk=("ess_bulk", "min"),
        ess_tail=("ess_tail", "min"),
    ).reset_index()


def _report_numbers(done: Finished, found: Collated) -> dict[str, Any]:
    """Every number that the report shows, except times, which differ from run to run."""
    tables = found.tables
    effective, coords = tables["effective"], list(done.setup.data.coords)
    of_all_sites = effective.reindex(columns=coords).isna().all(axis=1)
    known = (
        "method", "words", "options", "y_scale", "priors", "sigma", "converged", "reasons",
        "warnings",
    )  # fmt: skip
    return {
        "title": done.setup.study.title,
        "data": _described(done.setup.data),
        "methods": [{k: f[k] for k in known} for f in (job.facts() for job in done.whole)],
        "notes": list(found.notes),
        "failed": by_title(done.failures),
        "unconverged": done.unconverged(job for job in done.jobs if not job.is_whole),
        **{name: _rows(tables[name]) for name in _SHOWN},
        "sampling": _rows(tables["sampling"].drop(columns="seconds")),
        "convergence": _rows(worst_diagnostics(tables["diagnostics"])),
        "weights": _rows(weight_summary(tables["weights"])),
        "widths": _rows(half_widths(tables["predictions"])),
        "effective": _rows(cast(pd.DataFrame, effective.loc[of_all_sites])),
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as plain records, None where there is no number or name."""
    return [{k: None if v == "" else v for k, v in row.items()} for row in records(table)]


def _described(data: SplitTable) -> dict[str, Any]:
    rows = {split: len(part.frame) for split, part in data.parts.items()}
    known = vars(data) | {"unit": data.units.get(data.target, ""), "rows": rows}
    return {name: known[name] for name in _DESCRIBED}


def _manifest(
    done: Finished, *, command: str, seconds: float, inputs: Mapping[str, str]
) -> dict[str, Any]:
    others = {k: v for other in done.setup.others.values() for k, v in other.inputs.items()}
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    facts = [job.facts() for job in done.whole]
    shown = ("converged", "reasons", "warnings", "options", "y_scale", "priors", "rows", "seconds")
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
        "converged": not done.unconverged(done.jobs) and not done.failures,
        "failed": by_title(done.failures),
        "methods": {f["method"]: {k: f[k] for k in shown} for f in facts},
    }
