"""What held-out regions say of candidates: scores, what cannot be told apart, who is chosen."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from dirimix._arrays import Floats, Indices
from dirimix.estimators.stacking.regions import MOST
from dirimix.estimators.stacking.weights import (
    resampled_weights,
    stacked_log_score,
    stacking_weights,
)
from dirimix.laws.bootstrap import Bootstrap
from dirimix.laws.transform_names import NO_TRANSFORM

_BOOT = 1000
_SMALLEST = 1e-3  # weight of a candidate in a stack that is worth a fit
_DEAR = 0.5  # nats a row that what converges may surely be behind what does not
STACK = "stacked"


def guarded(log_density: Floats, y: Floats) -> Floats:
    """Log densities that no row can make hopeless, (n, J).

    One row in n + 1 is taken to follow the normal law of all observations, whatever the candidate:
    so a row that a candidate holds to be all but impossible tells against it and does not outweigh
    all others. Where candidates hold no row so, each loses 1 / n.

    Args:
        log_density: Of n rows under J candidates, (n, J).
        y: Observations in the scale of the fit, (n,).

    >>> y = np.array([0.0, 1.0, 2.0])
    >>> guarded(np.array([[-1.0, -1.0], [-1.0, -1.0], [-1.0, -1e9]]), y).round(1)
    array([[-1.1, -1.1],
           [-0.9, -0.9],
           [-1.1, -2.9]])
    """
    spread = float(np.std(y))
    if spread == 0:
        return log_density
    one, n = (y - np.mean(y)) / spread, len(y)
    anything = -0.5 * (one**2 + np.log(2 * np.pi)) - np.log(spread)
    return np.logaddexp(log_density + np.log(n), anything[:, None]) - np.log(n + 1)


@dataclass(frozen=True)
class Scored:
    """Log densities of the training rows, each under fits that had not seen its region.

    Attributes:
        names: Of the J candidates.
        log_density: (n, J).
        regions: The region of each row, (n,).
        clusters: Smaller parts of them, which are resampled together, (n,).
        seed: Of the resamples.
        transform: Of y, in whose scale the densities are.
    """

    names: tuple[str, ...]
    log_density: Floats
    regions: Indices
    clusters: Indices
    seed: int
    transform: str = NO_TRANSFORM

    @cached_property
    def weights(self) -> Floats:
        """Of the stack of all candidates, (J,)."""
        return stacking_weights(self.log_density)

    @cached_property
    def columns(self) -> dict[str, Floats]:
        """Log densities by candidate, and of the stack with weights of the other regions."""
        found = dict(zip(self.names, self.log_density.T, strict=True))
        return found | {STACK: stacked_log_score(self.log_density, self.regions)}

    @cached_property
    def best(self) -> str:
        """The candidate with the best mean."""
        return self.names[int(np.argmax(self.log_density.mean(axis=0)))]

    def behind(self, name: str, other: str) -> tuple[float, float, float]:
        """Mean log score of one less that of the other, and its 90 % band."""
        gap = (self.columns[name] - self.columns[other])[:, None]
        found = Bootstrap(self.seed, _BOOT).resample(gap, self.clusters)
        low, high = found.band()[:, 0]
        return float(found.mean[0]), float(low), float(high)

    @cached_property
    def chosen(self) -> str:
        """The best candidate, or the stack where that is surely better than it."""
        gain, low, _ = self.behind(STACK, self.best)
        return STACK if len(self.names) > 1 and gain > 0 and low > 0 else self.best

    def alike(self, name: str) -> tuple[str, ...]:
        """The other candidates whose band of the difference holds 0, or says nothing."""
        others = [n for n in self.names if n != name]
        bands = {n: self.behind(n, name) for n in others}
        return tuple(n for n, (_, low, high) in bands.items() if not (high < 0 or low > 0))

    def shares(self, chosen: str) -> dict[str, float]:
        """What each candidate has in what was chosen, those of next to nothing left out."""
        if chosen != STACK:
            return {chosen: 1.0}
        worth = {
            n: float(w) for n, w in zip(self.names, self.weights, strict=True) if w > _SMALLEST
        }
        return {n: w / sum(worth.values()) for n, w in worth.items()}

    def others(self, name: str) -> tuple[str, ...]:
        """The candidates but one, the best first."""
        left = [n for n in self.names if n != name]
        return tuple(sorted(left, key=lambda n: -float(self.columns[n].mean())))

    def is_far(self, name: str) -> bool:
        """Whether a candidate is surely too far behind the best to be taken in its place."""
        return name != STACK and self.behind(name, self.best)[2] < -_DEAR

    def sentences(
        self, fitted: str, rows: int, used: int, failed: tuple[str, ...] = ()
    ) -> tuple[str, str, str]:
        """What was chosen, by how much, and what cannot be told apart.

        Args:
            fitted: What was chosen.
            rows: All training rows, of which those that were scored may be a part.
            used: Those that the final fit used.
            failed: What was chosen before and had not converged.
        """
        scored, count = len(self.log_density), len(np.unique(self.regions))
        which = "drawn with the seed" if rows > MOST else "where all models have a value"
        some = "them" if scored == rows else f"{scored} of them, {which},"
        fit = f"all {rows}" if used == rows else f"{used} of {rows}"
        first = (
            f"{fitted} was fitted to {fit} training rows, by the mean log score of "
            f"{len(self.names)} candidates on {count} regions of {some} that were held out in turn"
        )
        ranked = sorted(self.names, key=lambda n: -float(self.columns[n].mean()))
        if failed:
            first += f" ({', '.join(failed)} did not converge when fitted to all)"
        scale = (
            "" if self.transform == NO_TRANSFORM else f" in the scale of the fit, {self.transform}"
        )
        score = f"{self.columns[self.best].mean():.3f}{scale}"
        second = f"the best candidate is {self.best} ({score})"
        if len(ranked) > 1:
            gap, low, high = self.behind(self.best, ranked[1])
            gain, stack_low, stack_high = self.behind(STACK, self.best)
            band = _band(low, high, words="90 % band ")
            stack_band = _band(stack_low, stack_high, sign="+")
            second += (
                f", {gap:.3f} ahead of {ranked[1]} ({band}), and the stack of all is {gain:+.3f} "
                f"from it ({stack_band})"
            )
        alike = self.alike(self.best)
        third = "all other candidates are surely worse there"
        if alike:
            third = f"the held-out rows do not tell it from {', '.join(alike)}"
        elif len(ranked) == 1:
            third = "there is no other candidate to compare it with"
        return first, second, third

    def table(self, chosen: str) -> pd.DataFrame:
        """One line a candidate, and one of the stack; `chosen` is marked."""
        draws = resampled_weights(self.log_density, self.clusters, _BOOT, self.seed)
        low, high = np.quantile(draws, (0.05, 0.95), axis=0)
        rows = []
        for name, column in self.columns.items():
            gap, gap_low, gap_high = self.behind(name, self.best)
            row = {
                "candidate": name,
                "n": len(column),
                "log_score": float(column.mean()),
                "difference": gap,
                "difference_lo": gap_low,
                "difference_hi": gap_high,
                "chosen": name == chosen,
            }
            at = self.names.index(name) if name in self.names else None
            for key, values in (("weight", self.weights), ("weight_lo", low), ("weight_hi", high)):
                row[key] = np.nan if at is None else float(values[at])
            rows.append(row)
        return pd.DataFrame(rows)


def _band(low: float, high: float, *, sign: str = "", words: str = "") -> str:
    """A band of a difference in words, with the signs of its ends where `sign` is '+'."""
    if np.isnan(low) or np.isnan(high):
        return "no band: too few rows decide it"
    return f"{words}{low:{sign}.3f} to {high:{sign}.3f}"
