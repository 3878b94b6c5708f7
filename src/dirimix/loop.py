"""The weight-integrated density where y lies outside the models' hull.

There the integral of `contour` cancels: the density is as small as exp(-(distance / s)^2 / 2). A
path that crosses the real axis at the integrand's own saddle, between the nearest model and y,
and opens to the left keeps all digits. G_A is taken by the trapezoid rule through the saddle of
its integral along tau.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix.dirichlet import log_gamma_1p

_STEP, _NODES = 0.3, 18
_DEPTH, _WIDTH = 1.0, 0.8  # of the hyperbola, in units of the saddle's distance
_WIDEST = 4.0  # largest distance of the saddle; farther on the integrand only falls
_TAU_STEP, _TAU_NODES = 0.8, 15


def loop_density(d: Float[Array, "g K"], alpha: Float[Array, "g K"]) -> Float[Array, " g"]:
    """The density in units of 1 / s.

    Args:
        d: Distances f - y in units of s, all of one sign at a site.
        alpha: Concentrations.
    """
    d = d * jnp.where(d[:, :1] > 0, -1.0, 1.0).astype(d.dtype)
    total, edge = jnp.sum(alpha, axis=1), jnp.max(d, axis=1)
    radius = jax.lax.stop_gradient(_radius(d, alpha, total, edge))
    t = _STEP * np.arange(_NODES)
    place = 1 + _DEPTH * (1 - np.cosh(t)) + 1j * _WIDTH * np.sinh(t)
    weight = _STEP * (-_DEPTH * np.sinh(t) + 1j * _WIDTH * np.cosh(t))
    weight[0] /= 2
    z = edge[:, None] + radius[:, None] * place.astype(jnp.result_type(d.dtype, jnp.complex64))
    logs = jnp.sum(alpha[:, None, :] * jnp.log(z[:, :, None] - d[:, None, :]), axis=2)
    exponent = _log_kernel(z, total) - logs
    top = jax.lax.stop_gradient(jnp.max(exponent.real, axis=1))
    integral = jnp.sum(jnp.exp(exponent - top[:, None]) * weight, axis=1)
    return jnp.imag(integral) * radius * jnp.exp(top) / (jnp.pi * total)


def _radius(d: Array, alpha: Array, total: Array, edge: Array) -> Array:
    """Distance of the saddle on the real axis from the nearest model."""

    def halve(_, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = 0.5 * (low + high)
        z = edge + jnp.exp(middle)
        tau = 0.5 * (jnp.sqrt(z**2 + 4 * jnp.maximum(total - 1, 0.5)) - z)
        steep = jnp.sum(alpha / (z[:, None] - d), axis=1) > tau
        return jnp.where(steep, middle, low), jnp.where(steep, high, middle)

    start = jnp.full_like(total, -14.0), jnp.full_like(total, 5.0)
    low, _ = jax.lax.fori_loop(0, 30, halve, start)
    return jnp.clip(jnp.exp(low), 1 / jnp.maximum(-edge, 1.0), _WIDEST)


def _log_kernel(z: Array, total: Array) -> Array:
    """Log A G_A(z) for Re z below or little above 0."""
    a = total[:, None]
    tau = 0.5 * (jnp.sqrt(z * z + 4 * (a + 0.5)) - z)
    width = 1 / jnp.sqrt(1 + (a + 0.5) / (tau * tau))
    node = (np.arange(_TAU_NODES) - _TAU_NODES // 2) * _TAU_STEP
    at = tau[..., None] + 1j * width[..., None] * node.astype(a.dtype)
    exponent = (1 - a)[..., None] * jnp.log(at) + at * z[..., None] + 0.5 * at * at
    top = jax.lax.stop_gradient(jnp.max(exponent.real, axis=-1, keepdims=True))
    whole = jnp.sum(jnp.exp(exponent - top), axis=-1) * width * (_TAU_STEP / (2 * np.pi))
    return jnp.log(whole) + top[..., 0] + log_gamma_1p(total)[:, None]
