"""Scales in which positive and skewed quantities are mixed: log, log1p, square root, Box-Cox.

A transform maps a quantity y to z = g(y), in which models are mixed and noise is normal. Where g is
defined at 0, z has a lower end g(0), and what a normal law puts below it stands for y = 0
(`transformed_mixture`).

References: Box and Cox (1964), doi 10.1111/j.2517-6161.1964.tb00553.x; McInerney et al. (2017),
doi 10.1002/2016WR019168, on which suits river flow.
"""

# pyright: strict, reportMissingTypeStubs=false

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import special

from dirimix._arrays import Floats, Mask
from dirimix.laws.transform_names import NO_TRANSFORM

_special: Any = special  # SciPy types neither the arguments nor the results of these
_LEAST = 1e-9  # in units of Box-Cox: what stands for a value that would be 0


@dataclass(frozen=True)
class AbstractTransform(ABC):
    """An increasing map z = g(y).

    `floor` is g(0), below which no y lies; minus infinity where every z has its y.
    """

    floor: ClassVar[float] = -np.inf

    @abstractmethod
    def to(self, y: Floats) -> Floats:
        """The values g(y)."""

    @abstractmethod
    def back(self, z: Floats) -> Floats:
        """The y of each z; 0 below the floor."""

    @abstractmethod
    def stretch(self, z: Floats) -> Floats:
        """The slope dy/dz at each z that is not below the floor."""

    @abstractmethod
    def reach(self, loc: Floats, scale: Floats) -> Floats:
        """How many `scale` above `loc` y^2 times the normal density of z is largest, about."""

    def __str__(self) -> str:
        return NO_TRANSFORM

    def is_atom(self, y: Floats) -> Mask:
        """Where an observation is 0 and has a probability of its own."""
        return np.isfinite(self.floor) & (y == 0)

    def log_jacobian(self, y: Floats) -> Floats:
        """The log of dz/dy, which turns log densities of z into those of y; 0 at an atom."""
        atom = self.is_atom(y)
        return np.where(atom, 0.0, -np.log(self.stretch(self.to(np.where(atom, 1.0, y)))))

    def carry(self, y: Floats, sd: Floats) -> Floats:
        """The standard deviation of z, by the delta method, of y with a standard deviation."""
        return sd / self.stretch(self.to(y))

    def carry_back(self, z: Floats, sd: Floats) -> Floats:
        """The standard deviation of y that `carry` makes `sd`, at the y allowed for z."""
        return sd * self.stretch(self.to(self.allowed(self.back(z))))

    def allowed(self, y: Floats) -> Floats:
        """The values with the least that the transform takes instead of any below it."""
        return y


@dataclass(frozen=True)
class Identity(AbstractTransform):
    """No transform: z = y, of any sign."""

    def to(self, y: Floats) -> Floats:
        return y

    def back(self, z: Floats) -> Floats:
        return z

    def stretch(self, z: Floats) -> Floats:
        return np.ones_like(z)

    def reach(self, loc: Floats, scale: Floats) -> Floats:
        return np.zeros_like(loc + scale)

    def is_atom(self, y: Floats) -> Mask:
        return np.zeros(np.shape(y), dtype=bool)


@dataclass(frozen=True)
class Log(AbstractTransform):
    """z = log y, of y above 0: errors are relative.

    >>> Log().back(Log().to(np.array([0.5, 2.0])))
    array([0.5, 2. ])
    """

    def __str__(self) -> str:
        return "log"

    def to(self, y: Floats) -> Floats:
        return np.log(y)

    def back(self, z: Floats) -> Floats:
        return np.exp(z)

    def stretch(self, z: Floats) -> Floats:
        return np.exp(z)

    def reach(self, loc: Floats, scale: Floats) -> Floats:
        return 2 * np.broadcast_to(scale, np.shape(loc))


@dataclass(frozen=True)
class LogOnePlus(AbstractTransform):
    """z = log(1 + y), of y of 0 or more: relative errors of large values, absolute ones of small.

    Its unit is that of y, for what counts as small is what is below 1.
    """

    floor: ClassVar[float] = 0.0

    def __str__(self) -> str:
        return "log1p"

    def to(self, y: Floats) -> Floats:
        return np.log1p(y)

    def back(self, z: Floats) -> Floats:
        return np.expm1(np.maximum(z, 0.0))

    def stretch(self, z: Floats) -> Floats:
        return np.exp(z)

    def reach(self, loc: Floats, scale: Floats) -> Floats:
        return 2 * np.broadcast_to(scale, np.shape(loc))


@dataclass(frozen=True)
class SquareRoot(AbstractTransform):
    """z = sqrt(y), of y of 0 or more: the variance grows with the mean, as that of counts does."""

    floor: ClassVar[float] = 0.0

    def __str__(self) -> str:
        return "sqrt"

    def to(self, y: Floats) -> Floats:
        return np.sqrt(y)

    def back(self, z: Floats) -> Floats:
        return np.maximum(z, 0.0) ** 2

    def stretch(self, z: Floats) -> Floats:
        return 2 * np.maximum(z, 0.0)

    def reach(self, loc: Floats, scale: Floats) -> Floats:
        return np.full_like(loc + scale, 2.0)

    def carry(self, y: Floats, sd: Floats) -> Floats:
        # the slope is infinite at 0: nearer to it than sd, that at sd
        near = np.maximum(y, sd)
        return sd / (2 * np.sqrt(np.where(near > 0, near, 1.0)))

    def carry_back(self, z: Floats, sd: Floats) -> Floats:
        z = np.maximum(z, 0.0)
        return np.where(sd > z / 2, 4 * sd**2, 2 * z * sd)


@dataclass(frozen=True)
class BoxCox(AbstractTransform):
    """z = ((y / unit)^power - 1) / power, of y above 0; log(y / unit) where the power is 0.

    Attributes:
        power: Lambda, from 0 (log) to 1 (none, up to shift and unit).
        unit: What y is measured in, so that the unit of the table does not matter.
    """

    power: float
    unit: float

    @property
    def floor(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        return -1 / self.power if self.power > 0 else -np.inf

    def __str__(self) -> str:
        return "box-cox"

    def to(self, y: Floats) -> Floats:
        return _special.boxcox(y / self.unit, self.power)

    def back(self, z: Floats) -> Floats:
        return self.unit * _special.inv_boxcox(np.maximum(z, self.floor), self.power)

    def stretch(self, z: Floats) -> Floats:
        return self.unit * (self.back(z) / self.unit) ** (1 - self.power)

    def reach(self, loc: Floats, scale: Floats) -> Floats:
        base = np.maximum(1 + self.power * loc, 0.0)
        return 4 * scale / (base + np.sqrt(base**2 + 8 * self.power * scale**2))

    def allowed(self, y: Floats) -> Floats:
        return np.maximum(y, _LEAST * self.unit)
