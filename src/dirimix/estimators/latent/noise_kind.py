"""What kind of noise a method has, by options that all Bayesian methods share."""

# pyright: strict, reportMissingTypeStubs=false

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dirimix._arguments import check_choice, check_positive
from dirimix._cores import DEVICES, jax_device
from dirimix.errors import InputError
from dirimix.estimators.transforms.choice import checked_name
from dirimix.laws.transform_names import NO_TRANSFORM
from dirimix.methods import METHODS
from dirimix.table.space import Space

NOISE = ("constant", "local")
TAILS = ("normal", "student")
INFERENCE = ("hmc", "laplace", "mode")
_LEAST_DEGREES = 2.0  # of freedom, of Student's t


class NoiseKind(Protocol):
    """What has the options of `NoiseOptions`."""

    @property
    def noise(self) -> str:
        """'constant' or 'local'."""
        ...

    @property
    def tails(self) -> str:
        """'normal' or 'student'."""
        ...

    @property
    def degrees(self) -> float:
        """Degrees of freedom of Student's t."""
        ...

    @property
    def noise_sd(self) -> float:
        """Standard deviation of the log noise variance over the map."""
        ...


@dataclass(eq=False, repr=False, kw_only=True)
class NoiseOptions:
    """The options, for a data class of an estimator to inherit.

    Attributes:
        noise: 'constant', one level everywhere, or 'local': the log variance of the noise is a
            Gaussian process over the map, and follows the models' spread.
        tails: 'normal', or 'student': Student's t, so that few rows do not set the noise of all.
        degrees: Its degrees of freedom.
        noise_sd: Prior standard deviation of the log variance of local noise.
        device: Where JAX computes a fit of latent Gaussian fields, 'cpu' or 'gpu'.
    """

    noise: str = "constant"
    tails: str = "normal"
    degrees: float = 4.0
    noise_sd: float = 0.6
    device: str = "cpu"


def check_noise(kind: NoiseKind) -> None:
    """Refuse options that no table could serve.

    Raises:
        InputError: If one is none of those known, or no positive number.
    """
    check_choice(kind.noise, "noise", NOISE)
    check_choice(kind.tails, "tails", TAILS)
    for name in ("degrees", "noise_sd"):
        check_positive(getattr(kind, name), name)
    check_tails(kind.tails, getattr(kind, "y_transform", None), kind.degrees)


def check_tails(tails: str | None, transform: object, degrees: float = np.inf) -> None:
    """Refuse Student's t where observations would have no standard deviation, or even no mean.

    Raises:
        InputError: If it has too few degrees of freedom, or stands in a transformed scale.
    """
    if tails != "student":
        return
    if (name := checked_name(transform)) != NO_TRANSFORM:
        raise InputError(
            f"tails='student' in the scale of y_transform={name!r} leaves observations without a "
            "mean and a standard deviation; take tails='normal' there"
        )
    if degrees <= _LEAST_DEGREES:
        raise InputError(
            f"degrees must be above {_LEAST_DEGREES:g}, for Student's t has no standard deviation "
            f"below, and it is {degrees:g}"
        )


def check_places(kind: NoiseKind, space: Space) -> None:
    """Refuse noise that follows the map where there is no map.

    Raises:
        InputError: If the coordinates have no distances, or there are none.
    """
    if kind.noise != "local":
        return
    for name in space.categories:
        raise InputError(
            f"noise='local' needs distances, and the coordinate {name!r} holds labels; leave it "
            "out of coords, or take noise='constant'"
        )
    if not space.coords:
        raise InputError(
            "noise='local' follows the map and needs coordinates; name at least one in coords, or "
            "take noise='constant'"
        )


def is_plain(kind: NoiseKind) -> bool:
    """Whether the noise has one level and is normal."""
    return kind.noise == "constant" and kind.tails == "normal"


@dataclass(eq=False, repr=False, kw_only=True)
class RoutedOptions(NoiseOptions):
    """The options of a method that may be fitted as a `LatentMixture`.

    Attributes:
        inference: 'hmc', exact; 'laplace' or 'mode', approximations of `LatentMixture`.
    """

    inference: str = "hmc"

    @property
    def is_routed(self) -> bool:
        """Whether it is: constant normal noise, sampled, has quicker ways."""
        return not is_plain(self) or self.inference != "hmc"

    @property
    def uses_places(self) -> bool:
        """Whether predictions depend on the coordinates."""
        return self.noise == "local"


@dataclass(eq=False, repr=False, kw_only=True)
class SampledWhereRouted(RoutedOptions):
    """The options of a method that is sampled as a `LatentMixture` only, and those of its sampler.

    Attributes:
        chains, draws, warmup, min_ess, max_seconds: As those of `LatentMixture`.
    """

    chains: int = 4
    draws: int = 1000
    warmup: int = 300
    min_ess: float | None = None
    max_seconds: float | None = None


def check_device(device: str, *, latent: bool) -> None:
    """Refuse a device that is not there, or that a fit has no use for.

    Args:
        device: One of `DEVICES`.
        latent: Whether the fit is one of latent Gaussian fields, all of it programs of JAX.

    Raises:
        InputError: If it cannot be used.
    """
    check_choice(device, "device", DEVICES)
    if device == "cpu":
        return
    if not latent:
        raise InputError(
            f"device = {device!r} serves {', '.join(on_devices())}, methods with +delta or "
            "+contrast, and of the global ones those with noise = 'local' or tails = 'student'; "
            "the likelihood of this one is a loop on the processor: take one of those, or leave "
            "device out"
        )
    jax_device(device)


def on_devices() -> list[str]:
    """Names of the methods that are fits of latent fields, whatever their options."""
    return [name for name, method in METHODS.items() if "weights" in method.fixed]


def check_inference(inference: str) -> None:
    """Refuse an unknown kind of inference.

    Raises:
        InputError: If it is none of those known.
    """
    check_choice(inference, "inference", INFERENCE)
