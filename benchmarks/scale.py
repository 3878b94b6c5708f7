"""Predictions at many sites: sites a second and the largest memory, by method and number of sites.

Rates are per second of processor time, of one core. Every row is a process of its own. Its
estimator has draws of the prior in place of a posterior, as many as a fit of default options keeps,
so that nothing is sampled and prediction costs what it costs after a fit:
`.venv/bin/python benchmarks/scale.py --out FILE`.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from dirimix import DirichletMixture, LocalDirichletMixture
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fields.choice import make_field
from dirimix.estimators.latent.noise import NoiseModel
from dirimix.laws.noise_prior import GammaNoise
from dirimix.laws.transforms import Identity
from dirimix.table.sites import Reach
from dirimix.table.space import make_space

MODELS = tuple(f"m{k:02}" for k in range(20))
COORDS = ("x", "z")
TRAINING, KEPT = 600, 1000  # sites of the fit; draws that a local mixture keeps
METHODS = ("gbmm-d", "lbmm-gld", "lbmm-gpd")
SITES = {"gbmm-d": (20_000, 100_000), "lbmm-gld": (2_000, 10_000), "lbmm-gpd": (2_000, 10_000)}


def sites(m: int, seed: int = 0) -> pd.DataFrame:
    """A square of m sites with the values of twenty models."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, (m, 2))
    truth = np.sin(x[:, 0]) + 0.3 * x[:, 1]
    columns = {name: truth + rng.normal(0, 0.5, m) for name in MODELS}
    return pd.DataFrame({"x": x[:, 0], "z": x[:, 1], **columns})


def posed(method: str) -> AbstractMixture:
    """An estimator whose posterior is its prior."""
    rng, k = np.random.default_rng(1), len(MODELS)
    if method == "gbmm-d":
        mixture = DirichletMixture(COORDS, MODELS)
        count = mixture.chains * mixture.draws
        mixture.weight_draws_ = rng.dirichlet(np.ones(k), count)
        mixture.sigma_draws_, mixture.parts_ = np.full(count, 0.3), None
    else:
        field = "linear" if method == "lbmm-gld" else "gp"
        mixture = LocalDirichletMixture(COORDS, MODELS, field=field)
    mixture.transform_, mixture.kinds_, mixture.levels_ = Identity(), {}, {}
    mixture.space_ = make_space(COORDS)
    places = sites(TRAINING)[list(COORDS)].to_numpy()
    mixture.reach_ = Reach(mixture.space_, places, {})
    if isinstance(mixture, LocalDirichletMixture):
        form = {"field": mixture.field, "form": "auto", "length_scale": None}
        mixture.field_ = make_field(places, k, mixture.space_, **form)
        shapes = mixture.field_.shapes()
        mixture.latents_ = {n: rng.normal(size=(KEPT, *s)) for n, s in shapes.items()}
        mixture.sigma_draws_ = np.full(KEPT, 0.3)
        mixture.noise_ = NoiseModel(GammaNoise(), np.ones(TRAINING))
    return mixture


def one(method: str, m: int) -> str:
    """Means, standard deviations, seven quantiles and weights at m sites: one row of the table."""
    mixture, frame = posed(method), sites(m)
    levels = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)
    seconds = {}
    for what, ask in (
        ("mean_sd", lambda: mixture.predict(frame, return_std=True)),
        ("quantiles", lambda: mixture.predict_quantiles(frame, levels)),
        ("weights", lambda: mixture.predict_weights(frame)),
    ):
        begun = time.process_time()
        ask()
        seconds[what] = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rates = ",".join(f"{m / s:.0f}" for s in seconds.values())
    return f"{method},{m},{len(MODELS)},{rates},{peak:.0f}"


def main() -> None:
    """Write the table, or one row of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", help="CSV file to write; by default the table is printed")
    parser.add_argument("--one", nargs=2, metavar=("METHOD", "SITES"), help="one row, printed")
    arguments = parser.parse_args()
    if arguments.one:
        sys.stdout.write(one(arguments.one[0], int(arguments.one[1])) + "\n")
        return
    rates = "mean_sd_per_second,quantiles_per_second,weights_per_second"
    lines = [f"method,sites,models,{rates},peak_megabytes"]
    for method in METHODS:
        for m in SITES[method]:
            row = [sys.executable, __file__, "--one", method, str(m)]
            lines.append(subprocess.run(row, check=True, capture_output=True, text=True).stdout)
    text = "\n".join(line.strip() for line in lines) + "\n"
    if arguments.out:
        Path(arguments.out).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
