"""Tables of every kind at once, each made from a seed: sampled mixtures converge by default.

From 2 to 30 models and 6 to 200 rows, noise from a thousandth to twice the models' spread, in any
unit; some with sites in far clusters, models with gaps, outliers of ten noise levels, errors that
are known, or known and 0 at a third of the rows.

    python verification/generated.py [--first 0] [--cases 20] [--methods lbmm-gld,gbmm-d]

Writes `generated.csv` to this folder, a row a fit; rows of other cases are kept. A global mixture
refuses a table where hardly any row has all models, and says so there. It fails where a fit has
not converged, and where the control has: trajectories that hardly move.
"""

import argparse
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent
METHODS = ("lbmm-gld", "lbmm-gpd", "gbmm-d", "gbmm-l", "lbmm-lgp")
CONTROL = {"trajectory": 0.01, "min_ess": 0}
_SOMETIMES = 0.3  # how often a table has outliers, gaps, clusters
_WORDS = ("clusters", "gaps", "outliers")
_ERRORS = ("none", "known", "0 at some")


@dataclass(frozen=True)
class Case:
    """One table.

    Attributes:
        frame: Coordinates x1, ..., models m1, ..., observations y, errors u.
        noise: Standard deviation of the noise over the models' spread.
        words: What is unusual.
    """

    frame: pd.DataFrame
    noise: float
    words: str

    @property
    def coords(self) -> list[str]:
        """Its coordinates."""
        return [c for c in self.frame.columns if c.startswith("x")]

    @property
    def models(self) -> list[str]:
        """Its models."""
        return [c for c in self.frame.columns if c.startswith("m")]


def generate(seed: int) -> Case:
    """The table of a seed: models that are each right in a place of their own, and drift away."""
    rng = np.random.default_rng([0x67656E, seed])
    count, n, q = _between(rng, 2, 30), _between(rng, 6, 200), int(rng.integers(1, 3))
    unusual = {word: bool(rng.random() < _SOMETIMES) for word in _WORDS}
    errors = _ERRORS[rng.integers(3)]
    x = rng.uniform(0, 10, (n, q))
    truth = np.sin(x).sum(axis=1)
    away = (x[:, None, :] - rng.uniform(0, 10, (count, q))).sum(axis=2)
    f = truth[:, None] + 0.3 * away * rng.uniform(0.5, 2, count)
    spread, noise = float(np.median(f.std(axis=1))), 10 ** rng.uniform(-3, 0.3)
    sd = np.full(n, noise * spread)
    if unusual["clusters"]:
        x += 1000.0 * rng.integers(0, 2, (n, 1))
    if unusual["gaps"]:
        gone = rng.random((n, count)) < 0.3
        gone[np.arange(n), rng.integers(count, size=n)] = False
        gone[rng.integers(n, size=count), np.arange(count)] = False
        f[gone] = np.nan
    y = truth + sd * rng.standard_normal(n)
    if unusual["outliers"]:
        y += 10 * sd * rng.choice([-1, 1], n) * (rng.random(n) < 0.05)
    known = {"none": np.zeros(n), "known": sd, "0 at some": np.where(np.arange(n) % 3, sd, 0.0)}
    unit = 10 ** rng.uniform(-28, 12)
    values = np.column_stack([x, unit * f, unit * y, unit * known[errors]])
    names = [*(f"x{j + 1}" for j in range(q)), *(f"m{k + 1}" for k in range(count)), "y", "u"]
    words = [word for word, is_so in unusual.items() if is_so] + [f"errors {errors}"]
    return Case(pd.DataFrame(values, columns=pd.Index(names)), noise, ", ".join(words))


def _between(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number, log-uniform."""
    return round(low * (high / low) ** rng.random())


def measure(seed: int, method: str, **options) -> dict[str, Any]:
    """One fit, with default options but for those given."""
    from dirimix.errors import InputError
    from dirimix.methods import parse_method

    case, begun, used = generate(seed), time.perf_counter(), time.process_time()
    names = tuple(case.coords), tuple(case.models)
    mixture = parse_method(method).method.build(*names, options, 0)[""]
    about = {
        "case": seed,
        "method": method,
        "rows": len(case.frame),
        "models": len(case.models),
        "noise_over_spread": case.noise,
        "words": case.words,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has not converged says so in its row
        try:
            known = pd.DataFrame(case.frame[[*case.coords, *case.models]])
            mixture.fit(known, case.frame["y"], case.frame["u"])
        except InputError as error:
            return about | {"converged": "", "reasons": f"refused: {error}"}
    found, made = mixture.diagnostics_, mixture.sampling_
    return about | {
        "converged": made["converged"],
        "draws": made["draws"],
        "rhat": found["rhat"].max(),
        "ess": found[["ess_bulk", "ess_tail"]].min().min(),
        "divergences": made["divergences"],
        "gradients": made["gradients"],
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - used,
        "reasons": "; ".join(mixture.reasons_),
    }


def main() -> int:
    """Fit them all; 1 if one has not converged, or the control has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--methods", default=",".join(METHODS))
    options = parser.parse_args()
    path = FOLDER / "generated.csv"
    rows = pd.read_csv(path).to_dict("records") if path.is_file() else []
    found = []
    for method in options.methods.split(","):
        for seed in range(options.first, options.first + options.cases):
            found.append(measure(seed, method))
            print(found[-1], flush=True)
            rows = [r for r in rows if (r["case"], r["method"]) != (seed, method)] + found[-1:]
            ordered = sorted(rows, key=lambda r: (METHODS.index(r["method"]), r["case"]))
            pd.DataFrame(ordered).to_csv(path, index=False, float_format="%.4g")
    control = measure(options.first, "lbmm-gld", **CONTROL)
    print("control:", control)
    fitted = [row for row in found if row["converged"] != ""]
    passed = sum(row["converged"] for row in fitted)
    print(f"{passed} of {len(fitted)} fits have converged, {len(found) - len(fitted)} were refused")
    return int(passed < len(fitted) or control["converged"])


if __name__ == "__main__":
    sys.exit(main())
