"""Sample a model: warm-up in windows that pool the chains, then draws.

At the end of every window of the warm-up all chains get one step size and one metric, learnt from
all of them; trajectories begin short, where the chains are still far from the bulk. The last window
keeps the metric, since a step size is good for the metric it was found with; then the step is tried
and made smaller until the chains accept as often as they should. When the time of a fit is over the
warm-up ends with the window that it is in, learnt from what there is.
"""

import time
from collections.abc import Callable
from math import ceil

import numpy as np
import pandas as pd

from dirimix.sampling import convergence
from dirimix.sampling.blocks import Keeper
from dirimix.sampling.chains import ChainPool, chain_pool
from dirimix.sampling.hmc import accept_aim, first_chain, restart
from dirimix.sampling.progress import ChainProgress, Listener
from dirimix.sampling.rhat_ess import ess_bulk
from dirimix.sampling.target import (
    FIRST_STEP,
    Chain,
    Chunk,
    Sample,
    Sampleable,
    Settings,
    Target,
    Tuning,
)

# of every window, the share of the warm-up and the trajectory's length as a share of the full one
WINDOWS = (
    (0.04, 0.15), (0.06, 0.25), (0.1, 0.5), (0.2, 0.75), (0.25, 1.0), (0.2, 1.0), (0.15, 1.0),
)  # fmt: skip
_TRIALS = 8  # of the step size at the end, at most
_SHORT = 0.05  # acceptance by which a trial may fall short
_SMALLER = 0.75  # times the step has the next
_MIN_WINDOW = 10  # iterations
_HURRIED = 50  # steps of a trajectory, about, where the time was over before the draws
_LEARNING, _PER_LATENT = slice(3, 6), 8  # windows, and their draws a latent where it is `dense`
_ADDED = 0.1  # draws that are added until `min_ess` is there, as a share of those asked for
_ADDED_ALONE = 0.25  # the same where none is given
# times the draws asked for, where none is given; twice that where it shows that this is enough
_AT_MOST = 4
_HOPELESS = 6  # times these draws would not be enough, by the least effective size so far
# times them, or the effective size asked for: what has not converged by then, such as chains in
# modes of their own, does not with more
_AT_MOST_ASKED = 16
_WORST = 50  # rows of a summary that the next look begins with, of each of its three checks

Diagnose = Callable[[dict[str, np.ndarray], np.ndarray | None], pd.DataFrame]


def sample(
    model: Sampleable,
    start: np.ndarray,
    settings: Settings,
    diagnose: Diagnose,
    listener: Listener | None = None,
    *,
    heavy: bool = False,
    begun: float | None = None,
) -> Sample:
    """Run all chains.

    Args:
        model: What to sample.
        start: Start positions, (chains, d).
        settings: How.
        diagnose: From all draws so far, (chains, draws, ...) each, a summary as `convergence` makes
            it, of all its rows or of those given; `settings.min_ess` is asked of that.
        listener: Called after every chunk of every chain.
        heavy: Whether a gradient takes long enough for processes to pay.
        begun: When the fit began, by `time.perf_counter`, where the start took time that counts.
    """
    keeper = Keeper(start, settings, begun)
    target = model.target()
    tuning = Tuning(np.asarray(FIRST_STEP), _first_mass(target), np.asarray(1.0))
    chains = [first_chain(q, settings.seed, n) for n, q in enumerate(start)]
    progress = _Progress(settings, listener, target)
    with chain_pool(model, settings, keeper, heavy=heavy) as pool:
        chains, tuning, gradients = _warm_up(pool, target, chains, tuning, settings, progress)
        if time.perf_counter() > keeper.until:
            # steps are small yet, and full lengths of them hours
            tuning = tuning._replace(length=np.minimum(tuning.length, _HURRIED * tuning.step))
        progress.start_draws()
        results, ended, worst = [(chain, []) for chain in chains], None, None
        count = settings.first or settings.draws
        while ended is None:
            progress.extend(count)
            chains = [chain for chain, _ in results]
            more = pool.run(
                chains, tuning, count, progress.on_chunk, warmup=False, until=keeper.until
            )
            results = [(end, old + new) for (_, old), (end, new) in zip(results, more, strict=True)]
            draws, stats = _stacked(results)
            drawn = stats["lp"].shape[1]
            # a look at thousands of quantities takes as long as many draws
            if worst is None or _ended(diagnose(draws, worst), settings, drawn, keeper.until):
                summary = diagnose(draws, None)
                ended, worst = _ended(summary, settings, drawn, keeper.until), _worst(summary)
            count = ceil((_ADDED_ALONE if settings.min_ess is None else _ADDED) * settings.draws)
    del draws["position"]
    gradients += int(stats["n_steps"].sum())
    seconds = time.perf_counter() - keeper.begun
    return Sample(draws, stats, float(tuning.step), gradients, seconds, ended, summary)


def _ended(summary: pd.DataFrame, settings: Settings, drawn: int, until: float) -> str | None:
    """What ends the sampling after so many draws, None to go on."""
    if settings.min_ess == 0:
        return "draws" if drawn >= settings.draws else "time"
    min_ess = convergence.MIN_ESS if settings.min_ess is None else settings.min_ess
    # more draws mend no others
    mendable = ("size", "mixing")
    if not any(f.cause in mendable for f in convergence.faults(summary, min_ess)):
        return "ess"
    if settings.first and drawn < settings.draws and time.perf_counter() <= until:
        return None
    if settings.min_ess is not None:
        most = _AT_MOST_ASKED * max(settings.draws, settings.min_ess)
    else:
        most, promise = _AT_MOST * settings.draws, _smallest_ess(summary) / drawn
        if promise * 2 * most >= min_ess:
            most *= 2
        elif promise * _HOPELESS * most < min_ess:  # chains that stay apart, as in modes
            return "draws"
    if drawn >= most:
        return "draws"
    return "time" if time.perf_counter() > until else None


def _worst(summary: pd.DataFrame) -> np.ndarray | None:
    """The rows that are nearest to failing a check, or fail it; None where there are none."""
    ranks = summary[["rhat", "ess_bulk", "ess_tail"]].mul([-1, 1, 1]).rank()
    rows = np.flatnonzero(ranks.min(axis=1) <= _WORST)
    return rows if len(rows) else None


def _smallest_ess(summary: pd.DataFrame) -> float:
    """That of all quantities which have one; 0 where none has."""
    sizes = summary[["ess_bulk", "ess_tail"]].min(axis=None)
    return float(np.nan_to_num(sizes))


def _warm_up(
    pool: ChainPool,
    target: Target,
    chains: list[Chain],
    tuning: Tuning,
    settings: Settings,
    progress: "_Progress",
) -> tuple[list[Chain], Tuning, int]:
    gradients, counts, until = 0, _counts(settings, target), pool.keeper.until
    for number, ((_, reach), count) in enumerate(zip(WINDOWS, counts, strict=True), start=1):
        tuning = tuning._replace(length=np.asarray(reach * settings.trajectory))
        if number > 1 and pool.keeper.over(chains, tuning):
            return chains, tuning, gradients
        results = pool.run(chains, tuning, count, progress.on_chunk, warmup=True, until=until)
        draws, stats = _stacked(results)
        chains = [chain for chain, _ in results]
        tuning = tuning._replace(step=_common_step(chains))
        if number < len(WINDOWS):
            tuning = tuning._replace(inverse_mass=_learnt_mass(target, draws["position"]))
        chains = [restart(chain, float(tuning.step)) for chain in chains]
        gradients += int(stats["n_steps"].sum())
        if stats["lp"].shape[1] < count:  # and not where the time is over: the rest may be kept
            return chains, tuning, gradients
    for _ in range(_TRIALS):
        if pool.keeper.over(chains, tuning):
            break
        progress.extend(counts[-1])
        results = pool.run(chains, tuning, counts[-1], progress.on_chunk, warmup=False, until=until)
        _, stats = _stacked(results)
        chains = [chain for chain, _ in results]
        gradients += int(stats["n_steps"].sum())
        accepted = stats["acceptance_rate"].mean() >= accept_aim(settings) - _SHORT
        if accepted or stats["lp"].shape[1] < counts[-1]:
            break
        tuning = tuning._replace(step=_SMALLER * tuning.step)
    return chains, tuning, gradients


def _counts(settings: Settings, target: Target) -> list[int]:
    """Iterations of every window of the warm-up."""
    counts = [max(_MIN_WINDOW, round(share * settings.warmup)) for share, _ in WINDOWS]
    if target.dense:  # the last windows but one have to show as many covariances
        least = ceil(_PER_LATENT * len(target.scale) / settings.chains)
        counts[_LEARNING] = [max(count, least) for count in counts[_LEARNING]]
    return counts


def _stacked(
    results: list[tuple[Chain, list[Chunk]]],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Draws and statistics of all chains, as many as each has, (chains, iterations, ...) each."""
    shortest = min(sum(len(c.stats["lp"]) for c in chunks) for _, chunks in results)

    def stack(part: int) -> dict[str, np.ndarray]:
        def joined(name: str, chunks: list[Chunk]) -> np.ndarray:
            return np.concatenate([c[part][name] for c in chunks])[:shortest]

        names = results[0][1][0][part]
        return {n: np.stack([joined(n, chunks) for _, chunks in results]) for n in names}

    return stack(0), stack(1)


def _common_step(chains: list[Chain]) -> np.ndarray:
    """The step size that the chains have found."""
    # a chain that is still stuck must not decide for the others
    return np.exp(np.median([float(c.search.mean) for c in chains]))


def _learnt_mass(target: Target, positions: np.ndarray) -> np.ndarray:
    """One metric from all chains, shrunk a little."""
    flat = positions.reshape(-1, positions.shape[-1])
    n, inverse_mass = len(flat), _first_mass(target)
    if target.dense:
        return (n * np.cov(flat.T) + 10 * inverse_mass * 1e-2) / (n + 10)
    learnt, guess = flat.var(axis=0), inverse_mass[target.adapt]
    if target.speed is not None:
        learnt *= target.speed[target.adapt] ** 2
    inverse_mass[target.adapt] = (n * learnt + 10 * guess) / (n + 10)
    return inverse_mass


def _first_mass(target: Target) -> np.ndarray:
    """Inverse mass matrix, or its diagonal, before anything is learnt."""
    if target.dense and target.scale.ndim == 1:
        return np.diag(target.scale**2)
    return target.scale if target.dense else target.scale**2


class _Progress:
    """Counts what the chains have done and calls the listener."""

    def __init__(self, settings: Settings, listener: Listener | None, target: Target) -> None:
        self.settings, self.listener, self.monitor = settings, listener, target.monitor
        self.total = sum(_counts(settings, target))
        self._clear("warmup")

    def _clear(self, phase: str) -> None:
        self.phase, self.begun = phase, time.perf_counter()
        self.done = [0] * self.settings.chains
        self.divergences = [0] * self.settings.chains
        self.seen: list[list] = [[] for _ in range(self.settings.chains)]
        self.kept = 0  # iterations of all chains that took no time
        self.looked_at, self.ess = 0, float("nan")  # draws of each chain, and their smallest ESS

    def start_draws(self) -> None:
        self.total = 0
        self._clear("draws")

    def extend(self, count: int) -> None:
        """So many draws more."""
        self.total += count

    def on_chunk(self, chain: int, chunk: Chunk, kept: bool) -> None:
        """Count one chunk of one chain, which may have been kept by an earlier process."""
        if self.listener is None:
            return
        self.done[chain] += len(chunk.stats["lp"])
        self.divergences[chain] += int(chunk.stats["diverging"].sum())
        if self.phase == "draws":
            self.seen[chain].append(chunk.draws[self.monitor])
        self.kept += len(chunk.stats["lp"]) if kept else 0
        drawn, wanted = sum(self.done) - self.kept, self.total * self.settings.chains
        rest = wanted - sum(self.done)
        left = (time.perf_counter() - self.begun) * rest / drawn if drawn else float("nan")
        done, divergences = self.done[chain], self.divergences[chain]
        self.listener(
            ChainProgress(chain, self.phase, done, self.total, divergences, self._ess(), left)
        )

    def _ess(self) -> float:
        """Smallest bulk ESS of the monitored array over what all chains have drawn so far."""
        shortest = min(sum(map(len, s)) for s in self.seen)
        if shortest < 4:
            return float("nan")
        if shortest != self.looked_at:  # once for all chains, not for each
            alike = [np.concatenate(s)[:shortest].reshape(shortest, -1) for s in self.seen]
            self.looked_at, self.ess = shortest, float(np.min(ess_bulk(np.stack(alike))))
        return self.ess
