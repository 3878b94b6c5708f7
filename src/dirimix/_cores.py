"""The processor cores that this process may use, and the device that JAX computes on."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

from dirimix.errors import InputError

DEVICES = ("cpu", "gpu")


def cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def deal_cores(count: int) -> list[list[int]]:
    """The cores dealt out to `count` processes, at least one to each."""
    own = cores()
    return [own[i::count] or [own[i % len(own)]] for i in range(count)]


@contextmanager
def on_device(device: str = "cpu") -> Generator[None]:
    """What JAX does in the block, in this thread, it does there and in double precision.

    Raises:
        InputError: If JAX sees no such device, or cannot compute in this process.
    """
    import jax  # takes a second

    check_process()
    found = jax_device(device)
    with jax.enable_x64(True), jax.default_device(found):
        yield


@cache
def process_of_jax() -> int:
    """The process in which JAX began: its threads are there, and in no copy of it."""
    return os.getpid()


def check_process() -> None:
    """Refuse to wait for ever for threads that a copy of a process lacks.

    Raises:
        InputError: If this process was forked from one in which JAX had begun.
    """
    if process_of_jax() != os.getpid():
        raise InputError(
            "this process is a copy (fork) of one in which JAX had begun, and JAX would wait in it "
            "for ever; start processes with multiprocessing.get_context('spawn'), or with joblib"
        )


def jax_device(device: str) -> Any:
    """The first device of JAX of a kind, one of `DEVICES`.

    Raises:
        InputError: If JAX sees none.
    """
    import jax

    if device == "gpu":
        # else the first process to come takes three quarters of the memory, and the others fail
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        return jax.local_devices(backend=device)[0]
    except RuntimeError as error:
        seen = ", ".join(f"{d.platform}:{d.id} ({d.device_kind})" for d in jax.local_devices())
        remedy = (
            "install JAX for it (pip install \"jax[cuda12]\"), or take device = 'cpu'"
            if device == "gpu"
            else "leave JAX_PLATFORMS unset, or add cpu to it"
        )
        raise InputError(
            f"device = {device!r} needs a {device.upper()} that JAX can use, and JAX sees {seen} "
            f"alone; {remedy}"
        ) from error
