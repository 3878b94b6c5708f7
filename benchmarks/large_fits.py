"""Fits of twenty models at up to 10,000 sites: time, memory and how far they come in five minutes.

Each fit is `dirimix fit` with default options but for `--max-seconds 300` and, where `@laplace`
stands behind the name, `--option inference=laplace`, and ends with all the
tables that it writes. Memory is the largest sum over the command and its workers, pages that they
share counted for each. Observations are the mean of the two models nearest to each site's place,
with noise; the models err by their own smooth amounts.

    python benchmarks/large_fits.py [--methods gbmm-d,lbmm-gld] [--sites 1000,10000]

Adds the rows to `large-fits.csv` in this folder and draws `large-fits.png`.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measurements
import numpy as np
import pandas as pd
import psutil

FOLDER = Path(__file__).parent
MODELS, NOISE, LIMIT = 20, 0.2, 300.0
SITES = (1000, 10_000)
METHODS = (
    "simplex-ls", "ridge-stacking", "bma-laplace", "gbmm-d", "lbmm-gld", "lbmm-gpd", "lbmm-lgp",
    "lbmm-lgp@laplace",
)  # fmt: skip
COLUMNS = (
    "method", "sites", "models", "seconds", "cpu_seconds", "peak_mb", "draws", "ess", "rhat",
    "gradients", "converged",
)  # fmt: skip


def make_table(n: int, seed: int = 0) -> pd.DataFrame:
    """A square of n sites, every model best in a place of its own."""
    rng = np.random.default_rng([0x6C61, seed])
    x, homes = rng.uniform(0, 10, (n, 2)), rng.uniform(0, 10, (MODELS, 2))
    truth = np.sin(x).sum(axis=1)
    away = x[:, None, :] - homes
    f = truth[:, None] + 0.3 * (away * rng.uniform(-1, 1, (MODELS, 2))).sum(axis=2)
    nearest = np.argsort((away**2).sum(axis=2), axis=1)[:, :2]
    y = np.take_along_axis(f, nearest, axis=1).mean(axis=1) + rng.normal(0, NOISE, n)
    names = [f"m{k:02}" for k in range(MODELS)]
    return pd.DataFrame(f, columns=pd.Index(names)).assign(x=x[:, 0], z=x[:, 1], y=y)


def measure(method: str, sites: int) -> dict[str, object]:
    """One fit by the command."""
    bare, _, inference = method.partition("@")
    more = ["--option", f"inference={inference}"] if inference else []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        table = make_table(sites)
        table.to_csv(folder / "table.csv", index=False)
        models = ",".join(name for name in table if name.startswith("m"))
        command = [
            str(Path(sys.executable).with_name("dirimix")), "fit", "table.csv", "--target", "y",
            "--coords", "x,z", "--models", models, "--method", bare, "--max-seconds", str(LIMIT),
            "--out", "fit", "--allow-unconverged", "--quiet", *more,
        ]  # fmt: skip
        begun = time.perf_counter()
        process = psutil.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
        peak, seconds = 0.0, {}
        while process.poll() is None:
            peak = max(peak, _memory(process, seconds))
            time.sleep(0.1)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
        wall = time.perf_counter() - begun
        sampling, found = (_table(folder / "fit", name) for name in ("sampling", "diagnostics"))
    made = sampling.iloc[0].to_dict() if len(sampling) else {}
    ess = found[["ess_bulk", "ess_tail"]].to_numpy(dtype=float)
    return {
        "method": method,
        "sites": sites,
        "models": MODELS,
        "seconds": wall,
        "cpu_seconds": sum(seconds.values()),
        "peak_mb": peak,
        "draws": made.get("draws", ""),
        "ess": float(ess.min()) if ess.size else "",
        "rhat": float(found["rhat"].to_numpy(dtype=float).max()) if ess.size else "",
        "gradients": made.get("gradients", ""),
        "converged": made.get("converged", ""),
    }


def _table(folder: Path, name: str) -> pd.DataFrame:
    """One that the command wrote: as a Parquet file if it is large."""
    text = folder / f"{name}.csv"
    return pd.read_csv(text) if text.exists() else pd.read_parquet(text.with_suffix(".parquet"))


def _memory(process: psutil.Process, seconds: dict[int, float]) -> float:
    """Megabytes of a process and its children; `seconds` keeps what each has used so far."""
    total = 0.0
    try:
        for each in (process, *process.children(recursive=True)):
            total += each.memory_info().rss / 2**20
            seconds[each.pid] = sum(each.cpu_times()[:2])
    except psutil.Error:
        return 0.0  # one of them has just ended
    return total


def main() -> None:
    """Every method at every number of sites."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--sites", default=",".join(map(str, SITES)))
    options = parser.parse_args()
    path = FOLDER / "large-fits.csv"
    rows = measurements.read(path)
    for sites in map(int, options.sites.split(",")):
        for method in options.methods.split(","):
            row = measure(method, sites)
            print(row, flush=True)
            rows = measurements.replaced(rows, [row], ("method", "sites"))
            order = {name: n for n, name in enumerate(METHODS)}
            rows.sort(key=lambda r: (order[str(r["method"])], int(str(r["sites"]))))
            measurements.write(path, COLUMNS, rows)
    _plot(pd.read_csv(path))


def _plot(rows: pd.DataFrame) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for method, mine in rows.groupby("method", sort=False):
        for axis, column in zip(axes, ("seconds", "peak_mb"), strict=True):
            axis.loglog(mine["sites"], mine[column], "o-", label=method)
    axes[0].set(xlabel="sites", ylabel="seconds, with all tables")
    axes[1].set(xlabel="sites", ylabel="largest memory, MB", ylim=(100, None))
    axes[1].legend(fontsize="small")
    figure.savefig(FOLDER / "large-fits.png", dpi=150)


if __name__ == "__main__":
    main()
