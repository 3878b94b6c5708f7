"""Gaussian processes of log concentrations by few points: any number of coordinates, many sites."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix.estimators.fields.field import Params
from dirimix.estimators.fields.gaussian_process import AbstractPointProcess
from dirimix.estimators.fields.length_scale import LengthScalePrior

# added to the unit variance at the points: their values then pass through single precision
_JITTER = 1e-6
_LEFT_OUT = 0.01  # share of the variance that may be left out at a site, at short length scales
_MOST_POINTS = 400
_MOST_ASKED = 1000  # for length scales that a user wants
_SAMPLED = 2000  # sites that the search for a resolved length scale looks at
_HALVINGS = 6  # of the interval that holds it
_LONGEST = 64.0  # times the default


@dataclass(frozen=True)
class InducingField(AbstractPointProcess):
    """The process given its values at m of the sites, its inducing points (any p).

    log alpha at any site is the exact conditional mean given those values. What that leaves out
    is the conditional variance, `deficit`.

    Attributes:
        points: The points, (m, p).
        widened: By how much the default prior's length scales were made longer, so that the
            points resolve them.
    """

    points: np.ndarray
    widened: float = 1.0

    @property
    def nodes(self) -> np.ndarray:
        return self.points

    @property
    def jitter(self) -> float:
        return _JITTER

    def form(self) -> str:
        by = f", which resolve length scales {self.widened:.2g} times the usual"
        return f"given {len(self.points)} of the sites" + (by if self.widened > 1 else "")

    def remedy(self) -> str:
        return "raise the first bound of length_scale"

    def gram(self, length: Float[Array, " q"]) -> Float[Array, "n n"]:
        rho = self.rho(length)[jnp.array(self.axis_of)]
        points, x = (jnp.asarray(a) / rho for a in (self.points, self.x))
        unit = jnp.ones(len(self.axis_of))
        own = _kernel(points, points, unit, unit.dtype) + _JITTER * jnp.eye(len(points))
        root = jnp.linalg.cholesky(own)
        cross = _kernel(points, x, unit, unit.dtype)
        basis = jax.scipy.linalg.solve_triangular(root, cross, lower=True)
        return basis.T @ basis

    def unit_field(self, p: Params) -> Float[Array, "n K"]:
        return self._field(p, jnp.float64)

    def rough_log_alpha(self, p: Params) -> Float[Array, "n K"]:
        """`log_alpha` with the sums over the points in single precision."""
        return p["gamma"] + p["amplitude"] ** 2 * self.rough_unit_field(p)

    def rough_unit_field(self, p: Params) -> Float[Array, "n K"]:
        return self._field(p, jnp.float32).astype(jnp.float64)

    def _field(self, p: Params, dtype: Any) -> Float[Array, "n K"]:
        # in units of the usual length scale and from the middle, where single precision is finest
        unit = np.exp(self.length_prior.location)[list(self.axis_of)]
        centre = self.points.mean(axis=0)
        x, points = (self.x - centre) / unit, (self.points - centre) / unit
        wave: Any = (unit / self.rho(p["length"])[jnp.array(self.axis_of)]) ** 2
        own = _kernel(points, points, wave, wave.dtype) + _JITTER * jnp.eye(len(points))
        root = jnp.linalg.cholesky(own)
        solved = jax.scipy.linalg.solve_triangular(root.T, p["z"].T, lower=False)
        return _kernel(x, points, wave, dtype) @ solved.astype(dtype)


def _kernel(a: np.ndarray | Array, b: np.ndarray | Array, wave: Array, dtype: Any) -> Array:
    """exp(-sum_j wave_j (a_j - b_j)^2 / 2) between points (n, p) and (m, p), (n, m)."""
    first, second, by = (jnp.asarray(v, dtype) for v in (a, b, wave))
    gaps = ((first[:, j, None] - second[None, :, j]) ** 2 * by[j] for j in range(a.shape[1]))
    return jnp.exp(-0.5 * sum(gaps))


def make_inducing_field(
    x: np.ndarray,
    n_models: int,
    prior: LengthScalePrior,
    axis_of: tuple[int, ...],
    *,
    asked: bool,
) -> InducingField:
    """Points enough for all but the shortest 5 % of length scales.

    Where that would take more than 400, the default prior moves to the length scales that 400
    resolve; one that a user asked for stays, and gets up to 1,000.
    """
    columns = list(axis_of)
    scaled = np.unique(x, axis=0) / prior.quantile(0.05)[columns]
    most = _MOST_ASKED if asked else _MOST_POINTS
    chosen, left = spread_points(scaled, _LEFT_OUT, most)
    widened = 1.0
    if left > _LEFT_OUT and not asked:
        widened = _resolved(scaled, most)
        chosen, _ = spread_points(scaled / widened, _LEFT_OUT, most)
    points = scaled[chosen] * prior.quantile(0.05)[columns]
    return InducingField(x, n_models, prior.times(widened), axis_of, points, widened)


def spread_points(x: np.ndarray, left_out: float, most: int) -> tuple[np.ndarray, float]:
    """Sites that determine a process of unit length scale at all of them, chosen one by one.

    Each is the one that those before leave most uncertain: a Cholesky factorisation with pivots,
    broken off.

    Args:
        x: Sites in units of the length scale, (n, p).
        left_out: Share of the variance that may be left out at a site.
        most: Number of points at most.

    Returns:
        Indices of the m points, and the largest share that they leave out.
    """
    variance = np.ones(len(x))
    factor = np.zeros((min(most, len(x)), len(x)))
    chosen: list[int] = []
    for row in range(len(factor)):
        pivot = int(np.argmax(variance))
        if variance[pivot] <= left_out:
            break
        between = np.exp(-0.5 * np.sum((x - x[pivot]) ** 2, axis=1))
        seen = factor[:row, pivot] @ factor[:row]
        factor[row] = (between - seen) / np.sqrt(variance[pivot])
        variance = variance - factor[row] ** 2
        chosen.append(pivot)
    return np.array(chosen), float(variance.max())


def _resolved(x: np.ndarray, most: int) -> float:
    """The smallest factor of the length scale at which so many points leave little out."""
    if len(x) > _SAMPLED:
        x = x[np.random.default_rng(0).choice(len(x), _SAMPLED, replace=False)]
    low, high = 0.0, np.log(_LONGEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = spread_points(x / np.exp(middle), _LEFT_OUT, most)[1] <= _LEFT_OUT
        low, high = (low, middle) if enough else (middle, high)
    return float(np.exp(high))
