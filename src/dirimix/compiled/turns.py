"""Processes that compile the same take turns: the second finds in the cache what the first made.

The loops of the likelihood take about a minute of a core. Two fits that begin side by side, or one
that begins while `make demo` compiles ahead, would each spend it.
"""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: every process compiles for itself
    fcntl = None

_PATIENCE = 180.0  # seconds, after which a process that holds the turn is thought to hang
_PAUSE = 0.1


@contextmanager
def one_at_a_time() -> Generator[None]:
    """Wait until no other process of the user compiles, or as long as one may be expected to."""
    descriptor = _open()
    try:
        if descriptor is not None:
            _wait(descriptor)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open() -> int | None:
    """The file whose lock is the turn; None without a folder of the user's own."""
    import pooch

    path = Path(pooch.os_cache("dirimix")) / "compiling.lock"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None


def _wait(descriptor: int) -> None:
    if fcntl is None:
        return
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        except OSError:  # no locks on this file system
            return
        else:
            return
