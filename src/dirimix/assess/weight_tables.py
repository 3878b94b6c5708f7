"""Tables of the field weights: their summary, how many models they amount to, how they trade.

The effective number of models is exp(-sum_k w_k log w_k) of the mean weights, between 1 and K.
Two models whose weights are strongly anti-correlated in the posterior stand for each other.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import entr

from dirimix._arrays import Floats, Mask
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

    mean: Floats
    sd: Floats
    band: Floats
    effective_band: Floats
    total: Floats
    at_site: Floats


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


def _summarise_draws(draws: Floats) -> SiteWeights:
    """Of draws (s, m, K)."""
    sites = draws.transpose(1, 2, 0)
    deviation = sites - sites.mean(axis=2, keepdims=True)
    covariance = deviation @ deviation.transpose(0, 2, 1) / len(draws)
    return SiteWeights(
        draws.mean(axis=0),
        draws.std(axis=0),
        np.quantile(draws, _BAND, axis=0),
        np.quantile(effective_number(draws), _BAND, axis=0),
        draws.mean(axis=1),
        _correlation(covariance).mean(axis=0),
    )


def _correlation(covariance: Floats) -> Floats:
    """The correlations of covariances, (..., K, K)."""
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        # a weight that never varies is correlated with nothing
        return np.nan_to_num(covariance / (scale[..., :, None] * scale[..., None, :]))


def weight_tables(fitted: FittedMethod, data: SplitTable) -> dict[str, pd.DataFrame]:
    """Tables weights, effective and correlations of a mixture; none of single models.

    A global mixture has one row a split, without site.
    """
    method = parse_method(fitted.name).method
    if fitted.mixture is None:
        return {}
    member, columns = fitted.mixture, data.site_columns
    tables: dict[str, list[pd.DataFrame]] = {"weights": [], "effective": [], "correlations": []}
    for split, rows in data.parts.items():
        frame = fitted.prepared(rows.frame)
        # a global mixture has the same weights wherever all models have a value, whichever
        frame = frame if method.local else frame.iloc[:1].fillna(dict.fromkeys(data.models, 1.0))
        found = summarise(member, frame)
        sites = frame.loc[:, columns].copy()
        if not method.local:
            sites[columns] = np.nan
        low, high = found.band
        weights = by_model(sites, member.models, mean=found.mean, sd=found.sd, q05=low, q95=high)
        tables["weights"].append(located(weights, split=split))
        tables["effective"].append(located(_effective(found, sites, method.local), split=split))
        if split == "train" and len(found.total) >= _FEWEST:
            tables["correlations"].append(_correlations(found, member.models))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items() if parts}


def located(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    """A copy of the table with constant columns in front."""
    return pd.concat([pd.DataFrame(where, index=table.index), table], axis=1)


def by_model(sites: pd.DataFrame, models: Sequence[str], **columns: Floats | Mask) -> pd.DataFrame:
    """One row a site and model, m times K, from columns (m, K) of the m sites."""
    repeated = sites.iloc[np.repeat(np.arange(len(sites)), len(models))].reset_index(drop=True)
    numbers = {name: column.ravel() for name, column in columns.items()}
    return repeated.assign(model=list(models) * len(sites), **numbers)


def _effective(found: SiteWeights, sites: pd.DataFrame, local: bool) -> pd.DataFrame:
    low, high = found.effective_band
    table = sites.reset_index(drop=True).assign(
        effective=effective_number(found.mean), q05=low, q95=high
    )
    if not local:
        return table
    low, high = np.quantile(effective_number(found.total), _BAND)
    overall = table.iloc[:1].copy()
    overall[list(sites.columns)] = np.nan
    whole = effective_number(found.mean.mean(axis=0))
    return pd.concat([table, overall.assign(effective=whole, q05=low, q95=high)])


def _correlations(found: SiteWeights, models: Sequence[str]) -> pd.DataFrame:
    """One row a pair of models."""
    deviation = found.total - found.total.mean(axis=0)
    of_mean = _correlation(deviation.T @ deviation / len(deviation))
    first, second = np.triu_indices(len(models), 1)
    names = np.asarray(models, dtype=object)
    pairs = pd.DataFrame({"model_a": names[first], "model_b": names[second]})
    return pairs.assign(of_mean=of_mean[first, second], at_site=found.at_site[first, second])


def effective_number(weights: Floats) -> Floats:
    """Exp of the entropy of weights (..., K), by set of weights; NaN where one is negative.

    >>> effective_number(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]))
    array([2., 1.])
    """
    shares = np.where(weights.min(axis=-1, keepdims=True) < _NEGATIVE, np.nan, weights)
    return np.exp(entr(np.maximum(shares, 0.0)).sum(axis=-1))
