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

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from dirimix.compiled.inlining import inlined

Complex = NDArray[np.complexfloating]

# of the hyperbola: height of its waist in units of s sqrt(A + 1), slope of its asymptotes, well
# below that of the zeros of G, 1, and where t begins
HEIGHT, SLOPE, _LEFT = 1.0, 0.42, -3.6
MOST = 5.5  # largest A that is served: the digits that cancel grow with it


class Path(NamedTuple):
    """The nodes t_j = left + j step and what the integrand needs there.

    The axis before the last holds real and imaginary parts, where there is one.

    Attributes:
        step: Distance of the nodes in t.
        left: Where t begins.
        zeta: Positions in units of h, (2, j), from left to right.
        slope: Coefficient of A in the logarithm of the carrier, (2, j).
        offset: What of it does not depend on A, with the logarithm of the weight
            -step d zeta / dt of the rule, (2, j): the path runs from right to left.
        size: Coefficient of A in the logarithm of what a node can add at most, the models' part
            included and h apart, (j,).
        ratios: Coefficients, lowest power first, of A G, A z dG/dz and d(A G)/dA over the
            carrier on each piece, (PIECES, 3, 2, terms, j), z the argument of G, fixed in the
            last.
    """

    step: float
    left: float
    zeta: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    size: np.ndarray
    ratios: np.ndarray


_FARTHEST = 1e18  # where the longest path ends, in units of h
PIECES = 16  # of the range of A, in 1 / (A + 1)
TERMS, QUICK_TERMS = 13, 7  # of the polynomial on each, in the last rank and in those before
_DEGREE = 40  # of the Chebyshev series over the whole range that the pieces come from


@inlined()
def piece(total):
    """Which piece of the range of A serves, and where in it, in [-1, 1]."""
    low = 1 / (MOST + 1)
    x = PIECES * (1 / (total + 1) - low) / (1 - low)
    number = min(max(int(x), 0), PIECES - 1)
    return number, 2 * (x - number) - 1


@cache
def make_path(step: float, terms: int = QUICK_TERMS) -> Path:
    """Nodes for all distances that anybody will meet.

    Args:
        step: Of the trapezoid rule.
        terms: Of the polynomials.
    """
    t = _LEFT + step * np.arange(int(np.ceil((np.log(2 * SLOPE * _FARTHEST) - _LEFT) / step)) + 1)
    zeta = np.sinh(t) / SLOPE + 1j * np.cosh(t)
    weight = -step * (np.cosh(t) / SLOPE + 1j * np.sinh(t))
    slope, offset = _carrier(HEIGHT * zeta)
    x, low = chebpts1(_DEGREE), 1 / (MOST + 1)
    totals = 2 / (x * (1 - low) + 1 + low) - 1
    values = np.array([_over_carrier(a, HEIGHT * zeta, slope, offset) for a in totals])
    ratios = _in_pieces(x, values.reshape(_DEGREE, -1), terms)
    # terms beside nodes, real and imaginary parts before them
    ratios = np.moveaxis(_parts(ratios.reshape(PIECES, terms, *values.shape[1:])), 1, -2)
    # no model is closer to a node than the real axis
    size = slope.real - np.log(zeta.imag)
    zeta, slope, offset = (_parts(v) for v in (zeta, slope, np.log(weight) + offset))
    return Path(step, _LEFT, zeta, slope, offset, size, np.ascontiguousarray(ratios))


@cache
def single_path(step: float) -> Path:
    """That of `make_path` in single precision."""
    return Path(step, _LEFT, *(part.astype(np.float32) for part in make_path(step)[2:]))


def _parts(values: Complex) -> np.ndarray:
    """Real and imaginary parts along a new axis before the last."""
    return np.stack([values.real, values.imag], axis=-2)


def _in_pieces(x: np.ndarray, values: Complex, terms: int) -> Complex:
    """Polynomials, (PIECES, terms, m), that agree with a series through values at x, (x, m)."""
    at = chebpts1(terms)
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


def _power_mean(total: float, z: Complex, carrier: Complex, nodes: int = 101) -> Complex:
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
