"""Dirichlet weights whose concentrations are unknown, as functions of independent normals.

    alpha_k ~ HalfNormal(scale),   w | alpha ~ Dirichlet(alpha)

is the same law as that of w = g / sum(g) with independent g_k, each of them Gamma(alpha_k, 1)
with its own alpha_k. So the concentrations can be integrated out one by one: log g_k has the
distribution function F(t) = E P(alpha, e^t), P the regularised incomplete gamma function, and
z_k = Phi^-1(F(log g_k)) is standard normal. The lower tail of log g falls like 1 / t, as small
concentrations send weights to 0 at once; z_k has no such tail, and no funnel between a
concentration and its weight. `HalfNormalDirichlet.concentrations` draws alpha afterwards.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import special
from scipy.interpolate import CubicSpline

from dirimix._arrays import Floats

_REACH = 8.0  # of z in the table; beyond it, with probability 1e-15, asinh(log g) is a line
_NODES = 201
_DENSE = 2001  # nodes of the table of densities
_ALPHAS = 400  # least number of nodes of log alpha
_LOG_ALPHA = (-45.0, 2.5)  # of alpha / scale: the rest has a probability below 1e-19
_FAINT = -30.0  # log g below which P(alpha, g) is its first term to 1e-13
_STEPS, _EXACT = 30, 1e-9  # most steps to a node of the table, and its error in z
_FLAT = 1e-9  # least slope in a step of Newton's
_BLOCK = 1 << 13  # concentrations drawn at once
_SPACING = 0.06  # of log alpha there
_BELOW, _ABOVE = 9.0, 4.0  # its ends around 1 / -log g: the rest has a probability below 1e-7
_WIDTHS = 18.0  # below a g well above 1, in widths of log alpha given g
_special: Any = special  # SciPy types neither the arguments nor the results of these


@dataclass(frozen=True)
class HalfNormalDirichlet:
    """The law of the weights for one scale of the half-normal prior of every concentration."""

    scale: float = 1.0

    def weights(self, z: Float[Array, " K"]) -> Float[Array, " K"]:
        """Weights from standard normal z."""
        return jax.nn.softmax(self.log_g(z))

    def log_g(self, z: Float[Array, " K"]) -> Float[Array, " K"]:
        """The logarithm of the unnormalised weights, by cubic interpolation of its asinh."""
        return jnp.sinh(_between(z, -_REACH, _REACH, *self._table))

    def log_density_of_asinh(self, s: Float[Array, " K"]) -> Float[Array, " K"]:
        """Log density of asinh(log g) at `s`."""
        return _between(s, *_densities(self))

    def normal(self, log_g: Floats) -> Floats:
        """The normal z from the logarithm of unnormalised weights, (m,)."""
        return self.slopes(np.arcsinh(log_g))[0]

    def concentrations(self, log_g: Floats, rng: np.random.Generator) -> Floats:
        """Draws of alpha given log g, elementwise, by the distribution function on a fine grid.

        Its log density is alpha log g - log Gamma(alpha) - (alpha / scale)^2 / 2.
        """
        flat, share, found = log_g.ravel(), rng.random(log_g.size), np.empty(log_g.size)
        order = np.argsort(flat)
        for part in np.array_split(order, 1 + flat.size // _BLOCK):
            found[part] = self._concentrations(flat[part], share[part])
        return found.reshape(log_g.shape)

    def _concentrations(self, log_g: Floats, share: Floats) -> Floats:
        """Draws for values of log g that are near each other."""
        log_alpha = self._grid(float(log_g[0]), float(log_g[-1]))
        alpha = np.exp(log_alpha)
        log_gamma: Floats = _special.gammaln(alpha)
        log_density = log_alpha - 0.5 * (alpha / self.scale) ** 2 - log_gamma
        log_density = log_density + np.outer(log_g, alpha)
        density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
        mass = np.cumsum((density[:, 1:] + density[:, :-1]) / 2, axis=1)
        wanted = share * mass[:, -1]
        i = np.argmax(mass > wanted[:, None], axis=1)
        rows = np.arange(len(i))
        low, high = density[rows, i], density[rows, i + 1]
        # inside a cell the density is a line
        left = wanted - np.where(i > 0, mass[rows, i - 1], 0.0)
        into = 2 * left / (low + np.sqrt(low**2 + 2 * (high - low) * left))
        return np.exp(log_alpha[i] + into * (log_alpha[i + 1] - log_alpha[i]))

    def _grid(self, first: float, last: float) -> Floats:
        """Where log alpha may be, given log g from `first` to `last`.

        About 1 / -log g where that is large, about g where that is; else as a priori.
        """
        most = np.log(9 * self.scale)
        high = min(most, _ABOVE - np.log(max(-last, 1 / self.scale)))
        low = -np.log(max(-first, 1 / self.scale)) - _BELOW
        if first > 0:
            low = max(low, min(first - _WIDTHS * np.exp(-first / 2), most - 5))
        spacing = _SPACING * min(1.0, 3 * np.exp(-max(last, 0.0) / 2))
        count = 2 + int((high - low) / spacing)
        return low + (high - low) * np.arange(count) / (count - 1)

    def _cdf(self, t: Floats) -> tuple[Floats, Floats]:
        """F(t) and 1 - F(t) at `t`, (m,)."""
        alpha, prior = self._prior
        log_first = np.minimum(np.outer(t, alpha), 0) - _special.gammaln(alpha + 1)
        faint = t < _FAINT
        below, above = np.exp(log_first), -np.expm1(log_first)
        g = np.exp(t[~faint])[:, None]
        below[~faint], above[~faint] = _special.gammainc(alpha, g), _special.gammaincc(alpha, g)
        return below @ prior, above @ prior

    def density(self, t: Floats) -> Floats:
        """The density of log g at `t`, (m,)."""
        alpha, prior = self._prior
        large = np.exp(np.minimum(t, 700))[:, None]
        return np.exp(np.outer(t, alpha) - large - _special.gammaln(alpha)) @ prior

    @property
    def _prior(self) -> tuple[Floats, Floats]:
        """Nodes of alpha and their prior probabilities."""
        low, high = _LOG_ALPHA
        count = max(_ALPHAS, int((high - low) * np.sqrt(2 * self.scale)))
        log_alpha = np.linspace(low, high, count)
        prior = np.sqrt(2 / np.pi) * np.exp(log_alpha - 0.5 * np.exp(2 * log_alpha))
        return self.scale * np.exp(log_alpha), prior * (log_alpha[1] - log_alpha[0])

    @property
    def _table(self) -> tuple[Floats, Floats]:
        """The logarithm of g as its asinh, at equally spaced z, and the derivative."""
        return _tabulated(self)

    def slopes(self, s: Floats) -> tuple[Floats, Floats]:
        """The normal z and its derivative in s, at log g = sinh(s), (m,)."""
        t = np.sinh(s)
        (below, above), density = self._cdf(t), self.density(t)
        z = np.where(below < above, _special.ndtri(below), -_special.ndtri(above))
        z = np.clip(z, -_REACH - 1, _REACH + 1)
        return z, density * np.cosh(s) * np.sqrt(2 * np.pi) * np.exp(0.5 * z**2)


def _between(at: Array, low: float, high: float, values: Floats, slopes: Floats) -> Array:
    """Cubic interpolation of values at equally spaced nodes from `low` to `high`, lines beyond."""
    value, slope = jnp.asarray(values), jnp.asarray(slopes)
    step = (high - low) / (len(values) - 1)
    inside = jnp.clip(at, low, high)
    place = (inside - low) / step
    i = jnp.clip(jnp.floor(place), 0, len(values) - 2).astype(int)
    x, left = place - i, value[i]
    rise, a, b = value[i + 1] - left, slope[i] * step, slope[i + 1] * step
    cubic = left + x * (a + x * (3 * rise - 2 * a - b + x * (a + b - 2 * rise)))
    return cubic + jnp.where(at > high, slope[-1], slope[0]) * (at - inside)


@cache
def _densities(law: HalfNormalDirichlet) -> tuple[float, float, Floats, Floats]:
    """Ends, values and slopes of a table of the log density of asinh(log g)."""
    low, high = (float(s) for s in _tabulated(law)[0][[0, -1]])
    s = np.linspace(low, high, _DENSE)
    values = np.log(law.density(np.sinh(s)) * np.cosh(s))
    return low, high, values, CubicSpline(s, values)(s, 1)


@cache
def _tabulated(law: HalfNormalDirichlet) -> tuple[Floats, Floats]:
    """By Newton's method, halving the interval instead where a step leaves it."""
    z = np.linspace(-_REACH, _REACH, _NODES)
    most = 9 * law.scale  # of alpha
    rough = np.linspace(-45, np.arcsinh(np.log(most + 9 * np.sqrt(most) + 40)), _NODES)
    low, high = np.full(_NODES, rough[0]), np.full(_NODES, rough[-1])
    s = np.interp(z, law.slopes(rough)[0], rough)
    for _ in range(_STEPS):
        found, slope = law.slopes(s)
        low, high = np.where(found < z, s, low), np.where(found < z, high, s)
        ahead = s + (z - found) / np.maximum(slope, _FLAT)
        s = np.where((ahead > low) & (ahead < high), ahead, (low + high) / 2)
        if np.max(np.abs(found - z)) < _EXACT:
            break
    return s, 1 / law.slopes(s)[1]
