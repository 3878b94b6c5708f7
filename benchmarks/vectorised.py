"""The weight-integrated likelihood in JAX, for many chains and sites at a time on a GPU.

The same integrals as `dirimix.likelihood.density`, which loops over the sites on a CPU: the saddle
point, the line through it, and the contour. Here every route is a program over rows of elements,
one element a chain and site, and serves chunks of the elements that ask for it. The node loop of
the contour keeps running sums, rescaled as larger terms come: no array there has an axis of nodes.
Every model must be known at every site. The line has one path with one step, and the contour one
rank and no vertices: where models are very far apart, or the total concentration is below 5 and the
density below about 1e-8, or below 0.02 and between models, it is less exact than the package's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float
from numpy.polynomial.chebyshev import chebpts1, chebvander

from dirimix.likelihood.bent_line import _BEND, _LEAST, _SLANT
from dirimix.likelihood.bent_line import _series as _of_line
from dirimix.likelihood.contour_nodes import HEIGHT, MOST, PIECES, QUICK_TERMS, make_path
from dirimix.likelihood.routes import _FLOOR, _LINE_FROM, _OUTSIDE, SADDLE_FROM, Accuracy

CHUNK = 32768  # elements of a chunk
UNROLLED = 4  # nodes of the contour between two visits to memory
_NEWTON_STEPS = 30
_SEARCHES = 60  # of the line's crossing of the real axis
_DEGREE = 26  # of the series over the whole range of A
_LINE_CHUNK = 4096  # of the line, which has an axis of nodes
_LINE_LENGTH = 30.0  # from the first node to the last

Rows = Sequence[Array]  # K arrays, (b,) each


@dataclass(frozen=True, eq=False)
class Likelihood:
    """log p(y_i | alpha_i, s_i) for n sites and c chains.

    Attributes:
        d: Distances f - y, (n, K), in the unit of y.
        accuracy: How closely it is evaluated.
        nodes: Of the contour, the same for all elements.
        terms: Of the series in the total concentration, at most 26.
    """

    d: np.ndarray
    accuracy: Accuracy
    nodes: int
    terms: int

    def __call__(self, alpha: Float[Array, "c n K"], s: Float[Array, "c n"]) -> Float[Array, "c n"]:
        """Log density of every observation; differentiable once."""
        return _log_density(alpha, s, self)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _log_density(alpha: Array, s: Array, likelihood: Likelihood) -> Array:
    return _with_slopes(alpha, s, likelihood)[0]


def _with_slopes(alpha: Array, s: Array, likelihood: Likelihood) -> tuple[Array, tuple]:
    d = likelihood.d / s[..., None]
    flat_d, flat = (jnp.moveaxis(v, -1, 0).reshape(v.shape[-1], -1) for v in (d, alpha))
    value, by_log_s, by_alpha = _routed(flat_d, flat, likelihood)
    by_alpha = jnp.moveaxis(by_alpha.reshape(-1, *s.shape), 0, -1)
    value = value.reshape(s.shape) - jnp.log(s)
    return value, (by_alpha, (by_log_s.reshape(s.shape) - 1) / s)


def _pull_back(_: Likelihood, slopes: tuple, weight: Array) -> tuple[Array, Array]:
    by_alpha, by_s = slopes
    return weight[..., None] * by_alpha, weight * by_s


_log_density.defvjp(_with_slopes, _pull_back)


def _routed(d: Array, alpha: Array, likelihood: Likelihood) -> tuple[Array, Array, Array]:
    """Log densities in units of 1 / s, (b,), their derivatives in log s and in alpha, (K, b).

    Args:
        d: Distances in units of s, (K, b).
        alpha: Concentrations, (K, b).
        likelihood: Accuracy, nodes and terms.
    """
    total, beyond = alpha.sum(axis=0), jnp.maximum(d.min(axis=0), -d.max(axis=0))
    inputs = jnp.concatenate([d, alpha])
    empty = jnp.zeros((len(d) + 2, d.shape[1]))
    saddle = jnp.concatenate([empty, jnp.full_like(empty[:1], jnp.inf)])
    saddle = _fill(total > SADDLE_FROM, CHUNK, _saddle, inputs, saddle)
    settled = saddle[-1] < likelihood.accuracy.doubt
    lined = ~settled & ((total > _LINE_FROM) | (beyond > _OUTSIDE))
    found = _fill(~settled & ~lined, CHUNK, partial(_inside, likelihood), inputs, empty)
    whole = jnp.maximum(found[0], 0.0) + _FLOOR * jnp.exp(-0.5 * jnp.maximum(beyond, 0.0) ** 2)
    slopes = found[1:] * jnp.where(found[0] > 0, 1 / whole, 0.0)
    found = jnp.where(settled, saddle[:-1], jnp.concatenate([jnp.log(whole)[None], slopes]))
    along = partial(_line, likelihood.accuracy.line)
    found = _fill(lined, _LINE_CHUNK, along, inputs, found)
    return found[0], found[1], found[2:]


def _fill(mask: Array, chunk: int, function: Callable, inputs: Array, into: Array) -> Array:
    """Put function(d, alpha) in the columns of `into` where the mask is true.

    Args:
        mask: (b,).
        chunk: Elements at a time.
        function: From rows of d and of alpha, (chunk,) each, to the rows of `into`.
        inputs: Rows of d, then of alpha, (2 K, b).
        into: (rows, b).
    """
    size, count = len(mask), len(inputs) // 2
    chunk = min(chunk, size)
    places = jnp.sort(jnp.where(mask, jnp.arange(size, dtype=jnp.int32), size))
    places = jnp.concatenate([places, jnp.full(chunk, size, dtype=jnp.int32)])

    def once(i: Array, into: Array) -> Array:
        here = jax.lax.dynamic_slice(places, [i * chunk], [chunk])
        rows = inputs.at[:, here].get(mode="clip")
        found = function(list(rows[:count]), list(rows[count:]))
        return into.at[:, here].set(jnp.stack(found), mode="drop")

    return jax.lax.fori_loop(0, (mask.sum() + chunk - 1) // chunk, once, into)


def _inside(likelihood: Likelihood, d: Rows, alpha: Rows) -> list[Array]:
    """The integral of `dirimix.likelihood.contour`: density, derivatives in log s and alpha."""
    path, nodes = make_path(likelihood.accuracy.step), likelihood.nodes
    total = reduce(jnp.add, alpha)
    height = HEIGHT * jnp.sqrt(total + 1)
    below = sum(a * g for a, g in zip(alpha, d, strict=True)) > 0
    d = [jnp.where(below, -g, g) for g in d]
    low = 1 / (MOST + 1)
    x = jnp.clip((2 / (total + 1) - (1 + low)) / (1 - low), -1.0, 1.0)
    basis = jnp.cos(jnp.arange(likelihood.terms)[:, None] * jnp.arccos(x))

    def blocks(part: np.ndarray) -> np.ndarray:
        return part[..., :nodes].reshape(*part.shape[:-1], -1, UNROLLED)

    line = np.moveaxis(blocks(np.stack([path.zeta, path.slope, path.offset])), 2, 0)
    series = np.moveaxis(blocks(_series(path.ratios, likelihood.terms)), (2, 3), (0, 1))

    def block(carry: tuple, constants: tuple) -> tuple[tuple, None]:
        top, sums, by_log = carry
        (zeta, slope, offset), series = constants
        ratios = jnp.einsum("mpr,pb->mrb", series, basis)
        exponents, logs = [], []
        for m in range(UNROLLED):
            e_re = total * slope[0, m] + offset[0, m]
            e_im = total * slope[1, m] + offset[1, m]
            z_im, of_models = height * zeta[1, m], []
            for a, g in zip(alpha, d, strict=True):
                gap = height * zeta[0, m] - g
                log_re, log_im = 0.5 * jnp.log(gap * gap + z_im * z_im), jnp.arctan2(z_im, gap)
                e_re, e_im = e_re - a * log_re, e_im - a * log_im
                of_models.append((log_re, log_im))
            exponents.append((e_re, e_im))
            logs.append(of_models)
        before = top
        for e_re, _ in exponents:
            top = jnp.maximum(top, e_re)
        shrunk = jnp.exp(before - top)
        sums, by_log = [v * shrunk for v in sums], [v * shrunk for v in by_log]
        for (e_re, e_im), of_models, r in zip(exponents, logs, ratios, strict=True):
            size = jnp.exp(e_re - top)
            re, im = size * jnp.cos(e_im), size * jnp.sin(e_im)
            sums = [v + re * r[2 * n + 1] + im * r[2 * n] for n, v in enumerate(sums)]
            re, im = re * r[0] - im * r[1], re * r[1] + im * r[0]
            by_log = [
                v + re * log_im + im * log_re
                for v, (log_re, log_im) in zip(by_log, of_models, strict=True)
            ]
        return (top, sums, by_log), None

    nothing = jnp.zeros_like(total)
    carry = (nothing - jnp.inf, [nothing] * 3, [nothing] * len(d))
    (top, sums, by_log), _ = jax.lax.scan(block, carry, (line, series))
    value, by_scale, by_total = sums
    scale = top + gammaln(total + 1) + 0.5 * (1 - total) * jnp.log(total + 1)
    unit = jnp.exp(scale) * height / (np.pi * total)
    end = path.zeta[:, nodes - 1]
    tail, tail_by_log_s, tail_by_alpha = _far_right(path.step, end, d, alpha, total, height)
    by_alpha = [
        unit * (by_total - value / total - v) + t
        for v, t in zip(by_log, tail_by_alpha, strict=True)
    ]
    by_log_s = (total - 1) * unit * value - unit * by_scale + tail_by_log_s
    return [unit * value + tail, by_log_s, *by_alpha]


def _series(ratios: np.ndarray, terms: int) -> np.ndarray:
    """Chebyshev coefficients over the whole range of A, (terms, 6, j), of `Path.ratios`.

    A product of matrices then gives the ratios of all elements.
    """
    x = chebpts1(_DEGREE)
    number, within = np.divmod(PIECES * (x + 1) / 2, 1.0)
    powers = (2 * within[:, None] - 1) ** np.arange(QUICK_TERMS)
    values = np.einsum("xt,xmrtj->xmrj", powers, ratios[number.astype(int)])
    coefficients = np.linalg.solve(chebvander(x, _DEGREE - 1), values.reshape(_DEGREE, -1))
    return coefficients[:terms].reshape(terms, 6, -1)


def _far_right(
    step: float, end: np.ndarray, d: Rows, alpha: Rows, total: Array, height: Array
) -> tuple[Array, Array, list[Array]]:
    """What the nodes right of the last, at `end`, would add, and its derivatives."""
    inverse = 1 / complex(*end)
    powers = [
        -step * np.exp(-n * step) / (1 - np.exp(-n * step)) * (inverse**n).imag / np.pi / height**n
        for n in (1, 2, 3)
    ]
    first = sum(a * g for a, g in zip(alpha, d, strict=True))
    squares = sum(a * g * g for a, g in zip(alpha, d, strict=True))
    second = 0.5 * (first * first + squares + (total - 2) * (total - 3))
    series = powers[0] + powers[1] * first + powers[2] * second
    by_alpha = [
        series
        + (total - 1)
        * (powers[1] * g + powers[2] * (first * g + 0.5 * g * g + (total - 2.5)))
        for g in d
    ]  # fmt: skip
    value = (total - 1) * series
    return value, value + (total - 1) * powers[2] * (total - 2) * (total - 3), by_alpha


def _slopes_of(function: Callable, d: Rows, alpha: Rows) -> list[Array]:
    """Value, derivatives in log s and in alpha, then what else function(d, alpha) returns."""

    def moved(log_s: Array, alpha: Rows) -> tuple[Array, list[Array]]:
        return function([g * jnp.exp(-log_s) for g in d], alpha)

    value, pull, more = jax.vjp(moved, jnp.zeros_like(d[0]), list(alpha), has_aux=True)
    by_log_s, by_alpha = pull(jnp.ones_like(value))
    return [value, by_log_s, *by_alpha, *more]


def _saddle(d: Rows, alpha: Rows) -> list[Array]:
    """The saddle point of `dirimix.likelihood.saddle`: log density, derivatives, doubt in it."""
    return _slopes_of(_laplace, d, alpha)


def _laplace(d: Rows, alpha: Rows) -> tuple[Array, list[Array]]:
    total = reduce(jnp.add, alpha)
    p, tau = _newton(*jax.lax.stop_gradient((d, alpha)))
    # one more step, at the fixed Hessian: nothing moves, but it carries the saddle's derivatives
    s_p, s_t, _ = _newton_step(p, tau, d, alpha)
    p, tau = p + s_p, tau + s_t
    u = [p - tau * g for g in d]

    def moment(order: int, j: int) -> Array:
        parts = (a * v**-order * (-g) ** j for a, v, g in zip(alpha, u, d, strict=True))
        return reduce(jnp.add, parts)

    h = [moment(2, j) + (j == 2) for j in range(3)]
    t = [-2 * moment(3, j) for j in range(4)]
    f = [6 * moment(4, j) for j in range(5)]
    det = h[0] * h[2] - h[1] * h[1]
    c0, c1, c2 = h[2] / det, -h[1] / det, h[0] / det
    fourth = (
        c0 * c0 * f[0] / 8 + c0 * c1 * f[1] / 2 + (c0 * c2 + 2 * c1 * c1) * f[2] / 4
        + c1 * c2 * f[3] / 2 + c2 * c2 * f[4] / 8
    )  # fmt: skip
    v_p, v_t = (t[j] * c0 + 2 * t[j + 1] * c1 + t[j + 2] * c2 for j in (0, 1))
    of_trace = (v_p * v_p * c0 + 2 * v_p * v_t * c1 + v_t * v_t * c2) / 8
    # T with two of its indices raised, then contracted with T and the last pair
    inverse, pairs = ((c0, c1), (c1, c2)), [(a, b) for a in (0, 1) for b in (0, 1)]
    of_third = 0.0
    for m in (0, 1):
        for a, b in pairs:
            raised = sum(inverse[a][i] * inverse[b][j] * t[i + j + m] for i, j in pairs)
            of_third += raised * sum(inverse[m][n] * t[a + b + n] for n in (0, 1)) / 12
    term = fourth - of_trace - of_third
    parts = jnp.abs(fourth) + jnp.abs(of_trace) + jnp.abs(of_third)
    value = gammaln(total + 1) - jnp.log(total) + p + 0.5 * tau * tau
    value -= sum(a * jnp.log(v) for a, v in zip(alpha, u, strict=True))
    value += jnp.log1p(jnp.clip(term, -0.9, 10.0)) - jnp.log(2 * np.pi * jnp.sqrt(det))
    # Newton's steps may end where rounding leaves no minimum
    return value, [jnp.where(det > 0, parts - 19 / 12 / total, jnp.inf)]


def _newton_step(p: Array, tau: Array, d: Rows, alpha: Rows) -> tuple[Array, Array, Array]:
    """Newton's step to the minimum of F with its Hessian held fixed, and how far it falls."""
    f_p, f_t, h_pp, h_pt, h_tt = 1.0, tau, 0.0, 0.0, 1.0
    for a, g in zip(alpha, d, strict=True):
        inverse = 1 / (p - tau * g)
        f_p, f_t = f_p - a * inverse, f_t + a * inverse * g
        q, fixed = jax.lax.stop_gradient((a * inverse * inverse, g))
        h_pp, h_pt, h_tt = h_pp + q, h_pt - q * fixed, h_tt + q * fixed * fixed
    det = h_pp * h_tt - h_pt * h_pt
    s_p, s_t = (h_pt * f_t - h_tt * f_p) / det, (h_pt * f_p - h_pp * f_t) / det
    return s_p, s_t, reduce(jnp.maximum, [(s_t * g - s_p) / (p - tau * g) for g in d])


def _newton(d: Rows, alpha: Rows) -> tuple[Array, Array]:
    """The minimum (p, tau) of F by damped steps that stay where every p - tau d is positive."""
    total = reduce(jnp.add, alpha)
    mean = sum(a * g for a, g in zip(alpha, d, strict=True)) / total
    square = sum(a * g * g for a, g in zip(alpha, d, strict=True)) / total
    tau = -mean / (1 + jnp.maximum((square - mean * mean) / (total + 1), 0.0))
    furthest = reduce(jnp.maximum, [tau * g for g in d], 0.0)
    p = jnp.maximum(total + tau * mean, furthest + 0.1 * total)

    def step(_: Array, at: tuple[Array, Array]) -> tuple[Array, Array]:
        p, tau = at
        s_p, s_t, fall = _newton_step(p, tau, d, alpha)
        length = 1 / jnp.maximum(1.0, fall / 0.9)
        return p + length * s_p, tau + length * s_t

    return jax.lax.fori_loop(0, _NEWTON_STEPS, step, (p, tau), unroll=5)


def _slant(total: Array) -> Array:
    """`dirimix.likelihood.bent_line.slant` of a row."""
    a = 1 / jnp.maximum(total, _LEAST)
    return _SLANT[0] + a * (_SLANT[1] + a * a * _SLANT[2])


def _line(step: float, d: Rows, alpha: Rows) -> list[Array]:
    """The integral of `dirimix.likelihood.bent_line`: log density and its derivatives."""
    return _slopes_of(partial(_along, step), d, alpha)


def _along(step: float, d: Rows, alpha: Rows) -> tuple[Array, list[Array]]:
    total = reduce(jnp.add, alpha)
    # whatever the path, the integral is the same: this one does not move with the arguments
    sigma, weight, nearest = jax.lax.stop_gradient(_path(step, d, alpha))
    tau = sigma - nearest
    q = tau * tau / total
    exponent = nearest * sigma - sigma * sigma / 2 + jnp.log(1 + q) / 2
    exponent += _of_line.py_func(1 / (1 + q), 1 / total)[0]
    for a, g in zip(alpha, d, strict=True):
        exponent -= a * jnp.log(1 - tau * (sigma + (g - nearest)) / total)
    top = jax.lax.stop_gradient(exponent[0].real)
    value = jnp.log(jnp.sum(jnp.exp(exponent - top) * weight, axis=0).real) + top
    value += gammaln(total) + total - (total - 0.5) * jnp.log(total) - nearest**2 / 2
    return value - np.log(2 * np.pi) / 2 - np.log(np.pi), []


def _path(step: float, d: Rows, alpha: Rows) -> tuple[Array, Array, Array]:
    """Nodes along the line, (j, b), their weights, and the distance of the nearest model, (b,)."""
    total = reduce(jnp.add, alpha)
    nearest = jnp.maximum(reduce(jnp.minimum, d), 0) + jnp.minimum(reduce(jnp.maximum, d), 0)
    place, scale, bend, sign = _crossing(d, alpha, total, nearest)
    t = step * np.arange(int(_LINE_LENGTH / step))[:, None]
    far = scale * np.sinh(t)
    b = jnp.arcsinh(far)
    rise = step * scale * np.cosh(t) / jnp.sqrt(1 + far * far) * np.where(t > 0, 1.0, 0.5)
    slant, r = _slant(total), jnp.sqrt(b * b + bend * bend)
    sigma = place + sign * (slant * b * b / (r + bend) - 1j * b)
    return sigma, rise * (1 + 1j * slant * b / r), nearest


def _crossing(
    d: Rows, alpha: Rows, total: Array, nearest: Array
) -> tuple[Array, Array, Array, Array]:
    """Where the line crosses the real axis, its shortest scale, where it bends, and its side."""
    near = [2 * total / (jnp.sqrt(g * g + 4 * total) + jnp.abs(g)) for g in d]
    pairs = list(zip(d, near, strict=True))
    low = reduce(jnp.maximum, [jnp.where(g >= 0, nearest - g - v, nearest - v) for g, v in pairs])
    high = reduce(jnp.minimum, [jnp.where(g < 0, nearest - g + v, nearest + v) for g, v in pairs])

    def slopes(at: Array) -> tuple[Array, Array, Array]:
        tau = at - nearest
        r = total + tau * tau
        first, second = tau / r - tau, 1 / r - 2 * (tau / r) ** 2 - 1
        third = (8 * tau**3 / r - 6 * tau) / r**2
        for a, g in zip(alpha, d, strict=True):
            u = 1 / (total - tau * (at + g - nearest))
            rise = (tau + at + g - nearest) * u
            first, second = first + a * rise, second + a * (2 * u + rise * rise)
            third += a * rise * (6 * u + 2 * rise * rise)
        return first, second, third

    def step(_: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        at, left, right = state
        first, second, _ = slopes(at)
        left, right = jnp.where(first > 0, left, at), jnp.where(first > 0, at, right)
        moved = at - first / second
        inside = (moved > left) & (moved < right) & (second > 0)
        return jnp.where(inside, moved, (left + right) / 2), left, right

    at, _, _ = jax.lax.fori_loop(0, _SEARCHES, step, (jnp.zeros_like(total), low, high))
    _, second, third = slopes(at)
    scale = jnp.minimum(jnp.minimum(high - at, at - low), 1 / jnp.sqrt(second))
    slant = _slant(total)
    bend = jnp.minimum(
        _BEND * jnp.sqrt(total + (at - nearest) ** 2), 3 * slant * jnp.abs(second / third)
    )
    return at, scale, bend, jnp.where(third >= 0, 1.0, -1.0)
