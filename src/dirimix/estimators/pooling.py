"""Weighted models with noise as one predictive law, also where some models are not known."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dirimix._arrays import Floats
from dirimix.laws.normal_mixture import NormalMixture
from dirimix.laws.sites import row_product
from dirimix.table.selection import gaps, marks
from dirimix.table.table import Table

# held at once of what has an entry a site: 16 MB, and some times that on the way
_NUMBERS = 1 << 21


def in_blocks(table: Table, numbers: int) -> Iterator[Table]:
    """A table in blocks of sites, each of which takes so many numbers, that memory has room for."""
    size = max(1, _NUMBERS // numbers)
    rows = np.arange(len(table.x))
    return (table.rows(rows[at : at + size]) for at in range(0, len(rows), size))


def mean_by_pattern(draws: Callable[[Table], np.ndarray], table: Table) -> np.ndarray:
    """Means of draws (s, m, K) that are the same at all sites where the same models are known."""
    _, first, own = np.unique(table.known, axis=0, return_index=True, return_inverse=True)
    numbers = draws(table.rows(first[:1])).size
    blocks = in_blocks(table.rows(first), numbers)
    return np.concatenate([draws(block).mean(axis=0) for block in blocks])[own.ravel()]


def thin(n: int, most: int) -> np.ndarray:
    """Indices of at most so many of n draws, equally spaced."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))


def renormalise(weights: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Weights at sites where only some models are known, with the sum that they had.

    The known models take what the others leave in proportion to their own weights. Where weights
    are negative, those of the known models may cancel, and no factor is right: then they take it
    in equal parts, as the known models' average would stand in for a missing one.

    Args:
        weights: (s, K) or (s, n, K).
        known: Which model has a value where, (n, K); every row has one.

    Returns:
        (s, n, K), 0 where a model is not known.
    """
    weights = weights if weights.ndim == 3 else weights[:, None, :]
    kept = np.where(known, weights, 0.0)
    total, part = weights.sum(axis=-1, keepdims=True), kept.sum(axis=-1, keepdims=True)
    equal = known / known.sum(axis=-1, keepdims=True)
    if np.any(weights < 0):
        return kept + equal * np.where(known, 0.0, weights).sum(axis=-1, keepdims=True)
    # where the known models carry no weight at all they share it equally
    safe = np.where(part == 0, 1.0, part)
    return np.where(part == 0, equal * total, kept * (total / safe))


def pool(
    table: Table,
    weights: np.ndarray,
    sigma: np.ndarray,
    precision: np.ndarray | None = None,
) -> NormalMixture:
    """Predictive law of weighted models with noise, one component a draw.

    Args:
        table: m sites.
        weights: (s, K) or (s, m, K); renormalised over the models known at a site.
        sigma: Noise standard deviations, (s,) or (s, m).
        precision: What the variance of noise and measurement error is divided by, (s, m).
    """
    mean, correction = mixed(table, weights), None
    if np.any(table.f_sd):
        correction = _weighted(weights, table.f_sd, table.known, np.abs)
    return with_noise(table, mean, correction, sigma, precision)


def mixed(table: Table, weights: np.ndarray) -> np.ndarray:
    """Weighted sums of the models' values, (s, m), of weights as `pool` takes them."""
    return _weighted(weights, np.where(table.known, table.f, 0.0), table.known)


def with_noise(
    table: Table,
    mean: np.ndarray,
    correction: np.ndarray | None,
    sigma: np.ndarray,
    precision: np.ndarray | None = None,
) -> NormalMixture:
    """The law of draws of the mixed models, (s, m), with noise.

    Args:
        table: m sites.
        mean: Weighted sums of the models.
        correction: Weighted sums of the deviations of the models' corrections: those learnt from
            the same residuals err together, so their deviations add. None where there are none.
        sigma: Noise standard deviations, (s,) or (s, m).
        precision: What the variance of noise and measurement error is divided by, (s, m).
    """
    variance = (sigma if sigma.ndim == 2 else sigma[:, None]) ** 2
    if np.any(table.y_err):
        variance = variance + table.y_err**2
    if isinstance(precision, np.ndarray):
        variance = variance / precision
    if correction is not None:
        variance = variance + correction**2
    return NormalMixture.of_draws(mean, np.sqrt(variance), correction)


def _weighted(
    weights: np.ndarray,
    values: np.ndarray,
    known: np.ndarray,
    of: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> np.ndarray:
    """Sums over the models of a function of the weights times values (m, K), (s, m).

    What it says of a site depends on no other site, to the last bit.
    """
    if weights.ndim == 3:
        return np.einsum("smk,mk->sm", of(renormalise(weights, known)), values)
    sums = np.empty((len(weights), len(values)))
    # sites with the same models have the same weights: no array of all draws, sites and models
    patterns, own = np.unique(known, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(own.ravel() == number)
        shared = of(renormalise(weights, pattern[None])[:, 0])
        sums[:, rows] = row_product(values[rows], shared.T).T
    return sums


@dataclass(frozen=True)
class PartDraws:
    """Posterior draws of what predictions at m sites are made of, in the scale of the fit.

    Attributes:
        mixture: Weighted models, (s, m).
        noise: Scale of the noise, measurement errors apart, (s, m).
        discrepancy: What is added to the mixture, (s, m); None where there is nothing of the kind.
    """

    mixture: np.ndarray
    noise: np.ndarray
    discrepancy: np.ndarray | None = None

    def summary(self) -> dict[str, np.ndarray]:
        """Means and standard deviations, and how mixture and discrepancy correlate, (m,) each."""
        added = np.zeros_like(self.mixture) if self.discrepancy is None else self.discrepancy
        columns: dict[str, np.ndarray] = {}
        apart: dict[str, np.ndarray] = {}  # from the mean, exactly 0 for what never varies
        for name, of in (("mixture", self.mixture), ("discrepancy", added), ("noise", self.noise)):
            shift = of - of[:1]
            mean = shift.mean(axis=0)
            apart[name] = shift - mean
            columns |= {name: of[0] + mean, f"{name}_sd": shift.std(axis=0)}
        scale = columns["mixture_sd"] * columns["discrepancy_sd"]
        with np.errstate(invalid="ignore"):
            product = np.mean(apart["mixture"] * apart["discrepancy"], axis=0)
            columns["correlation"] = product / scale
        return columns


def remarks_on_new(mixture: Any, models: Sequence[str], f: Floats) -> list[str]:
    """Sentences on rows to predict: marks of missing values, and gaps that a fit knew nothing of.

    Args:
        mixture: Fitted; what it, or a member of it, was fitted to says whether gaps are new to it.
        models: Names of the models.
        f: Their values, (m, K).
    """
    members = getattr(mixture, "members_", {"": mixture}).values()
    # a single model has no others that take over
    mixes = [member for member in members if getattr(member, "model", None) is None]
    complete = any(getattr(member, "complete_only", False) for member in mixes)
    return [*marks(models, f), *(gaps(models, f) if complete else [])]
