"""Every model by itself with noise that is not constant and normal: for model averaging."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.latent.routed import routed
from dirimix.estimators.pooling import thin
from dirimix.laws.evidence import Evidence, averaged
from dirimix.laws.noise_prior import AbstractNoisePrior
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.table.selection import observed
from dirimix.table.table import Table

if TYPE_CHECKING:
    from dirimix.estimators.averaging import BayesianModelAveraging
    from dirimix.estimators.latent.mixture import LatentMixture

_KEPT = 400  # draws of each model that prediction uses


def other_evidences(
    outer: "BayesianModelAveraging", table: Table, rows: np.ndarray, prior: AbstractNoisePrior
) -> list[Evidence]:
    """The evidence of each model on some rows, by draws from the prior of the noise.

    The draws are common to all models: the error of a ratio is smaller than that of either.

    Args:
        outer: The averaging, which has the kind of noise.
        table: All training rows.
        rows: Indices of the evidence set.
        prior: Of sigma in units of `y_scale_`.
    """
    from dirimix.estimators.latent.build import make_noise  # with it comes JAX

    table = table.in_units_of(outer.y_scale_)
    # a model by itself has no spread that says anything of its noise, whatever its values
    alone = replace(table.alone(0), f=np.zeros((len(table.f), 1)))
    noise = make_noise(outer, alone, outer.space_, prior)
    scale = noise.prior_scales(rows, outer.n_monte_carlo, outer._generator("evidence"))
    variance = scale**2 + table.y_err[rows] ** 2
    residuals = (observed(table)[:, None] - table.f)[rows].T
    return [averaged(noise.log_likelihood(d, variance, np).sum(axis=1)) for d in residuals]


def fit_each(
    outer: AbstractMixture, table: Table, prior: AbstractNoisePrior
) -> dict[str, "LatentMixture"]:
    """Fitted single models by name, of rows where every model has a value.

    Args:
        outer: The averaging, which has the kind of noise.
        table: The rows.
        prior: Of sigma in units of `y_scale_`, that of the evidence.
    """
    found = {}
    for k, model in enumerate(table.models):
        member = routed(outer, "single", models=(model,), noise_prior=prior)
        member._fit(table.alone(k))
        member.progress = None
        found[model] = member
    return found


def pooled(
    members: Mapping[str, "LatentMixture"], table: Table, probability: np.ndarray
) -> NormalMixture:
    """The law of the members with probabilities (K, m), where every model has a value."""
    laws = []
    for k, member in enumerate(members.values()):
        law = member._predictive(table.alone(k))
        kept = thin(len(law.loc), _KEPT)
        together = None if law.together is None else law.together[kept]
        laws.append(NormalMixture.of_draws(law.loc[kept], law.scale[kept], together))
    return NormalMixture.pooled(laws, probability)
