"""The likelihood with the site weights integrated out, evaluated from scratch at every call.

One observation has the density E_w Normal(w . d; 0, s^2) with w ~ Dirichlet(alpha) and
d_k = f_k - y. For large total concentrations it is computed by a saddle-point approximation with
its second-order correction (`saddle`), where the estimate of its error is small. Everywhere else it
is one integral (`routes`): along a line through that saddle point (`bent_line`) or, for small total
concentrations, along a contour (`contour`). The choice is made site by site.

A model that is too far away for its weight to be anything but tiny counts by the density of weights
near 0, a power law: at d it is served as at the nearer d', times (d / d')^-alpha.

The loops are compiled by Numba, and called from JAX programs as a foreign function.
"""

from dataclasses import dataclass, replace
from functools import partial
from math import log
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numba import njit

from dirimix._cores import on_device
from dirimix.compiled.inlining import inlined
from dirimix.likelihood.bent_line import NODES, ROOM
from dirimix.likelihood.contour_nodes import PIECES, TERMS, Path, make_path, single_path
from dirimix.likelihood.routes import (
    COARSE,
    FINE,
    LAST_STEP,
    SADDLE_FROM,
    Accuracy,
    site_density,
)
from dirimix.likelihood.saddle import saddle_log_densities
from dirimix.likelihood.xla import argument, asks_for_version, register, result, single_argument

_FARTHEST = 1e16  # noise levels from y to a model that are served
_FAR = 1e12  # times as far as the nearest, or as the noise, from where a model's power law serves
_CONTOUR_ROOM = 10  # rows of its nodes, beside two a model for the logarithms


@dataclass(frozen=True, eq=False)
class Likelihood:
    """log p(y_i | alpha_i, s_i) for n sites, a function of the concentrations and the noise.

    Attributes:
        d: Distances f - y, (n, K), in the unit of y; not a number where a model is not known.
        accuracy: How closely it is evaluated.
    """

    d: np.ndarray
    accuracy: Accuracy = FINE

    def __call__(self, alpha: Float[Array, "n K"], s: Float[Array, " n"]) -> Float[Array, " n"]:
        """Log density of every observation in one over the unit of y; differentiable.

        It is -inf where a model is 1e16 noise levels from the observation.

        Args:
            alpha: Concentrations; those of models that are not known are not looked at.
            s: Noise standard deviations, in the unit of y.
        """
        return _log_density(alpha, s, self.d, self.accuracy)

    def evaluate(self, alpha: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, ...]:
        """Log densities, (n,), their derivatives in alpha, (n, K), and in s, (n,)."""
        with on_device():
            value, slopes = _compiled(alpha, s, self.d, self.accuracy)
            return np.asarray(value), *(np.asarray(slope) for slope in slopes)

    def coarse(self) -> "Likelihood":
        """The same with fewer nodes: good for a gradient that need not be exact."""
        return replace(self, accuracy=COARSE)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _log_density(alpha: Array, s: Array, d: Array, accuracy: Accuracy) -> Array:
    return _with_slopes(alpha, s, d, accuracy)[0]


def compile_loops() -> str:
    """Compile the loops, or take them from Numba's cache: about a minute of one core, once.

    Returns:
        The name by which XLA calls them.
    """
    return register(_serve, "dirimix_weight_integrated_density")


def _with_slopes(alpha: Array, s: Array, d: Array, accuracy: Accuracy) -> tuple[Array, tuple]:
    kinds = [jax.ShapeDtypeStruct(a.shape, jnp.float64) for a in (s, alpha, s)]
    name = compile_loops()
    call = jax.ffi.ffi_call(name, kinds, vmap_method="sequential")
    value, *slopes = call(alpha, s, d, *_constants(accuracy))
    return value, tuple(slopes)


def _pull_back(_: Accuracy, slopes: tuple, weight: Array) -> tuple[Array, Array, None]:
    by_alpha, by_s = slopes
    return weight[:, None] * by_alpha, weight * by_s, None


_log_density.defvjp(_with_slopes, _pull_back)
_compiled = jax.jit(_with_slopes, static_argnums=3)


def _constants(accuracy: Accuracy) -> list[np.ndarray]:
    """What does not change, in a row each: the accuracy, and the contour's nodes of three ranks."""
    quick, last = make_path(accuracy.step), make_path(LAST_STEP, TERMS)
    paths = single_path(accuracy.step), quick, last
    numbers = [quick.left, quick.zeta.shape[-1], last.zeta.shape[-1], *accuracy]
    return [
        np.array(numbers, dtype=float),
        *(np.concatenate([np.ravel(part) for part in path[2:]]) for path in paths),
    ]


def _serve(frame: Any) -> int:
    """The foreign function: arguments alpha, s, d, the accuracy, the nodes of three ranks."""
    if asks_for_version(frame):
        return 0
    alpha, s, d = argument(frame, 0), argument(frame, 1), argument(frame, 2)
    numbers = argument(frame, 3)
    left, nodes, last_nodes, doubt, line, end, agree, step, extent, single = numbers
    accuracy = Accuracy(doubt, line, end, agree, step, extent, single > 0)
    shape = (len(s), len(alpha) // len(s))
    _evaluate(
        _unpacked(step, left, int(nodes), single_argument(frame, 4)),
        (
            _unpacked(step, left, int(nodes), argument(frame, 5)),
            _unpacked(LAST_STEP, left, int(last_nodes), argument(frame, 6)),
        ),
        accuracy, d.reshape(shape), alpha.reshape(shape), s,
        result(frame, 0), result(frame, 1).reshape(shape), result(frame, 2),
    )  # fmt: skip
    return 0


@njit(inline="always", error_model="numpy")
def _unpacked(step, left, nodes, parts):
    """A `Path` from its numbers in one row."""
    zeta, slope, offset = parts[: 6 * nodes].reshape((3, 2, nodes))
    size, ratios = parts[6 * nodes : 7 * nodes], parts[7 * nodes :]
    ratios = ratios.reshape((PIECES, 3, 2, len(ratios) // (6 * PIECES * nodes), nodes))
    return Path(step, left, zeta, slope, offset, size, ratios)


@njit(inline="always", error_model="numpy")
def _evaluate(single, exact, accuracy, d, alpha, s, value, by_alpha, by_s):
    """Fill in what `Likelihood.evaluate` returns.

    The log density is -inf where a trajectory has diverged: almost no noise, or arguments that are
    not finite.
    """
    n, count = d.shape
    kind, nodes, most = single.zeta.dtype, single.zeta.shape[-1], exact[1].zeta.shape[-1]
    rooms = (
        (np.empty((_CONTOUR_ROOM, nodes), kind), np.empty((2, count * nodes), kind)),
        (np.empty((_CONTOUR_ROOM, most)), np.empty((2, count * most))),
        (np.empty((ROOM, NODES)), np.empty((2, (count + 1) * NODES))),
        np.empty((count + 2, count)),
    )
    near, weight, slopes = np.empty(count), np.empty(count), np.empty(count)
    total, nearest, reach = _extents(d, alpha, s)
    limit, whole = _FAR * np.maximum(nearest, 1.0), d
    far = np.flatnonzero((reach > limit) & (reach < np.inf) & (total < np.inf))
    if len(far) > 0:
        d = _drawn_near(d, s, limit, far)
        reach[far] = limit[far]
    regular = (reach < _FARTHEST) & (total < np.inf)
    large = np.flatnonzero(regular & (total > SADDLE_FROM))
    value[:], by_alpha[:], by_s[:], doubt, tau = -np.inf, 0.0, 0.0, np.full(n, np.inf), np.zeros(n)
    saddle_log_densities(d, alpha, s, large, value, by_alpha, by_s, doubt, tau)
    for i in np.flatnonzero(regular & ~(doubt < accuracy.doubt)):
        known = 0
        for k in range(count):
            if not np.isnan(d[i, k]):
                near[known], weight[known] = d[i, k] / s[i], alpha[i, k]
                known += 1
        value[i], by_s[i] = site_density(
            single, exact, accuracy, near[:known], weight[:known], total[i], tau[i], rooms,
            slopes[:known],
        )  # fmt: skip
        known = 0
        for k in range(count):
            if not np.isnan(d[i, k]):
                by_alpha[i, k] = slopes[known]
                known += 1
    for i in far[regular[far]]:
        for k in range(count):
            if abs(whole[i, k]) > abs(d[i, k]):
                times = log(whole[i, k] / d[i, k])
                value[i] -= alpha[i, k] * times
                by_alpha[i, k] -= times
    for i in np.flatnonzero(regular):
        value[i], by_s[i] = value[i] - log(s[i]), (by_s[i] - 1) / s[i]


@inlined()
def _extents(d, alpha, s):
    """Total concentrations of the known models, their smallest and their largest distances from y.

    All three are (n,), the distances in noise levels.
    """
    total, nearest, reach = np.zeros(len(s)), np.full(len(s), np.inf), np.zeros(len(s))
    for i in range(len(s)):
        for k in range(d.shape[1]):
            if not np.isnan(d[i, k]):
                total[i] += alpha[i, k]
                gap = abs(d[i, k] / s[i])
                nearest[i] = min(nearest[i], gap)
                if not (gap <= reach[i] or np.isnan(reach[i])):
                    reach[i] = gap
    return total, nearest, reach


@inlined()
def _drawn_near(d, s, limit, sites):
    """Distances with those at some sites cut at a limit, which is in noise levels."""
    near = d.copy()
    for i in sites:
        most = limit[i] * s[i]
        for k in range(d.shape[1]):
            if abs(d[i, k]) > most:
                near[i, k] = most if d[i, k] > 0 else -most
    return near
