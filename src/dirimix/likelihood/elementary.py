"""Logarithms and exponentials of whole rows, in plain arithmetic that LLVM vectorises.

The mathematical library's own functions are called one number at a time: 17 ns for a complex
logarithm, 16 ns for an exponential on one core. These are polynomials and operations on bits, 2 and
2.5 ns, good to all digits in double precision and to 1e-6 in single precision, in half
the time or less. The precision is that of the rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import log, pi
from typing import Any

import numpy as np
from numba import from_dtype, types  # pyright: ignore[reportPrivateImportUsage]
from numba.extending import overload

from dirimix.compiled.inlining import PLAIN, SUMS, inlined

_IN_PLAIN: Any = inlined.keywords | {"fastmath": PLAIN}
_HALF_LOG_TWO_PI = 0.5 * log(2 * pi)


@dataclass(frozen=True)
class _Precision:
    """Kinds of a number and of its bits, and degrees of the polynomials."""

    real: Any
    bits: Any
    arctan: int
    log: int
    sine: int
    cosine: int
    exp: int
    least_exponent: float

    def digits(self) -> int:
        """Binary digits of the fraction."""
        return int(np.finfo(self.real).nmant)

    def as_bits(self, value: float) -> int:
        """The bits of a number."""
        return int(np.array(value, self.real).view(self.bits))

    def in_two(self, value: float) -> tuple[Any, Any]:
        """A number as a sum: the first part times a small integer is exact."""
        low = (1 << self.digits() // 2) - 1
        high = np.array(self.as_bits(value) & ~low, self.bits).view(self.real)
        return self.real(high), self.real(value - float(high))

    def series(self, function: Callable, top: float, degree: int) -> tuple[Any, ...]:
        """Near-minimax coefficients in x^2 of a function on x^2 <= top, lowest power first."""
        series = np.polynomial.Chebyshev.interpolate(
            lambda v: function(np.sqrt(np.maximum(v, 1e-30))), degree, domain=[0, top]
        )
        # in fractions: in doubles the conversion would lose the last seven digits
        x = (Fraction(-1), 2 / Fraction(top))
        before, this = [Fraction(1)], list(x)
        total = [Fraction(0)] * (degree + 1)
        for coefficient in series.coef:
            for n, part in enumerate(before):
                total[n] += Fraction(coefficient) * part
            after = [2 * x[0] * a for a in this] + [Fraction(0)]
            for n, part in enumerate(this):
                after[n + 1] += 2 * x[1] * part
            for n, part in enumerate(before):
                after[n] -= part
            before, this = this, after
        return tuple(self.real(float(c)) for c in total)


_DOUBLE = _Precision(np.float64, np.uint64, 21, 9, 7, 8, 11, -700.0)
_SINGLE = _Precision(np.float32, np.uint32, 6, 2, 3, 4, 5, -80.0)


def _polynomial(series: Sequence[Any]) -> Callable:
    """The function sum of series[n] v^n by Horner's rule, two steps of it a function.

    A loop over the coefficients would be a choice among constants at every step, which LLVM 22 does
    not turn into vectors.
    """
    first, second, *rest = series
    if len(rest) > 1:
        inner = _polynomial(rest)

        @inlined(fastmath=PLAIN)
        def longer(v):
            return first + v * (second + v * inner(v))

        return longer
    last = rest[0] if rest else type(first)(0)

    @inlined(fastmath=PLAIN)
    def parabola(v):
        return first + v * (second + v * last)

    @inlined(fastmath=PLAIN)
    def line(v):
        return first + v * second

    return parabola if rest else line


@cache
def _log_in(kind: _Precision) -> Callable:
    real, bits = kind.real, kind.bits
    exponent = bits(kind.digits())
    # bits of the square root of 1/2, the smallest mantissa
    half = bits(kind.as_bits(0.5**0.5))
    offset = bits(kind.as_bits(1.0) - int(half))
    fraction = bits((1 << kind.digits()) - 1)
    # an integer or'ed to the bits of 2^digits is their sum
    integer = bits(kind.as_bits(2.0 ** kind.digits()))
    integer_value = real(2.0 ** kind.digits() + 1 - np.finfo(real).minexp)
    of_square = _polynomial(
        kind.series(lambda x: 2 * np.arctanh(x) / x, (np.sqrt(2) - 1) ** 4 * 1.001, kind.log)
    )
    one, ln2 = real(1), real(log(2))

    @inlined(fastmath=PLAIN)
    def log_of(x):
        shifted = bits(real(x).view(bits) + offset)
        power = bits((shifted >> exponent) | integer).view(real) - integer_value
        mantissa = bits((shifted & fraction) + half).view(real)
        s = (mantissa - one) / (mantissa + one)
        return power * ln2 + s * of_square(s * s)

    return log_of


def _log_polar_in(kind: _Precision) -> Callable:
    real, log_of = kind.real, _log_in(kind)
    arctan = _polynomial(kind.series(lambda x: np.arctan(x) / x, 1.0, kind.arctan))
    none, one_half = real(0), real(0.5)
    quarter_turn, half_turn = real(pi / 2), real(pi)

    def log_polar(re, im, count):
        for j in range(count):
            a, b = re[j], im[j]
            re[j] = one_half * log_of(a * a + b * b)
            width, height = abs(a), abs(b)
            t = min(width, height) / max(width, height)
            angle = t * arctan(t * t)
            angle = angle if width > height else quarter_turn - angle
            angle = half_turn - angle if a < none else angle
            im[j] = -angle if b < none else angle

    return log_polar


def _exp_polar_in(kind: _Precision) -> Callable:
    real, bits = kind.real, kind.bits
    exponent, bias = bits(kind.digits()), bits(1 - np.finfo(real).minexp)
    rounding = real(1.5 * 2.0 ** kind.digits())  # added and taken away again it rounds
    (ln2, ln2_low), (turn, turn_low) = kind.in_two(log(2)), kind.in_two(pi / 2)
    by_ln2, by_turn = real(1 / log(2)), real(2 / pi)
    exp = _polynomial([real(1 / np.prod(np.arange(1.0, n + 1))) for n in range(kind.exp + 1)])
    sine = _polynomial(kind.series(lambda x: np.sin(x) / x, (np.pi / 4) ** 2, kind.sine))
    cosine = _polynomial(kind.series(np.cos, (np.pi / 4) ** 2, kind.cosine))
    one_half, least = real(0.5), real(kind.least_exponent)
    one, two, three = bits(1), bits(2), bits(3)

    def exp_polar(re, im, count):
        top = re[0]
        for j in range(1, count):
            top = max(top, re[j])
        for j in range(count):
            x = max(re[j] - top, least)
            shifted = x * by_ln2 + rounding
            n = shifted - rounding
            half = one_half * ((x - n * ln2) - n * ln2_low)
            power = bits(bits(real(shifted).view(bits) + bias) << exponent).view(real)
            root = exp(half)
            size = power * root * root
            y = im[j]
            shifted = y * by_turn + rounding
            n = shifted - rounding
            r = (y - n * turn) - n * turn_low
            v = r * r
            sin, cos = r * sine(v), cosine(v)
            quadrant = bits(real(shifted).view(bits) & three)
            odd = bits(quadrant & one)
            of_sine, of_cosine = (cos, sin) if odd else (sin, cos)
            im[j] = size * (-of_sine if quadrant >= two else of_sine)
            re[j] = size * (-of_cosine if bits(quadrant + one) & two else of_cosine)
        return top

    return exp_polar


_log_double = _log_in(_DOUBLE)


_LOG_POLAR = {types.float64: _log_polar_in(_DOUBLE), types.float32: _log_polar_in(_SINGLE)}
_EXP_POLAR = {types.float64: _exp_polar_in(_DOUBLE), types.float32: _exp_polar_in(_SINGLE)}


def _log_polar(re, im, count):
    """The loop in the precision of the rows, chosen when it is compiled."""
    _LOG_POLAR[from_dtype(re.dtype)](re, im, count)


def _exp_polar(re, im, count) -> Any:
    """The loop in the precision of the rows, chosen when it is compiled."""
    return _EXP_POLAR[from_dtype(re.dtype)](re, im, count)


@overload(_log_polar, jit_options=_IN_PLAIN)
def _(re, im, count):  # noqa: ARG001
    return _LOG_POLAR[re.dtype]


@overload(_exp_polar, jit_options=_IN_PLAIN)
def _(re, im, count):  # noqa: ARG001
    return _EXP_POLAR[re.dtype]


@inlined()
def log_polar(re, im, count):
    """Put log(re + i im) in place of the first `count` of a row; not both parts are 0.

    >>> re, im = np.array([-3.0]), np.array([4.0])
    >>> log_polar(re, im, 1)
    >>> float(re[0].round(3)), float(im[0].round(3))
    (1.609, 2.214)
    """
    _log_polar(re, im, count)


@inlined(fastmath=PLAIN)
def log_row(x):
    """Put log(x) in place of the numbers of a row, of double precision, to 1e-14.

    They must be positive, normal and finite; nothing else is noticed.
    """
    for j in range(len(x)):
        x[j] = _log_double(x[j])


@inlined()
def exp_polar(re, im, count):
    """Put exp(re + i im - top) in place of the first `count` of a row; top is the largest re.

    |im| stays below about 1e5, in single precision 1e3.
    """
    return _exp_polar(re, im, count)


@inlined(fastmath=SUMS)
def subtract_logs(z_re, z_im, count, d, alpha, re, im, logs):
    """Take sum_k alpha_k log(z_j - d_k) from two rows, for the first `count` nodes z_j.

    Args:
        z_re: Real parts of the nodes.
        z_im: Their imaginary parts, positive.
        count: How many.
        d: (K,).
        alpha: (K,).
        re: Row of real parts.
        im: Row of imaginary parts.
        logs: Where the logarithms' real and imaginary parts are put, two rows, those of model k
            from k count on: one long row takes less time than many short ones.
    """
    real = re.dtype.type
    log_re, log_im = logs[0], logs[1]
    for k in range(len(d)):
        at, begin = real(d[k]), k * count
        for j in range(count):
            log_re[begin + j] = z_re[j] - at
            log_im[begin + j] = z_im[j]
    log_polar(log_re, log_im, len(d) * count)
    for k in range(len(d)):
        a, begin = real(alpha[k]), k * count
        for j in range(count):
            re[j] -= a * log_re[begin + j]
            im[j] -= a * log_im[begin + j]


@inlined()
def digamma_beyond(x, log_x):
    """Digamma function for x >= 8 with its logarithm, to 1e-12 (Abramowitz & Stegun 6.3.18)."""
    v = 1 / (x * x)
    series = v * (1 / 12 - v * (1 / 120 - v * (1 / 252 - v * (1 / 240 - v * (1 / 132)))))
    return log_x - 0.5 / x - series


@inlined()
def log_gamma_beyond(x, log_x):
    """Log gamma function for x >= 8 with its logarithm, to 1e-12 (Abramowitz & Stegun 6.1.41)."""
    v = 1 / (x * x)
    series = 1 / 12 - v * (1 / 360 - v * (1 / 1260 - v * (1 / 1680 - v * (1 / 1188))))
    return (x - 0.5) * log_x - x + _HALF_LOG_TWO_PI + series / x


@inlined()
def digamma(x):
    """Digamma function for x > 0, to 1e-12 (Abramowitz & Stegun 6.3.5).

    >>> round(digamma(1.0), 6)
    -0.577216
    """
    shift = 0.0
    while x < 8.0:
        shift -= 1 / x
        x += 1.0
    return shift + digamma_beyond(x, log(x))
