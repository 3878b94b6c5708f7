"""Whether a sample may be read as an answer: R-hat, effective sample sizes, divergences, energy.

R-hat and effective sample sizes are those of `rhat_ess`, the fraction of missing information in
the energy that of Betancourt (2016), arXiv:1604.00695, as ArviZ computes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import binom

from dirimix.errors import counted
from dirimix.sampling.importance import array_stats
from dirimix.sampling.rhat_ess import check_chains

MAX_RHAT = 1.01
MIN_ESS = 400.0
MAX_DIVERGENT_SHARE = 0.001
MIN_BFMI = 0.3
_SURPRISE = 0.05
_ROUNDING = 4 * np.finfo(float).eps  # of a quantity's size: it has not varied

# what to try, by what is wrong; docs/not-converged.md has the same names
ADVICE = {
    "size": "more draws: a larger draws, or min_ess = 400",
    "mixing": "a longer warmup, then more draws",
    "modes": "leaving out one of the models that exchange, or more chains to see how often each "
    "mode is found",
    "divergences": "a longer warmup, then checking the rows that no model comes near",
    "energy": "a longer warmup",
    "time": "a larger max_seconds, or none",
    "unmade": "chains = 4",
    "values": "checking the scales of the columns",
    "approximation": "inference = 'hmc'",
}


def summarise(draws: np.ndarray, names: list[str]) -> pd.DataFrame:
    """One row a parameter: parameter, mean, sd, ess_bulk, ess_tail, rhat.

    Args:
        draws: (chains, draws, p).
        names: p names.
    """
    flat = draws.reshape(-1, draws.shape[-1])
    # of a constant a sum of thousands makes more than its rounding
    sd = np.where(np.ptp(flat, axis=0) == 0, 0.0, flat.std(axis=0, ddof=1))
    known = {"parameter": names, "mean": flat.mean(axis=0), "sd": sd}
    return pd.DataFrame(known | check_chains(draws)._asdict())


def bfmi(energy: np.ndarray) -> float:
    """Smallest Bayesian fraction of missing information over the chains of `energy`.

    Low where momenta cannot reach the tails.

    Args:
        energy: (chains, draws).
    """
    return float(np.min(array_stats().bfmi(energy, chain_axis=0, draw_axis=1)))


@dataclass(frozen=True)
class Fault:
    """A check that failed, or that could not be made.

    Attributes:
        cause: Key of `ADVICE`.
        words: What was found.
    """

    cause: str
    words: str

    def __str__(self) -> str:
        return f"{self.words} (try {ADVICE[self.cause]})"


@dataclass(frozen=True)
class Verdict:
    """Whether all checks passed, and those that did not."""

    faults: tuple[Fault, ...]

    @property
    def converged(self) -> bool:
        """Whether the sample may be read as an answer."""
        return not self.faults

    @property
    def reasons(self) -> tuple[str, ...]:
        """Which checks failed and what to try, in words; one advice is given once."""
        told: set[str] = set()
        words = []
        for fault in self.faults:
            words.append(fault.words if fault.cause in told else str(fault))
            told.add(fault.cause)
        return tuple(words)


def faults(summary: pd.DataFrame, min_ess: float = MIN_ESS) -> tuple[Fault, ...]:
    """What is wrong with the rows of a summary: draws that are no numbers, R-hat, sample sizes.

    A quantity that never varied (a weight that is exactly 0) has no defined R-hat and is passed,
    but where none did the chains have not moved; one that varied and has none has not been checked,
    which is a fault.
    """
    lost = summary.loc[~np.isfinite(summary["sd"])]
    rows = summary.loc[summary["sd"] > _ROUNDING * summary["mean"].abs()]
    found = []
    if len(lost):
        first = list(lost["parameter"])[0]
        many = counted(len(lost), "quantity", "quantities")
        words = f"draws of {many} are no finite number (first {first})"
        found.append(Fault("values", words))
    elif len(summary) and not len(rows):
        found.append(Fault("mixing", "no quantity varied: the chains have not moved"))
    for column, cause, bad, limit in (
        ("rhat", "mixing", rows["rhat"] > MAX_RHAT, f"above {MAX_RHAT}"),
        ("ess_bulk", "size", rows["ess_bulk"] < min_ess, f"below {min_ess:.0f}"),
        ("ess_tail", "size", rows["ess_tail"] < min_ess, f"below {min_ess:.0f}"),
    ):
        unmade = int(rows[column].isna().sum())
        if unmade:
            words = f"{column} cannot be computed for {unmade} of {len(rows)} quantities"
            found.append(Fault("unmade", words))
        if np.any(bad):
            values = np.asarray(rows[column])
            worst = rows.iloc[np.nanargmax(values) if column == "rhat" else np.nanargmin(values)]
            words = (
                f"{column} {limit} for {bad.sum()} of {len(rows)} quantities "
                f"(worst {worst['parameter']}: {worst[column]:.4g})"
            )
            found.append(Fault(cause, words))
    return tuple(found)


def judge(
    summary: pd.DataFrame,
    stats: Mapping[str, np.ndarray],
    modes: str | None = None,
    *,
    timed: bool = False,
) -> Verdict:
    """Check every row of a summary, the divergent draws, and the energy.

    Divergences are judged with the uncertainty of their count: they are a fault where so many
    would be a surprise (a probability below 5 %) if a share of `MAX_DIVERGENT_SHARE` diverged.

    Args:
        summary: As `summarise` gives it.
        stats: `diverging` and `energy` of every draw, (chains, draws) each; the energy is not a
            number throughout where the kernel has none.
        modes: In words, that chains are in modes of their own, as `modes.apart` says it.
        timed: Whether a limit of time ended the draws: then it is that which more draws need.
    """
    found = list(faults(summary))
    if modes is not None:
        # what follows from it needs no advice of its own
        found = [f for f in found if f.cause not in ("mixing", "size")]
        found.append(Fault("modes", modes))
    diverging = np.asarray(stats["diverging"])
    count, n = int(diverging.sum()), diverging.size
    if binom.sf(count - 1, n, MAX_DIVERGENT_SHARE) < _SURPRISE:
        words = f"{count} of {n} draws diverged (limit {MAX_DIVERGENT_SHARE:.1%})"
        found.append(Fault("divergences", words))
    energy = np.asarray(stats["energy"])
    moved = np.inf if np.isnan(energy).all() else bfmi(energy)
    if not moved >= MIN_BFMI:
        words = f"energy moved too little between draws (BFMI {moved:.2g} < {MIN_BFMI})"
        found.append(Fault("energy", words))
    short = ("mixing", "size", "energy") if timed else ()
    return Verdict(tuple(replace(f, cause="time") if f.cause in short else f for f in found))
