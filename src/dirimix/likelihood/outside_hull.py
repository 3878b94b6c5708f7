"""The weight-integrated density of one observation that lies outside the models' hull.

There the integral of `contour_nodes` cancels: the density is as small as
exp(-(distance / s)^2 / 2). A path that crosses the real axis at the integrand's own saddle, the
first beyond the nearest model, and opens to the left keeps all digits. G_A is taken by the
trapezoid rule through the saddle of its integral along tau.
"""

from cmath import sqrt as complex_sqrt
from math import atan2, cosh, exp, lgamma, log, pi, sinh, sqrt
from typing import NamedTuple

import numpy as np

from dirimix.likelihood.elementary import SUMS, digamma, exp_polar, log_polar, subtract_logs
from dirimix.likelihood.inlining import inlined

_DEPTH, _WIDTH = 1.0, 0.5  # of the hyperbola, in units of the saddle's distance
_WIDEST = 4.0  # largest distance of the saddle; farther on the integrand only falls
_HALVINGS = 24


class Rule(NamedTuple):
    """Trapezoid rules along the path and along tau.

    Attributes:
        step: Along the path.
        nodes: Their number, on one half of the path.
        tau_step: Along tau, in units of the integrand's width.
        tau_nodes: Their number.
    """

    step: float
    nodes: int
    tau_step: float
    tau_nodes: int


@inlined(fastmath=SUMS)
def outside_density(rule, d, alpha, total, work, logs, by_alpha):
    """The density in units of 1 / s and its derivative in log s; the path itself does not matter.

    Args:
        rule: Nodes.
        d: Distances f - y in units of s, all of one sign, (K,).
        alpha: Concentrations, (K,), all positive.
        total: Their sum.
        work: Room for 11 rows of nodes.
        logs: Room for 2 rows of K times as many.
        by_alpha: Where the derivatives in alpha are put, (K,).
    """
    d = -d if d[0] > 0 else d
    edge = np.max(d)
    radius = _radius(d, alpha, total, edge)
    z_re, z_im, weight_re, weight_im = work[0], work[1], work[2], work[3]
    re, im, slope_re, slope_im = work[4], work[5], work[6], work[7]
    for j in range(rule.nodes):
        t = j * rule.step
        share = radius * (rule.step if j else rule.step / 2)
        z_re[j] = edge + radius * (1 + _DEPTH * (1 - cosh(t)))
        z_im[j] = radius * _WIDTH * sinh(t)
        weight_re[j], weight_im[j] = -share * _DEPTH * sinh(t), share * _WIDTH * cosh(t)
        re[j], im[j], slope_re[j], slope_im[j] = _log_kernel(rule, z_re[j], z_im[j], total, work)
    subtract_logs(z_re, z_im, rule.nodes, d, alpha, re, im, logs)
    unit = exp(exp_polar(re, im, rule.nodes)) / (pi * total)
    value = by_total = 0.0
    for j in range(rule.nodes):
        real = re[j] * weight_re[j] - im[j] * weight_im[j]
        im[j] = im[j] * weight_re[j] + re[j] * weight_im[j]
        re[j] = real
        value += im[j]
        by_total += re[j] * slope_im[j] + im[j] * slope_re[j]
    by_log_s = 0.0
    for k in range(len(d)):
        by_log, by_d, begin = 0.0, 0.0, k * rule.nodes
        for j in range(rule.nodes):
            by_log += re[j] * logs[1, begin + j] + im[j] * logs[0, begin + j]
            right = z_re[j] - d[k]
            by_d += (im[j] * right - re[j] * z_im[j]) / (right * right + z_im[j] * z_im[j])
        by_alpha[k] = unit * (by_total - value / total - by_log)
        by_log_s -= unit * alpha[k] * by_d * d[k]
    return unit * value, by_log_s


@inlined()
def _radius(d, alpha, total, edge):
    """Distance of the saddle on the real axis from the nearest model."""
    # the first saddle: beyond y there may be a second one, where the integrand is largest
    before_y = max(-edge, 0.5)
    tau, pull = _slopes(d, alpha, total, edge + before_y)
    widest, most = (_WIDEST, before_y) if pull < tau else (np.inf, before_y + 3 * sqrt(total))
    low, high = -14.0, log(most)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        tau, pull = _slopes(d, alpha, total, edge + exp(middle))
        if pull > tau:
            low = middle
        else:
            high = middle
    return min(max(exp(low), 1 / max(-edge, 1.0)), widest)


@inlined()
def _slopes(d, alpha, total, z):
    """About the slope of log G_A at a real z, and that of the models' part of the integrand."""
    pull = 0.0
    for k in range(len(d)):
        pull += alpha[k] / (z - d[k])
    return 0.5 * (sqrt(z * z + 4 * max(total - 1, 0.5)) - z), pull


@inlined(fastmath=SUMS)
def _log_kernel(rule, z_re, z_im, total, work):
    """Log A G_A(z) and its derivative in A, real and imaginary parts.

    For Re z below or little above 0, along the steepest descent of G's own integral.
    """
    z = complex(z_re, z_im)
    tau = 0.5 * (complex_sqrt(z * z + 4 * (total + 0.5)) - z)
    along = 1 / complex_sqrt(1 + (total + 0.5) / (tau * tau))
    # work's rows 8 to 10, in pieces, hold i tau and its logarithm
    count = rule.tau_nodes
    at_re, at_im = work[8, :count], work[8, count : 2 * count]
    log_re, log_im = work[9, :count], work[9, count : 2 * count]
    e_re, e_im = work[10, :count], work[10, count : 2 * count]
    for m in range(count):
        node = rule.tau_step * (m - count // 2)
        # the logarithm of i tau, whose imaginary part Re tau is positive
        at_re[m] = -(tau.imag + along.real * node)
        at_im[m] = tau.real - along.imag * node
        log_re[m], log_im[m] = at_re[m], at_im[m]
    log_polar(log_re, log_im, count)
    for m in range(count):
        log_im[m] -= 0.5 * pi
        t_re, t_im = at_im[m], -at_re[m]
        e_re[m] = (1 - total) * log_re[m] + t_re * (z_re + 0.5 * t_re) - t_im * (z_im + 0.5 * t_im)
        e_im[m] = (1 - total) * log_im[m] + t_re * z_im + t_im * (z_re + t_re)
    top = exp_polar(e_re, e_im, count)
    whole = with_log = 0j
    for m in range(count):
        part = complex(e_re[m], e_im[m])
        whole += part
        with_log += part * complex(log_re[m], log_im[m])
    mean = with_log / whole
    whole *= along
    size = 0.5 * log(whole.real * whole.real + whole.imag * whole.imag)
    scalar = lgamma(total + 1) + log(rule.tau_step / (2 * pi))
    return (
        size + top + scalar, atan2(whole.imag, whole.real), digamma(total + 1) - mean.real,
        -mean.imag,
    )  # fmt: skip
