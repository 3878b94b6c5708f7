"""The saddle point of the weight-integrated likelihood, for large total concentrations.

With noise 1, p = Gamma(A) (2 pi i)^-2 int dtau int dp exp F, where u_k = p - tau d_k and
F = p - sum alpha_k log u_k + tau^2 / 2. F is jointly convex on the real plane, so that damped
Newton steps find its only minimum; the Laplace integral around it has a relative error that falls
as A^-2 with the second-order correction, more slowly in gaps between models that are wide against
the noise.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma
from jaxtyping import Array, Float

from dirimix.dirichlet import log_gamma_1p

_NEWTON_STEPS = 12


@jax.custom_jvp
def saddle_log_density(
    d: Float[Array, "n K"], alpha: Float[Array, "n K"], s: Float[Array, " n"]
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Log density in units of 1 / s with the second-order correction, and that correction, (n,).

    The correction tells how far to trust the first; it is not differentiated.

    Args:
        d: Distances f - y; not differentiated.
        alpha: Concentrations; 0 where a model takes no part.
        s: Noise, in the unit of d.
    """
    scaled = d / s[:, None]
    at = _around(*saddle_point(scaled, alpha), scaled, alpha)
    correction = _correction(at)
    return _leading(at, alpha) + correction, correction


@saddle_log_density.defjvp
def _saddle_jvp(primals: tuple, tangents: tuple) -> tuple:
    d, alpha, s = primals
    scaled = d / s[:, None]
    p, tau = saddle_point(scaled, alpha)
    at = _around(p, tau, scaled, alpha)
    correction, pull_back = jax.vjp(lambda *x: _correction(_around(*x)), p, tau, scaled, alpha)
    by_alpha, by_log_s = _derivatives(at, scaled, alpha, pull_back(jnp.ones_like(p)))
    change = jnp.sum(by_alpha * tangents[1], axis=1) + by_log_s * tangents[2] / s
    value = _leading(at, alpha) + correction
    return (value, correction), (change, jnp.zeros_like(correction))


class _Saddle(NamedTuple):
    """The saddle point and what surrounds it; indices run over (p, tau).

    Attributes:
        p: (n,).
        tau: (n,).
        u: p - tau d_k, (n, K).
        gradient: d_k-dependent factor of a derivative, (-1, d_k) / u_k, two of (n, K).
        inverse: Inverse Hessian pp, pt, tt, three of (n,).
        log_det: Log determinant of the Hessian, (n,).
        third: Third derivatives ppp, ppt, ptt, ttt.
        alpha: (n, K).
    """

    p: Array
    tau: Array
    u: Array
    gradient: tuple[Array, Array]
    inverse: tuple[Array, Array, Array]
    log_det: Array
    third: tuple[Array, ...]
    alpha: Array


def _around(p: Array, tau: Array, d: Array, alpha: Array) -> _Saddle:
    u = p[:, None] - tau[:, None] * d
    gradient = (-1 / u, d / u)
    q = alpha / (u * u)
    h_pp, h_pt = jnp.sum(q, axis=1), -jnp.sum(q * d, axis=1)
    h_tt = jnp.sum(q * d * d, axis=1) + 1
    det = h_pp * h_tt - h_pt**2
    inverse = (h_tt / det, -h_pt / det, h_pp / det)
    third = tuple(2 * jnp.sum(q * gradient[0] * (-d) ** j, axis=1) for j in range(4))
    return _Saddle(p, tau, u, gradient, inverse, jnp.log(det), third, alpha)


def _leading(at: _Saddle, alpha: Array) -> Array:
    total = jnp.sum(alpha, axis=1)
    # log Gamma(A) against the terms of its own size
    exponent = at.p - jnp.sum(alpha * jnp.log(at.u), axis=1) + 0.5 * at.tau**2
    log_gamma = log_gamma_1p(total) - jnp.log(total)
    return log_gamma + exponent - jnp.log(2 * jnp.pi) - 0.5 * at.log_det


def _correction(at: _Saddle) -> Array:
    return jnp.log1p(jnp.clip(_second_order(at), -0.9, 10.0))


def _derivatives(at: _Saddle, d: Array, alpha: Array, extra: tuple) -> tuple[Array, Array]:
    """Derivatives of the log density in alpha, (n, K), and in log s, (n,).

    With d in units of s the saddle moves by -C g as alpha_k grows, C the inverse Hessian and
    g = dF' / d alpha_k, and by tau (0, 1) - 2 tau C (0, 1) as log s grows; the Hessian changes by
    g g^T and by the third derivatives along the move.

    `extra` holds the derivatives of the correction in p, tau, d and alpha.
    """
    bend_p, bend_t = _contract(at.third, at.inverse)
    c_pp, c_pt, c_tt = (x[:, None] for x in at.inverse)
    g_p, g_t = at.gradient
    m_p, m_t = c_pp * g_p + c_pt * g_t, c_pt * g_p + c_tt * g_t
    # along a move of the saddle: half the change of the log determinant, and the correction
    pull_p, pull_t = extra[0] - 0.5 * bend_p, extra[1] - 0.5 * bend_t
    by_alpha = digamma(jnp.sum(alpha, axis=1))[:, None] - jnp.log(at.u) + extra[3]
    by_alpha -= 0.5 * (g_p * m_p + g_t * m_t) + pull_p[:, None] * m_p + pull_t[:, None] * m_t
    _, pt, tt = at.inverse
    by_log_s = 1 + at.tau**2 - tt + at.tau * (bend_p * pt + bend_t * tt)
    by_log_s += at.tau * (extra[1] * (1 - 2 * tt) - 2 * extra[0] * pt) - jnp.sum(
        extra[2] * d, axis=1
    )
    return by_alpha, by_log_s


def _contract(third: tuple, c: tuple) -> tuple[Array, Array]:
    """sum_ab C_ab T_abc for c = p and tau."""
    return (
        third[0] * c[0] + 2 * third[1] * c[1] + third[2] * c[2],
        third[1] * c[0] + 2 * third[2] * c[1] + third[3] * c[2],
    )


def saddle_point(d: Float[Array, "n K"], alpha: Float[Array, "n K"]) -> tuple[Array, Array]:
    """The minimum (p, tau) of F, (n,) each; d in units of s."""
    total = jnp.sum(alpha, axis=1)
    mean = jnp.sum(alpha * d, axis=1) / total
    variance = jnp.sum(alpha * (d - mean[:, None]) ** 2, axis=1) / (total * (total + 1))
    tau = -mean / (1 + variance)
    furthest = jnp.max(tau[:, None] * d, axis=1)
    p = jnp.maximum(total + tau * mean, furthest + 0.1 * total)
    step = partial(_newton_step, d=d, alpha=alpha)
    return jax.lax.fori_loop(0, _NEWTON_STEPS, step, (p, tau))


def _newton_step(_, at: tuple[Array, Array], *, d: Array, alpha: Array) -> tuple[Array, Array]:
    p, tau = at
    u = p[:, None] - tau[:, None] * d
    w = alpha / u
    q = w / u
    f_p, f_t = 1 - jnp.sum(w, axis=1), jnp.sum(w * d, axis=1) + tau
    h_pp, h_pt = jnp.sum(q, axis=1), -jnp.sum(q * d, axis=1)
    h_tt = jnp.sum(q * d * d, axis=1) + 1
    det = h_pp * h_tt - h_pt**2
    s_p, s_t = (h_pt * f_t - h_tt * f_p) / det, (h_pt * f_p - h_pp * f_t) / det
    # stay where every u is positive
    change = (s_p[:, None] - s_t[:, None] * d) / u
    length = 1 / jnp.maximum(1.0, jnp.max(-change, axis=1) / 0.9)
    return p + length * s_p, tau + length * s_t


def _second_order(at: _Saddle) -> Array:
    """Second-order term of the Laplace integral, along the imaginary directions."""
    c_pp, c_pt, c_tt = at.inverse
    t = at.third
    q4 = at.alpha * at.gradient[0] ** 4
    d = -at.gradient[1] / at.gradient[0]
    f = [6 * jnp.sum(q4 * (-d) ** j, axis=1) for j in range(5)]
    quartic = (
        f[0] * c_pp**2 + 4 * f[1] * c_pp * c_pt + f[2] * (2 * c_pp * c_tt + 4 * c_pt**2)
        + 4 * f[3] * c_pt * c_tt + f[4] * c_tt**2
    ) / 8  # fmt: skip
    v_p, v_t = _contract(t, at.inverse)
    chain = (v_p**2 * c_pp + 2 * v_p * v_t * c_pt + v_t**2 * c_tt) / 8
    return quartic - chain - _cubic_square(at.inverse, t) / 12


def _cubic_square(c: tuple, t: tuple) -> Array:
    """T_abc T_def C_ad C_be C_cf for a symmetric T in two dimensions."""
    rows = ((c[0], c[1]), (c[1], c[2]))

    # raise one index at a time: entry i has i of its indices equal to tau
    def raised(x: list, row: tuple[Array, Array]) -> list:
        return [row[0] * a + row[1] * b for a, b in zip(x[:-1], x[1:], strict=True)]

    total = jnp.zeros_like(c[0])
    for i in range(2):
        for j in range(2):
            for k in range(2):
                risen = raised(raised(raised(list(t), rows[i]), rows[j]), rows[k])
                total = total + t[i + j + k] * risen[0]
    return total
