"""Dirichlet weights in a form that samples: non-centred, exact for every concentration.

A Gamma(a) variable is a Gamma(a + 1) variable times U^(1/a) (Stuart 1962). The logarithm of the
first factor is close to normal for every a > 0, so both factors come from latents that are near
N(0, 1) a priori, and weights = softmax(log Gamma variables). Nothing is approximated: the exact
density of the latents enters the joint.
"""

# pyright: strict, reportMissingTypeStubs=false

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix._arrays import Floats, Mask

_BOOST_SCALE = 1.7  # a logistic variable divided by this is close to N(0, 1)
# Stirling's series of log Gamma: B_2j / (2j (2j - 1)), Abramowitz & Stegun 6.1.40
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
_SHIFT = 8
LOG_ALPHA_BOUND = 15.0  # the largest concentration of a site lies within exp(+-15)
_LEAST = -690.0  # log concentrations below this are as good as this: exp(690) is near the largest


def log_gamma_1p(a: Float[Array, "..."]) -> Float[Array, "..."]:
    """Log Gamma(a + 1) for a > 0, to 1e-14, by Stirling's series after a shift.

    Much cheaper to evaluate and differentiate on a processor than the general function.

    >>> with jax.enable_x64(True):
    ...     float(log_gamma_1p(jnp.asarray(4.0)).round(12))
    3.178053830348
    """
    x = a + 1 + _SHIFT
    inverse = 1 / x
    # factors below one: a plain product would overflow, and a far trajectory find infinite density
    product = jnp.prod(jnp.stack([(a + 1 + i) * inverse for i in range(_SHIFT)]), axis=0)
    square = inverse * inverse
    series = jnp.zeros_like(x)  # pyright: ignore[reportUnknownMemberType] JAX types it in part
    for c in reversed(_STIRLING):
        series = series * square + c
    stirling = (x - 0.5 - _SHIFT) * jnp.log(x) - x + 0.5 * jnp.log(2 * jnp.pi) + series * inverse
    return stirling - jnp.log(product)


def latent_log_density(
    alpha: Float[Array, "... K"], v: Float[Array, "... K"], b: Float[Array, "... K"]
) -> Float[Array, "... K"]:
    """Log density of the latents (v, b) given the concentrations, elementwise.

    v carries log Gamma(alpha + 1) through `_location` and `_scale`, b the boost U = logistic(b).
    """
    log_gamma, scale = _log_gamma(alpha, v), _scale(alpha)
    shape = (alpha + 1) * log_gamma - jnp.exp(log_gamma) - log_gamma_1p(alpha) + jnp.log(scale)
    x = _BOOST_SCALE * b
    return shape - x - 2 * jax.nn.softplus(-x) + jnp.log(_BOOST_SCALE)


def weights(
    alpha: Float[Array, "... K"], v: Float[Array, "... K"], b: Float[Array, "... K"]
) -> Float[Array, "... K"]:
    """Dirichlet(alpha) weights from their latents (v, b)."""
    log_g = _log_gamma(alpha, v) - jax.nn.softplus(-_BOOST_SCALE * b) / alpha
    return jax.nn.softmax(log_g, axis=-1)


def _scale(alpha: Float[Array, "..."]) -> Float[Array, "..."]:
    """About the standard deviation of log Gamma(alpha + 1), sqrt(trigamma(alpha + 1))."""
    return 1 / jnp.sqrt(alpha + 0.61)


def _log_gamma(alpha: Float[Array, "..."], v: Float[Array, "..."]) -> Float[Array, "..."]:
    """Location, about digamma(alpha + 1), plus scale times v."""
    return jnp.log(alpha + 0.56) + _scale(alpha) * v


def sample(log_alpha: Floats, rng: np.random.Generator, known: Mask | None = None) -> Floats:
    """Draw Dirichlet(exp(log_alpha)) weights, (..., K), safe for tiny concentrations.

    Args:
        log_alpha: Log concentrations, (..., K).
        rng: Generator.
        known: Which models take part, broadcast to (..., K); the others get 0.

    >>> sample(np.log([[1e-9, 1e-9, 1.0]]), np.random.default_rng(0)).round(3)
    array([[0., 0., 1.]])
    """
    alpha = np.exp(np.maximum(log_alpha, _LEAST))
    log_g = np.log(rng.standard_gamma(alpha + 1)) - rng.standard_exponential(alpha.shape) / alpha
    if known is not None:
        log_g = np.where(known, log_g, -np.inf)
    log_g -= log_g.max(axis=-1, keepdims=True)
    g = np.exp(log_g)
    return g / g.sum(axis=-1, keepdims=True)


def saturated(log_alpha: Any, xp: Any = np) -> Any:
    """Log concentrations (..., K) shifted so that the largest lies within +-LOG_ALPHA_BOUND.

    Ratios stay, and with them the mean weights; only how far single weights scatter about these
    no longer changes. Within the bounds nothing is touched.

    Args:
        log_alpha: (..., K); -inf for a model that takes no part.
        xp: NumPy, or JAX's NumPy.

    >>> saturated(np.array([[20.0, 18.0, -np.inf], [3.0, 1.0, -40.0]]))
    array([[ 15.,  13., -inf],
           [  3.,   1., -40.]])
    """
    top = xp.max(log_alpha, axis=-1, keepdims=True)
    over = xp.maximum(top - LOG_ALPHA_BOUND, 0.0) + xp.minimum(top + LOG_ALPHA_BOUND, 0.0)
    return log_alpha - over


def mean(log_alpha: Floats) -> Floats:
    """Mean weights alpha_k / alpha_0, (..., K), from log concentrations `log_alpha`, (..., K)."""
    alpha = np.exp(log_alpha - log_alpha.max(axis=-1, keepdims=True))
    return alpha / alpha.sum(axis=-1, keepdims=True)
