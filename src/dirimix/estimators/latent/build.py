"""From options and a table to the parts of a latent mixture: their forms and priors."""

from dataclasses import dataclass

import numpy as np

from dirimix._arguments import check_choice, check_positive, check_whole
from dirimix.errors import InputError
from dirimix.estimators.fields.choice import make_field
from dirimix.estimators.fields.gaussian_process import AbstractProcess
from dirimix.estimators.fields.length_scale import LengthScalePrior
from dirimix.estimators.latent.group import Amplitude, FieldGroup
from dirimix.estimators.latent.noise import NoiseModel
from dirimix.estimators.latent.noise_kind import NoiseKind, check_noise, check_places
from dirimix.estimators.latent.posterior import LatentPosterior
from dirimix.estimators.latent.weights import (
    AbstractWeights,
    DirichletWeights,
    Ensemble,
    FreeWeights,
    PrincipalWeights,
    SimplexWeights,
    UniformWeights,
)
from dirimix.laws.noise import maximum_likelihood_sigma
from dirimix.laws.noise_prior import AbstractNoisePrior
from dirimix.laws.simplex import simplex_least_squares
from dirimix.table.selection import observed
from dirimix.table.space import Space, refuse_categories
from dirimix.table.table import Table

WEIGHTS = (
    *("single", "simplex", "simplex-linear", "simplex-gp", "free", "free-gp"),
    *("uniform", "dirichlet"),
)
COMPLETE = ("single", "uniform", "dirichlet")  # fitted to rows where every model has a value
FREE_SUM = "free"
DISCREPANCY = ("none", "delta", "contrast")
_ETA = {"simplex": Amplitude(2, 1.0), "free": Amplitude(2, 0.5)}  # priors of the amplitudes
_CONSTANT_SD = {"simplex": 1.5}  # prior standard deviation of the weights' constants, elsewhere 1


@dataclass(frozen=True)
class Parts:
    """Which parts a mixture is made of.

    Attributes:
        weights: One of `WEIGHTS`.
        noise: 'constant', or 'local': its level follows the map and the models' spread.
        tails: 'normal' or 'student'.
        discrepancy: 'none'; 'delta', a process that is added; 'contrast', small signed departures
            of the weights along the models' differences from their average.
        degrees: Of freedom of Student's t.
        noise_sd: Standard deviation of the noise's log variance over the map.
        delta_scale: Prior mean of delta's amplitude, in units of the residuals' scale.
        contrast_scale: That of the signed departures.
        alpha_scale: Of the half-normal prior of the concentrations of weights='dirichlet'.
        components: Principal ones of the models' differences that signed weights follow, at most;
            None for all, 'free' for a field a model, and so a free sum.
    """

    weights: str
    noise: str = "constant"
    tails: str = "normal"
    discrepancy: str = "none"
    degrees: float = 4.0
    noise_sd: float = 0.6
    delta_scale: float = 1.0
    contrast_scale: float = 0.3
    alpha_scale: float = 1.0
    components: int | str | None = None

    def __post_init__(self) -> None:
        check_choice(self.weights, "weights", WEIGHTS)
        check_choice(self.discrepancy, "discrepancy", DISCREPANCY)
        check_noise(self)
        for name in ("delta_scale", "contrast_scale", "alpha_scale"):
            check_positive(getattr(self, name), name)
        if self.weights == "single" and self.discrepancy == "contrast":
            raise InputError(
                "a single model has no contrasts with others; take discrepancy = 'delta'"
            )
        if self.components is not None:
            if isinstance(self.components, str):
                check_choice(self.components, "components", (FREE_SUM,))
            else:
                check_whole(self.components, "components", 1)
            if not self.weights.startswith("free"):
                raise InputError(
                    f"components serves signed weights, and weights is {self.weights!r}; leave "
                    "components out, or take weights = 'free-gp' or 'free' (signed-gp)"
                )

    def rule(self, ensemble: Ensemble) -> AbstractWeights | None:
        """How fields become weights; None for a single model."""
        form = self.weights.partition("-")[0]
        if form == "free" and self.components != FREE_SUM:
            most = len(ensemble.f.T) - 1 if self.components is None else int(self.components)
            return PrincipalWeights.of(ensemble, most)
        known = {
            "simplex": SimplexWeights(),
            "free": FreeWeights(),
            "uniform": UniformWeights(),
            "dirichlet": DirichletWeights(self.alpha_scale),
        }
        return known.get(form)

    @property
    def local(self) -> bool:
        """Whether anything changes over the map."""
        own = self.weights.endswith(("-gp", "-linear"))
        return own or self.noise == "local" or self.discrepancy != "none"


def check_parts(parts: Parts, table: Table, space: Space) -> None:
    """Refuse parts that do not serve the models or places of the rows of a fit.

    Raises:
        InputError: If a part needs more models, only one, or coordinates that are numbers and vary.
    """
    models = table.models
    if parts.weights == "single" and len(models) != 1:
        raise InputError(
            f"weights='single' uses one model, and models names {len(models)}; name one"
        )
    if parts.weights != "single" and len(models) < 2:
        raise InputError("a mixture needs at least 2 models; take weights='single' for one")
    if isinstance(parts.components, int) and parts.components >= len(models):
        raise InputError(
            f"components = {parts.components}, and {len(models)} models differ in at most "
            f"{len(models) - 1} ways; take fewer, or leave components out"
        )
    check_places(parts, space)
    if parts.local:
        refuse_categories(space, "a Gaussian process")
    if parts.local and not space.coords:
        raise InputError(
            "weights or a discrepancy that follow the map need coordinates; name at least one in "
            "coords, or take global weights"
        )
    if parts.local:
        _refuse_constant(table, space)


def _refuse_constant(table: Table, space: Space) -> None:
    """Refuse rows along which a coordinate does not vary, as where a model ends."""
    for axis, extent in zip(space.axes, space.extent(space.embed(table.x)), strict=True):
        if extent == 0:
            lone = (
                f", where model {table.models[0]!r} has a value," if len(table.models) == 1 else ""
            )
            raise InputError(
                f"coordinate {axis.name!r} is {table.place(0, space.coords[axis.columns[0]])} at "
                f"all {len(table.x)} rows of a fit{lone} and what follows the map needs it to "
                "vary; leave it out of coords, or leave out the model that ends there"
            )


def refuse_gaps(table: Table, weights: str) -> None:
    """Refuse rows where the only model has no value.

    Raises:
        InputError: If there are any.
    """
    if weights == "single" and not table.known.all():
        row = table.number(int(np.argmin(table.known[:, 0])))
        raise InputError(
            f"model {table.models[0]!r} has no value at {int((~table.known).sum())} of "
            f"{len(table.f)} rows to predict, first at row {row}; leave those rows out"
        )


def make_posterior(
    parts: Parts,
    table: Table,
    space: Space,
    prior: AbstractNoisePrior,
    sigma: float | None = None,
) -> LatentPosterior:
    """The log joint of these parts at a table's rows.

    Args:
        parts: Which.
        table: n training sites with y, in units of the residuals' scale.
        space: What its coordinates are.
        prior: Of sigma.
        sigma: Noise level of the best constant mixture; found if not given.
    """
    rule = parts.rule(Ensemble.of(table.f))
    if rule is None or rule.sum_one:
        table = table.deviations()
    count, x = len(table.models), space.embed(table.x)
    spread = space.spread(x) if space.axes else np.ones(0)
    groups: list[FieldGroup] = []
    form, _, trend = parts.weights.partition("-")
    if rule is not None:
        own = rule.n_fields(count)
        kind = "linear" if trend == "linear" else "constant"
        process = _process(x, space, own) if trend == "gp" else None
        trend_sd, amplitude = _CONSTANT_SD.get(form, 1.0), _ETA.get(form, 1.0)
        groups.append(FieldGroup("weights", own, x, spread, kind, trend_sd, process, amplitude))
    if parts.discrepancy != "none":
        delta = parts.discrepancy == "delta"
        size = 1 if delta else count
        mean = parts.delta_scale if delta else parts.contrast_scale
        process = _process(x, space, size, _broad(x, space))
        prior_of_size = Amplitude(1, mean, shared=not delta)
        groups.append(
            FieldGroup(parts.discrepancy, size, x, spread, "none", 1.0, process, prior_of_size)
        )
    noise = make_noise(parts, table, space, prior)
    sigma = residual_scale(table) if sigma is None else sigma
    return LatentPosterior(table, rule, tuple(groups), noise, parts.discrepancy, sigma)


def residual_scale(table: Table) -> float:
    """Noise level of the best constant mixture of a table in units of its residuals' scale."""
    y = observed(table)
    f = np.where(table.known, table.f, np.nanmean(table.f, axis=1, keepdims=True))
    sigma = maximum_likelihood_sigma(y - f @ simplex_least_squares(f, y), table.y_err)
    return float(max(sigma, 1e-3))


def make_noise(
    kind: NoiseKind, table: Table, space: Space, prior: AbstractNoisePrior
) -> NoiseModel:
    """The noise of a kind at a table's rows, in the table's unit."""
    field = None
    if kind.noise == "local":
        x = space.embed(table.x)
        process = _process(x, space, 1, _broader(x, space))
        field = FieldGroup("noise", 1, x, space.spread(x), "none", 1.0, process, kind.noise_sd)
    degrees = kind.degrees if kind.tails == "student" else None
    return NoiseModel(prior, Ensemble.of(table.f).spread, field, degrees)


def _process(
    x: np.ndarray, space: Space, count: int, prior: LengthScalePrior | None = None
) -> AbstractProcess:
    made = make_field(x, count, space, field="gp", form="auto", length_scale=prior)
    assert isinstance(made, AbstractProcess)
    return made


def _broad(x: np.ndarray, space: Space) -> LengthScalePrior:
    """Of a discrepancy: from the sites' spacing to a third of their extent."""
    return LengthScalePrior.of_sites(x, space, spacings=1, share=1 / 3)


def _broader(x: np.ndarray, space: Space) -> LengthScalePrior:
    """Of the noise, which is known: twice as smooth as the weights are expected to be."""
    median = 2 * LengthScalePrior.of_sites(x, space).quantile(0.5)
    return LengthScalePrior.between(0.999 * median, 1.001 * median)
