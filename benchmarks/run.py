"""Compare samplers side by side: alternating, each run in a process of its own, compilation paid.

The figure of merit is the smallest bulk ESS over hyperparameters and over field weights at all
training sites, per second of wall time with warm-up and compilation. Writes a table and a plot;
rows of problems that are not run are kept.
"""

import argparse
import json
import subprocess
import sys
import warnings
from pathlib import Path

import measurements
import numpy as np

FILE = Path(__file__).with_name("samplers.csv")
UNMIXED = 1.5  # R-hat above which chains have not seen the same law, and no ESS is told
# iterations of the warm-up and draws a chain
RUNS = {
    ("60 x 3", "ours"): (150, 1000),
    ("60 x 3", "textbook NumPyro"): (500, 500),
    ("60 x 3", "textbook PyMC"): (500, 500),
    ("513 x 9", "ours"): (150, 1000),
    ("513 x 9", "textbook NumPyro"): (20, 20),
    ("513 x 9", "textbook PyMC"): (5, 5),
}
COLUMNS = (
    "problem", "sampler", "seed", "warmup", "draws", "seconds", "gradients", "divergences",
    "rhat", "ess_min", "ess_min_per_second", "gradients_per_second", "ess_min_per_1000_gradients",
)  # fmt: skip


def measure(problem: str, sampler: str, seed: int) -> dict[str, object]:
    """One run, in this process."""
    from problems import PROBLEMS
    from samplers import SAMPLERS

    from dirimix.sampling.rhat_ess import check_chains

    warmup, draws = RUNS[problem, sampler]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a run that has not converged says so by its R-hat here
        drawn = SAMPLERS[sampler](PROBLEMS[problem](), draws, warmup, seed)
    everything = np.concatenate([drawn.hyper, drawn.weights], axis=2)
    mixed = check_chains(everything)
    rhat = float(mixed.rhat.max())
    ess = float(mixed.ess_bulk.min()) if rhat < UNMIXED else float("nan")
    numbers = (
        drawn.seconds, drawn.gradients, drawn.divergences, rhat, ess, ess / drawn.seconds,
        drawn.gradients / drawn.seconds, 1000 * ess / drawn.gradients,
    )  # fmt: skip
    return dict(zip(COLUMNS, (problem, sampler, seed, warmup, draws, *numbers), strict=True))


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=3, metavar=("PROBLEM", "SAMPLER", "SEED"))
    parser.add_argument("--problem", action="append", choices=sorted({p for p, _ in RUNS}))
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if options.one:
        problem, sampler, seed = options.one
        print(json.dumps(measure(problem, sampler, int(seed))))
        return
    chosen = options.problem or list(dict.fromkeys(p for p, _ in RUNS))
    rows = [row for row in measurements.read(FILE) if row["problem"] not in chosen]
    for seed in range(options.repeats):
        for problem, sampler in RUNS:
            if problem in chosen:
                rows.append(_apart(problem, sampler, seed))
                print(json.dumps(rows[-1]), file=sys.stderr)
                measurements.write(FILE, COLUMNS, rows)
                _plot(rows)


def _apart(problem: str, sampler: str, seed: int) -> dict[str, object]:
    command = [sys.executable, __file__, "--one", problem, sampler, str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _plot(rows: list[dict[str, object]]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
    places = {
        key: i for i, key in enumerate(dict.fromkeys((r["problem"], r["sampler"]) for r in rows))
    }
    for row in rows:
        place, rhat = places[row["problem"], row["sampler"]], float(str(row["rhat"]))
        speed = float(str(row["ess_min_per_second"]))
        if np.isfinite(speed):
            axes.plot(speed, place, "o", color="C0", mfc="C0" if rhat <= 1.01 else "w")
        else:
            told = f"R-hat {rhat:.2g}: no ESS to tell"
            axes.text(0.02, place, told, transform=axes.get_yaxis_transform(), va="center")
    axes.set_yticks(list(places.values()), [f"{s}, {p}" for p, s in places])
    axes.set(xscale="log", xlabel="smallest bulk ESS per second (open: R-hat above 1.01)")
    axes.set_ylim(len(places) - 0.5, -0.5)
    figure.savefig(FILE.with_suffix(".png"), dpi=150)


if __name__ == "__main__":
    main()
