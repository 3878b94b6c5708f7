r"""The density of one observation with its weights integrated out, by two other roads.

`between_two` integrates over the weight itself: real numbers, no complex analysis. It serves any
number of models that lie at two places, as their weights there add up to a Beta variable.

`log_density` serves any models by the double integral

    (2 pi i)^-2 Gamma(A) \int \int exp(p + t^2 / 2) prod_k (p - t d_k)^(-alpha_k) dp dt

(noise 1, distances d_k = f_k - y) with a quadrature for either variable and no expansion. The
integral over p is first taken by parts m times, until A + m is at least 30: prod u_k^(-alpha_k)
becomes itself times a polynomial in sum_k alpha_k u_k^(-j), all of whose coefficients are positive.
Along z = p / t = A / tau - tau the inner integral is that of a parabolic cylinder function,

    \int (1 + v)^(1 - A) exp(A v + tau^2 v^2 / 2) dv,

by a trapezoid rule in the direction of its steepest descent, and the outer one by a trapezoid rule
along a path through the integrand's least value on the real axis, in the logarithm of the distance
from it. Of several paths the one whose parts are smallest counts, as least cancels there; how far
the second differs says how good the oracle itself is.
"""

from math import comb, factorial
from typing import NamedTuple

import numpy as np
from scipy.special import betaln, gammaln, logsumexp

_RAISED = 30.0  # total concentration from where nothing is taken by parts
_STEP = 0.03  # of the outer rule in the logarithm
_SLANTS = 0.85, 0.4  # of the path, from the imaginary axis, after its first and its last bend
_CLOSE = 1e-8  # of two paths, in nat
_TURNED = 0.2  # tau, in units of sqrt(A), from where a path may not bend back
_NEGLIGIBLE = 46.0  # nats below the largest part
_INNER = np.linspace(-12, 12, 41)  # in units of the inner integrand's width
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_REACH = 80.0  # of logarithms and of the logit of a weight


class Path(NamedTuple):
    """A path of the outer integral.

    Attributes:
        side: 1 if it bends to the right, -1 to the left.
        close: Where it first bends, in units of the distance to the singularity on that side.
        far: Where it bends at last, in units of sqrt(A + tau^2), and first at the latest.
    """

    side: float
    close: float
    far: float


PATHS = [
    Path(side, close, far)
    for side in (1.0, -1.0)
    for close, far in ((0.7, 0.5), (4.0, 0.6), (np.inf, 0.7))
]


def log_density(d: np.ndarray, alpha: np.ndarray) -> tuple[float, float, Path, float]:
    """Log density for K models and noise 1, how far it may be off, and the path and its step.

    What two paths give, or two steps on the better one, is compared.
    """
    sizes = [along(path, d, alpha, step=3 * _STEP)[1] for path in PATHS]
    best, second = (PATHS[i] for i in np.argsort(sizes)[:2])
    value = along(best, d, alpha)[0]
    gap = abs(value - along(second, d, alpha)[0])
    if gap < _CLOSE:
        return value, gap, best, _STEP
    finer = along(best, d, alpha, step=_STEP / 2)[0]
    gap = abs(finer - along(best, d, alpha, step=_STEP / 3)[0])
    return finer, gap, best, _STEP / 2


def along(
    path: Path, d: np.ndarray, alpha: np.ndarray, *, step: float = _STEP
) -> tuple[float, float]:
    """Log density, and the logarithm of the size of the parts, on a path."""
    raised, d = int(max(0.0, np.ceil(_RAISED - alpha.sum()))), path.side * d
    total = alpha.sum() + raised
    root = np.sqrt(d * d + 4 * total)
    near, far = 2 * total / (root + np.abs(d)), 0.5 * (root + np.abs(d))
    above, below = np.where(d >= 0, near, far), np.where(d >= 0, -far, -near)
    low, high = below.max(), above.min()

    def integrand(tau: np.ndarray) -> np.ndarray:
        """Logarithm of the outer integrand but for the inner integral."""
        logs = np.log(above[:, None] - tau) + np.log(tau - below[:, None])
        return (
            np.log(total + tau * tau) - 0.5 * tau * tau - alpha @ logs
            + _by_parts(alpha, np.exp(-logs), raised)
        )  # fmt: skip

    place = _least(integrand, low, high, total)
    if place < -_TURNED * np.sqrt(total):
        return -np.inf, np.inf
    # no longer than the integrand is wide
    scale = min(high - place, place - low) / np.sqrt(total)
    last = path.far * np.sqrt(total + place * place)
    first = min(last, path.close * (high - place))
    b = scale * np.sinh(step * np.arange(int(_REACH / step)))
    b = b[b < 40 + 8 * last]
    tau, slope = place - 1j * b, np.full(len(b), -1j)
    for slant, bend in zip(_SLANTS, (first, last), strict=True):
        r = np.hypot(b, bend)
        tau = tau + slant * b * b / (r + bend)
        slope = slope + slant * b / r
    slope *= np.hypot(b, scale) * step
    slope[0] *= 0.5
    logs = integrand(tau)
    kept = logs.real > logs.real.max() - _NEGLIGIBLE
    tau, slope, logs = tau[kept], slope[kept], logs[kept]
    logs += np.log(_inner(total, tau))
    top = logs.real.max()
    parts = np.exp(logs - top) * slope
    value, size = -parts.sum().imag, np.abs(parts).sum()
    constant = top + gammaln(alpha.sum()) + total - np.log(np.pi)
    return float(np.log(value) + constant if value > 0 else -np.inf), float(np.log(size) + constant)


def _least(integrand, low: float, high: float, total: float) -> float:
    """Where it is least between its two ends, by the logarithm of the distance from either."""
    middle, reach, tau = 0.0, 30.0, np.zeros(1)
    for _ in range(4):
        t = middle + np.linspace(-reach, reach, 401)
        part = (high - low) / (1 + np.exp(np.abs(t)))
        tau = np.where(t < 0, low + part, high - part)
        t, tau = t[(tau > low) & (tau < high)], tau[(tau > low) & (tau < high)]
        best = np.argmin(integrand(tau) - 0.5 * np.log(total + tau * tau))
        middle, reach = t[best], reach / 50
    return float(tau[best])


def _inner(total: float, tau: np.ndarray) -> np.ndarray:
    """(2 pi i)^-1 int (1 + v)^(1 - A) exp(A v + tau^2 v^2 / 2) dv, upwards through 0."""
    square = tau * tau
    turn = 1j / np.sqrt(total + square)
    v = turn[:, None] * _INNER
    exponent = (1 - total) * np.log1p(v) + total * v + 0.5 * square[:, None] * v * v
    return np.exp(exponent).sum(axis=1) * turn * (_INNER[1] - _INNER[0]) / (2j * np.pi)


def _by_parts(alpha: np.ndarray, inverse: np.ndarray, raised: int) -> np.ndarray:
    """Logarithm of (-d/dp)^m prod u^-alpha over the product itself, u = 1 / inverse."""
    # complete Bell polynomials of (j - 1)! sum alpha u^-j, in units of the largest 1 / u
    size = np.abs(inverse).max(axis=0)
    unit, power = inverse / size, np.ones_like(inverse)
    sums = np.empty((raised, len(size)), inverse.dtype)
    for j in range(raised):
        power = power * unit
        sums[j] = factorial(j) * (alpha @ power)
    bell = np.ones((raised + 1, len(size)), inverse.dtype)
    for m in range(raised):
        choose = np.array([comb(m, j) for j in range(m + 1)], dtype=float)
        bell[m + 1] = choose @ (bell[m::-1] * sums[: m + 1])
    return np.log(bell[-1]) + raised * np.log(size)


def between_two(d: np.ndarray, alpha: np.ndarray) -> float:
    """Log density for noise 1 of two models, by quadrature over the logit of the first weight."""
    (a, b), (first, second) = alpha, d
    inside = first * second < 0
    # the observation lies at this weight, or the mean of the weight's law
    centre = np.log(-second / first) if inside else np.log(a / b)
    share = 1 / (1 + np.exp(-centre))
    rise = (first - second) * share * (1 - share)
    widths = [1.0, 1 / np.sqrt(a + 1), 1 / np.sqrt(b + 1), min(1.0, 1 / abs(rise))]
    edges = [np.linspace(-_REACH, _REACH, 641) - centre]
    for width in widths:
        steps = np.geomspace(1e-3 * width, 2 * _REACH, int(40 * np.log10(2e5 / width)))
        other = np.log(a / b) - centre
        edges += [steps, -steps, other + steps, other - steps]
    edge = np.unique(np.clip(np.concatenate(edges), -_REACH - centre, _REACH - centre))
    half = 0.5 * np.diff(edge)
    t = (0.5 * (edge[1:] + edge[:-1]) + half * _NODES[:, None]).ravel()
    measure = (half * _WEIGHTS[:, None]).ravel()
    log_w, log_v = -np.logaddexp(0, -t - centre), -np.logaddexp(0, t + centre)
    if inside:
        # without the digits that cancel
        e = np.exp(-np.abs(t))
        low, high = np.where(t < 0, 1 - share, share), np.where(t < 0, share, 1 - share)
        mean = rise * np.sign(t) * -np.expm1(-np.abs(t)) / (low + high * e)
    else:
        mean = np.exp(log_w) * first + np.exp(log_v) * second
    parts = a * log_w + b * log_v - 0.5 * mean * mean + np.log(measure)
    ends = [-_REACH * c - np.log(c) - 0.5 * x * x for c, x in ((a, second), (b, first))]
    return float(logsumexp(np.append(parts, ends)) - betaln(a, b) - 0.5 * np.log(2 * np.pi))
