"""Local mixtures against a second sampler and second, independently written models.

LBMM+GPD, and smooth weights with a discrepancy and local Student's t noise. The second models are
those of `second_models.py`. Means of all hyperparameters, weights, discrepancies and noise must
agree within 4.5 Monte Carlo standard errors; ours with another noise prior must not.

    python verification/second_sampler.py [METHOD ...]

Writes `second-sampler.csv` to this folder.
"""

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from arviz_stats.base.array import array_stats
from second_models import draw, local_dirichlet, smooth_weights

from dirimix import LatentMixture, LocalDirichletMixture

FOLDER = Path(__file__).parent
N, ERROR, LIMIT = 12, 0.2, 4.5
LENGTHS = (2.0, 8.0)  # 98 % of the prior mass of the length scale of LBMM+GPD
Draws = dict[str, np.ndarray]


def table(models: str) -> pd.DataFrame:
    """Twelve sites on a line; one model is right on the left, another on the right."""
    rng = np.random.default_rng(5)
    x = np.linspace(0, 10, N)
    y = np.sin(x / 2) + rng.normal(0, 0.4, N)
    right = np.linspace(2, 8, len(models))
    columns = {name: np.sin(x / 2) + 0.3 * (x - at) for name, at in zip(models, right, strict=True)}
    return pd.DataFrame({"a": x, **columns, "y": y})


@dataclass(frozen=True)
class Case:
    """A method of ours and the same model again.

    Attributes:
        models: A letter each.
        names: What is compared.
        ours: The estimator with options, from the unit of the noise prior.
        second: The second model, from the table and the names of the models.
    """

    models: str
    names: tuple[str, ...]
    ours: Callable[..., Any]
    second: Callable[[pd.DataFrame, list[str]], Callable[[], None]]

    def draws(self, y_scale: float) -> Draws:
        """Ours by name, (chains, draws, ...) each."""
        data = table(self.models)
        options = {"draws": 4000, "random_state": 1, "noise_prior": "paper", "y_scale": y_scale}
        mixture = self.ours(["a"], list(self.models), **options)
        posterior = mixture.fit(data, data["y"], np.full(N, ERROR)).posterior_["posterior"]
        found = {n: posterior[n].to_numpy() for n in self.names}
        return found | {"field_weight": found["field_weight"][..., 0]}


def local(coords: list[str], models: list[str], **options: Any) -> LocalDirichletMixture:
    """LBMM+GPD."""
    return LocalDirichletMixture(coords, models, length_scale=[LENGTHS], **options)


def smooth(coords: list[str], models: list[str], **options: Any) -> LatentMixture:
    """Smooth weights, a discrepancy, local Student's t noise."""
    return LatentMixture(coords, models, discrepancy="delta", **options)


CASES = {
    "lbmm-gpd": Case(
        "pq",
        ("rho", "eta", "gamma", "sigma", "field_weight"),
        local,
        lambda data, models: local_dirichlet(data, models, ERROR, LENGTHS),
    ),
    "lbmm-lgp+delta": Case(
        "pqr",
        (
            "weights_rho", "weights_eta", "delta_rho", "delta_eta", "sigma", "slope",
            "field_weight", "discrepancy", "noise",
        ),
        smooth,
        lambda data, models: smooth_weights(data, models, ERROR),
    ),
}  # fmt: skip


def _scalars(arrays: Draws) -> Draws:
    found = {}
    for name, values in arrays.items():
        flat = values.reshape(*values.shape[:2], -1)
        for i in range(flat.shape[-1]):
            found[f"{name}[{i}]" if flat.shape[-1] > 1 else name] = flat[..., i]
    return found


def _mean(draws: np.ndarray) -> tuple[float, float, float]:
    """Mean, its Monte Carlo standard error, and R-hat."""
    size = float(np.asarray(array_stats.ess(draws, chain_axis=0, draw_axis=1, method="mean")))
    rhat = float(np.asarray(array_stats.rhat(draws, chain_axis=0, draw_axis=1, method="rank")))
    return float(draws.mean()), float(draws.std() / np.sqrt(size)), rhat


def compare(first: Draws, other: Draws) -> pd.DataFrame:
    """One row a quantity: both means with their errors, and the distance in those."""
    rows, ours = [], _scalars(first)
    for name, draws in _scalars(other).items():
        (mean, error, rhat), (its, its_error, its_rhat) = _mean(ours[name]), _mean(draws)
        z = (mean - its) / np.hypot(error, its_error)
        rows.append((name, mean, error, rhat, its, its_error, its_rhat, z))
    columns = "quantity,ours,error,rhat,second,second_error,second_rhat,z".split(",")
    return pd.DataFrame(rows, columns=pd.Index(columns))


def main(methods: list[str]) -> int:
    """Compare; 1 if two disagree or have not converged, or another prior goes unnoticed."""
    warnings.simplefilter("ignore")
    tables, failed = [], False
    for method in methods:
        case = CASES[method]
        other = draw(case.second(table(case.models), list(case.models)), case.names)
        found = compare(case.draws(y_scale=1.0), other)
        control = compare(case.draws(y_scale=1.5), other)
        largest, of_control = (np.nanmax(np.abs(t["z"].to_numpy())) for t in (found, control))
        print(found.round(3).to_string(index=False))
        print(f"{method}: largest |z| {largest:.2f}; with another noise prior {of_control:.2f}")
        mixed = np.nanmax(found[["rhat", "second_rhat"]].to_numpy()) <= 1.01
        failed |= bool(largest > LIMIT or of_control < LIMIT or not mixed)
        tables.append(found.assign(method=method))
    whole = pd.concat(tables)[["method", *tables[0].columns.drop("method")]]
    whole.to_csv(FOLDER / "second-sampler.csv", index=False, float_format="%.4g")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(CASES)))
