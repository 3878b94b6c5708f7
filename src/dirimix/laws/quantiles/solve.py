"""Quantiles of mixtures of normals, by Newton's method on probits inside a shrinking bracket."""

# pyright: strict, reportMissingTypeStubs=false

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special

from dirimix._arrays import Floats
from dirimix.laws.quantiles.evaluate import Evaluate, evaluators

_STEPS = 100  # bisection alone would do in 60
_CLOSE = 1e-6  # on the probit scale, before the last step: its error is of the order of the square
_EPSILON = np.finfo(float).eps
_special: Any = special  # SciPy types neither the arguments nor the results of these


def quantiles(
    loc: Floats, scale: Floats, weight: Floats, qs: Sequence[float], mean: Floats, std: Floats
) -> Floats:
    """Solve F(t) = q at each of m sites, for each of some q: (m, len(qs)).

    The mixture's quantile lies between those of its components. On the probit scale F is straight
    for one normal and nearly so for many, hence few steps.

    Args:
        loc: Component means, (c, m).
        scale: Component standard deviations, (c, m).
        weight: Component weights, (c,) or (c, m).
        qs: Strictly between 0 and 1.
        mean: Of the mixture, (m,).
        std: Of the mixture, (m,).
    """
    found = np.empty((len(qs), loc.shape[1]))
    (left, right), (narrow, wide) = _ends(loc, weight), _ends(scale, weight)
    for row, q, evaluate in zip(found, qs, evaluators(loc, scale, weight, qs), strict=True):
        aim = float(_special.ndtri(q))
        lo = left + aim * (wide if aim < 0 else narrow)
        hi = right + aim * (narrow if aim < 0 else wide)
        row[:] = _solve(q, aim, evaluate, np.clip(mean + std * aim, lo, hi), lo, hi)
    return found.T


def _solve(q: float, aim: float, evaluate: Evaluate, t: Floats, lo: Floats, hi: Floats) -> Floats:
    """From t on and between lo and hi, (m,) each; `aim` is q on the probit scale."""
    done = np.zeros(len(t), dtype=bool)
    for _ in range(_STEPS):
        f, density = evaluate(t, ~done)
        lo, hi = np.where(f < q, t, lo), np.where(f < q, hi, t)
        probit = _special.ndtri(f)
        missed = aim - probit
        after: Floats = t + _newton_step(missed, probit, density)
        # not a number or outside the bracket: bisect
        after = np.where((after >= lo) & (after <= hi), after, (lo + hi) / 2)
        settled = (np.abs(missed) < _CLOSE) | (np.abs(after - t) <= _EPSILON * np.abs(t))
        # a site that is done stays, however long the others take
        t = np.where(done, t, after)
        done |= settled
        if done.all():
            break
    return t


def _ends(each: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Least and greatest of the components' numbers (c, m), of those that have weight."""
    if np.all(weight > 0):
        return each.min(axis=0), each.max(axis=0)
    weight = np.broadcast_to(weight if weight.ndim == 2 else weight[:, None], each.shape)
    each = np.where(weight > 0, each, np.nan)
    return np.nanmin(each, axis=0), np.nanmax(each, axis=0)


def _newton_step(missed: Floats, probit: Floats, density: Floats) -> Floats:
    """Newton's step towards a probit; not a number where F or its slope underflows."""
    slope = density * np.sqrt(2 * np.pi) * np.exp(np.minimum(0.5 * probit**2, 700.0))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return missed / slope
