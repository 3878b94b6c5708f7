"""Tables of the field weights: their summary, how many models they amount to, how they trade.

The effective number of models is exp(-sum_k w_k log w_k) of the mean weights, between 1 and K.
Two models whose weights are strongly anti-correlated in the posterior stand for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import entr

from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fitted import FittedMethod
from dirimix.methods import parse_method
from dirimix.table.split import SplitTable

_SITES = 512  # whose weight draws are held at once: 150 MB for 4,000 draws of 9 models
_FEWEST = 100  # draws that a correlation needs
_BAND = (0.05, 0.95)
_NEGATIVE = -1e-9  # weights below this are no shares, and have no entropy


@dataclass(frozen=True)
class SiteWeights:
    """What draws of field weights at m sites say.

    Attributes:
        mean: (m, K).
        sd: (m, K).
        band: 5 % and 95 % quantiles, (2, m, K).
        effective_band: The same of the effective number of models of each draw, (2, m).
        total: Mean over the sites, draw by draw, (s, K).
        at_site: Posterior correlation of the weights at a site, mean over the sites, (K, K).
    """

    mean: np.ndarray
    sd: np.ndarray
    band: np.ndarray
    effective_band: np.ndarray
    total: np.ndarray
    at_site: np.ndarray


def summarise(member: AbstractMixture, frame: pd.DataFrame) -> SiteWeights:
    """One pass over the weight draws of a mixture at the rows of a frame, block by block."""
    blocks = site_blocks(frame)
    parts = [_summarise_draws(member.draw_weights(block)) for block in blocks]
    share = np.array([len(block) for block in blocks]) / len(frame)
    return SiteWeights(
        np.concatenate([p.mean for p in parts]),
        np.concatenate([p.sd for p in parts]),
        np.concatenate([p.band for p in parts], axis=1),
        np.concatenate([p.effective_band for p in parts], axis=1),
        np.tensordot(share, np.stack([p.total for p in parts]), 1),
        np.tensordot(share, np.stack([p.at_site for p in parts]), 1),
    )


def site_blocks(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Parts of a frame whose weight draws may be held at once."""
    return [frame.iloc[at : at + _SITES] for at in range(0, len(frame), _SITES)]


def _summarise_draws(draws: np.ndarray) -> SiteWeights:
    """Of draws (s, m, K)."""
    sites = draws.transpose(1, 2, 0)
    deviation = sites - sites.mean(axis=2, keepdims=True)
    covariance = deviation @ deviation.transpose(0, 2, 1) / len(draws)
    scale = np.sqrt(np.einsum("mkk->mk", covariance))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = covariance / (scale[:, :, None] * scale[:, None, :])
    return SiteWeights(
        draws.mean(axis=0),
        draws.std(axis=0),
        np.quantile(draws, _BAND, axis=0),
        np.quantile(effective_number(draws), _BAND, axis=0),
        draws.mean(axis=1),
        # a weight that never varies is correlated with nothing
        np.nan_to_num(correlation).mean(axis=0),
    )


def weight_tables(fitted: FittedMethod, data: SplitTable) -> dict[str, pd.DataFrame]:
    """Tables weights, effective and correlations of a mixture; none of single models.

    Their columns, all of `schema.TABLES` but the method, are described in docs/files.md. A global
    mixture has one row a split, without site.
    """
    method = parse_method(fitted.name).method
    if fitted.mixture is None:
        return {}
    member, coords = fitted.mixture, list(data.coords)
    tables: dict[str, list[pd.DataFrame]] = {"weights": [], "effective": [], "correlations": []}
    for split, rows in data.parts.items():
        frame = fitted.prepared(rows.frame)
        # a global mixture has the same weights wherever all models are known
        frame = frame if method.local else frame.iloc[:1].fillna(0.0)
        found = summarise(member, frame)
        nowhere = {} if method.local else dict.fromkeys(coords, np.nan)
        sites = frame.loc[:, coords].assign(**nowhere)
        tables["weights"].append(_weights(found, sites, member.models).assign(split=split))
        tables["effective"].append(_effective(found, sites, method.local).assign(split=split))
        if split == "train" and len(found.total) >= _FEWEST:
            tables["correlations"].append(_correlations(found, member.models))
    joined = {n: pd.concat(t, ignore_index=True) for n, t in tables.items() if t}
    for name in ("weights", "effective"):
        joined[name].insert(0, "split", joined[name].pop("split"))
    return joined


def site_weights(
    member: AbstractMixture, frame: pd.DataFrame, coords: Sequence[str]
) -> pd.DataFrame:
    """Field weights at every site: coordinates, model, mean, sd, q05, q95; m times K rows."""
    return _weights(summarise(member, frame), frame.loc[:, list(coords)], member.models)


def _weights(found: SiteWeights, sites: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    low, high = found.band
    repeated = sites.iloc[np.repeat(np.arange(len(sites)), len(models))]
    return repeated.reset_index(drop=True).assign(
        model=list(models) * len(sites),
        mean=found.mean.ravel(),
        sd=found.sd.ravel(),
        q05=low.ravel(),
        q95=high.ravel(),
    )


def _effective(found: SiteWeights, sites: pd.DataFrame, local: bool) -> pd.DataFrame:
    low, high = found.effective_band
    table = sites.reset_index(drop=True).assign(
        effective=effective_number(found.mean), q05=low, q95=high
    )
    if not local:
        return table
    low, high = np.quantile(effective_number(found.total), _BAND)
    overall = table.iloc[:1].assign(**dict.fromkeys(sites.columns, np.nan))
    whole = effective_number(found.mean.mean(axis=0))
    return pd.concat([table, overall.assign(effective=whole, q05=low, q95=high)])


def _correlations(found: SiteWeights, models: Sequence[str]) -> pd.DataFrame:
    """One row a pair of models."""
    deviation = found.total - found.total.mean(axis=0)
    covariance = deviation.T @ deviation / len(deviation)
    scale = np.sqrt(np.diag(covariance))
    with np.errstate(divide="ignore", invalid="ignore"):
        of_mean = np.nan_to_num(covariance / np.outer(scale, scale))
    first, second = np.triu_indices(len(models), 1)
    names = np.asarray(models, dtype=object)
    return pd.DataFrame(
        {
            "model_a": names[first],
            "model_b": names[second],
            "of_mean": of_mean[first, second],
            "at_site": found.at_site[first, second],
        }
    )


def effective_number(weights: np.ndarray) -> np.ndarray:
    """Exp of the entropy of weights (..., K), by set of weights; NaN where one is negative.

    >>> effective_number(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]))
    array([2., 1.])
    """
    shares = np.where(weights.min(axis=-1, keepdims=True) < _NEGATIVE, np.nan, weights)
    return np.exp(entr(np.maximum(shares, 0.0)).sum(axis=-1))
