"""Leave-one-out predictive density from the posterior itself, by smoothed importance sampling.

The estimate is ArviZ's. It needs log p(y_i | parameters) with the site weights integrated out: a
site weight that has seen y_i would make leaving y_i out impossible. Where the Pareto shape k of a
row exceeds 0.7 the row decides too much of the posterior for its estimate to be trusted.

Reference: Vehtari, Gelman, Gabry (2017), doi 10.1007/s11222-016-9696-4.
"""

import warnings

import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.base.array import array_stats
from arviz_stats.loo import loo

from dirimix.errors import DroppedRowsWarning
from dirimix.estimators.fitted import FittedMethod
from dirimix.methods import parse_method
from dirimix.table.split import SplitTable

LARGEST_K = 0.7
_NOTE = "the correction has seen every row: the estimate is too high"


def loo_tables(fitted: FittedMethod, data: SplitTable) -> dict[str, pd.DataFrame]:
    """Tables loo (one row) and loo_pointwise (one row a training row); none without a posterior.

    Their columns, all of `schema.TABLES` but the method, are described in docs/files.md. Draws
    that are too few give none, with a warning.
    """
    tree = None if fitted.mixture is None else fitted.mixture.fit_report().posterior
    if tree is None or "log_likelihood" not in tree.children:
        return {}
    rows = data.parts["train"].frame
    log_likelihood = tree["log_likelihood"]["y"].to_numpy()
    index = _rows_of(rows, data.models, log_likelihood.shape[-1])
    try:
        elpd, k, p = leave_one_out(log_likelihood)
    except ValueError as error:
        # draws that are too few or all alike have no tail to fit
        warnings.warn(
            f"no leave-one-out scores from {log_likelihood[..., 0].size} draws: {error}",
            DroppedRowsWarning,
            stacklevel=2,
        )
        return {}
    points = rows[list(data.coords)].iloc[index].reset_index(drop=True)
    points = points.assign(elpd=elpd, pareto_k=k)
    points.insert(0, "row", index)
    corrected = parse_method(fitted.name).corrected
    return {"loo": _summary(elpd, k, p, _NOTE if corrected else ""), "loo_pointwise": points}


def leave_one_out(log_likelihood: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Log predictive density and Pareto k of every row, (n,) each, and the effective parameters.

    Args:
        log_likelihood: log p(y_i | draw), (chains, draws, n).

    Raises:
        ValueError: If the draws are too few or all alike.
    """
    chains, draws, n = log_likelihood.shape
    array = xr.DataArray(log_likelihood, dims=("chain", "draw", "point"))
    tree = xr.DataTree.from_dict({"log_likelihood": xr.Dataset({"y": array})})
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # the table says how many rows it concerns
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
        found = loo(tree, pointwise=True, reff=_efficiency(log_likelihood))
    assert found.n_data_points == n
    assert found.n_samples == chains * draws
    return np.asarray(found.elpd_i), np.asarray(found.pareto_k), float(found.p)


def _efficiency(log_likelihood: np.ndarray) -> float:
    """Effective over actual draws, of the likelihood of a row, the mean over rows."""
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=(0, 1)))
    ess = array_stats.ess(likelihood, chain_axis=0, draw_axis=1, method="mean")
    chains, draws, _ = log_likelihood.shape
    return float(np.nanmean(np.asarray(ess))) / (chains * draws)


def _rows_of(frame: pd.DataFrame, models: tuple[str, ...], n: int) -> np.ndarray:
    """Which training rows the n columns of a log likelihood are: all, or the complete ones."""
    if n == len(frame):
        return np.arange(n)
    complete = np.flatnonzero(frame[list(models)].notna().all(axis=1))
    assert len(complete) == n
    return complete


def _summary(elpd: np.ndarray, k: np.ndarray, p: float, note: str) -> pd.DataFrame:
    n, high = len(elpd), int(np.sum(k > LARGEST_K))
    row = {
        "n": n,
        "elpd": elpd.sum(),
        "se": np.sqrt(n * elpd.var()),
        "p_loo": p,
        "elpd_mean": elpd.mean(),
        "high_k": high,
        "share_high_k": high / n,
        "max_k": k.max(),
        "note": note,
    }
    return pd.DataFrame([row])
