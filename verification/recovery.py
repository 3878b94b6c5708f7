"""Known weights, noise and discrepancy are found again by mixtures made of parts.

Tables along one coordinate whose three models are told apart at every site: smooth weights, a
smooth discrepancy, Student's t noise whose level grows fourfold. The mixture of all parts must find
the three again; one that lacks a part must not.

The same truths with models that are smooth themselves: what the data do not tell apart. A
discrepancy and another choice of weights then predict alike; their sum is found, the parts are not,
and the posterior must say so: wide, and the two parts against each other in its draws.

    python verification/recovery.py

Writes `recovery.csv` to this folder.
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent
MODELS = ["a", "b", "c"]
N, EXTENT, DEGREES = 120, 10.0, 4.0
SEEDS = (1, 2)
# what a mixture may lack, and what it then cannot find
WITHOUT = {
    "weights": {"weights": "simplex"},
    "discrepancy": {"discrepancy": "none"},
    "noise": {"noise": "constant"},
}
FOUND = 0.85  # correlation of the posterior mean with the truth along the coordinate, at least
COVERED = 0.75  # share of the sites whose truth lies within the 90 % interval, at least
OPPOSED = -0.9  # correlation of parts that no data tell apart, at most
Draws = dict[str, np.ndarray]


def table(seed: int, *, smooth: bool) -> tuple[pd.DataFrame, Draws]:
    """Sites, models and observations, and the truth by name, (n,) or (n, K)."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, EXTENT, N)
    phase = rng.uniform(0, 2 * np.pi, 4)
    fields = np.column_stack(
        [1.8 * np.sin(0.7 * x + phase[0]), 1.8 * np.sin(0.9 * x + phase[1]), 0 * x]
    )
    weights = np.exp(fields)
    weights /= weights.sum(axis=1, keepdims=True)
    if smooth:
        f = np.column_stack([np.sin(0.5 * x), 0.4 * x - 2, np.cos(0.8 * x) + 1])
    else:
        f = rng.normal(0, 2, (N, len(MODELS)))
    discrepancy = 0.8 * np.sin(1.1 * x + phase[2])
    noise = 0.1 * 4 ** (x / EXTENT)
    y = np.sum(weights * f, axis=1) + discrepancy + noise * rng.standard_t(DEGREES, N)
    frame = pd.DataFrame({"x": x, **dict(zip(MODELS, f.T, strict=True)), "y": y})
    return frame, {"weights": weights, "discrepancy": discrepancy, "noise": noise}


def fit(frame: pd.DataFrame, seed: int, **options: str) -> tuple[Draws, bool, float]:
    """Draws of the parts at the sites, whether they have converged, and the seconds it took."""
    from dirimix import LatentMixture

    began = time.perf_counter()
    mixture = LatentMixture(
        ["x"], MODELS, random_state=seed, **({"discrepancy": "delta"} | options)
    ).fit(frame, frame["y"])
    sample = mixture.posterior_["posterior"].to_dataset()
    count = sample.sizes["chain"] * sample.sizes["draw"]
    flat = {n: a.to_numpy().reshape(count, *a.shape[2:]) for n, a in sample.items()}
    # a part that is the same everywhere has no axis of sites
    of = {
        "weights": flat["field_weight"] if "field_weight" in flat else flat["weights"][:, None],
        "discrepancy": flat.get("discrepancy", np.zeros((count, 1))),
        "noise": flat.get("noise", flat["sigma"][:, None]),
    }
    draws = {n: np.broadcast_to(a, (count, N, *a.shape[2:])) for n, a in of.items()}
    return draws, mixture.converged_, time.perf_counter() - began


def compare(draws: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """How well a part is found: correlation along the coordinate, error, coverage."""
    mean = draws.mean(axis=0)
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    aside, true_aside = mean - mean.mean(axis=0), truth - truth.mean(axis=0)
    size = float(np.sqrt(np.mean(true_aside**2)))
    norm = np.sqrt(np.sum(aside**2) * np.sum(true_aside**2))
    return {
        "correlation": float(np.sum(aside * true_aside) / norm) if norm > 0 else 0.0,
        "error": float(np.sqrt(np.mean((mean - truth) ** 2))) / size,
        "uncertainty": float(np.sqrt(np.mean(draws.var(axis=0)))) / size,
        "coverage_90": float(np.mean((low <= truth) & (truth <= high))),
    }


def opposed(mixture: np.ndarray, discrepancy: np.ndarray) -> float:
    """Mean correlation, over the sites, of the mixed models with the discrepancy in the draws."""
    one, other = (a - a.mean(axis=0) for a in (mixture, discrepancy))
    spread = len(one) * one.std(axis=0) * other.std(axis=0)
    return float(np.mean(np.sum(one * other, axis=0)[spread > 0] / spread[spread > 0]))


def measure(models: str, seed: int, without: str) -> list[dict]:
    """A row for each part of one truth, and for the mean of the observations."""
    frame, truth = table(seed, smooth=models == "smooth")
    draws, converged, seconds = fit(frame, seed, **WITHOUT.get(without, {}))
    f = frame[MODELS].to_numpy()
    mixture = np.einsum("snk,nk->sn", draws["weights"], f)
    draws["mean"] = mixture + draws["discrepancy"]
    truth["mean"] = np.sum(truth["weights"] * f, axis=1) + truth["discrepancy"]
    of_fit = {
        "opposed": np.nan if without else opposed(mixture, draws["discrepancy"]),
        "converged": converged,
        "seconds": round(seconds),
    }
    key = {"models": models, "seed": seed, "without": without}
    return [key | {"part": p} | compare(draws[p], true) | of_fit for p, true in truth.items()]


def judge(row: dict) -> str:
    """What is wrong with one row, if anything."""
    where = f"{row['models']} models, seed {row['seed']}, without {row['without'] or 'nothing'}: "
    part, covered = row["part"], COVERED <= row["coverage_90"]
    found = covered and row["correlation"] >= FOUND
    if not row["converged"]:
        return where + "not converged"
    if row["without"]:
        return where + f"{part} found all the same" if part == row["without"] and found else ""
    if row["models"] == "rough" or part == "mean":
        return "" if found else where + f"{part} not found"
    if row["opposed"] > OPPOSED:
        return where + "weights and discrepancy are not against each other"
    return "" if covered else where + f"{part} is surer than it may be"


def main() -> int:
    """Fit and compare; 1 if a part is not found, or is found where it cannot be."""
    warnings.simplefilter("ignore")
    rows = []
    for seed in SEEDS:
        for models, without in [*(("rough", w) for w in ("", *WITHOUT)), ("smooth", "")]:
            rows += measure(models, seed, without)
            print(pd.DataFrame(rows[-4:]).to_string(), file=sys.stderr)
    pd.DataFrame(rows).to_csv(FOLDER / "recovery.csv", index=False, float_format="%.4g")
    faults = list(filter(None, map(judge, rows)))
    print(*faults, sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
