"""The processor cores that this process may use."""

import os


def cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def deal_cores(count: int) -> list[list[int]]:
    """The cores dealt out to `count` processes, at least one to each."""
    own = cores()
    return [own[i::count] or [own[i % len(own)]] for i in range(count)]
