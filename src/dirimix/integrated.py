r"""The likelihood with the site weights integrated out.

With d_k = f_k - y and alpha_0 = sum_k alpha_k, the density of one observation is

    p(y | alpha, s) = E_w Normal(w . d; 0, s^2),   w ~ Dirichlet(alpha).

The Markov-Krein identity E_w (z - w . d)^(-alpha_0) = prod_k (z - d_k)^(-alpha_k) (Cifarelli and
Regazzini 1990, doi 10.1214/aos/1176347509) and the Laplace transform of a power turn it into

    p = Gamma(alpha_0) (2 pi i)^-2 \int dz prod_k (z - d_k)^(-alpha_k)
                                   \int dtau tau^(1 - alpha_0) exp(tau z + s^2 tau^2 / 2),

where z comes from -infinity, passes round all d_k on their right and returns, and tau runs
upwards to the right of 0. On fixed nodes z_j and tau_m this is a bilinear form a^T E b: the
exponents of a and b are linear in alpha, and E_jm = exp(tau_m z_j) is a table. The trapezoid rule
converges geometrically in both variables. Above some alpha_0 (`Group.limit`) the oscillations
cancel more and more digits; there the saddle point of the same double integral, with its
second-order correction, takes over.

Distances are measured in units of a reference s, and the sign of d is chosen so that the contour
is short. The nodes are made for one noise level; `_DRIFT` is how far they may be asked to serve.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix.saddle import saddle_log_density
from dirimix.table import Table

_CANCEL = 12.0
_FLOOR = 1e-8  # added to a density: below, digits have cancelled
_WIDTH = 4.0  # of a class of sites outside the hull, in units of s_ref
_DRIFT = 0.25  # the nodes serve noise levels within this of their reference, in log


@dataclass(frozen=True)
class Rule:
    """Accuracy of the contour rule.

    Attributes:
        tilt: Real part of tau (units of 1/s), beyond the saddle point of a site outside the hull.
        height: Height of the z contour times the real part of tau.
        step: Step of the trapezoid rule along the z contour.
        tail: Twice the logarithm at which tails are cut.
    """

    tilt: float = 3.4
    height: float = 12.0
    step: float = 0.15
    tail: float = 100.0


FINE = Rule(step=0.1, tail=130.0)


class Group(NamedTuple):
    """Nodes that some sites share (arrays only: new tables need no new compilation).

    Attributes:
        index: The sites, (g,).
        log_tau: Log of the tau nodes, real and imaginary, (2, M).
        tau: The tau nodes, (2, M).
        weight: Trapezoid weights of the tau nodes, (M,).
        table: exp(tau z) for tau and its conjugate, as one real matrix, (2J, 2M).
        jacobian: dz over 2 pi i, (2, J).
        log_z: log(z - d_k), real then imaginary parts, (g, 2J, K).
        limit: Largest alpha_0 that the nodes serve.
    """

    index: Array
    log_tau: Array
    tau: Array
    weight: Array
    table: Array
    jacobian: Array
    log_z: Array
    limit: Array


class Tables(NamedTuple):
    """Everything about the data that the likelihood needs.

    Attributes:
        d: Oriented distances in units of `scale`, (n, K).
        scale: Reference noise, (n,).
        edge: Largest oriented distance at a site, (n,).
        groups: Nodes.
    """

    d: Array
    scale: Array
    edge: Array
    groups: tuple[Group, ...]


def make_tables(d: np.ndarray, known: np.ndarray, scale: np.ndarray, rule: Rule) -> Tables:
    """Tables for every site, sites with similar contours together.

    Args:
        d: Distances f - y, (n, K).
        known: Which model has a value where, (n, K).
        scale: Reference noise s_ref of every site, (n,), in the unit of d.
        rule: Accuracy.
    """
    d = np.where(known, d, np.nan) / scale[:, None]
    d = np.where((np.nanmax(d, axis=1) > -np.nanmin(d, axis=1))[:, None], -d, d)
    edge = np.nanmax(d, axis=1)
    d = np.where(known, d, edge[:, None])  # an unknown model has alpha = 0: any finite place
    groups = (_group(i, d[i], edge[i], rule) for i in _split(edge))
    return Tables(d, scale, edge, tuple(groups))


def _split(edge: np.ndarray) -> list[np.ndarray]:
    """Sites with similar contours: narrow classes beyond the hull, growing ones inside it."""
    inside = [3.0, 9.0, 27.0, np.inf]
    outside = -np.arange(1.5, max(-edge.min(), 0.0) + _WIDTH, _WIDTH)
    bounds = np.concatenate([outside[::-1], inside])
    classes = np.searchsorted(bounds, edge)
    return [np.flatnonzero(classes == c) for c in np.unique(classes)]


def _group(index: np.ndarray, d: np.ndarray, edge: np.ndarray, rule: Rule) -> Group:
    outside = max(-float(np.median(edge)), 0.0)  # y beyond the hull: tilt to the saddle point
    inside = max(float(edge.max()), 0.0)
    # exp(tilt * inside) is the factor by which digits cancel
    tilt = outside + min(rule.tilt, _CANCEL / max(inside, 1e-9))
    height = min(rule.height / tilt, rule.height / rule.tilt)
    reach = np.sqrt(outside**2 + rule.tail + height**2) - outside + inside
    xi = (np.arange(int(np.ceil((reach / height + 1.7) / rule.step))) + 0.5) * rule.step
    z = height * (1 - np.log(np.cosh(xi)) + 1j * np.tanh(xi))
    dz = height * (-np.tanh(xi) + 1j / np.cosh(xi) ** 2) * rule.step / (2j * np.pi)
    period = max(
        inside + height + tilt + np.sqrt(tilt**2 + rule.tail + height**2), rule.tail / 2 / tilt
    )
    spacing = 2 * np.pi / period
    t = np.arange(int(np.ceil((height + np.sqrt(rule.tail)) / spacing)) + 1) * spacing
    tau = tilt + 1j * t
    up, down = np.exp(np.outer(z, tau)), np.exp(np.outer(z, tau.conj()))
    real, imaginary = up + down, 1j * (up - down)
    table = np.block([[real.real, imaginary.real], [real.imag, imaginary.imag]])
    log_z = np.log(z[None, :, None] + (edge[:, None] - d)[:, None, :])
    return Group(
        index,
        _pair(np.log(tau)),
        _pair(tau),
        np.where(t == 0, 0.5, 1.0) * spacing / (2 * np.pi),
        table,
        _pair(dz),
        np.concatenate([log_z.real, log_z.imag], axis=1),
        np.asarray(1.5 * tilt * height),
    )


def _pair(a: np.ndarray) -> np.ndarray:
    return np.stack([a.real, a.imag])


def log_likelihood(
    tables: Tables, alpha: Float[Array, "n K"], s: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Log p(y_i | alpha_i, s_i) at every site; alpha is 0 where a model is not known."""
    total = jnp.sum(alpha, axis=-1)
    ratio = jnp.clip(s / tables.scale, np.exp(-_DRIFT), np.exp(_DRIFT))
    density, limit = jnp.zeros_like(total), jnp.zeros_like(total)
    for g in tables.groups:
        i = g.index
        small = alpha[i] * jnp.minimum(1, 1.2 * g.limit / total[i])[:, None]
        density = density.at[i].set(_contour(g, small, tables.edge[i], ratio[i]))
        limit = limit.at[i].set(g.limit)
    large = alpha * jnp.maximum(1, 0.8 * limit / total)[:, None]
    outside = jnp.maximum(-tables.edge, 0) / ratio
    floor = _FLOOR * jnp.exp(-0.5 * outside**2)
    below = total < limit
    contour = jnp.log(jnp.where(below, jnp.maximum(density, 0) + floor, 1.0))
    saddle = jnp.logaddexp(saddle_log_density(tables.d, large, ratio), jnp.log(floor))
    return jnp.where(below, contour, saddle) - jnp.log(tables.scale)


def _contour(g: Group, alpha: Array, edge: Array, ratio: Array) -> Array:
    """The density by the bilinear form, in units of 1 / s_ref."""
    total = jnp.sum(alpha, axis=-1)
    tau_re, tau_im = g.tau
    power, half, edge = (1 - total)[:, None], 0.5 * (ratio**2)[:, None], edge[:, None]
    real = power * g.log_tau[0] + half * (tau_re**2 - tau_im**2) + edge * tau_re
    reference = real[:, 0]
    size = g.weight * jnp.exp(real - reference[:, None])
    sin, cos = sincos(power * g.log_tau[1] + half * 2 * tau_re * tau_im + edge * tau_im)
    kernel = jnp.concatenate([size * cos, size * sin], axis=1) @ g.table.T
    log_b = -jnp.einsum("gjk,gk->gj", g.log_z, alpha)
    nodes = g.jacobian.shape[1]
    size = jnp.exp(log_b[:, :nodes])
    sin, cos = sincos(log_b[:, nodes:])
    b_re = cos * g.jacobian[0] - sin * g.jacobian[1]
    b_im = cos * g.jacobian[1] + sin * g.jacobian[0]
    value = 2 * jnp.sum(size * (b_re * kernel[:, :nodes] - b_im * kernel[:, nodes:]), axis=1)
    return value * jnp.exp(reference + jax.scipy.special.gammaln(total))


_HALF_PI = (float.fromhex("0x1.921fb54400000p+0"), float.fromhex("0x1.0b4611a626331p-34"))
# minimax polynomials of sine and cosine on (-pi/4, pi/4) (Cephes), highest power first
_SIN = (
    1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6,
    -1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1,
)  # fmt: skip
_COS = (
    -1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7,
    2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2,
)  # fmt: skip


@jax.custom_jvp
def sincos(x: Array) -> tuple[Array, Array]:
    """Sine and cosine for |x| < 1e6, in vector instructions: ten times jnp.sin on a processor.

    >>> [float(v.round(6)) for v in sincos(jnp.asarray(10.0))]
    [-0.544021, -0.839072]
    """
    n = jnp.round(x * (2 / jnp.pi))
    r = (x - n * _HALF_PI[0]) - n * _HALF_PI[1]
    z = r * r
    sin = r + r * z * jnp.polyval(jnp.asarray(_SIN), z)
    cos = 1 - 0.5 * z + z * z * jnp.polyval(jnp.asarray(_COS), z)
    quadrant = n - 4 * jnp.floor(n / 4)
    odd = (quadrant == 1) | (quadrant == 3)
    sign_cos = jnp.where((quadrant == 1) | (quadrant == 2), -1.0, 1.0)
    return (
        jnp.where(odd, cos, sin) * jnp.where(quadrant >= 2, -1.0, 1.0),
        jnp.where(odd, sin, cos) * sign_cos,
    )


@sincos.defjvp
def _sincos_jvp(primals: tuple, tangents: tuple) -> tuple:
    sin, cos = sincos(*primals)
    return (sin, cos), (cos * tangents[0], -sin * tangents[0])


def posterior_log_likelihood(
    table: Table, log_alpha: np.ndarray, sigma: np.ndarray, rule: Rule | None = None
) -> np.ndarray:
    """Log p(y_i | alpha_i, sigma) for every draw of a posterior, the site weights integrated out.

    Args:
        table: n training sites with y.
        log_alpha: Draws of log alpha at the sites, (s, n, K).
        sigma: Draws of sigma, (s,), in the unit of y.
        rule: Accuracy.

    Returns:
        (s, n), in log of one over the unit of y.
    """
    assert table.y is not None
    d = np.where(table.known, table.f - table.y[:, None], 0.0)
    middle = np.sqrt(np.median(sigma) ** 2 + table.y_err**2)
    with jax.enable_x64(True):
        tables = make_tables(d, table.known, middle, rule or Rule())

        def one(draw: tuple[Array, Array]) -> Array:
            alpha = jnp.where(table.known, jnp.exp(draw[0]), 0.0)
            return log_likelihood(tables, alpha, jnp.sqrt(draw[1] ** 2 + table.y_err**2))

        return np.asarray(jax.jit(lambda a, s: jax.lax.map(one, (a, s)))(log_alpha, sigma))
