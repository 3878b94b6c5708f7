"""What a fitted estimator says of itself, beyond its predictions."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from dirimix.laws.noise_prior import AbstractNoisePrior
from dirimix.laws.noise_scale import NoiseScale
from dirimix.laws.transformed_mixture import PredictiveLaw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dirimix.estimators.base import AbstractMixture

_MOST_BARS = 20  # models that are listed
_BAR = "#0072b2"


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
        parts: What predictions at the rows of a frame are made of, where noise or a discrepancy
            follow the map: `predict_parts`.
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
    parts: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    def lines(self) -> dict[str, str]:
        """Whether it converged, the noise, the priors: what a notebook shows."""
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
        return rows

    def _repr_html_(self) -> str:
        return _table(self.lines())


class InNotebooks:
    """What a notebook shows of a mixture: its state, its models and their weights; and a figure."""

    coords: Sequence[str]
    models: Sequence[str]

    def _repr_html_(self) -> str:
        """The mixture as HTML, in which every name is text."""
        head = f"<strong>{escape(type(self).__name__)}</strong>"
        rows = {"models": _listed(self.models), "coordinates": _listed(self.coords)}
        if not hasattr(self, "reach_"):
            return f"<div>{head}, not fitted{_table(rows)}</div>"
        own = self.fit_report()  # pyright: ignore[reportAttributeAccessIssue]
        weights = _mean_weights(self, own)
        bars = "" if weights is None else _bars(self.models, weights)
        return f"<div>{head}{_table({**own.lines(), **rows})}{bars}</div>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def plot(
        self,
        X: pd.DataFrame,
        y: ArrayLike | None = None,
        y_err: ArrayLike | None = None,
        **options: Any,
    ) -> "Axes":
        """The prediction with its bands, the models and observations along a line of sites.

        Args:
            X: Frame with the coordinate and model columns, m rows.
            y: Observations, (m,), NaN where there is none.
            y_err: Standard deviations of their measurement errors, (m,) or a scalar.
            options: `along` and `axes`, those of `dirimix.plot`.

        Raises:
            InputError: If `along` is no coordinate of the mixture, or the rows are not usable.
        """
        # figures know estimators, not the other way round
        figures = importlib.import_module("dirimix.report.fitted_plot")
        return figures.plot(self, X, y, y_err, **options)


def _mean_weights(mixture: object, own: FitReport) -> np.ndarray | None:
    """Mean weights over the training rows, (K,), of a mixture that keeps what it takes."""
    if own.posterior is not None:
        for name in ("field_weight", "weights"):
            found = own.posterior["posterior"].get(name)
            if found is not None:
                return found.mean([d for d in found.dims if d != "model"]).to_numpy()
    return getattr(mixture, "weights_", None)


def _bars(models: Sequence[str], weights: np.ndarray) -> str:
    """Weights as text, and as bars where they lie between 0 and 1, the largest first."""
    lines = []
    for k in np.argsort(-weights, kind="stable")[:_MOST_BARS]:
        width = 100 * float(np.clip(weights[k], 0, 1))
        bar = f"<div style='background:{_BAR};height:.8em;width:{width:.0f}%;min-width:1px'></div>"
        lines.append(
            f"<tr>{_cell(str(models[k]))}<td>{weights[k]:.3f}</td><td style='width:12em'>{bar}</td>"
        )
    more = len(weights) - len(lines)
    rest = f"<caption style='caption-side:bottom'>and {more} more</caption>" if more > 0 else ""
    heads = "<tr><th>model</th><th>mean weight</th><th></th></tr>"
    return f"<table>{rest}{heads}{'</tr>'.join(lines)}</tr></table>"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(str, names[:_MOST_BARS])) or "none"
    more = len(names) - _MOST_BARS
    return f"{shown} and {more} more" if more > 0 else shown


def _cell(text: str, tag: str = "th") -> str:
    return f"<{tag} style='text-align:left'>{escape(text)}</{tag}>"


def _table(rows: Mapping[str, str]) -> str:
    lines = "".join(f"<tr>{_cell(k)}{_cell(v, 'td')}</tr>" for k, v in rows.items())
    return f"<table>{lines}</table>"


def noise_words(prior: AbstractNoisePrior, scale: NoiseScale) -> dict[str, str]:
    """The prior of sigma in words, from that in units of the noise scale."""
    found = ", the unit found from the training rows" if scale.found else ""
    return {"sigma": f"{prior.scaled(scale.value)}{found}"}
