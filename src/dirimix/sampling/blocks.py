"""Blocks of draws that are kept while a sampler runs, so that one that was interrupted goes on.

What a chain does next follows from its position, its key and the tuning alone. So a sampler that
finds blocks of an earlier process takes them for its own and draws what they lack: the same
numbers, to the last bit, as if nothing had happened.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import count
from math import inf
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from dirimix.sampling.target import Chain, Chunk, Settings, Tuning

SECONDS = 20.0  # from one block to the next, at least: short samplings keep none


@dataclass(frozen=True)
class Block:
    """Iterations of one chain in one stage: a window of the warm-up, or some of the draws.

    Attributes:
        stage: Number of the stage, from 0.
        begin: Checksum of all that the stage began with.
        chain: Number of the chain.
        first: Iterations of the stage before these.
        end: Where the chain is after them.
        chunk: What they gave.
    """

    stage: int
    begin: str
    chain: int
    first: int
    end: Chain
    chunk: Chunk

    @property
    def length(self) -> int:
        """Its iterations."""
        return len(self.chunk.stats["lp"])


class Journal(Protocol):
    """Keeps blocks in the order in which they come, and hands back no other."""

    def read(self) -> Sequence[Block]:
        """What is kept."""
        ...

    @property
    def seconds(self) -> float:
        """Time that what is kept took."""
        ...

    def write(self, blocks: Sequence[Block], seconds: float) -> None:
        """Keep more, which with all that is kept took so long."""
        ...


# one journal for every call of the sampler, by a name that no other call has
OpenJournal = Callable[[str], Journal]
_OPEN: ContextVar[OpenJournal | None] = ContextVar("journals", default=None)


@contextmanager
def keep_blocks(open_journal: OpenJournal) -> Generator[None]:
    """Samplers that are called in the block keep what they draw, and go on from what is kept."""
    token = _OPEN.set(open_journal)
    try:
        yield
    finally:
        _OPEN.reset(token)


class Keeper:
    """Hands the stages of one call of the sampler what is kept of them, and keeps what they add."""

    def __init__(self, start: np.ndarray, settings: Settings, begun: float | None = None) -> None:
        """Open the journal of a call, if there are any, whose fit began then."""
        opener = _OPEN.get()
        name = _checksum([np.asarray(start), np.frombuffer(repr(settings).encode(), np.uint8)])
        self._journal = None if opener is None else opener(name)
        self._kept = [] if self._journal is None else self._journal.read()
        self._numbers = count()
        self._new: list[Block] = []
        self._written = time.perf_counter()
        self.begun = self._written if begun is None else begun
        if self._kept and self._journal is not None:  # as if there had been no interruption
            self.begun = self._written - self._journal.seconds
        limit = settings.max_seconds
        self.until = inf if limit is None else self.begun + limit

    def over(self, chains: Sequence[Chain], tuning: Tuning) -> bool:
        """Whether the time is over, and nothing is kept of a stage that begins so."""
        begin = _checksum([*_arrays(chains), *tuning])
        return time.perf_counter() > self.until and all(b.begin != begin for b in self._kept)

    def stage(self, chains: Sequence[Chain], tuning: Tuning) -> "Stage":
        """The next stage of the sampling, which begins so."""
        number, begin = next(self._numbers), _checksum([*_arrays(chains), *tuning])
        kept = [b for b in self._kept if (b.stage, b.begin) == (number, begin)]
        return Stage(self, number, begin, kept)

    def add(self, block: Block) -> None:
        """Keep a block, written with others when there is enough of it."""
        if self._journal is None:
            return
        self._new.append(block)
        now = time.perf_counter()
        if now - self._written >= SECONDS:
            self._journal.write(_joined(self._new), now - self.begun)
            self._new, self._written = [], now


class Stage:
    """Iterations of all chains under one tuning."""

    def __init__(self, keeper: Keeper, number: int, begin: str, kept: Sequence[Block]) -> None:
        """A stage of which some blocks are kept."""
        self._keeper, self._number, self._begin, self._kept = keeper, number, begin, kept
        self._done: Counter[int] = Counter()  # iterations by chain

    def found(self, chain: int) -> list[Block]:
        """The blocks of a chain that are kept, without a gap from its first iteration on."""
        found: list[Block] = []
        for block in self._kept:
            if (block.chain, block.first) == (chain, self._done[chain]):
                found.append(block)
                self._done[chain] += block.length
        return found

    def add(self, chain: int, end: Chain, chunk: Chunk) -> None:
        """Keep what a chain has just done."""
        block = Block(self._number, self._begin, chain, self._done[chain], end, chunk)
        self._done[chain] += block.length
        self._keeper.add(block)


def _joined(blocks: Sequence[Block]) -> list[Block]:
    """Blocks with those of one chain and stage made one."""
    runs: dict[tuple[int, int], list[Block]] = {}
    for block in blocks:
        runs.setdefault((block.stage, block.chain), []).append(block)
    return [replace(r[0], end=r[-1].end, chunk=_one([b.chunk for b in r])) for r in runs.values()]


def _one(chunks: Sequence[Chunk]) -> Chunk:
    first = chunks[0]
    return Chunk(
        {name: np.concatenate([c.draws[name] for c in chunks]) for name in first.draws},
        {name: np.concatenate([c.stats[name] for c in chunks]) for name in first.stats},
    )


def _arrays(chains: Sequence[Chain]) -> list[np.ndarray]:
    return [np.asarray(a) for chain in chains for a in (chain.position, chain.key, *chain.search)]


def _checksum(arrays: Sequence[ArrayLike]) -> str:
    found = hashlib.sha256()
    for array in map(np.asarray, arrays):
        found.update(f"{array.dtype} {array.shape} ".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
