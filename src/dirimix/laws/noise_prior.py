"""Priors of the noise level sigma, in units of a `scale`; sigma itself is in the unit of y."""

# pyright: strict, reportMissingTypeStubs=false

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
from scipy.special import gammaln

from dirimix._arrays import Floats
from dirimix.errors import InputError, did_you_mean

PriorName = Literal["weak", "paper"]


@dataclass(frozen=True)
class AbstractNoisePrior(ABC):
    """Prior of sigma in a unit, `scale`, which is in the unit of y."""

    scale: float = field(default=1.0, kw_only=True)

    @abstractmethod
    def log_density(self, sigma: Floats) -> Floats:
        """Log density with respect to `sigma`, (s,), in the unit of y."""

    @abstractmethod
    def log_density_of_log(self, log_sigma: Any, xp: Any = np) -> Any:
        """Log density of log sigma, up to a constant; `xp` is JAX's NumPy for its arrays."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """Draws of sigma, (n,), in the unit of y."""

    @abstractmethod
    def derivatives(self, sigma: Floats) -> tuple[Floats, Floats]:
        """First and second derivative of the log density of log sigma at `sigma`, (s,) each."""

    def scaled(self, scale: float) -> Self:
        """The same prior with its unit multiplied by `scale`."""
        return replace(self, scale=self.scale * scale)


@dataclass(frozen=True)
class HalfCauchyNoise(AbstractNoisePrior):
    """sigma / scale ~ half-Cauchy: flat below the scale, a slow fall above; the scale its median.

    log sigma is symmetric about log scale, and the slope of its log density lies between -1 and
    1: wherever sigma is, the prior counts for no more than one observation does. So it forgives a
    scale that is off by decades, as it must where this is taken from the data.

    Reference: doi 10.1214/06-BA117A (Gelman 2006), half-Cauchy priors of standard deviations.

    >>> print(HalfCauchyNoise(scale=0.3))
    sigma / 0.3 ~ half-Cauchy
    """

    def __str__(self) -> str:
        return f"sigma / {self.scale:g} ~ half-Cauchy"

    def log_density(self, sigma: Floats) -> Floats:
        return np.log(2 / np.pi / self.scale) - 2 * np.log(np.hypot(1, sigma / self.scale))

    def log_density_of_log(self, log_sigma: Any, xp: Any = np) -> Any:
        distance = log_sigma - np.log(self.scale)
        return -xp.logaddexp(distance, -distance)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.scale * np.tan(np.pi / 2 * rng.random(n))

    def derivatives(self, sigma: Floats) -> tuple[Floats, Floats]:
        slope = np.tanh(np.log(np.asarray(sigma) / self.scale))
        return -slope, slope**2 - 1


@dataclass(frozen=True)
class GammaNoise(AbstractNoisePrior):
    """sigma / scale ~ Gamma(shape, rate); the default is the paper's (mean 0.5, sd 0.22).

    Reference: doi 10.1038/s41598-023-46568-0.

    >>> print(GammaNoise())
    sigma / 1 ~ Gamma(shape 5, rate 10)
    """

    shape: float = 5.0
    rate: float = 10.0

    def __str__(self) -> str:
        return f"sigma / {self.scale:g} ~ Gamma(shape {self.shape:g}, rate {self.rate:g})"

    def log_density(self, sigma: Floats) -> Floats:
        s = np.asarray(sigma) / self.scale
        constant = self.shape * np.log(self.rate) - gammaln(self.shape) - np.log(self.scale)
        return constant + (self.shape - 1) * np.log(s) - self.rate * s

    def log_density_of_log(self, log_sigma: Any, xp: Any = np) -> Any:
        return self.shape * log_sigma - self.rate * (xp.exp(log_sigma) / self.scale)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return rng.gamma(self.shape, self.scale / self.rate, n)

    def derivatives(self, sigma: Floats) -> tuple[Floats, Floats]:
        decay = self.rate * np.asarray(sigma) / self.scale
        return self.shape - decay, -decay


@dataclass(frozen=True)
class GammaPrecision(AbstractNoisePrior):
    """(scale / sigma)^2 ~ Gamma(shape, rate), conjugate; the default is the paper's, and weak.

    Reference: doi 10.1038/s41598-023-46568-0.

    >>> print(GammaPrecision())
    (1 / sigma)^2 ~ Gamma(shape 0.252, rate 0.03)
    """

    shape: float = 0.252
    rate: float = 0.030

    def __str__(self) -> str:
        return f"({self.scale:g} / sigma)^2 ~ Gamma(shape {self.shape:g}, rate {self.rate:g})"

    def log_density(self, sigma: Floats) -> Floats:
        s = np.asarray(sigma) / self.scale
        constant = self.shape * np.log(self.rate) - gammaln(self.shape) + np.log(2 / self.scale)
        return constant - (2 * self.shape + 1) * np.log(s) - self.rate / s**2

    def log_density_of_log(self, log_sigma: Any, xp: Any = np) -> Any:
        return -2 * self.shape * log_sigma - self.rate * (self.scale / xp.exp(log_sigma)) ** 2

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.scale / np.sqrt(rng.gamma(self.shape, 1 / self.rate, n))

    def derivatives(self, sigma: Floats) -> tuple[Floats, Floats]:
        decay = 2 * self.rate * (self.scale / np.asarray(sigma)) ** 2
        return decay - 2 * self.shape, -2 * decay


Priors = Mapping[str, AbstractNoisePrior]
NOISE_PRIORS: Priors = MappingProxyType({"weak": HalfCauchyNoise(), "paper": GammaNoise()})
# the paper's prior of a precision is weak as it is, and conjugate
PRECISION_PRIORS: Priors = MappingProxyType({"weak": GammaPrecision(), "paper": GammaPrecision()})


def chosen_prior(choice: AbstractNoisePrior | str, known: Priors) -> AbstractNoisePrior:
    """The prior that a name or a prior itself asks for.

    Raises:
        InputError: If it is neither.
    """
    if isinstance(choice, AbstractNoisePrior):
        return choice
    if choice not in known:
        raise InputError(
            f"noise_prior is one of {', '.join(map(repr, known))}, or a prior of "
            f"dirimix.laws.noise_prior, not {choice!r}{did_you_mean(str(choice), known)}"
        )
    return known[choice]
