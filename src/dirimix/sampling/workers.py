"""Who advances the chains: threads of this process, or a process pinned to each core.

XLA's own threads slow programs of small arrays several times over, and a process that is pinned to
one core has none. Small targets stay in this process, where they need no start-up.
"""

import os
import pickle
import secrets
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Client, Connection, Listener
from typing import Protocol

from dirimix._cores import cores
from dirimix.errors import NotConverged
from dirimix.sampling import compile_cache
from dirimix.sampling.hmc import Stepper
from dirimix.sampling.target import Chain, Chunk, Sampleable, Settings, Tuning

Tell = Callable[[int, Chunk], None]
_PATIENCE = 30.0  # seconds that a worker may take to notice that nobody listens any more
_KEY = "DIRIMIX_CREW_KEY"  # environment variable that carries the connection's secret


class AbstractCrew(Protocol):
    """Advances all chains together."""

    def run(
        self, chains: list[Chain], tuning: Tuning, count: int, tell: Tell, *, warmup: bool
    ) -> list[tuple[Chain, list[Chunk]]]:
        """Advance every chain by `count` iterations; `tell` hears of every chunk."""
        ...

    def close(self) -> None:
        """Let the crew go."""
        ...


class Threads:
    """Chains in threads of this process."""

    def __init__(self, model: Sampleable, settings: Settings) -> None:
        self._stepper = Stepper(model.target(), settings)
        self._threads = min(settings.chains, len(cores()))

    def run(
        self, chains: list[Chain], tuning: Tuning, count: int, tell: Tell, *, warmup: bool
    ) -> list[tuple[Chain, list[Chunk]]]:
        self._stepper.compile(chains[0], tuning)

        def one(number: int) -> tuple[Chain, list[Chunk]]:
            chunks = []

            def hear(chunk: Chunk) -> None:
                chunks.append(chunk)
                tell(number, chunk)

            end = self._stepper.run(chains[number], tuning, count, hear, warmup=warmup)
            return end, chunks

        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(one, range(len(chains))))

    def close(self) -> None:
        pass


class Processes:
    """Chains dealt out to processes, each pinned to a core of its own."""

    def __init__(self, model: Sampleable, settings: Settings) -> None:
        count = min(settings.chains, len(cores()))
        key = secrets.token_bytes(16)
        environment = compile_cache.environment() | {_KEY: key.hex()}
        with Listener(authkey=key) as listener:
            command = [
                sys.executable,
                "-m",
                "dirimix.sampling.workers",
                pickle.dumps(listener.address).hex(),
            ]
            self._workers = [_start(command, environment, core) for core in cores()[:count]]
            self._lines = [listener.accept() for _ in self._workers]
        for line in self._lines:
            line.send((model, settings))

    def run(
        self, chains: list[Chain], tuning: Tuning, count: int, tell: Tell, *, warmup: bool
    ) -> list[tuple[Chain, list[Chunk]]]:
        many = len(self._lines)
        for w, line in enumerate(self._lines):
            share = {n: chains[n] for n in range(w, len(chains), many)}
            line.send((share, tuning, count, warmup))
        return _gather(self._lines, len(chains), tell)

    def close(self) -> None:
        for line in self._lines:
            line.close()
        for worker in self._workers:
            try:
                worker.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()


def make_crew(model: Sampleable, settings: Settings, *, heavy: bool) -> AbstractCrew:
    """Processes for a heavy target where there are several cores, else threads."""
    return (Processes if heavy and len(cores()) > 1 else Threads)(model, settings)


def _start(command: list[str], environment: dict[str, str], core: int) -> subprocess.Popen:
    """A process pinned to a core from its birth, before anything in it counts its cores."""
    if not hasattr(os, "sched_setaffinity"):
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {core})
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    finally:
        os.sched_setaffinity(0, before)


def _gather(lines: list[Connection], chains: int, tell: Tell) -> list[tuple[Chain, list[Chunk]]]:
    """Hear the workers out until every chain has reported its end."""
    from multiprocessing.connection import wait

    chunks: list[list[Chunk]] = [[] for _ in range(chains)]
    ends: dict[int, Chain] = {}
    while len(ends) < chains:
        for line in wait(lines):
            assert isinstance(line, Connection)
            number, news = _hear(line)
            if isinstance(news, Chunk):
                chunks[number].append(news)
                tell(number, news)
            else:
                ends[number] = news
    return [(ends[n], chunks[n]) for n in range(chains)]


def _hear(line: Connection) -> tuple:
    try:
        news = line.recv()
    except EOFError as error:
        raise NotConverged("a sampling process ended early; is there enough memory?") from error
    if isinstance(news, Exception):
        raise news
    return news


def _work(line: Connection) -> None:
    """The life of a worker: compile once, then advance chains as asked until the line closes."""
    model, settings = line.recv()
    stepper = Stepper(model.target(), settings)
    while True:
        try:
            share, tuning, count, warmup = line.recv()
        except EOFError:
            return
        for number, first in share.items():
            hear = partial(_report, line, number)
            hear(stepper.run(first, tuning, count, hear, warmup=warmup))


def _report(line: Connection, number: int, news: Chunk | Chain) -> None:
    line.send((number, news))


def _main(address: str) -> None:
    line = Client(pickle.loads(bytes.fromhex(address)), authkey=bytes.fromhex(os.environ[_KEY]))
    try:
        _work(line)
    except Exception as error:  # whatever it is, the one who waits must hear of it
        line.send(error if isinstance(error, NotConverged) else RuntimeError(repr(error)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
