"""Whether a sample may be read as an answer: R-hat, effective sample sizes, divergences, energy.

R-hat and effective sample sizes are those of `rhat_ess`, the fraction of missing information in
the energy that of Betancourt (2016), arXiv:1604.00695, as ArviZ computes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from arviz_stats.base.array import array_stats

from dirimix.sampling.rhat_ess import check_chains

MAX_RHAT = 1.01
MIN_ESS = 400.0
MAX_DIVERGENT_SHARE = 0.001
MIN_BFMI = 0.3


def summarise(draws: np.ndarray, names: list[str]) -> pd.DataFrame:
    """One row a parameter: parameter, mean, sd, ess_bulk, ess_tail, rhat.

    Args:
        draws: (chains, draws, p).
        names: p names.
    """
    flat = draws.reshape(-1, draws.shape[-1])
    known = {"parameter": names, "mean": flat.mean(axis=0), "sd": flat.std(axis=0, ddof=1)}
    return pd.DataFrame(known | check_chains(draws)._asdict())


def bfmi(energy: np.ndarray) -> float:
    """Smallest Bayesian fraction of missing information over the chains of `energy`.

    Low where momenta cannot reach the tails.

    Args:
        energy: (chains, draws).
    """
    return float(np.min(array_stats.bfmi(energy, chain_axis=0, draw_axis=1)))


@dataclass(frozen=True)
class Verdict:
    """Whether the checks passed, and in words which did not."""

    converged: bool
    reasons: tuple[str, ...]


def faults(summary: pd.DataFrame, min_ess: float = MIN_ESS) -> tuple[str, ...]:
    """What is wrong with the rows of a summary, in words: R-hat, effective sample sizes, NaN.

    A quantity that never varied (a weight that is exactly 0) has no defined R-hat and is passed.
    """
    rows = summary[summary["sd"] > 0]
    lost = np.asarray(summary["parameter"])[~np.isfinite(np.asarray(summary["sd"]))]
    found = []
    if len(lost):
        first = lost[0]
        found.append(f"draws of {len(lost)} quantities are no finite number (first {first})")
    for column, bad, limit in (
        ("rhat", rows["rhat"] > MAX_RHAT, f"above {MAX_RHAT}"),
        ("ess_bulk", rows["ess_bulk"] < min_ess, f"below {min_ess:.0f}"),
        ("ess_tail", rows["ess_tail"] < min_ess, f"below {min_ess:.0f}"),
    ):
        if np.any(bad):
            values = np.asarray(rows[column])
            worst = rows.iloc[np.nanargmax(values) if column == "rhat" else np.nanargmin(values)]
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
