"""Leave-one-out predictive density from the posterior itself, by smoothed importance sampling.

The estimate is ArviZ's. It needs log p(y_i | parameters) with the site weights integrated out: a
site weight that has seen y_i would make leaving y_i out impossible. Where the Pareto shape k of a
row exceeds 0.7 the row decides too much of the posterior for its estimate to be trusted.

Reference: Vehtari, Gelman, Gabry (2017), doi 10.1007/s11222-016-9696-4.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import warnings

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from dirimix._arrays import Floats, Indices, Mask
from dirimix.errors import DroppedRowsWarning, counted
from dirimix.estimators.fitted import FittedMethod
from dirimix.methods import parse_method
from dirimix.sampling.importance import LARGEST_K, array_stats, check_enough
from dirimix.table.selection import observed
from dirimix.table.split import SplitTable

_NOTE = "the correction has seen every row: the estimate is too high"


def loo_tables(fitted: FittedMethod, data: SplitTable) -> dict[str, pd.DataFrame]:
    """Tables loo (one row) and loo_pointwise (one row a training row); none without a posterior.

    Draws that are too few give none, with a warning.
    """
    tree = None if fitted.mixture is None else fitted.mixture.fit_report().posterior
    if tree is None or "log_likelihood" not in tree.children:
        return {}
    rows = data.parts["train"].frame
    log_likelihood = tree["log_likelihood"]["y"].to_numpy()
    index, n = np.arange(len(rows)), log_likelihood.shape[-1]
    if n < len(rows):  # it has the complete rows only
        index = np.flatnonzero(rows[list(data.models)].notna().all(axis=1))
    assert len(index) == n
    scored, note = _scored(fitted, data, index)
    index, log_likelihood, n = index[scored], log_likelihood[..., scored], int(scored.sum())
    try:
        elpd, k, p = leave_one_out(log_likelihood)
    except ValueError as error:
        warnings.warn(
            f"no leave-one-out scores from {log_likelihood[..., 0].size} draws: {error}",
            DroppedRowsWarning,
            stacklevel=2,
        )
        return {}
    points = rows[data.site_columns].iloc[index].reset_index(drop=True)
    points = points.assign(elpd=elpd, pareto_k=k)
    points.insert(0, "row", index)
    high = int(np.sum(~(k <= LARGEST_K)))
    summary = {
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
    return {"loo": pd.DataFrame([summary]), "loo_pointwise": points}


def _scored(fitted: FittedMethod, data: SplitTable, index: Indices) -> tuple[Mask, str]:
    """Which of some training rows have a density at their observation, and a note.

    An observation of 0 has a probability under a transform, not a density.
    """
    transform = fitted.the_mixture().transform_
    without = transform.is_atom(observed(data.parts["train"])[index])
    notes = [_NOTE] if parse_method(fitted.name).corrected else []
    if n := int(without.sum()):
        notes.append(
            f"{counted(n, 'row')} {'is' if n == 1 else 'are'} left out: {transform} gives 0 a "
            "probability, not a density"
        )
    return ~without, "; ".join(notes)


def leave_one_out(log_likelihood: Floats) -> tuple[Floats, Floats, float]:
    """Log predictive density and Pareto k of every row, (n,) each, and the effective parameters.

    They come from log p(y_i | draw), (chains, draws, n). A row that has the same density in every
    draw is left out at no cost: k is 0. Where the tail of a row's ratios has no law, as a few draws
    outweigh all others beyond what double precision holds, or the largest ratios are all alike, k
    is infinite and the density that of the plain ratios.

    Raises:
        ValueError: If the draws are too few or all alike.
    """
    flat = log_likelihood.reshape(-1, log_likelihood.shape[-1])
    check_enough(len(flat))
    alike = (flat == flat[0]).all(axis=0)
    if alike.all():
        raise ValueError("they are all alike")
    with np.errstate(divide="ignore", invalid="ignore"):
        # effective over actual draws, of the likelihood of a row, the mean over rows
        likelihood = np.exp(log_likelihood - log_likelihood.max(axis=(0, 1)))
        ess = array_stats().ess(likelihood, chain_axis=0, draw_axis=1, method="mean")
        reff = float(np.nanmean(np.asarray(ess))) / len(flat)
        found = [_left_out(row, reff) for row in flat.T]
        elpd, k = np.array(found).T
        elpd[alike], k[alike] = flat[0, alike], 0.0
        lost = ~np.isfinite(elpd)
        elpd[lost], k[lost] = np.log(len(flat)) - logsumexp(-flat[:, lost], axis=0), np.inf
        seen = logsumexp(flat, axis=0) - np.log(len(flat))
        return elpd, k, float(np.sum(seen - elpd))


def _left_out(row: Floats, reff: float) -> tuple[float, float]:
    """Log predictive density and Pareto k of a row, from its log likelihoods, (draws,).

    Not a number where the tail has no law.
    """
    try:
        weights, k = array_stats().psislw(row, r_eff=reff, axis=-1)
    except ValueError:  # the tail is one number
        return np.nan, np.inf
    return float(logsumexp(weights + row)), float(k)
