"""Joint draws of how far corrections may be off, over any sites.

A model's correction is the mean of a Gaussian process given residuals. What it may be off by is the
process less that mean, which is alike at sites that are close:

    e(x) = f_0(x) - k(x, nodes) W,

f_0 a draw from the prior as a function of place (`fields.pathwise`) and W the kernel weights of the
mean given f_0 and noise in place of residuals. Corrections of all models are learnt from the same
observations and are taken to err alike: their errors are added up and brought to unit variance.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel

from dirimix.estimators.fields.pathwise import PriorDraw
from dirimix.estimators.residual_process import ResidualProcess, condition
from dirimix.estimators.residuals.kernel import AxisRBF
from dirimix.estimators.residuals.sparse import SparseProcess
from dirimix.laws.sites import by_rows
from dirimix.table.space import make_space
from dirimix.table.table import make_table

_ERRORS = 0x6572726F  # sets these streams apart from others of the seed


def joint_errors(
    frame: pd.DataFrame, record: Mapping[str, Any], models: Sequence[str], count: int, seed: int
) -> np.ndarray:
    """Standard normals, (count, m), alike as the errors of the corrections are at the m sites.

    Args:
        frame: Corrected models.
        record: What `GPCorrection.transform` says of itself.
        models: Those that are mixed.
        count: Number of draws; those of a smaller one are the first of a larger one.
        seed: The same seed and site, the same draws.
    """
    space = make_space(record["coords"], record["geo"], record["periodic"])
    centre, spread = np.array(record["centre"]), np.array(record["spread"])
    seen = (space.embed(np.array(record["sites"])) - centre) / spread
    table = make_table(frame, record["coords"], models)
    x = (space.embed(space.canonical(table.x)) - centre) / spread
    total, variance = np.zeros((count, len(x))), np.zeros(len(x))
    for number, model in enumerate(record["processes"]):
        if model not in models:
            continue
        process = _rebuilt(record, model, seen, space.axis_of)
        total += _errors(process, x, count, (seed, _ERRORS, number))
        variance += by_rows(lambda some, of=process: of.at(some)[1][:, None] ** 2, x)[:, 0]
    return total / np.sqrt(np.where(variance > 0, variance, 1.0))


def _rebuilt(
    record: Mapping[str, Any], model: str, seen: np.ndarray, axis_of: tuple[int, ...]
) -> ResidualProcess | SparseProcess:
    """A model's process, its mean aside."""
    of = record["processes"][model]
    rows, lengths = np.array(of["rows"]), np.array(of["length_scale"])
    bounds = np.column_stack([lengths, lengths])
    kernel: Any = ConstantKernel(of["variance"]) * AxisRBF(lengths, axis_of, bounds)
    error = np.array(record["y_err"])[rows]
    return condition(seen[rows], np.zeros(len(rows)), error, kernel + WhiteKernel(of["noise"] ** 2))


def _errors(
    process: ResidualProcess | SparseProcess, x: np.ndarray, count: int, key: tuple[int, ...]
) -> np.ndarray:
    """Draws of one process less its mean at standardised sites, (count, m)."""
    nodes = process.nodes()
    size, lengths = np.sqrt(process.kernel.k1.constant_value), process.kernel.k2.straight()
    found, weights = np.empty((count, len(x))), []
    for draw in range(count):
        rng = np.random.default_rng([*key, draw])
        prior = PriorDraw.make(lengths, 1, np.zeros(len(lengths)), rng)
        values = size * prior.at(nodes)[:, 0]
        weights.append(process.weights_of(values, rng.standard_normal(len(nodes))))
        found[draw] = size * prior.at(x)[:, 0]

    def means(some: np.ndarray) -> np.ndarray:
        between = process.kernel(some, nodes)
        # one by one: rounding would depend on how many there are
        return np.stack([between @ w for w in weights], axis=1)

    return found - by_rows(means, x).T
