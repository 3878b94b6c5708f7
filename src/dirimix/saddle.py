"""The saddle point of the weight-integrated likelihood, for large total concentrations.

See `integrated` for the double integral; its relative error here falls as alpha_0^-2 where y is
well inside or outside the models' hull, and more slowly in gaps that are wide against the noise.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array

_NEWTON_STEPS = 8


def saddle_log_density(d: Array, alpha: Array, ratio: Array) -> Array:
    """Saddle point of the double integral with its second-order correction, log density.

    The exponent F(p, tau) = p - sum alpha_k log(p - tau d_k) + s^2 tau^2 / 2 (z = p / tau) is
    jointly convex on the real plane, so that damped Newton steps find its only minimum.
    """
    total = jnp.sum(alpha, axis=-1)
    share = alpha / total[:, None]
    fixed = jax.lax.stop_gradient
    pi, tau = _newton(fixed(share), fixed(total), d, fixed(ratio))
    # one more step carries the derivatives (the implicit function theorem)
    pi, tau = _newton_step(pi, tau, share, total, d, ratio, damped=False)
    u = pi[:, None] - (tau / total)[:, None] * d
    exponent = total * (pi - jnp.sum(share * jnp.log(u), axis=1)) + 0.5 * (ratio * tau) ** 2

    # moments of d under q_k = alpha_k / u_k^2, per alpha_0
    def moments(power: int, top: int) -> list[Array]:
        base = share / u**power
        return [jnp.sum(base * (-d) ** j, axis=1) for j in range(top + 1)]

    h0, h1, h2 = moments(2, 2)
    hpp, hpt, htt = h0 / total, h1 / total, h2 / total + ratio**2
    det = hpp * htt - hpt**2
    covariance = (htt / det, -hpt / det, hpp / det)
    third = [-2 * m / total**2 for m in moments(3, 3)]
    fourth = [6 * m / total**3 for m in moments(4, 4)]
    correction = _second_order(covariance, third, fourth)
    # Gamma(alpha_0) against Stirling: p was scaled by alpha_0
    log_gamma = jax.scipy.special.gammaln(total) - total * jnp.log(total)
    leading = log_gamma + exponent - jnp.log(2 * jnp.pi) - 0.5 * jnp.log(det)
    # its derivative is an order smaller than what the integrator of trajectories gets wrong
    return leading + jnp.log1p(jnp.clip(fixed(correction), -0.9, 10.0))


def _newton(share: Array, total: Array, d: Array, ratio: Array) -> tuple[Array, Array]:
    mean = jnp.sum(share * d, axis=1)
    variance = jnp.sum(share * (d - mean[:, None]) ** 2, axis=1) / (total + 1)
    tau = -mean / (ratio**2 + variance)
    furthest = jnp.max(tau[:, None] * d, axis=1) / total
    pi = jnp.maximum(1 + tau * mean / total, furthest + 0.1)
    step = lambda _, at: _newton_step(*at, share, total, d, ratio, damped=True)  # noqa: E731
    return jax.lax.fori_loop(0, _NEWTON_STEPS, step, (pi, tau))


def _newton_step(pi, tau, share, total, d, ratio, *, damped: bool) -> tuple[Array, Array]:
    u = pi[:, None] - (tau / total)[:, None] * d
    w = share / u
    g_pi = total * (1 - jnp.sum(w, axis=1))
    g_tau = jnp.sum(w * d, axis=1) + ratio**2 * tau
    q = w / u
    h_pp = total * jnp.sum(q, axis=1)
    h_pt = -jnp.sum(q * d, axis=1)
    h_tt = jnp.sum(q * d**2, axis=1) / total + ratio**2
    det = h_pp * h_tt - h_pt**2
    s_pi = -(h_tt * g_pi - h_pt * g_tau) / det
    s_tau = -(h_pp * g_tau - h_pt * g_pi) / det
    if damped:
        du = s_pi[:, None] - (s_tau / total)[:, None] * d
        room = jnp.min(jnp.where(du < 0, -0.9 * u / jnp.where(du < 0, du, 1.0), 1.0), axis=1)
        length = jnp.minimum(1.0, room)
        s_pi, s_tau = length * s_pi, length * s_tau
    return pi + s_pi, tau + s_tau


def _second_order(c: tuple, t: list, f: list) -> Array:
    """Second-order term of a two-dimensional Laplace integral along the imaginary directions.

    Args:
        c: Inverse Hessian (pp, pt, tt).
        t: Third derivatives ppp, ppt, ptt, ttt.
        f: Fourth derivatives pppp ... tttt.
    """
    cpp, cpt, ctt = c
    quartic = (
        f[0] * cpp**2 + 4 * f[1] * cpp * cpt + f[2] * (2 * cpp * ctt + 4 * cpt**2)
        + 4 * f[3] * cpt * ctt + f[4] * ctt**2
    ) / 8  # fmt: skip
    vp, vt = t[0] * cpp + 2 * t[1] * cpt + t[2] * ctt, t[1] * cpp + 2 * t[2] * cpt + t[3] * ctt
    chain = (vp**2 * cpp + 2 * vp * vt * cpt + vt**2 * ctt) / 8
    full = _cubic_square(c, t) / 12
    return quartic - chain - full


def _cubic_square(c: tuple, t: list) -> Array:
    """T_abc T_def C_ad C_be C_cf for a symmetric T in two dimensions."""
    cpp, cpt, ctt = c

    # raise one index at a time: S[j] has j of its three indices equal to t
    def raised(x: list, p: Array, q: Array) -> list:
        return [p * x[i] + q * x[i + 1] for i in range(len(x) - 1)]

    rows = {}
    for i, first in enumerate(((cpp, cpt), (cpt, ctt))):
        for j, second in enumerate(((cpp, cpt), (cpt, ctt))):
            for k, last in enumerate(((cpp, cpt), (cpt, ctt))):
                rows[i, j, k] = raised(raised(raised(t, *first), *second), *last)[0]
    return sum(t[sum(key)] * value for key, value in rows.items())
