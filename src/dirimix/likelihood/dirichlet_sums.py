"""Draws of weighted sums w . v with Dirichlet weights w, by a compiled loop.

A Gamma(a) variable with a < 1 is a Gamma(a + 1) variable times U^(1/a) = exp(-E / a) (Stuart 1962);
weights are gamma variables over their sum. The largest of the factors exp(-E / a) is divided out
before the sum, so that nothing underflows however small all concentrations are. Gamma variables
with a >= 1 are by Marsaglia and Tsang (2000), doi 10.1145/358407.358414. Numba's normals,
exponentials and uniform numbers are those of NumPy's generators.
"""

import math

import numpy as np

from dirimix.compiled.inlining import Kept

LEAST = -690.0  # log concentrations below this are as good as this: exp(690) is near the largest
_NOTHING = 200.0  # a factor of exp(-200) leaves no digit of a sum


def dirichlet_sums(
    log_alpha: np.ndarray, values: np.ndarray, repeats: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws of w . v, w ~ Dirichlet(exp(log_alpha)), (v, s repeats).

    Args:
        log_alpha: Log concentrations, finite, (s, K).
        values: One or more rows of K values; all rows see the same weights, (v, K).
        repeats: Draws of the weights for each row of `log_alpha`, one after the other.
        rng: Source of randomness.

    >>> log_alpha = np.log([[1e-9, 1e-9, 1.0]])
    >>> dirichlet_sums(log_alpha, np.eye(3), 1, np.random.default_rng(0)).round(3).T
    array([[0., 0., 1.]])
    """
    log_alpha, values = (np.ascontiguousarray(a, dtype=float) for a in (log_alpha, values))
    sums = np.empty((len(values), len(log_alpha) * repeats))
    _fill(sums, log_alpha, values, repeats, rng)
    return sums


def _sums(sums, log_alpha, values, repeats, rng):
    count, models = log_alpha.shape
    d, c, g = np.empty(models), np.empty(models), np.empty(models)
    # E / a of the models with a < 1, 0 of the others
    e, inverse, small = np.zeros(models), np.empty(models), np.empty(models, np.int64)
    for i in range(count):
        n = 0
        for k in range(models):
            a = math.exp(max(log_alpha[i, k], LEAST))
            e[k] = 0.0
            if a < 1.0:
                small[n], inverse[n] = k, 1.0 / a
                n += 1
                a += 1.0
            d[k] = a - 1.0 / 3.0
        for k in range(models):
            c[k] = 1.0 / math.sqrt(9.0 * d[k])
        for r in range(repeats):
            least = math.inf if n == models else 0.0
            for j in range(n):
                e[small[j]] = rng.standard_exponential() * inverse[j]
                least = min(least, e[small[j]])
            total = 0.0
            for k in range(models):
                over = e[k] - least
                if over > _NOTHING:
                    g[k] = 0.0
                    continue
                while True:
                    x = rng.standard_normal()
                    v = 1.0 + c[k] * x
                    v = v * v * v
                    u = rng.random()
                    square = x * x
                    if v > 0.0:
                        if u < 1.0 - 0.0331 * square * square:
                            break
                        if math.log(u) < 0.5 * square + d[k] * (1.0 - v + math.log(v)):
                            break
                g[k] = d[k] * v
                if over > 0.0:
                    g[k] *= math.exp(-over)
                total += g[k]
            for row in range(len(values)):
                found = 0.0
                for k in range(models):
                    found += g[k] * values[row, k]
                sums[row, i * repeats + r] = found / total


_fill = Kept(_sums)
