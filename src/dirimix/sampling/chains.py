"""Advance several chains at a time: in threads of this process, or in worker processes.

Threads need no start-up and serve light targets. For heavy ones worker processes of one core each
are several times faster (docs/engine.md). On a GPU all chains are one program of this process.
"""

import gc
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from math import inf
from multiprocessing import current_process
from time import perf_counter

from dirimix._cores import cores
from dirimix.sampling import compile_cache
from dirimix.sampling.blocks import Keeper
from dirimix.sampling.hmc import CHUNK, Advance, make_advance, make_advances
from dirimix.sampling.target import Chain, Chunk, Sampleable, Settings, Tuning
from dirimix.sampling.workers import WorkerPool

OnChunk = Callable[[int, Chunk, bool], None]
_LONG = 10.0  # seconds of a chunk, at most, where time is limited


@dataclass(frozen=True)
class ChainPool:
    """Advances all chains of a target together.

    Attributes:
        submit: Submits one call of `hmc.Advances`.
        keeper: Keeps what the chains do.
        together: Whether all chains go into one call; else each has its own.
        pace: Iterations of a chain that take a while, by its number, where time is limited.
    """

    submit: Callable[[Sequence[Chain], Tuning, Sequence[int], bool], Future]
    keeper: Keeper
    together: bool = False
    pace: dict[int, int] = field(default_factory=dict)

    def run(
        self,
        chains: list[Chain],
        tuning: Tuning,
        count: int,
        on_chunk: OnChunk,
        *,
        warmup: bool,
        until: float = inf,
    ) -> list[tuple[Chain, list[Chunk]]]:
        """Advance every chain by `count` iterations, some of which may be kept already.

        Args:
            chains: Where they are.
            tuning: Of all chains.
            count: Iterations of each.
            on_chunk: Called with the number of a chain, a finished chunk of it, and whether that
                was kept by an earlier process.
            warmup: Whether the chains search their step sizes.
            until: Reading of `time.perf_counter` after which a chain begins nothing but its first
                draws, `CHUNK` of them, or its first iteration of the warm-up.

        Returns:
            Where each chain is afterwards, and its chunks; of the warm-up only the positions.

        Raises:
            NotConverged: If a log density is not finite or a worker process died.
        """
        stage = self.keeper.stage(chains, tuning)
        ends, left = list(chains), [count] * len(chains)
        chunks: list[list[Chunk]] = [[] for _ in chains]
        for n in range(len(chains)):
            for block in stage.found(n):
                ends[n] = block.end
                chunks[n].append(block.chunk)
                left[n] -= block.length
                on_chunk(n, block.chunk, True)

        running: dict[Future, tuple[Sequence[int], float]] = {}
        least = 1 if warmup else CHUNK

        def submit(group: Sequence[int]) -> None:
            now = perf_counter()
            later = max(count - least, 0) if now > until else 0  # iterations that are not begun
            # how a chain is cut into chunks may decide the last bits: never by time without a limit
            most = CHUNK if until == inf else self.pace.get(group[0], 1)
            sizes = [max(0, min(most, left[n] - later)) for n in group]
            for n, size in zip(group, sizes, strict=True):
                left[n] -= size
            if any(sizes):
                future = self.submit([ends[n] for n in group], tuning, sizes, warmup)
                running[future] = group, now

        for group in self._groups(len(chains)):
            submit(group)
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                (group, began), found = running.pop(future), future.result()
                done = [(n, *own) for n, own in zip(group, found, strict=True) if _drawn(own[1])]
                taken = (perf_counter() - began) / max(_drawn(chunk) for _, _, chunk in done)
                self.pace[group[0]] = min(CHUNK, max(1, int(_LONG / taken)))
                for n, end, chunk in done:
                    kept = Chunk({"position": chunk.draws["position"]}, chunk.stats)
                    ends[n] = end
                    chunks[n].append(kept if warmup else chunk)
                    stage.add(n, end, chunks[n][-1])
                submit(group)
                for n, *_ in done:
                    on_chunk(n, chunks[n][-1], False)
        return list(zip(ends, chunks, strict=True))

    def _groups(self, count: int) -> list[list[int]]:
        """The chains by the calls that they go into."""
        return [list(range(count))] if self.together else [[n] for n in range(count)]


def _drawn(chunk: Chunk) -> int:
    """How many iterations it holds."""
    return len(chunk.stats["lp"])


@contextmanager
def chain_pool(
    model: Sampleable, settings: Settings, keeper: Keeper, *, heavy: bool
) -> Iterator[ChainPool]:
    """Worker processes for a heavy target where chains have cores of their own, else threads."""
    own = cores()[: settings.chains]
    if settings.device == "gpu":
        advances = make_advances(model.target(), settings)
        with _threads(1) as thread:
            yield ChainPool(partial(thread.submit, advances), keeper, together=True)
        return
    # a daemonic process, such as a worker of Dask, may have no children
    if heavy and len(own) > 1 and not current_process().daemon:
        pickled = pickle.dumps((model, settings))
        with WorkerPool([[core] for core in own], compile_cache.environment()) as workers:
            yield ChainPool(partial(workers.submit, _advance, pickled), keeper)
    else:
        advance = make_advance(model.target(), settings)
        with _threads(len(own)) as threads:
            yield ChainPool(partial(threads.submit, partial(_each, advance)), keeper)


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that are waited for, unless the block ends in an exception."""
    threads = ThreadPoolExecutor(count)
    try:
        yield threads
    except BaseException:
        # one that compiles would be waited for in vain
        threads.shutdown(wait=False, cancel_futures=True)
        raise
    threads.shutdown()


def _each(
    advance: Advance,
    chains: Sequence[Chain],
    tuning: Tuning,
    counts: Sequence[int],
    warmup: bool,
) -> list[tuple[Chain, Chunk]]:
    """Advance chains one after the other."""
    own = zip(chains, counts, strict=True)
    return [advance(chain, tuning, count, warmup) for chain, count in own]


def _advance(
    pickled: bytes, chains: Sequence[Chain], tuning: Tuning, counts: Sequence[int], warmup: bool
) -> list[tuple[Chain, Chunk]]:
    """Advance chains in a worker process, which compiles the target when it first comes."""
    done = _each(_compiled(pickled), chains, tuning, counts, warmup)
    _spare_garbage_collector()
    return done


@lru_cache(maxsize=1)
def _compiled(pickled: bytes) -> Advance:
    model, settings = pickle.loads(pickled)
    return make_advance(model.target(), settings)


@cache
def _spare_garbage_collector() -> None:
    """Exempt all that is loaded by now: loky collects garbage after tasks, JAX has many objects."""
    gc.freeze()
