"""The same tuning of LBMM+GPD on tables of many kinds: each must converge.

Five hundred draws, and as many more as it takes for an effective sample size of 400.

    python verification/robustness.py [--only NAME ...]

Writes `robustness.csv` to this folder, a row a table; rows of tables left out by `--only` are kept.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent
COORDS = ["a", "b"]


def scattered(n: int, count: int, noise: float, spread: float = 1.0) -> pd.DataFrame:
    """Sites that form no lattice; every model is right along a line of its own, wrong elsewhere."""
    rng = np.random.default_rng([n, count])
    x = rng.uniform(0, 10, (n, 2))
    truth = np.sin(x[:, 0] / 2) + 0.2 * x[:, 1]
    slope, turn = rng.normal(0, 1, (count, 2)), rng.uniform(0, 10, (count, 2))
    bias = spread * 0.3 * np.einsum("kj,nkj->nk", slope, x[:, None] - turn)
    models = [f"m{k}" for k in range(1, count + 1)]
    columns = [*COORDS, *models, "y", "u"]
    values = np.column_stack([x, truth[:, None] + bias, truth + rng.normal(0, noise, n)])
    return pd.DataFrame(np.column_stack([values, np.zeros(n)]), columns=pd.Index(columns))


def liquid_drop() -> pd.DataFrame:
    """All training rows of the embedded data set."""
    from dirimix import datasets

    data = datasets.load("liquid-drop")
    rows = data.part("train")
    chosen = rows[[*data.coords, *data.models, data.target, data.error]]
    models = [f"m{k}" for k in range(1, len(data.models) + 1)]
    return pd.DataFrame(chosen.to_numpy(), columns=pd.Index([*COORDS, *models, "y", "u"]))


TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "60 sites, 3 models": lambda: scattered(60, 3, 0.2),
    "noise a thirtieth of the models' spread": lambda: scattered(150, 4, 0.1, spread=3.0),
    "300 sites, 15 models": lambda: scattered(300, 15, 0.2),
    "liquid-drop, all rows": liquid_drop,
    "3,000 sites, 3 models": lambda: scattered(3000, 3, 0.2),
}


def measure(name: str) -> dict[str, object]:
    """Fit one table."""
    from dirimix import LocalDirichletMixture

    table = TABLES[name]()
    models = [c for c in table.columns if c.startswith("m")]
    mixture = LocalDirichletMixture(COORDS, models, draws=500, min_ess=400, random_state=1)
    mixture.fit(table.loc[:, [*COORDS, *models]], table["y"], table["u"])
    spread = np.nanmean(np.nanstd(table[models].to_numpy(), axis=1))
    found, made = mixture.diagnostics_, mixture.sampling_
    return {
        "table": name,
        "sites": len(table),
        "models": len(models),
        "spread_over_sigma": spread / mixture.sigma_,
        "converged": made["converged"],
        "draws": made["draws"],
        "rhat": found["rhat"].max(),
        "ess_bulk": found["ess_bulk"].min(),
        "ess_tail": found["ess_tail"].min(),
        "divergences": made["divergences"],
        "step_size": made["step_size"],
        "gradients": made["gradients"],
        "seconds": made["seconds"],
    }


def main() -> int:
    """Fit them all; 1 if one has not converged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(TABLES), metavar="NAME")
    chosen = parser.parse_args().only or list(TABLES)
    warnings.simplefilter("ignore")  # what has not converged says so in its row
    path = FOLDER / "robustness.csv"
    rows = pd.read_csv(path).to_dict("records") if path.is_file() else []
    for name in chosen:
        rows = [row for row in rows if row["table"] != name] + [measure(name)]
        print(rows[-1], flush=True)
        ordered = sorted(rows, key=lambda row: list(TABLES).index(str(row["table"])))
        pd.DataFrame(ordered).to_csv(path, index=False, float_format="%.4g")
    return int(not all(row["converged"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
