"""Taweret's linear mixing of the likelihoods of two models, for `peer_methods`.

It takes two models and one coordinate: here the models with the least rms deviation on the training
rows, and the order of them and the coordinate with the largest likelihood. The weight is a sigmoid
of that coordinate, of which 0 to 1 are the training rows, with Taweret's priors. Models are asked
for log densities; here they are columns of a table.
"""

import itertools
import tempfile
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
_SAMPLER: dict[str, Any] = {
    "sampler": "dynesty", "sample": "unif", "nlive": 250, "check_point_plot": False
}  # fmt: skip


class _Column:
    """A model of a table, with normal errors of its rms deviation from the training rows."""

    prior = None  # it has no parameters

    def __init__(self, table: Arrays, k: int) -> None:
        d = table["y"] - table["f"][:, k]
        self.error = float(np.sqrt(np.mean(d**2)))
        scale = np.hypot(self.error, table["u"])
        self._log_density = -0.5 * (d / scale) ** 2 - np.log(scale * np.sqrt(2 * np.pi))

    def log_likelihood_elementwise(self, *rows: np.ndarray) -> np.ndarray:
        """Log densities of the training rows, (n,)."""
        del rows
        return self._log_density


def pair(table: Arrays, seed: int) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Two models, their errors, (2,), and their mean weights in the likelihood, (2, m)."""
    from Taweret.mix.bivariate_linear import BivariateLinear

    columns = [_Column(table, k) for k in range(table["f"].shape[1])]
    best = sorted(range(len(columns)), key=lambda k: columns[k].error)[:2]
    low, span = table["x"].min(axis=0), np.ptp(table["x"], axis=0)
    x, x_new = ((table[n] - low) / np.where(span > 0, span, 1) for n in ("x", "x_new"))

    def mixer_of(models: tuple[int, ...]) -> Any:
        return BivariateLinear({str(k): columns[k] for k in models})

    def likelihood(models: tuple[int, ...], j: int) -> float:
        mixer, grid = mixer_of(models), np.linspace(0.05, 1, 20)
        rows = (x[:, j], table["y"], table["u"])
        return max(mixer.mix_loglikelihood(p, [], *rows) for p in itertools.product(grid, grid))

    choices = itertools.product(itertools.permutations(best), range(x.shape[1]))
    models, j = max(choices, key=lambda choice: likelihood(*choice))
    mixer, sampler = mixer_of(models), _SAMPLER | {"seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        mixer.train(x[:, j], table["y"], table["u"], outdir=folder, kwargs_for_sampler=sampler)
    first = mixer.predict_weights(x_new[:, j])[1]
    return list(models), np.array([columns[k].error for k in models]), np.stack([first, 1 - first])
