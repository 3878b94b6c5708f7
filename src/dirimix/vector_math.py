"""Complex logarithms and exponentials of whole rows, in plain arithmetic that LLVM vectorises.

The mathematical library's own functions are called one number at a time. These are polynomials
and operations on bits, good to about 1e-11: a few nanoseconds a complex number on one core.
"""

from math import log, pi

import numpy as np
from numba import njit

# sums may be taken in any order, which vectors need; nothing else about them is assumed
SUMS = {"reassoc", "contract", "nsz"}
# no other order where two parts of a sum are far from each other in size
_PLAIN = {"contract", "nsz"}

_HALF = np.uint64(0x3FE6A09E667F3BCD)  # bits of the square root of 1/2, the smallest mantissa
_OFFSET = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_FRACTION = np.uint64(0x000FFFFFFFFFFFFF)
_EXPONENT = np.uint64(52)
_BIAS = np.uint64(1023)
_INTEGER = np.uint64(0x4330000000000000)  # an integer below 2^52 or'ed to it is 2^52 + integer
_INTEGER_VALUE = 2.0**52 + 1023
_ROUND = 1.5 * 2.0**52  # added and taken away again it rounds to an integer
_LN2, _LN2_LOW = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")
_HALF_PI = float.fromhex("0x1.921fb54400000p+0")
_HALF_PI_LOW = float.fromhex("0x1.0b4611a626331p-34")
_LEAST_EXPONENT = -700.0


def _coefficients(function, top: float, degree: int) -> tuple[float, ...]:
    """Near-minimax coefficients on [0, top], lowest power first."""
    series = np.polynomial.Chebyshev.interpolate(function, degree, domain=[0, top])
    return tuple(float(c) for c in series.convert(kind=np.polynomial.Polynomial).coef)


def _on_roots(function):
    return lambda v: function(np.sqrt(np.maximum(v, 1e-30)))


_A0, _A1, _A2, _A3, _A4, _A5, _A6, _A7, _A8, _A9, _A10, _A11, _A12 = _coefficients(
    _on_roots(lambda x: np.arctan(x) / x), 1.0, 12
)
_L0, _L1, _L2, _L3, _L4, _L5 = _coefficients(
    _on_roots(lambda x: 2 * np.arctanh(x) / x), (np.sqrt(2) - 1) ** 4 * 1.001, 5
)
_S0, _S1, _S2, _S3, _S4, _S5 = _coefficients(
    _on_roots(lambda x: np.sin(x) / x), (np.pi / 4) ** 2, 5
)
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = _coefficients(_on_roots(np.cos), (np.pi / 4) ** 2, 6)
_E0, _E1, _E2, _E3, _E4, _E5, _E6, _E7, _E8 = (1 / np.prod(np.arange(1, n + 1)) for n in range(9))


@njit(cache=True, nogil=True, fastmath=_PLAIN, error_model="numpy")
def log_polar(x, y, count, re, im):
    """Real and imaginary parts of log(x + i y), y > 0, for the first `count` of a row.

    >>> re, im = np.empty(1), np.empty(1)
    >>> log_polar(np.array([-3.0]), np.array([4.0]), 1, re, im)
    >>> float(re[0].round(3)), float(im[0].round(3))
    (1.609, 2.214)
    """
    for j in range(count):
        a, b = x[j], y[j]
        bits = np.float64(a * a + b * b).view(np.uint64) + _OFFSET
        power = np.uint64((bits >> _EXPONENT) | _INTEGER).view(np.float64) - _INTEGER_VALUE
        mantissa = np.uint64((bits & _FRACTION) + _HALF).view(np.float64)
        s = (mantissa - 1.0) / (mantissa + 1.0)
        v = s * s
        series = s * (_L0 + v * (_L1 + v * (_L2 + v * (_L3 + v * (_L4 + v * _L5)))))
        re[j] = 0.5 * (power * (_LN2 + _LN2_LOW) + series)
        width = abs(a)
        t = min(width, b) / max(width, b)
        v = t * t
        high = _A6 + v * (_A7 + v * (_A8 + v * (_A9 + v * (_A10 + v * (_A11 + v * _A12)))))
        angle = t * (_A0 + v * (_A1 + v * (_A2 + v * (_A3 + v * (_A4 + v * (_A5 + v * high))))))
        angle = angle if width > b else 0.5 * pi - angle
        im[j] = pi - angle if a < 0 else angle


@njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def subtract_logs(z_re, z_im, count, d, alpha, re, im, gap, logs):
    """Take sum_k alpha_k log(z_j - d_k) from two rows, for the first `count` nodes z_j.

    Args:
        z_re: Real parts of the nodes.
        z_im: Their imaginary parts, not negative.
        count: How many.
        d: (K,).
        alpha: (K,).
        re: Row of real parts.
        im: Row of imaginary parts.
        gap: Room for a row.
        logs: Where the logarithms are put, in rows 2 k and 2 k + 1 their real and imaginary parts.
    """
    for k in range(len(d)):
        a, at = alpha[k], d[k]
        for j in range(count):
            gap[j] = z_re[j] - at
        log_re, log_im = logs[2 * k], logs[2 * k + 1]
        log_polar(gap, z_im, count, log_re, log_im)
        for j in range(count):
            re[j] -= a * log_re[j]
            im[j] -= a * log_im[j]


@njit(cache=True, nogil=True, fastmath=_PLAIN, error_model="numpy")
def exp_polar(re, im, count):
    """Put exp(re + i im - top) in place of the first `count` of a row; top is the largest re.

    |im| stays below about 1e5.
    """
    top = re[0]
    for j in range(1, count):
        top = max(top, re[j])
    for j in range(count):
        x = max(re[j] - top, _LEAST_EXPONENT)
        shifted = x * (1 / (_LN2 + _LN2_LOW)) + _ROUND
        n = shifted - _ROUND
        r = (x - n * _LN2) - n * _LN2_LOW
        power = np.uint64(
            (np.float64(shifted).view(np.uint64) + _BIAS) << _EXPONENT
        ).view(np.float64)  # fmt: skip
        half = 0.5 * r
        high = _E4 + half * (_E5 + half * (_E6 + half * (_E7 + half * _E8)))
        root = _E0 + half * (_E1 + half * (_E2 + half * (_E3 + half * high)))
        size = power * root * root
        y = im[j]
        shifted = y * (2 / pi) + _ROUND
        n = shifted - _ROUND
        r = (y - n * _HALF_PI) - n * _HALF_PI_LOW
        v = r * r
        sin = r * (_S0 + v * (_S1 + v * (_S2 + v * (_S3 + v * (_S4 + v * _S5)))))
        cos = _C0 + v * (_C1 + v * (_C2 + v * (_C3 + v * (_C4 + v * (_C5 + v * _C6)))))
        quadrant = np.float64(shifted).view(np.uint64) & np.uint64(3)
        odd = quadrant & np.uint64(1)
        of_sine, of_cosine = (cos, sin) if odd else (sin, cos)
        im[j] = size * (-of_sine if quadrant >= np.uint64(2) else of_sine)
        re[j] = size * (-of_cosine if (quadrant + np.uint64(1)) & np.uint64(2) else of_cosine)
    return top


@njit(cache=True, nogil=True, error_model="numpy")
def digamma(x):
    """Digamma function for x > 0, to 1e-12 (Abramowitz & Stegun 6.3.5 and 6.3.18).

    >>> round(digamma(1.0), 6)
    -0.577216
    """
    shift = 0.0
    while x < 8.0:
        shift -= 1 / x
        x += 1.0
    v = 1 / (x * x)
    series = v * (1 / 12 - v * (1 / 120 - v * (1 / 252 - v * (1 / 240 - v * (1 / 132)))))
    return shift + log(x) - 0.5 / x - series
