"""A small table, a study on it, and a sampled estimator that costs nothing."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from dirimix.cli.main import main
from dirimix.errors import InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fit_report import FitReport
from dirimix.estimators.pooling import pool
from dirimix.laws.transforms import Identity
from dirimix.methods import METHODS, Method
from dirimix.sampling.progress import ChainProgress

COLUMNS = ("--target", "y", "--coords", "x,z", "--models", "a,b,c")

STUDY = """
title = "Stand-in <study>"
seed = 3
[data]
table = "table.csv"
target = "y"
coords = ["x", "z"]
models = ["a", "b", "c"]
error = "u"
split = "part"
label = "response"
unit = "m"
[methods]
run = ["raw", "equal", "ols", "simplex-ls", "bma-closed-form", "simplex-ls+gp"]
[scores]
n_boot = 50
[compare]
pairs = [["simplex-ls+gp", "simplex-ls"], ["raw:c", "equal"]]
"""


def frame(n: int = 50) -> pd.DataFrame:
    """Rows of three models that err in their own ways; 30 train, 12 test, the rest landscape."""
    rng = np.random.default_rng(5)
    x, z = rng.uniform(-2, 2, n), rng.uniform(0, 5, n)
    truth = np.sin(x) + 0.3 * z
    part = np.where(np.arange(n) < 30, "train", np.where(np.arange(n) < 42, "test", "landscape"))
    observed = truth + rng.normal(0, 0.1, n)
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "y": np.where(part == "landscape", np.nan, observed),
            "u": 0.05,
            "a": truth + 0.3 * x + 0.05,
            "b": truth - 0.3 * x,
            "c": truth + 0.2 * np.cos(z),
            "part": part,
        }
    )


def train_frame() -> pd.DataFrame:
    """The training rows alone."""
    return frame().iloc[:30].drop(columns="part")


def write_study(folder, text: str = STUDY):
    """The table and the study file in a folder; the study's path."""
    frame().to_csv(folder / "table.csv", index=False)
    path = folder / "study.toml"
    path.write_text(text)
    return path


def run_study(study, out, *more: str) -> int:
    """Run a study without its report and without a word; the exit code."""
    return main(["run", "--no-report", str(study), "--out", str(out), "--quiet", *more])


class Reporting(Any):  # Any, so that type checkers take it for an estimator
    """What assessments ask of an estimator, where its laws are not the question."""

    posterior_ = None
    transform_ = Identity()

    def __new__(cls, *_, **__):  # that of Any in Python 3.11 passes its arguments on to object
        return object.__new__(cls)

    def fit_report(self):
        return FitReport(posterior=self.posterior_)


class SampledStandIn(AbstractMixture):
    """Equal weights with the attributes of a sampled local mixture; `outcome` says how it ends."""

    def __init__(
        self,
        coords=(),
        models=(),
        *,
        outcome="good",
        draws=8,
        geo=None,
        periodic=None,
        y_scale=1.0,
        y_transform=None,
        random_state=0,
        progress=None,
    ):
        self.coords = coords
        self.models = models
        self.outcome = outcome
        self.draws = draws
        self.geo = geo
        self.periodic = periodic
        self.y_scale = y_scale
        self.y_transform = y_transform
        self.random_state = random_state
        self.progress = progress

    def _fit(self, table):
        if self.outcome == "refuse":
            raise InputError("this table is refused")
        if self.outcome == "interrupt":
            raise KeyboardInterrupt
        if self.progress is not None:
            self.progress(ChainProgress(0, "draws", self.draws, self.draws, 0, 50.0, 0.0))
        rng = np.random.default_rng(self.random_state)
        self.table_ = table
        self.sigma_ = np.abs(rng.normal(0.2, 0.01, (2, self.draws)))
        self.converged_ = self.outcome == "good"
        self.priors_ = {"sigma": "Gamma(5, 10)"}
        self.sampling_ = {
            "chains": 2,
            "draws": self.draws,
            "warmup": 4,
            "divergences": 0,
            "gradients": 100,
            "seconds": float(rng.random()),
            "converged": self.converged_,
            "reasons": [] if self.converged_ else ["rhat above 1.01"],
        }
        self.diagnostics_ = pd.DataFrame(
            [{"parameter": "sigma", "mean": 0.2, "sd": 0.01, "ess_bulk": 9.0, "ess_tail": 9.0}]
        ).assign(rhat=1.0 if self.converged_ else 1.5)
        posterior = xr.Dataset({"sigma": (("chain", "draw"), self.sigma_)})
        self.posterior_ = xr.DataTree.from_dict({"posterior": posterior})

    def _weight_draws(self, table):
        k = len(table.models)
        return np.full((self.sigma_.size, len(table.f), k), 1 / k)

    def _predictive(self, table):
        return pool(table, self._weight_draws(table), self.sigma_.ravel())

    def fit_report(self):
        return FitReport(
            priors=self.priors_,
            posterior=self.posterior_,
            diagnostics=self.diagnostics_,
            sampling=self.sampling_,
            reasons=tuple(self.sampling_["reasons"]),
            site_law=lambda: self._predictive(self.table_),
        )


def register(monkeypatch, name: str = "stand-in") -> None:
    """Make the stand-in a method, as a local mixture."""
    method = Method("a stand-in", f"{__name__}.SampledStandIn", local=True)
    monkeypatch.setitem(METHODS, name, method)
