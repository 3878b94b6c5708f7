"""Simulation-based calibration of the sampled mixtures.

Parameters drawn from the prior, observations from the parameters, a fit to those: the rank of
every true value among the fit's draws is then uniform, whatever the prior (Talts et al. 2018,
arXiv:1804.06788). The log likelihood is among the ranked quantities, since a posterior that is
no more than its prior passes on parameters alone (Modrak et al. 2023, doi 10.1214/23-BA1404).

The simulations (`simulations.py`) share no code with the models. Some fits are broken on purpose:
they are not told the measurement errors, and must fail.

Writes to this folder: `calibration-ranks.csv` (one row a replication; with `--resume` a run that
was stopped goes on from it), `calibration.csv` (one row a quantity), `calibration.png`.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from arviz_stats.ecdf_utils import compute_ecdf, ecdf_pit
from simulations import (
    COORDS,
    ERROR,
    FAR,
    LENGTHS,
    MODELS,
    N_SITES,
    Draw,
    Truth,
    draw_global,
    draw_linear,
    draw_process,
    draw_smooth,
    sites,
)

from dirimix._cores import cores
from dirimix.sampling.workers import WorkerPool

FOLDER = Path(__file__).parent
SAMPLING = {"chains": 2, "draws": 500, "warmup": 250}
KEPT = 99  # draws of a fit that are ranked
CONFIDENCE = 0.99  # that a calibrated method passes with all its quantities


def fit(method: str, frame: pd.DataFrame, y: np.ndarray, y_err: np.ndarray | None, seed: int):
    """The estimator of a method, fitted."""
    from dirimix import DirichletMixture, LatentMixture, LocalDirichletMixture

    # a unit that is found in the data would be no prior
    options: dict[str, Any] = SAMPLING | {"y_scale": 1.0, "noise_prior": "paper"}
    options |= {"random_state": seed}
    if method == "gbmm-d":
        mixture = DirichletMixture(COORDS, MODELS, **options)
    elif method == "lbmm-gld":
        mixture = LocalDirichletMixture(COORDS, MODELS, field="linear", **options)
    elif method == "lbmm-lgp+delta":
        mixture = LatentMixture(COORDS[:1], MODELS, discrepancy="delta", **options)
    else:
        mixture = LocalDirichletMixture(COORDS, MODELS, length_scale=[LENGTHS] * 2, **options)
    return mixture.fit(frame, y, y_err)


@dataclass(frozen=True)
class Experiment:
    """How to draw from a prior, which method fits, and whether it is told the errors."""

    draw: Draw
    method: str
    informed: bool = True


EXPERIMENTS = {
    "gbmm-d": Experiment(draw_global, "gbmm-d"),
    "lbmm-gld": Experiment(draw_linear, "lbmm-gld"),
    "lbmm-gpd": Experiment(draw_process, "lbmm-gpd"),
    "lbmm-gpd, not told the errors": Experiment(draw_process, "lbmm-gpd", informed=False),
    "lbmm-lgp+delta": Experiment(draw_smooth, "lbmm-lgp+delta"),
    "lbmm-lgp+delta, not told the errors": Experiment(
        draw_smooth, "lbmm-lgp+delta", informed=False
    ),
}


def replicate(name: str, number: int) -> dict[str, object]:
    """One replication: the rank of every quantity among the draws of a fit, 0 to `KEPT`."""
    import jax

    experiment = EXPERIMENTS[name]
    rng = np.random.default_rng([number, len(MODELS)])
    truth = experiment.draw(rng)
    y = truth.observe(rng)
    told = np.full(N_SITES, ERROR) if experiment.informed else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few draws never pass the gate; R-hat is kept
        mixture = fit(experiment.method, sites(), y, told, seed=number)
    ranks = {
        quantity: int(np.sum(draws < truth_of))
        for quantity, draws, truth_of in _compared(mixture, truth, y, told)
    }
    jax.clear_caches()  # every replication compiles its own program
    rhat = round(float(np.nanmax(mixture.diagnostics_["rhat"].to_numpy())), 3)
    return {"experiment": name, "replication": number, "rhat": rhat, **ranks}


def _compared(mixture, truth: Truth, y: np.ndarray, y_err: np.ndarray | None):
    """Name, ranked draws (KEPT,) and true value of every quantity."""
    posterior = mixture.posterior_["posterior"].to_dataset()
    total = mixture.posterior_["log_likelihood"].to_dataset()["y"].to_numpy().sum(axis=-1)

    def kept(draws: np.ndarray, count: int) -> np.ndarray:
        flat = draws.reshape(count, -1)
        return flat[np.linspace(0, count - 1, KEPT).astype(int)]

    far = sites().iloc[:1].assign(**dict.fromkeys(COORDS, FAR))
    for label, true in truth.scalars.items():
        name, _, at = label.removesuffix("]").partition("[")
        if name == "far":
            draws = mixture.draw_weights(far)
            draws = kept(draws, len(draws))
        else:
            draws = kept(posterior[name].to_numpy(), total.size)
        yield label, draws[:, int(at or 0)], true
    yield "log likelihood", kept(total, total.size)[:, 0], _log_likelihood(truth, y, y_err)


def _log_likelihood(truth: Truth, y: np.ndarray, y_err: np.ndarray | None) -> float:
    """Of the truth, as the fit would say it: with the weights given or integrated out."""
    error = 0.0 if y_err is None else ERROR
    if truth.alpha is None:
        return truth.log_likelihood(y, error)
    from dirimix.likelihood.density import Likelihood

    d = sites()[MODELS].to_numpy() - y[:, None]
    noise = np.hypot(truth.noise, error)
    return float(np.sum(Likelihood(d).evaluate(truth.alpha, noise)[0]))


def run(wanted: list[str], replications: int, *, resume: bool) -> pd.DataFrame:
    """All replications, with `resume` those that are not in the file yet, one process a core.

    What the file has of other experiments stays.
    """
    path = FOLDER / "calibration-ranks.csv"
    there = [pd.read_csv(path)] if path.exists() else []
    kept = [t if resume else t.loc[~t["experiment"].isin(wanted)] for t in there]
    rows = [t for t in kept if len(t)]
    done = {key for t in rows for key in zip(t["experiment"], t["replication"], strict=True)}
    tasks = [(e, n) for n in range(replications) for e in wanted if (e, n) not in done]
    with WorkerPool([[core] for core in cores()]) as pool:
        futures = [pool.submit(replicate, *task) for task in tasks]
        for count, future in enumerate(as_completed(futures), 1):
            rows.append(pd.DataFrame([future.result()]))
            if count % 10 == 0 or count == len(tasks):
                _sorted(rows).to_csv(path, index=False)
                print(f"{count} of {len(tasks)} fits", file=sys.stderr)
    return _sorted(rows)


def _sorted(rows: list[pd.DataFrame]) -> pd.DataFrame:
    table = pd.concat(rows).sort_values(["experiment", "replication"], ignore_index=True)
    return table.convert_dtypes()


@dataclass(frozen=True)
class Comparison:
    """One quantity of an experiment: its ranks in (0, 1), their ECDF, and the band for that."""

    experiment: str
    quantity: str
    pit: np.ndarray
    ecdf: np.ndarray
    band: tuple[np.ndarray, np.ndarray, np.ndarray]

    @property
    def outside(self) -> float:
        """How far the ECDF leaves the band, 0 where it does not."""
        _, low, high = self.band
        return max(float(np.max(self.ecdf - high)), float(np.max(low - self.ecdf)), 0.0)


@cache
def band(n: int, quantities: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where an ECDF is evaluated, and between which values it should stay.

    Simultaneous over the ECDF (Sailynoja et al. 2022, doi 10.1007/s11222-022-10090-6) and over
    the quantities, so that a calibrated method passes with all of them with `CONFIDENCE`.
    """
    level = 1 - (1 - CONFIDENCE) / quantities
    at, _, low, high = ecdf_pit(np.zeros(n), level, 10_000, rng=np.random.default_rng(0))
    return at, low, high


def compare(ranks: pd.DataFrame) -> Iterator[Comparison]:
    """The ECDF of every quantity of every experiment beside its band."""
    rng = np.random.default_rng(0)
    for name, table in ranks.groupby("experiment", sort=False):
        quantities = table.drop(columns=["experiment", "replication", "rhat"]).dropna(axis=1)
        n, count = quantities.shape
        at, low, high = band(n, count)
        for quantity, column in quantities.items():
            # uniform within a rank, since ranks are discrete
            pit = (column.to_numpy(dtype=float) + rng.random(n)) / (KEPT + 1)
            ecdf = compute_ecdf(pit, at)
            yield Comparison(str(name), str(quantity), pit, ecdf, (at, low, high))


def summarise(comparisons: list[Comparison], ranks: pd.DataFrame) -> pd.DataFrame:
    """One row an experiment and quantity."""
    stuck = cast(pd.Series, (ranks["rhat"] > 1.05).groupby(ranks["experiment"]).sum())
    rows = [
        {
            "experiment": c.experiment,
            "quantity": c.quantity,
            "replications": len(c.pit),
            "rhat_above_1.05": stuck[c.experiment],
            "mean_rank": c.pit.mean(),
            "mean_rank_error": c.pit.std() / np.sqrt(len(c.pit)),
            "farthest_outside_band": c.outside,
            "passes": c.outside == 0,
        }
        for c in comparisons
    ]
    return pd.DataFrame(rows)


def plot(comparisons: list[Comparison]) -> None:
    """ECDF minus uniform of every quantity of every experiment, with its band."""
    names = list(dict.fromkeys(c.experiment for c in comparisons))
    figure, axes = plt.subplots(
        1, len(names), figsize=(3.2 * len(names), 3), sharey=True, layout="constrained"
    )
    for axis, name in zip(np.atleast_1d(axes), names, strict=True):
        own = [c for c in comparisons if c.experiment == name]
        at, low, high = own[0].band
        for c in own:
            fails = c.outside > 0
            style = {"color": "C3", "lw": 1.4} if fails else {"color": "0.6", "lw": 0.8}
            axis.plot(at, c.ecdf - at, **style, label=c.quantity if fails else None)
        axis.fill_between(at, low - at, high - at, color="C0", alpha=0.2, lw=0)
        axis.set_title(name, fontsize=9)
        axis.set_xlabel(f"rank / {KEPT + 1}")
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=7)
    np.atleast_1d(axes)[0].set_ylabel("ECDF of the ranks minus uniform")
    figure.savefig(FOLDER / "calibration.png", dpi=150)
    plt.close(figure)


def main() -> int:
    """Run, judge, plot; 1 if a method fails or the broken fit passes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--only", action="append", choices=list(EXPERIMENTS))
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    wanted = options.only or list(EXPERIMENTS)
    ranks = run(wanted, options.replications, resume=options.resume)
    comparisons = list(compare(ranks))
    verdicts = summarise(comparisons, ranks)
    verdicts.to_csv(FOLDER / "calibration.csv", index=False, float_format="%.4g")
    plot(comparisons)
    passed = verdicts.groupby("experiment", sort=False)["passes"].all()
    print(passed.to_string())
    expected = {name: EXPERIMENTS[name].informed for name in map(str, passed.index)}
    return int(any(passed[name] != wanted for name, wanted in expected.items()))


if __name__ == "__main__":
    sys.exit(main())
