"""Importance weights, smoothed by Pareto's law, and how far they may be trusted.

Reference: Vehtari, Simpson, Gelman, Yao, Gabry (2024), JMLR 25:72.
"""

from typing import Any

import numpy as np
from scipy.special import logsumexp

from dirimix._arrays import Floats

LARGEST_K = 0.7  # Pareto k above which weights, and what they estimate, cannot be trusted
FEWEST = 25  # draws, of which a fifth is the tail that the law is fitted to
_EQUAL = 1e-9  # by which logarithms of ratios differ that are rounding errors


def array_stats() -> Any:
    """ArviZ's statistics of arrays, which take more than their annotations say.

    They are imported here, where they are used: that is half a second, which no check needs.
    """
    from arviz_stats.base.array import array_stats

    return array_stats


def check_enough(draws: int) -> None:
    """Refuse draws whose tail is too short for a law.

    Raises:
        ValueError: If it is.
    """
    if draws < FEWEST:
        raise ValueError(f"the tail of importance ratios takes at least {FEWEST} draws")


def smoothed(log_ratios: Floats) -> tuple[Floats, float]:
    """Weights of draws, (s,), of sum one, and the shape k of their tail; ArviZ's estimate.

    Where a few draws outweigh all others beyond what double precision holds, no law can be fitted
    to the tail: the weights are then the ratios themselves, and k is infinite. So it is where a
    ratio is not a number; where none is, all weights are alike.

    Args:
        log_ratios: Of the density wanted to that of the draws, (s,).

    Raises:
        ValueError: If they are fewer than a tail takes.

    >>> import numpy as np
    >>> ratios = np.random.default_rng(0).normal(size=1000)
    >>> weights, k = smoothed(ratios)
    >>> round(float(weights.sum()), 9), round(k, 1), smoothed(1000 * ratios)[1]
    (1.0, 0.4, inf)
    """
    if np.ptp(log_ratios) < _EQUAL:  # nothing was approximated
        return np.full(len(log_ratios), 1 / len(log_ratios)), 0.0
    check_enough(len(log_ratios))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        smooth, k = array_stats().psislw(-log_ratios, axis=-1)
    if not np.isfinite(logsumexp(smooth)):
        finite = np.isfinite(log_ratios)
        smooth = np.where(finite, log_ratios, -np.inf) if finite.any() else 0 * finite
        k = np.inf
    weights = np.exp(smooth - np.max(smooth))
    return weights / weights.sum(), float(k)
