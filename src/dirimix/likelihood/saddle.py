"""The saddle point of the weight-integrated likelihood, for large total concentrations.

With noise 1, p = Gamma(A) (2 pi i)^-2 int dtau int dp exp F, where u_k = p - tau d_k and
F = p - sum alpha_k log u_k + tau^2 / 2. F is jointly convex on the real plane, so that damped
Newton steps find its only minimum; the Laplace integral around it has a relative error that falls
as A^-2 with the second-order correction, more slowly in gaps between models that are wide against
the noise.

Derivatives of F in (p, tau) depend on how often tau is among the variables alone: with e = -d,
order 2 has H_j = sum alpha u^-2 e^j (and 1 for tau tau), order 3 T_j = -2 sum alpha u^-3 e^j,
order 4 F_j = 6 sum alpha u^-4 e^j, order 5 Q_j = -24 sum alpha u^-5 e^j.

Sites are gone through in blocks, one a lane of vectors: rows are (.., LANES).
"""

from math import pi, sqrt

import numpy as np
from numba import njit

from dirimix.compiled.inlining import SUMS, Kept, inlined
from dirimix.likelihood.elementary import digamma_beyond, log_gamma_beyond, log_row

LANES = 32  # a constant, so that LLVM knows the rows of a block apart
_NEWTON_STEPS = 30
_MOST_FALL = 0.9  # of a rate in one step, as a share of it
_CLOSE = 1e-18  # squared change of the rates, relative to them
_SINGLE = 19 / 12  # sum of the correction's parts for a single model, times A
_LEAST, _MOST = -0.9, 10.0  # the correction is cut there


@Kept
def saddle_points(d, alpha, s):
    """The minimum (p, tau) of F at every site, two of (n,).

    Args:
        d: Distances f - y, (n, K), in the unit of s; not a number where a model is not known.
        alpha: Concentrations, (n, K), those of known models positive.
        s: Noise, (n,).
    """
    n, count = d.shape
    p, tau = np.empty(n), np.empty(n)
    gaps, weights = np.empty((count, LANES)), np.empty((count, LANES))
    inverse = np.empty((count, LANES))
    for begin in range(0, n, LANES):
        sites = np.arange(begin, min(begin + LANES, n))
        _gather(d, alpha, s, sites, gaps, weights)
        at_p, at_tau, _ = _minimum(gaps, weights, inverse)
        p[sites], tau[sites] = at_p[: len(sites)], at_tau[: len(sites)]
    return p, tau


@inlined()
def saddle_log_densities(d, alpha, s, sites, value, by_alpha, by_log_s, doubt, tau):
    """Log densities in units of 1 / s with the second-order correction.

    The doubt, an upper estimate of the error in nat, is the sum of the sizes of the correction's
    three parts, less that of a single model, 19 / (12 A), and the length of Newton's next step in
    standard deviations: with models 1e4 noise levels away and more it may not have converged, and
    the value is meaningless then. The correction itself is no such estimate: it is also small where
    its parts cancel.

    Args:
        d: Distances f - y, (n, K), in the unit of s; not a number where a model is not known.
        alpha: Concentrations, (n, K), those of known models with a sum above 8.
        s: Noise, (n,).
        sites: Indices of the sites to look at.
        value: Where their log densities are put, (n,).
        by_alpha: Where the derivatives in alpha are put, (n, K).
        by_log_s: Where those in log s are put, (n,).
        doubt: Where the doubts are put, (n,).
        tau: Where tau at the saddle points is put, (n,).
    """
    count = d.shape[1]
    gaps, weights = np.empty((count, LANES)), np.empty((count, LANES))
    inverse, slopes = np.empty((count, LANES)), np.empty((count, LANES))
    for begin in range(0, len(sites), LANES):
        block = sites[begin : begin + LANES]
        _gather(d, alpha, s, block, gaps, weights)
        place = _minimum(gaps, weights, inverse)
        found = _around(place, gaps, weights, inverse, slopes)
        for j in range(len(block)):
            i = block[j]
            value[i], by_log_s[i], doubt[i] = found[0, j], found[1, j], found[2, j]
            tau[i] = place[1][j]
            for k in range(count):
                by_alpha[i, k] = 0.0 if np.isnan(d[i, k]) else slopes[k, j]


@inlined()
def _gather(d, alpha, s, sites, gaps, weights):
    """Distances in units of the noise and concentrations of a block, (K, LANES) each.

    A model that is not known lies where another one does and has the concentration 0; lanes that
    are left over repeat the first site.
    """
    for j in range(LANES):
        i, known = sites[j if j < len(sites) else 0], 0
        while np.isnan(d[i, known]) and known < d.shape[1] - 1:
            known += 1
        for k in range(d.shape[1]):
            missing = np.isnan(d[i, k])
            gaps[k, j] = d[i, known if missing else k] / s[i]
            weights[k, j] = 0.0 if missing else alpha[i, k]


@inlined(fastmath=SUMS)
def _minimum(d, alpha, inverse):
    """p, tau and A of a block, (LANES,) each; `inverse` is room for (K, LANES)."""
    count, p, tau = len(d), np.empty(LANES), np.empty(LANES)
    total, first, second = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    for k in range(count):
        for j in range(LANES):
            total[j] += alpha[k, j]
            first[j] += alpha[k, j] * d[k, j]
            second[j] += alpha[k, j] * d[k, j] * d[k, j]
    for j in range(LANES):
        mean = first[j] / total[j]
        variance = (second[j] / total[j] - mean * mean) / (total[j] + 1)
        tau[j] = -mean / (1 + max(variance, 0.0))
        p[j] = max(total[j] + tau[j] * mean, 0.1 * total[j])
    for k in range(count):
        for j in range(LANES):
            p[j] = max(p[j], tau[j] * d[k, j] + 0.1 * total[j])
    slope, hessian = np.empty((2, LANES)), np.empty((3, LANES))
    step, fall = np.empty((2, LANES)), np.empty(LANES)
    for _ in range(_NEWTON_STEPS):
        for j in range(LANES):
            slope[0, j], slope[1, j] = 1.0, tau[j]
            hessian[0, j], hessian[1, j], hessian[2, j] = 0.0, 0.0, 1.0
        for k in range(count):
            for j in range(LANES):
                inverse[k, j] = 1 / (p[j] - tau[j] * d[k, j])
                w = alpha[k, j] * inverse[k, j]
                q = w * inverse[k, j]
                slope[0, j] -= w
                slope[1, j] += w * d[k, j]
                hessian[0, j] += q
                hessian[1, j] -= q * d[k, j]
                hessian[2, j] += q * d[k, j] * d[k, j]
        far = 0
        for j in range(LANES):
            f_p, f_t = slope[0, j], slope[1, j]
            h_pp, h_pt, h_tt = hessian[0, j], hessian[1, j], hessian[2, j]
            det = h_pp * h_tt - h_pt * h_pt
            s_p, s_t = (h_pt * f_t - h_tt * f_p) / det, (h_pt * f_p - h_pp * f_t) / det
            change = s_p * s_p * h_pp + 2 * s_p * s_t * h_pt + s_t * s_t * h_tt
            far += 1 if change >= _CLOSE * total[j] else 0
            step[0, j], step[1, j], fall[j] = s_p, s_t, _MOST_FALL
        # stay where every u is positive
        for k in range(count):
            for j in range(LANES):
                fall[j] = max(fall[j], (step[1, j] * d[k, j] - step[0, j]) * inverse[k, j])
        for j in range(LANES):
            length = _MOST_FALL / fall[j]
            p[j] += length * step[0, j]
            tau[j] += length * step[1, j]
        if far == 0:
            break
    return p, tau, total


@inlined(fastmath=SUMS)
def _around(place, d, alpha, inverse, by_alpha):
    """Log density, its derivative in log s, and the doubt of a block, three rows.

    Args:
        place: p, tau and A, (LANES,) each.
        d: (K, LANES).
        alpha: (K, LANES).
        inverse: Room for (K, LANES).
        by_alpha: Where the derivatives in alpha are put, (K, LANES).
    """
    count, (p, tau, total) = len(d), place
    h, t = np.zeros((3, LANES)), np.zeros((4, LANES))
    f, q, slope = np.zeros((5, LANES)), np.zeros((6, LANES)), np.zeros((2, LANES))
    for k in range(count):
        for j in range(LANES):
            u, e = p[j] - tau[j] * d[k, j], -d[k, j]
            by_alpha[k, j], inverse[k, j] = u, 1 / u
            power = alpha[k, j] * inverse[k, j]
            slope[0, j] += power
            slope[1, j] += power * e
            power *= inverse[k, j]
            third = -2 * inverse[k, j]
            fourth = -3 * inverse[k, j] * third
            fifth = -4 * inverse[k, j] * fourth
            for n in range(6):
                if n < 3:
                    h[n, j] += power
                if n < 4:
                    t[n, j] += third * power
                if n < 5:
                    f[n, j] += fourth * power
                q[n, j] += fifth * power
                power *= e
    log_row(by_alpha.reshape(-1))
    found, logs = np.zeros((3, LANES)), np.empty((3, LANES))
    for k in range(count):
        for j in range(LANES):
            found[0, j] -= alpha[k, j] * by_alpha[k, j]
    # derivatives of the correction in H, T and F, the inverse Hessian, the pull on the saddle point
    by_h, by_t, by_f = np.empty((3, LANES)), np.empty((4, LANES)), np.empty((5, LANES))
    c, pull = np.empty((3, LANES)), np.empty((2, LANES))
    for j in range(LANES):
        at, a = tau[j], total[j]
        h_tt = 1 + h[2, j]
        det = h[0, j] * h_tt - h[1, j] * h[1, j]
        c0, c1, c2 = h_tt / det, -h[1, j] / det, h[0, j] / det
        t0, t1, t2, t3 = t[0, j], t[1, j], t[2, j], t[3, j]
        factor, parts, of_h, of_t, of_f = _correction(
            (c0, c1, c2), (t0, t1, t2, t3), (f[0, j], f[1, j], f[2, j], f[3, j], f[4, j])
        )
        c[0, j], c[1, j], c[2, j] = c0, c1, c2
        by_h[0, j], by_h[1, j], by_h[2, j] = of_h
        by_t[0, j], by_t[1, j], by_t[2, j], by_t[3, j] = of_t
        by_f[0, j], by_f[1, j], by_f[2, j], by_f[3, j], by_f[4, j] = of_f
        extra_p = extra_t = by_d = 0.0
        for n in range(5):
            extra_p += by_f[n, j] * q[n, j]
            extra_t += by_f[n, j] * q[n + 1, j]
            by_d += n * by_f[n, j] * f[n, j]
        for n in range(4):
            extra_p += by_t[n, j] * f[n, j]
            extra_t += by_t[n, j] * f[n + 1, j]
            by_d += n * by_t[n, j] * t[n, j]
        for n in range(3):
            extra_p += by_h[n, j] * t[n, j]
            extra_t += by_h[n, j] * t[n + 1, j]
            by_d += n * by_h[n, j] * h[n, j]
        by_d += at * extra_t
        # with d in units of s the saddle moves by -C g as alpha_k grows, C the inverse Hessian and
        # g = dF' / d alpha_k, and by tau (0, 1) - 2 tau C (0, 1) as log s grows; the Hessian
        # changes by g g^T and by the third derivatives along the move
        bend_p = t0 * c0 + 2 * t1 * c1 + t2 * c2
        bend_t = t1 * c0 + 2 * t2 * c1 + t3 * c2
        pull[0, j], pull[1, j] = extra_p - 0.5 * bend_p, extra_t - 0.5 * bend_t
        by_log_s = 1 + at * at - c2 + at * (bend_p * c1 + bend_t * c2) - by_d
        found[1, j] = by_log_s + at * (extra_t * (1 - 2 * c2) - 2 * extra_p * c1)
        f_p, f_t = 1 - slope[0, j], at - slope[1, j]
        rest = sqrt(abs(f_p * f_p * c0 + 2 * f_p * f_t * c1 + f_t * f_t * c2))
        # Newton's steps may end where rounding leaves no minimum
        found[2, j] = parts - _SINGLE / a + rest if det > 0 else np.inf
        found[0, j] += p[j] + 0.5 * at * at
        logs[0, j], logs[1, j] = a, a + 1
        logs[2, j] = factor / (2 * pi * sqrt(det) * a)
    log_row(logs.reshape(-1))
    for j in range(LANES):
        found[0, j] += log_gamma_beyond(total[j] + 1, logs[1, j]) + logs[2, j]
        logs[0, j] = digamma_beyond(total[j], logs[0, j])
    for k in range(count):
        for j in range(LANES):
            e, one = -d[k, j], inverse[k, j]
            g_p, g_t = -one, -e * one
            m_p, m_t = c[0, j] * g_p + c[1, j] * g_t, c[1, j] * g_p + c[2, j] * g_t
            own, power = 0.0, one * one
            for n in range(5):
                own += power * one * one * by_f[n, j] * 6
                if n < 4:
                    own -= power * one * by_t[n, j] * 2
                if n < 3:
                    own += power * by_h[n, j]
                power *= e
            own -= 0.5 * (g_p * m_p + g_t * m_t) + pull[0, j] * m_p + pull[1, j] * m_t
            by_alpha[k, j] = logs[0, j] - by_alpha[k, j] + own
    return found


@njit(inline="always")
def _correction(c, t, f):
    """One plus the Laplace integral's second-order term, along the imaginary directions.

    With the inverse Hessian C it is F_abcd C_ab C_cd / 8 - v_a C_ab v_b / 8
    - T_abc T_def C_ad C_be C_cf / 12, v_a = T_abc C_bc. The sum of the three parts' sizes and the
    derivatives of the logarithm in H, T and F follow.
    """
    c0, c1, c2 = c
    t0, t1, t2, t3 = t
    f0, f1, f2, f3, f4 = f
    b0, b1, b2 = c0 * c0 / 8, c0 * c1 / 2, (c0 * c2 + 2 * c1 * c1) / 4
    b3, b4 = c1 * c2 / 2, c2 * c2 / 8
    fourth = b0 * f0 + b1 * f1 + b2 * f2 + b3 * f3 + b4 * f4
    v_p, v_t = t0 * c0 + 2 * t1 * c1 + t2 * c2, t1 * c0 + 2 * t2 * c1 + t3 * c2
    w_p, w_t = c0 * v_p + c1 * v_t, c1 * v_p + c2 * v_t
    of_trace = (v_p * w_p + v_t * w_t) / 8
    # two indices of T raised, for either value of the third: entries pp, pt, tt
    x0, x1, x2 = _raised(c, t0, t1, t2)
    y0, y1, y2 = _raised(c, t1, t2, t3)
    pp = x0 * t0 + 2 * x1 * t1 + x2 * t2
    pt = x0 * t1 + 2 * x1 * t2 + x2 * t3
    tt = y0 * t1 + 2 * y1 * t2 + y2 * t3
    of_third = (pp * c0 + 2 * pt * c1 + tt * c2) / 12
    term, parts = fourth - of_trace - of_third, abs(fourth) + abs(of_trace) + abs(of_third)
    cut = min(max(term, _LEAST), _MOST)
    slope = 1 / (1 + term) if cut == term else 0.0
    by_t = (
        -slope * (w_p * c0 / 4 + (c0 * x0 + c1 * y0) / 6),
        -slope * ((2 * w_p * c1 + w_t * c0) / 4 + (c0 * x1 + c1 * y1) / 2),
        -slope * ((w_p * c2 + 2 * w_t * c1) / 4 + (c0 * x2 + c1 * y2) / 2),
        -slope * (w_t * c2 / 4 + (c1 * x2 + c2 * y2) / 6),
    )
    # in the entries of C, the one off the diagonal once
    g0 = (f0 * c0 + 2 * f1 * c1 + f2 * c2 - v_p * v_p / 2 - w_p * t0 - w_t * t1 - pp) / 4
    g1 = (f1 * c0 + 2 * f2 * c1 + f3 * c2 - v_p * v_t / 2 - w_p * t1 - w_t * t2 - pt) / 4
    g2 = (f2 * c0 + 2 * f3 * c1 + f4 * c2 - v_t * v_t / 2 - w_p * t2 - w_t * t3 - tt) / 4
    a0, a1, a2 = _raised(c, g0, g1, g2)
    by_h = (-slope * a0, -2 * slope * a1, -slope * a2)
    return 1 + cut, parts, by_h, by_t, (slope * b0, slope * b1, slope * b2, slope * b3, slope * b4)


@njit(inline="always")
def _raised(c, pp, pt, tt):
    """C X C for symmetric C and X: entries pp, pt and tt."""
    c0, c1, c2 = c
    a, b = c0 * pp + c1 * pt, c0 * pt + c1 * tt
    e, g = c1 * pp + c2 * pt, c1 * pt + c2 * tt
    return a * c0 + b * c1, a * c1 + b * c2, e * c1 + g * c2
