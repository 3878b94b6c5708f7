"""How good a predictive law is, each number with its band.

Scores of the centre (rms, mean absolute error), of the whole law (continuous ranked probability
score, log score) and of its calibration (coverage, share below the median). Bands of averages
are studentised bootstraps over the sites, bands of shares are exact binomial ones; a band that too
few sites decide is not a number. Every table of scores is made from `SCORES`.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from dirimix._arguments import check_share
from dirimix._arrays import Floats, Mask
from dirimix.errors import InputError
from dirimix.laws.bands import (
    Band,
    Difference,
    binomial_band,
    bootstrap_band,
    deviations,
    nominal_band,
    paired_difference,
    paired_rms_difference,
    root,
    share_band,
    slope_of_root,
)
from dirimix.laws.bootstrap import Bootstrap, check_count
from dirimix.laws.crps import crps_values
from dirimix.laws.transformed_mixture import PredictiveLaw

__all__ = [
    "LEVELS", "Band", "Difference", "below_median", "binomial_band", "bootstrap_band", "coverage",
    "crps", "log_score", "mean_absolute_error", "nominal_band", "paired_difference",
    "paired_rms_difference", "pit", "rms", "score_row",
]  # fmt: skip

_TIE = 1e-6  # of the PIT from a half: the median itself
LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)  # of central coverage
Points = Mapping[str, Floats]  # error, log_score, crps and pit of every row, (n,) each


@dataclass(frozen=True)
class Score:
    """A score that is a function of a mean over rows.

    Attributes:
        contribution: What each row adds to the mean, (n,), from the points.
        of_mean: The score, given the mean; it rises with it.
        slope: Its derivative.
        share: The contributions are hits, 1, and misses, 0: the score has a binomial band.
    """

    contribution: Callable[[Points], Floats | Mask]
    of_mean: Callable[[ArrayLike], Floats] = np.asarray
    slope: Callable[[Floats], Floats] = np.ones_like
    share: bool = False

    def value(self, points: Points) -> float:
        """The score of some rows."""
        return float(self.of_mean(np.mean(self.contribution(points))))


def _inside(points: Points, level: float) -> Mask:
    """Which sites lie in the central interval of a level, (m,) booleans."""
    return np.abs(points["pit"] - 0.5) <= level / 2


def _below(pit: Floats) -> Floats:
    """1 where an observation lies below the median, 0 above, a half where it is the median."""
    return np.where(np.abs(pit - 0.5) < _TIE, 0.5, pit < 0.5)


# `assess.schema.SCORE_WORDS` has what readers call them, and which are gains
SCORES: dict[str, Score] = {
    "rms": Score(lambda points: points["error"] ** 2, root, slope_of_root),
    "mae": Score(lambda points: np.abs(points["error"])),
    "crps": Score(lambda points: points["crps"]),
    "log_score": Score(lambda points: points["log_score"]),
    **{f"coverage_{100 * c:.0f}": Score(partial(_inside, level=c), share=True) for c in LEVELS},
    "below_median": Score(lambda points: _below(points["pit"]), share=True),
}


def rms(y: Floats, mean: Floats) -> float:
    """Root-mean-square deviation of predictions (m,) from observations (m,), in the unit of y.

    Raises:
        InputError: If there are none, or their numbers differ.

    >>> round(rms(np.array([1.0, 3.0]), np.array([1.0, 1.0])), 3)
    1.414
    """
    return float(np.sqrt(np.mean(deviations(y, mean) ** 2)))


def mean_absolute_error(y: Floats, mean: Floats) -> float:
    """Mean absolute deviation of predictions (m,) from observations (m,), in the unit of y.

    Raises:
        InputError: If there are none, or their numbers differ.

    >>> mean_absolute_error(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    1.0
    """
    return float(np.mean(np.abs(deviations(y, mean))))


def crps(law: PredictiveLaw, y: Floats) -> float:
    """Mean continuous ranked probability score of y, (m,), in its unit; lower is better.

    Raises:
        InputError: If the observations are not one finite number a site.

    >>> from dirimix.laws.normal_mixture import NormalMixture
    >>> round(crps(NormalMixture.of_draws(np.zeros((1, 2)), 1.0), np.array([0.0, 1.0])), 4)
    0.4181
    """
    return float(np.mean(crps_values(law, _observed(law, y))))


def log_score(law: PredictiveLaw, y: Floats) -> float:
    """Mean log predictive density of the observations, (m,); higher is better.

    Raises:
        InputError: If the observations are not one finite number a site.

    >>> from dirimix.laws.normal_mixture import NormalMixture
    >>> round(log_score(NormalMixture.of_draws(np.zeros((1, 1)), 1.0), np.array([0.0])), 4)
    -0.9189
    """
    return float(np.mean(law.logpdf(_observed(law, y))))


def pit(law: PredictiveLaw, y: Floats) -> Floats:
    """Probability integral transform P(Y <= y) of y, (m,), uniform if the law is calibrated.

    Raises:
        InputError: If the observations are not one finite number a site.

    >>> from dirimix.laws.normal_mixture import NormalMixture
    >>> pit(NormalMixture.of_draws(np.zeros((1, 2)), 1.0), np.array([0.0, 1.96])).round(3)
    array([0.5  , 0.975])
    """
    return law.pit(_observed(law, y))


def coverage(law: PredictiveLaw, y: Floats, levels: Sequence[float] = LEVELS) -> Floats:
    """Share of the observations (m,) inside the central interval of each level, (len(levels),).

    Raises:
        InputError: If the observations are not one finite number a site.

    >>> from dirimix.laws.normal_mixture import NormalMixture
    >>> law = NormalMixture.of_draws(np.zeros((1, 4)), 1.0)
    >>> coverage(law, np.array([-2.5, 0.1, 0.9, 1.5]), (0.5, 0.9))
    array([0.25, 0.75])
    """
    return coverage_of(pit(law, y), levels)


def coverage_of(pit: Floats, levels: Sequence[float] = LEVELS) -> Floats:
    """The coverage at each level, (len(levels),), of probability integral transforms (m,).

    Raises:
        InputError: If a level is not a number between 0 and 1.
    """
    for level in levels:
        check_share(level, "level")
    return np.array([_inside({"pit": pit}, level).mean() for level in levels])


def below_median(law: PredictiveLaw, y: Floats) -> float:
    """Share of the observations (m,) below the predictive median; one half if calibrated.

    One that is the median, as where all models and the observation are 0, counts half.

    Raises:
        InputError: If the observations are not one finite number a site.

    >>> from dirimix.laws.normal_mixture import NormalMixture
    >>> below_median(NormalMixture.of_draws(np.zeros((1, 4)), 1.0), np.array([-1, -2, 1, -3.0]))
    0.75
    """
    return float(np.mean(_below(pit(law, y))))


def score_row(
    law: PredictiveLaw, y: Floats, *, seed: int, n_boot: int = 2000, level: float = 0.9
) -> dict[str, float]:
    """All scores of one law at its observed sites, each with its band.

    Args:
        law: Predictive law at m sites, noise and measurement error included.
        y: Observations, (m,).
        seed: Of the bootstrap.
        n_boot: Number of resamples.
        level: Of the bands.

    Raises:
        InputError: If the observations are not one finite number a site.

    Returns:
        n; then NAME, NAME_lo, NAME_hi for rms, mae, crps, log_score, coverage_50 and on, and
        below_median.

    >>> from dirimix.laws.normal_mixture import NormalMixture
    >>> row = score_row(NormalMixture.of_draws(np.zeros((1, 9)), 1.0), np.arange(-4.0, 5), seed=0)
    >>> row["n"], round(row["rms"], 3), row["coverage_50"] > row["coverage_50_lo"]
    (9, 2.582, True)
    """
    return score_points(points_of(law, y), Bootstrap(seed, n_boot), level=level)


def points_of(law: PredictiveLaw, y: Floats) -> dict[str, Floats]:
    """What each observation (m,) adds to the scores of a law: error, log_score, crps, pit; (m,).

    The predicted `mean` is with them, by which they may be grouped.

    Raises:
        InputError: If the observations are not one finite number a site.
    """
    y = _observed(law, y)
    mean = law.mean()
    return {
        "mean": mean,
        "error": mean - y,
        "log_score": law.logpdf(y),
        "crps": crps_values(law, y),
        "pit": law.pit(y),
    }


def score_points(
    points: Points, bootstrap: Bootstrap, *, clusters: ArrayLike | None = None, level: float = 0.9
) -> dict[str, float]:
    """All scores of n rows: n; then NAME, NAME_lo, NAME_hi of every score of `SCORES`.

    The clusters, (n,), say which rows are resampled together; without them rows are independent.
    """
    each = np.array([score.contribution(points) for score in SCORES.values()], dtype=float)
    found = bootstrap.resample(each.T, clusters)
    row: dict[str, float] = {"n": each.shape[1]}
    columns = zip(SCORES.items(), each, found.mean, found.band(level).T, strict=True)
    for (name, score), values, mean, ends in columns:
        if score.share:
            band = share_band(values, clusters, level)
        else:
            band = Band(*map(float, score.of_mean(ends)))
        row |= {name: float(score.of_mean(mean)), f"{name}_lo": band.lo, f"{name}_hi": band.hi}
    return row


def _observed(law: PredictiveLaw, y: Floats) -> Floats:
    """The observations as floats, one for each of the law's sites."""
    y = np.asarray(y, dtype=float)
    m = law.n_sites
    if y.shape != (m,):
        raise InputError(f"the law has {m} sites and the observations have shape {y.shape}")
    check_count(m)
    for i in np.flatnonzero(~np.isfinite(y))[:1]:
        raise InputError(
            f"the observation at row {i + 1} is {y[i]}; score only the rows that have one"
        )
    return y
