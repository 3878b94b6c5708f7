"""The weight-integrated likelihood in JAX, for many chains and sites at a time on a GPU.

The same integrals as `dirimix.likelihood.density`, which loops over the sites on a CPU: the contour
integral inside the models' hull, the path outside it, and the saddle point. Here every route is
a program over rows of elements, one element a chain and site, and serves chunks of the elements
that ask for it. The node loop of the contour keeps running sums, rescaled as larger terms come,
so that no array has an axis of nodes. Every model must be known at every site.
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

from dirimix.likelihood.contour_nodes import PIECES, TERMS, make_paths
from dirimix.likelihood.density import (
    _FAINTEST,
    _FAR_OUTSIDE,
    _FLOOR,
    _SADDLE_ALWAYS,
    _SADDLE_FROM,
    _WIDE,
    Accuracy,
)
from dirimix.likelihood.outside_hull import Rule

CHUNK = 32768  # elements of a chunk
UNROLLED = 4  # nodes of the contour between two visits to memory
_NEWTON_STEPS = 30
_HALVINGS = 24
_DEGREE = 26  # of the series over the whole range of A
_SMALLEST_CHUNK = 2048  # of the path outside the hull, which few elements take

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
    accuracy = likelihood.accuracy
    total, reach = alpha.sum(axis=0), jnp.abs(d).max(axis=0)
    beyond = jnp.maximum(d.min(axis=0), -d.max(axis=0))
    inputs = jnp.concatenate([d, alpha])
    empty = jnp.zeros((len(d) + 2, d.shape[1]))
    large, near = total > _SADDLE_FROM, beyond < _FAR_OUTSIDE

    saddle = _fill(large, CHUNK, _saddle, inputs, jnp.zeros((len(d) + 3, d.shape[1])))
    saddle, doubt = saddle[:-1], saddle[-1]
    wide = (total > _WIDE[0]) & (total**2 * reach > _WIDE[1])
    settled = large & (wide | (total >= _SADDLE_ALWAYS) | (doubt < accuracy.doubt))
    low, high = (partial(_inside, likelihood, shape) for shape in (0, 1))
    found = _fill(~large & near, CHUNK, low, inputs, empty)
    found = _fill(large & ~settled & near, CHUNK, high, inputs, found)
    apart = ~large & (beyond > 0) & (found[0] < _FAINTEST[0])
    along = partial(_outside, accuracy.outside)
    found = _fill(apart, _SMALLEST_CHUNK, along, inputs, found)

    settled |= large & (found[0] < _FAINTEST[1])
    density = found[0]
    whole = jnp.maximum(density, 0.0) + _FLOOR * jnp.exp(-0.5 * jnp.maximum(beyond, 0.0) ** 2)
    slopes = found[1:] * jnp.where(density > 0, 1 / whole, 0.0)
    value = jnp.where(settled, saddle[0], jnp.log(whole))
    slopes = jnp.where(settled, saddle[1:], slopes)
    return value, slopes[0], slopes[1:]


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


def _inside(likelihood: Likelihood, shape: int, d: Rows, alpha: Rows) -> list[Array]:
    """The integral of `dirimix.likelihood.contour`: density, derivatives in log s and alpha."""
    paths, nodes = make_paths(likelihood.accuracy.step), likelihood.nodes
    total = reduce(jnp.add, alpha)
    height = paths.height[shape] * jnp.sqrt(total + 1)
    below = sum(a * g for a, g in zip(alpha, d, strict=True)) > 0
    d = [jnp.where(below, -g, g) for g in d]
    low, high = 1 / (paths.most[shape] + 1), 1 / (paths.least[shape] + 1)
    x = jnp.clip((2 / (total + 1) - (high + low)) / (high - low), -1.0, 1.0)
    basis = jnp.cos(jnp.arange(likelihood.terms)[:, None] * jnp.arccos(x))

    def blocks(part: np.ndarray) -> np.ndarray:
        return part[..., :nodes].reshape(*part.shape[:-1], -1, UNROLLED)

    line = np.moveaxis(
        blocks(np.stack([paths.zeta[shape], paths.slope[shape], paths.offset[shape]])), 2, 0
    )
    series = np.moveaxis(blocks(_series(paths.ratios[shape], likelihood.terms)), (2, 3), (0, 1))

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
    end = paths.zeta[shape][:, nodes - 1]
    tail, tail_by_log_s, tail_by_alpha = _far_right(paths.step, end, d, alpha, total, height)
    by_alpha = [
        unit * (by_total - value / total - v) + t
        for v, t in zip(by_log, tail_by_alpha, strict=True)
    ]
    by_log_s = (total - 1) * unit * value - unit * by_scale + tail_by_log_s
    return [unit * value + tail, by_log_s, *by_alpha]


def _series(ratios: np.ndarray, terms: int) -> np.ndarray:
    """Chebyshev coefficients over the whole range of A, (terms, 6, j), of `Paths.ratios`.

    A product of matrices then gives the ratios of all elements.
    """
    x = chebpts1(_DEGREE)
    number, within = np.divmod(PIECES * (x + 1) / 2, 1.0)
    powers = (2 * within[:, None] - 1) ** np.arange(TERMS)
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


def _outside(rule: Rule, d: Rows, alpha: Rows) -> list[Array]:
    """The path of `dirimix.likelihood.outside_hull`: density and its derivatives."""
    below = d[0] > 0
    return _slopes_of(partial(_beyond, rule), [jnp.where(below, -g, g) for g in d], alpha)


def _beyond(rule: Rule, d: Rows, alpha: Rows) -> tuple[Array, list[Array]]:
    total = reduce(jnp.add, alpha)
    # whatever the paths, the integrals are the same: these do not move with the arguments
    z, dz, tau, along = jax.lax.stop_gradient(_descent(rule, d, alpha))
    exponent = (1 - total) * jnp.log(tau) + tau * (z + 0.5 * tau)
    exponent += jnp.log(along) + gammaln(total + 1) + np.log(rule.tau_step / (2 * np.pi))
    for a, g in zip(alpha, d, strict=True):
        exponent -= a * jnp.log(z - g)
    integral = jnp.sum(jnp.exp(exponent) * dz, axis=(0, 1))
    return integral.imag / (np.pi * total), []


def _descent(rule: Rule, d: Rows, alpha: Rows) -> tuple[Array, Array, Array, Array]:
    """Nodes along the path and their weights, (j, b), and along tau, (m, j, b), with its slope."""
    total, edge = reduce(jnp.add, alpha), reduce(jnp.maximum, d)
    radius = _radius(d, alpha, total, edge)
    t = rule.step * np.arange(rule.nodes)[:, None]
    z = edge + radius * (2 - np.cosh(t) + 0.5j * np.sinh(t))
    dz = rule.step * np.where(t > 0, 1.0, 0.5) * radius * (-np.sinh(t) + 0.5j * np.cosh(t))
    saddle = 0.5 * (jnp.sqrt(z * z + 4 * (total + 0.5)) - z)
    along = 1 / jnp.sqrt(1 + (total + 0.5) / saddle**2)
    steps = rule.tau_step * (np.arange(rule.tau_nodes)[:, None, None] - rule.tau_nodes // 2)
    return z, jnp.asarray(dz), saddle + 1j * along * steps, along


def _radius(d: Rows, alpha: Rows, total: Array, edge: Array) -> Array:
    """Distance of the saddle on the real axis from the nearest model."""
    before_y = jnp.maximum(-edge, 0.5)

    def pulled(z: Array) -> Array:
        tau = 0.5 * (jnp.sqrt(z * z + 4 * jnp.maximum(total - 1, 0.5)) - z)
        return sum(a / (z - g) for a, g in zip(alpha, d, strict=True)) > tau

    far = pulled(edge + before_y)
    most = jnp.where(far, before_y + 3 * jnp.sqrt(total), before_y)
    low, high = jnp.full_like(edge, -14.0), jnp.log(most)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        pull = pulled(edge + jnp.exp(middle))
        low, high = jnp.where(pull, middle, low), jnp.where(pull, high, middle)
    widest = jnp.where(far, jnp.inf, 4.0)
    return jnp.minimum(jnp.maximum(jnp.exp(low), 1 / jnp.maximum(-edge, 1.0)), widest)
