"""The weight-integrated density where y lies outside the models' hull.

There the integral of `contour` cancels: the density is as small as exp(-(distance / s)^2 / 2). A
path that crosses the real axis at the integrand's own saddle, between the nearest model and y,
and opens to the left keeps all digits. G_A is taken by the trapezoid rule through the saddle of
its integral along tau.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma
from jaxtyping import Array, Float

from dirimix.dirichlet import log_gamma_1p
from dirimix.vector_math import exp_polar, log_polar, log_products

_DEPTH, _WIDTH = 1.0, 0.5  # of the hyperbola, in units of the saddle's distance
_WIDEST = 4.0  # largest distance of the saddle; farther on the integrand only falls


@dataclass(frozen=True)
class Rule:
    """Trapezoid rules along the path and along tau.

    Attributes:
        step: Along the path.
        nodes: Their number, on one half of the path.
        tau_step: Along tau, in units of the integrand's width.
        tau_nodes: Their number.
    """

    step: float
    nodes: int
    tau_step: float
    tau_nodes: int


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def loop_density(
    rule: Rule, d: Float[Array, "g K"], alpha: Float[Array, "g K"]
) -> Float[Array, " g"]:
    """The density in units of 1 / s.

    Args:
        rule: Nodes.
        d: Distances f - y in units of s, all of one sign at a site.
        alpha: Concentrations.
    """
    return _loop_parts(rule, d, alpha)[0]


@loop_density.defjvp
def _loop_jvp(rule: Rule, primals: tuple, tangents: tuple) -> tuple:
    density, by_alpha, by_d = _loop_parts(rule, *primals)
    return density, jnp.sum(by_d * tangents[0] + by_alpha * tangents[1], axis=1)


def _loop_parts(rule: Rule, d: Array, alpha: Array) -> tuple[Array, Array, Array]:
    """The density and its derivatives in alpha and d; the path itself does not matter."""
    sign = jnp.where(d[:, :1] > 0, -1.0, 1.0).astype(d.dtype)
    d = d * sign
    total = jnp.sum(alpha, axis=1)
    z_re, z_im, weight_re, weight_im = _path(rule, d, alpha, total)
    kernel_re, kernel_im, slope_re, slope_im = _log_kernel(rule, z_re, z_im, total)
    of_logs, (log_re, log_im) = log_products(z_re, z_im, d, alpha)
    exp_re, exp_im, top = exp_polar(kernel_re - of_logs[0], kernel_im - of_logs[1])
    e_re = exp_re * weight_re - exp_im * weight_im
    e_im = exp_im * weight_re + exp_re * weight_im

    def integral(f_re: Array, f_im: Array) -> Array:
        return jnp.sum(e_re * f_im + e_im * f_re, axis=-1)

    unit = jnp.exp(top[:, 0]) / (jnp.pi * total)
    value = jnp.sum(e_im, axis=1)
    by_total = integral(slope_re, slope_im) - value / total
    by_alpha = unit * (by_total - integral(log_re, log_im))
    gap_re = z_re - d.T[:, :, None]
    square = gap_re**2 + z_im**2
    by_d = unit * alpha.T * integral(gap_re / square, -z_im / square)
    return unit * value, by_alpha.T, sign * by_d.T


def _path(rule: Rule, d: Array, alpha: Array, total: Array) -> tuple[Array, ...]:
    """Nodes and weights of the trapezoid rule, real and imaginary parts, (g, j) each."""
    edge = jnp.max(d, axis=1)
    radius = _radius(d, alpha, total, edge)[:, None]
    t = rule.step * np.arange(rule.nodes)
    share = np.where(t > 0, rule.step, rule.step / 2)
    parts = (
        1 + _DEPTH * (1 - np.cosh(t)), _WIDTH * np.sinh(t),
        -share * _DEPTH * np.sinh(t), share * _WIDTH * np.cosh(t),
    )  # fmt: skip
    z_re, *others = (radius * jnp.asarray(part, d.dtype) for part in parts)
    return edge[:, None] + z_re, *others


def _radius(d: Array, alpha: Array, total: Array, edge: Array) -> Array:
    """Distance of the saddle on the real axis from the nearest model."""

    def halve(_, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = 0.5 * (low + high)
        z = edge + jnp.exp(middle)
        tau = 0.5 * (jnp.sqrt(z**2 + 4 * jnp.maximum(total - 1, 0.5)) - z)
        steep = jnp.sum(alpha / (z[:, None] - d), axis=1) > tau
        return jnp.where(steep, middle, low), jnp.where(steep, high, middle)

    # the first saddle: beyond y the integrand may have a second one, where it is largest
    start = jnp.full_like(total, -14.0), jnp.log(jnp.maximum(-edge, 0.5))
    low, _ = jax.lax.fori_loop(0, 24, halve, start)
    return jnp.clip(jnp.exp(low), 1 / jnp.maximum(-edge, 1.0), _WIDEST)


def _log_kernel(rule: Rule, z_re: Array, z_im: Array, total: Array) -> tuple[Array, ...]:
    """Log A G_A(z) and its derivative in A, real and imaginary parts, four of (g, j).

    For Re z below or little above 0.
    """
    a = total[:, None]
    tau_re, tau_im, along_re, along_im = _tau_nodes(rule, z_re, z_im, a)
    log_re, from_i = log_polar(-tau_im, tau_re)
    log_im = from_i - np.pi / 2
    z_re, z_im, a = z_re[..., None], z_im[..., None], a[..., None]
    re = (1 - a) * log_re + tau_re * (z_re + tau_re / 2) - tau_im * (z_im + tau_im / 2)
    im = (1 - a) * log_im + tau_re * z_im + tau_im * (z_re + tau_re)
    e_re, e_im, top = exp_polar(re, im)
    sum_re, sum_im = jnp.sum(e_re, axis=-1), jnp.sum(e_im, axis=-1)
    log_sum_re = jnp.sum(e_re * log_re - e_im * log_im, axis=-1)
    log_sum_im = jnp.sum(e_re * log_im + e_im * log_re, axis=-1)
    square = sum_re**2 + sum_im**2
    mean_re = (log_sum_re * sum_re + log_sum_im * sum_im) / square
    mean_im = (log_sum_im * sum_re - log_sum_re * sum_im) / square
    whole_re = sum_re * along_re - sum_im * along_im
    whole_im = sum_re * along_im + sum_im * along_re
    scalar = log_gamma_1p(total)[:, None] + float(np.log(rule.tau_step / (2 * np.pi)))
    return (
        0.5 * jnp.log(whole_re**2 + whole_im**2) + top[..., 0] + scalar,
        jnp.arctan2(whole_im, whole_re),
        digamma(total + 1)[:, None] - mean_re,
        -mean_im,
    )


def _tau_nodes(rule: Rule, z_re: Array, z_im: Array, a: Array) -> tuple[Array, ...]:
    """Nodes along the steepest descent of G's own integral, (g, j, m), and their step, (g, j)."""
    z = jax.lax.complex(z_re, z_im)
    tau = 0.5 * (jnp.sqrt(z * z + 4 * (a + 0.5)) - z)
    along = 1 / jnp.sqrt(1 + (a + 0.5) / (tau * tau))
    node = rule.tau_step * (jnp.arange(rule.tau_nodes, dtype=a.dtype) - rule.tau_nodes // 2)
    re = tau.real[..., None] - along.imag[..., None] * node
    im = tau.imag[..., None] + along.real[..., None] * node
    return re, im, along.real, along.imag
