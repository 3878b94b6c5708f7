r"""The weight-integrated density of one observation on a line through its saddle point.

With noise 1 and distances d_k = f_k - y, the density is

    (2 pi i)^-2 Gamma(A) \int \int exp(p + tau^2 / 2) prod_k (p - tau d_k)^(-alpha_k) dp dtau.

For a given z = p / tau the integral along tau, that of a parabolic cylinder function, knows nothing
of the models. Laplace's method has its saddle point where z = A / tau - tau, so that p = A - tau^2,
and a series in 1 / A that holds for every z away from the two turning points tau = +- i sqrt(A):

    density = Gamma(A) exp(A) (2 pi)^(-1/2) (2 pi i)^-1
              \int exp(-tau^2 / 2 + l(w, A)) (A + tau^2)^(1/2) prod_k u_k^(-alpha_k) dtau,
    u_k = A - tau^2 - tau d_k,   w = A / (A + tau^2),   l = l_1(w) / A + l_2(w) / A^2 + ...

The models' part is exact, wherever they lie and however small their concentrations. The path
crosses the real axis at the integrand's saddle point, between the zeros of the u_k. From there it
bends towards the nearer of them and goes on between the real axis, where the zeros lie, and the
turning points. Nodes are spaced by the logarithm of tau up to 1, so that distances of every size
are resolved, and equally beyond.

Far outside the models' hull tau is nearly the distance c of the nearest model: sigma = tau + c
keeps the digits there, with u_k = A - tau (sigma + d_k - c).
"""

from math import exp, lgamma, log, pi, sqrt

import numpy as np

from dirimix.compiled.inlining import SUMS, inlined
from dirimix.likelihood.elementary import digamma, exp_polar, log_polar, log_row

NODES = 24  # taken at a time, until there is nothing left
ROOM = 12  # rows of them
_MOST = 40  # times as many at most
_SLANT = 0.75, 6.0, 125.0  # of the path far out: for large A, and what is added over A and A^3
_LEAST = 5.0  # A from where it serves inside the hull; this slant there, whatever A is outside
_BEND = 0.25  # where it bends at the latest, in units of sqrt(A + tau^2)
_SHORTEST = 1e-100  # scale of tau
_NEAR = 0.02  # asinh by its series below
_SEARCHES, _FOUND = 200, 0.03  # of the saddle point, and how close a step must be
_TURNED = 0.2  # tau in units of sqrt(A) from where it cannot bend back
_TRIES = 6  # of paths and steps
_KEPT = 1e-10, 1e-13  # of the sum against its parts, and that over A, below which it fails
_LARGEST = -0.8  # that a log density can be, less what the hull's distance takes: -log(2 pi) / 2
_DIGITS = 1e-14  # of the sum against its parts, below which nothing is known


@inlined(fastmath=SUMS)
def line_density(step, last, agree, d, alpha, total, start, work, logs, by_alpha):
    """Log density in units of 1 / s, its derivative in log s, and whether they are sure.

    Args:
        step: Of the trapezoid rule.
        last: Part of the sum after which there is no other.
        agree: Difference from the sum over every other node, as a share of it, above which the
            step is halved; the error is smaller, about its square.
        d: Distances f - y in units of s, (K,).
        alpha: Concentrations, (K,), all positive.
        total: Their sum.
        start: A value of tau near the saddle point, 0 if none is known.
        work: Room for `ROOM` rows of `NODES`.
        logs: Room for 2 rows of K + 1 times as many.
        by_alpha: Where the derivatives in alpha are put, (K,).
    """
    count = len(d)
    nearest = max(np.min(d), 0.0) + min(np.max(d), 0.0)
    place, scale, bend, sign = _crossing(d, alpha, total, nearest, start)
    shift, slope = sign * nearest, slant(total)
    s_re, s_im, t_re, t_im, e_re, e_im = work[0], work[1], work[2], work[3], work[4], work[5]
    w_re, w_im, a_re, a_im, m_re, m_im = work[6], work[7], work[8], work[9], work[10], work[11]
    value = size = by_log_s = by_total = top = 0.0
    inverse, soon, kept = 1 / total, bend, max(_KEPT[0], _KEPT[1] * total)
    latest = _BEND * sqrt(total + (place - shift) * (place - shift))
    log_total = log(total)
    constant = lgamma(total) + total - (total - 0.5) * log_total - 0.5 * log(2 * pi) - log(pi)
    sure, least = False, _LARGEST
    for attempt in range(_TRIES):
        # where a sum fails: a shorter step, a path that goes straight up as far as it may, one that
        # bends to the other side
        if attempt == 1 or attempt == 4:
            step *= 0.5
        if (attempt == 3 or attempt == 5) and place - shift < _TURNED * sqrt(total):
            place, shift, sign = -place, -shift, -sign
        bend = latest if attempt == 2 else soon
        value = size = by_log_s = by_total = every_other = every_other_slope = 0.0
        by_alpha[:] = 0.0
        growth, power = exp(step), scale
        for part in range(_MOST):
            for j in range(NODES):
                s_im[j] = power
                power *= growth
            for j in range(NODES):
                # b = asinh(scale sinh(t)), t from 0
                back = scale * scale / s_im[j]
                far = 0.5 * (s_im[j] - back)
                root = sqrt(1 + far * far)
                w_re[j], w_im[j] = step * (far + back) / root, far
                s_re[j] = far + root
            log_row(s_re)
            for j in range(NODES):
                far = w_im[j]
                v = far * far
                b = (
                    s_re[j]
                    if far > _NEAR
                    else far * (1 - v * (1 / 6 - v * (3 / 40 - v * (5 / 112))))
                )
                r = sqrt(b * b + bend * bend)
                s_re[j], s_im[j] = place + slope * b * b / (r + bend), -b
                w_im[j] = w_re[j] * slope * b / r
            if part == 0:
                w_re[0] *= 0.5
            for j in range(NODES):
                t_re[j], t_im[j] = s_re[j] - shift, s_im[j]
                q_re = inverse * (t_re[j] * t_re[j] - t_im[j] * t_im[j])
                q_im = inverse * 2 * t_re[j] * t_im[j]
                ratio = 1 / ((1 + q_re) * (1 + q_re) + q_im * q_im)
                w = complex((1 + q_re) * ratio, -q_im * ratio)
                series, by_w, by_a = _series(w, inverse)
                q = complex(q_re, q_im)
                # derivatives at a given z
                own = inverse * w * (1 + (2 * w - 1) * (0.5 - by_w * (1 - w))) + by_a
                moment = total * q + (1 - q) * w * (1 + w * (1 - 2 * (1 - w) * by_w)) - 1
                a_re[j], a_im[j], m_re[j], m_im[j] = own.real, own.imag, moment.real, moment.imag
                x, y = s_re[j], s_im[j]
                e_re[j] = shift * x - 0.5 * (x * x - y * y) + series.real
                e_im[j] = shift * y - x * y + series.imag
                logs[0, j], logs[1, j] = 1 + q_re, q_im
            for k in range(count):
                gap, begin = sign * (d[k] - nearest), (k + 1) * NODES
                for j in range(NODES):
                    x = s_re[j] + gap
                    logs[0, begin + j] = 1 - inverse * (t_re[j] * x - t_im[j] * s_im[j])
                    logs[1, begin + j] = -inverse * (t_re[j] * s_im[j] + t_im[j] * x)
            log_polar(logs[0], logs[1], (count + 1) * NODES)
            for j in range(NODES):
                e_re[j] += 0.5 * logs[0, j]
                e_im[j] += 0.5 * logs[1, j]
            for k in range(count):
                a, begin = alpha[k], (k + 1) * NODES
                for j in range(NODES):
                    e_re[j] -= a * logs[0, begin + j]
                    e_im[j] -= a * logs[1, begin + j]
            if part == 0:
                top = e_re[0]
            lift = exp(min(exp_polar(e_re, e_im, NODES) - top, 700.0))
            of_size = 0.0
            for j in range(NODES):
                x = lift * (e_re[j] * w_re[j] - e_im[j] * w_im[j])
                y = lift * (e_re[j] * w_im[j] + e_im[j] * w_re[j])
                e_re[j], e_im[j] = x, y
                value += x
                of_size = abs(x) + abs(y)
                size += of_size
                w_re[j] = x * m_re[j] - y * m_im[j]
                by_log_s += w_re[j]
                by_total += x * a_re[j] - y * a_im[j]
            for j in range(0, NODES, 2):
                every_other += e_re[j]
                every_other_slope += w_re[j]
            for k in range(count):
                begin, by_log = (k + 1) * NODES, 0.0
                for j in range(NODES):
                    by_log += e_re[j] * logs[0, begin + j] - e_im[j] * logs[1, begin + j]
                by_alpha[k] -= by_log
            if of_size < last * abs(value):
                break
        gap = max(abs(value - 2 * every_other), abs(by_log_s - 2 * every_other_slope))
        sure = gap < agree * value and value > kept * size
        sure = sure and log(value) + top + constant < _LARGEST
        if sure:
            break
        # no path gives more than this but for its last digits
        least = min(least, log(max(value, kept * size)) + top + constant)
    if not value > _DIGITS * size:
        value, by_log_s, by_total = _DIGITS * size, 0.0, 0.0
        by_alpha[:] = 0.0
    found = log(value) + top + constant
    if not sure:
        found = min(found, least)
    common = digamma(total) - log_total + by_total / value
    for k in range(count):
        by_alpha[k] = by_alpha[k] / value + common
    return found - 0.5 * nearest * nearest, by_log_s / value, sure


@inlined()
def _series(w, inverse):
    """L, its derivative in w and that in A at a given w."""
    one = -w * w * (10 * w + 3) / 12
    two = w * w * w * (2 * w - 1) * (5 * w * w - 5 * w - 1) / 2
    inner = 675 + w * (1224 + w * (-26490 + w * (69660 + w * (-67050 + w * 22100))))
    three = -w * w * w * w * inner / 360
    by_one = -w * (5 * w + 1) / 2
    by_two = 1.5 * w * w * (w - 1) * (w * (20 * w - 5) - 1)
    by_three = -0.5 * w * w * w * (w - 1) * (w - 1) * (15 + w * (64 + w * (1105 * w - 770)))
    return (
        inverse * (one + inverse * (two + inverse * three)),
        inverse * (by_one + inverse * (by_two + inverse * by_three)),
        -inverse * inverse * (one + inverse * (2 * two + inverse * 3 * three)),
    )


@inlined()
def slant(total):
    """Slope of the path far out, from the imaginary axis."""
    a = 1 / max(total, _LEAST)
    return _SLANT[0] + a * (_SLANT[1] + a * a * _SLANT[2])


@inlined()
def _crossing(d, alpha, total, nearest, start):
    """Where the path crosses the real axis, its shortest scale, where it bends, and to which side.

    The side is -1 for distances of the other sign; the place is that of sigma then.
    """
    low, high = -np.inf, np.inf
    for k in range(len(d)):
        # zeros of u in sigma
        gap = d[k] - nearest
        near = 2 * total / (sqrt(d[k] * d[k] + 4 * total) + abs(d[k]))
        low = max(low, -gap - near if d[k] >= 0 else nearest - near)
        high = min(high, near - gap if d[k] < 0 else nearest + near)
    left, right = low, high
    if start == 0 and nearest == 0:
        first = squares = 0.0
        for k in range(len(d)):
            first += alpha[k] * d[k]
            squares += alpha[k] * d[k] * d[k]
        start = -first / (total + squares / (total + 1))
    at = start + nearest if start != 0 else 0.0
    at = at if left < at < right else 0.0
    tau = second = third = 0.0
    for _ in range(_SEARCHES):
        tau = at - nearest
        whole = 1 / (total + tau * tau)
        slope, second = tau * whole - tau, whole - 2 * tau * tau * whole * whole - 1
        third = tau * whole * whole * (8 * tau * tau * whole - 6)
        for k in range(len(d)):
            gap = d[k] - nearest
            u = 1 / (total - tau * (at + gap))
            rise = (tau + at + gap) * u
            slope += alpha[k] * rise
            second += alpha[k] * (2 * u + rise * rise)
            third += alpha[k] * rise * (6 * u + 2 * rise * rise)
        if slope > 0:
            right = at
        else:
            left = at
        change = slope / second
        if abs(change) < _FOUND * min(high - at, at - low, 1 / sqrt(abs(second))) and second > 0:
            break
        at -= change
        if not (left < at < right and second > 0):
            at = 0.5 * (left + right)
    scale = min(high - at, at - low)
    if second > 0:
        scale = min(scale, 1 / sqrt(second))
    sign = 1.0 if third >= 0 else -1.0
    bend = _BEND * sqrt(total + tau * tau)
    if third != 0:
        bend = min(bend, 3 * slant(total) * abs(second / third))
    return sign * at, max(scale, _SHORTEST), max(bend, _SHORTEST), sign
