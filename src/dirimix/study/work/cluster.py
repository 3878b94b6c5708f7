"""A Dask cluster, the user's own, in place of this process.

A task that is lost with its worker is given to another. Workers see the same files as this process
and have the same versions of what computes: so their numbers are those of a local run.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import importlib
import importlib.metadata
import logging
import platform
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from dirimix._version import __version__
from dirimix.errors import InputError, WorkerLost, first_line

_PACKAGES = ("numpy", "scipy", "pandas", "jax", "numba", "blackjax")  # what decides the numbers
_WAIT = 10.0  # seconds for a scheduler to answer, and for a first worker
_AHEAD = 2  # tasks a worker that are handed out at a time
# a worker may have several threads, and warnings are collected for the whole process
_ALONE = threading.Lock()


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask scheduler.

    Attributes:
        client: Dask's own.
        address: What the user calls the scheduler.
    """

    client: Any
    address: str

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
        """Call a function on a worker; what waits for its result, or raises what it raises.

        Raises:
            WorkerLost: If worker after worker ended on it, or the scheduler has gone.
            InputError: If a worker has other versions.
        """
        future = self.client.submit(_called, versions(), function, *arguments, pure=False)
        return partial(self._result, future)

    @property
    def workers(self) -> int:
        """How many there are."""
        return max(1, len(self.client.scheduler_info()["workers"]))

    def in_order(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """A function of every item, the results in the items' order, few of them at a time."""
        at_once = _AHEAD * self.workers
        running: deque[Callable[[], Any]] = deque()
        for item in items:
            running.append(self.submit(function, item))
            if len(running) >= at_once:
                yield running.popleft()()
        while running:
            yield running.popleft()()

    def _result(self, future: Any) -> Any:
        distributed = importlib.import_module("distributed")
        try:
            return future.result()
        except distributed.KilledWorker as error:
            raise WorkerLost(
                "workers of the Dask cluster ended early, one after the other; is there enough "
                "memory?"
            ) from error
        except (distributed.CancelledError, OSError) as error:
            if isinstance(error, OSError) and not isinstance(error, ConnectionError):
                raise
            raise WorkerLost(f"the Dask scheduler at {self.address!r} has gone") from error


@contextmanager
def dask_cluster(address: str) -> Generator[Cluster]:
    """The cluster of the Dask scheduler at an address.

    Raises:
        InputError: If dask.distributed is not installed, no scheduler answers, it has no workers,
            or these have other versions of what computes.
    """
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise InputError(
            "--dask needs the package 'distributed', which is not installed; "
            "pip install 'dirimix[dask]'"
        ) from error
    try:
        client = distributed.Client(address, timeout=f"{_WAIT}s")
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address!r} ({first_line(error)}); start one, or use "
            "--jobs"
        ) from error
    # what it says of lost workers and their tasks, this says in a sentence
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with client:
        try:
            client.wait_for_workers(1, timeout=_WAIT)
        except TimeoutError as error:
            raise InputError(
                f"the Dask scheduler at {address!r} has no workers; start some with "
                f"`dask worker {address} --nthreads 1`, one a core"
            ) from error
        for worker, theirs in client.run(versions).items():
            _check_alike(versions(), theirs, worker)
        yield Cluster(client, address)


def versions() -> dict[str, str]:
    """Versions of what decides the numbers, in this process."""
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"dirimix": __version__, "python": platform.python_version(), **packages}


def _called(wanted: dict[str, str], function: Callable[..., Any], *arguments: Any) -> Any:
    # workers may have joined since the others were asked
    _check_alike(wanted, versions(), "that joined later")
    with _ALONE:
        return function(*arguments)


def _check_alike(ours: dict[str, str], theirs: dict[str, str], worker: str) -> None:
    other = [f"{n} {theirs.get(n)} (here {ours[n]})" for n in ours if ours[n] != theirs.get(n)]
    if other:
        raise InputError(
            f"the Dask worker {worker} has {', '.join(other)}, which may give other numbers; "
            "install the same versions"
        )
