"""Advance several chains at a time: in threads of this process, or in worker processes.

Threads need no start-up and serve light targets. For heavy ones worker processes of one core each
are several times faster (docs/engine.md).
"""

import gc
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from multiprocessing import current_process

from dirimix._cores import cores
from dirimix.sampling import compile_cache
from dirimix.sampling.blocks import Keeper
from dirimix.sampling.hmc import CHUNK, Advance, make_advance
from dirimix.sampling.target import Chain, Chunk, Sampleable, Settings, Tuning
from dirimix.sampling.workers import WorkerPool

OnChunk = Callable[[int, Chunk, bool], None]


@dataclass(frozen=True)
class ChainPool:
    """Advances all chains of a target together.

    Attributes:
        submit: Submits one call of `hmc.Advance`.
        keeper: Keeps what the chains do.
    """

    submit: Callable[[Chain, Tuning, int, bool], Future]
    keeper: Keeper

    def run(
        self, chains: list[Chain], tuning: Tuning, count: int, on_chunk: OnChunk, *, warmup: bool
    ) -> list[tuple[Chain, list[Chunk]]]:
        """Advance every chain by `count` iterations, some of which may be kept already.

        Args:
            chains: Where they are.
            tuning: Of all chains.
            count: Iterations of each.
            on_chunk: Called with the number of a chain, a finished chunk of it, and whether that
                was kept by an earlier process.
            warmup: Whether the chains search their step sizes.

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

        def submit(n: int) -> Future:
            size = min(CHUNK, left[n])
            left[n] -= size
            return self.submit(ends[n], tuning, size, warmup)

        running = {submit(n): n for n in range(len(chains)) if left[n]}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                n = running.pop(future)
                ends[n], chunk = future.result()
                if warmup:
                    chunk = Chunk({"position": chunk.draws["position"]}, chunk.stats)
                chunks[n].append(chunk)
                stage.add(n, ends[n], chunk)
                if left[n]:
                    running[submit(n)] = n
                on_chunk(n, chunk, False)
        return list(zip(ends, chunks, strict=True))


@contextmanager
def chain_pool(
    model: Sampleable, settings: Settings, keeper: Keeper, *, heavy: bool
) -> Iterator[ChainPool]:
    """Worker processes for a heavy target where there are several cores, else threads."""
    own = cores()[: settings.chains]
    # a daemonic process, such as a worker of Dask, may have no children
    if heavy and len(cores()) > 1 and not current_process().daemon:
        pickled = pickle.dumps((model, settings))
        with WorkerPool([[core] for core in own], compile_cache.environment()) as workers:
            yield ChainPool(partial(workers.submit, _advance, pickled), keeper)
    else:
        advance = make_advance(model.target(), settings)
        with ThreadPoolExecutor(len(own)) as threads:
            yield ChainPool(partial(threads.submit, advance), keeper)


def _advance(
    pickled: bytes, chain: Chain, tuning: Tuning, count: int, warmup: bool
) -> tuple[Chain, Chunk]:
    """Advance a chain in a worker process, which compiles the target when it first comes."""
    done = _compiled(pickled)(chain, tuning, count, warmup)
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
