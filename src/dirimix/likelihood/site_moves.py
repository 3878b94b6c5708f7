"""Moves of site weights that leave their conditional law as it is, by a compiled loop.

p(w | alpha, y) is Dirichlet(w | alpha) exp(-M^2 / 2) with M = w . d, d in noise levels. Where
models are many noise levels apart it lies along the slice M = 0 of the simplex, and where
concentrations are small at the edges of that slice; two moves follow it there.

A pair of weights keeps its sum, and the first one's share r of it is proposed by a mixture of the
pair's own Beta law, which knows the ends, and of a logistic law about the share at which M is 0,
which knows the middle. Three weights move along the line on which their sum and M stay, between
the points where one of them vanishes, by the Beta law of those two. Both proposals do not depend
on where the weights are, and are accepted by the rule of Metropolis and Hastings. Weights are
logarithms throughout: with concentrations of 1e-3 most are far below the smallest number.
"""

import math

import numpy as np

from dirimix.compiled.inlining import Kept, inlined
from dirimix.likelihood.dirichlet_sums import LEAST

_NARROW = 0.6  # scale of the logistic law in standard deviations of the normal one
_MOST = 700.0  # exponent
_NOTHING = 1e-280  # a third weight of this size at an end of the line leaves no room to move


def move_weights(
    log_w: np.ndarray, log_alpha: np.ndarray, d: np.ndarray, sweeps: int, rng: np.random.Generator
) -> None:
    """Move the weights of every site in place.

    Args:
        log_w: Log weights of n sites, (n, K), -inf where a model is not known.
        log_alpha: Log concentrations, (n, K), finite.
        d: Distances f - y in noise levels, (n, K).
        sweeps: Of one move of a pair and one of a triple a model.
        rng: Source of randomness.

    >>> log_w = np.log(np.full((500, 2), 0.5))
    >>> d = np.tile([-100.0, 300.0], (500, 1))
    >>> move_weights(log_w, np.zeros((500, 2)), d, 20, np.random.default_rng(0))
    >>> np.exp(log_w).mean(axis=0).round(2)
    array([0.75, 0.25])
    """
    log_alpha, d = (np.ascontiguousarray(a, dtype=float) for a in (log_alpha, d))
    _moved(log_w, log_alpha, d, sweeps, rng)


@inlined()
def _log_gamma(a, rng):
    """The log of a Gamma(a) variable, however small."""
    return math.log(rng.standard_gamma(a + 1.0)) - rng.standard_exponential() / a


@inlined()
def _log_of_pair(log_r, log_rest, first, second, beta, at, width, mass):
    """Log density in the log odds of the mixture that proposes the share of a pair."""
    by_beta = first * log_r + second * log_rest - beta
    z = abs(math.exp(log_r) - at) / width
    by_logistic = -z - 2.0 * math.log1p(math.exp(-z)) - math.log(width * mass) + log_r + log_rest
    return np.logaddexp(by_beta, by_logistic) - math.log(2.0)


@inlined()
def _share(log_r, log_rest, first, second, c, slope, rng):
    """Another share of a pair whose M is c + slope r; its logs, and those of what is left."""
    at = -c / slope if slope != 0.0 else 0.5
    sd = 1.0 / max(abs(slope), 1e-300)
    beyond = max(-at, at - 1.0, 0.0) / sd
    at = min(max(at, 0.0), 1.0)
    width = min(_NARROW * sd / (1.0 + beyond), 1.0)
    lower = 1.0 / (1.0 + math.exp(min(at / width, _MOST)))
    upper = 1.0 / (1.0 + math.exp((at - 1.0) / width))
    mass = upper - lower
    beta = math.lgamma(first) + math.lgamma(second) - math.lgamma(first + second)
    if rng.random() < 0.5:
        a, b = _log_gamma(first, rng), _log_gamma(second, rng)
        whole = np.logaddexp(a, b)
        log_new, rest_new = a - whole, b - whole
    else:
        u = lower + mass * rng.random()
        r = at + width * math.log(u / (1.0 - u))
        if not 0.0 < r < 1.0:
            return log_r, log_rest
        log_new, rest_new = math.log(r), math.log1p(-r)
    ratio = 0.0
    for sign, share, rest in ((1.0, log_new, rest_new), (-1.0, log_r, log_rest)):
        m = c + slope * math.exp(share)
        target = first * share + second * rest - 0.5 * m * m
        ratio += sign * (target - _log_of_pair(share, rest, first, second, beta, at, width, mass))
    if math.log(rng.random()) < ratio:
        return log_new, rest_new
    return log_r, log_rest


@inlined()
def _pair(w, alpha, d, m, k, j, rng):
    """Move two weights within their sum, from where M is m."""
    whole = np.logaddexp(w[k], w[j])
    if whole == -math.inf:
        return
    size = math.exp(whole)
    slope = size * (d[k] - d[j])
    c = m - math.exp(w[k]) * d[k] - math.exp(w[j]) * d[j] + size * d[j]
    log_r, log_rest = _share(w[k] - whole, w[j] - whole, alpha[k], alpha[j], c, slope, rng)
    w[k], w[j] = whole + log_r, whole + log_rest


@inlined()
def _triple(w, alpha, d, k, j, i, rng):
    """Move three weights along the line on which their sum and M stay."""
    a, b, c = d[j] - d[i], d[i] - d[k], d[k] - d[j]
    low, high, one, two, of_one, of_two = -math.inf, math.inf, -1, -1, 0.0, 0.0
    for index, by in ((k, a), (j, b), (i, c)):
        if by == 0.0:
            continue
        end = -math.exp(w[index]) / by
        if by > 0.0 and end > low:
            low, one, of_one = end, index, by
        if by < 0.0 and end < high:
            high, two, of_two = end, index, by
    length = high - low
    if one < 0 or two < 0 or not 0.0 < length < math.inf:
        return
    three = k + j + i - one - two
    of_three = a if three == k else (b if three == j else c)
    third = math.exp(w[three])
    at_low, at_high = third + of_three * low, third + of_three * high
    if min(at_low, at_high) < _NOTHING:
        return
    log_one, log_two = math.log(of_one * length), math.log(-of_two * length)
    first, second = _log_gamma(alpha[one], rng), _log_gamma(alpha[two], rng)
    whole = np.logaddexp(first, second)
    log_u, log_rest = first - whole, second - whole
    found = math.log(at_low * math.exp(log_rest) + at_high * math.exp(log_u))
    if math.log(rng.random()) < (alpha[three] - 1.0) * (found - w[three]):
        w[one], w[two], w[three] = log_one + log_u, log_two + log_rest, found


def _moves(log_w, log_alpha, d, sweeps, rng):
    models = log_w.shape[1]
    known = np.empty(models, np.int64)
    w, alpha, at = np.empty(models), np.empty(models), np.empty(models)
    for site in range(len(log_w)):
        count = 0
        for k in range(models):
            if log_w[site, k] > -math.inf:
                known[count] = k
                w[count] = log_w[site, k]
                alpha[count] = math.exp(max(log_alpha[site, k], LEAST))
                at[count] = d[site, k]
                count += 1
        if count < 2:
            continue
        for _ in range(sweeps * count):
            # M anew each time: what three weights round off would add up
            m = 0.0
            for k in range(count):
                m += math.exp(w[k]) * at[k]
            k = int(rng.random() * count)
            j = (k + 1 + int(rng.random() * (count - 1))) % count
            _pair(w, alpha, at, m, k, j, rng)
            if count > 2:
                k = int(rng.random() * count)
                j = (k + 1 + int(rng.random() * (count - 1))) % count
                i = int(rng.random() * (count - 2))
                for taken in (min(k, j), max(k, j)):
                    i += i >= taken
                _triple(w, alpha, at, k, j, i, rng)
        for k in range(count):
            log_w[site, known[k]] = w[k]


_moved = Kept(_moves)
