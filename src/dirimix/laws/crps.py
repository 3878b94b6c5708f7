"""The continuous ranked probability score of predictive laws, to about 1e-8.

crps(F, y) = integral (F(t) - 1{y <= t})^2 dt = E|Y - y| - E|Y - Y'| / 2, with Y and Y' independent
and both of law F. The first term is a closed form in each component. The second is one in each
pair of components, which thousands of posterior draws make too many; it also is twice
integral F(t) (1 - F(t)) dt, a smooth bump on which the trapezoidal rule converges exponentially.
Whichever is cheaper is used: 1,000 draws at 60 sites take 0.12 s, the pairs of `scoringrules` 12 s.
Transformed mixtures have their own rule (`transformed_crps`).

Reference: Grimit, Gneiting, Berrocal, Johnson (2006), doi 10.1256/qj.05.235.
"""

# pyright: strict, reportMissingTypeStubs=false

import numpy as np
from scipy.special import ndtr

from dirimix._arrays import Floats
from dirimix.laws.normal_mixture import NormalMixture, mixture_cdf
from dirimix.laws.transformed_crps import transformed_crps
from dirimix.laws.transformed_mixture import PredictiveLaw, TransformedMixture

_REACH = 6.5  # standard deviations beyond which a component counts as nothing, 1e-10
_STEP = 0.7  # of the least standard deviation: a relative error of exp(-(pi / 0.7)^2) = 2e-9


def crps_values(law: PredictiveLaw, y: Floats) -> Floats:
    """Continuous ranked probability score at each site, lower is better.

    Args:
        law: Predictive law at m sites.
        y: Observations, (m,).

    Returns:
        Scores, (m,), in the unit of y.

    >>> law = NormalMixture.of_draws(np.zeros((1, 1)), 1.0)
    >>> crps_values(law, np.array([0.0])).round(6)  # (sqrt(2) - 1) / sqrt(pi)
    array([0.233695])
    """
    if isinstance(law, TransformedMixture):
        return transformed_crps(law, y)
    parts = [_block_crps(law.at(sites), y[sites]) for sites in law.blocks()]
    return np.concatenate(parts) if parts else np.empty(0)


def _block_crps(law: NormalMixture, y: Floats) -> Floats:
    weight = law.site_weight
    distance = np.sum(weight * _mean_absolute(y - law.loc, law.scale), axis=0)
    lo, step, n = _grid(law)
    spread, few = np.empty(len(y)), n < len(weight) / 2
    if few.any():
        spread[few] = _spread_on_grid(law.at(few), lo[few], step[few], n[few])
    if not few.all():
        spread[~few] = _spread_by_pairs(law.at(~few))
    return distance - spread


def _mean_absolute(mean: Floats, sd: Floats) -> Floats:
    """E|Y| of a normal law."""
    z = mean / sd
    with np.errstate(over="ignore"):  # the density is 0 there
        density = np.exp(-0.5 * z**2)
    return mean * (2 * ndtr(z) - 1) + sd * np.sqrt(2 / np.pi) * density


def _grid(law: NormalMixture) -> tuple[Floats, Floats, Floats]:
    """First node, step and number of nodes of each site, (m,) each."""
    real = law.site_weight > 0
    lo = np.min(law.loc - _REACH * law.scale, axis=0, where=real, initial=np.inf)
    hi = np.max(law.loc + _REACH * law.scale, axis=0, where=real, initial=-np.inf)
    step = _STEP * np.min(law.scale, axis=0, where=real, initial=np.inf)
    n = np.ceil((hi - lo) / step) + 1
    return lo, (hi - lo) / (n - 1), n


def _spread_on_grid(law: NormalMixture, lo: Floats, step: Floats, n: Floats) -> Floats:
    """E|Y - Y'| / 2 by the trapezoidal rule, (m,)."""
    total = np.zeros(len(lo))
    for i in range(int(np.max(n))):  # beyond a site's own nodes its sum gains nothing
        below = mixture_cdf(law, lo + i * step)
        total += below * (1 - below)
    return total * step


def _spread_by_pairs(law: NormalMixture) -> Floats:
    """E|Y - Y'| / 2 in closed form, one component against all at a time, (m,)."""
    mean, sd, weight = law.loc, law.scale, law.site_weight
    total = np.zeros(mean.shape[1])
    for i in range(len(mean)):
        each = _mean_absolute(mean[i] - mean, np.hypot(sd[i], sd))
        total += weight[i] * np.sum(weight * each, axis=0)
    return total / 2
