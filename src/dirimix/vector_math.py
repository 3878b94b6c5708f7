"""Complex numbers as real and imaginary parts, in plain arithmetic.

XLA compiles these functions to scalar calls on a processor, ten times slower than what the vector
unit does with polynomials. Accurate to a few units in the last place of either width.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

_HALF_PI = (float.fromhex("0x1.921fb54400000p+0"), float.fromhex("0x1.0b4611a626331p-34"))


def _coefficients(function, top: float, degree: int) -> np.ndarray:
    """Near-minimax coefficients on [0, top], highest power first."""
    series = np.polynomial.Chebyshev.interpolate(function, degree, domain=[0, top])
    return series.convert(kind=np.polynomial.Polynomial).coef[::-1]


def _on_roots(function):
    return lambda v: function(np.sqrt(np.maximum(v, 1e-30)))


_DEGREES = {4: (4, 4, 7), 8: (7, 8, 18)}  # by the width in bytes: sine, cosine, arctangent
_TABLES = {
    width: (
        _coefficients(_on_roots(lambda x: np.sin(x) / x), (np.pi / 4) ** 2, sine),
        _coefficients(_on_roots(np.cos), (np.pi / 4) ** 2, cosine),
        _coefficients(_on_roots(lambda x: np.arctan(x) / x), 1.0, arctangent),
    )
    for width, (sine, cosine, arctangent) in _DEGREES.items()
}


def sin_cos(x: Array) -> tuple[Array, Array]:
    """Sine and cosine for |x| below about 1e5.

    >>> [round(float(v), 3) for v in sin_cos(jnp.asarray(10.0))]
    [-0.544, -0.839]
    """
    of_sine, of_cosine, _ = _tables(x)
    n = jnp.round(x * (2 / np.pi))
    r = (x - n * _HALF_PI[0]) - n * _HALF_PI[1]
    v = r * r
    sin, cos = r * jnp.polyval(of_sine, v), jnp.polyval(of_cosine, v)
    quadrant = n - 4 * jnp.floor(n / 4)
    odd = (quadrant == 1) | (quadrant == 3)
    minus = (quadrant == 1) | (quadrant == 2)
    return (
        jnp.where(odd, cos, sin) * jnp.where(quadrant >= 2, -1.0, 1.0).astype(x.dtype),
        jnp.where(odd, sin, cos) * jnp.where(minus, -1.0, 1.0).astype(x.dtype),
    )


def log_polar(x: Array, y: Array) -> tuple[Array, Array]:
    """Real and imaginary part of log(x + i y) for y > 0.

    >>> [round(float(v), 3) for v in log_polar(jnp.asarray(-3.0), jnp.asarray(4.0))]
    [1.609, 2.214]
    """
    *_, of_arctangent = _tables(x)
    square, width = x * x + y * y, jnp.abs(x)
    tangent = jnp.minimum(width, y) / jnp.maximum(width, y)
    angle = tangent * jnp.polyval(of_arctangent, tangent * tangent)
    angle = jnp.where(width > y, angle, np.pi / 2 - angle)
    return 0.5 * jnp.log(square), jnp.where(x < 0, np.pi - angle, angle).astype(x.dtype)


def exp_polar(re: Array, im: Array) -> tuple[Array, Array, Array]:
    """exp(re + i im - top), real and imaginary part, and top, the largest re along the last axis.

    top keeps that axis, of length 1.
    """
    top = jnp.max(re, axis=-1, keepdims=True)
    size = jnp.exp(re - top)
    sin, cos = sin_cos(im)
    return size * cos, size * sin, top


def log_products(
    z_re: Array, z_im: Array, d: Array, alpha: Array
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """sum_k alpha_k log(z - d_k), and every logarithm, real and imaginary parts.

    Args:
        z_re: Real parts, (n, j).
        z_im: Imaginary parts, (n, j), not negative.
        d: (n, K).
        alpha: (n, K).

    Returns:
        The sums, two of (n, j), and the logarithms, two of (K, n, j).
    """

    def add(sums: tuple[Array, Array], model: tuple[Array, Array]) -> tuple:
        d_k, a_k = (column[:, None] for column in model)
        log_re, log_im = log_polar(z_re - d_k, z_im)
        return (sums[0] + a_k * log_re, sums[1] + a_k * log_im), (log_re, log_im)

    # a loop over models, whose planes stay in the cache
    return jax.lax.scan(add, (jnp.zeros_like(z_re), jnp.zeros_like(z_re)), (d.T, alpha.T))


def _tables(x: Array) -> tuple[Array, Array, Array]:
    return tuple(jnp.asarray(c, x.dtype) for c in _TABLES[x.dtype.itemsize])  # pyright: ignore
