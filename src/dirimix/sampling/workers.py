"""Worker processes, each pinned to processor cores of its own.

XLA and Numba count the cores when they are imported, and XLA's own threads slow programs of small
arrays several times over. So a worker has its cores from birth: behind every worker stands a
thread of this process, which pins itself before it starts the worker (affinity is inherited).
Nothing heavy is imported here, as every worker imports this module first.
"""

import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

from joblib.externals.loky import ProcessPoolExecutor, process_executor

from dirimix.errors import WorkerLost

_SAFE_PATH = "PYTHONSAFEPATH"  # set: Python imports nothing from the working folder
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has no SIGKILL
_PARENT_CHECK = 1.0  # seconds between two looks of a worker at whether its parent still lives


class WorkerPool:
    """One process for each share of the cores; every task goes to the next free process.

    Use it in a `with` block; if that ends in an exception the processes are killed.
    """

    def __init__(
        self, shares: Sequence[Sequence[int]], env: Mapping[str, str] | None = None
    ) -> None:
        """Start the processes.

        Args:
            shares: The cores of each process.
            env: Environment variables of the processes over those of this one.
        """
        # what libraries warn of in a worker nobody could tell from what the run says
        self._env = {_SAFE_PATH: "1", "PYTHONWARNINGS": "ignore", **(env or {})}
        self._shares: SimpleQueue[Sequence[int]] = SimpleQueue()
        for share in shares:
            self._shares.put(share)
        self._executors: list[ProcessPoolExecutor] = []
        self._pids: list[Future[int]] = []
        self._of_thread = threading.local()
        self._folder = tempfile.TemporaryDirectory(prefix="dirimix-", ignore_cleanup_errors=True)
        self._threads = ThreadPoolExecutor(len(shares), initializer=self._start_worker)
        with _safe_path():
            # the first worker brings helper processes of loky and Python, which lack `env`
            self._threads.submit(int).result()

    def submit(self, function: Callable, /, *arguments: Any) -> Future:
        """Call a function in the next free process.

        The result raises what the function raises, or WorkerLost if the process died.
        """
        return self._threads.submit(self._run, function, *arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        # not loky's own `kill_workers`: its thread fails where a task has just been submitted
        for pid in self._pids if kind is not None else ():
            with suppress(BrokenExecutor, ProcessLookupError):
                os.kill(pid.result(), _KILL)
        self._threads.shutdown()
        for executor in self._executors:
            executor.shutdown()
        self._folder.cleanup()

    def _start_worker(self) -> None:
        """Pin this thread, and so all that it starts, and start its worker."""
        share = self._shares.get()
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, share)
        parent = os.getpid(), self._folder.name
        executor = ProcessPoolExecutor(
            1, initializer=_follow_parent, initargs=parent, env=self._env
        )
        self._executors.append(executor)
        self._of_thread.executor = executor
        self._pids.append(executor.submit(os.getpid))

    def _run(self, function: Callable, *arguments: Any) -> Any:
        path = Path(self._folder.name, str(threading.get_ident()))
        try:
            self._of_thread.executor.submit(_return_in_file, path, function, *arguments).result()
        except BrokenExecutor as error:
            raise WorkerLost("a worker process ended early; is there enough memory?") from error
        return pickle.loads(path.read_bytes())


@contextmanager
def _safe_path() -> Iterator[None]:
    """Processes started in the block import nothing from the working folder."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def _return_in_file(path: Path, function: Callable, *arguments: Any) -> None:
    """Call a function and write what it returns.

    Through loky's pipe only short messages may go: it would wait for ever for the rest of a long
    one whose sender is killed in the middle.
    """
    path.write_bytes(pickle.dumps(function(*arguments)))


def _follow_parent(parent: int, folder: str) -> None:
    """Leave Ctrl-C to the parent process; end and clear up when it has ended, however it did."""
    # where psutil is installed loky takes what a second task imports for a leak, and starts anew
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
