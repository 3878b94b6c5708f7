"""What Taweret predicts, for `peer_methods`: trees, and the likelihoods of two models.

Taweret asks models for what they predict; here they are columns of a table. Its trees are grown by
programs of OpenBT, with as many draws as it takes by default and the prior of Taweret's example of
several models. The linear mixing takes two models and one coordinate: the models with the least rms
deviation on the training rows, and the order of them and the coordinate with the largest
likelihood. The weight is a sigmoid of that coordinate, of which 0 to 1 are the training rows, with
Taweret's priors.
"""

import itertools
import os
import tempfile
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
_PRIOR: dict[str, Any] = {"k": 2.5, "ntree": 10, "nu": 5, "inform_prior": False}
_MPI = {  # mpirun as it comes refuses root, and more processes than processors
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_mpi_yield_when_idle": "1",
}  # fmt: skip
_SAMPLER: dict[str, Any] = {
    "sampler": "dynesty", "sample": "unif", "nlive": 250, "check_point_plot": False
}  # fmt: skip


class _Column:
    """A model of a table, with normal errors of its rms deviation from the training rows."""

    prior = None  # it has no parameters

    def __init__(self, table: Arrays, k: int) -> None:
        self._table, self._k = table, k
        d = table["y"] - table["f"][:, k]
        self.error = float(np.sqrt(np.mean(d**2)))
        scale = np.hypot(self.error, table["u"])
        self._log_density = -0.5 * (d / scale) ** 2 - np.log(scale * np.sqrt(2 * np.pi))

    def evaluate(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and errors, (n, 1), at the training rows or at those to predict."""
        f = self._table["f" if x is self._table["x"] else "f_new"][:, [self._k]]
        return f, np.full_like(f, self.error)

    def log_likelihood_elementwise(self, *rows: np.ndarray) -> np.ndarray:
        """Log densities of the training rows, (n,)."""
        del rows
        return self._log_density


def trees(table: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Draws of the mean, (c, m), and of the noise, (c, 1), with weights by sums of trees."""
    from Taweret.mix.trees import Trees

    os.environ.update(_MPI)
    f, y = table["f"], table["y"]
    rest = y - f @ np.linalg.lstsq(f, y, rcond=None)[0]
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # OpenBT leaves its files
        mixer = Trees({str(k): _Column(table, k) for k in range(f.shape[1])})
        mixer.set_prior(**_PRIOR, sighat=float(np.sqrt(np.mean(rest**2))))
        mixer.train(table["x"], y)
        draws, *_ = mixer.predict(table["x_new"])
        tempfile.tempdir = None
    return draws, np.asarray(mixer.posterior)[:, None]


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
