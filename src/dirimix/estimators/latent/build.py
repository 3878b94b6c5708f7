"""From options and a table to the parts of a latent mixture: their forms and priors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dirimix.errors import InputError
from dirimix.estimators.fields.choice import make_field
from dirimix.estimators.fields.gaussian_process import AbstractProcess
from dirimix.estimators.fields.length_scale import LengthScalePrior, spacing
from dirimix.estimators.latent.group import Amplitude, FieldGroup
from dirimix.estimators.latent.noise import NoiseModel
from dirimix.estimators.latent.posterior import LatentPosterior
from dirimix.estimators.latent.weights import (
    AbstractWeights,
    Ensemble,
    FreeWeights,
    SimplexWeights,
)
from dirimix.laws.noise_prior import AbstractNoisePrior
from dirimix.table.space import Space, refuse_categories
from dirimix.table.table import Table

WEIGHTS = ("single", "simplex", "simplex-linear", "simplex-gp", "free", "free-gp")
NOISE = ("constant", "local")
TAILS = ("normal", "student")
DISCREPANCY = ("none", "delta", "contrast")
_RULES: dict[str, tuple[Callable[[], AbstractWeights], float, Amplitude]] = {
    # form -> rule, prior sd of the constants, prior of the amplitudes
    "simplex": (SimplexWeights, 1.5, Amplitude(2, 1.0)),
    "free": (FreeWeights, 1.0, Amplitude(2, 0.5)),
}


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
    """

    weights: str
    noise: str = "constant"
    tails: str = "normal"
    discrepancy: str = "none"
    degrees: float = 4.0
    noise_sd: float = 0.6
    delta_scale: float = 1.0
    contrast_scale: float = 0.3

    def __post_init__(self) -> None:
        known = {
            "weights": WEIGHTS, "noise": NOISE, "tails": TAILS, "discrepancy": DISCREPANCY,
        }  # fmt: skip
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise InputError(
                    f"{name} is one of {', '.join(map(repr, choices))}, not {getattr(self, name)!r}"
                )
        for name in ("degrees", "noise_sd", "delta_scale", "contrast_scale"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 < value < np.inf):
                raise InputError(f"{name} must be a positive finite number, not {value!r}")
        if self.weights == "single" and self.discrepancy == "contrast":
            raise InputError(
                "a single model has no contrasts with others; take discrepancy = 'delta'"
            )

    @property
    def local(self) -> bool:
        """Whether anything changes over the map."""
        own = self.weights.endswith(("-gp", "-linear"))
        return own or self.noise == "local" or self.discrepancy != "none"


def check_parts(parts: Parts, models: Sequence[str], space: Space) -> None:
    """Refuse parts that do not serve these models or places.

    Raises:
        InputError: If a part needs more models, only one, or coordinates that are numbers.
    """
    if parts.weights == "single" and len(models) != 1:
        raise InputError(
            f"weights='single' uses one model, and models names {len(models)}; name one"
        )
    if parts.weights != "single" and len(models) < 2:
        raise InputError("a mixture needs at least 2 models; take weights='single' for one")
    if parts.local:
        refuse_categories(space, "a Gaussian process")
    if parts.local and not space.coords:
        raise InputError(
            "weights, noise or a discrepancy that follow the map need coordinates; name at least "
            "one in coords, or take noise='constant' with global weights"
        )


def refuse_gaps(table: Table, weights: str) -> None:
    """Refuse rows where the only model has no value.

    Raises:
        InputError: If there are any.
    """
    if weights == "single" and not table.known.all():
        row = int(np.argmin(table.known[:, 0])) + 1
        raise InputError(
            f"model {table.models[0]!r} has no value at {int((~table.known).sum())} of "
            f"{len(table.f)} rows to predict, first at row {row}; leave those rows out"
        )


def make_posterior(
    parts: Parts, table: Table, space: Space, prior: AbstractNoisePrior, sigma: float
) -> LatentPosterior:
    """The log joint of these parts at a table's rows.

    Args:
        parts: Which.
        table: n training sites with y, in units of the residuals' scale.
        space: What its coordinates are.
        prior: Of sigma.
        sigma: Noise level of the best constant mixture.

    """
    count, x = len(table.models), space.embed(table.x)
    spread = space.spread(x) if space.axes else np.ones(0)
    groups: list[FieldGroup] = []
    rule: AbstractWeights | None = None
    form, _, trend = parts.weights.partition("-")
    if form in _RULES:
        make, trend_sd, amplitude = _RULES[form]
        rule = make()
        kind = "linear" if trend == "linear" else "constant"
        process = _process(x, space, count) if trend == "gp" else None
        groups.append(FieldGroup("weights", count, x, spread, kind, trend_sd, process, amplitude))
    if parts.discrepancy != "none":
        delta = parts.discrepancy == "delta"
        size = 1 if delta else count
        mean = parts.delta_scale if delta else parts.contrast_scale
        process = _process(x, space, size, _broad(x, space))
        prior_of_size = Amplitude(1, mean, shared=not delta)
        groups.append(
            FieldGroup(parts.discrepancy, size, x, spread, "none", 1.0, process, prior_of_size)
        )
    field = None
    if parts.noise == "local":
        process = _process(x, space, 1, _broader(x, space))
        field = FieldGroup("noise", 1, x, spread, "none", 1.0, process, parts.noise_sd)
    degrees = parts.degrees if parts.tails == "student" else None
    noise = NoiseModel(prior, Ensemble.of(table.f).spread, field, degrees)
    return LatentPosterior(table, rule, tuple(groups), noise, parts.discrepancy, sigma)


def _process(
    x: np.ndarray, space: Space, count: int, prior: LengthScalePrior | None = None
) -> AbstractProcess:
    bounds = None
    if prior is not None:
        bounds = np.column_stack([prior.quantile(0.01), prior.quantile(0.99)]).tolist()
    made = make_field(x, count, space, field="gp", form="auto", length_scale=bounds)
    assert isinstance(made, AbstractProcess)
    return made


def _broad(x: np.ndarray, space: Space) -> LengthScalePrior:
    """Of a discrepancy: from the sites' spacing to a third of their extent."""
    third = space.extent(x) / 3
    return LengthScalePrior.between(np.minimum(spacing(x, space), third / 2), third)


def _broader(x: np.ndarray, space: Space) -> LengthScalePrior:
    """Of the noise, which is known: twice as smooth as the weights are expected to be."""
    median = 2 * LengthScalePrior.of_sites(x, space).quantile(0.5)
    return LengthScalePrior.between(0.999 * median, 1.001 * median)
