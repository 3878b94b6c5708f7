"""Fits without parts of the rows, one after the other, by one compilation.

A row that is held out stays where it is with an error so large that it says nothing. What is
compiled for all rows then serves every fit, and sites keep their part in the priors, whose length
scales follow from where the sites are. Of what was observed there nothing is left.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dirimix._arrays import Floats, Indices, Mask
from dirimix.estimators.fit_report import noise_words
from dirimix.estimators.latent.build import COMPLETE, residual_scale
from dirimix.estimators.latent.laplace import Approximation, Marginal, approximate
from dirimix.estimators.latent.posterior import LatentPosterior
from dirimix.table.selection import observed
from dirimix.table.table import Table

if TYPE_CHECKING:
    from dirimix.estimators.latent.mixture import LatentMixture


class FitsToSome:
    """Approximate fits to some rows of a table, of mixtures of the same parts, compiled once."""

    def __init__(self) -> None:
        """Nothing is compiled before the first fit."""
        self._compiled: dict[bytes, Marginal] = {}

    def prepare(self, mixture: "LatentMixture", table: Table) -> None:
        """Take what is compiled from a mixture that has noted what it needs of all n rows.

        So it does not depend on which fit comes first.
        """
        self._taken(mixture, table)

    def fit(self, mixture: "LatentMixture", table: Table, seen: Mask, *, at_mode: bool) -> None:
        """Set the fitted state that predictions need.

        Args:
            mixture: What is fitted; it has noted what it needs of the rows that are seen.
            table: n rows, the same sites in every call, in the scale of the fit.
            seen: Which of them are fitted to, (n,).
            at_mode: Whether the hyperparameters and the noise stay at their mode in every draw.
        """
        used, model, marginal = self._taken(mixture, table)
        seen = seen[used]
        # components of the models are those in what is compiled, to the last bit
        rule, sigma = marginal.posterior.rule, residual_scale(model.table.rows(seen))
        model = replace(model, rule=rule, sigma=sigma)
        marginal.see(seen, model)
        found = approximate(
            model, mixture.wanted_draws, mixture.random_state, at_mode=at_mode, marginal=marginal
        )
        _keep(mixture, model, found)

    def _taken(
        self, mixture: "LatentMixture", table: Table
    ) -> tuple[Mask, LatentPosterior, Marginal]:
        """Which rows are used, their posterior, and what is compiled for such a one."""
        used = np.ones(len(table.x), dtype=bool)
        if mixture.weights in COMPLETE:
            used &= table.known.all(axis=1)
        model = mixture.make_model(table.rows(np.flatnonzero(used)))
        key = used.tobytes()
        if key not in self._compiled:
            self._compiled[key] = Marginal(model)
        return used, model, self._compiled[key]


def _keep(mixture: "LatentMixture", model: LatentPosterior, found: Approximation) -> None:
    draws: Any = found.draws
    latents: Any = model.unravel(draws)
    verdict = found.verdict()
    mixture.model_ = model
    mixture.keep_latents(latents)
    state = {
        "priors": {**mixture._priors(), **noise_words(mixture._noise(), mixture.scale_)},
        "sigma": float(np.exp(latents["log_sigma"]).mean() * mixture.y_scale_),
        "sampling": found.record(),
        "posterior": None,
        "diagnostics": None,
        "converged": verdict.converged,
        "reasons": verdict.reasons,
    }
    vars(mixture).update({f"{name}_": value for name, value in state.items()})


def log_density_without(mixture: "LatentMixture", table: Table, region: Indices) -> Floats:
    """Log density of each row under fits without its region, hyperparameters at their mode, (n,).

    Args:
        mixture: What is fitted, with what it needs of its training table noted.
        table: n rows in the scale of the fit.
        region: The region of each row, (n,).
    """
    fits, found = FitsToSome(), np.empty(len(table.x))
    for number in np.unique(region):
        here = region == number
        fits.fit(mixture, table, ~here, at_mode=True)
        rows = table.rows(np.flatnonzero(here))
        found[here] = mixture._predictive(rows).logpdf(observed(rows))
    return found
