"""The weight-integrated density of one observation by the contour integral of `contour_nodes`."""

from math import ceil, exp, lgamma, log, pi, sqrt

import numpy as np

from dirimix.compiled.inlining import SUMS, inlined
from dirimix.likelihood.contour_nodes import HEIGHT, MOST, SLOPE, piece
from dirimix.likelihood.elementary import exp_polar, subtract_logs


@inlined(fastmath=SUMS)
def contour_density(path, reach, d, alpha, total, work, logs, by_alpha):
    """The density in units of 1 / s and its derivative in log s.

    Every integrand is the same exponential times a different factor, so the derivatives cost
    little more than the value. Nodes are gone through in the precision of the path.

    Args:
        path: The nodes, `contour_nodes.Path`.
        reach: Part of the density below which nodes on the left are left out, and how many of the
            largest length the path goes on the right.
        d: Distances f - y in units of s, (K,).
        alpha: Concentrations, (K,), all positive.
        total: Their sum, up to `contour_nodes.MOST`.
        work: Room for 10 rows of nodes, in the precision of the path.
        logs: Room for 2 rows of K times as many, in that precision.
        by_alpha: Where the derivatives in alpha are put, (K,).
    """
    real = work.dtype.type
    height = HEIGHT * sqrt(total + 1)
    # the mixture's mean below y: the path then has a saddle on its right
    moment = 0.0
    for k in range(len(d)):
        moment += alpha[k] * d[k]
    d = -d if moment > 0 else d
    scalar = lgamma(total + 1) + 0.5 * (1 - total) * log(total + 1)
    first, end = _first(path, reach[0], total, height, scalar), _end(path, reach[1], d)
    count, z_re, z_im = end - first, work[0], work[1]
    re, im = _rows(path.zeta, first)
    stretch, concentration = real(height), real(total)
    for j in range(count):
        z_re[j], z_im[j] = stretch * re[j], stretch * im[j]
    e_re, e_im, ratios = work[2], work[3], work[4:10]
    slope_re, slope_im = _rows(path.slope, first)
    offset_re, offset_im = _rows(path.offset, first)
    for j in range(count):
        e_re[j] = concentration * slope_re[j] + offset_re[j]
        e_im[j] = concentration * slope_im[j] + offset_im[j]
    subtract_logs(z_re, z_im, count, d, alpha, e_re, e_im, logs)
    scale = exp_polar(e_re, e_im, count) + scalar
    _ratios(path, first, count, total, ratios)
    unit = exp(scale) * height / (pi * total)
    value = by_scale = by_total = real(0)
    for j in range(count):
        value += e_re[j] * ratios[1, j] + e_im[j] * ratios[0, j]
        by_scale += e_re[j] * ratios[3, j] + e_im[j] * ratios[2, j]
        by_total += e_re[j] * ratios[5, j] + e_im[j] * ratios[4, j]
        part = e_re[j] * ratios[0, j] - e_im[j] * ratios[1, j]
        e_im[j] = e_re[j] * ratios[1, j] + e_im[j] * ratios[0, j]
        e_re[j] = part
    for k in range(len(d)):
        by_log, begin = real(0), k * count
        for j in range(count):
            by_log += e_re[j] * logs[1, begin + j] + e_im[j] * logs[0, begin + j]
        by_alpha[k] = unit * (by_total - value / total - by_log)
    tail, tail_by_log_s = _far_right(
        path.step, re[count - 1], im[count - 1], d, alpha, total, height, by_alpha
    )  # fmt: skip
    return unit * value + tail, (total - 1) * unit * value - unit * by_scale + tail_by_log_s


@inlined()
def _rows(parts, first):
    """Real and imaginary parts from a node on."""
    return parts[0, first:], parts[1, first:]


@inlined()
def _first(path, negligible, total, height, scalar):
    """The first node whose part is not negligible wherever the models lie."""
    size, offset = path.size, path.offset[0]
    least = log(negligible * pi * total / height) - scalar + total * log(height)
    j = 0
    while total * size[j] + offset[j] < least:
        j += 1
    return j


@inlined()
def _end(path, extent, d):
    """The node after the last, where the powers of the far right serve for these distances."""
    farthest = 0.0
    for k in range(len(d)):
        farthest = max(farthest, abs(d[k]))
    # good to (length / z)^3, at a typical A
    length = extent * sqrt(MOST + farthest * farthest)
    span = log(2 * SLOPE * length / HEIGHT) - path.left
    return min(int(ceil(span / path.step)) + 1, path.zeta.shape[-1])


@inlined(fastmath=SUMS)
def _ratios(path, first, count, total, into):
    """What multiplies the carrier in the value and in its derivatives: re and im, six rows."""
    number, place = piece(total)
    u = into.dtype.type(place)
    for m in range(3):
        for part in range(2):
            row, c = into[2 * m + part], path.ratios[number, m, part]
            row[:count] = c[-1, first : first + count]
            for n in range(len(c) - 2, -1, -1):
                term = c[n, first:]
                for j in range(count):
                    row[j] = term[j] + u * row[j]


@inlined()
def _far_right(step, end_re, end_im, d, alpha, total, height, by_alpha):
    """What the nodes right of the last would add, a geometric series for each power of z.

    Returns it and its derivative in log s; adds those in alpha.
    """
    inverse = 1 / complex(np.float64(end_re), np.float64(end_im))
    power, powers = inverse, np.empty(3)
    for n in range(1, 4):
        share = -step * exp(-n * step) / (1 - exp(-n * step))
        powers[n - 1] = (share * power).imag / (pi * height**n)
        power *= inverse
    first = squares = 0.0
    for k in range(len(d)):
        first += alpha[k] * d[k]
        squares += alpha[k] * d[k] * d[k]
    second = 0.5 * (first * first + squares + (total - 2) * (total - 3))
    series = powers[0] + powers[1] * first + powers[2] * second
    for k in range(len(d)):
        gap = d[k]
        by_second = first * gap + 0.5 * gap * gap + (total - 2.5)
        by_alpha[k] += series + (total - 1) * (powers[1] * gap + powers[2] * by_second)
    value = (total - 1) * series
    # the path is fixed in the unit of y, so z / s moves with s
    return value, value + (total - 1) * powers[2] * (total - 2) * (total - 3)
