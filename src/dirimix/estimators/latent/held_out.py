"""Fits without parts of the rows, one after the other, by one compilation.

A row that is held out stays where it is with an error so large that it says nothing. What is
compiled for all rows then serves every fit, and sites keep their part in the priors, whose length
scales follow from where the sites are.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from dirimix._arrays import Floats, Indices
from dirimix.estimators.latent.build import COMPLETE
from dirimix.estimators.latent.laplace import Marginal, approximate
from dirimix.table.selection import observed
from dirimix.table.table import Table

if TYPE_CHECKING:
    from dirimix.estimators.latent.mixture import LatentMixture


def log_density_without(mixture: "LatentMixture", table: Table, region: Indices) -> Floats:
    """Log density of each row under fits without its region, hyperparameters at their mode, (n,).

    Args:
        mixture: What is fitted, with what it needs of its training table noted.
        table: n rows in the scale of the fit.
        region: The region of each row, (n,).
    """
    used = np.ones(len(table.x), dtype=bool)
    if mixture.weights in COMPLETE:
        used = table.known.all(axis=1)
    mixture.model_ = mixture.make_model(table.rows(np.flatnonzero(used)))
    marginal, found = Marginal(mixture.model_), np.empty(len(table.x))
    for number in np.unique(region):
        here = region == number
        marginal.see(~here[used])
        fitted = approximate(
            mixture.model_, mixture.draws, mixture.random_state, at_mode=True, marginal=marginal
        )
        draws: Any = fitted.draws
        mixture.latents_ = mixture.model_.unravel(draws)
        rows = table.rows(np.flatnonzero(here))
        found[here] = mixture._predictive(rows).logpdf(observed(rows))
    return found
