"""Cost of a gradient and memory of LBMM+GPD as the table grows, each size in a process of its own.

Sites fill a square lattice; bands of it belong to one model after the other. Times are
medians of repeated evaluations on one core: of the force that trajectories follow and of the exact
log density with its gradient. Writes `growth.csv` and `growth.png` to this folder.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import measurements
import numpy as np

FOLDER = Path(__file__).parent
SITES = (256, 529, 1024, 2500, 5041, 10_000)
MODELS = (3, 5, 9, 15, 30)
TYPICAL = (1024, 9)  # sites while the models grow, models while the sites do
COLUMNS = ("varied", "sites", "models", "latents", "compile_s", "force_ms", "exact_ms", "peak_mb")


def measure(sites: int, models: int) -> dict[str, object]:
    """One size, in this process."""
    import jax
    import jax.numpy as jnp

    from dirimix.estimators.fields.lattice import make_lattice_field
    from dirimix.estimators.fields.length_scale import LengthScalePrior
    from dirimix.estimators.latent.noise import NoiseModel
    from dirimix.estimators.local_posterior import LocalPosterior
    from dirimix.laws.noise_prior import GammaNoise
    from dirimix.table.space import Space
    from dirimix.table.table import make_table

    rng = np.random.default_rng(sites + models)
    side = round(np.sqrt(sites))
    x = np.array([(i, j) for i in range(side) for j in range(side)], dtype=float)
    f = rng.normal(0, 1, (sites, models))
    y = f[np.arange(sites), (x.sum(axis=1) // 20).astype(int) % models]
    y = y + rng.normal(0, 0.2, sites)
    names = tuple(f"m{k}" for k in range(models))
    table = make_table(np.column_stack([x, f]), ("a", "b"), names, y, fitting=True)
    prior = LengthScalePrior.of_sites(table.x, Space(table.coords))
    field = make_lattice_field(table.x, models, prior)
    model = LocalPosterior(
        table,
        field,
        NoiseModel(GammaNoise(), np.ones(len(table.x))),
        0.5,
        np.full(models, 1 / models),
    )
    with jax.enable_x64(True):
        at = jnp.asarray(model.start(1, rng)[1][0])
        force, exact = jax.jit(model.force), jax.jit(jax.value_and_grad(model.log_posterior))
        begun = time.perf_counter()
        jax.block_until_ready((force(at), exact(at)))
        compiled = time.perf_counter() - begun
        times = [_milliseconds(lambda f=f: jax.block_until_ready(f(at))) for f in (force, exact)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "sites": sites, "models": models, "latents": model.size(), "compile_s": compiled,
        "force_ms": times[0], "exact_ms": times[1], "peak_mb": peak,
    }  # fmt: skip


def _milliseconds(call) -> float:
    call()
    times = []
    for _ in range(15):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return 1000 * float(np.median(times))


def main() -> None:
    """Every size, then the exponents."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--one", nargs=2, type=int, metavar=("SITES", "MODELS"))
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one)))
        return
    sizes = [("sites", n, TYPICAL[1]) for n in SITES]
    sizes += [("models", TYPICAL[0], k) for k in MODELS]
    rows = [{"varied": varied} | _apart(n, k) for varied, n, k in sizes]
    measurements.write(FOLDER / "growth.csv", COLUMNS, rows)
    for varied in ("sites", "models"):
        for name in ("force_ms", "exact_ms"):
            print(f"{name} grows with {varied} to the power {exponent(rows, varied, name):.2f}")
    _plot(rows)


def _apart(sites: int, models: int) -> dict[str, object]:
    command = [sys.executable, __file__, "--one", str(sites), str(models)]
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})  # XLA counts its cores at birth
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    finally:
        os.sched_setaffinity(0, before)
    return json.loads(done.stdout.splitlines()[-1])


def exponent(rows: list[dict], varied: str, name: str) -> float:
    """Slope of log cost against log size, by least squares."""
    mine = [row for row in rows if row["varied"] == varied]
    size, cost = (np.log([row[column] for row in mine]) for column in (varied, name))
    return float(np.polyfit(size, cost, 1)[0])


def _plot(rows: list[dict]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
    for axis, varied in zip(axes, ("sites", "models"), strict=False):
        mine = [row for row in rows if row["varied"] == varied]
        for name, label in (("force_ms", "force"), ("exact_ms", "exact")):
            power = exponent(rows, varied, name)
            line = [row[varied] for row in mine], [row[name] for row in mine]
            axis.loglog(*line, "o-", label=f"{label}, power {power:.2f}")
        axis.set(xlabel=varied, ylabel="ms an evaluation")
        axis.set_xticks(line[0], list(map(str, line[0])), rotation=45)
        axis.set_xticks([], minor=True)
        axis.legend()
    mine = [row for row in rows if row["varied"] == "sites"]
    axes[2].semilogx([r["sites"] for r in mine], [r["peak_mb"] for r in mine], "o-")
    axes[2].set(xlabel="sites", ylabel="peak memory, MB")
    axes[2].set_ylim(0, 1.1 * max(r["peak_mb"] for r in mine))
    figure.savefig(FOLDER / "growth.png", dpi=150)


if __name__ == "__main__":
    main()
