"""Weighted models with noise as one predictive law, also where some models are not known."""

import numpy as np

from dirimix.laws.normal_mixture import NormalMixture
from dirimix.table.table import Table


def renormalise(weights: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Weights at sites where only some models are known, with the sum that they had.

    Args:
        weights: (s, K) or (s, n, K).
        known: Which model has a value where, (n, K); every row has one.

    Returns:
        (s, n, K), 0 where a model is not known.
    """
    weights = weights if weights.ndim == 3 else weights[:, None, :]
    kept = np.where(known, weights, 0.0)
    total, part = weights.sum(axis=-1, keepdims=True), kept.sum(axis=-1, keepdims=True)
    # where the known models carry no weight at all they share it equally
    equal = known / known.sum(axis=-1, keepdims=True)
    safe = np.where(part == 0, 1.0, part)
    return np.where(part == 0, equal * total, kept * (total / safe))


def pool(table: Table, weights: np.ndarray, sigma: np.ndarray) -> NormalMixture:
    """Predictive law of weighted models with noise, one component a draw.

    Args:
        table: m sites.
        weights: (s, K) or (s, m, K); renormalised over the models known at a site.
        sigma: Noise standard deviations, (s,).
    """
    weights = renormalise(weights, table.known)
    f = np.where(table.known, table.f, 0.0)
    mean = np.einsum("smk,mk->sm", weights, f)
    # corrections learnt from the same residuals err together: their deviations add
    correction = np.einsum("smk,mk->sm", np.abs(weights), table.f_sd)
    sd = np.sqrt(sigma[:, None] ** 2 + correction**2 + table.y_err**2)
    return NormalMixture.of_draws(mean, sd, correction if np.any(table.f_sd) else None)
