"""What a fitted estimator says of itself, beyond its predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from dirimix.laws.noise_prior import AbstractNoisePrior
from dirimix.laws.noise_scale import NoiseScale
from dirimix.laws.transformed_mixture import PredictiveLaw

if TYPE_CHECKING:
    from dirimix.estimators.base import AbstractMixture


@dataclass(frozen=True)
class FitReport:
    """What a fitted estimator offers; None or empty where it has nothing of the kind.

    Attributes:
        priors: The prior of every parameter in words.
        y_scale: Scale of the noise, found or given, in the scale of the fit.
        sigma: Noise level, its posterior mean where it has one, in the scale of the fit.
        evidence: Frame with model, log_evidence, std_error, probability: of model averaging.
        posterior: DataTree of all draws, as ArviZ reads it.
        diagnostics: Frame with parameter, mean, sd, ess_bulk, ess_tail, rhat.
        sampling: How the posterior was sampled, by column of sampling.csv.
        reasons: Why the result has not converged; empty if it has.
        siblings: The same fit with other weights, made when asked for, by the name of these.
        candidates: Frame of the methods that were compared on held-out regions, one line each.
        site_law: The law of a repeated observation at every training site.
    """

    priors: Mapping[str, str] = field(default_factory=dict)
    y_scale: NoiseScale | None = None
    sigma: float | None = None
    evidence: pd.DataFrame | None = None
    posterior: xr.DataTree | None = None
    diagnostics: pd.DataFrame | None = None
    sampling: Mapping[str, Any] | None = None
    reasons: tuple[str, ...] = ()
    siblings: Mapping[str, Callable[[], "AbstractMixture"]] = field(default_factory=dict)
    candidates: pd.DataFrame | None = None
    site_law: Callable[[], PredictiveLaw] | None = None

    def _repr_html_(self) -> str:
        """The report in a notebook: whether it converged, the noise, the priors."""
        state = "● converged"
        if self.sampling is None:
            state = "● solved without sampling"
        if self.reasons:
            state = f"■ not converged: {'; '.join(self.reasons)}"
        rows = {"state": state, **{f"prior of {k}": v for k, v in self.priors.items()}}
        if self.sigma is not None:
            rows["noise level sigma"] = f"{self.sigma:.4g}"
        if self.diagnostics is not None and len(self.diagnostics):
            worst = self.diagnostics
            rows["largest R-hat"] = f"{worst['rhat'].max():.3f}"
            rows["least effective sample size"] = (
                f"{min(worst['ess_bulk'].min(), worst['ess_tail'].min()):.0f}"
            )
        cells = "".join(
            f"<tr><th style='text-align:left'>{escape(k)}</th>"
            f"<td style='text-align:left'>{escape(v)}</td></tr>"
            for k, v in rows.items()
        )
        return f"<table>{cells}</table>"


def noise_words(prior: AbstractNoisePrior, scale: NoiseScale) -> dict[str, str]:
    """The prior of sigma in words, from that in units of the noise scale."""
    found = ", the unit found from the training rows" if scale.found else ""
    return {"sigma": f"{prior.scaled(scale.value)}{found}"}
