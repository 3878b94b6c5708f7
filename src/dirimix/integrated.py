"""The likelihood with the site weights integrated out, evaluated from scratch at every call.

One observation has the density E_w Normal(w . d; 0, s^2) with w ~ Dirichlet(alpha) and
d_k = f_k - y. Four routes serve it by the total concentration A, each where it is accurate: the
contour integral of `contour` on a narrow path and on a wide one; where y is further than `_BEYOND`
noise levels outside the models' hull the same integral on a path around the nearest model
(`loop`); and for the largest A the saddle point with its second-order correction (`saddle`).
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix import contour
from dirimix.dirichlet import log_gamma_1p
from dirimix.loop import loop_density
from dirimix.saddle import saddle_log_density
from dirimix.vector_math import log_polar, sin_cos

_BEYOND = 2.0  # typical noise levels outside the hull from where the loop is prepared
_OUTSIDE = 1.0  # actual noise levels from where it serves
_FLOOR = 1e-10  # added to a density, in units of exp(-(distance to the hull / s)^2 / 2)
_LOOP_MOST = 16.0  # largest total concentration that the loop serves
_MEETING = 9.0  # total concentration where the narrow path hands over to the wide one
_FAR = 40.0, 10.0  # how many of the largest length the path goes, fine and coarse


@dataclass(frozen=True)
class Route:
    """A shape of the path that serves from the last route's end up to `most`.

    Attributes:
        shape: The hyperbola.
        most: Where it hands over.
        step: Of the trapezoid rule.
    """

    shape: contour.Shape
    most: float
    step: float


_FINE = (Route(contour.NARROW, _MEETING, 0.12), Route(contour.WIDE, 60.0, 0.08))
_COARSE = (Route(contour.MIDDLE, 28.0, 0.18),)


@dataclass(frozen=True)
class Likelihood:
    """log p(y_i | alpha_i, s_i) for n sites, a function of the concentrations and the noise.

    Attributes:
        d: Distances f - y, (n, K), in the unit of y; any place between the others where a model
            is not known.
        known: Which model has a value where, (n, K).
        far: Sites outside the hull, that the loop serves, (g,).
        reach: Largest distance over the noise.
        routes: Paths of the contour integral, by growing `most`.
        extent: How many lengths they go.
    """

    d: np.ndarray
    known: np.ndarray
    far: np.ndarray
    reach: float
    routes: tuple[Route, ...] = _FINE
    extent: float = _FAR[0]

    def __call__(self, alpha: Float[Array, "n K"], s: Float[Array, " n"]) -> Float[Array, " n"]:
        """Log density of every observation in one over the unit of y.

        Args:
            alpha: Concentrations; those of models that are not known are not looked at.
            s: Noise standard deviations, in the unit of y.
        """
        d = jnp.asarray(self.d, dtype=alpha.dtype)
        alpha = jnp.where(self.known, alpha, 0.0)
        total = jnp.sum(alpha, axis=1)
        beyond = jnp.maximum(jnp.min(d, axis=1), -jnp.max(d, axis=1)) / s
        floor = _FLOOR * jnp.exp(-0.5 * jnp.maximum(beyond, 0.0) ** 2)
        # outside the hull the contour cancels digits, and the saddle point is good early
        last = jnp.where(beyond > _OUTSIDE, _LOOP_MOST, self.routes[-1].most).astype(alpha.dtype)
        result = saddle_log_density(d, _scaled(alpha, total, 0.8 * last, jnp.inf), s)
        for route in reversed(self.routes):
            served = _scaled(alpha, total, 1.02 * route.shape.least, 0.98 * route.shape.most)
            density = contour_density(self._nodes(route), d, served, s)
            below = total < jnp.minimum(route.most, last)
            result = jnp.where(below, _safe_log(density, floor, below), result)
        if len(self.far):
            i = self.far
            served = _scaled(alpha[i], total[i], 0.0, _LOOP_MOST)
            density = loop_density(d[i] / s[i][:, None], served)
            below = (total[i] < _LOOP_MOST) & (beyond[i] > _OUTSIDE)
            log_density = jnp.where(below, _safe_log(density, floor[i], below), result[i])
            result = result.at[i].set(log_density)
        return result - jnp.log(s)

    def _nodes(self, route: Route) -> contour.Nodes:
        # the powers of the far right are good to (length / z)^3, at a typical A
        length = float(np.hypot(route.most, np.sqrt(route.most) * self.reach)) / np.sqrt(10.0)
        return contour.make_nodes(route.shape, self.extent * length, route.step)

    def coarse(self) -> "Likelihood":
        """The same with fewer nodes: good for a gradient that need not be exact."""
        return replace(self, routes=_COARSE, extent=_FAR[1])


def _scaled(alpha: Array, total: Array, low: Array | float, high: Array | float) -> Array:
    """The concentrations with their sum brought between two values, for routes not taken."""
    return alpha * (jnp.clip(total, low, high) / total)[:, None]


def _safe_log(density: Array, floor: Array, below: Array) -> Array:
    """Logarithm where the density is asked for, without a bad gradient where it is not."""
    return jnp.log(jnp.where(below, jnp.maximum(density, 0.0) + floor, 1.0))


def make_likelihood(d: np.ndarray, known: np.ndarray, scale: np.ndarray) -> Likelihood:
    """Prepare for a noise level of about `scale`.

    Args:
        d: Distances f - y, (n, K), in the unit of y.
        known: Which model has a value where, (n, K).
        scale: Typical noise at every site, (n,); the noise may be several times smaller or larger.
    """
    middle = np.nanmedian(np.where(known, d, np.nan), axis=1, keepdims=True)
    d = np.where(known, d, middle)
    far = np.flatnonzero(np.maximum(d.min(axis=1), -d.max(axis=1)) > _BEYOND * scale)
    reach = float((np.abs(d).max(axis=1) / scale).max())
    return Likelihood(d, known, far, float(f"{reach:.1e}"))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def contour_density(
    nodes: contour.Nodes, d: Float[Array, "n K"], alpha: Float[Array, "n K"], s: Float[Array, " n"]
) -> Float[Array, " n"]:
    """The density in units of 1 / s by the contour integral.

    The sums of alpha lie between the shape's `least` and `most`.
    """
    return _contour_parts(nodes, d, alpha, s)[0]


@contour_density.defjvp
def _contour_jvp(nodes, d, primals: tuple, tangents: tuple) -> tuple:
    density, by_alpha, by_log_s = _contour_parts(nodes, d, *primals)
    d_alpha, d_s = tangents
    change = jnp.sum(by_alpha * d_alpha, axis=1) + by_log_s * d_s / primals[1]
    return density, change


def _contour_parts(nodes: contour.Nodes, d: Array, alpha: Array, s: Array) -> tuple:
    """The density in units of 1 / s and its derivatives in alpha and log s.

    Every integrand is the same exponential times a different factor, so the derivatives cost
    little more than the value.
    """
    kind = alpha.dtype
    total = jnp.sum(alpha, axis=1)
    # the mixture's mean below y: the path then has a saddle on its right
    d = d / s[:, None] * jnp.where(jnp.sum(alpha * d, axis=1) > 0, -1.0, 1.0)[:, None].astype(kind)
    height = nodes.shape.height * jnp.sqrt(total + 1)
    basis = _chebyshev(nodes.shape.series_argument(total))
    j = len(nodes.zeta)

    def series(values: np.ndarray) -> Array:
        return (basis @ jnp.asarray(values, kind)).reshape(-1, 3, j)

    ratio_re, ratio_im = series(nodes.series.real), series(nodes.series.imag)
    zeta_re, zeta_im = jnp.asarray(nodes.zeta.real, kind), jnp.asarray(nodes.zeta.imag, kind)
    # models in front: sums over them are sums of whole planes
    x = height[:, None] * zeta_re - d.T[:, :, None]
    y = height[:, None] * zeta_im
    log_re, log_im = log_polar(x, y)
    a = alpha.T[:, :, None]
    scalar = log_gamma_1p(total) + 0.5 * (1 - total) * jnp.log(total + 1) + jnp.log(height)
    start = np.log(nodes.weight) + nodes.offset
    re = (
        scalar[:, None]
        + total[:, None] * jnp.asarray(nodes.slope.real, kind)
        + jnp.asarray(start.real, kind)
        - jnp.sum(a * log_re, axis=0)
    )
    im = (
        total[:, None] * jnp.asarray(nodes.slope.imag, kind)
        + jnp.asarray(start.imag, kind)
        - jnp.sum(a * log_im, axis=0)
    )
    top = jnp.max(re, axis=1, keepdims=True)
    size = jnp.exp(re - top)
    sin, cos = sin_cos(im)
    e_re, e_im = size * cos, size * sin

    def integral(f_re: Array, f_im: Array) -> Array:
        return jnp.sum(e_re * f_im + e_im * f_re, axis=-1)

    unit = jnp.exp(top[:, 0]) / (jnp.pi * total)
    tail, tail_alpha, tail_log_s = _far_right(nodes, d, alpha, total, height)
    value = integral(ratio_re[:, 0], ratio_im[:, 0])
    g_re = e_re * ratio_re[:, 0] - e_im * ratio_im[:, 0]
    g_im = e_re * ratio_im[:, 0] + e_im * ratio_re[:, 0]
    by_logs = -jnp.sum(g_re * log_im + g_im * log_re, axis=-1)
    by_total = integral(ratio_re[:, 2], ratio_im[:, 2]) - value / total
    by_scale = integral(ratio_re[:, 1], ratio_im[:, 1])
    density = unit * value + tail
    by_alpha = (unit * (by_logs + by_total)).T + tail_alpha
    by_log_s = (total - 1) * unit * value - unit * by_scale + tail_log_s
    return density, by_alpha, by_log_s


def _far_right(nodes: contour.Nodes, d: Array, alpha: Array, total: Array, height: Array) -> tuple:
    """What the nodes right of the last would add, a geometric series for each power of z."""
    z = height * nodes.zeta[-1]
    first = jnp.sum(alpha * d, axis=1)
    second = 0.5 * (first**2 + jnp.sum(alpha * d**2, axis=1) + (total - 2) * (total - 3))
    shares = [
        -nodes.step * np.exp(-n * nodes.step) / (1 - np.exp(-n * nodes.step)) for n in (1, 2, 3)
    ]
    powers = [jnp.imag(share / z**n) / jnp.pi for n, share in zip((1, 2, 3), shares, strict=True)]
    series = powers[0] + powers[1] * first + powers[2] * second
    value = (total - 1) * series
    by_alpha = series[:, None] + (total - 1)[:, None] * (
        powers[1][:, None] * d
        + powers[2][:, None] * (first[:, None] * d + 0.5 * d**2 + (total - 2.5)[:, None])
    )
    # the path is fixed in the unit of y, so z / s moves with s
    by_log_s = value + (total - 1) * powers[2] * (total - 2) * (total - 3)
    return value, by_alpha, by_log_s


def _chebyshev(x: Array) -> Array:
    """Chebyshev polynomials of the contour's degree, (n, p)."""
    order = jnp.arange(contour.DEGREE, dtype=x.dtype)
    return jnp.cos(order * jnp.arccos(jnp.clip(x, -1, 1))[:, None])
