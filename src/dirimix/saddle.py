"""The saddle point of the weight-integrated likelihood, for large total concentrations.

With noise 1, p = Gamma(A) (2 pi i)^-2 int dtau int dp exp F, where u_k = p - tau d_k and
F = p - sum alpha_k log u_k + tau^2 / 2. F is jointly convex on the real plane, so that damped
Newton steps find its only minimum; the Laplace integral around it has a relative error that falls
as A^-2 with the second-order correction, more slowly in gaps between models that are wide against
the noise.

Derivatives of F in (p, tau) depend on how often tau is among the variables alone: with e = -d,
order 2 has H_j = sum alpha u^-2 e^j (and 1 for tau tau), order 3 T_j = -2 sum alpha u^-3 e^j,
order 4 F_j = 6 sum alpha u^-4 e^j.
"""

from math import lgamma, log, log1p, pi, sqrt

import numpy as np
from numba import njit

from dirimix.vector_math import SUMS, digamma

_NEWTON_STEPS = 30
_CLOSE = 1e-18  # squared change of the rates, relative to them
_SINGLE = 19 / 12  # sum of the correction's parts for a single model, times A
_LEAST, _MOST = -0.9, 10.0  # the correction is cut there


@njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def saddle_point(d, alpha):
    """The minimum (p, tau) of F at one site.

    Args:
        d: Distances f - y in units of the noise, (K,).
        alpha: Concentrations, (K,), all positive.
    """
    total = mean = square = 0.0
    for k in range(len(d)):
        total += alpha[k]
        mean += alpha[k] * d[k]
        square += alpha[k] * d[k] * d[k]
    mean /= total
    variance = (square / total - mean * mean) / (total + 1)
    tau = -mean / (1 + max(variance, 0.0))
    furthest = 0.0
    for k in range(len(d)):
        furthest = max(furthest, tau * d[k])
    p = max(total + tau * mean, furthest + 0.1 * total)
    for _ in range(_NEWTON_STEPS):
        f_p, f_t, h_pp, h_pt, h_tt = 1.0, tau, 0.0, 0.0, 1.0
        for k in range(len(d)):
            inverse = 1 / (p - tau * d[k])
            w = alpha[k] * inverse
            q = w * inverse
            f_p -= w
            f_t += w * d[k]
            h_pp += q
            h_pt -= q * d[k]
            h_tt += q * d[k] * d[k]
        det = h_pp * h_tt - h_pt * h_pt
        s_p, s_t = (h_pt * f_t - h_tt * f_p) / det, (h_pt * f_p - h_pp * f_t) / det
        # stay where every u is positive
        fall = 0.0
        for k in range(len(d)):
            fall = max(fall, (s_t * d[k] - s_p) / (p - tau * d[k]))
        length = 1 / max(1.0, fall / 0.9)
        p += length * s_p
        tau += length * s_t
        if s_p * s_p * h_pp + 2 * s_p * s_t * h_pt + s_t * s_t * h_tt < _CLOSE * total:
            break
    return p, tau


@njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def saddle_log_density(d, alpha, total, by_alpha):
    """Log density in units of 1 / s with the second-order correction.

    Args:
        d: Distances f - y in units of s, (K,).
        alpha: Concentrations, (K,), all positive.
        total: Their sum.
        by_alpha: Where its derivatives in alpha are put, (K,).

    Returns:
        It, its derivative in log s, and the doubt in it: the sum of the sizes of the correction's
        three parts over that of a single model, 19 / (12 A). The error in nat is smaller. The
        correction itself says less: it is also small where its parts cancel.
    """
    p, tau = saddle_point(d, alpha)
    h, t, f, q, logs = _sums(p, tau, d, alpha, by_alpha)
    det = h[0] * h[2] - h[1] * h[1]
    c = (h[2] / det, -h[1] / det, h[0] / det)
    correction, parts, by_h, by_t, by_f = _correction(c, t, f)
    value = lgamma(total + 1) - log(total) + p - logs + 0.5 * tau * tau
    value += correction - log(2 * pi * sqrt(det))
    extra_p = extra_t = by_d = 0.0
    for j in range(5):
        extra_p += by_f[j] * q[j]
        extra_t += by_f[j] * q[j + 1]
        by_d += j * by_f[j] * f[j]
    for j in range(4):
        extra_p += by_t[j] * f[j]
        extra_t += by_t[j] * f[j + 1]
        by_d += j * by_t[j] * t[j]
    for j in range(3):
        extra_p += by_h[j] * t[j]
        extra_t += by_h[j] * t[j + 1]
        by_d += j * by_h[j] * (h[j] - (j == 2))
    by_d += tau * extra_t
    # with d in units of s the saddle moves by -C g as alpha_k grows, C the inverse Hessian and
    # g = dF' / d alpha_k, and by tau (0, 1) - 2 tau C (0, 1) as log s grows; the Hessian changes
    # by g g^T and by the third derivatives along the move
    bend_p = t[0] * c[0] + 2 * t[1] * c[1] + t[2] * c[2]
    bend_t = t[1] * c[0] + 2 * t[2] * c[1] + t[3] * c[2]
    pull_p, pull_t = extra_p - 0.5 * bend_p, extra_t - 0.5 * bend_t
    of_total = digamma(total)
    for k in range(len(d)):
        e, inverse = -d[k], 1 / (p - tau * d[k])
        g_p, g_t = -inverse, -e * inverse
        m_p, m_t = c[0] * g_p + c[1] * g_t, c[1] * g_p + c[2] * g_t
        own, power = 0.0, inverse * inverse
        for j in range(5):
            own += power * inverse * inverse * by_f[j] * 6
            own -= power * inverse * by_t[j] * 2 if j < 4 else 0.0
            own += power * by_h[j] if j < 3 else 0.0
            power *= e
        by_alpha[k] = of_total - by_alpha[k] + own
        by_alpha[k] -= 0.5 * (g_p * m_p + g_t * m_t) + pull_p * m_p + pull_t * m_t
    by_log_s = 1 + tau * tau - c[2] + tau * (bend_p * c[1] + bend_t * c[2])
    by_log_s += tau * (extra_t * (1 - 2 * c[2]) - 2 * extra_p * c[1]) - by_d
    return value, by_log_s, parts - _SINGLE / total


@njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _sums(p, tau, d, alpha, logs_of):
    """H (3), T (4), F (5), the same of order 5 (6), and sum alpha log u; log u in a row, (K,)."""
    sums = np.zeros(18)
    h, t, f, q = sums[:3], sums[3:7], sums[7:12], sums[12:]
    logs = 0.0
    for k in range(len(d)):
        u, e = p - tau * d[k], -d[k]
        logs_of[k] = log(u)
        logs += alpha[k] * logs_of[k]
        inverse = 1 / u
        power = alpha[k] * inverse * inverse
        for j in range(6):
            if j < 3:
                h[j] += power
            if j < 4:
                t[j] -= 2 * power * inverse
            if j < 5:
                f[j] += 6 * power * inverse * inverse
            q[j] -= 24 * power * inverse * inverse * inverse
            power *= e
    h[2] += 1.0
    return h, t, f, q, logs


@njit(cache=True, nogil=True, error_model="numpy")
def _correction(c, t, f):
    """Log of one plus the Laplace integral's second-order term, along the imaginary directions.

    With the inverse Hessian C it is F_abcd C_ab C_cd / 8 - v_a C_ab v_b / 8
    - T_abc T_def C_ad C_be C_cf / 12, v_a = T_abc C_bc. The sum of the three parts' sizes and the
    derivatives in H, T and F follow.
    """
    c0, c1, c2 = c
    by_f = (c0 * c0 / 8, c0 * c1 / 2, (c0 * c2 + 2 * c1 * c1) / 4, c1 * c2 / 2, c2 * c2 / 8)
    fourth = 0.0
    for j in range(5):
        fourth += by_f[j] * f[j]
    v_p, v_t = t[0] * c0 + 2 * t[1] * c1 + t[2] * c2, t[1] * c0 + 2 * t[2] * c1 + t[3] * c2
    w_p, w_t = c0 * v_p + c1 * v_t, c1 * v_p + c2 * v_t
    of_trace = (v_p * w_p + v_t * w_t) / 8
    # two indices of T raised, for either value of the third: entries pp, pt, tt
    x, y = _raised(c, t[0], t[1], t[2]), _raised(c, t[1], t[2], t[3])
    pp = x[0] * t[0] + 2 * x[1] * t[1] + x[2] * t[2]
    pt = x[0] * t[1] + 2 * x[1] * t[2] + x[2] * t[3]
    tt = y[0] * t[1] + 2 * y[1] * t[2] + y[2] * t[3]
    of_third = (pp * c0 + 2 * pt * c1 + tt * c2) / 12
    term, parts = fourth - of_trace - of_third, abs(fourth) + of_trace + of_third
    slope = 1 / (1 + term) if _LEAST < term < _MOST else 0.0
    by_t = (
        -slope * (w_p * c0 / 4 + (c0 * x[0] + c1 * y[0]) / 6),
        -slope * ((2 * w_p * c1 + w_t * c0) / 4 + (c0 * x[1] + c1 * y[1]) / 2),
        -slope * ((w_p * c2 + 2 * w_t * c1) / 4 + (c0 * x[2] + c1 * y[2]) / 2),
        -slope * (w_t * c2 / 4 + (c1 * x[2] + c2 * y[2]) / 6),
    )
    # in the entries of C, the one off the diagonal once
    g0 = (f[0] * c0 + 2 * f[1] * c1 + f[2] * c2 - v_p * v_p / 2 - w_p * t[0] - w_t * t[1] - pp) / 4
    g1 = (f[1] * c0 + 2 * f[2] * c1 + f[3] * c2 - v_p * v_t / 2 - w_p * t[1] - w_t * t[2] - pt) / 4
    g2 = (f[2] * c0 + 2 * f[3] * c1 + f[4] * c2 - v_t * v_t / 2 - w_p * t[2] - w_t * t[3] - tt) / 4
    along = _raised(c, g0, g1, g2)
    by_h = (-slope * along[0], -2 * slope * along[1], -slope * along[2])
    scaled = (slope * by_f[0], slope * by_f[1], slope * by_f[2], slope * by_f[3], slope * by_f[4])
    return log1p(min(max(term, _LEAST), _MOST)), parts, by_h, by_t, scaled


@njit(cache=True, nogil=True, error_model="numpy")
def _raised(c, pp, pt, tt):
    """C X C for symmetric C and X: entries pp, pt and tt."""
    a, b = c[0] * pp + c[1] * pt, c[0] * pt + c[1] * tt
    e, g = c[1] * pp + c[2] * pt, c[1] * pt + c[2] * tt
    return a * c[0] + b * c[1], a * c[1] + b * c[2], e * c[1] + g * c[2]
