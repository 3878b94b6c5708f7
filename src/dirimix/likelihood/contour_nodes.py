r"""Nodes of the contour integral that takes the site weights out of the likelihood.

With distances d_k = f_k - y, noise s and A = sum_k alpha_k, the density of one observation is

    E_w Normal(w . d; 0, s^2)
        = s^(A - 2) (2 pi i)^-1 \int prod_k (z - d_k)^(-alpha_k) G_A(z / s) dz,
    G_A(z) = Gamma(A) exp(-z^2 / 4) D_{1-A}(-z) / sqrt(2 pi),

by the Markov-Krein identity (Cifarelli and Regazzini 1990, doi 10.1214/aos/1176347509) and the
integral of the parabolic cylinder function D (DLMF 12.5.6). The path passes the d_k on their right
and goes to -infinity on both sides of the real axis. |G_A| grows like exp(Im(z)^2 / 2) near the
imaginary axis and like a power inside |arg z| < pi / 4, so the upper half of the path is a branch
of a hyperbola, z = h (sinh(t) / slope + i cosh(t)), narrow at 0 and open on both sides: the
trapezoid rule in t converges geometrically, and the number of nodes grows only with the logarithm
of the distances. On the far right the integrand is a sum of powers, summed in closed form.

The waist h = height sqrt(A + 1) scales with the only length that G_A has, so that at every node

    A G_A(h zeta) = exp(carrier, linear in A, log Gamma(A + 1) and log(A + 1)) * ratio(A)

with a ratio, smooth in 1 / (A + 1), that polynomials on pieces of its range give.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from dirimix.likelihood.inlining import inlined

Complex = NDArray[np.complexfloating]


@dataclass(frozen=True)
class Shape:
    """A hyperbola and the total concentrations that it serves.

    Attributes:
        height: Of the waist, in units of s sqrt(A + 1).
        slope: Of the asymptotes; well below 1, where the zeros of G lie.
        left: Where t begins; what is left of it is negligible.
        least: Smallest A served.
        most: Largest A served; the digits that cancel grow with it.
    """

    height: float
    slope: float
    left: float
    least: float
    most: float


# a small A asks for distance from the zeros of G, a large one for distance from the models
LOW = Shape(height=1.0, slope=0.42, left=-2.4, least=0.0, most=9.5)
HIGH = Shape(height=1.4, slope=0.8, left=-2.0, least=8.5, most=102.0)


class Paths(NamedTuple):
    """The nodes t_j = left + j step of both shapes and what the integrand needs there.

    The axis before the last holds real and imaginary parts, where there is one.

    Attributes:
        step: Distance of the nodes in t.
        height: Of each shape, (2,).
        left: Where t begins, (2,).
        asymptote: Slope of the asymptotes, (2,).
        least: Smallest A of the polynomials, (2,).
        most: Largest A of the polynomials, (2,).
        zeta: Positions in units of h, (2, 2, j), from left to right.
        slope: Coefficient of A in the logarithm of the carrier, (2, 2, j).
        offset: What of it does not depend on A, with the logarithm of the weight
            -step d zeta / dt of the rule, (2, 2, j): the path runs from right to left.
        size: Coefficient of A in the logarithm of what a node can add at most, the models' part
            included and h apart, (2, j).
        ratios: Coefficients, lowest power first, of A G, A z dG/dz and d(A G)/dA over the
            carrier on each piece, (2, PIECES, 3, 2, TERMS, j), z the argument of G, fixed in the
            last.
    """

    step: float
    height: np.ndarray
    left: np.ndarray
    asymptote: np.ndarray
    least: np.ndarray
    most: np.ndarray
    zeta: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    size: np.ndarray
    ratios: np.ndarray


SHAPES = (LOW, HIGH)
_FARTHEST = 1e8  # where the longest path ends, in units of h
PIECES, TERMS = 16, 7  # of the range of A, in 1 / (A + 1), and of the polynomial on each
_DEGREE = 26  # of the Chebyshev series over the whole range that the pieces come from


@inlined()
def piece(total, least, most):
    """Which piece of the range of A serves, and where in it, in [-1, 1]."""
    low, high = 1 / (most + 1), 1 / (least + 1)
    x = PIECES * (1 / (total + 1) - low) / (high - low)
    number = min(max(int(x), 0), PIECES - 1)
    return number, 2 * (x - number) - 1


@cache
def make_paths(step: float) -> Paths:
    """Nodes for all distances that anybody will meet.

    Args:
        step: Of the trapezoid rule.
    """
    span = max(np.log(2 * s.slope * _FARTHEST / s.height) - s.left for s in SHAPES)
    steps = step * np.arange(int(np.ceil(span / step)) + 1)
    parts = [_along(shape, shape.left + steps, step) for shape in SHAPES]
    zeta, slope, offset, ratios = (np.stack(column) for column in zip(*parts, strict=True))
    # no model is closer to a node than the real axis; zip drops the type of arrays
    size = slope.real - np.log(zeta.imag)  # pyright: ignore[reportAttributeAccessIssue]
    zeta, slope, offset = (_parts(values) for values in (zeta, slope, offset))
    numbers = np.array([(s.height, s.left, s.slope, s.least, s.most) for s in SHAPES])
    height, left, asymptote, least, most = np.ascontiguousarray(numbers.T)
    # terms beside nodes, real and imaginary parts before them
    ratios = np.ascontiguousarray(np.moveaxis(_parts(ratios), 2, -2))
    return Paths(step, height, left, asymptote, least, most, zeta, slope, offset, size, ratios)


@cache
def single_paths(step: float) -> Paths:
    """Those of `make_paths` in single precision."""
    return Paths(step, *(part.astype(np.float32) for part in make_paths(step)[1:]))


def _parts(values: Complex) -> np.ndarray:
    """Real and imaginary parts along a new axis before the last."""
    return np.stack([values.real, values.imag], axis=-2)


def _along(shape: Shape, t: np.ndarray, step: float) -> tuple[Complex, ...]:
    """What `Paths` holds, for one shape."""
    zeta = np.sinh(t) / shape.slope + 1j * np.cosh(t)
    weight = -step * (np.cosh(t) / shape.slope + 1j * np.sinh(t))
    slope, offset = _carrier(shape.height * zeta)
    x = chebpts1(_DEGREE)
    low, high = 1 / (shape.most + 1), 1 / (shape.least + 1)
    totals = 2 / (x * (high - low) + high + low) - 1
    values = np.array([_over_carrier(a, shape.height * zeta, slope, offset) for a in totals])
    ratios = _in_pieces(x, values.reshape(_DEGREE, -1)).reshape(PIECES, TERMS, *values.shape[1:])
    return zeta, slope, np.log(weight) + offset, ratios


def _in_pieces(x: np.ndarray, values: Complex) -> Complex:
    """Polynomials, (PIECES, TERMS, m), that agree with a series through values at x, (x, m)."""
    at = chebpts1(TERMS)
    places = (2 * np.arange(PIECES)[:, None] + 1 + at) / PIECES - 1
    series = np.linalg.solve(chebvander(x, len(x) - 1), values)
    onto = chebvander(places, len(x) - 1) @ series
    return np.linalg.solve(np.vander(at, increasing=True), onto)


def _carrier(z: Complex) -> tuple[Complex, Complex]:
    """G's own saddle point at sqrt(A + 1) z: slope and offset of its logarithm in A.

    What is the same at every node, log Gamma(A + 1) + (1 - A) log(A + 1) / 2, is left out.
    """
    root = np.sqrt(z**2 + 4)
    t = np.where(z.real > 0, 2 / (root + z), (root - z) / 2)
    exponent = z * t + t**2 / 2
    curvature = 0.5 * np.log(2 * np.pi * (1 + 1 / t**2))
    return exponent - np.log(t), exponent + np.log(t) - curvature


def _over_carrier(total: float, z: Complex, slope: Complex, offset: Complex) -> Complex:
    """A G, A z dG/dz and d(A G)/dA at sqrt(A + 1) z over the carrier, (3, j)."""
    scalar = gammaln(total + 1) + 0.5 * (1 - total) * np.log(total + 1)
    carrier = scalar + slope * total + offset
    z = np.sqrt(total + 1) * z
    right = z.real > 9
    result = np.empty((3, len(z)), dtype=complex)
    result[:, ~right] = _along_tau(total, z[~right], carrier[~right])
    result[:, right] = _power_mean(total, z[right], carrier[right])
    return result


def _along_tau(total: float, z: Complex, carrier: Complex, nodes: int = 401) -> Complex:
    """From G = Gamma(A) (2 pi i)^-1 int tau^(1 - A) exp(tau z + tau^2 / 2) dtau, Re tau fixed."""
    c = (np.sqrt(z.real**2 + 4 * max(total - 1, 0.3)) - z.real) / 2
    reach = np.arcsinh((np.abs(z.imag) + 14) / c)
    v = np.linspace(-1, 1, nodes)[:, None] * reach
    tau = c * (1 + 1j * np.sinh(v))
    step = c * np.cosh(v) * reach * (2 / (nodes - 1))
    exponent = (1 - total) * np.log(tau) + tau * z + tau**2 / 2 + gammaln(total + 1) - carrier
    part = np.exp(exponent) * step / (2 * np.pi)
    value = part.sum(axis=0)
    by_total = digamma(total + 1) * value - np.sum(part * np.log(tau), axis=0)
    return np.stack([value, z * np.sum(part * tau, axis=0), by_total])


def _power_mean(total: float, z: Complex, carrier: Complex, nodes: int = 401) -> Complex:
    """From G = (A - 1) E (z + xi)^(A - 2), xi ~ Normal(0, 1), right of every d up to exp(-40)."""
    excess = max(total - 2, 0.0)
    shift = (np.sqrt(1 + 4 * excess / z**2) - 1) / 2 * z
    width = 1 / np.sqrt(1 + excess / (z + shift) ** 2)
    x = np.linspace(-9, 9, nodes)[:, None]
    base = z + shift + x * width
    exponent = (total - 2) * np.log(base) - (shift + x * width) ** 2 / 2 - carrier
    part = np.exp(exponent) * width * ((x[1] - x[0]) / np.sqrt(2 * np.pi))
    mean = part.sum(axis=0)
    slope = z * (total - 2) * np.sum(part / base, axis=0)
    factor = total * (total - 1)
    by_total = (2 * total - 1) * mean + factor * np.sum(part * np.log(base), axis=0)
    return np.stack([factor * mean, factor * slope, by_total])
