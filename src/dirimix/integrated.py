"""The likelihood with the site weights integrated out, evaluated from scratch at every call.

One observation has the density E_w Normal(w . d; 0, s^2) with w ~ Dirichlet(alpha) and
d_k = f_k - y. Three routes serve it: the contour integral of `contour`; where y lies outside the
models' hull the same integral on a path around the nearest model (`loop`); and for large total
concentrations the saddle point with its second-order correction (`saddle`), as soon as that
correction is small, and always beyond a limit.
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix import contour
from dirimix.dirichlet import log_gamma_1p
from dirimix.loop import Rule, loop_density
from dirimix.saddle import saddle_log_density
from dirimix.vector_math import exp_polar, log_products

_BEYOND = 0.5  # typical noise levels outside the hull from where the loop is prepared
_OUTSIDE = 1.0  # actual noise levels outside from where the saddle point is good early
_LOOP_FROM = 2.5  # and from where the loop serves
_FLOOR = 1e-10  # added to a density, in units of exp(-(distance to the hull / s)^2 / 2)
_LOOP_MOST = 16.0  # largest total concentration that the loop serves
_MEETING = 9.0  # total concentration where one shape of the path hands over to the other


@dataclass(frozen=True)
class Accuracy:
    """How closely the contour is followed and when the saddle point takes over.

    Attributes:
        step: Of the trapezoid rule.
        extent: How many of the largest length the path goes.
        degree: Terms of the series in the total concentration.
        early: Total concentration from where the saddle point may serve.
        correction: Its second-order correction up to which it then does.
        most: Total concentration from where it always serves.
        loop: Nodes of the path outside the hull.
    """

    step: float
    extent: float
    degree: int
    early: float
    correction: float
    most: float
    loop: Rule


FINE = Accuracy(
    step=0.1, extent=40.0, degree=26, early=28.0, correction=0.01, most=100.0,
    loop=Rule(step=0.2, nodes=27, tau_step=0.8, tau_nodes=15),
)  # fmt: skip
COARSE = Accuracy(
    step=0.16, extent=10.0, degree=14, early=9.0, correction=0.03, most=60.0,
    loop=Rule(step=0.3, nodes=18, tau_step=1.0, tau_nodes=11),
)  # fmt: skip


@dataclass(frozen=True)
class Likelihood:
    """log p(y_i | alpha_i, s_i) for n sites, a function of the concentrations and the noise.

    Attributes:
        d: Distances f - y, (n, K), in the unit of y; any place between the others where a model
            is not known.
        known: Which model has a value where, (n, K).
        far: Sites outside the hull, that the loop serves, (g,).
        reach: Largest distance over the noise.
        accuracy: How closely it is evaluated.
    """

    d: np.ndarray
    known: np.ndarray
    far: np.ndarray
    reach: float
    accuracy: Accuracy = FINE

    def __call__(self, alpha: Float[Array, "n K"], s: Float[Array, " n"]) -> Float[Array, " n"]:
        """Log density of every observation in one over the unit of y.

        Args:
            alpha: Concentrations; those of models that are not known are not looked at.
            s: Noise standard deviations, in the unit of y.
        """
        d, accuracy = jnp.asarray(self.d, dtype=alpha.dtype), self.accuracy
        alpha = jnp.where(self.known, alpha, 0.0)
        total = jnp.sum(alpha, axis=1)
        beyond = jnp.maximum(jnp.min(d, axis=1), -jnp.max(d, axis=1)) / s
        outside = beyond > _OUTSIDE
        floor = _FLOOR * jnp.exp(-0.5 * jnp.maximum(beyond, 0.0) ** 2)
        # outside the hull the contour cancels digits, and the saddle point is good early
        early = jnp.where(outside, _MEETING, accuracy.early).astype(alpha.dtype)
        most = jnp.where(outside, _LOOP_MOST, accuracy.most).astype(alpha.dtype)
        of_saddle, correction = saddle_log_density(
            d, _scaled(alpha, total, 0.8 * early, jnp.inf), s
        )
        small = jnp.abs(correction) < accuracy.correction
        below = (total < most) & ~((total > early) & small)
        density = contour_density(self._paths(), d, _scaled(alpha, total, 0.0, accuracy.most), s)
        result = jnp.where(below, _safe_log(density, floor, below), of_saddle)
        if len(self.far):
            i = self.far
            served = _scaled(alpha[i], total[i], 0.0, _LOOP_MOST)
            density = loop_density(accuracy.loop, d[i] / s[i][:, None], served)
            below = below[i] & (beyond[i] > _LOOP_FROM)
            log_density = jnp.where(below, _safe_log(density, floor[i], below), result[i])
            result = result.at[i].set(log_density)
        return result - jnp.log(s)

    def _paths(self) -> contour.Paths:
        # the powers of the far right are good to (length / z)^3, at a typical A
        most = self.accuracy.most
        length = float(np.hypot(most, np.sqrt(most) * self.reach)) / np.sqrt(10.0)
        return contour.make_paths(
            self.accuracy.extent * length, self.accuracy.step, self.accuracy.degree
        )

    def coarse(self) -> "Likelihood":
        """The same with fewer nodes: good for a gradient that need not be exact."""
        return replace(self, accuracy=COARSE)


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
    paths: contour.Paths, d: Float[Array, "n K"], alpha: Float[Array, "n K"], s: Float[Array, " n"]
) -> Float[Array, " n"]:
    """The density in units of 1 / s by the contour integral.

    The sums of alpha lie between the shapes' smallest `least` and largest `most`.
    """
    return _contour_parts(paths, d, alpha, s)[0]


@contour_density.defjvp
def _contour_jvp(paths, d, primals: tuple, tangents: tuple) -> tuple:
    density, by_alpha, by_log_s = _contour_parts(paths, d, *primals)
    d_alpha, d_s = tangents
    change = jnp.sum(by_alpha * d_alpha, axis=1) + by_log_s * d_s / primals[1]
    return density, change


def _contour_parts(paths: contour.Paths, d: Array, alpha: Array, s: Array) -> tuple:
    """The density in units of 1 / s and its derivatives in alpha and log s.

    Every integrand is the same exponential times a different factor, so the derivatives cost
    little more than the value.
    """
    kind = alpha.dtype
    total = jnp.sum(alpha, axis=1)
    # the mixture's mean below y: the path then has a saddle on its right
    d = d / s[:, None] * jnp.where(jnp.sum(alpha * d, axis=1) > 0, -1.0, 1.0)[:, None].astype(kind)
    high = total > _MEETING
    choose = partial(_choose, high, kind=kind)
    height = choose(contour.HEIGHT) * jnp.sqrt(total + 1)
    z_re, z_im = (
        height[:, None] * choose(paths.zeta.real),
        height[:, None] * choose(paths.zeta.imag),
    )
    of_logs, (log_re, log_im) = log_products(z_re, z_im, d, alpha)
    e_re, e_im, top = _exponential(paths, choose, total, *of_logs)
    ratio, moved, by_a = _ratios(paths, high, total)

    def integral(f_re: Array, f_im: Array) -> Array:
        return jnp.sum(e_re * f_im + e_im * f_re, axis=-1)

    unit = jnp.exp(top) * height / (jnp.pi * total)
    tail, tail_alpha, tail_log_s = _far_right(paths, choose, d, alpha, total, height)
    value = integral(*ratio)
    g_re = e_re * ratio[0] - e_im * ratio[1]
    g_im = e_re * ratio[1] + e_im * ratio[0]
    by_logs = -jnp.sum(g_re * log_im + g_im * log_re, axis=-1)
    by_total = integral(*by_a) - value / total
    by_scale = integral(*moved)
    density = unit * value + tail
    by_alpha = (unit * (by_logs + by_total)).T + tail_alpha
    by_log_s = (total - 1) * unit * value - unit * by_scale + tail_log_s
    return density, by_alpha, by_log_s


def _choose(high: Array, values: np.ndarray, *, kind) -> Array:
    """The values of either shape, as its total concentration asks at every site."""
    low, above = jnp.asarray(values, kind)
    return jnp.where(high.reshape(-1, *[1] * low.ndim), above, low)


def _exponential(
    paths: contour.Paths, choose, total: Array, product_re: Array, product_im: Array
) -> tuple[Array, Array, Array]:
    """The carrier over prod_k (z - d_k)^alpha_k: real and imaginary part, log of their unit."""
    scalar = log_gamma_1p(total) + 0.5 * (1 - total) * jnp.log(total + 1)
    t = total[:, None]
    re = t * choose(paths.slope.real) + choose(paths.offset.real) - product_re
    im = t * choose(paths.slope.imag) + choose(paths.offset.imag) - product_im
    e_re, e_im, top = exp_polar(re, im)
    return e_re, e_im, top[:, 0] + scalar


def _ratios(paths: contour.Paths, high: Array, total: Array) -> tuple[tuple[Array, Array], ...]:
    """What multiplies the carrier in the value and in its derivatives: real and imaginary part."""
    degree = paths.series.shape[1]
    choose = partial(_choose, high, kind=total.dtype)
    x = contour.series_argument(total, choose(contour.LEAST), choose(contour.MOST))
    basis = _chebyshev(x, degree)
    # one product serves both shapes
    both = jnp.concatenate([basis * ~high[:, None], basis * high[:, None]], axis=1)

    def ratio(series: np.ndarray) -> tuple[Array, Array]:
        table = series.reshape(2 * degree, -1)
        re, im = (both @ jnp.asarray(part, total.dtype) for part in (table.real, table.imag))
        return re, im

    return tuple(ratio(paths.series[:, :, n]) for n in range(3))


def _far_right(
    paths: contour.Paths, choose, d: Array, alpha: Array, total: Array, height: Array
) -> tuple[Array, Array, Array]:
    """What the nodes right of the last would add, a geometric series for each power of z."""
    first = jnp.sum(alpha * d, axis=1)
    second = 0.5 * (first**2 + jnp.sum(alpha * d**2, axis=1) + (total - 2) * (total - 3))
    powers = []
    for n in (1, 2, 3):
        share = -paths.step * np.exp(-n * paths.step) / (1 - np.exp(-n * paths.step))
        powers.append(choose(np.imag(share / paths.zeta[:, -1] ** n) / np.pi) / height**n)
    series = powers[0] + powers[1] * first + powers[2] * second
    value = (total - 1) * series
    by_alpha = series[:, None] + (total - 1)[:, None] * (
        powers[1][:, None] * d
        + powers[2][:, None] * (first[:, None] * d + 0.5 * d**2 + (total - 2.5)[:, None])
    )
    # the path is fixed in the unit of y, so z / s moves with s
    by_log_s = value + (total - 1) * powers[2] * (total - 2) * (total - 3)
    return value, by_alpha, by_log_s


def _chebyshev(x: Array, degree: int) -> Array:
    """Chebyshev polynomials, (n, degree)."""
    order = jnp.arange(degree, dtype=x.dtype)
    return jnp.cos(order * jnp.arccos(jnp.clip(x, -1, 1))[:, None])
