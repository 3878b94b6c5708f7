"""The density of one observation by the route that its numbers choose.

The line through the saddle point serves total concentrations from 5 on and, whatever they are,
observations far outside the hull of the models. Below, the contour serves in three ranks: single
precision where that is enough, double, and a denser and longer path where the density is faint.
Below some total concentration every model's vertex is taken by itself: Dirichlet(alpha) is the
mixture of Dirichlet(alpha + e_k) with the weights alpha_k / A, and the contour's own sum would be
about A times its parts.
"""

from math import exp, log
from typing import NamedTuple

import numpy as np

from dirimix.compiled.inlining import inlined
from dirimix.likelihood.bent_line import line_density
from dirimix.likelihood.contour import contour_density

SADDLE_FROM = 9.0  # total concentration from where the saddle point may serve
_LINE_FROM = 5.0  # and from where the line does
_OUTSIDE = 2.0  # noise levels outside the hull from where the line serves as well
_FAINT = 1e-3  # a density for which the contour's next rank is asked
# total concentration below which every vertex is taken by itself, and that where the log density is
# below the third
_FEW, _RARE, _SMALL = 0.02, 0.4, log(1e-6)
LAST_STEP, _LAST_EXTENT = 0.05, 8e4  # of the contour's last rank
_FLOOR = 1e-16  # added to a density, in units of exp(-(distance to the hull / s)^2 / 2)


class Accuracy(NamedTuple):
    """How closely the routes are followed.

    Attributes:
        doubt: Estimated error of the saddle point, in nat, up to which it is used.
        line: Step along the line.
        end: Part of its sum after which there is no other.
        agree: Difference between its sums over all nodes and every other one that is borne.
        step: Of the contour's trapezoid rule, but in the last rank.
        extent: How many of the largest length the contour goes there.
        single: Sum over the contour's nodes in single precision where the density is not faint.
    """

    doubt: float
    line: float
    end: float
    agree: float
    step: float
    extent: float
    single: bool


FINE = Accuracy(doubt=0.004, line=0.24, end=1e-8, agree=0.003, step=0.1, extent=40.0, single=False)
COARSE = Accuracy(doubt=0.02, line=0.27, end=1e-6, agree=0.03, step=0.12, extent=3.0, single=True)


@inlined()
def site_density(single, exact, accuracy, d, alpha, total, tau, rooms, by_alpha):
    """Log density in units of 1 / s and its derivative in log s.

    Args:
        single: Nodes of the contour in single precision.
        exact: Those in double precision and those of the last rank.
        accuracy: How closely.
        d: Distances f - y in units of s, (K,).
        alpha: Concentrations, (K,), all positive.
        total: Their sum.
        tau: That of the saddle point, where total is above 9; otherwise 0.
        rooms: Room for the contour in either precision, for the line and for the vertices.
        by_alpha: Where the derivatives in alpha are put, (K,).
    """
    # one call of either in a loop: functions are copied to wherever they are called
    count, beyond = len(d), max(np.min(d), -np.max(d), 0.0)
    slopes, logs, by_scale = rooms[3][:count], rooms[3][count], rooms[3][count + 1]
    for v in range(0 if total < _FEW and beyond < _OUTSIDE else -1, count):
        own = slopes[max(v, 0), :count]
        of_vertex = alpha[max(v, 0)]
        if v >= 0:
            alpha[v] = of_vertex + 1.0
        whole = total + 1 if v >= 0 else total
        if whole > _LINE_FROM or beyond > _OUTSIDE:
            found, by_log_s, sure = line_density(
                accuracy.line, accuracy.end, accuracy.agree, d, alpha, whole,
                tau if v < 0 else 0.0, rooms[2][0], rooms[2][1], own,
            )  # fmt: skip
            if v >= 0 and not sure:
                found = -np.inf  # it is so far from there that digits do not reach
            sure = sure or total > _LINE_FROM
        else:
            found, by_log_s = _on_the_contour(single, exact, accuracy, d, alpha, whole, rooms, own)
            sure = total >= _RARE or found > _SMALL
        if v >= 0:
            alpha[v] = of_vertex  # to all of its digits
            logs[v], by_scale[v] = found, by_log_s
        elif sure:
            by_alpha[:] = own
            return found, by_log_s
    by_alpha[:] = 0.0
    top, whole, by_log_s = np.max(logs[:count]), 0.0, 0.0
    if top == -np.inf:
        return -0.5 * beyond * beyond + log(_FLOOR), 0.0
    for v in range(count):
        logs[v] = exp(logs[v] - top)
        share = alpha[v] / total * logs[v]
        whole += share
        by_log_s += share * by_scale[v]
        for k in range(count):
            by_alpha[k] += share * slopes[v, k]
    for k in range(count):
        by_alpha[k] = (by_alpha[k] + (logs[k] - whole) / total) / whole
    return log(whole) + top, by_log_s / whole


@inlined()
def _on_the_contour(single, exact, accuracy, d, alpha, total, rooms, by_alpha):
    """Log density in units of 1 / s by the contour, and its derivative in log s."""
    density = by_log_s = 0.0
    if accuracy.single:
        density, by_log_s = contour_density(
            single, (1e-9, accuracy.extent), d, alpha, total, rooms[0][0], rooms[0][1], by_alpha
        )
    for again in range(1 if accuracy.single else 0, 2):
        if density < _FAINT:
            reach = (1e-17, _LAST_EXTENT) if again else (1e-14, accuracy.extent)
            density, by_log_s = contour_density(
                exact[again], reach, d, alpha, total, rooms[1][0], rooms[1][1], by_alpha
            )
    beyond = max(np.min(d), -np.max(d), 0.0)
    whole = max(density, 0.0) + _FLOOR * exp(-0.5 * beyond * beyond)
    share = 1 / whole if density > 0 else 0.0
    for k in range(len(d)):
        by_alpha[k] *= share
    return log(whole), by_log_s * share
