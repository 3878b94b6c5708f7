"""The likelihood with the site weights integrated out, evaluated from scratch at every call.

One observation has the density E_w Normal(w . d; 0, s^2) with w ~ Dirichlet(alpha) and
d_k = f_k - y. It is computed in one of three ways: by a contour integral (`contour`); where that
cancels, with y outside the models' hull, by the same integral on a path around the nearest model
(`outside_hull`); and for large total concentrations by a saddle-point approximation with its
second-order correction (`saddle`), where the estimate of its error is small, and always beyond a
limit. The choice is made site by site.

The loops are compiled by Numba, and called from JAX programs as a foreign function.
"""

from dataclasses import dataclass, replace
from functools import partial
from math import exp, log
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numba import njit

from dirimix.likelihood.contour import inside_density
from dirimix.likelihood.contour_nodes import PIECES, TERMS, Paths, make_paths, single_paths
from dirimix.likelihood.inlining import inlined
from dirimix.likelihood.outside_hull import Rule, outside_density
from dirimix.likelihood.saddle import saddle_log_densities
from dirimix.likelihood.xla import argument, asks_for_version, register, result, single_argument

# total concentrations from where the saddle point may serve, and from where it always does
_SADDLE_FROM, _SADDLE_ALWAYS = 9.0, 100.0
# models too far apart for the nodes: total concentration, and its square times the largest distance
_WIDE = 18.0, 1e5
_FAINT, _LONG = 3e-4, 8.0  # a density for which the path goes farther, and how many times
# where it cancels too much: for small A the path round the nearest model serves, if y lies
# outside the hull, and for large A the saddle point
_FAINTEST = 1.7e-5, 8e-7
_FAR_OUTSIDE = 5.3  # noise levels outside the hull from where every density is fainter
_FARTHEST = 1e7  # noise levels from y to a model for which the nodes serve
_FLOOR = 1e-10  # added to a density, in units of exp(-(distance to the hull / s)^2 / 2)
_ROWS = 11  # of room that a path needs, beside two a model for the logarithms


class Accuracy(NamedTuple):
    """How closely the contour is followed and when the saddle point takes over.

    Attributes:
        step: Of the trapezoid rule.
        extent: How many of the largest length the path goes.
        doubt: Estimated error of the saddle point, in nat, up to which it is used.
        outside: Nodes of the path outside the hull.
        single: Sum over the contour's nodes in single precision where the density is not tiny.
    """

    step: float
    extent: float
    doubt: float
    outside: Rule
    single: bool


FINE = Accuracy(
    step=0.1, extent=40.0, doubt=0.004,
    outside=Rule(step=0.2, nodes=27, tau_step=0.8, tau_nodes=15), single=False,
)  # fmt: skip
COARSE = Accuracy(
    step=0.12, extent=3.0, doubt=0.015,
    outside=Rule(step=0.3, nodes=18, tau_step=1.0, tau_nodes=11), single=True,
)  # fmt: skip


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

        It is -inf where a model is 1e7 noise levels from the observation.

        Args:
            alpha: Concentrations; those of models that are not known are not looked at.
            s: Noise standard deviations, in the unit of y.
        """
        return _log_density(alpha, s, self.d, self.accuracy)

    def evaluate(self, alpha: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, ...]:
        """Log densities, (n,), their derivatives in alpha, (n, K), and in s, (n,)."""
        with jax.enable_x64(True):
            value, slopes = _compiled(alpha, s, self.d, self.accuracy)
            return np.asarray(value), *(np.asarray(slope) for slope in slopes)

    def coarse(self) -> "Likelihood":
        """The same with fewer nodes: good for a gradient that need not be exact."""
        return replace(self, accuracy=COARSE)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _log_density(alpha: Array, s: Array, d: Array, accuracy: Accuracy) -> Array:
    return _with_slopes(alpha, s, d, accuracy)[0]


def _with_slopes(alpha: Array, s: Array, d: Array, accuracy: Accuracy) -> tuple[Array, tuple]:
    kinds = [jax.ShapeDtypeStruct(a.shape, jnp.float64) for a in (s, alpha, s)]
    name = register(_serve, "dirimix_weight_integrated_density")
    call = jax.ffi.ffi_call(name, kinds, vmap_method="sequential")
    value, *slopes = call(alpha, s, d, *_constants(accuracy))
    return value, tuple(slopes)


def _pull_back(_: Accuracy, slopes: tuple, weight: Array) -> tuple[Array, Array, None]:
    by_alpha, by_s = slopes
    return weight[:, None] * by_alpha, weight * by_s, None


_log_density.defvjp(_with_slopes, _pull_back)
_compiled = jax.jit(_with_slopes, static_argnums=3)


def _constants(accuracy: Accuracy) -> list[np.ndarray]:
    """What does not change, in a row each: the accuracy and, in either precision, the paths."""
    paths = single_paths(accuracy.step), make_paths(accuracy.step)
    numbers = [paths[0].zeta.shape[-1], *accuracy[:3], accuracy.single, *accuracy.outside]
    return [
        np.array(numbers, dtype=float),
        *(np.concatenate([np.ravel(part) for part in some[1:]]) for some in paths),
    ]


def _serve(frame: Any) -> int:
    """The foreign function: arguments alpha, s, d, the accuracy, the paths in single and double."""
    if asks_for_version(frame):
        return 0
    alpha, s, d = argument(frame, 0), argument(frame, 1), argument(frame, 2)
    numbers = argument(frame, 3)
    nodes, step, extent, doubt, single = numbers[:5]
    outside = Rule(numbers[5], int(numbers[6]), numbers[7], int(numbers[8]))
    accuracy = Accuracy(step, extent, doubt, outside, single > 0)
    shape = (len(s), len(alpha) // len(s))
    _evaluate(
        _unpacked(step, int(nodes), single_argument(frame, 4)),
        _unpacked(step, int(nodes), argument(frame, 5)),
        accuracy, d.reshape(shape), alpha.reshape(shape), s,
        result(frame, 0), result(frame, 1).reshape(shape), result(frame, 2),
    )  # fmt: skip
    return 0


@njit(inline="always", error_model="numpy")
def _unpacked(step, nodes, parts):
    """`Paths` from their numbers in one row."""
    height, left, asymptote, least, most = parts[:10].reshape((5, 2))
    zeta, slope, offset = parts[10 : 10 + 12 * nodes].reshape((3, 2, 2, nodes))
    size = parts[10 + 12 * nodes : 10 + 14 * nodes].reshape((2, nodes))
    ratios = parts[10 + 14 * nodes :].reshape((2, PIECES, 3, 2, TERMS, nodes))
    return Paths(step, height, left, asymptote, least, most, zeta, slope, offset, size, ratios)


@njit(inline="always", error_model="numpy")
def _evaluate(single, exact, accuracy, d, alpha, s, value, by_alpha, by_s):
    """Fill in what `Likelihood.evaluate` returns.

    The log density is -inf where a trajectory has diverged: almost no noise, or arguments that are
    not finite.
    """
    n, count = d.shape
    rooms, kind = single.zeta.shape[-1], single.zeta.dtype
    room = np.empty((_ROWS, rooms), kind), np.empty((2, count * rooms), kind)
    rooms = max(rooms, accuracy.outside.nodes, 2 * accuracy.outside.tau_nodes)
    exact_room = np.empty((_ROWS, rooms)), np.empty((2, count * rooms))
    near, weight, slopes = np.empty(count), np.empty(count), np.empty(count)
    total, reach = _extents(d, alpha, s)
    regular = (reach < _FARTHEST) & (total < np.inf)
    large = np.flatnonzero(regular & (total > _SADDLE_FROM))
    value[:], by_alpha[:], by_s[:], doubt = -np.inf, 0.0, 0.0, np.full(n, np.inf)
    saddle_log_densities(d, alpha, s, large, value, by_alpha, by_s, doubt)
    for i in np.flatnonzero(regular):
        if not _trusts_saddle(total[i], reach[i], doubt[i], accuracy):
            known = 0
            for k in range(count):
                if not np.isnan(d[i, k]):
                    near[known], weight[known] = d[i, k] / s[i], alpha[i, k]
                    known += 1
            found, by_log_s, served = _on_a_path(
                single, exact, accuracy, near[:known], weight[:known], total[i],
                room, exact_room, slopes[:known],
            )  # fmt: skip
            if served:
                value[i], by_s[i], known = found, by_log_s, 0
                for k in range(count):
                    if not np.isnan(d[i, k]):
                        by_alpha[i, k] = slopes[known]
                        known += 1
        # a density in units of 1 / s is below 0.4, unless the saddle point was not found
        if -np.inf < value[i] <= 0:
            value[i], by_s[i] = value[i] - log(s[i]), (by_s[i] - 1) / s[i]
        else:
            value[i], by_alpha[i], by_s[i] = -np.inf, 0.0, 0.0


@inlined()
def _extents(d, alpha, s):
    """Total concentrations of the known models, and their largest distances from y, (n,) each."""
    total, reach = np.zeros(len(s)), np.zeros(len(s))
    for i in range(len(s)):
        for k in range(d.shape[1]):
            if not np.isnan(d[i, k]):
                total[i] += alpha[i, k]
                gap = abs(d[i, k] / s[i])
                if not (gap <= reach[i] or np.isnan(reach[i])):
                    reach[i] = gap
    return total, reach


@njit(inline="always", error_model="numpy")
def _trusts_saddle(total, reach, doubt, accuracy):
    """Whether a site uses the saddle point; its doubt is infinite where none was computed."""
    wide = total > _WIDE[0] and total * total * reach > _WIDE[1]
    return wide or total >= _SADDLE_ALWAYS or doubt < accuracy.doubt


@njit(inline="always", error_model="numpy")
def _on_a_path(single, exact, accuracy, d, alpha, total, room, exact_room, by_alpha):
    """Log density of a site in units of 1 / s by a contour, and its derivative in log s.

    Puts those in alpha. The third result is whether it serves: not where it cancels too much and
    the concentration is large, where the saddle point does.
    """
    (work, logs), (exact_work, exact_logs) = room, exact_room
    beyond = max(np.min(d), -np.max(d))
    density = by_log_s = 0.0
    if beyond < _FAR_OUTSIDE:
        if accuracy.single:
            density, by_log_s = inside_density(
                single, accuracy.extent, d, alpha, total, work, logs, by_alpha
            )
        # one call in a loop: the function is copied to wherever it is called
        for again in range(1 if accuracy.single else 0, 2):
            if density < _FAINT:
                extent = _LONG * accuracy.extent if again else accuracy.extent
                density, by_log_s = inside_density(
                    exact, extent, d, alpha, total, exact_work, exact_logs, by_alpha
                )
    if density < _FAINTEST[0] and beyond > 0 and total < _SADDLE_FROM:
        density, by_log_s = outside_density(
            accuracy.outside, d, alpha, total, exact_work, exact_logs, by_alpha
        )  # fmt: skip
    served = not (density < _FAINTEST[1] and total > _SADDLE_FROM)
    floor = _FLOOR * exp(-0.5 * max(beyond, 0.0) ** 2)
    whole = max(density, 0.0) + floor
    share = 1 / whole if density > 0 else 0.0
    for k in range(len(d)):
        by_alpha[k] *= share
    return log(whole), by_log_s * share, served
