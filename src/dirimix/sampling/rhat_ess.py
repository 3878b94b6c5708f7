"""R-hat and effective sample sizes of thousands of quantities at once.

They are the rank-normalised split R-hat and the bulk and tail effective sample sizes of Vehtari et
al. (2021), doi 10.1214/20-BA1221, and equal those of ArviZ to 1e-12. That takes one quantity at a
time, 7.8 s for 1,000 of them with 4 chains of 500 draws where this took 0.9 s, and two thirds
of that since it sorts draws once; a field has a weight of every model at every site. ArviZ's Numba
functions are as quick, but have no tail ESS.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata

from dirimix._cores import cores

_TAILS = 0.05, 0.95  # quantiles whose effective sample sizes are those of the tails
_AT_ONCE = 100_000  # numbers that one thread looks at together: what a processor's cache holds


class ChainChecks(NamedTuple):
    """How well chains have mixed, (p,) each.

    Attributes:
        ess_bulk: Effective sample size of the ranks' normal scores.
        ess_tail: The smaller one of the two of being in a tail of 5 %.
        rhat: The larger one of R-hat of the ranks and of the ranks of distances to the median; not
            a number for a single chain.
    """

    ess_bulk: np.ndarray
    ess_tail: np.ndarray
    rhat: np.ndarray


def check_chains(draws: np.ndarray) -> ChainChecks:
    """Effective sample sizes and R-hat of `draws` (chains, draws, p), at least four a chain."""
    parts = np.array_split(draws, min(-(-draws.size // _AT_ONCE), draws.shape[-1]) or 1, axis=-1)
    with ThreadPoolExecutor(len(cores())) as pool:
        found = list(pool.map(_check, parts))
    return ChainChecks(*(np.concatenate(values) for values in zip(*found, strict=True)))


def ess_bulk(draws: np.ndarray) -> np.ndarray:
    """Bulk effective sample sizes alone, (p,), of `draws` (chains, draws, p)."""
    return _effective(_ordered(_split(_quantities_first(draws))).normal_scores())


def _check(draws: np.ndarray) -> ChainChecks:
    draws = _quantities_first(draws)
    halves = _ordered(_split(draws))
    odd = draws.shape[-1] % 2  # a draw in the middle that no half has
    edges = np.quantile(draws, _TAILS, axis=(1, 2)) if odd else map(halves.quantile, _TAILS)
    low, high = (_effective((halves.draws <= e[:, None, None]).astype(float)) for e in edges)
    scores = halves.normal_scores()
    # distances to the median may all be equal, and then have no R-hat
    folded = halves.folded().normal_scores()
    rhat = np.fmax(_potential_scale(scores), _potential_scale(folded))
    return ChainChecks(
        _effective(scores),
        np.minimum(low, high),
        rhat if draws.shape[1] > 1 else np.full(len(rhat), np.nan),
    )


def _quantities_first(draws: np.ndarray) -> np.ndarray:
    """Draws of p quantities, (p, chains, draws), in double precision."""
    return np.moveaxis(draws, -1, 0).astype(float)


def _split(draws: np.ndarray) -> np.ndarray:
    """First and second halves as chains of their own, (p, 2 chains, draws // 2)."""
    half = draws.shape[-1] // 2
    return np.concatenate([draws[..., :half], draws[..., -half:]], axis=1)


@dataclass(frozen=True)
class _Ordered:
    """Draws that were sorted once, for all that depends on their order.

    Attributes:
        draws: (p, chains, draws).
        order: Where the s draws of a quantity lie from the lowest to the highest, (p, s).
        values: What they are there, (p, s); what is not a number comes last.
    """

    draws: np.ndarray
    order: np.ndarray
    values: np.ndarray

    def normal_scores(self) -> np.ndarray:
        """Normal quantiles of the ranks among all draws of a quantity (Blom 1958)."""
        size = self.values.shape[1]
        found = np.empty_like(self.values)
        # without ties the ranks are whole numbers, and each has its quantile
        np.put_along_axis(found, self.order, _quantiles(np.arange(1, size + 1), size)[None], axis=1)
        tied = ~np.all(self.values[:, 1:] > self.values[:, :-1], axis=1)
        if tied.any():
            flat = self.draws.reshape(len(found), -1)[tied]
            found[tied] = _quantiles(rankdata(flat, axis=-1), size)
        return found.reshape(self.draws.shape)

    def quantile(self, share: float) -> np.ndarray:
        """A quantile of all draws of a quantity, (p,), as NumPy has it."""
        place = share * (self.values.shape[1] - 1)
        k = int(place)
        found = np.quantile(self.values[:, k : k + 2], place - k, axis=1)
        return np.where(np.isnan(self.values[:, -1]), np.nan, found)

    def folded(self) -> "_Ordered":
        """Distances to the median."""
        half = self.values.shape[1] // 2
        median = self.values[:, half - 1 : half + 1].mean(axis=1)
        median = np.where(np.isnan(self.values[:, -1]), np.nan, median)[:, None]
        distance = np.abs(self.values - median)
        # they fall and rise, which this kind of sorting knows how to use
        order = np.argsort(distance, axis=1, kind="stable")
        values = np.take_along_axis(distance, order, axis=1)
        draws = np.abs(self.draws - median[:, :, None])
        return _Ordered(draws, np.take_along_axis(self.order, order, axis=1), values)


def _ordered(draws: np.ndarray) -> _Ordered:
    flat = draws.reshape(len(draws), -1)
    order = np.argsort(flat, axis=1)
    return _Ordered(draws, order, np.take_along_axis(flat, order, axis=1))


def _quantiles(rank: np.ndarray, size: int) -> np.ndarray:
    return ndtri((rank - 3 / 8) / (size + 1 / 4))


def _potential_scale(draws: np.ndarray) -> np.ndarray:
    """R-hat as Gelman and Rubin's, (p,); not a number where nothing varies."""
    n = draws.shape[-1]
    within = draws.var(axis=-1, ddof=1).mean(axis=-1)
    between = draws.mean(axis=-1).var(axis=-1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(between / within + (n - 1) / n)


def _effective(draws: np.ndarray) -> np.ndarray:
    """Effective sample sizes by Geyer's initial monotone sequence, (p,)."""
    _, chains, n = draws.shape
    lags = _autocovariances(draws)
    within = lags[:, :1] * n / (n - 1)
    whole = lags[:, :1] + draws.mean(axis=-1).var(axis=-1, ddof=1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = 1 - (within - lags) / whole
    rho[:, 0] = 1
    even, odd = rho[:, 0 : n - n % 2 : 2], rho[:, 1::2]
    # pairs count up to the first whose sum is not positive, of which the even one may still serve,
    # or, as in ArviZ, to the last lag but three
    pairs = np.arange(even.shape[1])
    over = (even + odd <= 0) | (2 * pairs + 1 >= n - 3)
    end = np.argmax(over, axis=1)
    monotone = np.minimum.accumulate(even + odd, axis=1)
    summed = np.where(pairs < end[:, None], monotone, 0.0).sum(axis=1)
    last = np.where((even > 0) | (even + odd > 0), even, 0.0)
    last = np.take_along_axis(last, end[:, None], axis=1)[:, 0]
    size = chains * n
    found = size / np.maximum(2 * summed + last - 1, 1 / np.log10(size))
    return np.where(np.ptp(draws, axis=(1, 2)) < 1e-15, size, found)


def _autocovariances(draws: np.ndarray) -> np.ndarray:
    """Mean over the chains of the autocovariance at every lag, (p, draws)."""
    n = draws.shape[-1]
    padded = next_fast_len(2 * n, real=True)
    centred = draws - draws.mean(axis=-1, keepdims=True)
    spectrum = cast("npt.NDArray[np.complex128]", rfft(centred, padded, axis=-1))
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    return np.asarray(irfft(power, padded, axis=-1))[:, :n] / n
