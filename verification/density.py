"""How far the likelihood with its weights integrated out is from an independent oracle.

Total concentration, shares of the models, their number, their distances and that of the observation
are drawn log-uniformly over all that is served: A from 1e-6 to 1e6, shares down to 1e-8, 2 to 40
models, the farthest up to 1e12 noise levels away. The observation is drawn from the model's own
prediction, near one of the models, or up to 1e3 noise levels outside their hull. What counts are
sites whose log density is within 30 of the best that any concentrations would give there.

`tests/helpers/weight_integral.py` has the oracle, and for two models another, which must agree. The
saddle point alone is the control: it must fail.

Writes to this folder: `density.csv` (largest errors by bins of A, of the smallest concentration, of
the largest distance and of that outside the hull) and `density.png`.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from dirimix.likelihood.density import Likelihood
from dirimix.likelihood.routes import COARSE, FINE

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "tests" / "helpers"))
from weight_integral import along, between_two, log_density  # noqa: E402

MATTERS = 30.0  # nats below the best
ALLOWED = 0.01  # nat
DERIVATIVES = 25.0  # nats below the best down to where derivatives are judged
_SURE = 1e-4  # what the oracle may be off
_DIFFERENCE = 1e-4  # in log s and in the logarithms of concentrations
EDGES = {
    "A": [1e-6, 1e-4, 1e-2, 0.4, 5, 9, 100, 1e4, 1e6],
    "smallest_alpha": [0, 1e-9, 1e-6, 1e-3, 1, np.inf],
    "largest_distance": [0, 1, 1e2, 1e4, 1e6, 1e9, np.inf],
    "outside": [-1, 0, 1, 10, np.inf],
}


class Site(NamedTuple):
    """One site with noise 1: distances f - y and concentrations, (K,) each."""

    d: np.ndarray
    alpha: np.ndarray


class Answer(NamedTuple):
    """What the oracle says of a site.

    Attributes:
        value: Log density.
        unsure: How far that may be off.
        by_log_s: Derivative in the logarithm of the noise.
        by_alpha: Derivative along `direction`.
        direction: Of the logarithms of concentrations, (K,).
        other: For two models, what quadrature over the weight gives; not a number for more.
    """

    value: float
    unsure: float
    by_log_s: float
    by_alpha: float
    direction: np.ndarray
    other: float


def draw_site(rng: np.random.Generator) -> Site:
    """A site anywhere in the range that is served."""
    total = 10 ** rng.uniform(-6, 6)
    count = int(round(10 ** rng.uniform(np.log10(1.5), np.log10(40.49))))
    share = 10 ** rng.uniform(rng.uniform(-8, 0), 0, count)
    alpha = total * share / share.sum()
    top = rng.uniform(-2, 12)
    f = 10 ** rng.uniform(top - rng.uniform(0, 14), top, count)
    f[rng.integers(count)] = 10**top
    f *= rng.choice([-1, 1], count)
    where = rng.choice(["predicted", "outside", "near"], p=[0.6, 0.2, 0.2])
    if where == "outside":
        d = (f - f.min() + 10 ** rng.uniform(-2, 3)) * rng.choice([-1, 1])
    elif where == "near":
        d = f - f[rng.integers(count)] - 3 * rng.normal()
    else:
        # Gamma(a) is Gamma(a + 1) U^(1 / a)
        logs = np.log(rng.gamma(alpha + 1)) + np.log(rng.random(count)) / alpha
        w = np.exp(logs - logs.max())
        d = f - (w / w.sum()) @ f - rng.normal() * rng.choice([1, 3])
    return Site(d, alpha)


def outside(d: np.ndarray) -> float:
    """Distance of the observation to the models' hull, 0 inside."""
    return max(float(d.min()), float(-d.max()), 0.0)


def best(d: np.ndarray) -> float:
    """The largest log density that any concentrations give."""
    return -0.5 * outside(d) ** 2 - 0.5 * float(np.log(2 * np.pi))


def ask(number: int) -> tuple[Site, Answer | None]:
    """A site and what the oracle says, None if the density does not matter there."""
    rng = np.random.default_rng(number)
    site = draw_site(rng)
    d, alpha = site
    with np.errstate(all="ignore"):
        value, unsure, path, step = log_density(d, alpha)
        if not value > best(d) - MATTERS:
            return site, None
        # smaller moves where concentrations are large and densities narrow
        direction = rng.normal(size=len(d)) * min(1.0, 10 / np.sqrt(alpha.sum()))
        h = _DIFFERENCE
        wider, narrower = (along(path, d * np.exp(x), alpha, step=step)[0] for x in (h, -h))
        more, less = (along(path, d, alpha * np.exp(x * direction), step=step)[0] for x in (h, -h))
        other = between_two(d, alpha) if len(d) == 2 else np.nan
    slopes = (narrower - wider) / (2 * h), (more - less) / (2 * h)
    return site, Answer(value, unsure, *slopes, direction, other)


def errors(site: Site, answer: Answer) -> dict[str, float]:
    """Where a site lies, and how far values and derivatives are off.

    Errors of derivatives above 1 are relative.
    """
    d, alpha = site
    row = {
        "A": alpha.sum(), "smallest_alpha": alpha.min(), "largest_distance": np.abs(d).max(),
        "outside": outside(d), "below_best": best(d) - answer.value,
        "unsure": answer.unsure, "other": abs(answer.other - answer.value),
    }  # fmt: skip
    for name, accuracy in (
        ("", FINE), ("coarse_", COARSE), ("saddle_", FINE._replace(doubt=np.inf))
    ):  # fmt: skip
        value, by_alpha, by_s = (
            part[0] for part in Likelihood(d[None], accuracy).evaluate(alpha[None], np.ones(1))
        )
        along_direction = float(np.sum(by_alpha * alpha * answer.direction))
        off = {
            "value": value - answer.value,
            # the density's own 1 / s apart
            "by_log_s": (by_s + 1 - answer.by_log_s) / max(1.0, abs(answer.by_log_s)),
            "by_alpha": (along_direction - answer.by_alpha) / max(1.0, abs(answer.by_alpha)),
        }
        row |= {name + part: np.inf if np.isnan(x) else abs(x) for part, x in off.items()}
    return row


def binned(cases: pd.DataFrame) -> pd.DataFrame:
    """Largest errors by bins, the lower edges of which are given."""
    lower = {
        name: np.array(edges[:-1])[np.digitize(cases[name], edges[1:-1])]
        for name, edges in EDGES.items()
    }
    kept = ["value", "by_log_s", "by_alpha", "coarse_value"]
    table = cases[kept].assign(cases=1, **lower)
    how = dict.fromkeys(kept, "max") | {"cases": "sum"}
    return table.groupby(list(EDGES), as_index=False).agg(how)


def plot(cases: pd.DataFrame) -> None:
    """Largest error of the value over A and each of the other three."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), sharey=True, layout="constrained")
    image = None
    for axis, name in zip(axes, list(EDGES)[1:], strict=True):
        x = np.log10(np.clip(cases[name], 1e-14 if "alpha" in name else 1e-3, None))
        grid = np.linspace(-6, 6, 25)
        cells = [np.linspace(x.min(), x.max() + 1e-9, 25), grid]
        most = np.full((24, 24), np.nan)
        i, j = np.digitize(x, cells[0]) - 1, np.digitize(np.log10(cases["A"]), cells[1]) - 1
        for a, b, error in zip(i, np.minimum(j, 23), np.log10(cases["value"] + 1e-12), strict=True):
            most[a, b] = np.fmax(most[a, b], error)
        image = axis.pcolormesh(*cells, most.T, vmin=-9, vmax=-2, cmap="viridis")
        axis.set_xlabel(f"log10 of {name.replace('_', ' ')}")
    axes[0].set_ylabel("log10 of A")
    if image is not None:
        figure.colorbar(image, ax=axes, label="log10 of the largest error, nat")
    figure.savefig(FOLDER / "density.png", dpi=110)
    plt.close(figure)


def main() -> int:
    """Draw, compare, write; 1 if the likelihood fails, or the control does not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=25_000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        asked = list(pool.map(ask, range(options.cases), chunksize=50))
    rows = [errors(site, answer) for site, answer in asked if answer is not None]
    cases = pd.DataFrame(rows)
    sure = cases.loc[cases["unsure"] < _SURE]
    binned(sure).to_csv(FOLDER / "density.csv", index=False, float_format="%.3g")
    plot(sure)
    print(f"{len(asked)} drawn, {len(cases)} matter, of {len(sure)} the oracle is sure")
    names = [p + n for p in ("", "coarse_") for n in ("value", "by_log_s", "by_alpha")]
    print(sure[[*names, "other", "saddle_value"]].quantile([0.5, 0.9, 0.99, 0.999, 1]).to_string())
    print(sure.sort_values("value").tail(10).to_string())
    judged = sure.loc[sure["below_best"] < DERIVATIVES, ["by_log_s", "by_alpha"]]
    passed = {
        "values": (sure["value"] <= ALLOWED).all(),
        "derivatives": (judged.to_numpy() <= ALLOWED).all(),
        "two oracles": (sure["other"].dropna() <= ALLOWED / 10).all(),
        "the oracle is sure": len(sure) >= 0.999 * len(cases),
        "the control fails": (sure["saddle_value"] > ALLOWED).any(),
    }
    print(pd.Series(passed).to_string())
    return int(not all(passed.values()))


if __name__ == "__main__":
    sys.exit(main())
