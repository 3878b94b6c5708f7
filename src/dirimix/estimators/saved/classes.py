"""The classes that a file of a fitted method may name: these and no others are made from files."""

# pyright: strict, reportMissingTypeStubs=false

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dirimix.methods import METHODS

_HOME = "dirimix.estimators"


def _by_name(*places: str) -> Mapping[str, str]:
    """Dotted names by their last part, which a file uses."""
    return MappingProxyType({place.rpartition(".")[2]: place for place in places})


# frozen data classes, made of their fields, or classes that have none
RECORDS = _by_name(
    f"{_HOME}.fitted.FittedMethod",
    *(
        f"{_HOME}.fields.{name}"
        for name in (
            "gaussian_process.DenseField", "hilbert.HilbertField", "inducing.InducingField",
            "labelled.LabelledField", "lattice.LatticeField", "linear.LinearField",
            "length_scale.LengthScalePrior",
        )
    ),
    *(
        f"{_HOME}.latent.{name}"
        for name in (
            "group.Amplitude", "group.FieldGroup", "noise.NoiseModel", "posterior.LatentPosterior",
            "weights.DirichletWeights", "weights.FreeWeights", "weights.PrincipalWeights",
            "weights.SimplexWeights", "weights.UniformWeights",
        )
    ),
    f"{_HOME}.residual_process.ResidualProcess",
    f"{_HOME}.residuals.sparse.SparseProcess",
    *(
        f"dirimix.laws.noise_prior.{name}"
        for name in ("GammaNoise", "GammaPrecision", "HalfCauchyNoise")
    ),
    "dirimix.laws.noise_scale.NoiseScale",
    *(
        f"dirimix.laws.transforms.{name}"
        for name in ("BoxCox", "Identity", "Log", "LogOnePlus", "SquareRoot")
    ),
    "dirimix.table.sites.Reach",
    "dirimix.table.space.Space",
    "dirimix.table.table.Table",
)  # fmt: skip
# scikit-learn's covariance functions, made of their parameters
KERNELS = _by_name(
    f"{_HOME}.residuals.kernel.AxisRBF",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
)


def estimators() -> Mapping[str, str]:
    """Those of the methods, which are made of their parameters and then given what a fit found."""
    own = (m.estimator for m in METHODS.values())
    places = (f"{_HOME}{place}" if place.startswith(".") else place for place in own)
    return _by_name(f"{_HOME}.correction.GPCorrection", *places)


def is_one_of(value: object, known: Mapping[str, str]) -> bool:
    """Whether a value's very class is among those of a list above."""
    kind = type(value)
    return known.get(kind.__name__) == f"{kind.__module__}.{kind.__qualname__}"


def load_class(name: str, known: Mapping[str, str]) -> Any:
    """The class of a name.

    Raises:
        KeyError: If it is not in the list.
    """
    module, _, own = known[name].rpartition(".")
    return getattr(importlib.import_module(module), own)
