"""Whether a sample may be read as an answer: R-hat, effective sample sizes, divergences, energy.

Rank-normalised split R-hat and bulk and tail effective sample sizes are those of Vehtari et al.
(2021), doi 10.1214/20-BA1221, the fraction of missing information in the energy that of
Betancourt (2016), arXiv:1604.00695, all as ArviZ computes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import joblib
import numpy as np
import pandas as pd
from arviz_stats.base.array import array_stats

MAX_RHAT = 1.01
MIN_ESS = 400.0
MAX_DIVERGENT_SHARE = 0.001
MIN_BFMI = 0.3
_AT_ONCE = 200  # quantities that are checked together
_FEW = 5  # so many times that are not worth other processes


def ess_bulk(draws: np.ndarray) -> np.ndarray:
    """Bulk effective sample sizes of (chains, draws, p), (p,)."""
    return np.asarray(array_stats.ess(draws, chain_axis=0, draw_axis=1, method="bulk"))


def summarise(draws: np.ndarray, names: list[str]) -> pd.DataFrame:
    """One row a parameter: parameter, mean, sd, ess_bulk, ess_tail, rhat.

    Args:
        draws: (chains, draws, p).
        names: p names.
    """
    flat, p = draws.reshape(-1, draws.shape[-1]), draws.shape[-1]
    known = {"parameter": names, "mean": flat.mean(axis=0), "sd": flat.std(axis=0, ddof=1)}
    # ArviZ takes one quantity at a time, 2 ms each
    parts = np.array_split(draws, max(1, -(-p // _AT_ONCE)), axis=-1)
    processes = -1 if len(parts) > _FEW else 1
    checks = (joblib.delayed(_checks)(part) for part in parts)
    found = cast(list[pd.DataFrame], joblib.Parallel(n_jobs=processes)(checks))
    return pd.concat([pd.DataFrame(known), pd.concat(found, ignore_index=True)], axis=1)


def _checks(draws: np.ndarray) -> pd.DataFrame:
    """Bulk and tail effective sample sizes and R-hat of (chains, draws, p), p rows."""
    tail = array_stats.ess(draws, method="tail", prob=(0.05, 0.95), chain_axis=0, draw_axis=1)
    rhat = array_stats.rhat(draws, method="rank", chain_axis=0, draw_axis=1)
    return pd.DataFrame({"ess_bulk": ess_bulk(draws), "ess_tail": tail, "rhat": rhat})


def bfmi(energy: np.ndarray) -> float:
    """The smallest over the chains, (chains, draws): low where momenta cannot reach the tails."""
    return float(np.min(array_stats.bfmi(energy, chain_axis=0, draw_axis=1)))


@dataclass(frozen=True)
class Verdict:
    """Whether the checks passed, and in words which did not."""

    converged: bool
    reasons: tuple[str, ...]


def faults(summary: pd.DataFrame, min_ess: float = MIN_ESS) -> tuple[str, ...]:
    """What is wrong with the rows of a summary, in words: R-hat and effective sample sizes.

    A quantity that never varied (a weight that is exactly 0) has no defined R-hat and is passed.
    """
    rows = summary[summary["sd"] > 0]
    found = []
    for column, bad, limit in (
        ("rhat", rows["rhat"] > MAX_RHAT, f"above {MAX_RHAT}"),
        ("ess_bulk", rows["ess_bulk"] < min_ess, f"below {min_ess:.0f}"),
        ("ess_tail", rows["ess_tail"] < min_ess, f"below {min_ess:.0f}"),
    ):
        if np.any(bad):
            worst = rows.loc[rows[column].idxmax() if column == "rhat" else rows[column].idxmin()]
            found.append(
                f"{column} {limit} for {bad.sum()} of {len(rows)} quantities "
                f"(worst {worst['parameter']}: {worst[column]:.4g})"
            )
    return tuple(found)


def judge(summary: pd.DataFrame, stats: Mapping[str, np.ndarray]) -> Verdict:
    """Check every row of a summary, the share of divergent draws, and the energy.

    Args:
        summary: As `summarise` gives it.
        stats: `diverging` and `energy` of every draw, (chains, draws) each.
    """
    reasons = list(faults(summary))
    share = float(np.mean(stats["diverging"]))
    if share > MAX_DIVERGENT_SHARE:
        reasons.append(f"{share:.2%} of the draws diverged (limit {MAX_DIVERGENT_SHARE:.1%})")
    moved = bfmi(stats["energy"])
    if moved < MIN_BFMI:
        reasons.append(f"energy moved too little between draws (BFMI {moved:.2g} < {MIN_BFMI})")
    return Verdict(not reasons, tuple(reasons))
