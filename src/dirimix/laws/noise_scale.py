"""The scale of the noise: the unit of its prior, found from the residuals or given."""

# pyright: strict, reportMissingTypeStubs=false

import warnings
from dataclasses import dataclass
from numbers import Real

import numpy as np

from dirimix._arrays import Floats
from dirimix.errors import InputError, ScaleWarning
from dirimix.laws.simplex import simplex_least_squares

_SIGMAS = 1.4826  # median absolute residuals in a standard deviation of a normal law
_HUBER = 1.345  # standard deviations beyond which a residual counts by its size, not its square
_ROUNDS = 30  # of reweighting; far fewer do but for gross outliers
_EXACT = 1e-10  # residuals, over those of the best single model, that are rounding errors
_BEYOND = 1e100  # times the values, or a part of them: squares would no longer be numbers
_DISAGREE = 30.0  # times too large or too small, from which a given scale is warned about


@dataclass(frozen=True)
class NoiseScale:
    """The unit of the noise prior, in the unit of y, and whether it was found or given.

    >>> print(NoiseScale(0.25, found=True))
    0.25, found from the training rows
    """

    value: float
    found: bool

    @property
    def words(self) -> str:
        """Where it comes from."""
        return "found from the training rows" if self.found else "given"

    def __str__(self) -> str:
        return f"{self.value:g}, {self.words}"


@dataclass(frozen=True)
class Spread:
    """Sizes of the residuals of the best constant mixture.

    Attributes:
        robust: 1.48 times the median absolute residual.
        rms: Root of the mean square.
        alone: `robust` of the best single model.
    """

    robust: float
    rms: float
    alone: float

    @property
    def is_exact(self) -> bool:
        """Whether the residuals are mere rounding errors."""
        return self.robust <= _EXACT * self.alone


def noise_scale(given: float | NoiseScale | None, f: Floats, y: Floats) -> NoiseScale:
    """The scale of the noise, by default that of the residuals of the best constant mixture.

    Args:
        given: A scale to use instead; a warning says if it is far from the residuals'.
        f: Model values, (n, K); NaN where a model has no value.
        y: Observations, (n,).

    Raises:
        InputError: If the given scale is no positive number, or nowhere near the values.

    >>> models = np.array([[0.0, 2.0], [1.0, 3.0], [2.0, 4.0]])
    >>> print(noise_scale(None, models, np.array([1.1, 1.9, 3.1])))
    0.0930857, found from the training rows
    """
    if isinstance(given, NoiseScale):
        return given
    if given is None:
        return NoiseScale(_usable_scale(residual_spread(f, y), y), found=True)
    check_scale(given)
    size = float(max(np.nanmax(np.abs(f), initial=0), np.max(np.abs(y), initial=0)))
    if size > 0 and not 1 / _BEYOND < float(given) / size < _BEYOND:
        raise InputError(
            f"y_scale is {given:g}, and the values of the training rows are at most {size:.3g}; "
            "give it in the unit of y"
        )
    _warn_if_far(float(given), residual_spread(f, y))
    return NoiseScale(float(given), found=False)


def check_scale(given: object) -> None:
    """Refuse what is no scale.

    Raises:
        InputError: If it is no positive number, nor None for one that is to be found.
    """
    if given is None or isinstance(given, NoiseScale):
        return
    if isinstance(given, bool) or not (isinstance(given, Real) and 0 < float(given) < np.inf):
        raise InputError(f"y_scale must be a positive finite number or None, not {given!r}")


def residual_spread(f: Floats, y: Floats) -> Spread:
    """How far the best constant mixture is off, outliers discounted (Huber's regression).

    A model without a value at a row is taken at the mean of the others there; rows without any
    are left out.

    Args:
        f: Model values, (n, K); NaN where a model has no value.
        y: Observations, (n,).
    """
    off = (f - y[:, None])[np.isfinite(f).any(axis=1)]
    off = np.where(np.isfinite(off), off, np.nanmean(off, axis=1, keepdims=True))
    residual = off @ _robust_weights(off)
    alone = min(_robust(column) for column in off.T)
    return Spread(_robust(residual), float(np.sqrt(np.mean(residual**2))), alone)


def _robust_weights(off: Floats) -> Floats:
    """Huber's weights on the simplex, (K,), from the models' deviations, (n, K)."""
    nothing = np.zeros(len(off))
    weights = simplex_least_squares(off, nothing)
    for _ in range(_ROUNDS):
        residual = np.abs(off @ weights)
        size = _robust(residual)
        if not size:
            break
        root = np.sqrt(1 / np.maximum(1, residual / (_HUBER * size)))
        before, weights = weights, simplex_least_squares(root[:, None] * off, nothing)
        if np.abs(weights - before).max() < 1e-6:
            break
    return weights


def _robust(residual: Floats) -> float:
    """Scale of residuals about 0; where most are 0, of the others."""
    size = np.abs(residual)
    found = float(np.median(size))
    if not found and size.any():
        found = float(np.median(size[size > 0]))
    return _SIGMAS * found


def _usable_scale(spread: Spread, y: Floats) -> float:
    """A positive scale, also where the models leave nothing to measure it by."""
    if not spread.is_exact:
        return spread.robust
    # no noise is seen: any scale is a bound, the best model's distance the nearest at hand
    candidates = (spread.alone, _robust(y - np.median(y)), _robust(y), 1.0)
    return next(c for c in candidates if c > 0)


def _warn_if_far(given: float, spread: Spread) -> None:
    """Warn of a given scale that is far below the robust one, or far above the rms."""
    if spread.is_exact or spread.robust / _DISAGREE < given < spread.rms * _DISAGREE:
        return
    found = spread.robust
    size, off = ("large", given / found) if given > found else ("small", found / given)
    warnings.warn(
        f"y_scale is {given:g}, and the residuals of the best constant mixture are about "
        f"{found:.3g}: a scale {off:.2g} times too {size} pulls the noise and the intervals with "
        "it; leave y_scale out, and it is found from the training rows, or give one in the unit "
        "of the target",
        ScaleWarning,
        stacklevel=2,
    )
